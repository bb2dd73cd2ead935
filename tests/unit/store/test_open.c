#define _GNU_SOURCE
#include "audit_fixture.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *path_of(struct fixture *f, const char *name)
{
	static char path[TMPDIR_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	return path;
}

static void put_file(const char *path, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	close(fd);
}

static void assert_refused(struct fixture *f, enum pm_err want)
{
	assert_int_equal(store_open(&f->config, &f->store), want);
	assert_null(f->store);
}

/* A closed store with something in it. */
static void make_database(struct fixture *f)
{
	fixture_open(f);
	assert_int_equal(commit_log(f, 1), PM_OK);
	commit_leaves(f, 300);
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(commit_audited(f, i, NULL), PM_OK);
	assert_int_equal(commit_checkpoint(f, 400, "a note"), PM_OK);
	fixture_close(f);
}

static void assert_mode(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void files_are_for_the_owner_alone_whatever_the_umask(void **state)
{
	struct fixture *f = *state;
	mode_t before = umask(0);

	fixture_open(f);
	assert_int_equal(commit_key(f, 1), PM_OK);
	umask(before);
	assert_mode(path_of(f, "peppermint.db"));
	assert_mode(path_of(f, "peppermint.db-wal"));
	assert_mode(path_of(f, "peppermint.db-shm"));
	assert_mode(path_of(f, "peppermint.lock"));
	fixture_close(f);
	assert_int_equal(chmod(path_of(f, "peppermint.db"), 0644), 0);
	fixture_open(f);
	assert_mode(path_of(f, "peppermint.db"));
}

static void a_second_process_is_refused_until_the_first_is_gone(void **state)
{
	struct fixture *f = *state;
	int ready[2];
	char byte = 0;

	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (store_open(&f->config, &f->store) != PM_OK || write(ready[1], "x", 1) != 1)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_refused(f, PM_CONFLICT);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	fixture_open(f);
	close(ready[0]);
	close(ready[1]);
}

static void the_same_process_cannot_open_it_twice_either(void **state)
{
	struct fixture *f = *state;
	struct store *second = NULL;

	fixture_open(f);
	assert_int_equal(store_open(&f->config, &second), PM_CONFLICT);
	assert_int_equal(commit_key(f, 1), PM_OK);
}

static void a_missing_or_unsafe_directory_is_a_configuration_error(void **state)
{
	struct fixture *f = *state;

	f->config.dir = "/nonexistent/peppermint";
	assert_refused(f, PM_CONFIG);
	put_file(path_of(f, "file"), "x", 1);
	f->config.dir = path_of(f, "file");
	assert_refused(f, PM_CONFIG);
	f->config.dir = f->dir;
	assert_int_equal(chmod(f->dir, 0770), 0);
	assert_refused(f, PM_CONFIG);
	assert_int_equal(chmod(f->dir, 0700), 0);
	f->config.readers = 0;
	assert_refused(f, PM_CONFIG);
}

/* Root could write all the same, so the child becomes nobody. */
static bool become_unprivileged(void)
{
	const gid_t nobody = 65534;

	return geteuid() != 0 ||
	       (setresgid(nobody, nobody, nobody) == 0 && setresuid(nobody, nobody, nobody) == 0);
}

static void an_unwritable_directory_is_a_configuration_error(void **state)
{
	struct fixture *f = *state;
	int status = 0;

	if (geteuid() == 0)
		assert_int_equal(chown(f->dir, 65534, 65534), 0);
	assert_int_equal(chmod(f->dir, 0500), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (!become_unprivileged())
			_exit(2);
		_exit(store_open(&f->config, &f->store) == PM_CONFIG ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(f->dir, 0700), 0);
}

static void a_link_or_a_pipe_in_the_databases_place_is_refused(void **state)
{
	struct fixture *f = *state;

	put_file(path_of(f, "elsewhere"), "", 0);
	assert_int_equal(symlink("elsewhere", path_of(f, "peppermint.db")), 0);
	assert_refused(f, PM_CONFIG);
	assert_int_equal(unlink(path_of(f, "peppermint.db")), 0);
	assert_int_equal(mkfifo(path_of(f, "peppermint.db"), 0600), 0);
	assert_refused(f, PM_CONFIG);
}

static void a_directory_behind_a_link_is_served(void **state)
{
	struct fixture *f = *state;
	char link[TMPDIR_MAX + 8];

	snprintf(link, sizeof(link), "%s.link", f->dir);
	assert_int_equal(symlink(f->dir, link), 0);
	f->config.dir = link;
	fixture_open(f);
	assert_int_equal(commit_key(f, 1), PM_OK);
	assert_int_equal(unlink(link), 0);
}

static void somebody_elses_database_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;
	sqlite3 *db = raw_open(f->dir);
	sqlite3_stmt *stmt = NULL;

	raw_exec(db, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (42)");
	sqlite3_close(db);
	assert_refused(f, PM_STORE_DAMAGED);
	db = raw_open(f->dir);
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "delete");
	sqlite3_finalize(stmt);
	raw_exec(db, "PRAGMA application_id = 77");
	sqlite3_close(db);
	assert_refused(f, PM_STORE_DAMAGED);
}

static void a_database_from_a_newer_version_is_refused(void **state)
{
	struct fixture *f = *state;

	make_database(f);
	sqlite3 *db = raw_open(f->dir);
	raw_exec(db, "PRAGMA user_version = 1000");
	sqlite3_close(db);
	assert_refused(f, PM_STORE_DAMAGED);
}

static void a_changed_schema_is_refused(void **state)
{
	static const char *const changes[] = {
		"CREATE TRIGGER t AFTER INSERT ON api_key BEGIN DELETE FROM executed; END",
		"CREATE VIEW v AS SELECT 1",
		"DROP INDEX api_key_by_name",
		"DROP TABLE executed",
		"ALTER TABLE api_key ADD COLUMN extra TEXT",
		"ANALYZE",
		"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET type = NULL"
		" WHERE name = 'executed'",
		"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, "
		"'STRICT,',"
		" '') WHERE name = 'executed'",
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct fixture *f = *state;
		make_database(f);
		sqlite3 *db = raw_open(f->dir);
		raw_exec(db, changes[i]);
		sqlite3_close(db);
		assert_refused(f, PM_STORE_DAMAGED);
		assert_int_equal(unlink(path_of(f, "peppermint.db")), 0);
	}
}

static void garbage_is_refused(void **state)
{
	struct fixture *f = *state;
	char junk[8192];

	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (char)(i * 7 + i / 256);
	put_file(path_of(f, "peppermint.db"), junk, sizeof(junk));
	assert_refused(f, PM_STORE_DAMAGED);
	memcpy(junk, "SQLite format 3", 16);
	put_file(path_of(f, "peppermint.db"), junk, sizeof(junk));
	assert_refused(f, PM_STORE_DAMAGED);
}

static void a_truncated_database_is_refused(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	make_database(f);
	assert_int_equal(stat(path_of(f, "peppermint.db"), &st), 0);
	assert_int_equal(truncate(path_of(f, "peppermint.db"), st.st_size / 2), 0);
	assert_refused(f, PM_STORE_DAMAGED);
	assert_int_equal(truncate(path_of(f, "peppermint.db"), 100), 0);
	assert_refused(f, PM_STORE_DAMAGED);
}

/* Whatever byte of the file is overwritten: refused, or served without a crash. */
static void no_flipped_page_crashes_the_store(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	int refused = 0;

	make_database(f);
	assert_int_equal(stat(path_of(f, "peppermint.db"), &st), 0);
	for (off_t page = 0; page < st.st_size; page += 4096) {
		uint8_t good[64], bad[64];
		int fd = open(path_of(f, "peppermint.db"), O_RDWR | O_CLOEXEC);
		assert_int_equal(pread(fd, good, sizeof(good), page), sizeof(good));
		for (size_t i = 0; i < sizeof(bad); i++)
			bad[i] = (uint8_t)(good[i] ^ (0x55 + i));
		assert_int_equal(pwrite(fd, bad, sizeof(bad), page), sizeof(bad));
		if (store_open(&f->config, &f->store) == PM_OK) {
			struct reading reading = { 0 };
			enum pm_err err = read_leaves(f, 0, 0, SIZE_MAX, &reading);
			refused += err != PM_OK;
			fixture_close(f);
		} else {
			refused++;
		}
		assert_int_equal(pwrite(fd, good, sizeof(good), page), sizeof(good));
		close(fd);
	}
	assert_true(refused > 1);
	fixture_open(f);
}

static void a_first_start_that_ended_early_is_taken_up(void **state)
{
	struct fixture *f = *state;

	put_file(path_of(f, "peppermint.db"), "", 0);
	fixture_open(f);
	assert_int_equal(commit_key(f, 1), PM_OK);
	fixture_close(f);
	assert_int_equal(unlink(path_of(f, "peppermint.db")), 0);
	sqlite3 *db = raw_open(f->dir);
	raw_exec(db, "PRAGMA journal_mode = WAL; CREATE TABLE t (x); DROP TABLE t");
	sqlite3_close(db);
	fixture_open(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_unopened, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(files_are_for_the_owner_alone_whatever_the_umask),
		TEST(a_second_process_is_refused_until_the_first_is_gone),
		TEST(the_same_process_cannot_open_it_twice_either),
		TEST(a_missing_or_unsafe_directory_is_a_configuration_error),
		TEST(an_unwritable_directory_is_a_configuration_error),
		TEST(a_link_or_a_pipe_in_the_databases_place_is_refused),
		TEST(a_directory_behind_a_link_is_served),
		TEST(somebody_elses_database_is_refused_and_left_alone),
		TEST(a_database_from_a_newer_version_is_refused),
		TEST(a_changed_schema_is_refused),
		TEST(garbage_is_refused),
		TEST(a_truncated_database_is_refused),
		TEST(no_flipped_page_crashes_the_store),
		TEST(a_first_start_that_ended_early_is_taken_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
