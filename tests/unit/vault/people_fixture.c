#include "people_fixture.h"

#include <string.h>

#include "fake_clock.h"

int people_setup(void **state)
{
	fake_clock_reset();
	fixture_setup_unattached(state);
	struct fixture *f = *state;

	for (int i = 0; i < ENVS; i++)
		f->policy[i] = (struct vault_policy){ .any_account = false };
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	return 0;
}

struct actor *people_portal(struct fixture *f, const char *operator_name)
{
	struct actor *actor = fixture_actor(f);

	actor->uid = 2000;
	actor->caller = "portal";
	actor->on_behalf = true;
	actor->operator_name = operator_name;
	return actor;
}

void people_account(struct fixture *f, const char *id)
{
	const struct product_info products[] = { { .name = "pay", .enabled = true } };
	const struct account_params params = {
		.environment = "live",
		.id = id,
		.name = "A merchant",
		.merchant = "",
		.first_product = "",
		.status = VAULT_ACCOUNT_APPROVED,
		.products = products,
		.product_count = 1,
	};
	struct account_info info;
	struct key_secret secret;

	assert_int_equal(vault_create_account(f->vault, fixture_actor(f), &params, &info, &secret),
			 PM_OK);
}

void people_operator(struct fixture *f, const char *id, const char *account,
		     enum operator_role role, const char *pin)
{
	struct grant grant = { .role = role };
	struct operator_params params = {
		.environment = "live",
		.id = id,
		.name = "A person",
		.grants = &grant,
		.grant_count = 1,
	};
	struct operator_info info;

	strcpy(grant.account, account);
	if (pin)
		params.new_pin = bytes_str(pin);
	assert_int_equal(vault_create_operator(f->vault, fixture_actor(f), &params, &info), PM_OK);
}

void people_all(struct fixture *f)
{
	people_account(f, "acme");
	people_operator(f, BOSS, "*", OPERATOR_SUPERADMIN, PIN);
	people_operator(f, ROOT, "acme", OPERATOR_SUPERADMIN, PIN);
	people_operator(f, ADMIN, "acme", OPERATOR_ADMIN, PIN);
}

enum pm_err people_status(struct fixture *f, const char *id, enum vault_account_status status)
{
	const struct account_params params = { .environment = "live", .id = id, .status = status };
	struct account_info info;
	struct key_secret secret;

	return vault_update_account(f->vault, fixture_actor(f), &params, &info, &secret);
}

enum pm_err people_product(struct fixture *f, const char *id, const char *product, bool enabled)
{
	struct product_info change = { .enabled = enabled };
	const struct account_params params = {
		.environment = "live", .id = id, .products = &change, .product_count = 1
	};
	struct account_info info;
	struct key_secret secret;

	strcpy(change.name, product);
	return vault_update_account(f->vault, fixture_actor(f), &params, &info, &secret);
}

enum pm_err people_mint(struct fixture *f, struct actor *actor, const char *account,
			struct key_info *info, struct key_text *text)
{
	const struct mint_params params = {
		.environment = "live", .account = account, .product = "pay", .name = "till"
	};
	struct key_secret secret;

	enum pm_err err = vault_mint(f->vault, actor, &params, info, &secret);
	*text = secret.text;
	return err;
}

struct actor *people_stepped_up(struct fixture *f, const char *operator_name, enum vault_act act,
				const char *subject, const char *pin)
{
	static struct confirmation confirmation;

	assert_int_equal(vault_confirm(f->vault, people_portal(f, operator_name), "live", act,
				       subject, &confirmation),
			 PM_OK);
	struct actor *actor = people_portal(f, operator_name);
	actor->confirmation = confirmation.token;
	actor->pin = bytes_str(pin);
	return actor;
}

struct operator_info people_find(struct fixture *f, const char *operator_name)
{
	struct operator_info infos[16], found = { .id = "" };
	size_t count = 0;
	uint64_t total = 0;
	bool more = false;

	assert_int_equal(vault_list_operators(f->vault, fixture_actor(f), "live", "", "", infos, 16,
					      &count, &total, &more),
			 PM_OK);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(infos[i].id, operator_name) == 0)
			found = infos[i];
	}
	return found;
}
