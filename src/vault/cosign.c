/* Cosignatures: a witness's word that it saw a checkpoint of ours, kept beside our own signature. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "history.h"
#include "logbook.h"

/* The new note of a checkpoint: our line, and one of each witness. */
struct cosigned {
	struct tlog_checkpoint point;
	struct tlog_key log_key;
	struct bytes text;
	struct bytes sources[2]; /* lines: the caller's, and those that are kept already */
	uint8_t room[TLOG_NOTE_MAX];
	struct buf lines;
	uint32_t witnesses;
	struct checkpoint_record stored, next;
};

static bool next_line(struct bytes *rest, struct bytes *line)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->data, '\n', rest->len) : NULL;

	if (!end)
		return false;
	*line = bytes_of(rest->data, (size_t)(end + 1 - rest->data));
	*rest = bytes_of(end + 1, rest->len - line->len);
	return true;
}

/* Alone under the text, is it a good signature of the key? */
static bool line_holds(struct bytes text, struct bytes line, const struct tlog_key *key,
		       int64_t *time)
{
	uint8_t room[TLOG_NOTE_MAX];
	struct buf note = BUF(room);

	return tlog_note_join(text, line, &note) == PM_OK &&
	       tlog_note_verify(buf_bytes(&note), key, time) == PM_OK;
}

/* The key's newest good line among the sources. */
static bool add_line(struct cosigned *cosigned, const struct tlog_key *key)
{
	struct bytes best = { NULL, 0 }, line;
	int64_t newest = -1, time = 0;

	for (size_t i = 0; i < 2; i++) {
		struct bytes rest = cosigned->sources[i];

		while (next_line(&rest, &line)) {
			if (!line_holds(cosigned->text, line, key, &time) || time <= newest)
				continue;
			newest = time;
			best = line;
		}
	}
	buf_put(&cosigned->lines, best);
	return best.len > 0;
}

static enum pm_err open_note(struct audit *audit, struct actor *actor, struct bytes note,
			     const struct log_record *log, struct cosigned *cosigned)
{
	if (tlog_checkpoint_parse(note, &cosigned->point) != PM_OK ||
	    tlog_note_split(note, &cosigned->text, &cosigned->sources[0]) != PM_OK) {
		actor->why = "checkpoint: not a checkpoint's note";
		return PM_BAD_REQUEST;
	}
	TRY(tlog_key_parse(bytes_str(log->vkey), &cosigned->log_key));
	if (strcmp(cosigned->point.origin, log->origin) != 0 ||
	    tlog_note_verify(note, &cosigned->log_key, NULL) != PM_OK) {
		actor->why = "that is no checkpoint which this log has signed";
		return PM_CONFLICT;
	}
	for (size_t i = 0; i < audit->witness_count; i++) {
		if (tlog_note_verify(note, &audit->witnesses[i], NULL) == PM_OK)
			return PM_OK;
	}
	actor->why = "no line of it is a good signature of a witness that the configuration names";
	return PM_DENIED;
}

/*
 * What is kept of it already. Older ones than the newest cosigned are told no more: that one says
 * more than they.
 */
static enum pm_err find_kept(struct audit *audit, struct actor *actor, uint32_t log,
			     struct cosigned *cosigned)
{
	struct checkpoint_record *stored = &cosigned->stored;
	struct bytes text;

	enum pm_err err = store_get_checkpoint(audit->store, log, STORE_NEWEST_COSIGNED, stored);
	if (err == PM_NOT_FOUND || (err == PM_OK && stored->size < cosigned->point.size))
		return PM_OK;
	TRY(err);
	if (stored->size == cosigned->point.size)
		return tlog_note_split(bytes_str(stored->note), &text, &cosigned->sources[1]);
	actor->why = "a newer checkpoint is cosigned already: cosign the newest";
	return PM_CONFLICT;
}

static enum pm_err merge(struct audit *audit, uint32_t log, struct cosigned *cosigned)
{
	struct checkpoint_record *next = &cosigned->next;
	struct buf note = { .data = (uint8_t *)next->note, .cap = sizeof(next->note) - 1 };

	cosigned->lines = BUF(cosigned->room);
	add_line(cosigned, &cosigned->log_key);
	for (size_t i = 0; i < audit->witness_count; i++)
		cosigned->witnesses += add_line(cosigned, &audit->witnesses[i]);
	next->log = log;
	next->size = cosigned->point.size;
	next->root = cosigned->point.root;
	next->at = clock_unix();
	next->cosigned = cosigned->witnesses;
	TRY(tlog_note_join(cosigned->text, buf_bytes(&cosigned->lines), &note));
	next->note[note.len] = '\0';
	return PM_OK;
}

static enum pm_err commit(struct audit *audit, struct actor *actor, const struct log_record *log,
			  const struct cosigned *cosigned)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct executed_record executed;
	struct seal_task task;
	const struct store_change changes[] = {
		{ .op = STORE_PUT_CHECKPOINT, .checkpoint = &cosigned->next },
		{ .op = STORE_INSERT_EXECUTED, .executed = &executed },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};
	char subject[STORE_SUBJECT_MAX + 1];

	snprintf(subject, sizeof(subject), "%u/%llu", log->log,
		 (unsigned long long)cosigned->point.size);
	request_record(audit->signer, actor, subject, &executed);
	seal_cover_executed(&task, &executed);
	TRY(seal_make(audit->signer, &task, 1, actor->deadline));
	leaf_begin(&leaf, LEAF_LOG_COSIGN, actor, audit, NULL);
	leaf_text(&leaf, "origin", log->origin);
	leaf_number(&leaf, "size", (int64_t)cosigned->point.size);
	leaf_number(&leaf, "witnesses", cosigned->witnesses);
	leaf_resolve(&leaf, actor->deadline);
	TRY(leaf_end(&leaf));
	return audit_commit(audit, changes, 3, &actor->receipt, actor->deadline);
}

/*
 * A checkpoint that our key signed and that we do not continue is evidence, whatever else is wrong
 * with the note: that is open_note's to say.
 */
static enum pm_err confront(struct audit *audit, struct actor *actor, struct bytes note)
{
	enum pm_err err = history_confront(audit, note, actor->deadline);

	if (err == PM_CONFLICT)
		actor->why = "this vault's key signed that checkpoint, but its database does not "
			     "have those entries: a backup was restored?";
	return err == PM_NOT_FOUND || err == PM_BAD_REQUEST ? PM_OK : err;
}

/* Inside audit->round: the notary neither signs nor writes the anchor meanwhile. */
static enum pm_err cosign(struct audit *audit, struct actor *actor, uint32_t number,
			  struct bytes note, struct cosigned *cosigned)
{
	struct log_record log;

	TRY(store_get_log(audit->store, number, &log));
	TRY(open_note(audit, actor, note, &log, cosigned));
	TRY(find_kept(audit, actor, log.log, cosigned));
	TRY(merge(audit, log.log, cosigned));
	TRY(commit(audit, actor, &log, cosigned));
	audit->notary.anchor_due = true; /* in the next round, with the lines */
	logbook_note(audit);
	return PM_OK;
}

enum pm_err vault_log_cosign(struct vault *vault, struct actor *actor, uint32_t log,
			     struct bytes note, uint32_t *count)
{
	struct cosigned *cosigned CLEANUP(free_ptr) = calloc(1, sizeof(*cosigned));
	struct audit *audit = vault->audit;
	struct environment *env = NULL;

	if (!cosigned)
		return PM_NO_MEMORY;
	TRY(vault_enter(vault, actor, audit->signer->name, &env));
	TRY(request_begin(env, actor));
	TRY(confront(audit, actor, note)); /* which may wait for the round itself */
	TRY(audit_enter_round(audit, actor->deadline));
	enum pm_err err = cosign(audit, actor, log, note, cosigned);
	pthread_mutex_unlock(&audit->round);
	if (err == PM_CONFLICT && !actor->why)
		actor->why = "that checkpoint is not kept any more: cosign the newest";
	*count = cosigned->witnesses;
	return err;
}
