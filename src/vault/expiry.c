#include "expiry.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain.h"

#define TEND_SECONDS 60
#define DAY INT64_C(86400)
#define WARN_DAYS 7
#define ROUND_MAX 64 /* keys told of in one round: the next comes at once if there are more */

/*
 * That it was told and the mark that it was are one commit: told once, also across restarts. Who
 * loses a race against a change of the end tells of an end that was, and of the new one in the next
 * round.
 */
static enum pm_err tell(struct environment *env, enum leaf_type type,
			const struct key_record *record, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	struct key_use_record mark = { .warned_at = record->expires_at };
	const struct store_change changes[] = {
		{ .op = STORE_ADD_KEY_USES, .key_use = &mark },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};

	strcpy(mark.environment, env->name);
	strcpy(mark.id, record->id);
	leaf_begin(&leaf, type, NULL, env->audit, env);
	leaf_text(&leaf, "key", record->id);
	if (type == LEAF_KEY_EXPIRING)
		leaf_time(&leaf, "expires", record->expires_at);
	else
		leaf_fail(&leaf, PM_RECORD_QUARANTINED);
	TRY(leaf_end(&leaf));
	return audit_commit(env->audit, changes, 2, NULL, deadline);
}

/*
 * An altered row's end is not believed; that it is altered is told, or it would be in the way for
 * ever.
 */
static enum pm_err tell_of(struct environment *env, const char *id, int64_t deadline)
{
	struct key_record record;

	enum pm_err err = store_get_key(env->store, env->name, id, &record);
	if (err == PM_RECORD_QUARANTINED || err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	err = seal_check_key(env, &record, deadline);
	if (err == PM_RECORD_QUARANTINED)
		return tell(env, LEAF_KEY_QUARANTINE, &record, deadline);
	TRY(err);
	return record.expires_at == 0 ? PM_OK : tell(env, LEAF_KEY_EXPIRING, &record, deadline);
}

static enum pm_err tell_all(struct environment *env, size_t *count, int64_t deadline)
{
	char ids[ROUND_MAX][STORE_ID_LEN + 1];
	uint32_t days = env->policy.expiry_warn_days;
	int64_t now = clock_unix();

	TRY(store_expiring_keys(env->store, env->name, now,
				now + (days == 0 ? WARN_DAYS : days) * DAY, ids, ROUND_MAX, count));
	for (size_t i = 0; i < *count; i++)
		TRY(tell_of(env, ids[i], deadline));
	return PM_OK;
}

void expiry_tend(struct environment *env, int64_t deadline)
{
	size_t count = 0;

	if (clock_now() < atomic_load(&env->expiry_at))
		return;
	enum pm_err err = tell_all(env, &count, deadline);
	if (err != PM_OK)
		log_warn("vault: the log was not told of all keys of %s that end soon: %s",
			 env->name, peppermint_error_name(err));
	if (err != PM_OK || count < ROUND_MAX)
		atomic_store(&env->expiry_at, clock_now() + TEND_SECONDS * NS_PER_SECOND);
}
