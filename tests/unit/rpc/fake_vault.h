/*
 * A vault behind vault.h for the rpc layer's tests: remembers what it was asked and answers as it
 * was told. Two environments, "test" (0) and "live" (1). Any thread.
 */
#ifndef TEST_FAKE_VAULT_H
#define TEST_FAKE_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vault/vault.h"

#define FAKE_SECRET "ak_test_0123456789ABCDEF_the-secret-of-this-key"

/* What the vault was last asked, copied. */
struct fake_asked {
	uint32_t uid, gid, pid, rpc;
	uint64_t connection;
	char caller[VAULT_CALLER_MAX + 1];
	char operator[VAULT_OPERATOR_MAX + 1];
	char request_id[VAULT_REQUEST_ID_MAX + 1];
	int64_t deadline;
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char name[VAULT_NAME_MAX + 1]; /* key id, account or pepper */
	int64_t number;                /* expires_at, overlap, page size or index */
	size_t count;
	bool on_behalf;
	uint32_t environments;
	char confirmation[64], authorization[300];
	char pin[VAULT_OPERATOR_PIN_MAX + 1];
};

struct vault *fake_vault(void);
void fake_reset(void);

/* Every call ends in this error from now on; PM_OK: in its ordinary result. */
void fake_fail(enum pm_err err);

/* Calls in the environment wait until fake_release, or for their deadline. */
void fake_hold(const char *environment);
void fake_release(void);

/* Ordinary results are this large from now on: keys of a page, versions of a pepper, logs … */
void fake_size(size_t size);

/* Calls give a receipt from now on: FAKE_LOG, FAKE_INDEX, and 32 bytes 0x5a. */
#define FAKE_LOG 3
#define FAKE_INDEX 41
void fake_give_receipts(bool give);

/* What the audit log was told of refusals and failures. */
struct fake_told {
	unsigned refusals, failures;                          /* so far */
	struct fake_asked actor;                              /* the last one's */
	char rpc[32], environment[VAULT_ENVIRONMENT_MAX + 1]; /* "NULL" for NULL */
	enum pm_err why;
	uint64_t missed; /* in entries that were taken */
};
struct fake_told fake_told(void);
void fake_await_told(unsigned count);

/* How that ends from now on. While FAKE_TELLING is held, it waits, or until its deadline. */
void fake_tell_fails(enum pm_err err);
#define FAKE_TELLING "telling" /* for fake_hold */

/* The last query of the log, its texts joined by spaces; and the length of each entry in it. */
struct fake_query {
	uint32_t report, log, max;
	uint64_t first;
	char texts[512];
	int64_t since, until;
	bool failures;
};
struct fake_query fake_query(void);
void fake_entry_len(size_t len);

/* Calls that have come in, have gone out again, and have gone out with PM_OK. */
unsigned fake_entered(void);
unsigned fake_left(void);
unsigned fake_executed(void);
void fake_await_entered(unsigned count);

struct fake_asked fake_asked(void);

/* What ChangeMaster was asked, and the PINs that came, with \n behind each; "" for none. */
struct fake_change {
	char purpose[32], name[64];
	uint32_t version, verb;
	int64_t after;
	bool dry_run, force;
};
struct fake_change fake_change(void);
void fake_pins(char text[1024]);
/* What the vault says of its next failure; NULL: nothing. */
void fake_why(const char *why);

/* All else that a call about keys, accounts or operators brought, as text; "" before the first. */
void fake_details(char text[4096]);

/* For the other halves of the fake: what every call does, and how large its result is. */
enum pm_err fake_enter(struct vault *vault, struct actor *actor, const char *environment,
		       const char *name, int64_t number, size_t count);
size_t fake_result_size(struct vault *vault, size_t most);

#endif
