/* Lists of keys: filters, orders, pages, totals, and whose keys they are. */
#include "key_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"

struct lists {
	struct fixture *f;
	struct key_page page;
	char token[VAULT_PAGE_TOKEN_MAX + 1];
};

static int setup(void **state)
{
	struct lists *lists = calloc(1, sizeof(*lists));

	keys_setup((void **)&lists->f);
	*state = lists;
	return 0;
}

static int teardown(void **state)
{
	struct lists *lists = *state;

	fixture_teardown((void **)&lists->f);
	free(lists);
	return 0;
}

static struct list_params all(void)
{
	return (struct list_params){ .environment = "live",
				     .account = "",
				     .product = "",
				     .text = "",
				     .page_token = "",
				     .page_size = 100 };
}

static struct list_params of_acme(void)
{
	struct list_params params = all();

	params.account = "acme";
	return params;
}

static enum pm_err list(struct lists *lists, struct list_params params)
{
	return vault_list(lists->f->vault, fixture_actor(lists->f), &params, &lists->page);
}

static void list_ok(struct lists *lists, struct list_params params)
{
	assert_int_equal(list(lists, params), PM_OK);
}

/* Its id stays in `info`. */
static void mint(struct lists *lists, struct mint_params params, struct key_info *info)
{
	struct key_secret secret;

	assert_int_equal(keys_mint_as(lists->f, &params, info, &secret), PM_OK);
}

static void mint_named(struct lists *lists, const char *account, const char *name)
{
	struct mint_params params = keys_params();
	struct key_info info;

	params.account = account;
	params.name = name;
	mint(lists, params, &info);
}

/* The names of the page's keys, one after the other. */
static void assert_names(const struct lists *lists, const char *names)
{
	char got[VAULT_PAGE_MAX * 4] = "";

	for (size_t i = 0; i < lists->page.count; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s",
			 lists->page.keys[i].name);
	assert_string_equal(got, names);
}

static void pages_tell_every_key_once_and_the_total(void **state)
{
	enum { KEYS = 7 };
	static const char *const names[KEYS] = { "a", "b", "c", "d", "e", "f", "g" };
	struct lists *lists = *state;
	struct list_params params = of_acme();
	char seen[KEYS + 1] = "";

	for (int i = 0; i < KEYS; i++) {
		mint_named(lists, "acme", names[i]);
		fake_clock_advance(1);
	}
	mint_named(lists, "other", "x");
	params.page_size = 3;
	do {
		list_ok(lists, params);
		assert_int_equal(lists->page.total, KEYS);
		for (size_t i = 0; i < lists->page.count; i++)
			strcat(seen, lists->page.keys[i].name);
		strcpy(lists->token, lists->page.next_page_token);
		params.page_token = lists->token;
	} while (lists->token[0]);
	assert_string_equal(seen, "gfedcba"); /* the newest first */
}

static void a_page_token_belongs_to_its_list(void **state)
{
	struct lists *lists = *state;
	struct list_params params = of_acme();

	for (int i = 0; i < 3; i++)
		mint_named(lists, "acme", "k");
	params.page_size = 1;
	list_ok(lists, params);
	strcpy(lists->token, lists->page.next_page_token);
	params.page_token = lists->token;
	list_ok(lists, params);

	struct list_params other[5] = { params, params, params, params, params };
	other[0].ascending = true;
	other[1].account = "other";
	other[2].states = 1u << KEY_REVOKED;
	other[3].sort = SORT_NAME;
	other[4].text = "k";
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(list(lists, other[i]), PM_BAD_REQUEST);
	assert_non_null(strstr(lists->f->actor.why, "page_token"));
}

static void a_page_token_that_was_tampered_with_is_refused_or_a_place(void **state)
{
	struct lists *lists = *state;
	struct list_params params = of_acme();

	for (int i = 0; i < 4; i++)
		mint_named(lists, "acme", "k");
	params.page_size = 2;
	list_ok(lists, params);
	strcpy(lists->token, lists->page.next_page_token);
	params.page_token = lists->token;
	for (size_t at = 0; lists->token[at]; at++) {
		char was = lists->token[at];

		lists->token[at] = was == '!' ? '"' : '!';
		assert_int_equal(list(lists, params), PM_BAD_REQUEST);
		lists->token[at] = was == 'a' ? 'b' : 'a';
		enum pm_err err = list(lists, params);
		assert_true(err == PM_OK || err == PM_BAD_REQUEST);
		assert_true(err != PM_OK || lists->page.count <= 2);
		lists->token[at] = was;
	}
	params.page_token = "not a token";
	assert_int_equal(list(lists, params), PM_BAD_REQUEST);
}

static void filters_are_anded(void **state)
{
	struct lists *lists = *state;
	struct mint_params mint_params = keys_params();
	struct list_params params = all();
	struct key_info info;

	mint_named(lists, "acme", "-a-"); /* a dash is in no id */
	mint_named(lists, "other", "-b-");
	mint_params.product = "refund";
	mint_params.name = "-c-";
	mint(lists, mint_params, &info);
	list_ok(lists, params);
	assert_int_equal(lists->page.total, 3);
	params.account = "acme";
	params.product = "refund";
	list_ok(lists, params);
	assert_names(lists, "-c-");
	params.product = "";
	params.text = "A-";
	list_ok(lists, params);
	assert_names(lists, "-a-");
	params.text = "b-";
	list_ok(lists, params);
	assert_int_equal(lists->page.count + lists->page.total, 0);
}

static void states_are_those_that_get_tells(void **state)
{
	struct lists *lists = *state;
	struct mint_params mint_params = keys_params();
	struct list_params params = of_acme();
	struct key_info info;

	mint_named(lists, "acme", "a");
	mint_params.name = "d";
	mint_params.disabled = true;
	mint(lists, mint_params, &info);
	mint_params.disabled = false;
	mint_params.name = "e";
	mint_params.expires_at = clock_unix() + 5;
	mint(lists, mint_params, &info);
	fake_clock_advance(5);
	mint_params.name = "n";
	mint_params.expires_at = 0;
	mint_params.not_before = clock_unix() + 100;
	mint(lists, mint_params, &info);
	mint_params.name = "r";
	mint(lists, mint_params, &info);
	keys_revoke(lists->f, info.id);

	static const struct {
		enum key_state state;
		const char *name;
	} expected[] = { { KEY_ACTIVE, "a" },
			 { KEY_DISABLED, "d" },
			 { KEY_EXPIRED, "e" },
			 { KEY_NOT_YET, "n" },
			 { KEY_REVOKED, "r" } };
	for (size_t i = 0; i < 5; i++) {
		params.states = 1u << expected[i].state;
		list_ok(lists, params);
		assert_names(lists, expected[i].name);
		assert_int_equal(lists->page.keys[0].state, expected[i].state);
	}
	params.states = 1u << KEY_ACTIVE | 1u << KEY_REVOKED;
	list_ok(lists, params);
	assert_int_equal(lists->page.total, 2);
	params.states = 1u << KEY_QUARANTINED;
	assert_int_equal(list(lists, params), PM_BAD_REQUEST);
	params.states = 1u << 20;
	assert_int_equal(list(lists, params), PM_BAD_REQUEST);
}

static void every_column_sorts(void **state)
{
	struct lists *lists = *state;
	struct list_params params = of_acme();
	struct key_info info;

	for (const char *name = "bca"; *name; name++) {
		struct mint_params mint_params = keys_params();
		const char text[] = { *name, '\0' };

		mint_params.name = text;
		mint_params.external_ref = text;
		mint_params.product = text;
		mint_params.expires_at = clock_unix() + INT64_C(1000) * *name;
		mint_params.not_before = clock_unix() + INT64_C(10) * *name;
		mint(lists, mint_params, &info);
	}
	static const enum vault_key_sort sorts[] = { SORT_START, SORT_EXPIRES, SORT_NAME,
						     SORT_REFERENCE, SORT_PRODUCT };
	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
		params.sort = sorts[i];
		params.ascending = false;
		list_ok(lists, params);
		assert_names(lists, "cba");
		params.ascending = true;
		list_ok(lists, params);
		assert_names(lists, "abc");
	}
	for (params.sort = SORT_START; params.sort <= SORT_USE_COUNT; params.sort++) {
		list_ok(lists, params);
		assert_int_equal(lists->page.count, 3);
	}
	assert_int_equal(list(lists, params), PM_BAD_REQUEST);
}

static void without_an_account_only_some_orders_are_possible(void **state)
{
	struct lists *lists = *state;
	struct list_params params = all();

	mint_named(lists, "acme", "a");
	for (params.sort = SORT_START; params.sort <= SORT_USE_COUNT; params.sort++) {
		bool possible = params.sort == SORT_START || params.sort == SORT_EXPIRES ||
				params.sort == SORT_ID;

		assert_int_equal(list(lists, params), possible ? PM_OK : PM_BAD_REQUEST);
	}
}

static void keys_that_end_soon_can_be_asked_for(void **state)
{
	struct lists *lists = *state;
	struct mint_params mint_params = keys_params();
	struct list_params params = all();
	struct key_info info;

	mint_named(lists, "acme", "x");
	mint_params.name = "s";
	mint_params.expires_at = clock_unix() + 100;
	mint(lists, mint_params, &info);
	mint_params.name = "l";
	mint_params.expires_at = clock_unix() + 100000;
	mint(lists, mint_params, &info);
	params.expires_before = clock_unix() + 1000;
	list_ok(lists, params);
	assert_names(lists, "s");
	fake_clock_advance(100);
	list_ok(lists, params);
	assert_names(lists, "");
	params.expires_before = -1;
	assert_int_equal(list(lists, params), PM_BAD_REQUEST);
}

static void a_page_is_one_to_a_hundred_keys(void **state)
{
	struct lists *lists = *state;
	struct list_params params = all();

	params.page_size = 0;
	assert_int_equal(list(lists, params), PM_BAD_REQUEST);
	params.page_size = VAULT_PAGE_MAX + 1;
	assert_int_equal(list(lists, params), PM_BAD_REQUEST);
}

static void an_altered_row_is_listed_as_such_and_nothing_else(void **state)
{
	struct lists *lists = *state;

	mint_named(lists, "acme", "a");
	mint_named(lists, "acme", "b");
	fixture_sql(lists->f, "UPDATE api_key SET name = 'evil' WHERE name = 'a'");
	list_ok(lists, of_acme());
	assert_int_equal(lists->page.count, 2);
	size_t altered = lists->page.keys[0].state == KEY_QUARANTINED ? 0 : 1;
	assert_int_equal(lists->page.keys[altered].state, KEY_QUARANTINED);
	assert_string_equal(lists->page.keys[altered].name, "");
	assert_string_equal(lists->page.keys[1 - altered].name, "b");
	assert_int_equal(fixture_count_entries(lists->f, "key.quarantine"), 1);
}

static void uses_are_told(void **state)
{
	struct lists *lists = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(lists->f, &info, &secret);
	assert_int_equal(info.use_count, 0);
	assert_int_equal(info.last_used_at, 0);
	for (int i = 0; i < 3; i++)
		assert_true(keys_verifies(lists->f, &secret));
	keys_get(lists->f, info.id, &info);
	assert_int_equal(info.use_count, 3);
	assert_int_equal(info.last_used_at, clock_unix());
	list_ok(lists, of_acme());
	assert_int_equal(lists->page.keys[0].use_count, 3);
}

static void keys_of_a_closed_account_are_revoked(void **state)
{
	struct lists *lists = *state;
	struct fixture *f = lists->f;
	const struct product_info product = { .name = "pay", .enabled = true };
	struct account_params account = { .environment = "live",
					  .id = "acme",
					  .status = VAULT_ACCOUNT_APPROVED,
					  .products = &product,
					  .product_count = 1 };
	struct account_info account_info;
	struct key_secret secret;
	struct key_info info;

	assert_int_equal(
		vault_create_account(f->vault, fixture_actor(f), &account, &account_info, &secret),
		PM_OK);
	keys_mint(f, &info, &secret);
	assert_int_equal(info.state, KEY_ACTIVE);
	account = (struct account_params){ .environment = "live",
					   .id = "acme",
					   .status = VAULT_ACCOUNT_CLOSED };
	assert_int_equal(
		vault_update_account(f->vault, fixture_actor(f), &account, &account_info, &secret),
		PM_OK);
	keys_get(f, info.id, &info);
	assert_int_equal(info.state, KEY_REVOKED);
	assert_int_equal(info.revoked_at, account_info.closed_at);
	list_ok(lists, of_acme());
	assert_int_equal(lists->page.keys[0].state, KEY_REVOKED);
	assert_int_equal(keys_rotate(f, info.id, 0, true, &info, &secret), PM_CONFLICT);
	keys_revoke(f, info.id);
}

static void who_acts_for_somebody_must_name_the_account(void **state)
{
	struct lists *lists = *state;
	struct list_params params = all();
	struct actor *actor = fixture_actor(lists->f);

	actor->on_behalf = true;
	assert_int_equal(vault_list(lists->f->vault, actor, &params, &lists->page), PM_NOT_FOUND);
	mint_named(lists, "acme", "a");
	params.account = "acme"; /* `alice` is no operator here */
	actor = fixture_actor(lists->f);
	actor->on_behalf = true;
	assert_int_equal(vault_list(lists->f->vault, actor, &params, &lists->page), PM_NOT_FOUND);
	assert_int_equal(lists->page.count, 0);
}

static void status_counts_all_keys(void **state)
{
	struct lists *lists = *state;
	struct environment_info info;

	for (int i = 0; i < 3; i++)
		mint_named(lists, "acme", "a");
	assert_int_equal(vault_environment_status(lists->f->vault, LIVE_ENV, &info), PM_OK);
	assert_int_equal(info.keys, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pages_tell_every_key_once_and_the_total),
		TEST(a_page_token_belongs_to_its_list),
		TEST(a_page_token_that_was_tampered_with_is_refused_or_a_place),
		TEST(filters_are_anded),
		TEST(states_are_those_that_get_tells),
		TEST(every_column_sorts),
		TEST(without_an_account_only_some_orders_are_possible),
		TEST(keys_that_end_soon_can_be_asked_for),
		TEST(a_page_is_one_to_a_hundred_keys),
		TEST(an_altered_row_is_listed_as_such_and_nothing_else),
		TEST(uses_are_told),
		TEST(keys_of_a_closed_account_are_revoked),
		TEST(who_acts_for_somebody_must_name_the_account),
		TEST(status_counts_all_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
