/* `peppermint import`: every line once, whatever happens in between, and a report of each. */
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run_cli.h"

static const char *path_of(const struct fixture *f, const char *name)
{
	static char paths[4][128];
	static size_t next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", f->dir, name);
	return path;
}

static void write_file(const struct fixture *f, const char *name, const char *text)
{
	FILE *file = fopen(path_of(f, name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static bool is_there(const struct fixture *f, const char *name)
{
	return access(path_of(f, name), F_OK) == 0;
}

static void put_line(FILE *file, size_t i, const char *account)
{
	fprintf(file,
		"{\"sha256\":\"%016zx%048d\",\"account\":\"%s\",\"name\":\"key %zu\","
		"\"created_at\":1700000000}\n",
		i + 1, 0, account, i);
}

/* So many lines of different keys. */
static const char *write_keys(const struct fixture *f, size_t from, size_t count)
{
	FILE *file = fopen(path_of(f, "keys.jsonl"), "w");

	assert_non_null(file);
	for (size_t i = from; i < from + count; i++)
		put_line(file, i, "acme");
	assert_int_equal(fclose(file), 0);
	return path_of(f, "keys.jsonl");
}

static int run_import(struct fixture *f)
{
	return run(f, "import", "--env", "test", path_of(f, "keys.jsonl"));
}

static int64_t number(const json_t *json, const char *name)
{
	return json_integer_value(json_object_get(json, name));
}

static void expect_report(struct fixture *f, int64_t lines, int64_t imported, int64_t existed,
			  int64_t refused)
{
	json_t *json = output_json(f);

	assert_int_equal(number(json, "lines"), lines);
	assert_int_equal(number(json, "imported"), imported);
	assert_int_equal(number(json, "existed"), existed);
	assert_int_equal(number(json, "refused"), refused);
	assert_int_equal(json_array_size(json_object_get(json, "refusals")), refused);
	json_decref(json);
}

static void every_line_is_imported_once(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 5000);
	assert_int_equal(run_import(f), 0);
	expect_report(f, 5000, 5000, 0, 0);
	assert_int_equal(canned_imported(), 5000);
	assert_int_equal(canned_repeated(), 0);
	assert_in_range(canned_count(f->canned), 10, 12);
}

static void a_finished_import_can_be_done_again_and_changes_nothing(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 1200);
	assert_int_equal(run_import(f), 0);
	assert_int_equal(run_import(f), 0);
	expect_report(f, 1200, 0, 1200, 0);
	assert_int_equal(canned_imported(), 1200);
	/* Under ids of its own: what was refused at first may be good by now. */
	assert_int_equal(canned_repeated(), 0);
}

static atomic_int answers_left;

static void kill_at_last(Peppermint__V1__Reply *reply)
{
	(void)reply;
	if (atomic_fetch_sub(&answers_left, 1) == 1)
		kill(atomic_load(&run_pid), SIGKILL);
}

/* Killed after each number of answers, and run again: the keys are there, each made once. */
static void a_killed_import_goes_on_with_nothing_lost_and_nothing_twice(void **state)
{
	struct fixture *f = *state;
	size_t killed = 0;

	for (int after = 1; after <= 12; after++) {
		canned_imports_reset();
		write_keys(f, 0, 5000);
		atomic_store(&answers_left, after);
		canned_tweak(f->canned, kill_at_last);
		int status = run_import(f);
		killed += status == RUN_KILLED;
		canned_tweak(f->canned, NULL);
		if (status == RUN_KILLED) {
			assert_true(is_there(f, "keys.jsonl.state"));
			assert_int_equal(run_import(f), 0);
		}
		/* What was done before the state was written is asked again and answered alike. */
		expect_report(f, 5000, 5000, 0, 0);
		assert_int_equal(canned_imported(), 5000);
		assert_int_equal(unlink(path_of(f, "keys.jsonl.state")), 0);
	}
	assert_true(killed >= 8);
}

static void a_killed_import_goes_on_when_the_vault_remembers_no_answers(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 5000);
	atomic_store(&answers_left, 6);
	canned_tweak(f->canned, kill_at_last);
	assert_int_equal(run_import(f), RUN_KILLED);
	canned_tweak(f->canned, NULL);
	canned_imports_forget();
	assert_int_equal(run_import(f), 0);
	json_t *json = output_json(f);
	assert_int_equal(number(json, "imported") + number(json, "existed"), 5000);
	assert_in_range(number(json, "existed"), 512, 4999);
	json_decref(json);
	assert_int_equal(canned_imported(), 5000);
}

static void a_state_goes_with_its_content_and_environment(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 600);
	assert_int_equal(run_import(f), 0);
	write_keys(f, 100, 700);
	assert_int_equal(run_import(f), 0);
	assert_says(f->err, "of another content or environment: beginning at the first line");
	expect_report(f, 700, 200, 500, 0);
	assert_int_equal(run(f, "import", "--env", "live", path_of(f, "keys.jsonl")), 0);
	assert_says(f->err, "of another content or environment");
}

static void a_state_that_is_none_is_not_touched(void **state)
{
	struct fixture *f = *state;
	static const char *const states[] = {
		"my diary",
		"{}",
		"{\"format\":2}",
		"[1]",
	};

	write_keys(f, 0, 10);
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		write_file(f, "mine", states[i]);
		assert_int_equal(run(f, "import", "--env", "test", path_of(f, "keys.jsonl"),
				     "--state", path_of(f, "mine")),
				 2);
		assert_says(f->err, "is no state of an import. Remove it");
	}
	assert_int_equal(canned_count(f->canned), 0);
}

static void only_one_import_of_a_state_at_a_time(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 10);
	FILE *other = fopen(path_of(f, "keys.jsonl.state.refused"), "w");
	assert_non_null(other);
	assert_int_equal(flock(fileno(other), LOCK_EX), 0);
	assert_int_equal(run_import(f), 2);
	assert_says(f->err, "another import writes to");
	fclose(other);
	assert_int_equal(run_import(f), 0);
}

static void lines_that_say_nothing_are_named_and_skipped(void **state)
{
	static const struct {
		const char *line, *reason;
	} bad[] = {
		{ "not json", "no JSON object" },
		{ "[1,2]", "no JSON object" },
		{ "{\"account\":\"a\"", "no JSON object" },
		{ "{\"account\":\"a\",\"account\":\"b\",\"key\":\"0123456789abcdef\"}", "twice" },
		{ "{\"account\":\"a\"}", "none of sha256" },
		{ "{\"key\":\"0123456789abcdef\"}", "no account" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"\"}", "no account" },
		{ "{\"key\":\"\",\"account\":\"a\"}", "a key is none" },
		{ "{\"key\":7,\"account\":\"a\"}", "a key is none" },
		{ "{\"sha256\":\"00\",\"account\":\"a\"}", "a hash is neither" },
		{ "{\"sha256\":\"zz01020304050607080910111213141516171819202122232425262728293031"
		  "\",\"account\":\"a\"}",
		  "a hash is neither" },
		{ "{\"sha256\":\"ÁÁAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"account\":\"a\"}",
		  "a hash is neither" },
		{ "{\"sha512\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\"account\":\"a"
		  "\"}",
		  "a hash is neither" },
		{ "{\"key\":\"0123456789abcdef\",\"sha256\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBka"
		  "GxwdHh8=\",\"account\":\"a\"}",
		  "more than one of" },
		{ "{\"hmac_sha256\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\",\"account\":"
		  "\"a\"}",
		  "hmac_sha256 needs it" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"colour\":\"red\"}",
		  "a member that no import has" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\\u0007\"}", "control characters" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"tail\":\"wxyz\"}",
		  "is too long" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"expires_at\":\"soon\"}",
		  "a time is neither" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"expires_at\":-1}",
		  "a time is neither" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"expires_at\":1e9}",
		  "a time is neither" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"disabled\":1}",
		  "disabled is" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"scopes\":\"pay\"}",
		  "no list" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"scopes\":[\"a b\"]}",
		  "a scope or a network is none" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"labels\":[]}", "labels are" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"labels\":{\"\":\"x\"}}",
		  "a label is" },
		{ "{\"key\":\"0123456789abcdef\",\"account\":\"a\",\"labels\":{\"x\":1}}",
		  "a label is" },
	};
	const size_t count = sizeof(bad) / sizeof(bad[0]);
	struct fixture *f = *state;
	FILE *file = fopen(path_of(f, "keys.jsonl"), "w");

	/* A good line before each, and one at the end that lacks its newline. */
	for (size_t i = 0; i < count; i++) {
		put_line(file, i, "acme");
		fprintf(file, "%s\r\n\n", bad[i].line);
	}
	fputs("{\"key\":\"the last of them\",\"account\":\"acme\"}", file);
	fclose(file);
	assert_int_equal(run_import(f), 1);
	json_t *json = output_json(f);
	json_t *refusals = json_object_get(json, "refusals");
	assert_int_equal(number(json, "lines"), 2 * count + 1);
	assert_int_equal(json_array_size(refusals), count);
	for (size_t i = 0; i < count; i++) {
		const json_t *refusal = json_array_get(refusals, i);
		assert_int_equal(number(refusal, "line"), 3 * i + 2);
		assert_says(json_string_value(json_object_get(refusal, "reason")), bad[i].reason);
	}
	json_decref(json);
	assert_never_says(f->out, "0123456789abcdef");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->import_keys->n_keys, count + 1);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void every_member_of_a_line_is_sent(void **state)
{
	struct fixture *f = *state;

	write_file(
		f, "keys.jsonl",
		"{\"hmac_sha256\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\",\"hmac_key\":"
		"\"old\",\"account\":\"acme\",\"product\":\"payments\",\"name\":\"M\\u00fcller\","
		"\"external_reference\":\"r1\",\"tail\":\"xyz\",\"created_at\":1700000000,"
		"\"not_before\":\"2026-01-01T00:00:00.5Z\",\"expires_at\":\"2030-01-01T00:00:00Z"
		"\",\"disabled\":true,\"scopes\":[\"pay\",\"refund:read\"],\"labels\":{\"team\":"
		"\"billing & more\"},\"networks\":[\"10.0.0.0/8\"]}\n"
		"{\"sha256\":\"000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F"
		"\",\"account\":\"acme\",\"product\":null,\"expires_at\":null}\n"
		"{\"sha256\":\"-__-AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxw\",\"account\":\"b\"}");
	assert_int_equal(run_import(f), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->import_keys->n_keys, 3);
	const Peppermint__V1__ImportedKey *key = request->import_keys->keys[0];
	assert_int_equal(key->form, PEPPERMINT__V1__IMPORT_FORM__IMPORT_HMAC_SHA256);
	assert_int_equal(key->value.len, 32);
	assert_int_equal(key->value.data[31], 31);
	assert_string_equal(key->hmac_key, "old");
	assert_string_equal(key->product, "payments");
	assert_string_equal(key->name, "Müller");
	assert_string_equal(key->external_reference, "r1");
	assert_string_equal(key->tail, "xyz");
	assert_int_equal(key->created_at, 1700000000);
	assert_int_equal(key->not_before, 1767225600);
	assert_int_equal(key->expires_at, CANNED_EXPIRES);
	assert_true(key->disabled);
	assert_int_equal(key->n_scopes, 2);
	assert_string_equal(key->scopes[1], "refund:read");
	assert_string_equal(key->labels[0]->value, "billing & more");
	assert_string_equal(key->networks[0], "10.0.0.0/8");
	/* In hexadecimal, in base64 and in its form for URLs. */
	assert_memory_equal(request->import_keys->keys[1]->value.data, key->value.data, 32);
	assert_int_equal(request->import_keys->keys[2]->value.data[0], 0xfb);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void a_line_that_is_too_long_is_skipped(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(path_of(f, "keys.jsonl"), "w");

	put_line(file, 1, "acme");
	fprintf(file, "{\"key\":\"%300000d\"}\n", 7);
	put_line(file, 2, "acme");
	fprintf(file, "%20000d", 7);
	fclose(file);
	assert_int_equal(run_import(f), 1);
	json_t *json = output_json(f);
	const json_t *refusals = json_object_get(json, "refusals");
	assert_int_equal(json_array_size(refusals), 2);
	assert_int_equal(number(json_array_get(refusals, 0), "line"), 2);
	assert_int_equal(number(json_array_get(refusals, 1), "line"), 4);
	assert_int_equal(number(json, "imported"), 2);
	json_decref(json);
}

static void a_line_that_the_vault_refuses_is_named_in_its_words(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(path_of(f, "keys.jsonl"), "w");

	for (size_t i = 0; i < 600; i++)
		put_line(file, i, i % 100 == 7 ? CANNED_NOBODY : "acme");
	fclose(file);
	assert_int_equal(run(f, "import", "--env", "test", path_of(f, "keys.jsonl"), "--report",
			     path_of(f, "report.json"), "--jobs", "1"),
			 1);
	assert_says(f->out, "600 lines: 594 imported, 0 existed before, 6 refused; see ");
	json_t *json = json_load_file(path_of(f, "report.json"), 0, NULL);
	const json_t *refusals = json_object_get(json, "refusals");
	assert_int_equal(json_array_size(refusals), 6);
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(number(json_array_get(refusals, i), "line"), 100 * i + 8);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(refusals, 0), "reason")),
		"NOT_FOUND: there is no such account");
	json_decref(json);
}

static void batches_that_the_vault_finds_too_large_are_halved(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 1000);
	canned_imports_limit(100);
	assert_int_equal(run_import(f), 0);
	expect_report(f, 1000, 1000, 0, 0);
	assert_int_equal(canned_imported(), 1000);
}

static void long_lines_make_small_batches(void **state)
{
	struct fixture *f = *state;
	FILE *file = fopen(path_of(f, "keys.jsonl"), "w");

	for (size_t i = 0; i < 200; i++) {
		fprintf(file,
			"{\"sha256\":\"%016zx%048d\",\"account\":\"acme\",\"name\":\"%0128zu\","
			"\"labels\":{",
			i + 1, 0, i);
		for (size_t l = 0; l < 16; l++)
			fprintf(file, "%s\"label-%02zu\":\"%060d\"", l ? "," : "", l, 0);
		fputs("}}\n", file);
	}
	fclose(file);
	assert_int_equal(run_import(f), 0);
	expect_report(f, 200, 200, 0, 0);
	assert_in_range(canned_count(f->canned), 4, 8);
}

static atomic_int busy_left;

static void be_busy(Peppermint__V1__Reply *reply)
{
	if (atomic_fetch_sub(&busy_left, 1) <= 0)
		return;
	reply->error = PEPPERMINT__V1__ERROR__BUSY;
	reply->message = "busy";
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static void what_passes_is_tried_again_under_the_same_id(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 600);
	atomic_store(&busy_left, 3);
	canned_tweak(f->canned, be_busy);
	assert_int_equal(run_import(f), 0);
	expect_report(f, 600, 600, 0, 0);
	assert_int_equal(canned_repeated(), 3);
	assert_int_equal(canned_imported(), 600);
}

static void deny(Peppermint__V1__Reply *reply)
{
	reply->error = PEPPERMINT__V1__ERROR__DENIED;
	reply->message = "";
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static void a_vault_that_says_no_ends_it_with_nothing_put_down(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 600);
	canned_tweak(f->canned, deny);
	assert_int_equal(run_import(f), 3);
	assert_string_equal(f->out, "");
	assert_says(f->err, "(DENIED)");
	assert_says(f->err, "0 lines are done. The same command goes on from there.");
}

static void an_empty_file_is_an_empty_report(void **state)
{
	struct fixture *f = *state;

	write_file(f, "keys.jsonl", "\n\r\n\n");
	assert_int_equal(run_import(f), 0);
	expect_report(f, 0, 0, 0, 0);
	assert_int_equal(canned_count(f->canned), 0);
}

static void a_report_that_cannot_be_written_is_no_success(void **state)
{
	struct fixture *f = *state;

	write_keys(f, 0, 10);
	assert_int_equal(run(f, "import", "--env", "test", path_of(f, "keys.jsonl"), "--report",
			     "/dev/full"),
			 3);
	assert_says(f->err, "cannot write /dev/full");
}

static char growing[128];

static void add_a_line(Peppermint__V1__Reply *reply)
{
	FILE *file = fopen(growing, "a");

	(void)reply;
	if (!file)
		return;
	put_line(file, 99999, "acme");
	fclose(file);
}

static void a_file_that_is_changed_meanwhile_is_said_to_be(void **state)
{
	struct fixture *f = *state;

	snprintf(growing, sizeof(growing), "%s", write_keys(f, 0, 600));
	canned_tweak(f->canned, add_a_line);
	assert_int_equal(run_import(f), 2);
	assert_says(f->err, "was changed meanwhile: import it again");
}

static void what_is_no_file_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "import", "--env", "test", f->dir), 2);
	assert_says(f->err, "is no file");
	assert_int_equal(run(f, "import", "--env", "test", path_of(f, "nowhere")), 2);
	assert_says(f->err, "cannot open");
}

static void the_state_is_nobody_elses_to_read(void **state)
{
	struct fixture *f = *state;
	struct stat info;

	write_keys(f, 0, 10);
	assert_int_equal(run_import(f), 0);
	assert_int_equal(stat(path_of(f, "keys.jsonl.state"), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(stat(path_of(f, "keys.jsonl.state.refused"), &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_false(is_there(f, "keys.jsonl.state.unfinished"));
}

static void an_hmac_key_comes_from_a_file(void **state)
{
	struct fixture *f = *state;

	write_file(f, "key", "0123456789abcdef");
	assert_int_equal(run(f, "import", "hmac-key", "--env", "test", "old-shop", "--value-file",
			     path_of(f, "key")),
			 0);
	assert_says(f->out, "old-shop is in the token of test.");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->import_hmac_key->value.len, 16);
	peppermint__v1__request__free_unpacked(request, NULL);
	write_file(f, "key", "short");
	assert_int_equal(run(f, "import", "hmac-key", "--env", "test", "old-shop", "--value-file",
			     path_of(f, "key")),
			 2);
	assert_says(f->err, "has 5 bytes: the key must have 16 to 64");
}

static void a_report_takes_the_place_of_no_keys(void **state)
{
	struct fixture *f = *state;
	struct stat before, after;

	write_keys(f, 0, 10);
	assert_int_equal(stat(path_of(f, "keys.jsonl"), &before), 0);
	assert_int_equal(run(f, "import", "--env", "test", path_of(f, "keys.jsonl"), "--report",
			     path_of(f, "keys.jsonl")),
			 2);
	assert_says(f->err, "is the file to import");
	assert_int_equal(stat(path_of(f, "keys.jsonl"), &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(run(f, "import", "--env", "test", path_of(f, "keys.jsonl"), "--report",
			     path_of(f, "nowhere/report")),
			 2);
	assert_int_equal(canned_imported(), 0);
	/* An older report, and a longer one, goes. */
	write_file(f, "report",
		   "an older report, as long as it takes to be longer than what follows "
		   "it, which is of ten lines of which none was refused, so that it is "
		   "short: sha256, environment, lines, imported, existed, refused. "
		   "Anything that is left of this one is no JSON any more, so that the "
		   "next reader would find it, whichever part of it that is.");
	assert_int_equal(run(f, "import", "--env", "test", path_of(f, "keys.jsonl"), "--report",
			     path_of(f, "report")),
			 0);
	json_t *json = json_load_file(path_of(f, "report"), 0, NULL);
	assert_int_equal(number(json, "imported"), 10);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_line_is_imported_once),
		TEST(a_finished_import_can_be_done_again_and_changes_nothing),
		TEST(a_killed_import_goes_on_with_nothing_lost_and_nothing_twice),
		TEST(a_killed_import_goes_on_when_the_vault_remembers_no_answers),
		TEST(a_state_goes_with_its_content_and_environment),
		TEST(a_state_that_is_none_is_not_touched),
		TEST(only_one_import_of_a_state_at_a_time),
		TEST(lines_that_say_nothing_are_named_and_skipped),
		TEST(every_member_of_a_line_is_sent),
		TEST(a_line_that_is_too_long_is_skipped),
		TEST(a_line_that_the_vault_refuses_is_named_in_its_words),
		TEST(batches_that_the_vault_finds_too_large_are_halved),
		TEST(long_lines_make_small_batches),
		TEST(what_passes_is_tried_again_under_the_same_id),
		TEST(a_vault_that_says_no_ends_it_with_nothing_put_down),
		TEST(an_empty_file_is_an_empty_report),
		TEST(a_report_that_cannot_be_written_is_no_success),
		TEST(a_file_that_is_changed_meanwhile_is_said_to_be),
		TEST(a_report_takes_the_place_of_no_keys),
		TEST(what_is_no_file_is_refused),
		TEST(the_state_is_nobody_elses_to_read),
		TEST(an_hmac_key_comes_from_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
