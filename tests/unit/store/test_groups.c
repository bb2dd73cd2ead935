#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_vfs.h"

enum { NOW = 1700001000, KEYS = 600, GROUPS = 256 };

/* The same numbers in each run. */
static unsigned draw(unsigned below)
{
	static uint64_t seed = 20260101;

	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % below;
}

/* Never, long ago, just now, in a moment, or far away. */
static int64_t draw_time(void)
{
	static const int64_t times[] = { 0, 0, 0, 1, NOW - 1, NOW, NOW + 1, INT64_MAX };

	return times[draw(sizeof(times) / sizeof(times[0]))];
}

static struct secret_record draw_secret(void)
{
	static const uint32_t wraps[] = { 1, 2, UINT32_MAX };
	struct secret_record secret = {
		.version = draw(4),
		.pepper_version = 1 + draw(3),
		.wrap_count = draw(3),
		.not_after = draw_time(),
	};

	for (uint32_t i = 0; i < secret.wrap_count; i++)
		secret.wraps[i] = wraps[draw(3)];
	return secret;
}

static struct key_record draw_key(unsigned number)
{
	struct key_record key = make_key(number);

	key.expires_at = draw_time();
	key.revoked_at = draw(4) == 0 ? 1 + draw(NOW) : 0;
	for (size_t i = 0; i < SECRETS_PER_KEY; i++)
		key.secrets[i] = draw_secret();
	if (draw(10) == 0)
		strcpy(key.environment, "test");
	return key;
}

static void commit_keys(struct fixture *f, const struct key_record *keys, size_t count)
{
	struct store_change changes[STORE_CHANGES_MAX];

	for (size_t at = 0; at < count;) {
		size_t some = 0;
		for (; some < STORE_CHANGES_MAX && at < count; some++, at++)
			changes[some] = insert_key(&keys[at]);
		assert_int_equal(store_commit(f->store, changes, some, later()), PM_OK);
	}
}

static bool in_group(const struct secret_record *secret, const struct secret_group *group)
{
	if (secret->version == 0 || secret->pepper_version != group->pepper_version ||
	    secret->wrap_count != group->wrap_count)
		return false;
	for (uint32_t i = 0; i < secret->wrap_count; i++) {
		if (secret->wraps[i] != group->wraps[i])
			return false;
	}
	return true;
}

static bool has_ended(const struct key_record *key, const struct secret_record *secret)
{
	if (key->revoked_at > 0)
		return true;
	if (key->expires_at > 0 && NOW >= key->expires_at)
		return true;
	return secret->not_after > 0 && NOW >= secret->not_after;
}

/* What the group should say, counted one by one. Returns how many it has. */
static uint64_t assert_group(const struct key_record *keys, const char *environment,
			     const struct secret_group *group)
{
	uint64_t live = 0, ended = 0;

	for (size_t i = 0; i < (size_t)KEYS * SECRETS_PER_KEY; i++) {
		const struct key_record *key = &keys[i / SECRETS_PER_KEY];
		const struct secret_record *secret = &key->secrets[i % SECRETS_PER_KEY];
		if (strcmp(key->environment, environment) != 0 || !in_group(secret, group))
			continue;
		if (has_ended(key, secret))
			ended++;
		else
			live++;
	}
	assert_int_equal(group->live, live);
	assert_int_equal(group->ended, ended);
	assert_true(live + ended > 0);
	return live + ended;
}

static void assert_groups(struct fixture *f, const struct key_record *keys, const char *environment)
{
	static struct secret_group groups[GROUPS];
	size_t count = 0, most = 0;
	uint64_t sum = 0, want = 0;

	assert_int_equal(store_group_secrets(f->store, environment, NOW, groups, GROUPS, &count),
			 PM_OK);
	assert_true(count > 20);
	for (size_t i = 0; i < count; i++)
		sum += assert_group(keys, environment, &groups[i]);
	for (size_t i = 0; i < (size_t)KEYS * SECRETS_PER_KEY; i++) {
		const struct key_record *key = &keys[i / SECRETS_PER_KEY];
		want += strcmp(key->environment, environment) == 0 &&
			key->secrets[i % SECRETS_PER_KEY].version != 0;
	}
	assert_int_equal(sum, want); /* so none is in two groups, nor in none */
	assert_int_equal(store_group_secrets(f->store, environment, NOW, groups, count, &most),
			 PM_OK);
	assert_int_equal(most, count);
	assert_int_equal(store_group_secrets(f->store, environment, NOW, groups, count - 1, &most),
			 PM_TOO_LARGE);
}

static void groups_count_each_secret_once_and_by_what_it_needs(void **state)
{
	struct fixture *f = *state;
	static struct key_record keys[KEYS];
	struct secret_group none;
	size_t count = 1;

	for (unsigned i = 0; i < KEYS; i++)
		keys[i] = draw_key(i);
	commit_keys(f, keys, KEYS);
	assert_groups(f, keys, "live");
	assert_groups(f, keys, "test");
	assert_int_equal(store_group_secrets(f->store, "none", NOW, &none, 0, &count), PM_OK);
	assert_int_equal(count, 0);
}

static void a_group_follows_its_secrets(void **state)
{
	struct fixture *f = *state;
	struct key_record key = make_key(1);
	struct secret_group groups[2];
	size_t count = 0;

	commit_keys(f, &key, 1);
	assert_int_equal(store_group_secrets(f->store, "live", NOW, groups, 2, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0].wrap_count, 0);
	key.secrets[SECRET_CURRENT].wraps[0] = 2;
	key.secrets[SECRET_CURRENT].wrap_count = 1;
	key.revision++;
	assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	assert_int_equal(store_group_secrets(f->store, "live", NOW, groups, 2, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(groups[0].pepper_version, 1);
	assert_int_equal(groups[0].wrap_count, 1);
	assert_int_equal(groups[0].wraps[0], 2);
	assert_int_equal(groups[0].wraps[1], 0);
	assert_int_equal(groups[0].live, 1);
	assert_int_equal(groups[0].ended, 0);
}

static void commit_sealed(struct fixture *f, unsigned number, const char *environment,
			  uint32_t version)
{
	struct key_record key = make_key(number);
	struct master_record master = make_master(number);
	struct executed_record executed = make_executed(number);
	struct store_change changes[] = {
		insert_key(&key),
		insert_executed(&executed),
		{ .op = STORE_INSERT_MASTER, .master = &master },
	};

	strcpy(key.environment, environment);
	strcpy(master.environment, environment);
	strcpy(executed.environment, environment);
	key.seal.version = version;
	master.seal.version = version;
	executed.seal.version = version;
	/* No two tables have the same count: for four keys, three master keys and two requests. */
	assert_int_equal(store_commit(f->store, changes, number % 2 ? 3 : 1, later()), PM_OK);
	if (number % 4 == 0)
		assert_int_equal(commit_one(f, changes[2]), PM_OK);
}

static const struct seal_group *group_of(const struct seal_group *groups, size_t count,
					 uint32_t version)
{
	for (size_t i = 0; i < count; i++) {
		if (groups[i].version == version)
			return &groups[i];
	}
	fail_msg("no group of version %u", version);
	return NULL;
}

static void assert_seals(const struct seal_group *group, uint64_t keys, uint64_t masters,
			 uint64_t environments, uint64_t executed)
{
	assert_int_equal(group->keys, keys);
	assert_int_equal(group->masters, masters);
	assert_int_equal(group->environments, environments);
	assert_int_equal(group->executed, executed);
}

static int setup_sealed(void **state)
{
	fixture_setup(state);
	struct fixture *f = *state;
	struct environment_record live = make_environment("live"), test = make_environment("test");
	struct store_change insert = { .op = STORE_INSERT_ENVIRONMENT, .environment = &live };

	live.seal.version = 3;
	assert_int_equal(commit_one(f, insert), PM_OK);
	insert.environment = &test;
	assert_int_equal(commit_one(f, insert), PM_OK);
	for (unsigned i = 1; i <= 8; i++)
		commit_sealed(f, i, "live", 1);
	for (unsigned i = 9; i <= 12; i++)
		commit_sealed(f, i, "live", UINT32_MAX);
	commit_sealed(f, 13, "test", 1);
	return 0;
}

static void seals_are_counted_by_version_and_table(void **state)
{
	struct fixture *f = *state;
	struct seal_group groups[4];
	size_t count = 0;

	assert_int_equal(store_group_seals(f->store, "live", groups, 2, &count), PM_TOO_LARGE);
	assert_int_equal(store_group_seals(f->store, "live", groups, 3, &count), PM_OK);
	assert_int_equal(count, 3);
	assert_seals(group_of(groups, count, 1), 8, 6, 0, 4);
	assert_seals(group_of(groups, count, UINT32_MAX), 4, 3, 0, 2);
	assert_seals(group_of(groups, count, 3), 0, 0, 1, 0);
	assert_int_equal(store_group_seals(f->store, "test", groups, 4, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_seals(&groups[0], 1, 1, 1, 1);
	assert_int_equal(store_group_seals(f->store, "none", groups, 0, &count), PM_OK);
	assert_int_equal(count, 0);
}

static void a_seal_of_an_impossible_version_is_not_counted(void **state)
{
	struct fixture *f = *state;
	struct seal_group groups[4];
	size_t count = 0;

	raw_edit(f, "UPDATE api_key SET seal_version = -1 WHERE id LIKE '%01'");
	raw_edit(f, "UPDATE api_key SET seal_version = 4294967296 WHERE id LIKE '%02'");
	raw_edit(f, "UPDATE executed SET seal_version = -9223372036854775808"
		    " WHERE request_id = 'request-1'");
	assert_int_equal(store_group_seals(f->store, "live", groups, 4, &count), PM_OK);
	assert_int_equal(count, 3);
	assert_seals(group_of(groups, count, 1), 6, 6, 0, 3);
}

enum { BEFORE = 400, MEANWHILE = 400, PAGE = 7 };

struct minter {
	pthread_t thread;
	struct fixture *f;
	atomic_uint done;
	atomic_int err; /* enum pm_err */
};

/* The odd numbers, here and there between the even ones. */
static void *mint_main(void *arg)
{
	struct minter *minter = arg;

	for (unsigned i = 0; i < MEANWHILE && minter->err == PM_OK; i++) {
		struct key_record key = make_key(2 * (i * 149 % MEANWHILE) + 1);
		minter->err = (int)commit_one(minter->f, insert_key(&key));
		minter->done = i + 1;
	}
	return NULL;
}

/* Goes through all keys while keys are minted; how many there were, and of those, old ones. */
static unsigned scan_all(struct fixture *f, unsigned *old)
{
	struct key_record page[PAGE];
	char after[STORE_ID_LEN + 1] = "";
	unsigned sum = 0;
	size_t count = 0;

	*old = 0;
	do {
		assert_int_equal(store_scan_keys(f->store, "live", after, page, PAGE, &count),
				 PM_OK);
		for (size_t i = 0; i < count; i++) {
			unsigned number = (unsigned)strtoul(page[i].id, NULL, 10);
			struct key_record want = make_key(number);
			assert_same_key(&page[i], &want);
			assert_true(strcmp(page[i].id, after) > 0);
			memcpy(after, page[i].id, sizeof(after));
			*old += number % 2 == 0;
			sum++;
		}
	} while (count == PAGE);
	return sum;
}

static void a_scan_meets_each_key_once_while_others_are_inserted(void **state)
{
	struct fixture *f = *state;
	struct minter minter = { .f = f };
	static struct key_record keys[BEFORE];
	unsigned old = 0, overlapping = 0;

	for (unsigned i = 0; i < BEFORE; i++)
		keys[i] = make_key(2 * i);
	commit_keys(f, keys, BEFORE);
	assert_int_equal(pthread_create(&minter.thread, NULL, mint_main, &minter), 0);
	while (minter.done < MEANWHILE && minter.err == PM_OK) {
		unsigned least = BEFORE + minter.done;
		unsigned sum = scan_all(f, &old);
		assert_int_equal(old, BEFORE);
		assert_true(sum >= least);
		overlapping += minter.done < MEANWHILE;
	}
	pthread_join(minter.thread, NULL);
	assert_int_equal(minter.err, PM_OK);
	assert_true(overlapping > 0);
	assert_int_equal(scan_all(f, &old), BEFORE + MEANWHILE);
}

static void a_scan_is_of_its_environment_and_after_its_id(void **state)
{
	struct fixture *f = *state;
	struct key_record page[20];
	size_t count = 1;

	assert_int_equal(store_scan_keys(f->store, "none", NULL, page, 20, &count), PM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_scan_keys(f->store, "live", NULL, page, 20, &count), PM_OK);
	assert_int_equal(count, 12);
	assert_int_equal(store_scan_keys(f->store, "live", page[9].id, page, 20, &count), PM_OK);
	assert_int_equal(count, 2);
	assert_string_equal(page[0].id, "0000000000000011");
	assert_int_equal(store_scan_keys(f->store, "live", page[1].id, page, 20, &count), PM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(store_scan_keys(f->store, "live", NULL, page, 0, &count), PM_OK);
	assert_int_equal(count, 0);
}

/* All the readings of everything, each right or an error. */
static unsigned read_all(struct fixture *f)
{
	struct secret_group secrets[2];
	struct seal_group seals[4];
	struct key_record page[20];
	size_t count = 0;
	enum pm_err errs[3];
	unsigned failed = 0;

	errs[0] = store_group_secrets(f->store, "live", NOW, secrets, 2, &count);
	if (errs[0] == PM_OK)
		assert_int_equal(secrets[0].live, 12);
	errs[1] = store_group_seals(f->store, "live", seals, 4, &count);
	if (errs[1] == PM_OK)
		assert_seals(group_of(seals, count, 1), 8, 6, 0, 4);
	errs[2] = store_scan_keys(f->store, "live", NULL, page, 20, &count);
	if (errs[2] == PM_OK)
		assert_int_equal(count, 12);
	for (size_t i = 0; i < 3; i++) {
		assert_true(errs[i] == PM_OK || errs[i] == PM_STORE_UNAVAILABLE);
		failed += errs[i] != PM_OK;
	}
	return failed;
}

static void reading_everything_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	unsigned failed = 0;
	int nth = 0;

	for (bool fired = true; fired && nth < 1000; nth++) {
		fixture_reopen(f); /* with nothing in a page cache */
		fault_vfs_arm(nth);
		failed += read_all(f);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_int_equal(read_all(f), 0);
	}
	assert_true(nth < 1000);
	assert_true(failed > 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define TEST_SEALED(name) cmocka_unit_test_setup_teardown(name, setup_sealed, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(groups_count_each_secret_once_and_by_what_it_needs),
		TEST(a_group_follows_its_secrets),
		TEST_SEALED(seals_are_counted_by_version_and_table),
		TEST_SEALED(a_seal_of_an_impossible_version_is_not_counted),
		TEST(a_scan_meets_each_key_once_while_others_are_inserted),
		TEST_SEALED(a_scan_is_of_its_environment_and_after_its_id),
		TEST_SEALED(reading_everything_survives_every_io_error),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
