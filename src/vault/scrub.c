#include "scrub.h"

#include "audit_state.h"
#include "chain.h"
#include "history.h"

#define ROUND_MIN 1024
#define ROUNDS_PER_HOUR 3600
#define ROW_BITS 8

/* What an entry alone can tell, the store has checked: its hash is the stored one. */
static bool add_entry(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct scrub *scrub = arg;
	struct tlog_hash hash, unused[TLOG_ROWS_MAX];

	(void)index;
	(void)leaf;
	pruned_hear(&scrub->pruned, entry);
	tlog_leaf_hash(entry, &hash);
	tlog_tree_append(&scrub->tree, &hash, unused);
	scrub->next++;
	return true;
}

/* The root of `count` nodes of a row, which make one of the next. */
static enum pm_err root_of(struct store_rows *rows, unsigned row, uint64_t index,
			   struct tlog_hash *root)
{
	struct tlog_hash nodes[TLOG_ROW], unused[TLOG_ROWS_MAX];
	struct tlog_tree tree = { .size = 0 };

	TRY(store_read_row(rows, row, index * TLOG_ROW, TLOG_ROW, nodes));
	for (size_t i = 0; i < TLOG_ROW; i++)
		tlog_tree_append(&tree, &nodes[i], unused);
	tlog_tree_root(&tree, root);
	return PM_OK;
}

static enum pm_err check_node(struct store_rows *rows, unsigned row, uint64_t index,
			      const struct tlog_hash *root)
{
	struct tlog_hash stored;

	TRY(store_read_row(rows, row, index, 1, &stored));
	return tlog_hash_equal(&stored, root) ? PM_OK : PM_STORE_DAMAGED;
}

/* A block was read to its end: the node it makes, and those that this one completes. */
static enum pm_err check_block(struct audit *audit)
{
	struct scrub *scrub = &audit->scrub;
	struct store_rows rows = { .store = audit->store, .log = scrub->log };
	uint64_t nodes = scrub->next >> ROW_BITS; /* of row 1, so far */
	struct tlog_hash root;

	tlog_tree_root(&scrub->tree, &root);
	TRY(check_node(&rows, 1, nodes - 1, &root));
	for (unsigned row = 1; nodes % TLOG_ROW == 0; row++) {
		nodes >>= ROW_BITS;
		TRY(root_of(&rows, row, nodes - 1, &root));
		TRY(check_node(&rows, row + 1, nodes - 1, &root));
	}
	return PM_OK;
}

static bool is_damage(enum pm_err err)
{
	return err == PM_STORE_DAMAGED || err == PM_NOT_FOUND;
}

static enum pm_err end_block(struct audit *audit)
{
	struct scrub *scrub = &audit->scrub;

	/* Where an entry of it was damaged, it was not read whole. */
	if (scrub->next % TLOG_ROW != 0 || scrub->tree.size != TLOG_ROW)
		return PM_OK;
	enum pm_err err = check_block(audit);
	if (!is_damage(err))
		return err;
	audit_damage(audit, scrub->log, scrub->next - 1, "an entry of the 256 up to");
	return PM_OK;
}

/* To the block's end, or to `end`. A damaged entry is told, and stepped over. */
static enum pm_err read_block(struct audit *audit, uint64_t end)
{
	struct scrub *scrub = &audit->scrub;

	if (scrub->next % TLOG_ROW == 0)
		scrub->tree.size = 0;
	uint64_t block_end = (scrub->next / TLOG_ROW + 1) * TLOG_ROW;
	uint64_t stop = block_end < end ? block_end : end;
	enum pm_err err = store_read_leaves(audit->store, scrub->log, scrub->next,
					    (size_t)(stop - scrub->next), add_entry, scrub);
	if (err == PM_OK && scrub->next == stop)
		return end_block(audit);
	if (err != PM_OK && !is_damage(err))
		return err;
	audit_damage(audit, scrub->log, scrub->next, "entry");
	scrub->next++;
	return PM_OK;
}

/* After the newest log the first that counts: none that was given up, and none before such a one. */
static enum pm_err first_log(struct audit *audit, struct log_record *out)
{
	struct log_record before;

	TRY(store_get_log(audit->store, 0, out));
	while (out->log > 1) {
		TRY(store_get_log(audit->store, out->log - 1, &before));
		if (before.state == LOG_ABANDONED)
			return PM_OK;
		*out = before;
	}
	return PM_OK;
}

static enum pm_err begin_pass(struct audit *audit, struct log_record *first)
{
	TRY(pruned_begin(audit, &audit->scrub.pruned));
	return first_log(audit, first);
}

static enum pm_err check_end(struct audit *audit, uint32_t log, const struct tlog_checkpoint *end)
{
	enum pm_err err = history_continues(audit, log, end);

	if (err != PM_CONFLICT)
		return err;
	audit_damage(audit, log, end->size - 1, "an entry up to");
	return PM_OK;
}

/*
 * All hashes that were read make the tree that the writer has in memory, and those of a closed log
 * the tree that its successor tells of: also where no block is complete yet.
 */
static enum pm_err check_ends(struct audit *audit)
{
	struct chain_end end = { .abandoned = false };
	uint32_t log = 0;

	TRY(chain_open_end(audit, &log, &end.point));
	TRY(check_end(audit, log, &end.point));
	while (log > 1) {
		const struct tlog_checkpoint known = end.point;
		enum pm_err err = chain_step(audit, log, &known, &end);

		if (err == PM_CONFLICT)
			audit_damage(audit, log, 0, "entry");
		if (err == PM_CONFLICT || err == PM_NOT_FOUND || end.abandoned)
			return PM_OK;
		TRY(err);
		TRY(check_end(audit, --log, &end.point));
	}
	return PM_OK;
}

/* Damage that was told already, by a better name, would only be told once more. */
static enum pm_err end_pass(struct audit *audit)
{
	enum pm_err err = audit_is_damaged(audit) ? PM_OK : check_ends(audit);

	if (!is_damage(err)) /* which is told already */
		TRY(err);
	TRY(pruned_end(audit, &audit->scrub.pruned));
	audit->scrub.passes++;
	return PM_OK;
}

static enum pm_err next_log(struct audit *audit)
{
	struct scrub *scrub = &audit->scrub;
	struct log_record log;
	enum pm_err err = PM_NOT_FOUND;

	if (scrub->log != 0)
		err = store_get_log(audit->store, scrub->log + 1, &log);
	if (err == PM_NOT_FOUND) {
		if (scrub->log != 0)
			TRY(end_pass(audit));
		err = begin_pass(audit, &log);
	}
	TRY(err);
	scrub->log = log.log;
	scrub->next = log.minimum;
	scrub->tree.size = 0;
	return PM_OK;
}

static enum pm_err scrub(struct audit *audit)
{
	struct scrub *scrub = &audit->scrub;
	struct log_record log;
	uint64_t size = 0;

	if (scrub->log == 0)
		TRY(next_log(audit));
	TRY(store_get_log(audit->store, scrub->log, &log));
	TRY(store_log_size(audit->store, scrub->log, &size));
	if (scrub->next < log.minimum) /* pruned meanwhile */
		scrub->next = log.minimum;
	uint64_t share = size / ROUNDS_PER_HOUR > ROUND_MIN ? size / ROUNDS_PER_HOUR : ROUND_MIN;
	uint64_t end = scrub->next + share < size ? scrub->next + share : size;
	while (scrub->next < end)
		TRY(read_block(audit, end));
	return end == size ? next_log(audit) : PM_OK;
}

enum pm_err scrub_some(struct audit *audit)
{
	pthread_mutex_lock(&audit->round);
	enum pm_err err = scrub(audit);
	pthread_mutex_unlock(&audit->round);
	/* There is no log yet; or its very row is damaged, which was told at start. */
	return err == PM_NOT_FOUND || err == PM_RECORD_QUARANTINED ? PM_OK : err;
}

enum pm_err scrub_all(struct audit *audit)
{
	uint32_t before = audit->scrub.passes;

	while (audit->scrub.passes == before) {
		TRY(scrub_some(audit));
		if (audit->scrub.log == 0)
			return PM_OK; /* there is none */
	}
	return PM_OK;
}
