/*
 * Committing entries, and what happens when they cannot be kept: everything is refused at once, and
 * from time to time somebody tries whether an entry can be kept again.
 */
#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#define PROBE_EVERY_MS 200
#define PROBE_TIMEOUT_MS 500

void audit_note_stuck(struct audit *audit, enum pm_err err)
{
	pthread_mutex_lock(&audit->lock);
	bool news = !audit->health.stuck;
	audit->health.stuck = true;
	if (news)
		audit->health.stuck_since = clock_unix();
	atomic_store(&audit->blocked, true);
	pthread_mutex_unlock(&audit->lock);
	if (news)
		log_error("vault: the audit log takes no entries (%s): everything is refused until "
			  "it does",
			  peppermint_error_name(err));
}

/* What a caller may know of a failed commit among whose changes is an entry. */
static enum pm_err judge(struct audit *audit, enum pm_err err)
{
	switch (err) {
	case PM_STORE_UNAVAILABLE:
	case PM_STORE_DAMAGED:
	case PM_NOT_FOUND: /* there is no log */
		audit_note_stuck(audit, err);
		return PM_AUDIT_BLOCKED;
	case PM_OUTCOME_UNKNOWN:
		audit_note_stuck(audit, err);
		return err;
	default:
		return err;
	}
}

void audit_receipt(const struct store_receipt *at, struct vault_receipt *out)
{
	*out = (struct vault_receipt){ .log = at->log, .index = at->index };
	memcpy(out->leaf, at->leaf.bytes, sizeof(out->leaf));
}

/* Enough of them are worth a checkpoint. */
static void count_entries(struct audit *audit, const struct store_change *changes, size_t count,
			  struct vault_receipt *receipt)
{
	unsigned entries = 0;

	for (size_t i = 0; i < count; i++) {
		if (changes[i].op != STORE_APPEND_LEAF)
			continue;
		entries++;
		if (receipt && changes[i].leaf->receipt)
			audit_receipt(changes[i].leaf->receipt, receipt);
	}
	unsigned before = atomic_fetch_add(&audit->fresh, entries);
	if (before < AUDIT_FRESH_MAX && before + entries >= AUDIT_FRESH_MAX) {
		pthread_mutex_lock(&audit->wake_lock);
		pthread_cond_broadcast(&audit->wake);
		pthread_mutex_unlock(&audit->wake_lock);
	}
}

enum pm_err audit_commit(struct audit *audit, const struct store_change *changes, size_t count,
			 struct vault_receipt *receipt, int64_t deadline)
{
	if (audit_is_lost(audit))
		return PM_AUDIT_BLOCKED;
	enum pm_err err = store_commit(audit->store, changes, count, deadline);
	if (err != PM_OK)
		return judge(audit, err);
	count_entries(audit, changes, count, receipt);
	return PM_OK;
}

enum pm_err audit_append(struct audit *audit, struct leaf *leaf, struct vault_receipt *receipt,
			 int64_t deadline)
{
	const struct store_change change = { .op = STORE_APPEND_LEAF, .leaf = &leaf->record };

	TRY(leaf_end(leaf));
	return audit_commit(audit, &change, 1, receipt, deadline);
}

/* True for one caller at a time, and not too often. */
static bool claim_probe(struct audit *audit)
{
	pthread_mutex_lock(&audit->lock);
	bool mine = audit->health.stuck && !audit->health.lost && !audit->probing &&
		    clock_now() >= audit->probe_at;
	if (mine)
		audit->probing = true;
	pthread_mutex_unlock(&audit->lock);
	return mine;
}

static void end_probe(struct audit *audit, enum pm_err err)
{
	pthread_mutex_lock(&audit->lock);
	audit->probing = false;
	if (err == PM_OK) {
		audit->health.stuck = false;
		atomic_store(&audit->blocked, audit->health.lost);
	} else {
		audit->probe_at = deadline_in_ms(PROBE_EVERY_MS);
	}
	pthread_mutex_unlock(&audit->lock);
	if (err == PM_OK)
		log_info("vault: the audit log takes entries again");
}

static enum pm_err resume(struct audit *audit)
{
	struct leaf leaf CLEANUP(leaf_drop);
	int64_t deadline = deadline_in_ms(PROBE_TIMEOUT_MS);

	pthread_mutex_lock(&audit->lock);
	int64_t since = audit->health.stuck_since;
	pthread_mutex_unlock(&audit->lock);
	leaf_begin(&leaf, LEAF_LOG_RESUME, NULL, audit, NULL);
	leaf_time(&leaf, "since", since);
	TRY(audit_begin(audit, deadline));
	return audit_append(audit, &leaf, NULL, deadline);
}

void audit_probe(struct audit *audit)
{
	if (!claim_probe(audit))
		return;
	end_probe(audit, resume(audit));
}

enum pm_err audit_admit(struct audit *audit)
{
	if (!atomic_load(&audit->blocked))
		return PM_OK;
	audit_probe(audit);
	return atomic_load(&audit->blocked) ? PM_AUDIT_BLOCKED : PM_OK;
}
