#include "key_fixture.h"

#include <stdio.h>
#include <string.h>

#include "fake_clock.h"

struct environment *keys_environment(struct fixture *f)
{
	return &f->vault->environments[LIVE_ENV];
}

struct vault_policy *keys_policy(struct fixture *f)
{
	return &keys_environment(f)->policy;
}

int keys_setup(void **state)
{
	fake_clock_reset();
	fixture_setup(state);
	return 0;
}

struct mint_params keys_params(void)
{
	return (struct mint_params){
		.environment = "live", .account = "acme", .product = "pay", .name = "till"
	};
}

enum pm_err keys_mint_as(struct fixture *f, const struct mint_params *params, struct key_info *info,
			 struct key_secret *secret)
{
	return vault_mint(f->vault, fixture_actor(f), params, info, secret);
}

void keys_mint(struct fixture *f, struct key_info *info, struct key_secret *secret)
{
	const struct mint_params params = keys_params();

	assert_int_equal(keys_mint_as(f, &params, info, secret), PM_OK);
}

void keys_get(struct fixture *f, const char *id, struct key_info *info)
{
	assert_int_equal(vault_get(f->vault, fixture_actor(f), "live", id, info), PM_OK);
}

void keys_revoke(struct fixture *f, const char *id)
{
	struct key_info info;

	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", id, &info), PM_OK);
	assert_int_equal(info.state, KEY_REVOKED);
}

enum pm_err keys_rotate(struct fixture *f, const char *id, int64_t overlap, bool force,
			struct key_info *info, struct key_secret *secret)
{
	const struct rotate_params params = {
		.environment = "live", .key_id = id, .overlap = overlap, .force = force
	};

	return vault_rotate(f->vault, fixture_actor(f), &params, info, secret);
}

enum pm_err keys_rotate_later(struct fixture *f, const char *id, int64_t overlap,
			      struct key_info *info, struct key_secret *secret)
{
	const struct rotate_params params = {
		.environment = "live", .key_id = id, .overlap = overlap, .first_use = true
	};

	return vault_rotate(f->vault, fixture_actor(f), &params, info, secret);
}

enum pm_err keys_reset(struct fixture *f, const char *id, struct key_info *info,
		       struct key_secret *secret)
{
	const struct rotate_params params = { .environment = "live", .key_id = id };
	struct confirmation confirmation;
	struct actor *actor = fixture_actor(f);

	assert_int_equal(vault_confirm(f->vault, actor, "live", ACT_RESET, id, &confirmation),
			 PM_OK);
	actor = fixture_actor(f);
	actor->confirmation = confirmation.token;
	return vault_reset(f->vault, actor, &params, info, secret);
}

enum pm_err keys_rollback(struct fixture *f, const char *id, struct key_info *info)
{
	return vault_rollback(f->vault, fixture_actor(f), "live", id, info);
}

bool keys_verifies(struct fixture *f, const struct key_secret *secret)
{
	return fixture_verify(f, "live", secret->text.text).valid;
}

enum pm_reason keys_refusal(struct fixture *f, const struct key_secret *secret)
{
	struct verdict verdict = fixture_verify(f, "live", secret->text.text);

	assert_false(verdict.valid);
	assert_int_equal(verdict.error, PM_OK);
	return verdict.reason;
}
