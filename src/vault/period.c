#include "period.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "state.h"
#include "uses.h"

#define DAY INT64_C(86400)

static bool is_pepper(const struct master_record *master)
{
	return strcmp(master->purpose, PURPOSE_PEPPER) == 0;
}

static const struct vault_periods *periods_of(const struct environment *env,
					      const struct master_record *master)
{
	return is_pepper(master) ? &env->peppers : &env->internals;
}

/* Never longer than half the period, or a new version would warn from its first day. */
static uint32_t warning_days(const struct vault_periods *periods)
{
	uint32_t most = periods->make_days / 2;

	return periods->make_days != 0 && periods->warn_days > most ? most : periods->warn_days;
}

static bool is_near(int64_t end, uint32_t warn_days, int64_t now)
{
	return end != 0 && now >= end - warn_days * DAY;
}

/* From nine tenths of its uses on. */
static bool is_nearly_full(const struct period *period)
{
	return period->uses_max != 0 && period->uses >= period->uses_max - period->uses_max / 10;
}

static bool warns(const struct master_record *master, const struct period *period,
		  uint32_t warn_days, int64_t now)
{
	const struct state_rules *rules = state_rules(master->state);

	if (rules->makes && (is_near(period->make_until, warn_days, now) || is_nearly_full(period)))
		return true;
	return rules->vouches && is_near(period->verify_until, warn_days, now);
}

void period_of(struct environment *env, const struct master_record *master, struct period *out)
{
	const struct vault_periods *periods = periods_of(env, master);
	int64_t from = master->activated_at != 0 ? master->activated_at : master->created_at;

	*out = (struct period){ .uses_max = periods->make_uses };
	uses_get(env, master, &out->uses, &out->last_used_at);
	if (periods->make_days != 0)
		out->make_until = from + periods->make_days * DAY;
	if (periods->make_days != 0 && periods->verify_days != 0)
		out->verify_until = out->make_until + periods->verify_days * DAY;
	out->warns = warns(master, out, warning_days(periods), clock_unix());
}

bool period_is_over(const struct period *period, int64_t now)
{
	return (period->make_until != 0 && now >= period->make_until) ||
	       (period->uses_max != 0 && period->uses >= period->uses_max);
}

/*
 * Without the keys that seal records and write the audit log nothing can be changed, not even to revoke a
 * key. Refusing them would do more harm than an old key does: they are rotated, and warned of.
 */
enum pm_err period_may_make(struct environment *env, const struct master_record *master)
{
	struct period period;

	if (!is_pepper(master))
		return PM_OK;
	period_of(env, master, &period);
	return period_is_over(&period, clock_unix()) ? PM_KEY_PERIOD_OVER : PM_OK;
}

bool period_is_dead(const struct master_record *master, int64_t now)
{
	return master->ends_at != 0 && now >= master->ends_at;
}

bool period_vouches(struct environment *env, const struct master_record *master, int64_t now)
{
	struct period period;

	if (!state_rules(master->state)->vouches || period_is_dead(master, now))
		return false;
	if (!is_pepper(master))
		return true;
	period_of(env, master, &period);
	return period.verify_until == 0 || now < period.verify_until;
}

void period_count(struct environment *env, const struct master_record *master, uint64_t count)
{
	uses_count(env, master->key_id, count);
}

uint32_t period_warnings(struct environment *env)
{
	uint32_t count = 0;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = 0; i < env->master_count; i++) {
		struct period period;

		period_of(env, &env->masters[i], &period);
		count += period.warns;
	}
	pthread_rwlock_unlock(&env->lock);
	return count;
}
