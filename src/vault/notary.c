#include "notary.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchor.h"
#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "chain.h"
#include "logbook.h"
#include "period.h"

#define SHA256_LEN 32

enum pm_err notary_key(const char *origin, const struct hsm_object *object, struct tlog_key *out)
{
	struct bytes public_key = bytes_of(object->public_key, object->public_len);

	switch (object->algorithm) {
	case HSM_ED25519:
		return tlog_key_make(origin, TLOG_ED25519, public_key, out);
	case HSM_ECDSA_P256:
		return tlog_key_make(origin, TLOG_ECDSA, public_key, out);
	default:
		return PM_BAD_REQUEST;
	}
}

/* Entries that are being read back; never across the end of a block of 256. */
struct reading {
	struct tlog_tree *tree;
	struct tlog_hash nodes[TLOG_ROWS_MAX]; /* that its last one completed */
	size_t node_count;
	bool differs; /* an entry has another hash than is stored */
};

static bool read_entry(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct reading *reading = arg;
	struct tlog_hash hash;

	(void)index;
	tlog_leaf_hash(entry, &hash);
	reading->differs = !tlog_hash_equal(&hash, leaf);
	if (!reading->differs)
		reading->node_count = tlog_tree_append(reading->tree, &hash, reading->nodes);
	return !reading->differs;
}

/* Are the nodes that the block's end completed the stored ones? */
static enum pm_err compare_nodes(struct audit *audit, const struct reading *reading)
{
	struct notary *notary = &audit->notary;
	struct store_rows rows = { .store = audit->store, .log = notary->log };

	for (unsigned i = 0; i < reading->node_count; i++) {
		uint64_t index = (notary->tree.size >> (8 * (i + 1))) - 1;
		struct tlog_hash stored;

		enum pm_err err = store_read_row(&rows, i + 1, index, 1, &stored);
		if (err == PM_OK && tlog_hash_equal(&stored, &reading->nodes[i]))
			continue;
		if (err != PM_OK && err != PM_NOT_FOUND && err != PM_STORE_DAMAGED)
			return err;
		audit_damage(audit, notary->log, notary->tree.size - 1, "the tree at entry");
		return PM_STORE_DAMAGED;
	}
	return PM_OK;
}

static enum pm_err read_block(struct audit *audit, uint64_t end)
{
	struct notary *notary = &audit->notary;
	struct reading reading = { .tree = &notary->tree };
	uint64_t first = notary->tree.size;
	uint64_t room = TLOG_ROW - first % TLOG_ROW;
	size_t count = (size_t)(end - first < room ? end - first : room);

	enum pm_err err =
		store_read_leaves(audit->store, notary->log, first, count, read_entry, &reading);
	if (err == PM_OK && notary->tree.size == first + count)
		return compare_nodes(audit, &reading);
	if (err != PM_OK && err != PM_STORE_DAMAGED && err != PM_NOT_FOUND)
		return err;
	audit_damage(audit, notary->log, notary->tree.size, "entry");
	return PM_STORE_DAMAGED;
}

static enum pm_err read_to(struct audit *audit, uint64_t end, int64_t deadline)
{
	while (audit->notary.tree.size < end) {
		if (clock_now() >= deadline)
			return PM_DEADLINE_EXCEEDED;
		TRY(read_block(audit, end));
	}
	return PM_OK;
}

/*
 * Where the log that the notary works on ends: the writer's tree says it of the open one, and the
 * chain of first entries of a closed one. Rows alone are not believed.
 */
static enum pm_err known_end(struct audit *audit, uint64_t *size, struct tlog_hash *root,
			     bool *open)
{
	struct tlog_tree tree;
	struct chain_end end;
	uint32_t log = 0;

	TRY(store_get_tree(audit->store, &log, &tree));
	*open = log == audit->notary.log;
	if (*open) {
		*size = tree.size;
		tlog_tree_root(&tree, root);
		return PM_OK;
	}
	*size = audit->notary.signed_size;
	enum pm_err err = chain_end_of(audit, audit->notary.log, &end);
	if (err == PM_NOT_FOUND) /* pruned: it was signed to its end long since */
		return PM_OK;
	if (err == PM_CONFLICT || (err == PM_OK && end.abandoned)) {
		audit_damage(audit, audit->notary.log, *size, "what follows entry");
		return PM_STORE_DAMAGED;
	}
	TRY(err);
	*size = end.point.size;
	*root = end.point.root;
	return PM_OK;
}

static enum pm_err digest(struct bytes text, uint8_t out[SHA256_LEN])
{
	if (EVP_Digest(text.data, text.len, out, NULL, EVP_sha256(), NULL) == 1)
		return PM_OK;
	log_error("vault: OpenSSL makes no SHA-256");
	return PM_INTERNAL;
}

/* Not as long as the environment is not in service: its token may be another one. */
static enum pm_err sign_text(struct audit *audit, const struct log_record *log,
			     const struct tlog_key *key, struct bytes text,
			     uint8_t signature[HSM_SIGNATURE_LEN], int64_t deadline)
{
	struct environment *env = audit->signer;
	struct master_record master;
	struct hsm_id id;
	uint8_t hash[SHA256_LEN];
	bool raw = key->algorithm == TLOG_ED25519;

	if (!environment_in_service(env))
		return PM_HSM_UNAVAILABLE;
	TRY(environment_master(env, PURPOSE_AUDIT, AUDIT_LOG_NAME, log->key_version, &master));
	memcpy(id.bytes, master.key_id, sizeof(id.bytes));
	TRY(digest(text, hash));
	TRY(hsm_sign(env->hsm, &id, raw ? HSM_ED25519 : HSM_ECDSA_P256,
		     raw ? text : bytes_of(hash, sizeof(hash)), signature, deadline));
	period_count(env, &master, 1);
	return PM_OK;
}

/* Sets the note. */
static enum pm_err sign(struct audit *audit, const struct log_record *log,
			struct checkpoint_record *point, int64_t deadline)
{
	struct tlog_checkpoint checkpoint = { .size = point->size, .root = point->root };
	uint8_t signature[HSM_SIGNATURE_LEN];
	char text[TLOG_TEXT_MAX], line[TLOG_LINE_MAX];
	struct buf note = { .data = (uint8_t *)point->note, .cap = sizeof(point->note) - 1 };
	struct tlog_key key;

	TRY(tlog_key_parse(bytes_str(log->vkey), &key));
	strcpy(checkpoint.origin, log->origin);
	struct bytes signed_text = bytes_of(text, tlog_checkpoint_format(&checkpoint, text));
	struct bytes raw = bytes_of(signature, sizeof(signature));
	TRY(sign_text(audit, log, &key, signed_text, signature, deadline));
	if (!tlog_signature_holds(&key, signed_text, raw)) {
		log_error("vault: audit log: the token's signature of a checkpoint does not verify "
			  "and is thrown away");
		return PM_TOKEN_MISMATCH;
	}
	TRY(tlog_line_format(&key, raw, line));
	TRY(tlog_note_join(signed_text, bytes_str(line), &note));
	point->note[note.len] = '\0';
	return PM_OK;
}

static enum pm_err put(struct audit *audit, const struct checkpoint_record *point, int64_t deadline)
{
	const struct store_change change = { .op = STORE_PUT_CHECKPOINT, .checkpoint = point };

	return store_commit(audit->store, &change, 1, deadline);
}

/* What failed is tried again in the next round; it is in the vault's log. */
static enum pm_err write_anchor(struct audit *audit, const char *note)
{
	audit->notary.anchor_due = true;
	if (audit->anchor)
		TRY(anchor_write(audit->anchor, bytes_str(note)));
	audit->notary.anchor_due = false;
	return PM_OK;
}

/*
 * Has the checkpoint of our own tree signed. `pending`: its size and root are durable already, from
 * when we were interrupted.
 */
static enum pm_err publish(struct audit *audit, const struct log_record *log,
			   struct checkpoint_record *point, bool pending, int64_t deadline)
{
	point->log = log->log;
	point->at = clock_unix();
	point->note[0] = '\0';
	if (!pending)
		TRY(put(audit, point, deadline));
	TRY(sign(audit, log, point, deadline));
	TRY(put(audit, point, deadline));
	audit->notary.signed_size = point->size;
	return write_anchor(audit, point->note);
}

/* Our tree against a size and root from elsewhere: only what both agree on is signed. */
static enum pm_err compare(struct audit *audit, uint64_t size, const struct tlog_hash *root)
{
	const struct tlog_tree *tree = &audit->notary.tree;
	struct tlog_hash ours;

	tlog_tree_root(tree, &ours);
	if (tree->size == size && tlog_hash_equal(&ours, root))
		return PM_OK;
	audit_damage(audit, audit->notary.log, size, "the tree before entry");
	return PM_STORE_DAMAGED;
}

static enum pm_err finish_pending(struct audit *audit, const struct log_record *log,
				  struct checkpoint_record *point, int64_t deadline)
{
	enum pm_err err = store_get_checkpoint(audit->store, log->log, STORE_NEWEST, point);

	if (err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	if (point->note[0] || point->size <= audit->notary.signed_size)
		return PM_OK;
	TRY(read_to(audit, point->size, deadline));
	TRY(compare(audit, point->size, &point->root));
	return publish(audit, log, point, true, deadline);
}

/* Signs the log that the notary works on up to its end. */
static enum pm_err notarize_log(struct audit *audit, bool *open, int64_t deadline)
{
	struct checkpoint_record *point CLEANUP(free_ptr) = calloc(1, sizeof(*point));
	struct log_record log;
	struct tlog_hash root;
	uint64_t size = 0;

	if (!point)
		return PM_NO_MEMORY;
	TRY(known_end(audit, &size, &root, open));
	if (size == audit->notary.signed_size)
		return PM_OK;
	TRY(store_get_log(audit->store, audit->notary.log, &log));
	TRY(finish_pending(audit, &log, point, deadline));
	TRY(read_to(audit, size, deadline));
	TRY(compare(audit, size, &root));
	if (size == audit->notary.signed_size)
		return PM_OK;
	if (log.vkey[0] == '\0')
		return PM_HSM_UNAVAILABLE; /* its key is made when its environment is attached */
	*point = (struct checkpoint_record){ .size = size, .root = root };
	return publish(audit, &log, point, false, deadline);
}

/* Goes on where the log's newest signed checkpoint is. */
static enum pm_err load_log(struct audit *audit, uint32_t log)
{
	struct checkpoint_record *point CLEANUP(free_ptr) = calloc(1, sizeof(*point));
	struct store_rows rows = { .store = audit->store, .log = log };
	struct notary *notary = &audit->notary;

	if (!point)
		return PM_NO_MEMORY;
	enum pm_err err = store_get_checkpoint(audit->store, log, STORE_NEWEST_SIGNED, point);
	if (err != PM_NOT_FOUND)
		TRY(err);
	else
		*point = (struct checkpoint_record){ .size = 0 };
	TRY(tlog_tree_load(point->size, store_read_row, &rows, &notary->tree));
	notary->log = log;
	notary->signed_size = point->size;
	return point->size == 0 ? PM_OK : compare(audit, point->size, &point->root);
}

/* The first log that is to be signed: none that was given up, and none before such a one. */
static enum pm_err begin_first(struct audit *audit)
{
	struct log_record log;
	uint32_t first = 0;

	TRY(store_get_log(audit->store, 0, &log));
	for (first = log.log; first > 1; first--) {
		TRY(store_get_log(audit->store, first - 1, &log));
		if (log.state == LOG_ABANDONED)
			break;
	}
	return load_log(audit, first);
}

static enum pm_err repeat_anchor(struct audit *audit)
{
	struct checkpoint_record *point CLEANUP(free_ptr) = calloc(1, sizeof(*point));

	if (!audit->notary.anchor_due)
		return PM_OK;
	if (!point)
		return PM_NO_MEMORY;
	TRY(store_get_checkpoint(audit->store, audit->notary.log, STORE_NEWEST_SIGNED, point));
	return write_anchor(audit, point->note);
}

/* Older logs first, each to its end: the newest is the open one. */
static enum pm_err notarize(struct audit *audit, int64_t deadline)
{
	bool open = false;

	if (audit_is_damaged(audit))
		return PM_STORE_DAMAGED;
	if (audit->notary.log == 0)
		TRY(begin_first(audit));
	for (;;) {
		TRY(notarize_log(audit, &open, deadline));
		if (open)
			return repeat_anchor(audit);
		TRY(load_log(audit, audit->notary.log + 1));
	}
}

static void note_outcome(struct audit *audit, enum pm_err err)
{
	char why[AUDIT_WHY_MAX];

	snprintf(why, sizeof(why),
		 "checkpoints cannot be signed (%s): does the token of environment %s answer? See "
		 "the vault's log; it is tried again each second",
		 peppermint_error_name(err), audit->signer->name);
	audit_note_unsigned(audit, err == PM_OK ? NULL : why);
}

enum pm_err audit_notarize(struct audit *audit, int64_t deadline)
{
	pthread_mutex_lock(&audit->round);
	enum pm_err err = notarize(audit, deadline);
	logbook_note(audit);
	pthread_mutex_unlock(&audit->round);
	/* Nothing to sign yet, and what is damaged is told as that. */
	if (err == PM_NOT_FOUND && !atomic_load(&audit->begun))
		return PM_OK;
	note_outcome(audit, err);
	return err;
}
