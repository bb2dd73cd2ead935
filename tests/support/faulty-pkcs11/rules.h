/*
 * The rule file: what goes wrong, at which call, and what the token is like. README.md has the
 * grammar.
 */
#ifndef FAULTY_RULES_H
#define FAULTY_RULES_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "calls.h"

#define RULES_MAX 64
#define RULES_VERSION_MAX 128
#define QUIRKS_MAX 16 /* of a kind */
#define RULE_TEXT_MAX 256
#define WITHOUT_END (~0UL)

enum action {
	ACTION_RETURN,
	ACTION_HANG,
	ACTION_CRASH,
	ACTION_DELAY,
	ACTION_FLIP,
	ACTION_DROP_SESSIONS,
	ACTION_FORGET_SESSIONS,
	ACTION_DROP_LOGIN,
};

struct fault {
	bool after; /* when the real call has been made */
	enum action action;
	unsigned long argument; /* a CK_RV, a signal, milliseconds or a bit */
};

/* Something that happens at certain calls. */
struct rule {
	enum call_id call;
	unsigned long nth, times; /* from the nth such call on, so many times */
	struct fault fault;
	char text[RULE_TEXT_MAX];
};

struct numbers {
	size_t count;
	unsigned long values[QUIRKS_MAX], answers[QUIRKS_MAX];
};

enum encoding { POINT_AS_IT_IS, POINT_RAW, POINT_OCTETS, POINT_BITS };

/* What the token is like as long as the file says so. */
struct quirks {
	struct numbers hidden_mechanisms, feigned_mechanisms, hidden_attributes;
	struct numbers refused_attributes; /* each with the CK_RV that refuses it */
	CK_FLAGS token_flags;
	CK_ULONG max_sessions; /* or WITHOUT_END */
	bool tells_max_sessions;
	CK_ULONG told_max_sessions;
	enum encoding point;
	bool stray_byte;
	bool named_params;
	bool cant_lock;
	bool wants_init_args;
	char init_args[RULE_TEXT_MAX];
	CK_ULONG pin_tries; /* 0: as the real module does */
};

struct rules {
	char version[RULES_VERSION_MAX]; /* of the file: changes with it */
	bool broken;                     /* a line of it is no rule: no call is to succeed */
	size_t count;
	struct rule list[RULES_MAX];
	struct quirks quirks;
};

/*
 * Reads the file again if it is another one than last time. NULL, or no such file: no rules. What
 * is wrong with a line is said on standard error.
 */
void rules_refresh(struct rules *rules, const char *path);

/* Finds a value; NULL when it is not there. Its answer is then at the same place. */
const unsigned long *numbers_find(const struct numbers *numbers, unsigned long value);

#endif
