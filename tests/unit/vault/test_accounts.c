/* Accounts: statuses, products, the first key that approval mints, and what they do to keys. */
#include "people_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"

#define X25519_PUBLIC_PEM                                                                          \
	"-----BEGIN PUBLIC KEY-----\n"                                                             \
	"MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n"                           \
	"-----END PUBLIC KEY-----\n"

static const char *const names[] = {
	"", "ONBOARDING", "PENDING", "APPROVED", "SUSPENDED", "CLOSED"
};

static enum pm_err create(struct fixture *f, const struct account_params *params,
			  struct account_info *info, struct key_secret *secret)
{
	return vault_create_account(f->vault, fixture_actor(f), params, info, secret);
}

static enum pm_err create_with(struct fixture *f, const char *id, enum vault_account_status status)
{
	const struct account_params params = { .environment = "live", .id = id, .status = status };
	struct account_info info;
	struct key_secret secret;

	return create(f, &params, &info, &secret);
}

static struct account_info get(struct fixture *f, const char *id)
{
	struct account_info info;

	assert_int_equal(vault_get_account(f->vault, fixture_actor(f), "live", id, &info), PM_OK);
	return info;
}

/* ONBOARDING → PENDING → APPROVED ⇄ SUSPENDED, any → CLOSED; ONBOARDING → APPROVED too. */
static bool may_become(int from, int to)
{
	static const char *const pairs[] = {
		"ONBOARDING PENDING", "PENDING APPROVED",   "ONBOARDING APPROVED",
		"APPROVED SUSPENDED", "SUSPENDED APPROVED",
	};
	char pair[32];

	if (from == VAULT_ACCOUNT_CLOSED)
		return false;
	if (to == VAULT_ACCOUNT_CLOSED || from == to)
		return true;
	snprintf(pair, sizeof(pair), "%s %s", names[from], names[to]);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		if (strcmp(pairs[i], pair) == 0)
			return true;
	}
	return false;
}

static void put_into(struct fixture *f, const char *id, enum vault_account_status status)
{
	enum vault_account_status first =
		status == VAULT_ACCOUNT_CLOSED ? VAULT_ACCOUNT_APPROVED : status;

	assert_int_equal(create_with(f, id, first), PM_OK);
	if (first != status)
		assert_int_equal(people_status(f, id, status), PM_OK);
}

static void every_pair_of_statuses_follows_or_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	char id[32];

	for (int from = VAULT_ACCOUNT_ONBOARDING; from <= VAULT_ACCOUNT_CLOSED; from++) {
		for (int to = VAULT_ACCOUNT_ONBOARDING; to <= VAULT_ACCOUNT_CLOSED; to++) {
			snprintf(id, sizeof(id), "from-%d-to-%d", from, to);
			put_into(f, id, (enum vault_account_status)from);
			enum pm_err err = people_status(f, id, (enum vault_account_status)to);
			assert_int_equal(err, may_become(from, to) ? PM_OK : PM_CONFLICT);
			assert_int_equal(get(f, id).status, err == PM_OK ? to : from);
		}
	}
}

static void a_closed_account_takes_no_change_at_all(void **state)
{
	struct fixture *f = *state;

	people_account(f, "acme");
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_CLOSED), PM_OK);
	assert_int_equal(people_product(f, "acme", "card", true), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "final"));
	assert_int_not_equal(get(f, "acme").closed_at, 0);
}

static void an_account_is_made_once_and_not_closed_nor_for_everybody(void **state)
{
	struct fixture *f = *state;

	people_account(f, "acme");
	assert_int_equal(create_with(f, "acme", 0), PM_ALREADY_EXISTS);
	assert_int_equal(create_with(f, "b", VAULT_ACCOUNT_CLOSED), PM_BAD_REQUEST);
	assert_int_equal(create_with(f, "b", 6), PM_BAD_REQUEST);
	assert_int_equal(create_with(f, "*", 0), PM_BAD_REQUEST);
	assert_int_equal(create_with(f, "", 0), PM_BAD_REQUEST);
	assert_int_equal(people_status(f, "b", VAULT_ACCOUNT_APPROVED), PM_NOT_FOUND);
	assert_int_equal(create_with(f, "b", 0), PM_OK);
	assert_int_equal(get(f, "b").status, VAULT_ACCOUNT_ONBOARDING);
	assert_string_equal(get(f, "b").created_by, "unit/alice");
}

static void texts_that_could_not_stand_in_basic_or_in_a_list_are_refused(void **state)
{
	struct fixture *f = *state;
	struct account_params params = { .environment = "live", .id = "b", .merchant = "a:b" };
	struct account_info info;
	struct key_secret secret;

	assert_int_equal(create(f, &params, &info, &secret), PM_BAD_REQUEST);
	params.merchant = "176269832";
	params.first_product = "a b";
	assert_int_equal(create(f, &params, &info, &secret), PM_BAD_REQUEST);
	params.first_product = "pay";
	assert_int_equal(create(f, &params, &info, &secret), PM_OK);
	assert_string_equal(info.merchant, "176269832");
}

static void nothing_is_minted_without_an_approved_account_and_an_enabled_product(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text),
			 PM_ACCOUNT_NOT_APPROVED);
	assert_int_equal(create_with(f, "acme", 0), PM_OK);
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text),
			 PM_ACCOUNT_NOT_APPROVED);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_APPROVED), PM_OK);
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text),
			 PM_PRODUCT_NOT_ENABLED);
	assert_int_equal(people_product(f, "acme", "pay", false), PM_OK);
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text),
			 PM_PRODUCT_NOT_ENABLED);
	assert_int_equal(people_product(f, "acme", "pay", true), PM_OK);
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text), PM_OK);
}

static void suspending_stops_keys_at_the_next_verify_and_lifting_it_brings_them_back(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	people_account(f, "acme");
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &info, &text), PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_SUSPENDED), PM_OK);
	assert_int_equal(fixture_verify(f, "live", text.text).reason, PM_REASON_ACCOUNT_INACTIVE);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_APPROVED), PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(people_product(f, "acme", "pay", false), PM_OK);
	assert_int_equal(fixture_verify(f, "live", text.text).reason, PM_REASON_PRODUCT_DISABLED);
	assert_int_equal(people_product(f, "acme", "pay", true), PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_CLOSED), PM_OK);
	assert_int_equal(fixture_verify(f, "live", text.text).reason, PM_REASON_ACCOUNT_IS_CLOSED);
}

static const struct product_info pay_enabled[] = { { "pay", true } };

static void approval_mints_the_first_key_and_shows_it_once(void **state)
{
	struct fixture *f = *state;
	const struct account_params params = { .environment = "live",
					       .id = "acme",
					       .first_product = "pay",
					       .products = pay_enabled,
					       .product_count = 1 };
	const struct account_params approve = { .environment = "live",
						.id = "acme",
						.status = VAULT_ACCOUNT_APPROVED };
	struct account_info info;
	struct key_secret secret;

	assert_int_equal(create(f, &params, &info, &secret), PM_OK);
	assert_true(info.pending_activation);
	assert_string_equal(info.client_id, "");
	assert_string_equal(secret.text.text, "");
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_PENDING), PM_OK);
	assert_true(get(f, "acme").pending_activation);

	assert_int_equal(vault_update_account(f->vault, fixture_actor(f), &approve, &info, &secret),
			 PM_OK);
	assert_false(info.pending_activation);
	struct verdict verdict = fixture_verify(f, "live", secret.text.text);
	assert_true(verdict.valid);
	assert_string_equal(verdict.key_id, info.client_id);
	assert_string_equal(verdict.product, "pay");

	json_t *entry = fixture_newest_entry(f, "account.update");
	assert_string_equal(entry_text(entry, "key"), info.client_id);
	assert_string_equal(entry_text(entry, "before"), "PENDING");
	json_decref(entry);
	entry = fixture_newest_entry(f, "key.mint");
	assert_string_equal(entry_text(entry, "key"), info.client_id);
	json_decref(entry);

	/* Once: neither lifting a suspension nor approving again mints another. */
	char first[VAULT_ID_LEN + 1];
	strcpy(first, info.client_id);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_SUSPENDED), PM_OK);
	assert_int_equal(vault_update_account(f->vault, fixture_actor(f), &approve, &info, &secret),
			 PM_OK);
	assert_string_equal(info.client_id, first);
	assert_string_equal(secret.text.text, "");
	assert_int_equal(fixture_count_entries(f, "key.mint"), 1);
}

static void approval_without_its_product_enabled_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const struct account_params params = { .environment = "live",
					       .id = "acme",
					       .first_product = "pay" };
	struct account_info info;
	struct key_secret secret;

	assert_int_equal(create(f, &params, &info, &secret), PM_OK);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_APPROVED), PM_PRODUCT_NOT_ENABLED);
	assert_int_equal(get(f, "acme").status, VAULT_ACCOUNT_ONBOARDING);
	assert_int_equal(fixture_count_entries(f, "key.mint"), 0);
}

static void the_first_key_can_be_sealed_to_its_recipient(void **state)
{
	struct fixture *f = *state;
	struct account_params params = { .environment = "live",
					 .id = "acme",
					 .first_product = "pay",
					 .products = pay_enabled,
					 .product_count = 1,
					 .status = VAULT_ACCOUNT_APPROVED,
					 .recipient = "no PEM" };
	struct account_info info;
	struct key_secret secret;

	assert_int_equal(create(f, &params, &info, &secret), PM_BAD_REQUEST);
	params.recipient = X25519_PUBLIC_PEM;
	assert_int_equal(create(f, &params, &info, &secret), PM_OK);
	assert_string_equal(secret.text.text, "");
	assert_memory_equal(secret.sealed, "sealed:x25519:", 14);
}

static void a_repeated_approval_is_done_once(void **state)
{
	struct fixture *f = *state;
	const struct account_params params = { .environment = "live",
					       .id = "acme",
					       .first_product = "pay",
					       .products = pay_enabled,
					       .product_count = 1,
					       .status = VAULT_ACCOUNT_APPROVED };
	struct account_info info;
	struct key_secret secret;
	struct actor *actor = fixture_actor(f);

	assert_int_equal(vault_create_account(f->vault, actor, &params, &info, &secret), PM_OK);
	assert_int_equal(vault_create_account(f->vault, actor, &params, &info, &secret),
			 PM_ALREADY_DONE);
	assert_string_equal(actor->done_subject, "acme");
	assert_string_equal(secret.text.text, "");
}

static void a_row_that_was_edited_admits_nothing_and_is_told(void **state)
{
	struct fixture *f = *state;
	struct account_info info, infos[4];
	struct key_info key;
	struct key_text text;
	size_t count = 0;
	uint64_t total = 0;

	people_account(f, "acme");
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &key, &text), PM_OK);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_SUSPENDED), PM_OK);
	fixture_sql(f, "UPDATE account SET status = 3 WHERE id = 'acme'");
	assert_int_equal(vault_get_account(f->vault, fixture_actor(f), "live", "acme", &info),
			 PM_RECORD_QUARANTINED);
	assert_int_equal(people_mint(f, fixture_actor(f), "acme", &key, &text),
			 PM_RECORD_QUARANTINED);
	assert_int_equal(people_status(f, "acme", VAULT_ACCOUNT_APPROVED), PM_RECORD_QUARANTINED);
	assert_false(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(vault_list_accounts(f->vault, fixture_actor(f), "live", 0, "", infos, 4,
					     &count, &total),
			 PM_OK);
	assert_int_equal(count, 1);
	assert_string_equal(infos[0].id, "acme");
	assert_int_equal(infos[0].status, 0);
	assert_true(fixture_count_entries(f, "key.quarantine") > 0);
}

static void accounts_are_listed_by_id_and_status(void **state)
{
	struct fixture *f = *state;
	struct account_info infos[4];
	size_t count = 0;
	uint64_t total = 0;

	people_account(f, "b");
	people_account(f, "a");
	assert_int_equal(create_with(f, "c", 0), PM_OK);
	assert_int_equal(vault_list_accounts(f->vault, fixture_actor(f), "live", 0, "", infos, 2,
					     &count, &total),
			 PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(total, 3);
	assert_string_equal(infos[0].id, "a");
	assert_string_equal(infos[1].id, "b");
	assert_int_equal(vault_list_accounts(f->vault, fixture_actor(f), "live",
					     VAULT_ACCOUNT_ONBOARDING, "", infos, 4, &count,
					     &total),
			 PM_OK);
	assert_int_equal(count, 1);
	assert_string_equal(infos[0].id, "c");
	assert_true(fixture_count_entries(f, "account.read") > 0);
}

static void accounts_are_not_changed_on_anybodys_behalf(void **state)
{
	struct fixture *f = *state;
	const struct account_params params = { .environment = "live", .id = "x" };
	struct account_info info;
	struct key_secret secret;

	people_all(f);
	assert_int_equal(
		vault_create_account(f->vault, people_portal(f, BOSS), &params, &info, &secret),
		PM_DENIED);
	assert_int_equal(
		vault_update_account(f->vault, people_portal(f, BOSS), &params, &info, &secret),
		PM_DENIED);
}

static void no_name_of_an_account_is_in_the_log(void **state)
{
	struct fixture *f = *state;
	const struct account_params params = { .environment = "live",
					       .id = "acme-4711-id",
					       .name = "Acme GmbH & Co",
					       .merchant = "mid-176269832" };
	struct account_info info;
	struct key_secret secret;

	assert_int_equal(create(f, &params, &info, &secret), PM_OK);
	assert_int_equal(people_status(f, params.id, VAULT_ACCOUNT_CLOSED), PM_OK);
	assert_false(fixture_log_has(f, params.id));
	assert_false(fixture_log_has(f, "Acme"));
	assert_false(fixture_log_has(f, params.merchant));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_pair_of_statuses_follows_or_is_a_conflict),
		TEST(a_closed_account_takes_no_change_at_all),
		TEST(an_account_is_made_once_and_not_closed_nor_for_everybody),
		TEST(texts_that_could_not_stand_in_basic_or_in_a_list_are_refused),
		TEST(nothing_is_minted_without_an_approved_account_and_an_enabled_product),
		TEST(suspending_stops_keys_at_the_next_verify_and_lifting_it_brings_them_back),
		TEST(approval_mints_the_first_key_and_shows_it_once),
		TEST(approval_without_its_product_enabled_changes_nothing),
		TEST(the_first_key_can_be_sealed_to_its_recipient),
		TEST(a_repeated_approval_is_done_once),
		TEST(a_row_that_was_edited_admits_nothing_and_is_told),
		TEST(accounts_are_listed_by_id_and_status),
		TEST(accounts_are_not_changed_on_anybodys_behalf),
		TEST(no_name_of_an_account_is_in_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
