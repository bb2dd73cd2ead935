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
	char caller[VAULT_CALLER_MAX + 1];
	char operator[VAULT_OPERATOR_MAX + 1];
	char request_id[VAULT_REQUEST_ID_MAX + 1];
	int64_t deadline;
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char name[VAULT_NAME_MAX + 1]; /* key id, account or pepper */
	int64_t number;                /* expires_at, overlap or page size */
	size_t count;
};

struct vault *fake_vault(void);
void fake_reset(void);

/* Every call ends in this error from now on; PM_OK: in its ordinary result. */
void fake_fail(enum pm_err err);

/* Calls in the environment wait until fake_release, or for their deadline. */
void fake_hold(const char *environment);
void fake_release(void);

/* Ordinary results are this large from now on: keys of a page, versions of a pepper. */
void fake_size(size_t size);

/* Calls that have come in, have gone out again, and have gone out with PM_OK. */
unsigned fake_entered(void);
unsigned fake_left(void);
unsigned fake_executed(void);
void fake_await_entered(unsigned count);

struct fake_asked fake_asked(void);

#endif
