/* Accounts and operators for unit tests: in `live`, where no account is let in that nobody registered. */
#ifndef UNIT_VAULT_PEOPLE_FIXTURE_H
#define UNIT_VAULT_PEOPLE_FIXTURE_H

#include "vault_fixture.h"

#define BOSS "boss"   /* SUPERADMIN of every account */
#define ROOT "root"   /* SUPERADMIN of acme */
#define ADMIN "admin" /* ADMIN of acme */
#define PIN "4711"

/* cmocka's setup: policies are the strictest, the clock is the real one. With fixture_teardown. */
int people_setup(void **state);

/* A portal that acts for the operator, with a new request id. */
struct actor *people_portal(struct fixture *f, const char *operator_name);

/* Makes an account APPROVED with product `pay`; an operator with one grant, and the PIN unless that is NULL. */
void people_account(struct fixture *f, const char *id);
void people_operator(struct fixture *f, const char *id, const char *account,
		     enum operator_role role, const char *pin);

/* All of the names above, with PIN, and account acme. */
void people_all(struct fixture *f);

enum pm_err people_status(struct fixture *f, const char *id, enum vault_account_status status);
enum pm_err people_product(struct fixture *f, const char *id, const char *product, bool enabled);

/* Mints in the account for `pay` as the actor. */
enum pm_err people_mint(struct fixture *f, struct actor *actor, const char *account,
			struct key_info *info, struct key_text *text);

/* A portal as above, with the PIN and a confirmation for that act and subject. */
struct actor *people_stepped_up(struct fixture *f, const char *operator_name, enum vault_act act,
				const char *subject, const char *pin);

struct operator_info people_find(struct fixture *f, const char *operator_name);

#endif
