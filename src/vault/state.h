/*
 * The states of a master key and what they allow: one table for every purpose, after NIST SP 800-57
 * part 1, section 7. No state of its own.
 */
#ifndef VAULT_STATE_H
#define VAULT_STATE_H

#include <stdbool.h>

#include "store/store.h"

struct state_rules {
	const char *name; /* "VERIFY_ONLY" */
	bool makes;       /* new MACs, hashes, signatures */
	bool vouches;     /* what it made verifies */
	bool flagged;     /* and the answer says that the key is compromised */
	bool in_token;    /* its object must be there and have its check value, if it has one */
	bool counted;     /* it is one of the versions that records may need */
};

/* Never NULL: a number that is no state has DESTROYED's rules. */
const struct state_rules *state_rules(enum master_state state);

/* Whether `to` may follow on `from`. */
bool state_may_follow(enum master_state from, enum master_state to);

/* Was it ever made? A STAGED one without a check value is an intent: nothing knows what became of it. */
bool state_is_finished(const struct master_record *record);

/* Must its object be in the token? */
bool state_in_token(const struct master_record *record);

#endif
