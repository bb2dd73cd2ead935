/* Who may what on whose behalf, and what nobody gets by being clever. */
#include "people_fixture.h"

#include <stdio.h>
#include <string.h>

#include "authority.h"
#include "fake_clock.h"

static int setup_without_step_up(void **state)
{
	people_setup(state);
	struct fixture *f = *state;

	for (int i = 0; i < ENVS; i++)
		f->policy[i] = (struct vault_policy){ .no_step_up = true };
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	return 0;
}

static struct environment *live(struct fixture *f)
{
	return &f->vault->environments[LIVE_ENV];
}

static enum pm_err over_keys(struct fixture *f, struct actor *actor, const char *account)
{
	return authority_over_keys(f->vault, live(f), actor, account, 0, "", NULL);
}

static enum pm_err over_account(struct fixture *f, struct actor *actor, const char *account,
				enum authority_need need, enum vault_act act)
{
	return authority_over_account(f->vault, live(f), actor, account, need, act, "");
}

static const struct {
	const char *name;
	enum operator_role role;
	bool keys, account, sees_operators, changes_operators;
} roles[] = {
	{ "superadmin", OPERATOR_SUPERADMIN, true, true, true, true },
	{ "an-admin", OPERATOR_ADMIN, true, true, false, false },
	{ "viewer", OPERATOR_VIEWER, false, true, false, false },
	{ "auditor", OPERATOR_AUDITOR, false, true, true, false },
};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

static void assert_role(struct fixture *f, const char *who, size_t i, const char *account, bool his)
{
	const enum pm_err no = PM_NOT_FOUND;

	assert_int_equal(over_keys(f, people_portal(f, who), account),
			 his && roles[i].keys ? PM_OK : no);
	assert_int_equal(over_account(f, people_portal(f, who), account, NEED_ACCOUNT, 0),
			 his && roles[i].account ? PM_OK : no);
	assert_int_equal(over_account(f, people_portal(f, who), account, NEED_OPERATORS, 0),
			 his && roles[i].sees_operators ? PM_OK : no);
	assert_int_equal(
		over_account(f, people_portal(f, who), account, NEED_OPERATORS, ACT_OPERATORS),
		his && roles[i].changes_operators ? PM_OK : no);
}

static void each_role_may_what_it_says_in_its_own_account_and_nothing_in_another(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ROLES; i++) {
		people_operator(f, roles[i].name, "acme", roles[i].role, NULL);
		assert_role(f, roles[i].name, i, "acme", true);
		assert_role(f, roles[i].name, i, "other", false);
		assert_role(f, roles[i].name, i, "*", false);
		assert_role(f, roles[i].name, i, "acm", false);
		assert_role(f, roles[i].name, i, "", false);
	}
}

static void a_role_in_every_account_is_one_in_any(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ROLES; i++) {
		people_operator(f, roles[i].name, "*", roles[i].role, NULL);
		assert_role(f, roles[i].name, i, "acme", true);
		assert_role(f, roles[i].name, i, "*", true);
	}
}

static void who_is_not_named_unknown_disabled_or_named_twice_finds_nothing(void **state)
{
	struct fixture *f = *state;
	const struct operator_params disable = {
		.environment = "live", .id = ADMIN, .set_disabled = true, .disabled = true
	};
	struct operator_info info;

	people_all(f);
	assert_int_equal(over_keys(f, people_portal(f, ""), "acme"), PM_NOT_FOUND);
	assert_int_equal(over_keys(f, people_portal(f, "nobody"), "acme"), PM_NOT_FOUND);
	struct actor *actor = people_portal(f, ADMIN);
	actor->authorization = "Bearer x";
	assert_int_equal(over_keys(f, actor, "acme"), PM_NOT_FOUND);
	assert_int_equal(over_keys(f, people_portal(f, ADMIN), "acme"), PM_OK);
	assert_int_equal(vault_update_operator(f->vault, fixture_actor(f), &disable, &info), PM_OK);
	assert_int_equal(over_keys(f, people_portal(f, ADMIN), "acme"), PM_NOT_FOUND);
	assert_int_equal(fixture_count_entries(f, "act.refuse"), 4);
	json_t *entry = fixture_newest_entry(f, "act.refuse");
	assert_string_equal(entry_text(entry, "why"), "OPERATOR_DISABLED");
	assert_string_equal(entry_text(entry, "err"), "NOT_FOUND");
	json_decref(entry);
}

static void an_operator_of_another_environment_is_none_here(void **state)
{
	struct fixture *f = *state;
	const struct grant grant = { "*", OPERATOR_SUPERADMIN };
	const struct operator_params params = {
		.environment = "test", .id = "tester", .grants = &grant, .grant_count = 1
	};
	struct operator_info info;

	assert_int_equal(vault_create_operator(f->vault, fixture_actor(f), &params, &info), PM_OK);
	assert_int_equal(over_keys(f, people_portal(f, "tester"), "acme"), PM_NOT_FOUND);
}

static void a_row_with_roles_that_were_edited_is_not_honoured(void **state)
{
	struct fixture *f = *state;

	people_operator(f, "viewer", "acme", OPERATOR_VIEWER, NULL);
	fixture_sql(f, "UPDATE operator SET roles = 'acme=SUPERADMIN' || char(10)");
	assert_int_equal(over_keys(f, people_portal(f, "viewer"), "acme"), PM_RECORD_QUARANTINED);
	assert_int_equal(fixture_count_entries(f, "key.quarantine"), 1);
}

static void callers_of_their_own_authority_are_not_asked_for_anybody(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(over_keys(f, fixture_actor(f), "acme"), PM_OK);
	assert_int_equal(over_account(f, fixture_actor(f), "*", NEED_OPERATORS, ACT_OPERATORS),
			 PM_OK);
}

static void a_key_of_anothers_account_is_not_found_like_one_that_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	people_all(f);
	people_account(f, "other");
	assert_int_equal(people_mint(f, fixture_actor(f), "other", &info, &text), PM_OK);
	assert_int_equal(authority_over_key(f->vault, live(f), people_portal(f, ADMIN), info.id, 0),
			 PM_NOT_FOUND);
	json_t *entry = fixture_newest_entry(f, "act.refuse");
	assert_string_equal(entry_text(entry, "key"), info.id);
	json_decref(entry);
	assert_int_equal(authority_over_key(f->vault, live(f), people_portal(f, ADMIN),
					    "0000000000000000", 0),
			 PM_NOT_FOUND);
	assert_int_equal(authority_over_key(f->vault, live(f), people_portal(f, ADMIN), "x", 0),
			 PM_NOT_FOUND);
	assert_int_equal(authority_over_key(f->vault, live(f), people_portal(f, BOSS), info.id, 0),
			 PM_OK);
}

static void no_receipt_says_which_keys_of_others_are_there(void **state)
{
	struct fixture *f = *state;
	struct actor *actor = NULL;
	struct key_info info;
	struct key_text text;

	people_all(f);
	people_account(f, "other");
	assert_int_equal(people_mint(f, fixture_actor(f), "other", &info, &text), PM_OK);
	actor = people_portal(f, ADMIN);
	assert_int_equal(vault_get(f->vault, actor, "live", info.id, &info), PM_NOT_FOUND);
	assert_int_equal(actor->receipt.log, 0);
	actor = people_portal(f, ADMIN);
	assert_int_equal(vault_get(f->vault, actor, "live", "0000000000000000", &info),
			 PM_NOT_FOUND);
	assert_int_equal(actor->receipt.log, 0);
}

/* On behalf of an API key's holder. */

static struct actor *holder(struct fixture *f, const char *text)
{
	static char header[VAULT_HEADER_MAX];
	struct actor *actor = people_portal(f, "");

	snprintf(header, sizeof(header), "Bearer %s", text);
	actor->authorization = header;
	return actor;
}

static void mint_with_scope(struct fixture *f, const char *environment, const char *scope,
			    struct key_text *text)
{
	const struct mint_params params = { .environment = environment,
					    .account = "acme",
					    .product = "pay",
					    .name = "",
					    .scopes = { &scope, scope ? 1 : 0 } };
	struct key_info info;
	struct key_secret secret;

	assert_int_equal(vault_mint(f->vault, fixture_actor(f), &params, &info, &secret), PM_OK);
	*text = secret.text;
}

static void a_keys_holder_may_what_is_his_accounts_and_the_keys_scope(void **state)
{
	struct fixture *f = *state;
	struct key_text any, keys, other;

	people_account(f, "acme");
	mint_with_scope(f, "live", NULL, &any);
	mint_with_scope(f, "live", "keys", &keys);
	mint_with_scope(f, "live", "payments", &other);
	assert_int_equal(over_keys(f, holder(f, any.text), "acme"), PM_OK);
	assert_int_equal(over_keys(f, holder(f, keys.text), "acme"), PM_OK);
	assert_int_equal(over_keys(f, holder(f, other.text), "acme"), PM_NOT_FOUND);
	assert_int_equal(over_keys(f, holder(f, any.text), "other"), PM_NOT_FOUND);
	assert_int_equal(over_account(f, holder(f, any.text), "acme", NEED_ACCOUNT, 0), PM_OK);
	assert_int_equal(over_account(f, holder(f, any.text), "*", NEED_ACCOUNT, 0), PM_NOT_FOUND);
	assert_int_equal(over_account(f, holder(f, any.text), "acme", NEED_OPERATORS, 0),
			 PM_NOT_FOUND);
	assert_int_equal(over_keys(f, holder(f, "ak_live_junk"), "acme"), PM_NOT_FOUND);
	struct actor *actor = holder(f, any.text);
	actor->authorization = any.text; /* no scheme */
	assert_int_equal(over_keys(f, actor, "acme"), PM_NOT_FOUND);
}

static void no_key_is_made_for_an_account_that_is_called_every_account(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	f->policy[LIVE_ENV].any_account = true;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(people_mint(f, fixture_actor(f), "x", &info, &text), PM_OK);
	assert_int_equal(people_mint(f, fixture_actor(f), "*", &info, &text),
			 PM_ACCOUNT_NOT_APPROVED);
}

static void a_key_that_ended_is_nobodys_authority(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	people_account(f, "acme");
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text), PM_OK);
	assert_int_equal(over_keys(f, holder(f, text.text), "acme"), PM_OK);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	assert_int_equal(over_keys(f, holder(f, text.text), "acme"), PM_NOT_FOUND);
	json_t *entry = fixture_newest_entry(f, "act.refuse");
	assert_string_equal(entry_text(entry, "why"), "REVOKED");
	json_decref(entry);
}

static void a_test_key_is_no_authority_in_live_unless_the_policy_says_so(void **state)
{
	struct fixture *f = *state;
	struct key_text text;

	f->policy[TEST_ENV].any_account = true;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	mint_with_scope(f, "test", NULL, &text);
	assert_int_equal(over_keys(f, holder(f, text.text), "acme"), PM_NOT_FOUND);
	f->policy[LIVE_ENV].cross_environment = true;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(over_keys(f, holder(f, text.text), "acme"), PM_OK);
	/* But not for a caller that may not use the test environment. */
	struct actor *actor = holder(f, text.text);
	actor->environments = 1U << LIVE_ENV;
	assert_int_equal(over_keys(f, actor, "acme"), PM_NOT_FOUND);
}

static void a_keys_holder_cannot_step_up(void **state)
{
	struct fixture *f = *state;
	struct confirmation confirmation;
	struct key_info info;
	struct key_text text;

	people_account(f, "acme");
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text), PM_OK);
	assert_int_equal(
		authority_over_key(f->vault, live(f), holder(f, text.text), info.id, ACT_REVOKE),
		PM_STEP_UP_REQUIRED);
	assert_int_equal(
		authority_over_key(f->vault, live(f), holder(f, text.text), info.id, ACT_UPDATE),
		PM_OK);
	assert_int_equal(vault_confirm(f->vault, holder(f, text.text), "live", ACT_REVOKE, info.id,
				       &confirmation),
			 PM_STEP_UP_REQUIRED);
}

/* Operators who change operators. */

static enum pm_err update(struct fixture *f, struct actor *actor, const char *id,
			  const struct grant *grants, size_t count, const char *pin)
{
	const struct operator_params params = {
		.environment = "live",
		.id = id,
		.set_grants = grants != NULL,
		.grants = grants,
		.grant_count = count,
		.new_pin = bytes_str(pin),
	};
	struct operator_info info;

	return vault_update_operator(f->vault, actor, &params, &info);
}

static enum pm_err create(struct fixture *f, struct actor *actor, const char *id,
			  const struct grant *grants, size_t count)
{
	const struct operator_params params = {
		.environment = "live",
		.id = id,
		.name = "",
		.grants = grants,
		.grant_count = count,
	};
	struct operator_info info;

	return vault_create_operator(f->vault, actor, &params, &info);
}

static void a_superadmin_makes_and_changes_operators_of_his_account(void **state)
{
	struct fixture *f = *state;
	const struct grant viewer = { "acme", OPERATOR_VIEWER },
			   peer = { "acme", OPERATOR_SUPERADMIN };

	people_all(f);
	assert_int_equal(create(f, people_portal(f, ROOT), "new", &viewer, 1), PM_OK);
	assert_int_equal(update(f, people_portal(f, ROOT), "new", &peer, 1, ""), PM_OK);
	assert_int_equal(update(f, people_portal(f, ROOT), ADMIN, NULL, 0, "9999"), PM_OK);
	assert_int_equal(update(f, people_portal(f, ROOT), ADMIN, &viewer, 0, ""), PM_OK);
	assert_int_equal(people_find(f, ADMIN).grant_count, 0);
	assert_string_equal(people_find(f, "new").created_by, "portal/root");
}

static void nobody_gives_or_takes_a_role_in_an_account_that_is_not_his(void **state)
{
	struct fixture *f = *state;
	const struct grant other = { "other", OPERATOR_VIEWER }, every = { "*", OPERATOR_VIEWER };
	const struct grant both[] = { { "acme", OPERATOR_ADMIN }, { "other", OPERATOR_ADMIN } };

	people_all(f);
	people_operator(f, "stranger", "other", OPERATOR_VIEWER, NULL);
	assert_int_equal(create(f, people_portal(f, ROOT), "x", &other, 1), PM_NOT_FOUND);
	assert_int_equal(create(f, people_portal(f, ROOT), "x", &every, 1), PM_NOT_FOUND);
	assert_int_equal(create(f, people_portal(f, ROOT), "x", both, 2), PM_NOT_FOUND);
	assert_int_equal(create(f, people_portal(f, ROOT), "x", NULL, 0), PM_NOT_FOUND);
	assert_int_equal(update(f, people_portal(f, ROOT), ADMIN, both, 2, ""), PM_NOT_FOUND);
	assert_int_equal(update(f, people_portal(f, ROOT), ROOT, &every, 1, ""), PM_NOT_FOUND);
	assert_int_equal(update(f, people_portal(f, ROOT), "stranger", both, 1, ""), PM_NOT_FOUND);
	assert_int_equal(update(f, people_portal(f, ROOT), "stranger", NULL, 0, "9999"),
			 PM_NOT_FOUND);
	assert_string_equal(people_find(f, "x").id, "");
	assert_false(people_find(f, "stranger").has_pin);
	/* Whoever is one everywhere may. */
	assert_int_equal(update(f, people_portal(f, BOSS), "stranger", both, 2, "9999"), PM_OK);
	assert_int_equal(create(f, people_portal(f, BOSS), "x", NULL, 0), PM_OK);
}

static void the_pin_of_an_operator_of_every_account_is_not_an_accounts_superadmins_to_set(
	void **state)
{
	struct fixture *f = *state;
	const struct grant mine = { "acme", OPERATOR_VIEWER };
	const struct operator_params disable = {
		.environment = "live", .id = BOSS, .set_disabled = true, .disabled = true
	};
	struct operator_info info;

	people_all(f);
	assert_int_equal(update(f, people_portal(f, ROOT), BOSS, NULL, 0, "9999"), PM_NOT_FOUND);
	assert_int_equal(update(f, people_portal(f, ROOT), BOSS, &mine, 1, "9999"), PM_NOT_FOUND);
	assert_int_equal(vault_update_operator(f->vault, people_portal(f, ROOT), &disable, &info),
			 PM_NOT_FOUND);
	assert_int_equal(people_find(f, BOSS).disabled_at, 0);
	assert_true(fixture_count_entries(f, "act.refuse") >= 3);
	assert_false(fixture_log_has(f, BOSS));
}

/* He has no role, and may get one elsewhere tomorrow: with a PIN that somebody here knows. */
static void an_operator_without_a_role_belongs_to_no_account(void **state)
{
	struct fixture *f = *state;
	const struct grant mine = { "acme", OPERATOR_VIEWER };

	people_all(f);
	assert_int_equal(create(f, fixture_actor(f), "idle", NULL, 0), PM_OK);
	assert_int_equal(update(f, people_portal(f, ROOT), "idle", &mine, 1, "9999"), PM_NOT_FOUND);
	assert_int_equal(update(f, people_portal(f, ROOT), "idle", NULL, 0, "9999"), PM_NOT_FOUND);
	assert_int_equal(update(f, people_portal(f, BOSS), "idle", &mine, 1, "9999"), PM_OK);
}

static void only_superadmins_change_operators(void **state)
{
	struct fixture *f = *state;
	const struct grant mine = { "acme", OPERATOR_VIEWER };

	people_all(f);
	people_operator(f, "viewer", "acme", OPERATOR_VIEWER, NULL);
	people_operator(f, "auditor", "*", OPERATOR_AUDITOR, NULL);
	static const char *const others[] = { ADMIN, "viewer", "auditor", "nobody", "" };
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(create(f, people_portal(f, others[i]), "x", &mine, 1),
				 PM_NOT_FOUND);
		assert_int_equal(update(f, people_portal(f, others[i]), ROOT, NULL, 0, "9999"),
				 PM_NOT_FOUND);
		assert_int_equal(update(f, people_portal(f, others[i]), others[i], &mine, 1, ""),
				 others[i][0] ? PM_NOT_FOUND : PM_BAD_REQUEST);
	}
}

/* Or whoever has his session, and not his PIN, would soon have it. */
static void nobody_sets_his_own_pin_without_the_old_one(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	assert_int_equal(update(f, people_portal(f, ROOT), ROOT, NULL, 0, "9999"), PM_BAD_REQUEST);
	assert_int_equal(update(f, people_portal(f, BOSS), BOSS, NULL, 0, "9999"), PM_BAD_REQUEST);
	assert_int_equal(update(f, fixture_actor(f), BOSS, NULL, 0, "9999"), PM_OK);
}

static void operators_are_shown_with_their_roles_in_that_account_only(void **state)
{
	struct fixture *f = *state;
	const struct grant both[] = { { "acme", OPERATOR_ADMIN }, { "other", OPERATOR_ADMIN } };
	struct operator_info infos[8];
	size_t count = 0;
	uint64_t total = 0;
	bool more = true;

	people_all(f);
	assert_int_equal(create(f, fixture_actor(f), "both", both, 2), PM_OK);
	people_operator(f, "stranger", "other", OPERATOR_SUPERADMIN, NULL);
	assert_int_equal(vault_list_operators(f->vault, people_portal(f, ROOT), "live", "acme", "",
					      infos, 8, &count, &total, &more),
			 PM_OK);
	assert_int_equal(count, 4);
	assert_false(more);
	assert_string_equal(infos[0].id, ADMIN);
	assert_string_equal(infos[1].id, BOSS);
	assert_string_equal(infos[2].id, "both");
	assert_int_equal(infos[2].grant_count, 1);
	assert_string_equal(infos[2].grants[0].account, "acme");
	assert_string_equal(infos[3].id, ROOT);
	assert_int_equal(vault_list_operators(f->vault, people_portal(f, ROOT), "live", "other", "",
					      infos, 8, &count, &total, &more),
			 PM_NOT_FOUND);
	assert_int_equal(vault_list_operators(f->vault, people_portal(f, ROOT), "live", "", "",
					      infos, 8, &count, &total, &more),
			 PM_BAD_REQUEST);
	assert_int_equal(vault_list_operators(f->vault, people_portal(f, ADMIN), "live", "acme", "",
					      infos, 8, &count, &total, &more),
			 PM_NOT_FOUND);
	assert_int_equal(vault_list_operators(f->vault, fixture_actor(f), "live", "", ADMIN, infos,
					      2, &count, &total, &more),
			 PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(total, 5);
	assert_true(more);
	assert_string_equal(infos[1].id, "both");
	assert_int_equal(infos[1].grant_count, 2);
}

static void a_long_list_of_operators_is_told_page_by_page(void **state)
{
	enum { MANY = 120, PAGE = 7 };
	struct fixture *f = *state;
	const struct grant mine = { "acme", OPERATOR_VIEWER }, not_mine = { "b", OPERATOR_VIEWER };
	struct operator_info infos[PAGE];
	char id[32], after[VAULT_OPERATOR_MAX + 1] = "";
	size_t count = 0, seen = 0;
	uint64_t total = 0;
	bool more = true;

	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "op-%03d", i);
		assert_int_equal(create(f, fixture_actor(f), id, i % 2 ? &mine : &not_mine, 1),
				 PM_OK);
	}
	while (more) {
		assert_int_equal(vault_list_operators(f->vault, fixture_actor(f), "live", "acme",
						      after, infos, PAGE, &count, &total, &more),
				 PM_OK);
		for (size_t i = 0; i < count; i++) {
			snprintf(id, sizeof(id), "op-%03zu", 2 * seen++ + 1);
			assert_string_equal(infos[i].id, id);
		}
		if (count > 0)
			strcpy(after, infos[count - 1].id);
	}
	assert_int_equal(seen, MANY / 2);
}

static void an_account_is_shown_to_who_has_any_role_there(void **state)
{
	struct fixture *f = *state;
	struct account_info info, infos[4];
	size_t count = 0;
	uint64_t total = 0;

	people_all(f);
	people_account(f, "other");
	people_operator(f, "viewer", "acme", OPERATOR_VIEWER, NULL);
	assert_int_equal(
		vault_get_account(f->vault, people_portal(f, "viewer"), "live", "acme", &info),
		PM_OK);
	assert_int_equal(
		vault_get_account(f->vault, people_portal(f, "viewer"), "live", "other", &info),
		PM_NOT_FOUND);
	assert_int_equal(vault_list_accounts(f->vault, people_portal(f, "viewer"), "live", 0, "",
					     infos, 4, &count, &total),
			 PM_NOT_FOUND);
	assert_int_equal(vault_list_accounts(f->vault, people_portal(f, BOSS), "live", 0, "", infos,
					     4, &count, &total),
			 PM_OK);
	assert_int_equal(count, 2);
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, setup_without_step_up, fixture_teardown)
#define STRICT(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(each_role_may_what_it_says_in_its_own_account_and_nothing_in_another),
		PLAIN(a_role_in_every_account_is_one_in_any),
		PLAIN(who_is_not_named_unknown_disabled_or_named_twice_finds_nothing),
		PLAIN(an_operator_of_another_environment_is_none_here),
		PLAIN(a_row_with_roles_that_were_edited_is_not_honoured),
		PLAIN(callers_of_their_own_authority_are_not_asked_for_anybody),
		PLAIN(a_key_of_anothers_account_is_not_found_like_one_that_is_not_there),
		PLAIN(no_receipt_says_which_keys_of_others_are_there),
		PLAIN(a_keys_holder_may_what_is_his_accounts_and_the_keys_scope),
		PLAIN(no_key_is_made_for_an_account_that_is_called_every_account),
		PLAIN(a_key_that_ended_is_nobodys_authority),
		PLAIN(a_test_key_is_no_authority_in_live_unless_the_policy_says_so),
		STRICT(a_keys_holder_cannot_step_up),
		PLAIN(a_superadmin_makes_and_changes_operators_of_his_account),
		PLAIN(nobody_gives_or_takes_a_role_in_an_account_that_is_not_his),
		PLAIN(the_pin_of_an_operator_of_every_account_is_not_an_accounts_superadmins_to_set),
		PLAIN(an_operator_without_a_role_belongs_to_no_account),
		PLAIN(only_superadmins_change_operators),
		PLAIN(nobody_sets_his_own_pin_without_the_old_one),
		PLAIN(operators_are_shown_with_their_roles_in_that_account_only),
		PLAIN(a_long_list_of_operators_is_told_page_by_page),
		PLAIN(an_account_is_shown_to_who_has_any_role_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
