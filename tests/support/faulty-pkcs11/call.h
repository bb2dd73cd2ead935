/*
 * One call from the program, from its arrival to its answer: counted, struck by the rules that are
 * due, logged. wrap.h makes the real call between these.
 */
#ifndef FAULTY_CALL_H
#define FAULTY_CALL_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "calls.h"
#include "rules.h"

#define NO_SESSION CK_INVALID_HANDLE

struct call {
	enum call_id id;
	CK_RV rv;
	struct fault due[RULES_MAX]; /* what strikes this call, in the order of the rules */
	size_t due_count;
	struct quirks quirks; /* as they were when it came */
};

/* What runs together in the output counts as one string of bits. */
struct block {
	void *data;
	size_t len;
};

/* Once, before anything else. */
void call_setup(CK_FUNCTION_LIST *real);

/* True: the real call is to be made. False: `rv` is the answer. */
bool call_begin(struct call *call, enum call_id id, CK_SESSION_HANDLE session);

/* Stand around the real call, and keep it apart from the dropping of sessions. */
void call_enter(const struct call *call);
void call_leave(const struct call *call);

/* Whether there is output, and a rule that flips a bit of it. Then these do. */
bool call_flips(const struct call *call);
void call_flip(const struct call *call, const struct block *blocks, size_t count);
void call_flip_attributes(const struct call *call, const CK_ATTRIBUTE *attributes, CK_ULONG count);

/* What follows the answer. Returns it. */
CK_RV call_end(struct call *call);

#endif
