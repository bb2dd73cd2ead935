/* `peppermint audit export`: C2SP tiled logs, only of what is signed, and never over a newer one. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "export_check.h"

static void a_log_becomes_a_tiled_log(void **state)
{
	static const uint64_t sizes[] = { 1, 255, 256, 257, 700 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		log_fill(sizes[i] - log_size());
		log_sign();
		assert_int_equal(run_export(f), 0);
		check_export(f, 1, sizes[i]);
	}
	assert_false(exists(f, "1/tile/0/000.p"));
	assert_false(exists(f, "1/tile/entries/001.p"));
	assert_true(exists(f, "1/tile/0/002.p/188"));
	assert_true(exists(f, "1/tile/1/000.p/1"));
}

static void sixty_five_thousand_entries_make_a_full_tile_of_tiles(void **state)
{
	struct fixture *f = *state;
	struct tlog_hash tile[TLOG_TILE_WIDTH];

	log_fill(65000);
	log_sign();
	assert_int_equal(run_export(f), 0);
	log_fill(1000);
	log_sign();
	assert_int_equal(run_export(f), 0);
	check_tiles(f, 1, 66000);
	assert_int_equal(read_tile(f, 1, 1, 0, TLOG_TILE_WIDTH, tile, sizeof(tile)), sizeof(tile));
	assert_int_equal(read_tile(f, 1, 1, 1, 1, tile, sizeof(tile)), 32);
	assert_int_equal(read_tile(f, 1, 2, 0, 1, tile, sizeof(tile)), 32);
	assert_false(exists(f, "1/tile/1/000.p"));
	log_fill(10);
	log_sign();
	assert_int_equal(run_export(f), 0);
	check_tiles(f, 1, 66010);
}

static void only_what_is_signed_is_exported(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_export(f), 0);
	assert_says(f->err, "no signed checkpoint yet");
	log_fill(300);
	log_sign();
	log_fill(300);
	assert_int_equal(run_export(f), 0);
	check_export(f, 1, 300);
	Peppermint__V1__Request *request = log_last(PEPPERMINT__V1__REQUEST__CALL_READ_LOG);
	assert_int_equal(request->read_log->report, PEPPERMINT__V1__REPORT__REPORT_EXPORT);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void an_export_goes_on_where_the_last_one_ended(void **state)
{
	struct fixture *f = *state;

	log_fill(600);
	log_sign();
	assert_int_equal(run_export(f), 0);
	log_fill(100);
	log_sign();
	log_answer_max(10);
	size_t before = log_requests();
	assert_int_equal(run_export(f), 0);
	assert_in_range(log_requests() - before, 10, 25); /* not the 70 of all entries */
	check_export(f, 1, 700);
	assert_says(f->out, "700");
	before = log_requests();
	assert_int_equal(run_export(f), 0);
	assert_int_equal(log_requests() - before, 1);
	check_export(f, 1, 700);
}

static void every_log_has_a_folder_of_its_own(void **state)
{
	struct fixture *f = *state;

	log_fill(3);
	log_sign();
	assert_int_equal(run_export(f), 0);
	log_rotate();
	log_sign();
	assert_int_equal(run_export(f), 0);
	check_export(f, 1, 4);
	check_export(f, 2, 1);
	assert_int_equal(run(f, "--json", "audit", "export", in_export(f, "")), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json), 2);
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 1), "new")), 0);
	json_decref(json);
}

static void an_export_newer_than_the_vault_is_kept_as_it_is(void **state)
{
	struct fixture *f = *state;

	log_fill(300);
	log_sign();
	assert_int_equal(run_export(f), 0);
	unsigned long before = fingerprint(f);
	log_restore(200);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "the vault's log is older than this export: a backup was restored");
	assert_int_equal(fingerprint(f), before);
}

static void a_vault_that_went_on_from_a_backup_conflicts(void **state)
{
	struct fixture *f = *state;

	log_fill(300);
	log_sign();
	assert_int_equal(run_export(f), 0);
	unsigned long before = fingerprint(f);
	log_restore(200);
	log_append("key.revoke", NULL);
	log_fill(500);
	log_sign();
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "a backup was restored");
	assert_int_equal(fingerprint(f), before);
}

static void another_vaults_export_is_not_touched(void **state)
{
	struct fixture *f = *state;

	log_fill(3);
	log_sign();
	assert_int_equal(run_export(f), 0);
	int fd = open(in_export(f, "1/log.vkey"), O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "other+00000000+AAAA\n", 20), 20);
	close(fd);
	unsigned long before = fingerprint(f);
	log_fill(3);
	log_sign();
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "of another log");
	assert_int_equal(fingerprint(f), before);
}

static void a_log_that_is_gone_is_missed(void **state)
{
	struct fixture *f = *state;

	log_fill(3);
	log_sign();
	assert_int_equal(run_export(f), 0);
	assert_int_equal(rename(in_export(f, "1"), in_export(f, "3")), 0);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "log 3: the vault's log is older");
}

static void entries_that_do_not_make_the_root_get_no_checkpoint(void **state)
{
	struct fixture *f = *state;

	log_fill(100);
	log_sign();
	assert_int_equal(run_export(f), 0);
	log_fill(600);
	log_sign();
	log_alter(400);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "log 1: its entries do not make the root of its checkpoint at 700");
	check_export(f, 1, 100);
	assert_false(exists(f, "1/tile/0/000"));
	assert_false(exists(f, "1/tile/entries/001"));
}

static void an_entry_that_the_vault_finds_altered_is_a_bad_log(void **state)
{
	struct fixture *f = *state;

	log_fill(20);
	log_sign();
	log_refuse_entry(7, PEPPERMINT__V1__ERROR__STORE_DAMAGED);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "entry 7 was altered");
	assert_false(exists(f, "1/checkpoint"));
	log_refuse_entry(7, PEPPERMINT__V1__ERROR__BUSY);
	assert_int_equal(run_export(f), 3);
	log_refuse_entry(UINT64_MAX, PEPPERMINT__V1__ERROR__OK);
	log_damage(7, 8);
	assert_int_equal(run_export(f), 1);
	assert_never_says(f->err, "left out");
	assert_false(exists(f, "1/checkpoint"));
	log_damage(0, 0);
	assert_int_equal(run_export(f), 0);
	check_export(f, 1, 20);
}

static void damage_to_the_export_is_named(void **state)
{
	struct fixture *f = *state;

	log_fill(300);
	log_sign();
	assert_int_equal(run_export(f), 0);
	log_fill(1);
	log_sign();
	int fd = open(in_export(f, "1/tile/0/001.p/44"), O_WRONLY);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "damaged");
	assert_int_equal(unlink(in_export(f, "1/tile/0/001.p/44")), 0);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "tile/0/001.p/44 of the export is missing");
	fd = open(in_export(f, "1/checkpoint"), O_WRONLY | O_TRUNC);
	close(fd);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "the checkpoint of this export is damaged");
}

static void a_pruned_log_goes_on_only_from_what_the_folder_has(void **state)
{
	struct fixture *f = *state;

	log_fill(600);
	log_sign();
	assert_int_equal(run_export(f), 0);
	log_fill(300);
	log_sign();
	log_prune(512);
	assert_int_equal(run_export(f), 0);
	check_export(f, 1, 900);
	log_prune(768);
	assert_int_equal(rename(in_export(f, "1"), in_export(f, "old")), 0);
	assert_int_equal(run_export(f), 1);
	assert_says(f->err, "entries below 768 are pruned, and this folder has only those below 0. "
			    "A pruned log cannot be exported into a new folder");
	assert_false(exists(f, "1"));
}

static int run_verify(struct fixture *f)
{
	return run(f, "audit", "verify", in_export(f, ""), "--key", log_vkey(1));
}

static void verify_tells_what_the_entries_say_is_gone(void **state)
{
	struct fixture *f = *state;

	log_append("log.open", "\"prev\":null,\"abandoned\":true");
	log_fill(599);
	log_sign();
	assert_int_equal(run_export(f), 0);
	assert_int_equal(run_verify(f), 0);
	assert_says(f->out,
		    "begins anew: its first entry says that what was before it was given up");
	shell(f, "cd export/1/tile && rm entries/000 0/000");
	assert_int_equal(run_verify(f), 1);
	assert_says(f->err, "NOT GOOD: log 1: entries below 256 are missing");
	assert_string_equal(f->out, "");
	log_append("log.prune", "\"origin\":\"" LOG_ORIGIN "/1\",\"minimum\":256");
	log_sign();
	assert_int_equal(run_export(f), 0);
	assert_int_equal(run_verify(f), 0);
	assert_says(f->out, "Log 1: entries below 256 are pruned");
}

static void nobody_else_may_write_what_is_exported(void **state)
{
	struct fixture *f = *state;
	char command[256];
	struct stat info;

	log_fill(300);
	log_sign();
	assert_int_equal(run_export(f), 0);
	assert_int_equal(stat(in_export(f, "1/checkpoint"), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0640);
	assert_int_equal(stat(in_export(f, "1/tile/entries"), &info), 0);
	assert_int_equal(info.st_mode & 07777, 0750);
	snprintf(command, sizeof(command), "test -z \"$(find %s -perm /022)\"", in_export(f, ""));
	assert_int_equal(system(command), 0);
	assert_int_equal(chmod(in_export(f, ""), 0777), 0);
	assert_int_equal(run_export(f), 2);
	assert_says(f->err, "others may write");
}

static void two_exports_to_one_folder_do_not_meet(void **state)
{
	struct fixture *f = *state;

	log_fill(3);
	log_sign();
	assert_int_equal(run_export(f), 0);
	char command[256];
	snprintf(command, sizeof(command), "flock -n %s true", in_export(f, ""));
	pid_t pid = fork();
	if (pid == 0) {
		execlp("flock", "flock", "--no-fork", in_export(f, ""), "sleep", "60", NULL);
		_exit(127);
	}
	while (system(command) == 0)
		usleep(1000);
	assert_int_equal(run_export(f), 2);
	assert_says(f->err, "another peppermint writes");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(a_log_becomes_a_tiled_log),
		LOG_TEST(sixty_five_thousand_entries_make_a_full_tile_of_tiles),
		LOG_TEST(only_what_is_signed_is_exported),
		LOG_TEST(an_export_goes_on_where_the_last_one_ended),
		LOG_TEST(every_log_has_a_folder_of_its_own),
		LOG_TEST(an_export_newer_than_the_vault_is_kept_as_it_is),
		LOG_TEST(a_vault_that_went_on_from_a_backup_conflicts),
		LOG_TEST(another_vaults_export_is_not_touched),
		LOG_TEST(a_log_that_is_gone_is_missed),
		LOG_TEST(entries_that_do_not_make_the_root_get_no_checkpoint),
		LOG_TEST(an_entry_that_the_vault_finds_altered_is_a_bad_log),
		LOG_TEST(damage_to_the_export_is_named),
		LOG_TEST(a_pruned_log_goes_on_only_from_what_the_folder_has),
		LOG_TEST(verify_tells_what_the_entries_say_is_gone),
		LOG_TEST(nobody_else_may_write_what_is_exported),
		LOG_TEST(two_exports_to_one_folder_do_not_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
