/* Keys and accounts of environment `live`, and requests in which keys are presented. */
#ifndef UNIT_VERIFY_FIXTURE_H
#define UNIT_VERIFY_FIXTURE_H

#include "domain.h"
#include "vault_fixture.h"

/* cmocka's; the clock is the real one again. */
int verify_setup(void **state);

struct environment *verify_environment(struct fixture *f);

/* Creates the account, approved, with that product enabled. */
void verify_open_account(struct fixture *f, const char *id, const char *product);
void verify_set_status(struct fixture *f, const char *id, enum vault_account_status status);
void verify_set_product(struct fixture *f, const char *id, const char *product, bool enabled);

void verify_mint(struct fixture *f, const struct mint_params *params, struct key_info *info,
		 struct key_text *text);

/* What is said of a request; asserts that there is a verdict, and that it is whole. */
struct verdict verify_request(struct fixture *f, const struct presented *presented);
void assert_verdict(struct verdict verdict, enum pm_reason reason); /* PM_REASON_NONE: valid */
void assert_request(struct fixture *f, const struct presented *presented, enum pm_reason reason);
void assert_text(struct fixture *f, const char *text, enum pm_reason reason);

/* As the store has it, with what is not written yet. */
uint64_t verify_uses(struct fixture *f, const char *key_id);

#endif
