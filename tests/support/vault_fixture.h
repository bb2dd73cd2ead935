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
#include <jansson.h>

#include "fake_hsm.h"
#include "store/store.h"
#include "tmpdir.h"
#include "vault/audit.h"
#include "vault/vault.h"

enum { TEST_ENV, LIVE_ENV, ENVS };

struct fixture {
	char dir[TMPDIR_MAX];
	struct store *store;
	struct hsm *hsm[ENVS];
	struct vault *vault;
	struct actor actor;
	char request_id[33];
	char anchor[TMPDIR_MAX + 8];
	struct vault_audit_config audit;  /* changed by tests before fixture_reopen */
	struct vault_policy policy[ENVS]; /* likewise; at first any account, and no step-up */
};

/* cmocka's setup and teardown: *state is the fixture. The vault is attached. */
int fixture_setup(void **state);
int fixture_setup_unattached(void **state); /* without vault_tend */
int fixture_teardown(void **state);

/* Closes vault and store and opens them again over the same directory and HSMs; not attached. */
void fixture_reopen(struct fixture *f);

/* The actor with a request id not used before. */
struct actor *fixture_actor(struct fixture *f);

/* The calls as most tests need them: of texts that are in clear and stand alone. */
enum pm_err fixture_mint_text(struct vault *vault, struct actor *actor,
			      const struct mint_params *params, struct key_info *info,
			      struct key_text *text);
enum pm_err fixture_rotate_text(struct vault *vault, struct actor *actor,
				const struct rotate_params *params, struct key_info *info,
				struct key_text *text);
enum pm_err fixture_verify_texts(struct vault *vault, struct actor *actor, const char *environment,
				 const struct bytes *texts, size_t count, struct verdict *verdicts);

/* Mints in `live` for account "acme" and asserts that it worked. */
void fixture_mint(struct fixture *f, struct key_info *info, struct key_text *text);

/* The one verdict for a text; asserts that there is one. */
struct verdict fixture_verify(struct fixture *f, const char *environment, const char *text);

/* A well-formed `live` key text with that id and a secret of no vault. */
void fixture_craft(struct key_text *text, const char *id);

/* After a failure of the disk: the vault tries from time to time whether it takes entries again. */
void fixture_until_admitted(struct fixture *f);

/*
 * The audit log's entries of that type, of all types with "", oldest first: a JSON array, the
 * caller's. Counts that are not entries yet are made entries first. Asserts that every entry is one
 * object with its index.
 */
json_t *fixture_entries(struct fixture *f, const char *type);
/* How many there are, and the newest of them (there must be one), the caller's as well. */
size_t fixture_count_entries(struct fixture *f, const char *type);
json_t *fixture_newest_entry(struct fixture *f, const char *type);
/* Is the text anywhere in the log, in any entry? */
bool fixture_log_has(struct fixture *f, const char *text);

/* A text or number field of an entry; asserts that it is there. */
const char *entry_text(const json_t *entry, const char *field);
int64_t entry_number(const json_t *entry, const char *field);

/* Runs SQL on the database behind the vault's back. */
void fixture_sql(struct fixture *f, const char *sql);

#endif
