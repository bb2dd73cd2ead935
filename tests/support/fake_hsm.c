#include "fake_hsm.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_calls.h"
#include "fault.h"

#define TOKENS_MAX 2
#define PIN_MIN 4
#define PIN_MAX 255

/* What all handles of one HSM share. */
struct fake_group {
	pthread_mutex_t lock;
	struct fake_token tokens[TOKENS_MAX];
	uint32_t count, active;
	uint64_t generation;
	char pin[PIN_MAX + 1];
	uint32_t wrong_pins;
	struct hsm *alone[TOKENS_MAX];
};

struct hsm {
	struct fake_group *group;
	int only; /* the token that this handle means, or -1: the active one */
};

static struct hsm *new_handle(struct fake_group *group, int only)
{
	struct hsm *hsm = calloc(1, sizeof(*hsm));

	*hsm = (struct hsm){ .group = group, .only = only };
	return hsm;
}

static void init_token(struct fake_token *token, const char *serial)
{
	struct hsm_status *status = &token->status;

	*status = (struct hsm_status){
		.state = HSM_SERVING,
		.generation = 1,
		.sessions = 1,
		.proven = true,
	};
	snprintf(status->serial, sizeof(status->serial), "%s", serial);
	snprintf(status->firmware, sizeof(status->firmware), "1.0");
}

struct hsm *fake_hsm_new(const char *serial)
{
	struct fake_group *group = calloc(1, sizeof(*group));

	pthread_mutex_init(&group->lock, NULL);
	init_token(&group->tokens[0], serial);
	group->count = 1;
	group->generation = 1;
	snprintf(group->pin, sizeof(group->pin), FAKE_PIN);
	for (int i = 0; i < TOKENS_MAX; i++)
		group->alone[i] = new_handle(group, i);
	return new_handle(group, -1);
}

void fake_hsm_free(struct hsm *hsm)
{
	struct fake_group *group = hsm->group;

	for (size_t i = 0; i < TOKENS_MAX; i++) {
		fake_token_wipe(&group->tokens[i]);
		free(group->alone[i]);
	}
	pthread_mutex_destroy(&group->lock);
	free(group);
	free(hsm);
}

struct fake_token *fake_take_token(struct hsm *hsm)
{
	struct fake_group *group = hsm->group;

	pthread_mutex_lock(&group->lock);
	return &group->tokens[hsm->only >= 0 ? (uint32_t)hsm->only : group->active];
}

void fake_give_back(struct hsm *hsm)
{
	pthread_mutex_unlock(&hsm->group->lock);
}

void fake_hsm_add_standby(struct hsm *hsm, const char *serial)
{
	init_token(&hsm->group->tokens[1], serial);
	hsm->group->count = 2;
}

void fake_hsm_clone(struct hsm *hsm)
{
	struct fake_group *group = hsm->group;

	pthread_mutex_lock(&group->lock);
	fake_token_clone(&group->tokens[1], &group->tokens[0]);
	pthread_mutex_unlock(&group->lock);
}

static bool serves(const struct fake_group *group, uint32_t i)
{
	return i < group->count && group->tokens[i].status.state == HSM_SERVING;
}

static void set_state(struct fake_group *group, struct fake_token *token, enum hsm_state state,
		      enum hsm_cause cause)
{
	const uint32_t other = 1 - group->active;

	token->status.state = state;
	if (state != HSM_SERVING)
		token->status.cause = cause;
	if (serves(group, group->active) || !serves(group, other))
		return;
	group->active = other;
	group->generation++;
}

void fake_hsm_set_state(struct hsm *hsm, enum hsm_state state)
{
	struct fake_token *token = fake_take_token(hsm);

	set_state(hsm->group, token, state, state == HSM_SEALED ? HSM_CAUSE_PIN : HSM_CAUSE_DEVICE);
	fake_give_back(hsm);
}

void fake_hsm_fall(struct hsm *hsm, enum hsm_cause cause)
{
	struct fake_token *token = fake_take_token(hsm);
	const bool sealed = cause == HSM_CAUSE_PIN || cause == HSM_CAUSE_OPERATOR;

	set_state(hsm->group, token, sealed ? HSM_SEALED : HSM_STARTING, cause);
	fake_give_back(hsm);
}

void fake_hsm_set_serial(struct hsm *hsm, const char *serial)
{
	struct hsm_status *status = &fake_take_token(hsm)->status;

	snprintf(status->serial, sizeof(status->serial), "%s", serial);
	fake_give_back(hsm);
}

void fake_hsm_without_eddsa(struct hsm *hsm)
{
	fake_take_token(hsm)->without_eddsa = true;
	fake_give_back(hsm);
}

/* A start of the active token is a new generation of the HSM as well. */
static void start(struct fake_group *group, struct fake_token *token)
{
	token->status.generation++;
	if (token == &group->tokens[group->active])
		group->generation++;
	set_state(group, token, HSM_SERVING, HSM_CAUSE_NONE);
}

void fake_hsm_restart(struct hsm *hsm)
{
	struct fake_token *token = fake_take_token(hsm);

	token->status.restarts++;
	start(hsm->group, token);
	fake_give_back(hsm);
}

void fake_hsm_lose_key(struct hsm *hsm, size_t i)
{
	fake_take_token(hsm)->keys[i].lost = true;
	fake_give_back(hsm);
}

void fake_hsm_swap_key(struct hsm *hsm, size_t i)
{
	fake_key_swap(&fake_take_token(hsm)->keys[i]);
	fake_give_back(hsm);
}

void fake_hsm_flip(struct hsm *hsm, uint64_t n)
{
	struct fake_token *token = fake_take_token(hsm);

	token->flip_at = token->macs + n + 1;
	fake_give_back(hsm);
}

void fake_hsm_spoil_signature(struct hsm *hsm)
{
	fake_take_token(hsm)->spoil = true;
	fake_give_back(hsm);
}

size_t fake_hsm_key_count(struct hsm *hsm)
{
	size_t count = fake_take_token(hsm)->count;

	fake_give_back(hsm);
	return count;
}

uint64_t fake_hsm_macs(struct hsm *hsm)
{
	uint64_t macs = fake_take_token(hsm)->macs;

	fake_give_back(hsm);
	return macs;
}

uint64_t fake_hsm_signatures(struct hsm *hsm)
{
	uint64_t signatures = fake_take_token(hsm)->signatures;

	fake_give_back(hsm);
	return signatures;
}

uint32_t fake_hsm_wrong_pins(struct hsm *hsm)
{
	fake_take_token(hsm);
	uint32_t count = hsm->group->wrong_pins;
	fake_give_back(hsm);
	return count;
}

enum pm_err fake_check_state(const struct fake_token *token)
{
	if (token->status.state == HSM_SEALED)
		return PM_SEALED;
	return token->status.state == HSM_SERVING ? PM_OK : PM_HSM_UNAVAILABLE;
}

enum pm_err hsm_seal(struct hsm *hsm)
{
	struct fake_group *group = hsm->group;

	pthread_mutex_lock(&group->lock);
	for (uint32_t i = 0; i < group->count; i++) {
		group->tokens[i].status.state = HSM_SEALED;
		group->tokens[i].status.cause = HSM_CAUSE_OPERATOR;
	}
	pthread_mutex_unlock(&group->lock);
	return PM_OK;
}

static bool try_pin(struct fake_group *group, struct bytes pin)
{
	const bool right =
		pin.len == strlen(group->pin) && memcmp(pin.data, group->pin, pin.len) == 0;

	group->wrong_pins += !right;
	return right;
}

static enum pm_err unseal(struct fake_group *group, struct bytes pin)
{
	enum pm_err err = PM_CONFLICT;

	for (uint32_t i = 0; i < group->count; i++) {
		struct fake_token *token = &group->tokens[i];

		if (token->status.state != HSM_SEALED)
			continue;
		err = try_pin(group, pin) ? PM_OK : PM_SEALED;
		token->status.cause = HSM_CAUSE_PIN;
		if (err == PM_OK)
			start(group, token);
		else
			strcpy(token->status.reason, "the PIN was refused");
	}
	return err;
}

enum pm_err hsm_unseal(struct hsm *hsm, struct bytes pin, int64_t deadline)
{
	(void)deadline;
	if (pin.len == 0 || pin.len > PIN_MAX)
		return PM_BAD_REQUEST;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	pthread_mutex_lock(&hsm->group->lock);
	enum pm_err err = unseal(hsm->group, pin);
	pthread_mutex_unlock(&hsm->group->lock);
	return err;
}

static enum pm_err change_pin(struct fake_group *group, struct bytes old_pin, struct bytes new_pin)
{
	for (uint32_t i = 0; i < group->count; i++)
		TRY(fake_check_state(&group->tokens[i]));
	if (!try_pin(group, old_pin))
		return PM_DENIED;
	if (new_pin.len < PIN_MIN || new_pin.len > PIN_MAX)
		return PM_BAD_REQUEST;
	memcpy(group->pin, new_pin.data, new_pin.len);
	group->pin[new_pin.len] = '\0';
	return PM_OK;
}

enum pm_err hsm_change_pin(struct hsm *hsm, struct bytes old_pin, struct bytes new_pin,
			   int64_t deadline)
{
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	pthread_mutex_lock(&hsm->group->lock);
	enum pm_err err = change_pin(hsm->group, old_pin, new_pin);
	pthread_mutex_unlock(&hsm->group->lock);
	return err == PM_OK && fault_now() ? PM_OUTCOME_UNKNOWN : err;
}

struct hsm *hsm_member(struct hsm *hsm, size_t index)
{
	return index < hsm->group->count ? hsm->group->alone[index] : NULL;
}

enum pm_err hsm_switch(struct hsm *hsm, size_t member)
{
	struct fake_group *group = hsm->group;
	enum pm_err err = PM_OK;

	if (group->count < TOKENS_MAX || member >= group->count)
		return PM_CONFLICT;
	pthread_mutex_lock(&group->lock);
	if (group->active != member) {
		err = serves(group, (uint32_t)member) ? PM_OK : PM_HSM_UNAVAILABLE;
		group->generation += err == PM_OK;
		group->active = err == PM_OK ? (uint32_t)member : group->active;
	}
	pthread_mutex_unlock(&group->lock);
	return err;
}

void hsm_status(struct hsm *hsm, struct hsm_status *out)
{
	const struct fake_group *group = hsm->group;

	*out = fake_take_token(hsm)->status;
	out->members = group->count;
	out->active = group->active;
	if (hsm->only < 0)
		out->generation = group->generation;
	fake_give_back(hsm);
}
