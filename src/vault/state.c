#include "state.h"

#include <stdint.h>

#include "base/secret.h"

#define TO(state) (1u << (state))

/*
 * DESTROY_SCHEDULED goes back to where it came from only (the record's `prior`); ACTIVE is left only
 * in the commit in which another version becomes it. A version that is brought in, or adopted, begins as
 * VERIFY_ONLY.
 */
static const struct {
	struct state_rules rules;
	unsigned int next;
} states[] = {
	[MASTER_STAGED] = {
		{ .name = "STAGED", .in_token = true },
		TO(MASTER_ACTIVE) | TO(MASTER_DESTROYED) | TO(MASTER_DESTROY_SCHEDULED) |
			TO(MASTER_COMPROMISED),
	},
	[MASTER_ACTIVE] = {
		{ .name = "ACTIVE", .makes = true, .vouches = true, .in_token = true, .counted = true },
		TO(MASTER_VERIFY_ONLY) | TO(MASTER_COMPROMISED),
	},
	[MASTER_VERIFY_ONLY] = {
		{ .name = "VERIFY_ONLY", .vouches = true, .in_token = true, .counted = true },
		TO(MASTER_SUSPENDED) | TO(MASTER_COMPROMISED) | TO(MASTER_DESTROY_SCHEDULED),
	},
	[MASTER_SUSPENDED] = {
		{ .name = "SUSPENDED", .in_token = true, .counted = true },
		TO(MASTER_VERIFY_ONLY) | TO(MASTER_COMPROMISED) | TO(MASTER_DESTROY_SCHEDULED),
	},
	[MASTER_COMPROMISED] = {
		{ .name = "COMPROMISED",
		  .vouches = true,
		  .flagged = true,
		  .in_token = true,
		  .counted = true },
		TO(MASTER_DESTROY_SCHEDULED),
	},
	[MASTER_DESTROY_SCHEDULED] = {
		{ .name = "DESTROY_SCHEDULED", .in_token = true, .counted = true },
		TO(MASTER_VERIFY_ONLY) | TO(MASTER_SUSPENDED) | TO(MASTER_COMPROMISED) |
			TO(MASTER_STAGED) | TO(MASTER_DESTROYED),
	},
	[MASTER_DESTROYED] = { { .name = "DESTROYED" }, 0 },
};

static enum master_state known(enum master_state state)
{
	return state >= MASTER_STAGED && state <= MASTER_DESTROY_SCHEDULED ? state
									   : MASTER_DESTROYED;
}

const struct state_rules *state_rules(enum master_state state)
{
	return &states[known(state)].rules;
}

bool state_may_follow(enum master_state from, enum master_state to)
{
	return known(to) == to && (states[known(from)].next & TO(to)) != 0;
}

bool state_is_finished(const struct master_record *record)
{
	static const uint8_t none[STORE_CHECK_LEN];

	return !secret_equal(record->check, none, sizeof(none));
}

bool state_in_token(const struct master_record *record)
{
	return state_rules(record->state)->in_token && state_is_finished(record);
}
