/*
 * What outlives a call, and with FAULTY_STATE also the process: how many calls each function has
 * had, how often each rule was reached and fired, and the wrong PINs of each slot. Between
 * state_open and state_close no other thread or process sees or changes it.
 */
#ifndef FAULTY_STATE_H
#define FAULTY_STATE_H

#include <p11-kit/pkcs11.h>

#include "calls.h"
#include "rules.h"

#define PIN_SLOTS_MAX 16

struct state {
	const struct rules *rules;            /* as the file says now */
	unsigned long calls[CALLS_COUNT + 1]; /* the last: any */
	char version[RULES_VERSION_MAX];      /* of the rules that are counted here */
	struct {
		unsigned long seen, fired;
	} counts[RULES_MAX]; /* of the rules, in their order */
	struct {
		CK_SLOT_ID slot;
		unsigned long wrong; /* PINs in a row */
	} pins[PIN_SLOTS_MAX];
};

/* Once, before anything else: takes FAULTY_RULES and FAULTY_STATE from the environment. */
void state_setup(void);

/* What is not readable starts anew, and so do the counts of rules whose file is another one now. */
struct state *state_open(void);
void state_close(void);

/* Wrong PINs in a row of a slot; never NULL, but the last one is shared when there are too many. */
unsigned long *state_wrong_pins(struct state *state, CK_SLOT_ID slot);

#endif
