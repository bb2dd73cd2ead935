#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Every edit leaves key 1 and what is around it as they were. */
static int setup_three_keys(void **state)
{
	fixture_setup(state);
	struct fixture *f = *state;
	for (unsigned i = 1; i <= 3; i++)
		assert_int_equal(commit_key(f, i), PM_OK);
	return 0;
}

#define KEY_TWO " WHERE id = '0000000000000002'"

static const char *const key_edits[] = {
	"UPDATE api_key SET account = hex(zeroblob(33))" KEY_TWO, /* 66 characters */
	"UPDATE api_key SET account = 'ac' || char(0) || 'me'" KEY_TWO,
	"UPDATE api_key SET name = hex(zeroblob(20000))" KEY_TWO,
	"UPDATE api_key SET name = hex(zeroblob(2000000))" KEY_TWO, /* over what a reader loads */
	"UPDATE api_key SET tail = 'four'" KEY_TWO,
	"UPDATE api_key SET current_mac = zeroblob(31)" KEY_TWO,
	"UPDATE api_key SET previous_mac = zeroblob(33)" KEY_TWO,
	"UPDATE api_key SET seal_mac = zeroblob(0)" KEY_TWO,
	"UPDATE api_key SET current_version = 4294967296" KEY_TWO,
	"UPDATE api_key SET current_pepper = -1" KEY_TWO,
	"UPDATE api_key SET seal_version = -9223372036854775808" KEY_TWO,
	"UPDATE api_key SET created_at = -1" KEY_TWO,
	"UPDATE api_key SET revoked_at = -9223372036854775808" KEY_TWO,
	"UPDATE api_key SET revision = 0" KEY_TWO,
	"UPDATE api_key SET current_wraps = x'00000000'" KEY_TWO, /* of version 0 */
	"UPDATE api_key SET current_wraps = x'0000000200000000'" KEY_TWO,
	"UPDATE api_key SET current_wraps = x'000002'" KEY_TWO,
	"UPDATE api_key SET previous_wraps = x'0000000200'" KEY_TWO,
	"UPDATE api_key SET previous_wraps ="
	" x'0000000100000002000000030000000400000005000000060000000700000008'" KEY_TWO,
	"UPDATE api_key SET previous_wraps = randomblob(40000)" KEY_TWO,
	"UPDATE api_key SET current_wraps = zeroblob(2000000)" KEY_TWO,
	"UPDATE api_key SET current_form = 5" KEY_TWO,
	"UPDATE api_key SET previous_form = -1" KEY_TWO,
	"UPDATE api_key SET external_ref = hex(zeroblob(33))" KEY_TWO, /* 66 characters */
	"UPDATE api_key SET external_ref = hex(zeroblob(2000000))" KEY_TWO,
	"UPDATE api_key SET external_ref = 'a' || char(0) || 'b'" KEY_TWO,
	"UPDATE api_key SET scopes = hex(zeroblob(129))" KEY_TWO, /* 258 characters */
	"UPDATE api_key SET labels = hex(zeroblob(257))" KEY_TWO, /* 514 characters */
	"UPDATE api_key SET labels = hex(zeroblob(2000000))" KEY_TWO,
	"UPDATE api_key SET networks = hex(zeroblob(257))" KEY_TWO,
	"UPDATE api_key SET not_before = -1" KEY_TWO,
	"UPDATE api_key SET disabled_at = -9223372036854775808" KEY_TWO,
	"UPDATE api_key SET first_use = 2" KEY_TWO,
	"UPDATE api_key SET first_use_overlap = -1" KEY_TWO,
	"UPDATE api_key SET last_version = 4294967296" KEY_TWO,
	"UPDATE api_key SET registered = -1" KEY_TWO,
	"UPDATE api_key SET lookup_version = 1" KEY_TWO,    /* of no lookup */
	"UPDATE api_key SET lookup = zeroblob(16)" KEY_TWO, /* of a key that was not imported */
	"UPDATE api_key SET lookup_version = 1, lookup = zeroblob(17)" KEY_TWO,
	"UPDATE api_key SET lookup_version = 4294967296, lookup = zeroblob(16)" KEY_TWO,
	"UPDATE api_key SET lookup_version = 1, lookup = zeroblob(2000000)" KEY_TWO,
	"UPDATE api_key SET import_key = hex(zeroblob(17))" KEY_TWO, /* 34 characters */
};

/* Who goes through all keys misses none; what cannot be read counts as no one's. */
static void assert_scanned_and_grouped(struct fixture *f)
{
	struct key_record page[3], want = { .environment = "live", .id = "0000000000000002" };
	struct secret_group groups[2];
	size_t count = 0;

	assert_int_equal(store_scan_keys(f->store, "live", NULL, page, 3, &count), PM_OK);
	assert_int_equal(count, 3);
	assert_same_key(&page[1], &want);
	assert_int_equal(store_group_secrets(f->store, "live", 0, groups, 2, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0].live, 2);
}

/* In whatever order, with whatever is looked for: the row harms no list, and hides no other row. */
static void assert_listed_in_every_order(struct fixture *f)
{
	static const char *const texts[] = { NULL, "a KEY" };
	struct key_record page[3];
	struct key_use_record uses[3];
	struct key_listing listing;

	for (unsigned i = 0; i < 4 * (KEYS_BY_USES + 1); i++) {
		struct key_filter filter = { .environment = "live",
					     .account = "acme",
					     .sort = (enum key_sort)(i / 4),
					     .descending = i % 2,
					     .text = texts[i / 2 % 2] };
		size_t others = 0;
		assert_int_equal(store_list_keys(f->store, &filter, page, uses, 3, &listing),
				 PM_OK);
		assert_string_equal(listing.next, "");
		for (size_t at = 0; at < listing.count; at++)
			others += strcmp(page[at].id, "0000000000000002") != 0;
		assert_int_equal(others, 2);
	}
}

static void assert_quarantined_and_nothing_else(struct fixture *f)
{
	struct key_filter all = { .environment = "live", .sort = KEYS_BY_ID };
	struct key_record out, page[3], want;
	struct key_use_record uses[3];
	struct key_listing listing;

	assert_int_equal(get_key(f, 1, &out), PM_OK);
	assert_int_equal(get_key(f, 2, &out), PM_RECORD_QUARANTINED);
	assert_int_equal(get_key(f, 3, &out), PM_OK);
	assert_int_equal(store_list_keys(f->store, &all, page, uses, 3, &listing), PM_OK);
	assert_int_equal(listing.count, 3);
	assert_int_equal(listing.total, 3);
	want = make_key(1);
	assert_same_key(&page[0], &want);
	want = (struct key_record){ .environment = "live", .id = "0000000000000002" };
	assert_same_key(&page[1], &want); /* and so without a seal */
	want = make_key(3);
	assert_same_key(&page[2], &want);
	assert_scanned_and_grouped(f);
	assert_listed_in_every_order(f);
}

static void a_malformed_key_is_quarantined_and_harms_no_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(key_edits) / sizeof(key_edits[0]); i++) {
		void *each = NULL;
		setup_three_keys(&each);
		struct fixture *f = each;
		raw_edit(f, key_edits[i]);
		assert_quarantined_and_nothing_else(f);
		fixture_reopen(f); /* one edited row does not stop the vault either */
		assert_quarantined_and_nothing_else(f);
		assert_int_equal(commit_key(f, 4), PM_OK);
		fixture_teardown(&each);
	}
}

/* A type that STRICT forbids, put in by editing the schema on the way. */
static void a_value_of_another_type_is_quarantined(void **state)
{
	struct fixture *f = *state;
	struct key_record out;

	raw_edit(f, "PRAGMA writable_schema = ON;"
		    "UPDATE sqlite_schema SET sql = replace(sql, ') STRICT', ')')"
		    " WHERE name = 'api_key';");
	raw_edit(f, "UPDATE api_key SET current_mac = 'text of thirty-two characters ..'" KEY_TWO);
	assert_int_equal(get_key(f, 1, &out), PM_OK);
	assert_int_equal(get_key(f, 2, &out), PM_RECORD_QUARANTINED);
}

static void a_key_whose_id_is_malformed_is_left_out_of_the_list(void **state)
{
	static const char *const ids[] = { "'../../etc/passwd'", "'x' || char(10) || 'y'",
					   "hex(zeroblob(9))", "''", "'a' || char(0) || 'b'" };

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct fixture *f = *state;
		struct key_filter all = { .environment = "live" };
		struct key_record page[3];
		struct key_use_record uses[3];
		struct key_listing listing;
		char sql[128];
		size_t count = 0;

		snprintf(sql, sizeof(sql),
			 "UPDATE api_key SET id = %s WHERE id NOT IN ('0000000000000001',"
			 "'0000000000000003')",
			 ids[i]);
		raw_edit(f, sql);
		assert_int_equal(store_list_keys(f->store, &all, page, uses, 3, &listing), PM_OK);
		assert_int_equal(listing.count, 2);
		assert_int_equal(listing.total, 3);
		assert_string_equal(page[0].id, "0000000000000001");
		assert_string_equal(page[1].id, "0000000000000003");
		assert_int_equal(store_scan_keys(f->store, "live", "", page, 3, &count), PM_OK);
		assert_int_equal(count, 2);
	}
}

static void a_malformed_request_id_record_is_quarantined(void **state)
{
	struct fixture *f = *state;
	struct executed_record out;

	raw_edit(f,
		 "UPDATE executed SET subject = hex(zeroblob(40)) WHERE request_id = 'request-2'");
	assert_int_equal(get_executed(f, 1, &out), PM_OK);
	assert_int_equal(get_executed(f, 2, &out), PM_RECORD_QUARANTINED);
	/* It still stands for a request that was executed. */
	out = make_executed(2);
	assert_int_equal(commit_one(f, insert_executed(&out)), PM_ALREADY_DONE);
}

static void a_malformed_environment_is_quarantined(void **state)
{
	struct fixture *f = *state;
	struct environment_record environment = make_environment("live");
	struct store_change insert = { .op = STORE_INSERT_ENVIRONMENT,
				       .environment = &environment };

	assert_int_equal(commit_one(f, insert), PM_OK);
	raw_edit(f, "UPDATE environment SET token_serial = '0123456789abcdef0'");
	assert_int_equal(store_get_environment(f->store, "live", &environment),
			 PM_RECORD_QUARANTINED);
	raw_edit(f,
		 "UPDATE environment SET token_serial = '', standby_serial = '0123456789abcdef0'");
	assert_int_equal(store_get_environment(f->store, "live", &environment),
			 PM_RECORD_QUARANTINED);
}

static void master_edit(struct fixture *f, const char *sql, struct master_record out[3])
{
	size_t count = 0;

	raw_edit(f, sql);
	assert_int_equal(store_list_masters(f->store, "live", out, 3, &count), PM_OK);
	assert_int_equal(count, 3);
}

static void a_malformed_master_key_is_listed_without_its_seal(void **state)
{
	struct fixture *f = *state;
	struct master_record out[3], want = make_master(1);

	for (uint32_t version = 1; version <= 3; version++) {
		struct master_record master = make_master(version);
		struct store_change insert = { .op = STORE_INSERT_MASTER, .master = &master };
		assert_int_equal(commit_one(f, insert), PM_OK);
	}
	master_edit(f, "UPDATE master_key SET key_id = zeroblob(17) WHERE version = 2", out);
	assert_same_master(&out[0], &want);
	assert_int_equal(out[1].version, 2);
	assert_int_equal(out[1].state, MASTER_ACTIVE);
	assert_int_equal(out[1].seal.version, 0);
	master_edit(f, "UPDATE master_key SET state = 9 WHERE version = 3", out);
	assert_same_master(&out[0], &want);
	assert_int_equal(out[2].version, 3);
	assert_int_equal(out[2].state, MASTER_DESTROYED);
	assert_int_equal(out[2].seal.version, 0);
}

static void every_malformed_field_of_a_master_key_costs_it_its_seal(void **state)
{
	static const char *const edits[] = {
		"state = 0",         "state = 8",    "prior = 8",
		"prior = -1",        "ends_at = -1", "destroy_at = -1",
		"activated_at = -1", "rewrap = 2",   "rewrap = -9223372036854775808",
	};
	struct fixture *f = *state;
	struct master_record out[3], master = make_master(1), want = make_master(3);
	char sql[128];

	for (uint32_t version = 1; version <= 3; version++) {
		master.version = version;
		assert_int_equal(commit_one(f, (struct store_change){ .op = STORE_INSERT_MASTER,
								      .master = &master }),
				 PM_OK);
	}
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE master_key SET %s WHERE version = 2", edits[i]);
		master_edit(f, sql, out);
		assert_int_equal(out[1].version, 2);
		assert_int_equal(out[1].seal.version, 0);
		assert_int_equal(out[1].prior, 0);
		assert_int_equal(out[1].rewrap, false);
		assert_same_master(&out[2], &want);
		raw_edit(f,
			 "UPDATE master_key SET state = 2, prior = 0, ends_at = 0, destroy_at = 0,"
			 " activated_at = 0, rewrap = 0 WHERE version = 2");
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_three_keys, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_malformed_key_is_quarantined_and_harms_no_other),
		TEST(a_value_of_another_type_is_quarantined),
		TEST(a_key_whose_id_is_malformed_is_left_out_of_the_list),
		TEST(a_malformed_request_id_record_is_quarantined),
		TEST(a_malformed_environment_is_quarantined),
		TEST(a_malformed_master_key_is_listed_without_its_seal),
		TEST(every_malformed_field_of_a_master_key_costs_it_its_seal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
