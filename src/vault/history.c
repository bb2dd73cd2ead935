#include "history.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchor.h"
#include "audit_state.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "chain.h"

enum pm_err history_continues(struct audit *audit, uint32_t log,
			      const struct tlog_checkpoint *point)
{
	struct store_rows rows = { .store = audit->store, .log = log };
	struct log_record record;
	struct tlog_tree tree;
	struct tlog_hash root;
	uint64_t size = 0;

	TRY(store_log_size(audit->store, log, &size));
	if (point->size > size)
		return PM_CONFLICT;
	enum pm_err err = tlog_tree_load(point->size, store_read_row, &rows, &tree);
	/* Only now: what has been pruned meanwhile is not missing. */
	TRY(store_get_log(audit->store, log, &record));
	if (point->size < record.minimum)
		return PM_OK;
	if (err == PM_NOT_FOUND || err == PM_STORE_DAMAGED)
		return PM_CONFLICT;
	TRY(err);
	tlog_tree_root(&tree, &root);
	return tlog_hash_equal(&root, &point->root) ? PM_OK : PM_CONFLICT;
}

static void lose(struct audit *audit, const char *witness, const struct tlog_checkpoint *point)
{
	audit_lose(audit,
		   "%s shows that entries were lost (it has %" PRIu64 "): was a backup restored? "
		   "Put the newest database back, or start peppermintd --new-log",
		   witness, point->size);
}

/* A note that the database itself has: it must be ours, and all of it must be there. */
static enum pm_err check_stored(struct audit *audit, const struct log_record *log,
				enum store_which which)
{
	struct checkpoint_record *stored CLEANUP(free_ptr) = malloc(sizeof(*stored));
	struct tlog_checkpoint point = { .size = 0 };
	struct tlog_key key;

	if (!stored)
		return PM_NO_MEMORY;
	enum pm_err err = store_get_checkpoint(audit->store, log->log, which, stored);
	if (err == PM_NOT_FOUND)
		return PM_OK;
	if (err != PM_RECORD_QUARANTINED)
		TRY(err);
	struct bytes note = bytes_str(err == PM_OK ? stored->note : "");
	bool good = tlog_checkpoint_parse(note, &point) == PM_OK &&
		    tlog_key_parse(bytes_str(log->vkey), &key) == PM_OK &&
		    tlog_note_verify(note, &key, NULL) == PM_OK &&
		    strcmp(point.origin, log->origin) == 0 && point.size == stored->size &&
		    tlog_hash_equal(&point.root, &stored->root);
	err = good ? history_continues(audit, log->log, &point) : PM_CONFLICT;
	if (err != PM_CONFLICT)
		return err;
	lose(audit, good ? "a checkpoint in the database" : "an altered checkpoint", &point);
	return PM_OK;
}

/* The newest first. PM_NOT_FOUND: no log of ours has that name. */
static enum pm_err find_log(struct audit *audit, const char *origin, struct log_record *out)
{
	TRY(store_get_log(audit->store, 0, out));
	while (strcmp(out->origin, origin) != 0) {
		if (out->log == 1)
			return PM_NOT_FOUND;
		TRY(store_get_log(audit->store, out->log - 1, out));
	}
	return PM_OK;
}

/* Is it of a log with the same name but for its number? */
static bool is_sibling(const struct audit *audit, const char *origin)
{
	size_t len = strlen(audit->origin);

	return strncmp(origin, audit->origin, len) == 0 && origin[len] == '/';
}

/*
 * PM_OK: we continue it, or it is of a log that was given up. PM_NOT_FOUND: no log of that name, or
 * one that was never signed. PM_DENIED: not signed by us. PM_CONFLICT.
 */
static enum pm_err compare(struct audit *audit, struct bytes note, struct tlog_checkpoint *point)
{
	struct log_record log;
	struct tlog_key key;

	TRY(tlog_checkpoint_parse(note, point));
	TRY(find_log(audit, point->origin, &log));
	if (log.vkey[0] == '\0')
		return PM_NOT_FOUND;
	TRY(tlog_key_parse(bytes_str(log.vkey), &key));
	if (tlog_note_verify(note, &key, NULL) != PM_OK)
		return PM_DENIED;
	return log.state == LOG_ABANDONED ? PM_OK : history_continues(audit, log.log, point);
}

static enum pm_err read_anchor(struct audit *audit, uint8_t room[TLOG_NOTE_MAX], struct bytes *note)
{
	struct buf buf = { .data = room, .cap = TLOG_NOTE_MAX };

	if (!audit->anchor)
		return PM_NOT_FOUND;
	TRY(anchor_read(audit->anchor, &buf));
	*note = buf_bytes(&buf);
	return PM_OK;
}

enum pm_err history_anchor(struct audit *audit, struct tlog_checkpoint *out)
{
	uint8_t room[TLOG_NOTE_MAX];
	struct bytes note;

	TRY(read_anchor(audit, room, &note));
	return tlog_checkpoint_parse(note, out) == PM_OK ? PM_OK : PM_NOT_FOUND;
}

/*
 * An anchor of a log that this database has never heard of, or has never signed, cannot be verified
 * here, and is believed: who restored an old database has that very case.
 */
static enum pm_err check_anchor(struct audit *audit)
{
	struct tlog_checkpoint point = { .size = 0 };
	uint8_t room[TLOG_NOTE_MAX];
	struct bytes note;

	enum pm_err err = read_anchor(audit, room, &note);
	if (err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	err = compare(audit, note, &point);
	if (err == PM_CONFLICT || (err == PM_NOT_FOUND && is_sibling(audit, point.origin)))
		lose(audit, "the anchor", &point);
	else if (err == PM_BAD_REQUEST || err == PM_DENIED || err == PM_NOT_FOUND)
		log_warn("vault: audit log: the anchor %s is not of this log, and is replaced",
			 audit->anchor);
	else
		return err;
	return PM_OK;
}

static enum pm_err check_log(struct audit *audit, const struct log_record *log)
{
	TRY(check_stored(audit, log, STORE_NEWEST_SIGNED));
	return check_stored(audit, log, STORE_NEWEST_COSIGNED);
}

static enum pm_err newest_signed(struct audit *audit, uint32_t log, struct tlog_checkpoint *out)
{
	struct checkpoint_record *stored CLEANUP(free_ptr) = malloc(sizeof(*stored));

	if (!stored)
		return PM_NO_MEMORY;
	enum pm_err err = store_get_checkpoint(audit->store, log, STORE_NEWEST_SIGNED, stored);
	if (err == PM_NOT_FOUND)
		return PM_CONFLICT;
	TRY(err);
	out->size = stored->size;
	out->root = stored->root;
	return PM_OK;
}

/* A closed log must be whole up to the end that is known of it, and no longer. */
static enum pm_err check_closed(struct audit *audit, const struct log_record *log,
				struct chain_end *end)
{
	uint64_t size = 0;

	if (log->state != (end->abandoned ? LOG_ABANDONED : LOG_CLOSED))
		return PM_CONFLICT;
	if (end->abandoned)
		return PM_OK;
	TRY(store_log_size(audit->store, log->log, &size));
	return size == end->point.size ? history_continues(audit, log->log, &end->point)
				       : PM_CONFLICT;
}

/* One closed log, whose successor ends as `known` says; then `known` is of this one. */
static enum pm_err check_older(struct audit *audit, const struct log_record *log,
			       struct tlog_checkpoint *known)
{
	struct chain_end end = { .abandoned = false };

	enum pm_err err = chain_step(audit, log->log + 1, known, &end);
	if (err == PM_NOT_FOUND) { /* that entry is pruned, and was older than what this one had */
		if (log->state == LOG_ABANDONED)
			return PM_OK;
		err = newest_signed(audit, log->log, &end.point);
	}
	TRY(err);
	*known = end.point;
	return check_closed(audit, log, &end);
}

/* From the newest down. What lies below a log that was given up is settled: its loss was told. */
static enum pm_err check_logs(struct audit *audit)
{
	struct tlog_checkpoint known = { .size = 0 };
	struct log_record log;
	uint32_t number = 0;

	TRY(chain_open_end(audit, &number, &known));
	TRY(store_get_log(audit->store, number, &log));
	TRY(check_log(audit, &log));
	while (--number > 0) {
		TRY(store_get_log(audit->store, number, &log));
		enum pm_err err = check_older(audit, &log, &known);
		if (err == PM_CONFLICT) {
			audit_lose(audit,
				   "log %" PRIu32 " is not what its successor continues: it was "
				   "altered outside the vault. Restore the newest database from a "
				   "backup, or start peppermintd --new-log",
				   number);
			return PM_OK;
		}
		TRY(err);
		if (log.state == LOG_ABANDONED)
			return PM_OK;
		TRY(check_log(audit, &log));
	}
	return PM_OK;
}

static enum pm_err check(struct audit *audit)
{
	struct tlog_tree tree;
	char damage[STORE_DAMAGE_MAX + 1];
	uint32_t log = 0;

	enum pm_err err = store_get_tree(audit->store, &log, &tree);
	if (err == PM_STORE_DAMAGED) {
		store_get_damage(audit->store, damage);
		audit_lose(audit,
			   "%s: restore the newest database from a backup, or start "
			   "peppermintd --new-log",
			   damage);
	} else if (err == PM_OK) {
		TRY(check_logs(audit));
	} else if (err != PM_NOT_FOUND) {
		return err;
	}
	return check_anchor(audit);
}

enum pm_err history_check(struct audit *audit)
{
	enum pm_err err = check(audit);

	if (err == PM_RECORD_QUARANTINED || err == PM_STORE_DAMAGED || err == PM_NOT_FOUND) {
		audit_lose(audit, "the rows of its logs were altered outside the vault: restore "
				  "the newest database from a backup");
		return PM_OK;
	}
	return err;
}

/* Keys that sign for us, whether the database knows them still or not: the token's. */
static enum pm_err token_signed(struct audit *audit, struct bytes note,
				const struct tlog_checkpoint *point, int64_t deadline)
{
	struct hsm_object *objects CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*objects));
	char prefix[HSM_LABEL_MAX + 1];
	size_t count = 0;

	if (!objects)
		return PM_NO_MEMORY;
	snprintf(prefix, sizeof(prefix), "peppermint/%s/%s/%s/", audit->signer->name, PURPOSE_AUDIT,
		 AUDIT_LOG_NAME);
	TRY(hsm_list(audit->signer->hsm, prefix, objects, &count, deadline));
	for (size_t i = 0; i < count; i++) {
		struct tlog_key key;

		if (notary_key(point->origin, &objects[i], &key) == PM_OK &&
		    tlog_note_verify(note, &key, NULL) == PM_OK)
			return PM_OK;
	}
	return PM_NOT_FOUND;
}

/*
 * A restart must not forget what a caller has shown. The round that may be under way is waited for:
 * it could replace the anchor once more.
 */
static void remember(struct audit *audit, struct bytes note, int64_t deadline)
{
	if (!audit->anchor)
		return;
	enum pm_err err = audit_enter_round(audit, deadline);
	if (err == PM_OK) {
		err = anchor_write(audit->anchor, note);
		pthread_mutex_unlock(&audit->round);
	}
	if (err != PM_OK)
		log_error("vault: audit log: after a restart nobody will know that entries were "
			  "lost: the anchor cannot be written");
}

enum pm_err history_confront(struct audit *audit, struct bytes note, int64_t deadline)
{
	struct tlog_checkpoint point;

	enum pm_err err = compare(audit, note, &point);
	if (err == PM_NOT_FOUND && is_sibling(audit, point.origin) &&
	    token_signed(audit, note, &point, deadline) == PM_OK)
		err = PM_CONFLICT;
	if (err == PM_CONFLICT) {
		lose(audit, "a checkpoint from outside", &point);
		remember(audit, note, deadline);
	}
	return err == PM_DENIED ? PM_NOT_FOUND : err;
}
