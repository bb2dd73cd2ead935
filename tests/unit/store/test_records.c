#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static void fill_text(char *text, size_t size)
{
	/* Two-byte characters: the limits are bytes. */
	for (size_t i = 0; i + 2 < size; i += 2)
		memcpy(text + i, "\u00e9", 2);
	if (strlen(text) < size - 1)
		text[size - 2] = 'x';
}

#define FILL(field) fill_text(field, sizeof(field))

static struct key_record extreme_key(void)
{
	struct key_record key = {
		.id = "zzzzzzzzzzzzzzzz",
		.created_at = INT64_MAX,
		.expires_at = INT64_MAX,
		.rotated_at = INT64_MAX,
		.revoked_at = INT64_MAX,
		.revision = INT64_MAX,
		.seal = { .version = UINT32_MAX },
	};

	FILL(key.environment);
	FILL(key.account);
	FILL(key.product);
	FILL(key.name);
	FILL(key.created_by);
	FILL(key.tail);
	FILL(key.external_ref);
	FILL(key.scopes);
	FILL(key.labels);
	FILL(key.networks);
	FILL(key.import_key);
	key.not_before = INT64_MAX - 2;
	key.disabled_at = INT64_MAX - 3;
	key.first_use = true;
	key.first_use_overlap = INT64_MAX - 4;
	key.last_version = UINT32_MAX;
	key.registered = true;
	key.lookup_version = UINT32_MAX - 2;
	memset(key.lookup, 0xfd, sizeof(key.lookup));
	for (size_t i = 0; i < SECRETS_PER_KEY; i++) {
		key.secrets[i].version = UINT32_MAX;
		key.secrets[i].form = SECRET_HMAC;
		key.secrets[i].pepper_version = UINT32_MAX - 1;
		key.secrets[i].not_after = INT64_MAX - 1;
		key.secrets[i].wrap_count = STORE_WRAPS_MAX;
		for (uint32_t wrap = 0; wrap < STORE_WRAPS_MAX; wrap++)
			key.secrets[i].wraps[wrap] = UINT32_MAX - wrap;
		memset(key.secrets[i].mac, 0xff, STORE_MAC_LEN);
	}
	memset(key.seal.mac, 0xfe, STORE_MAC_LEN);
	return key;
}

static void a_key_with_every_field_at_its_limit_comes_back_the_same(void **state)
{
	struct fixture *f = *state;
	struct key_record out, key = extreme_key();

	assert_int_equal(strlen(key.name), STORE_NAME_MAX);
	assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	fixture_reopen(f);
	assert_int_equal(store_get_key(f->store, key.environment, key.id, &out), PM_OK);
	assert_same_key(&out, &key);
}

static void a_key_with_every_field_empty_comes_back_the_same(void **state)
{
	struct fixture *f = *state;
	struct key_record out, key = { .id = "0", .revision = 1 };

	assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	assert_int_equal(store_get_key(f->store, "", "0", &out), PM_OK);
	assert_same_key(&out, &key);
}

static void an_environment_comes_back_the_same(void **state)
{
	struct fixture *f = *state;
	struct environment_record out, environment = {
		.created_at = INT64_MAX,
		.revision = INT64_MAX,
		.seal = { .version = UINT32_MAX, .mac = { 0xff } },
	};
	struct store_change insert = { .op = STORE_INSERT_ENVIRONMENT,
				       .environment = &environment };

	FILL(environment.name);
	FILL(environment.token_serial);
	FILL(environment.standby_serial);
	assert_int_equal(commit_one(f, insert), PM_OK);
	fixture_reopen(f);
	assert_int_equal(store_get_environment(f->store, environment.name, &out), PM_OK);
	assert_same_environment(&out, &environment);
	assert_int_equal(commit_one(f, insert), PM_ALREADY_EXISTS);
}

static void an_executed_request_comes_back_the_same(void **state)
{
	struct fixture *f = *state;
	struct executed_record out, executed = {
		.uid = UINT32_MAX,
		.rpc = UINT32_MAX,
		.at = INT64_MAX,
		.seal = { .version = UINT32_MAX, .mac = { 0xff } },
	};

	FILL(executed.environment);
	FILL(executed.request_id);
	FILL(executed.subject);
	assert_int_equal(commit_one(f, insert_executed(&executed)), PM_OK);
	fixture_reopen(f);
	assert_int_equal(store_get_executed(f->store, UINT32_MAX, executed.request_id, &out),
			 PM_OK);
	assert_same_executed(&out, &executed);
	assert_int_equal(commit_one(f, insert_executed(&executed)), PM_ALREADY_DONE);
	assert_int_equal(store_get_executed(f->store, 0, executed.request_id, &out), PM_NOT_FOUND);
}

static void master_keys_come_back_in_the_order_of_their_versions(void **state)
{
	struct fixture *f = *state;
	static const uint32_t versions[] = { UINT32_MAX, 2, 10, 1 };
	static const uint32_t in_order[] = { 1, 2, 10, UINT32_MAX };
	struct master_record out[4];
	size_t count = 0;

	for (size_t i = 0; i < 4; i++) {
		struct master_record master = make_master(versions[i]);
		struct store_change insert = { .op = STORE_INSERT_MASTER, .master = &master };
		assert_int_equal(commit_one(f, insert), PM_OK);
		assert_int_equal(commit_one(f, insert), PM_ALREADY_EXISTS);
	}
	fixture_reopen(f);
	assert_int_equal(store_list_masters(f->store, "live", out, 4, &count), PM_OK);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < 4; i++) {
		struct master_record want = make_master(in_order[i]);
		assert_same_master(&out[i], &want);
	}
	assert_int_equal(store_list_masters(f->store, "live", out, 3, &count), PM_TOO_LARGE);
	assert_int_equal(store_list_masters(f->store, "test", out, 4, &count), PM_OK);
	assert_int_equal(count, 0);
}

static void a_master_key_comes_back_the_same_in_every_state(void **state)
{
	struct fixture *f = *state;
	struct master_record out, master = make_master(1);
	size_t count = 0;

	assert_int_equal(commit_one(f, (struct store_change){ .op = STORE_INSERT_MASTER,
							      .master = &master }),
			 PM_OK);
	for (uint32_t at = MASTER_STAGED; at <= MASTER_DESTROY_SCHEDULED; at++) {
		master.state = (enum master_state)at;
		master.prior = (enum master_state)(MASTER_DESTROY_SCHEDULED - at);
		master.ends_at = INT64_MAX - at;
		master.destroy_at = INT64_MAX - 10 * at;
		master.activated_at = INT64_MAX - 100 * at;
		master.rewrap = at % 2;
		master.revision++;
		assert_int_equal(commit_one(f, (struct store_change){ .op = STORE_UPDATE_MASTER,
								      .master = &master }),
				 PM_OK);
		assert_int_equal(store_list_masters(f->store, "live", &out, 1, &count), PM_OK);
		assert_same_master(&out, &master);
	}
}

static void an_environment_changes_only_from_the_revision_before(void **state)
{
	struct fixture *f = *state;
	struct environment_record out, environment = make_environment("live");
	struct environment_record other = make_environment("test"), stale = environment;
	struct store_change update = { .op = STORE_UPDATE_ENVIRONMENT,
				       .environment = &environment };

	assert_int_equal(commit_one(f, update), PM_CONFLICT); /* not there */
	update.op = STORE_INSERT_ENVIRONMENT;
	assert_int_equal(commit_one(f, update), PM_OK);
	update.environment = &other;
	assert_int_equal(commit_one(f, update), PM_OK);
	update = (struct store_change){ .op = STORE_UPDATE_ENVIRONMENT,
					.environment = &environment };
	assert_int_equal(commit_one(f, update), PM_CONFLICT); /* the same revision */
	strcpy(environment.standby_serial, "fedcba9876543210");
	environment.seal = (struct store_seal){ .version = 2, .mac = { 2 } };
	environment.revision = 2;
	assert_int_equal(commit_one(f, update), PM_OK);
	stale.revision = 2;
	update.environment = &stale;
	assert_int_equal(commit_one(f, update), PM_CONFLICT);
	stale.revision = 4;
	assert_int_equal(commit_one(f, update), PM_CONFLICT);
	fixture_reopen(f);
	assert_int_equal(store_get_environment(f->store, "live", &out), PM_OK);
	assert_same_environment(&out, &environment);
	assert_int_equal(store_get_environment(f->store, "test", &out), PM_OK);
	assert_same_environment(&out, &other);
}

static void assert_wraps(struct fixture *f, struct key_record *key, uint32_t count)
{
	struct key_record out;

	for (uint32_t i = 0; i < STORE_WRAPS_MAX; i++)
		key->secrets[SECRET_CURRENT].wraps[i] = i < count ? 0x01020300 + i : 0;
	key->secrets[SECRET_CURRENT].wrap_count = count;
	key->secrets[SECRET_PREVIOUS].wraps[0] = count;
	key->secrets[SECRET_PREVIOUS].wrap_count = count > 0;
	key->revision++;
	assert_int_equal(commit_one(f, update_key(key)), PM_OK);
	assert_int_equal(get_key(f, 1, &out), PM_OK);
	assert_same_key(&out, key);
}

static void wraps_of_every_number_come_back_in_their_order(void **state)
{
	struct fixture *f = *state;
	struct key_record key = make_key(1);

	assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	for (uint32_t count = 0; count <= STORE_WRAPS_MAX; count++)
		assert_wraps(f, &key, count);
	assert_wraps(f, &key, 0); /* and are gone again */
	key.secrets[SECRET_CURRENT].wraps[0] = 0x01020304;
	key.secrets[SECRET_CURRENT].wrap_count = 1;
	key.revision++;
	assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	raw_edit(f, "UPDATE api_key SET tail = '' WHERE current_wraps = x'01020304'");
}

static void a_master_key_changes_only_from_the_revision_before(void **state)
{
	struct fixture *f = *state;
	struct master_record out, master = make_master(1);
	struct store_change insert = { .op = STORE_INSERT_MASTER, .master = &master };
	struct store_change update = { .op = STORE_UPDATE_MASTER, .master = &master };
	size_t count = 0;

	assert_int_equal(commit_one(f, insert), PM_OK);
	master.state = MASTER_VERIFY_ONLY;
	assert_int_equal(commit_one(f, update), PM_CONFLICT);
	master.revision = 2;
	assert_int_equal(commit_one(f, update), PM_OK);
	assert_int_equal(commit_one(f, update), PM_CONFLICT);
	assert_int_equal(store_list_masters(f->store, "live", &out, 1, &count), PM_OK);
	assert_same_master(&out, &master);
}

static void a_key_changes_only_from_the_revision_before(void **state)
{
	struct fixture *f = *state;
	struct key_record out, key = make_key(1), stale = key;

	assert_int_equal(commit_one(f, update_key(&key)), PM_CONFLICT); /* not there */
	assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	key.revoked_at = 1700000002;
	key.revision = 2;
	assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	stale.revision = 2;
	assert_int_equal(commit_one(f, update_key(&stale)), PM_CONFLICT);
	stale.revision = 4;
	assert_int_equal(commit_one(f, update_key(&stale)), PM_CONFLICT);
	assert_int_equal(get_key(f, 1, &out), PM_OK);
	assert_same_key(&out, &key);
}

static void a_commit_that_is_refused_in_the_end_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct executed_record executed;
	struct key_record key;

	assert_int_equal(commit_key(f, 1), PM_OK);
	key = make_key(1);
	executed = make_executed(2);
	struct store_change changes[] = { insert_executed(&executed), insert_key(&key) };
	assert_int_equal(store_commit(f->store, changes, 2, later()), PM_ALREADY_EXISTS);
	assert_int_equal(get_executed(f, 2, &executed), PM_NOT_FOUND);
}

static void a_request_that_was_executed_is_not_executed_again(void **state)
{
	struct fixture *f = *state;
	struct key_record key = make_key(2);
	struct executed_record executed = make_executed(1);
	struct store_change changes[] = { insert_key(&key), insert_executed(&executed) };

	assert_int_equal(commit_key(f, 1), PM_OK);
	assert_int_equal(store_commit(f->store, changes, 2, later()), PM_ALREADY_DONE);
	assert_int_equal(get_key(f, 2, &key), PM_NOT_FOUND);
}

static void what_could_not_be_loaded_again_is_not_stored(void **state)
{
	struct fixture *f = *state;
	struct key_record key = make_key(1);

	memset(key.account, 'a', sizeof(key.account)); /* no end */
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key = make_key(1);
	key.created_at = -1;
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key = make_key(1);
	key.revision = 0;
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key = make_key(1);
	strcpy(key.id, "not-base62");
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key = make_key(1);
	key.secrets[SECRET_CURRENT].wrap_count = 1; /* of version 0 */
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key.secrets[SECRET_CURRENT].wraps[0] = 1;
	key.secrets[SECRET_CURRENT].wrap_count = STORE_WRAPS_MAX + 1;
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key = make_key(1);
	key.secrets[SECRET_PREVIOUS].form = SECRET_HMAC + 1;
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key = make_key(1);
	key.lookup[STORE_LOOKUP_LEN - 1] = 1; /* of a key that was not imported */
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	key = make_key(1);
	key.not_before = -1;
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
	assert_int_equal(store_commit(f->store, NULL, 0, later()), PM_INTERNAL);
	assert_int_equal(commit_key(f, 1), PM_OK);
}

/* Removal is the writer's own affair: it does it at some time after the start. */
static void old_request_ids_are_forgotten_and_young_ones_are_not(void **state)
{
	struct fixture *f = *state;
	struct executed_record out, old = make_executed(1);
	enum pm_err err = PM_OK;

	old.at = clock_unix() - 8 * 86400;
	assert_int_equal(commit_one(f, insert_executed(&old)), PM_OK);
	assert_int_equal(commit_key(f, 2), PM_OK);
	fixture_reopen(f);
	for (int64_t end = later(); err == PM_OK && clock_now() < end;)
		err = get_executed(f, 1, &out);
	assert_int_equal(err, PM_NOT_FOUND);
	assert_int_equal(get_executed(f, 2, &out), PM_OK);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_key_with_every_field_at_its_limit_comes_back_the_same),
		TEST(a_key_with_every_field_empty_comes_back_the_same),
		TEST(an_environment_comes_back_the_same),
		TEST(an_executed_request_comes_back_the_same),
		TEST(master_keys_come_back_in_the_order_of_their_versions),
		TEST(a_master_key_comes_back_the_same_in_every_state),
		TEST(an_environment_changes_only_from_the_revision_before),
		TEST(wraps_of_every_number_come_back_in_their_order),
		TEST(a_master_key_changes_only_from_the_revision_before),
		TEST(a_key_changes_only_from_the_revision_before),
		TEST(a_commit_that_is_refused_in_the_end_changes_nothing),
		TEST(a_request_that_was_executed_is_not_executed_again),
		TEST(what_could_not_be_loaded_again_is_not_stored),
		TEST(old_request_ids_are_forgotten_and_young_ones_are_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
