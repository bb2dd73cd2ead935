#include "audit_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_vfs.h"
#include "schema.h"

static char *read_text(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 65536);

	assert_non_null(file);
	assert_non_null(text);
	assert_true(fread(text, 1, 65535, file) > 0);
	assert_true(feof(file));
	fclose(file);
	return text;
}

/* v<n>.sql is what `.dump` says of a database that version n made: it stays as it is for ever. */
static void make_from_dump(struct fixture *f, const char *path)
{
	char *sql = read_text(path);
	sqlite3 *db = raw_open(f->dir);

	raw_exec(db, "PRAGMA journal_mode = WAL");
	raw_exec(db, sql);
	free(sql);
	sqlite3_close(db);
}

static void a_database_of_version_one_is_opened_with_all_that_is_in_it(void **state)
{
	struct fixture *f = *state;
	struct key_record key;
	struct executed_record executed;
	struct environment_record environment;
	struct master_record master;
	size_t count = 0;

	make_from_dump(f, V1_SQL);
	fixture_open(f);
	assert_int_equal(get_key(f, 7, &key), PM_OK);
	assert_string_equal(key.account, "acme");
	assert_int_equal(key.secrets[SECRET_CURRENT].mac[31], 8);
	assert_int_equal(get_executed(f, 7, &executed), PM_OK);
	assert_int_equal(store_get_environment(f->store, "live", &environment), PM_OK);
	assert_string_equal(environment.token_serial, "0123456789abcdef");
	assert_int_equal(store_list_masters(f->store, "live", &master, 1, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(commit_key(f, 8), PM_OK);
	assert_int_equal(commit_log(f, 1), PM_OK);
	assert_int_equal(commit_audited(f, 9, NULL), PM_OK);
	assert_tree_is_of_rows(f);
}

/* What v2.sql has, each of a plain record's fields that differ. */
static struct key_record key_of_v2(unsigned number)
{
	struct key_record key = make_key(number);

	if (number == 7)
		return key;
	key.expires_at = 1900000000;
	key.rotated_at = 1700000100;
	key.revision = 2;
	key.secrets[SECRET_CURRENT].version = 2;
	key.secrets[SECRET_CURRENT].pepper_version = 3;
	key.secrets[SECRET_PREVIOUS] = (struct secret_record){
		.version = 1,
		.pepper_version = 2,
		.not_after = 1700000200,
		.mac = { 9, 8, 7 },
	};
	return key;
}

static struct master_record master_of_v2(uint32_t version)
{
	static const enum master_state states[] = { MASTER_DESTROYED, MASTER_VERIFY_ONLY,
						    MASTER_ACTIVE, MASTER_STAGED };
	struct master_record master = make_master(version);

	master.state = states[version - 1];
	master.revision = 5 - version;
	master.seal.mac[31] = (uint8_t)version;
	if (master.state == MASTER_STAGED)
		memset(master.check, 0, sizeof(master.check));
	return master;
}

static void assert_masters_of_v2(struct fixture *f)
{
	struct master_record masters[4], want;
	size_t count = 0;

	assert_int_equal(store_list_masters(f->store, "live", masters, 4, &count), PM_OK);
	assert_int_equal(count, 4);
	for (uint32_t i = 0; i < 4; i++) {
		want = master_of_v2(i + 1);
		assert_same_master(&masters[i], &want);
	}
}

static void assert_audit_of_v2(struct fixture *f)
{
	struct reading reading = { 0 };
	struct checkpoint_record checkpoint;

	assert_int_equal(read_leaves(f, 1, 0, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, 259);
	assert_int_equal(store_get_checkpoint(f->store, 1, STORE_NEWEST_SIGNED, &checkpoint),
			 PM_OK);
	assert_int_equal(checkpoint.size, 200);
	assert_int_equal(store_get_checkpoint(f->store, 1, STORE_NEWEST, &checkpoint), PM_OK);
	assert_int_equal(checkpoint.size, 259);
	assert_tree_is_of_rows(f);
}

/* Every record is what it was, with nothing in the fields that are new: its seal holds. */
static void assert_all_of_v2(struct fixture *f)
{
	struct environment_record environment, want = make_environment("live");
	struct executed_record executed, want_executed = make_executed(7);
	struct uses_record uses;
	struct key_record key, want_key;
	size_t count = 1;

	assert_int_equal(store_get_environment(f->store, "live", &environment), PM_OK);
	assert_same_environment(&environment, &want);
	want_executed.at = 4000000000;
	assert_int_equal(get_executed(f, 7, &executed), PM_OK);
	assert_same_executed(&executed, &want_executed);
	for (unsigned number = 7; number <= 8; number++) {
		want_key = key_of_v2(number);
		assert_int_equal(get_key(f, number, &key), PM_OK);
		assert_same_key(&key, &want_key);
	}
	assert_masters_of_v2(f);
	assert_int_equal(store_list_uses(f->store, "live", &uses, 1, &count), PM_OK);
	assert_int_equal(count, 0);
	assert_audit_of_v2(f);
}

/* Records that a database of version 2 could not hold. */
static void commit_new_things(struct fixture *f)
{
	struct master_record master = master_of_v2(3);
	struct key_record key = key_of_v2(8);

	master.state = MASTER_DESTROY_SCHEDULED;
	master.prior = MASTER_SUSPENDED;
	master.destroy_at = 1;
	master.revision++;
	assert_int_equal(commit_one(f, (struct store_change){ .op = STORE_UPDATE_MASTER,
							      .master = &master }),
			 PM_OK);
	key.secrets[SECRET_CURRENT].wraps[0] = 4;
	key.secrets[SECRET_CURRENT].wrap_count = 1;
	key.revision++;
	assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	assert_int_equal(commit_audited(f, 9, NULL), PM_OK);
}

static void a_database_of_version_two_is_opened_with_all_that_is_in_it(void **state)
{
	struct fixture *f = *state;

	make_from_dump(f, V2_SQL);
	fixture_open(f);
	assert_all_of_v2(f);
	fixture_reopen(f);
	assert_all_of_v2(f);
	commit_new_things(f);
	fixture_close(f);
	assert_integrity(f->dir);
}

/* What v3.sql has. */
static struct key_record key_of_v3(unsigned number)
{
	struct key_record key = make_key(number);

	if (number == 8) {
		key = key_of_v2(8);
		key.revision = 1;
		key.secrets[SECRET_CURRENT].wraps[0] = 4;
		key.secrets[SECRET_CURRENT].wrap_count = 1;
		key.secrets[SECRET_PREVIOUS].wraps[0] = 3;
		key.secrets[SECRET_PREVIOUS].wraps[1] = 4;
		key.secrets[SECRET_PREVIOUS].wrap_count = 2;
	}
	if (number == 9) {
		strcpy(key.account, "other");
		memcpy(key.product, "wallet\0\0", 8);
		key.revoked_at = 1700000300;
	}
	return key;
}

static struct master_record master_of_v3(uint32_t version)
{
	struct master_record master = make_master(version);

	master.state = (enum master_state)version;
	if (master.state == MASTER_DESTROY_SCHEDULED) {
		master.prior = MASTER_SUSPENDED;
		master.destroy_at = 1900000000;
	}
	if (master.state == MASTER_COMPROMISED)
		master.ends_at = 1800000000;
	if (master.state == MASTER_ACTIVE) {
		master.activated_at = 1700000002;
		master.rewrap = true;
	}
	return master;
}

static void assert_masters_of_v3(struct fixture *f)
{
	struct master_record masters[7], want;
	struct uses_record uses;
	size_t count = 0;

	assert_int_equal(store_list_masters(f->store, "live", masters, 7, &count), PM_OK);
	assert_int_equal(count, 7);
	for (uint32_t i = 0; i < 7; i++) {
		want = master_of_v3(i + 1);
		assert_same_master(&masters[i], &want);
	}
	assert_int_equal(store_list_uses(f->store, "live", &uses, 1, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_true(uses.uses == 5);
}

/* Every key is what it was, is counted and is in the lists. */
static void assert_keys_of_v3(struct fixture *f)
{
	static const unsigned numbers[] = { 7, 8, 9, 20, 21 };
	struct key_filter revoked = { .environment = "live", .states = KEYS_REVOKED };
	struct key_filter acme = { .environment = "live", .account = "acme", .sort = KEYS_BY_NAME };
	struct key_record page[5], key, want;
	struct key_use_record uses[5];
	struct key_listing listing;
	uint64_t total = 0;

	for (size_t i = 0; i < 5; i++) {
		want = key_of_v3(numbers[i]);
		assert_int_equal(get_key(f, numbers[i], &key), PM_OK);
		assert_same_key(&key, &want);
	}
	assert_int_equal(store_count_keys(f->store, "live", &total), PM_OK);
	assert_int_equal(total, 5);
	assert_int_equal(store_list_keys(f->store, &revoked, page, uses, 5, &listing), PM_OK);
	assert_int_equal(listing.count, 1);
	assert_int_equal(listing.total, 1);
	assert_int_equal(store_list_keys(f->store, &acme, page, uses, 5, &listing), PM_OK);
	assert_int_equal(listing.count, 4);
	assert_int_equal(listing.total, 4);
	assert_int_equal(store_count_lookups(f->store, "live", 0, &total), PM_OK);
	assert_int_equal(total, 0);
}

static void assert_all_of_v3(struct fixture *f)
{
	struct environment_record environment, want = make_environment("live");
	struct executed_record executed, want_executed = make_executed(7);
	struct reading reading = { 0 };

	strcpy(want.standby_serial, "fedcba9876543210");
	assert_int_equal(store_get_environment(f->store, "live", &environment), PM_OK);
	assert_same_environment(&environment, &want);
	want_executed.at = 4000000000;
	assert_int_equal(get_executed(f, 7, &executed), PM_OK);
	assert_same_executed(&executed, &want_executed);
	assert_masters_of_v3(f);
	assert_keys_of_v3(f);
	assert_int_equal(read_leaves(f, 1, 0, SIZE_MAX, &reading), PM_OK);
	assert_int_equal(reading.found, 3);
	assert_tree_is_of_rows(f);
}

static void a_database_of_version_three_is_opened_with_all_that_is_in_it(void **state)
{
	struct fixture *f = *state;
	struct key_record key = key_of_v3(8);

	make_from_dump(f, V3_SQL);
	fixture_open(f);
	assert_all_of_v3(f);
	fixture_reopen(f);
	assert_all_of_v3(f);
	strcpy(key.external_ref, "new");
	key.disabled_at = 1700000500;
	key.revision++;
	assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	assert_int_equal(commit_key(f, 30), PM_OK);
	fixture_close(f);
	assert_integrity(f->dir);
}

/* Rows that somebody edited are neither lost on the way nor do they stop it. */
static void malformed_rows_are_still_there_and_quarantined_after_a_migration(void **state)
{
	struct fixture *f = *state;
	struct environment_record environment;
	struct master_record masters[4];
	struct key_record key;
	size_t count = 0;

	make_from_dump(f, V2_SQL);
	raw_edit(f, "UPDATE master_key SET state = 9, seal_mac = zeroblob(31) WHERE version = 2");
	raw_edit(f, "UPDATE api_key SET current_mac = zeroblob(31) WHERE id LIKE '%8'");
	raw_edit(f, "UPDATE environment SET created_at = -1");
	fixture_open(f);
	assert_int_equal(store_get_environment(f->store, "live", &environment),
			 PM_RECORD_QUARANTINED);
	assert_int_equal(get_key(f, 7, &key), PM_OK);
	assert_int_equal(get_key(f, 8, &key), PM_RECORD_QUARANTINED);
	assert_int_equal(store_list_masters(f->store, "live", masters, 4, &count), PM_OK);
	assert_int_equal(count, 4);
	assert_int_equal(masters[1].state, MASTER_DESTROYED);
	assert_int_equal(masters[1].seal.version, 0);
	assert_int_equal(masters[2].seal.version, 1);
	/* What is written now is checked as ever. */
	key = make_key(1);
	strcpy(key.id, "not-base62");
	assert_int_equal(commit_one(f, insert_key(&key)), PM_INTERNAL);
}

enum { SWEEP_MAX = 2000 };

static bool is_disk_error(enum pm_err err)
{
	/* A page that the integrity check cannot read is one of its findings. */
	return err == PM_STORE_UNAVAILABLE || err == PM_STORE_DAMAGED;
}

/* Returns how many calls there were to fail, of which `*failed` kept the store from opening. */
static int sweep_migration(void (*arm)(int), int *failed)
{
	void *model = NULL;
	bool fired = true;
	int nth = 0;

	fixture_setup_unopened(&model);
	struct fixture *before = model;
	make_from_dump(before, V2_SQL);
	for (; fired && nth < SWEEP_MAX; nth++) {
		void *each = NULL;
		fixture_setup_unopened(&each);
		struct fixture *f = each;
		copy_as_crashed(before->dir, f->dir);
		arm(nth);
		enum pm_err err = store_open(&f->config, &f->store);
		fired = fault_vfs_fired();
		assert_true(err == PM_OK || is_disk_error(err));
		if (err == PM_OK)
			fixture_close(f);
		fault_vfs_disarm(); /* only now: a disk that fails for good fails the closing too */
		*failed += err != PM_OK;
		fixture_open(f);
		assert_all_of_v2(f);
		fixture_close(f);
		assert_integrity(f->dir);
		fixture_teardown(&each);
	}
	fixture_teardown(&model);
	assert_false(fired);
	return nth - 1;
}

static void a_migration_survives_every_io_error(void **state)
{
	int failed = 0;

	(void)state;
	assert_true(sweep_migration(fault_vfs_arm, &failed) > 40);
	assert_true(failed > 20);
}

static void a_migration_survives_a_disk_that_is_full_at_any_write(void **state)
{
	int failed = 0;

	(void)state;
	assert_true(sweep_migration(fault_vfs_arm_full, &failed) > 20);
	assert_true(failed > 5);
}

static void a_migration_survives_a_disk_that_fails_for_good(void **state)
{
	int failed = 0;

	(void)state;
	assert_true(sweep_migration(fault_vfs_arm_from, &failed) > 40);
	assert_true(failed > 20);
}

static void each_migration_runs_once_and_in_order(void **state)
{
	static const char *const migrations[] = {
		"CREATE TABLE t (a INTEGER) STRICT; INSERT INTO t VALUES (1);",
		"ALTER TABLE t ADD COLUMN b INTEGER; UPDATE t SET b = a + 1;",
		"CREATE INDEX t_by_b ON t (b); UPDATE t SET b = b * 10;",
	};
	struct fixture *f = *state;
	sqlite3 *db = raw_open(f->dir);
	sqlite3_stmt *stmt = NULL;

	for (size_t version = 1; version <= 3; version++) {
		assert_int_equal(schema_bring_up(db, migrations, version), PM_OK);
		assert_int_equal(schema_bring_up(db, migrations, version), PM_OK);
	}
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT b FROM t", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), 20);
	sqlite3_finalize(stmt);
	assert_int_equal(schema_bring_up(db, migrations, 2), PM_STORE_DAMAGED);
	sqlite3_close(db);
}

static void a_migration_that_fails_leaves_the_version_before(void **state)
{
	static const char *const good[] = { "CREATE TABLE t (a INTEGER) STRICT;",
					    "CREATE TABLE u (a INTEGER) STRICT;" };
	static const char *const bad[] = {
		"CREATE TABLE t (a INTEGER) STRICT;",
		"CREATE TABLE u (a INTEGER) STRICT; INSERT INTO none VALUES (1);"
	};
	struct fixture *f = *state;
	sqlite3 *db = raw_open(f->dir);

	assert_int_equal(schema_bring_up(db, bad, 1), PM_OK);
	assert_int_equal(schema_bring_up(db, bad, 2), PM_STORE_UNAVAILABLE);
	sqlite3_close(db);
	db = raw_open(f->dir);
	assert_int_equal(schema_bring_up(db, good, 1), PM_OK);
	assert_int_equal(schema_bring_up(db, good, 2), PM_OK);
	sqlite3_close(db);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_unopened, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_database_of_version_one_is_opened_with_all_that_is_in_it),
		TEST(a_database_of_version_two_is_opened_with_all_that_is_in_it),
		TEST(a_database_of_version_three_is_opened_with_all_that_is_in_it),
		TEST(malformed_rows_are_still_there_and_quarantined_after_a_migration),
		cmocka_unit_test(a_migration_survives_every_io_error),
		cmocka_unit_test(a_migration_survives_a_disk_that_is_full_at_any_write),
		cmocka_unit_test(a_migration_survives_a_disk_that_fails_for_good),
		TEST(each_migration_runs_once_and_in_order),
		TEST(a_migration_that_fails_leaves_the_version_before),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
