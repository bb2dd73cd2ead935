/* Proofs of entries. */
#include <stdlib.h>
#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "logread.h"

static bool take_entry(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct vault_log_proof *out = arg;

	(void)index;
	(void)leaf;
	memcpy(out->entry, entry.data, entry.len);
	out->entry_len = entry.len;
	return true;
}

static enum pm_err read_entry(struct audit *audit, uint32_t log, uint64_t index,
			      struct vault_log_proof *out)
{
	out->log = log;
	out->entry_len = 0;
	enum pm_err err = store_read_leaves(audit->store, log, index, 1, take_entry, out);
	if (err == PM_STORE_DAMAGED && logread_counts(audit, log))
		audit_damage(audit, log, index, "entry");
	TRY(err);
	return out->entry_len > 0 ? PM_OK : PM_NOT_FOUND;
}

/* What does not prove the entry here proves it to nobody. */
static enum pm_err prove(struct audit *audit, uint64_t index, const struct checkpoint_record *point,
			 struct vault_log_proof *out)
{
	struct store_rows rows = { .store = audit->store, .log = out->log };
	struct buf text = BUF(out->text);
	struct tlog_proof proof;
	struct tlog_hash leaf;

	TRY(tlog_prove_inclusion(index, point->size, store_read_row, &rows, &proof));
	tlog_leaf_hash(bytes_of(out->entry, out->entry_len), &leaf);
	if (!tlog_check_inclusion(index, point->size, &leaf, &proof, &point->root)) {
		if (logread_counts(audit, out->log))
			audit_damage(audit, out->log, index, "the tree around entry");
		return PM_STORE_DAMAGED;
	}
	TRY(tlog_proof_format(index, &proof, bytes_str(point->note), &text));
	out->text_len = text.len;
	return PM_OK;
}

static enum pm_err tell(struct audit *audit, struct actor *actor)
{
	const struct fold_act act = { .type = LEAF_LOG_READ, .key = "PROOF", .count = 1 };

	return audit_acts(audit, actor, &act, 1);
}

enum pm_err vault_log_prove(struct vault *vault, struct actor *actor, uint32_t log, uint64_t index,
			    struct vault_log_proof *out)
{
	struct checkpoint_record *point CLEANUP(free_ptr) = malloc(sizeof(*point));
	struct audit *audit = vault->audit;
	struct log_record record;

	if (!point)
		return PM_NO_MEMORY;
	TRY(audit_admit(audit));
	TRY(tell(audit, actor));
	TRY(store_get_log(audit->store, log, &record));
	TRY(store_get_checkpoint(audit->store, record.log, STORE_NEWEST_SIGNED, point));
	if (index < record.minimum || index >= point->size) {
		actor->why = index < record.minimum
				     ? "that entry was pruned"
				     : "that entry is not under a signed checkpoint yet";
		return PM_NOT_FOUND;
	}
	TRY(read_entry(audit, record.log, index, out));
	return prove(audit, index, point, out);
}
