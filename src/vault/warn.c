/* Cryptoperiods from time to time: uses are written, ends are warned of, keys are rotated. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "leaf.h"
#include "master.h"
#include "period.h"
#include "renew.h"
#include "state.h"
#include "uses.h"

#define TEND_SECONDS 10
#define WARN_SECONDS 86400
#define ROTATE_SECONDS 3600

static bool is_time(struct environment *env, const struct master_record *master,
		    enum uses_mark mark, int64_t seconds)
{
	int64_t last = uses_marked(env, master, mark);

	return last == 0 || clock_now() - last >= seconds * NS_PER_SECOND;
}

static enum pm_err write_warning(struct environment *env, const struct master_record *master,
				 const struct period *period, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };

	master_leaf(&leaf, LEAF_MASTER_WARN, NULL, env, master);
	if (period->make_until != 0)
		leaf_time(&leaf, "make_until", period->make_until);
	if (period->verify_until != 0)
		leaf_time(&leaf, "verify_until", period->verify_until);
	leaf_number(&leaf, "uses", (int64_t)period->uses);
	if (period->uses_max != 0)
		leaf_number(&leaf, "uses_max", (int64_t)period->uses_max);
	return audit_append(env->audit, &leaf, NULL, deadline);
}

static void warn(struct environment *env, const struct master_record *master,
		 const struct period *period, int64_t deadline)
{
	bool over = period_is_over(period, clock_unix());

	if (!is_time(env, master, USES_WARNED, WARN_SECONDS) ||
	    write_warning(env, master, period, deadline) != PM_OK)
		return;
	uses_set_mark(env, master, USES_WARNED, clock_now());
	log_warn("vault: %s %s version %u of %s is %s its cryptoperiod: %s", master->purpose,
		 master->name, master->version, env->name, over ? "past" : "near the end of",
		 state_rules(master->state)->makes ? "rotate it"
						   : "destroy it once nothing needs it");
}

/*
 * Where the configuration wants it; and the key that seals records in any case when it is over, since
 * nothing could be changed without it and so it is not refused.
 */
static bool wants_rotation(const struct environment *env, const struct master_record *master,
			   const struct period *period)
{
	bool pepper = strcmp(master->purpose, PURPOSE_PEPPER) == 0;
	bool integrity = strcmp(master->purpose, PURPOSE_INTEGRITY) == 0;

	if (master->state != MASTER_ACTIVE || !renew_applies(master->purpose, master->name))
		return false;
	if (integrity && period_is_over(period, clock_unix()))
		return true;
	return pepper ? env->peppers.rotate : env->internals.rotate;
}

/* Inside a change. Records under an old integrity key are sealed anew, so that it can go. */
static enum pm_err rotate(struct environment *env, const struct master_record *master,
			  int64_t deadline)
{
	struct renewal renewal = {
		.purpose = master->purpose,
		.name = master->name,
		.rewrap = strcmp(master->purpose, PURPOSE_INTEGRITY) == 0,
	};
	struct master_record active;
	uint32_t staged = 0;

	TRY(renew_check(env, master->purpose, master->name, &staged));
	/* Somebody may have been faster. */
	TRY(environment_master(env, master->purpose, master->name, 0, &active));
	return active.version == master->version ? renew(env, &renewal, deadline) : PM_OK;
}

static void rotate_itself(struct environment *env, const struct master_record *master,
			  int64_t deadline)
{
	if (!is_time(env, master, USES_ROTATED, ROTATE_SECONDS) ||
	    environment_begin_change(env, deadline) != PM_OK)
		return;
	uses_set_mark(env, master, USES_ROTATED, clock_now());
	enum pm_err err = rotate(env, master, deadline);
	environment_end_change(env);
	if (err != PM_OK)
		log_error("vault: %s %s version %u of %s was to be rotated, its period being over "
			  "or nearly so, and was not: %s",
			  master->purpose, master->name, master->version, env->name,
			  err == PM_CONFLICT ? "a staged version waits to be activated"
					     : peppermint_error_name(err));
}

static void tend_master(struct environment *env, const struct master_record *master,
			int64_t deadline)
{
	struct period period;

	period_of(env, master, &period);
	if (!period.warns)
		return;
	warn(env, master, &period, deadline);
	if (wants_rotation(env, master, &period))
		rotate_itself(env, master, deadline);
}

void period_tend(struct environment *env, int64_t deadline)
{
	struct master_record *masters CLEANUP(free_ptr) = NULL;
	int64_t now = clock_now();

	if (now < atomic_load(&env->tend_at))
		return;
	masters = calloc(MASTERS_MAX, sizeof(*masters));
	if (!masters)
		return;
	atomic_store(&env->tend_at, now + TEND_SECONDS * NS_PER_SECOND);
	enum pm_err err = uses_write(env, deadline);
	if (err != PM_OK)
		log_warn("vault: the uses of %s's keys are not written yet: %s", env->name,
			 peppermint_error_name(err));
	size_t count = environment_copy_masters(env, masters);
	for (size_t i = 0; i < count; i++)
		tend_master(env, &masters[i], deadline);
}
