/* Sealing accounts and operators anew: all of them, while they change, and never what was altered. */
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "usage.h"

enum { MANY = 100 }; /* more than two batches */

static void make_account(struct fixture *f, const char *id)
{
	const struct account_params params = {
		.environment = "live", .id = id, .set_name = true, .name = "Acme"
	};
	struct account_info info;
	struct key_secret secret;

	assert_int_equal(vault_create_account(f->vault, fixture_actor(f), &params, &info, &secret),
			 PM_OK);
}

static void make_operator(struct fixture *f, const char *id)
{
	const struct grant grant = { .account = "*", .role = OPERATOR_VIEWER };
	const struct operator_params params = { .environment = "live",
						.id = id,
						.set_grants = true,
						.grants = &grant,
						.grant_count = 1 };
	struct operator_info info;

	assert_int_equal(vault_create_operator(f->vault, fixture_actor(f), &params, &info), PM_OK);
}

static void make_many(struct fixture *f)
{
	char id[32];

	for (int i = 0; i < MANY; i++) {
		snprintf(id, sizeof(id), "account-%03d", i);
		make_account(f, id);
		snprintf(id, sizeof(id), "operator-%03d", i);
		make_operator(f, id);
	}
}

static struct seal_group seals(struct fixture *f, uint32_t version)
{
	struct seal_group groups[16];
	size_t count = 0;

	assert_int_equal(store_group_seals(f->store, "live", groups, 16, &count), PM_OK);
	for (size_t i = 0; i < count; i++) {
		if (groups[i].version == version)
			return groups[i];
	}
	return (struct seal_group){ .version = version };
}

static struct usage needs(struct fixture *f, uint32_t version)
{
	struct usage lines[16];
	size_t count = 0;

	assert_int_equal(usage_count(live(f), RECORDS, lines, 16, &count), PM_OK);
	return usage_of(lines, count, version);
}

static void they_are_counted_and_sealed_anew(void **state)
{
	struct fixture *f = *state;

	make_many(f);
	assert_int_equal(seals(f, 1).accounts, MANY);
	assert_int_equal(seals(f, 1).operators, MANY);
	master_rotate(f, RECORDS);
	assert_true(needs(f, 1).to_rewrap >= 2 * MANY);
	assert_int_equal(change(f, RECORDS, 1, MASTER_VERB_SUSPEND), PM_CONFLICT);
	rewrap_all(f, RECORDS);
	assert_int_equal(seals(f, 2).accounts, MANY);
	assert_int_equal(seals(f, 2).operators, MANY);
	assert_int_equal(seals(f, 1).accounts + seals(f, 1).operators, 0);
	assert_int_equal(needs(f, 1).to_rewrap, 0);
}

static void they_are_what_they_were(void **state)
{
	struct fixture *f = *state;
	struct account_info account;
	struct operator_info operators[4];
	uint64_t total = 0;
	size_t count = 0;
	bool more = false;

	make_account(f, "acme");
	make_operator(f, "alice-2");
	master_rotate(f, RECORDS);
	rewrap_all(f, RECORDS);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(vault_get_account(f->vault, fixture_actor(f), "live", "acme", &account),
			 PM_OK);
	assert_string_equal(account.name, "Acme");
	assert_int_equal(vault_list_operators(f->vault, fixture_actor(f), "live", "", "", operators,
					      4, &count, &total, &more),
			 PM_OK);
	assert_int_equal(count, 1);
	assert_string_equal(operators[0].id, "alice-2");
}

static void an_altered_one_stays_as_it_is_and_the_others_do_not(void **state)
{
	struct fixture *f = *state;

	make_many(f);
	fixture_sql(f, "UPDATE account SET name = 'Evil' WHERE id = 'account-007';"
		       "UPDATE operator SET roles = '*=SUPERADMIN' || char(10) "
		       "WHERE id = 'operator-007'");
	master_rotate(f, RECORDS);
	rewrap_all(f, RECORDS);
	assert_int_equal(seals(f, 1).accounts, 1);
	assert_int_equal(seals(f, 1).operators, 1);
	assert_int_equal(seals(f, 2).accounts, MANY - 1);
	json_t *entry = fixture_newest_entry(f, "master.rewrapped");
	assert_int_equal(entry_number(entry, "altered"), 2);
	json_decref(entry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(they_are_counted_and_sealed_anew),
		TEST(they_are_what_they_were),
		TEST(an_altered_one_stays_as_it_is_and_the_others_do_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
