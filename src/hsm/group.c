#include "group.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "pin.h"
#include "supervise.h"

#define MEMBERS_MAX 2
#define ACTIVE MEMBERS_MAX /* the handle that means whichever is */
#define SEAL_MS 10000      /* a supervisor's thread obeys in far less */

struct hsm {
	struct group *group;
	size_t member; /* or ACTIVE */
};

struct member {
	struct calls calls;
	struct desk desk;
	struct supervisor *supervisor;
	bool has_pin_file;
};

struct group {
	char environment[HSM_ENVIRONMENT_MAX + 1];
	struct hsm handles[MEMBERS_MAX + 1];
	struct member members[MEMBERS_MAX];
	size_t count;
	pthread_mutex_t lock; /* of what follows */
	size_t active;
	bool serves[MEMBERS_MAX];
	uint64_t generation;
	unsigned held; /* no other token takes over: several are being started or sealed */
};

/* Under the lock: the other takes over if it must and can. */
static bool fail_over(struct group *group)
{
	const size_t other = MEMBERS_MAX - 1 - group->active;

	if (group->held > 0 || group->serves[group->active] || !group->serves[other])
		return false;
	group->active = other;
	group->generation++;
	return true;
}

static void log_switch(const struct group *group, size_t active)
{
	log_warn("environment %s: its %s token is the active one now", group->environment,
		 active == 0 ? "first" : "standby");
}

static void hear(void *arg, size_t member, enum supervisor_news news)
{
	struct group *group = arg;

	pthread_mutex_lock(&group->lock);
	if (news == SIGNER_STARTED)
		group->generation += group->active == member;
	else
		group->serves[member] = news == SIGNER_SERVES;
	bool switched = fail_over(group);
	size_t active = group->active;
	pthread_mutex_unlock(&group->lock);
	if (switched)
		log_switch(group, active);
}

static void hold(struct group *group)
{
	pthread_mutex_lock(&group->lock);
	group->held++;
	pthread_mutex_unlock(&group->lock);
}

static void release(struct group *group)
{
	pthread_mutex_lock(&group->lock);
	group->held--;
	bool switched = fail_over(group);
	size_t active = group->active;
	pthread_mutex_unlock(&group->lock);
	if (switched)
		log_switch(group, active);
}

static const char *either(const char *own, const char *common)
{
	return own && *own ? own : common;
}

/* The standby's differs from the first token's by what is given for it. */
static struct hsm_config config_of(const struct hsm_config *config, size_t member)
{
	struct hsm_config own = *config;

	if (member == 0)
		return own;
	own.token_uri = config->standby_uri;
	own.module = either(config->standby_module, config->module);
	own.module_env = either(config->standby_module_env, config->module_env);
	own.pin_file = either(config->standby_pin_file, config->pin_file);
	if (own.pin_file && *own.pin_file)
		own.pin_fd = -1;
	return own;
}

static enum pm_err open_member(struct group *group, size_t i, const struct hsm_config *config)
{
	struct member *member = &group->members[i];
	const struct hsm_config own = config_of(config, i);
	const struct supervisor_parts parts = {
		.calls = &member->calls,
		.desk = &member->desk,
		.tell = hear,
		.arg = group,
		.member = i,
	};

	enum pm_err calls_err = calls_open(&member->calls);
	enum pm_err desk_err = desk_open(&member->desk);
	group->count++; /* both are to be closed, however it went */
	member->has_pin_file = own.pin_file && *own.pin_file;
	TRY(calls_err);
	TRY(desk_err);
	return supervisor_open(&own, &parts, &member->supervisor);
}

/* Once the signers are orderly gone, so that they may go at the same time. */
static void close_group(struct group **at)
{
	struct group *group = *at;

	if (!group)
		return;
	for (size_t i = 0; i < group->count; i++) {
		calls_stop(&group->members[i].calls);
		desk_stop(&group->members[i].desk);
	}
	for (size_t i = 0; i < group->count; i++) {
		supervisor_close(group->members[i].supervisor);
		calls_close(&group->members[i].calls);
		desk_close(&group->members[i].desk);
	}
	pthread_mutex_destroy(&group->lock);
	free(group);
}

/*
 * A token that is away does not keep the other from serving; it may come back. Only when the set-up
 * of all of them fails is it a mistake.
 */
static enum pm_err await_first_starts(struct group *group)
{
	enum pm_err err = PM_CONFIG;

	for (size_t i = 0; i < group->count; i++) {
		if (desk_await(&group->members[i].desk, 1, INT64_MAX) != PM_CONFIG)
			err = PM_OK;
	}
	return err;
}

static enum pm_err open_members(struct group *group, const struct hsm_config *config)
{
	TRY(open_member(group, 0, config));
	if (config->standby_uri && *config->standby_uri)
		TRY(open_member(group, 1, config));
	return await_first_starts(group);
}

enum pm_err hsm_open(const struct hsm_config *config, struct hsm **out)
{
	struct group *group CLEANUP(close_group) = calloc(1, sizeof(*group));

	if (!group)
		return PM_NO_MEMORY;
	pthread_mutex_init(&group->lock, NULL);
	for (size_t i = 0; i <= ACTIVE; i++)
		group->handles[i] = (struct hsm){ group, i };
	if (config->environment)
		strncat(group->environment, config->environment, HSM_ENVIRONMENT_MAX);
	hold(group);
	TRY(open_members(group, config));
	release(group);
	*out = &TAKE(group)->handles[ACTIVE];
	return PM_OK;
}

void hsm_close(struct hsm *hsm)
{
	if (hsm)
		close_group(&hsm->group);
}

struct hsm *hsm_member(struct hsm *hsm, size_t index)
{
	return index < hsm->group->count ? &hsm->group->handles[index] : NULL;
}

static size_t active_of(struct group *group)
{
	pthread_mutex_lock(&group->lock);
	size_t active = group->active;
	pthread_mutex_unlock(&group->lock);
	return active;
}

struct calls *group_calls(struct hsm *hsm)
{
	size_t member = hsm->member == ACTIVE ? active_of(hsm->group) : hsm->member;

	return &hsm->group->members[member].calls;
}

/* Which is active, and in which generation, is told as of one moment. */
void hsm_status(struct hsm *hsm, struct hsm_status *out)
{
	struct group *group = hsm->group;

	pthread_mutex_lock(&group->lock);
	desk_status(&group->members[hsm->member == ACTIVE ? group->active : hsm->member].desk, out);
	if (hsm->member == ACTIVE)
		out->generation = group->generation;
	out->members = (uint32_t)group->count;
	out->active = (uint32_t)group->active;
	pthread_mutex_unlock(&group->lock);
}

/* Under the lock. Which token is meant is said: a fail-over may have come first. */
static enum pm_err switch_to(struct group *group, size_t member, bool *switched)
{
	if (group->active == member)
		return PM_OK;
	if (!group->serves[member])
		return PM_HSM_UNAVAILABLE;
	group->active = member;
	group->generation++;
	*switched = true;
	return PM_OK;
}

enum pm_err hsm_switch(struct hsm *hsm, size_t member)
{
	struct group *group = hsm->group;
	bool switched = false;

	if (group->count < MEMBERS_MAX || member >= group->count)
		return PM_CONFLICT;
	pthread_mutex_lock(&group->lock);
	enum pm_err err = switch_to(group, member, &switched);
	pthread_mutex_unlock(&group->lock);
	if (switched)
		log_switch(group, member);
	return err;
}

/* What came of the orders given to the members; 0: none was. The first failure is told. */
static enum pm_err await_orders(struct group *group, const uint64_t orders[MEMBERS_MAX],
				int64_t deadline)
{
	enum pm_err first = PM_OK;

	for (size_t i = 0; i < group->count; i++) {
		enum pm_err err =
			orders[i] == 0 ? PM_OK
				       : desk_await(&group->members[i].desk, orders[i], deadline);
		if (first == PM_OK)
			first = err;
	}
	return first;
}

enum pm_err hsm_seal(struct hsm *hsm)
{
	struct group *group = hsm->group;
	uint64_t orders[MEMBERS_MAX] = { 0 };

	hold(group);
	for (size_t i = 0; i < group->count; i++)
		orders[i] = desk_seal(&group->members[i].desk);
	enum pm_err err = await_orders(group, orders, deadline_in_ms(SEAL_MS));
	release(group);
	return err == PM_DEADLINE_EXCEEDED ? err : PM_OK;
}

/* A pipe for each, so that no signer can empty the other's. */
static enum pm_err order_unseal(struct group *group, struct bytes pin, uint64_t orders[MEMBERS_MAX])
{
	enum pm_err err = PM_CONFLICT;

	for (size_t i = 0; i < group->count; i++) {
		int pipe CLEANUP(close_fd) = -1;

		TRY(pin_pipe(pin, &pipe));
		orders[i] = desk_unseal(&group->members[i].desk, &pipe);
		if (orders[i] != 0)
			err = PM_OK;
	}
	return err;
}

enum pm_err hsm_unseal(struct hsm *hsm, struct bytes pin, int64_t deadline)
{
	struct group *group = hsm->group;
	uint64_t orders[MEMBERS_MAX] = { 0 };

	hold(group);
	enum pm_err err = order_unseal(group, pin, orders);
	if (err == PM_OK)
		err = await_orders(group, orders, deadline);
	release(group);
	return err == PM_CONFIG ? PM_HSM_UNAVAILABLE : err;
}

static enum pm_err check_all_serve(struct group *group)
{
	for (size_t i = 0; i < group->count; i++) {
		struct hsm_status status;

		desk_status(&group->members[i].desk, &status);
		if (status.state != HSM_SERVING)
			return status.state == HSM_SEALED ? PM_SEALED : PM_HSM_UNAVAILABLE;
	}
	return PM_OK;
}

struct renewal {
	struct desk *desk;
	int pipe; /* with the new PIN */
};

static void renew_pin(void *arg)
{
	struct renewal *renewal = arg;

	desk_renew_pin(renewal->desk, &renewal->pipe);
}

/* The signer knows the new PIN for its own logins; later starts find it in the pipe. */
static enum pm_err change_pin_of(struct member *member, struct bytes old_pin, struct bytes new_pin,
				 int64_t deadline)
{
	struct renewal renewal = { &member->desk, -1 };
	struct call call = {
		.kind = CALL_CHANGE_PIN,
		.old_pin = old_pin,
		.new_pin = new_pin,
		.changed = renew_pin,
		.changed_arg = &renewal,
	};

	TRY(pin_pipe(new_pin, &renewal.pipe));
	enum pm_err err = calls_do(&member->calls, &call, deadline);
	close_fd(&renewal.pipe); /* unless it was taken */
	return err;
}

enum pm_err hsm_change_pin(struct hsm *hsm, struct bytes old_pin, struct bytes new_pin,
			   int64_t deadline)
{
	struct group *group = hsm->group;

	if (!pin_has_length(old_pin) || !pin_has_length(new_pin))
		return PM_BAD_REQUEST;
	TRY(check_all_serve(group));
	for (size_t i = 0; i < group->count; i++) {
		enum pm_err err = change_pin_of(&group->members[i], old_pin, new_pin, deadline);

		if (err == PM_OK && group->members[i].has_pin_file)
			log_warn("environment %s: the PIN was changed: its file must be rewritten "
				 "before peppermintd starts again",
				 group->environment);
		if (err == PM_OK)
			continue;
		if (i == 0)
			return err;
		log_error("environment %s: the first token's PIN was changed and the standby's was "
			  "not (%s): change that with `peppermint hsm change-pin`",
			  group->environment, peppermint_error_text(err));
		return err == PM_OUTCOME_UNKNOWN ? err : PM_CONFLICT;
	}
	return PM_OK;
}
