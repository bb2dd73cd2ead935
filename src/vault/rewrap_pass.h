/* One rewrap: what its files share. By one thread at a time, but for `left`. */
#ifndef VAULT_REWRAP_PASS_H
#define VAULT_REWRAP_PASS_H

#include <stdatomic.h>

#include "environment.h"

#define REWRAP_BATCH_MAX 48 /* records of one commit */

enum rewrap_kind { REWRAP_SECRETS, REWRAP_SEALS, REWRAP_KINDS };

struct rewrap_pass {
	enum rewrap_kind kind;
	uint32_t version; /* the active one, to which records are moved; 0: nothing is under way */
	char after[STORE_ID_LEN + 1]; /* the key that it is past */
	size_t batch;                 /* keys to look at: fewer after a conflict */
	/* After the keys: accounts, then operators, and the one that it is past. */
	enum { PEOPLE_ACCOUNTS, PEOPLE_OPERATORS, PEOPLE_DONE } people;
	char after_person[STORE_ACCOUNT_MAX + 1];
	bool changed;               /* this pass moved something, or passed something over */
	uint64_t too_deep, altered; /* left alone, in this pass */
	atomic_uint_fast64_t left;  /* secrets, or records */
};

/* A batch of keys. *end: there are none after `after`. */
enum pm_err rewrap_keys(struct environment *env, struct rewrap_pass *pass, bool *end,
			int64_t deadline) NODISCARD;

/* The same of accounts and operators, where that is the kind, once no key is left. */
enum pm_err rewrap_people(struct environment *env, struct rewrap_pass *pass, bool *end,
			  int64_t deadline) NODISCARD;

/*
 * Inside a change of the environment, when no key is left: seals the environment's record and those of
 * all master keys anew, where that is the kind.
 */
enum pm_err rewrap_founding(struct environment *env, struct rewrap_pass *pass,
			    int64_t deadline) NODISCARD;

void rewrap_count_moved(struct rewrap_pass *pass, uint64_t moved);

#endif
