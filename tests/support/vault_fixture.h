/*
 * A vault over a real store in a directory of its own and a fake HSM for each of two environments,
 * `test` and `live`. Used by the unit tests and by the sweeps in tests/fault.
 */
#ifndef SUPPORT_VAULT_FIXTURE_H
#define SUPPORT_VAULT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fake_hsm.h"
#include "store/store.h"
#include "tmpdir.h"
#include "vault/vault.h"

enum { TEST_ENV, LIVE_ENV, ENVS };

struct fixture {
	char dir[TMPDIR_MAX];
	struct store *store;
	struct hsm *hsm[ENVS];
	struct vault *vault;
	struct actor actor;
	char request_id[33];
};

/* cmocka's setup and teardown: *state is the fixture. The vault is attached. */
int fixture_setup(void **state);
int fixture_setup_unattached(void **state); /* without vault_tend */
int fixture_teardown(void **state);

/* Closes vault and store and opens them again over the same directory and HSMs; not attached. */
void fixture_reopen(struct fixture *f);

/* The actor with a request id not used before. */
struct actor *fixture_actor(struct fixture *f);

/* Mints in `live` for account "acme" and asserts that it worked. */
void fixture_mint(struct fixture *f, struct key_info *info, struct key_text *text);

/* The one verdict for a text; asserts that there is one. */
struct verdict fixture_verify(struct fixture *f, const char *environment, const char *text);

/* A well-formed `live` key text with that id and a secret of no vault. */
void fixture_craft(struct key_text *text, const char *id);

/* Runs SQL on the database behind the vault's back. */
void fixture_sql(struct fixture *f, const char *sql);

#endif
