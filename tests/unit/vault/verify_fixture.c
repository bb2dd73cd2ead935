#include "verify_fixture.h"

#include <string.h>

#include "base/cleanup.h"
#include "fake_clock.h"
#include "key_uses.h"

int verify_setup(void **state)
{
	fake_clock_reset();
	return fixture_setup(state);
}

struct environment *verify_environment(struct fixture *f)
{
	return &f->vault->environments[LIVE_ENV];
}

static void update(struct fixture *f, struct account_params *params)
{
	struct key_secret secret CLEANUP(key_secret_wipe) = { .sealed = "" };
	struct account_info info;

	params->environment = "live";
	assert_int_equal(vault_update_account(f->vault, fixture_actor(f), params, &info, &secret),
			 PM_OK);
}

void verify_open_account(struct fixture *f, const char *id, const char *product)
{
	struct key_secret secret CLEANUP(key_secret_wipe) = { .sealed = "" };
	struct product_info enabled = { .enabled = true };
	struct account_info info;
	const struct account_params params = {
		.environment = "live",
		.id = id,
		.status = VAULT_ACCOUNT_APPROVED,
		.products = &enabled,
		.product_count = 1,
	};

	strcpy(enabled.name, product);
	assert_int_equal(vault_create_account(f->vault, fixture_actor(f), &params, &info, &secret),
			 PM_OK);
}

void verify_set_status(struct fixture *f, const char *id, enum vault_account_status status)
{
	struct account_params params = { .id = id, .status = status };

	update(f, &params);
}

void verify_set_product(struct fixture *f, const char *id, const char *product, bool enabled)
{
	struct product_info change = { .enabled = enabled };
	struct account_params params = { .id = id, .products = &change, .product_count = 1 };

	strcpy(change.name, product);
	update(f, &params);
}

void verify_mint(struct fixture *f, const struct mint_params *params, struct key_info *info,
		 struct key_text *text)
{
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), params, info, text), PM_OK);
}

struct verdict verify_request(struct fixture *f, const struct presented *presented)
{
	struct verdict verdict;

	assert_int_equal(
		vault_verify(f->vault, fixture_actor(f), "live", presented, 1, &verdict, NULL),
		PM_OK);
	assert_int_equal(verdict.error, PM_OK);
	return verdict;
}

void assert_verdict(struct verdict verdict, enum pm_reason reason)
{
	assert_string_equal(peppermint_reason_name(verdict.reason), peppermint_reason_name(reason));
	assert_int_equal(verdict.valid, reason == PM_REASON_NONE);
	assert_int_equal(verdict.key_id[0] != '\0', verdict.valid);
	assert_int_equal(verdict.account[0] != '\0', verdict.valid);
}

void assert_request(struct fixture *f, const struct presented *presented, enum pm_reason reason)
{
	assert_verdict(verify_request(f, presented), reason);
}

void assert_text(struct fixture *f, const char *text, enum pm_reason reason)
{
	const struct presented presented = { .key = bytes_str(text) };

	assert_request(f, &presented, reason);
}

uint64_t verify_uses(struct fixture *f, const char *key_id)
{
	struct key_use_record use = { .uses = 0 };

	enum pm_err err = store_get_key_use(f->store, "live", key_id, &use);
	assert_true(err == PM_OK || err == PM_NOT_FOUND);
	strcpy(use.environment, "live");
	strcpy(use.id, key_id);
	key_uses_add(verify_environment(f), &use);
	return use.uses;
}
