#include "verbs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "renew.h"
#include "rewrap.h"
#include "standby.h"
#include "state.h"
#include "takeover.h"
#include "uses.h"

#define DAY INT64_C(86400)
#define WINDOW_DAYS 7
#define UNUSED_DAYS 90
#define AFTER_MAX INT64_C(31536000)
#define WHY_MAX 224

/* Lives on after the call: the caller of the vault still reads it, in the same thread. */
static _Thread_local char why[WHY_MAX];

enum pm_err verbs_refuse(struct master_change *change, enum pm_err err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	change->actor->why = why;
	return err;
}

__attribute__((format(printf, 2, 3))) static void say(struct master_change *change, const char *fmt,
						      ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(change->text, sizeof(((struct master_outcome *)NULL)->text), fmt, args);
	va_end(args);
}

static const char *state_name(const struct master_record *master)
{
	return state_rules(master->state)->name;
}

static bool is(const struct master_change *change, const char *purpose, const char *name)
{
	return strcmp(change->purpose, purpose) == 0 && strcmp(change->params->name, name) == 0;
}

static bool is_integrity(const struct master_change *change)
{
	return strcmp(change->purpose, PURPOSE_INTEGRITY) == 0;
}

static uint64_t needed(const struct master_change *change)
{
	return usage_of(change->lines, change->line_count, change->before.version).needed;
}

static uint64_t to_rewrap(const struct master_change *change)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < change->line_count; i++)
		sum += change->lines[i].to_rewrap;
	return sum;
}

/* The version that the request names becomes `to`, if the table lets it. */
static enum pm_err follow(struct master_change *change, enum master_state to)
{
	const struct master_record *before = &change->before;

	if (!state_is_finished(before) && before->state == MASTER_STAGED)
		return verbs_refuse(change, PM_CONFLICT,
				    "version %u was never finished: it goes by itself",
				    before->version);
	/* From there it only goes back to what it was. */
	if (before->state == MASTER_DESTROY_SCHEDULED && change->params->verb != MASTER_VERB_CANCEL)
		return verbs_refuse(change, PM_CONFLICT,
				    "version %u is to be destroyed: cancel that first",
				    before->version);
	if (!state_may_follow(before->state, to))
		return verbs_refuse(change, PM_CONFLICT, "version %u is %s and cannot become %s",
				    before->version, state_name(before), state_rules(to)->name);
	change->after.state = to;
	say(change, "%s %s version %u: %s → %s", before->purpose, before->name, before->version,
	    state_name(before), state_rules(to)->name);
	return PM_OK;
}

/* Is it a key of which there are newer versions? */
static enum pm_err check_kind(struct master_change *change)
{
	if (renew_applies(change->purpose, change->params->name))
		return PM_OK;
	return verbs_refuse(change, PM_CONFLICT,
			    strcmp(change->purpose, PURPOSE_IMPORT) == 0
				    ? "it is another system's key, which only verifies: bring "
				      "another in under a name of its own"
				    : "the audit log's key is rotated with its log: audit rotate");
}

static enum pm_err check_renewal(struct master_change *change)
{
	uint32_t staged = 0;

	TRY(check_kind(change));
	if (change->active.version == 0)
		return PM_NOT_FOUND;
	if (renew_check(change->env, change->purpose, change->params->name, &staged) == PM_OK)
		return PM_OK;
	return verbs_refuse(change, PM_CONFLICT,
			    "version %u is STAGED already: activate it, or destroy it", staged);
}

static enum pm_err plan_rotate(struct master_change *change)
{
	TRY(check_renewal(change));
	change->after = change->active;
	change->after.version = 0; /* it is known when it is made */
	change->before = (struct master_record){ 0 };
	if (standby_tokens(change->env) == 1) {
		change->after.state = MASTER_ACTIVE;
		say(change, "%s %s: a new version takes over from version %u", change->purpose,
		    change->params->name, change->active.version);
		return PM_OK;
	}
	change->after.state = MASTER_STAGED;
	say(change,
	    "%s %s: a new version is STAGED; clone it to the standby token, then activate it",
	    change->purpose, change->params->name);
	return PM_OK;
}

static enum pm_err plan_activate(struct master_change *change)
{
	char detail[CHECK_TEXT_MAX];

	TRY(check_kind(change));
	if (change->before.state != MASTER_STAGED)
		return verbs_refuse(change, PM_CONFLICT,
				    "version %u is %s: only a STAGED one is "
				    "activated",
				    change->before.version, state_name(&change->before));
	TRY(follow(change, MASTER_ACTIVE));
	enum pm_err err =
		standby_all_have(change->env, &change->before, detail, change->actor->deadline);
	return err == PM_TOKEN_MISMATCH ? verbs_refuse(change, err, "%s", detail) : err;
}

/* Nor can it be counted what is still on its way, under a version that was the active one just now. */
static enum pm_err check_drained(struct master_change *change)
{
	if (change->before.state == MASTER_STAGED || takeover_is_drained(change->env) ||
	    !usage_applies(change->purpose, change->params->name))
		return PM_OK;
	return verbs_refuse(change, PM_CONFLICT,
			    "a version took over just now, and requests from before it may still "
			    "need version %u: try again %d seconds after that",
			    change->before.version, TAKEOVER_DRAIN_SECONDS);
}

static enum pm_err plan_suspend(struct master_change *change)
{
	TRY(follow(change, MASTER_SUSPENDED));
	/* They would all count as altered, and the environment would not come back. */
	if (is_integrity(change) && needed(change) > 0)
		return verbs_refuse(change, PM_CONFLICT,
				    "%llu records are sealed under it: rewrap first",
				    (unsigned long long)needed(change));
	return is_integrity(change) ? check_drained(change) : PM_OK;
}

static enum pm_err plan_resume(struct master_change *change)
{
	if (change->before.state != MASTER_SUSPENDED)
		return verbs_refuse(change, PM_CONFLICT,
				    "version %u is %s: only a SUSPENDED one is resumed",
				    change->before.version, state_name(&change->before));
	return follow(change, MASTER_VERIFY_ONLY);
}

/* The active one is left by another's taking over only. */
static enum pm_err check_successor(struct master_change *change)
{
	TRY(check_renewal(change));
	if (standby_tokens(change->env) == 1)
		return PM_OK;
	return verbs_refuse(change, PM_CONFLICT,
			    "version %u is ACTIVE, and there is a standby token: rotate, clone the "
			    "new version to it and activate that first",
			    change->before.version);
}

static enum pm_err plan_compromise(struct master_change *change)
{
	int64_t after = change->params->after;

	if (after < 0 || after > AFTER_MAX)
		return verbs_refuse(change, PM_BAD_REQUEST, "after_seconds: 0 to 31536000");
	/* What no version vouches for any more is altered, and would never be read again. */
	if (after != 0 && strcmp(change->purpose, PURPOSE_PEPPER) != 0)
		return verbs_refuse(change, PM_BAD_REQUEST,
				    "after_seconds: of a pepper only; rewrap moves all records, "
				    "then destroy it");
	TRY(follow(change, MASTER_COMPROMISED));
	if (change->before.state == MASTER_ACTIVE)
		TRY(check_successor(change));
	change->after.ends_at = after == 0 ? 0 : change->now + after;
	change->after.rewrap = false;
	change->affected = to_rewrap(change);
	if (change->before.state == MASTER_ACTIVE ||
	    !rewrap_applies(change->purpose, change->params->name))
		change->affected = needed(change);
	say(change, "%s %s version %u: %s → COMPROMISED%s; %llu records %s", change->before.purpose,
	    change->before.name, change->before.version, state_name(&change->before),
	    change->before.state == MASTER_ACTIVE ? ", and a new version takes over" : "",
	    (unsigned long long)change->affected,
	    rewrap_applies(change->purpose, change->params->name) ? "move to the active version"
								  : "need it still");
	return PM_OK;
}

static enum pm_err plan_rewrap(struct master_change *change)
{
	if (!rewrap_applies(change->purpose, change->params->name))
		return verbs_refuse(change, PM_CONFLICT,
				    usage_applies(change->purpose, change->params->name)
					    ? "what needs this key needs a PIN, a key's text or "
					      "a key's next use to move: nothing to rewrap"
					    : "the vault keeps no records that need this key: "
					      "nothing to rewrap");
	if (change->active.version == 0)
		return PM_NOT_FOUND;
	change->before = change->after = change->active;
	change->after.rewrap = true;
	change->affected = to_rewrap(change);
	say(change, "%s %s: %llu records move to version %u, in the background", change->purpose,
	    change->params->name, (unsigned long long)change->affected, change->active.version);
	return PM_OK;
}

/* Hashes that others keep, and texts hidden in the audit log: nobody can count who needs them. */
static bool is_needed_elsewhere(const struct master_change *change)
{
	bool pepper = strcmp(change->purpose, PURPOSE_PEPPER) == 0;

	return (pepper && !is(change, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER)) ||
	       is(change, PURPOSE_AUDIT, AUDIT_TEXT_NAME);
}

/* Uses are counted since they are: of an older version nothing is known before its last change. */
static enum pm_err check_unused(struct master_change *change)
{
	int64_t last = 0;
	uint64_t count = 0;

	if (change->params->force || !is_needed_elsewhere(change) ||
	    change->before.state == MASTER_STAGED)
		return PM_OK;
	uses_get(change->env, &change->before, &count, &last);
	if (last < change->before.changed_at)
		last = change->before.changed_at;
	if (change->now - last >= UNUSED_DAYS * DAY)
		return PM_OK;
	return verbs_refuse(
		change, PM_CONFLICT,
		"it was used or changed %lld days ago, and what it hashed is kept where "
		"the vault does not see it: wait until %d days, or force",
		(long long)((change->now - last) / DAY), UNUSED_DAYS);
}

static enum pm_err plan_destroy(struct master_change *change)
{
	int64_t after = change->params->after;

	if (after < 0 || after > AFTER_MAX)
		return verbs_refuse(change, PM_BAD_REQUEST, "after_seconds: 0 to 31536000");
	TRY(follow(change, MASTER_DESTROY_SCHEDULED));
	change->affected = needed(change);
	if (change->affected > 0)
		return verbs_refuse(change, PM_CONFLICT, "%llu records need version %u",
				    (unsigned long long)change->affected, change->before.version);
	TRY(check_drained(change));
	TRY(check_unused(change));
	change->after.prior = change->before.state;
	after = after == 0 ? WINDOW_DAYS * DAY : after;
	/* Nobody takes over from it, so nothing else waits for imports that are on their way. */
	if (strcmp(change->purpose, PURPOSE_IMPORT) == 0 && after < TAKEOVER_DRAIN_SECONDS)
		after = TAKEOVER_DRAIN_SECONDS;
	change->after.destroy_at = change->now + after;
	say(change, "%s %s version %u: destroyed in %lld seconds; until then it can be cancelled",
	    change->before.purpose, change->before.name, change->before.version, (long long)after);
	return PM_OK;
}

static enum pm_err plan_cancel(struct master_change *change)
{
	const struct master_record *before = &change->before;

	if (before->state != MASTER_DESTROY_SCHEDULED)
		return verbs_refuse(change, PM_CONFLICT,
				    "version %u is %s: its destruction is not scheduled",
				    before->version, state_name(before));
	if (change->now >= before->destroy_at)
		return verbs_refuse(change, PM_CONFLICT,
				    "version %u is being destroyed: its time is over",
				    before->version);
	TRY(follow(change, before->prior));
	change->after.prior = 0;
	change->after.destroy_at = 0;
	return PM_OK;
}

static const struct {
	enum pm_err (*plan)(struct master_change *change);
	bool of_the_active; /* the version does not matter */
	bool counts;        /* it depends on how many records need which version */
} verbs[] = {
	[MASTER_VERB_ROTATE] = { plan_rotate, .of_the_active = true },
	[MASTER_VERB_ACTIVATE] = { plan_activate, .counts = false },
	[MASTER_VERB_SUSPEND] = { plan_suspend, .counts = true },
	[MASTER_VERB_RESUME] = { plan_resume, .counts = false },
	[MASTER_VERB_COMPROMISE] = { plan_compromise, .counts = true },
	[MASTER_VERB_REWRAP] = { plan_rewrap, .of_the_active = true, .counts = true },
	[MASTER_VERB_DESTROY] = { plan_destroy, .counts = true },
	[MASTER_VERB_CANCEL] = { plan_cancel, .counts = false },
};

static enum pm_err find(struct master_change *change)
{
	const struct master_params *params = change->params;

	if (params->version == 0 && params->verb != MASTER_VERB_COMPROMISE)
		return verbs_refuse(change, PM_BAD_REQUEST, "version: required");
	TRY(environment_master(change->env, change->purpose, params->name, params->version,
			       &change->before));
	change->after = change->before;
	return PM_OK;
}

enum pm_err verbs_plan(struct master_change *change)
{
	const struct master_params *params = change->params;

	if (params->verb < MASTER_VERB_ROTATE || params->verb > MASTER_VERB_CANCEL)
		return verbs_refuse(change, PM_BAD_REQUEST, "verb: required");
	if (environment_master(change->env, change->purpose, params->name, 0, &change->active) !=
	    PM_OK)
		change->active = (struct master_record){ 0 };
	if (verbs[params->verb].counts)
		TRY(usage_count(change->env, change->purpose, params->name, change->lines,
				VAULT_PEPPER_VERSIONS_MAX, &change->line_count));
	if (!verbs[params->verb].of_the_active)
		TRY(find(change));
	return verbs[params->verb].plan(change);
}
