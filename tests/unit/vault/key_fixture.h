/* API keys of environment `live`, made and changed as callers do. Any account is let in. */
#ifndef UNIT_KEY_FIXTURE_H
#define UNIT_KEY_FIXTURE_H

#include "domain.h"
#include "vault_fixture.h"

/* cmocka's; the clock is the real one again. */
int keys_setup(void **state);

struct vault_policy *keys_policy(struct fixture *f); /* to be changed by a test */
struct environment *keys_environment(struct fixture *f);

/* What a plain key is minted with: account acme, product pay. */
struct mint_params keys_params(void);
enum pm_err keys_mint_as(struct fixture *f, const struct mint_params *params, struct key_info *info,
			 struct key_secret *secret);
/* These assert that it worked. */
void keys_mint(struct fixture *f, struct key_info *info, struct key_secret *secret);
void keys_get(struct fixture *f, const char *id, struct key_info *info);
void keys_revoke(struct fixture *f, const char *id);

enum pm_err keys_rotate(struct fixture *f, const char *id, int64_t overlap, bool force,
			struct key_info *info, struct key_secret *secret);
/* With first_use. */
enum pm_err keys_rotate_later(struct fixture *f, const char *id, int64_t overlap,
			      struct key_info *info, struct key_secret *secret);
/* With the confirmation that it needs. */
enum pm_err keys_reset(struct fixture *f, const char *id, struct key_info *info,
		       struct key_secret *secret);
enum pm_err keys_rollback(struct fixture *f, const char *id, struct key_info *info);

bool keys_verifies(struct fixture *f, const struct key_secret *secret);
enum pm_reason keys_refusal(struct fixture *f, const struct key_secret *secret);

#endif
