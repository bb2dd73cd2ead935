/* `peppermint audit logs | tail | search | show | proof | hash | cosign | rotate`. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log_vault.h"

#define FORMULA                                                                                    \
	"\"ok\":false,\"err\":\"NOT_FOUND\",\"caller\":\"=cmd|calc\",\"uid\":7,\"pid\":1,"         \
	"\"operator\":\"-\",\"from\":\"+1\",\"env\":\"test\",\"key\":\"@x\",\"account\":\"a,b\","  \
	"\"name\":\"say \\\"hi\\\"\",\"request\":\"-2+3\",\"policy\":\"1\",\"odd\":{\"n\":1}"

static size_t count_lines(const char *text)
{
	size_t lines = 0;

	for (; (text = strchr(text, '\n')); text++)
		lines++;
	return lines;
}

static Peppermint__V1__Request *last_read(void)
{
	return log_last(PEPPERMINT__V1__REQUEST__CALL_READ_LOG);
}

static void logs_shows_keys_sizes_and_the_newest_checkpoint(void **state)
{
	struct fixture *f = *state;

	log_fill(3);
	log_sign();
	log_rotate();
	log_sign();
	assert_int_equal(run(f, "audit", "logs"), 0);
	assert_says(f->out, "1    CLOSED  vault.example/audit/1  4        0       4       "
			    "2026-01-01T00:00:00Z  -\n");
	assert_says(f->out, log_vkey(1));
	assert_says(f->out, log_vkey(2));
	assert_says(f->out, "Newest checkpoint:\nvault.example/audit/2\n1\n");
	assert_int_equal(run(f, "audit", "logs", "--json"), 0);
	json_t *json = output_json(f);
	assert_string_equal(json_string_value(json_object_get(json_array_get(json, 1), "vkey")),
			    log_vkey(2));
	json_decref(json);
}

static void tail_prints_the_last_entries_as_they_are(void **state)
{
	struct fixture *f = *state;
	char expected[2048];

	log_fill(20);
	assert_int_equal(run(f, "audit", "tail"), 0);
	assert_int_equal(count_lines(f->out), 10);
	assert_int_equal(run(f, "audit", "tail", "--lines", "2"), 0);
	snprintf(expected, sizeof(expected), "%s\n%s\n", log_entry(1, 18), log_entry(1, 19));
	assert_string_equal(f->out, expected);
	assert_int_equal(run(f, "audit", "tail", "--lines", "1000", "--json"), 0);
	assert_int_equal(count_lines(f->out), 20);
	assert_int_equal(run(f, "audit", "tail", "--lines", "0"), 0);
	assert_string_equal(f->out, "");
	log_prune(19);
	assert_int_equal(run(f, "audit", "tail", "--lines", "5"), 0);
	assert_int_equal(count_lines(f->out), 1);
}

static void tail_is_of_the_newest_log_or_the_one_that_is_named(void **state)
{
	struct fixture *f = *state;

	log_fill(2);
	log_rotate();
	assert_int_equal(run(f, "audit", "tail"), 0);
	assert_int_equal(count_lines(f->out), 1);
	assert_says(f->out, "log.open");
	assert_int_equal(run(f, "audit", "tail", "--log", "1"), 0);
	assert_int_equal(count_lines(f->out), 3);
	assert_int_equal(run(f, "audit", "tail", "--log", "9"), 3);
	assert_says(f->err, "no such log");
}

/* A running `audit tail -f`, with its output in a pipe. */
static pid_t start_following(int *out)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execl(PEPPERMINT_CLI, "peppermint", "audit", "tail", "-f", "--lines", "1", NULL);
		_exit(127);
	}
	close(ends[1]);
	*out = ends[0];
	return pid;
}

static void read_until(int fd, const char *text)
{
	char seen[8192] = "";
	size_t len = 0;

	while (!strstr(seen, text)) {
		ssize_t more = read(fd, seen + len, sizeof(seen) - 1 - len);
		assert_true(more > 0);
		len += (size_t)more;
		seen[len] = '\0';
	}
}

static int end_of(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void tail_follows_into_the_next_log_and_ends_when_interrupted(void **state)
{
	int out = -1;

	(void)state;
	log_fill(2);
	pid_t pid = start_following(&out);
	read_until(out, "\"seq\":1");
	log_append("key.revoke", NULL);
	read_until(out, "key.revoke");
	log_rotate();
	read_until(out, "log.open");
	log_append("key.rotate", NULL);
	read_until(out, "key.rotate");
	assert_int_equal(kill(pid, SIGINT), 0);
	assert_int_equal(end_of(pid), 0);
	close(out);
}

static void tail_ends_when_nobody_reads_it_any_more(void **state)
{
	int out = -1;

	(void)state;
	log_fill(2);
	pid_t pid = start_following(&out);
	read_until(out, "\"seq\":1");
	close(out);
	log_append("key.revoke", NULL);
	assert_int_equal(end_of(pid), 0);
}

static void search_asks_for_everything_that_was_given(void **state)
{
	struct fixture *f = *state;

	log_fill(2);
	assert_int_equal(run(f, "audit", "search", "--key", LOG_KEY_ID, "--env", "test",
			     "--account", "acme", "--operator-name", "carol", "--caller", "portal",
			     "--type", "key.", "--since", "2026-01-01T00:00:00Z", "--until",
			     "1800000000", "--failures"),
			 0);
	Peppermint__V1__Request *request = last_read();
	const Peppermint__V1__ReadLogRequest *asked = request->read_log;
	assert_string_equal(asked->key_id, LOG_KEY_ID);
	assert_string_equal(asked->environment, "test");
	assert_string_equal(asked->account, "acme");
	assert_string_equal(asked->operator_, "carol");
	assert_string_equal(asked->caller, "portal");
	assert_string_equal(asked->type, "key.");
	assert_int_equal(asked->since, LOG_TIME);
	assert_int_equal(asked->until, 1800000000);
	assert_true(asked->failures);
	assert_int_equal(asked->report, 0);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void search_looks_through_all_logs_page_by_page(void **state)
{
	struct fixture *f = *state;

	log_fill(30);
	log_append("key.revoke", NULL);
	log_rotate();
	log_fill(30);
	log_append("key.revoke", NULL);
	log_answer_max(7);
	assert_int_equal(run(f, "audit", "search", "--type", "key.revoke"), 0);
	assert_int_equal(count_lines(f->out), 2);
	assert_int_equal(run(f, "audit", "search", "--type", "key.mint"), 0);
	assert_int_equal(count_lines(f->out), 60);
	assert_int_equal(run(f, "audit", "search", "--type", "key.mint", "--log", "2"), 0);
	assert_int_equal(count_lines(f->out), 30);
	assert_int_equal(run(f, "audit", "search", "--type", "nothing"), 0);
	assert_string_equal(f->out, "");
	assert_int_equal(run(f, "audit", "search", "--log", "3"), 3);
}

static void search_options_are_checked_before_anything_is_sent(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "audit", "search", "--account", "acme"), 2);
	assert_says(f->err, "need --env");
	assert_int_equal(run(f, "audit", "search", "--key", CANNED_KEY), 2);
	assert_says(f->err, "not the key");
	assert_never_says(f->err, CANNED_KEY);
	assert_int_equal(run(f, "audit", "search", "--since", "yesterday"), 2);
	assert_says(f->err, "--since cannot be that");
	assert_int_equal(run(f, "audit", "search", "--until", "2026-02-30T00:00:00Z"), 2);
	assert_says(f->err, "--until cannot be that");
	assert_int_equal(run(f, "audit", "search", "--format", "xml"), 2);
	assert_says(f->err, "--format is jsonl, csv or table");
	assert_int_equal(run(f, "audit", "tail", "--json", "--format", "csv"), 2);
	assert_int_equal(run(f, "audit", "tail", "--lines", "-1"), 2);
	assert_int_equal(run(f, "audit", "tail", "--log", "0"), 2);
	assert_int_equal(run(f, "audit", "show", "x"), 2);
	assert_says(f->err, "INDEX is an entry's number");
	assert_int_equal(run(f, "audit", "show", "99999999999999"), 2);
	assert_int_equal(run(f, "audit", "hash", "--env", "test", "acme"), 2);
	assert_says(f->err, "pipe in one text");
	assert_never_says(f->err, "acme");
	assert_int_equal(log_requests(), 0);
}

static void csv_is_rfc4180_and_no_formula(void **state)
{
	struct fixture *f = *state;

	log_append("key.mint", FORMULA);
	assert_int_equal(run(f, "audit", "tail", "--format", "csv"), 0);
	assert_string_equal(
		f->out,
		"log,index,ts,type,ok,err,reason,caller,uid,pid,operator,from,env,key,pepper,"
		"version,account,product,name,report,rpc,count,since,until,request,policy,rest\r\n"
		"1,0,2026-01-01T00:00:00.000001Z,key.mint,no,NOT_FOUND,,'=cmd|calc,7,1,,'+1,test,"
		"'@x,,,\"a,b\",,\"say "
		"\"\"hi\"\"\",,,,,,'-2+3,1,\"{\"\"odd\"\":{\"\"n\"\":1}}\"\r\n");
}

static void a_table_shows_what_an_entry_is_about(void **state)
{
	struct fixture *f = *state;

	log_append("key.mint", FORMULA);
	log_append("vault.start", "\"ok\":true,\"program\":\"evil\\u001b[2J\\u009b\\u007f\"");
	assert_int_equal(run(f, "audit", "tail", "--format", "table"), 0);
	assert_says(f->out, "INDEX  TIME                         TYPE         RESULT     ENV   "
			    "CALLER     DETAILS\n");
	assert_says(f->out, "NOT_FOUND  test  =cmd|calc  key=@x account=a,b name=say \"hi\"");
	assert_says(f->out, "odd={\"n\":1}");
	assert_says(f->out, "program=evil?[2J???");
	assert_never_says(f->out, "\x1b");
}

static void an_entry_that_is_no_clean_line_is_not_printed(void **state)
{
	struct fixture *f = *state;

	log_append("key.mint", "\"ok\":true,\"x\":\"\x1b[2J\"");
	assert_int_equal(run(f, "audit", "tail"), 3);
	assert_string_equal(f->out, "");
	assert_int_equal(run(f, "audit", "show", "0"), 3);
	assert_string_equal(f->out, "");
}

static void an_entry_that_is_no_json_is_in_no_table(void **state)
{
	struct fixture *f = *state;

	log_append("key.mint", "\"ok\":");
	assert_int_equal(run(f, "audit", "tail"), 0);
	assert_int_equal(run(f, "audit", "tail", "--format", "table"), 1);
	assert_says(f->err, "entry 0 of log 1 is not JSON");
	assert_int_equal(run(f, "audit", "tail", "--format", "csv"), 1);
}

static size_t count_complaints(const char *text)
{
	size_t count = 0;

	for (; (text = strstr(text, "was altered outside")); text++)
		count++;
	return count;
}

static void altered_entries_are_named_and_stepped_over(void **state)
{
	struct fixture *f = *state;

	log_fill(20);
	log_damage(7, 9);
	assert_int_equal(run(f, "audit", "search", "--type", "key.mint"), 1);
	assert_int_equal(count_lines(f->out), 18);
	assert_says(f->out, "\"seq\":6");
	assert_says(f->out, "\"seq\":9");
	assert_says(f->err, "entry 7 of log 1 was altered outside the vault, and is left out");
	assert_says(f->err, "entry 8 of log 1 was altered");
	assert_int_equal(count_complaints(f->err), 2);
	assert_int_equal(run(f, "audit", "tail", "--lines", "12", "--format", "table"), 1);
	assert_int_equal(count_lines(f->out), 1 + 11); /* the table's head */
	assert_int_equal(count_complaints(f->err), 1);
	log_damage(0, 1);
	assert_int_equal(run(f, "audit", "search"), 1);
	assert_int_equal(count_lines(f->out), 19);
	log_damage(19, 20);
	assert_int_equal(run(f, "audit", "tail"), 1);
	assert_int_equal(count_lines(f->out), 9);
	assert_int_equal(run(f, "audit", "show", "19"), 3);
	assert_int_equal(run(f, "audit", "show", "18"), 0);
}

static void altered_entries_without_end_end_the_search_of_their_log_only(void **state)
{
	struct fixture *f = *state;

	log_fill(1500);
	log_rotate();
	log_fill(5);
	log_damage(10, UINT64_MAX);
	assert_int_equal(run(f, "audit", "search"), 1);
	assert_int_equal(count_lines(f->out), 10 + 6);
	assert_int_equal(count_complaints(f->err), 1000);
	assert_says(f->err, "over 1000 entries of log 1 were stepped over");
}

static void show_prints_one_entry(void **state)
{
	struct fixture *f = *state;
	char expected[1024];

	log_fill(5);
	assert_int_equal(run(f, "audit", "show", "3"), 0);
	snprintf(expected, sizeof(expected), "%s\n", log_entry(1, 3));
	assert_string_equal(f->out, expected);
	assert_int_equal(run(f, "audit", "show", "5"), 3);
	assert_says(f->err, "has no entry 5 at hand: it has 5");
}

static size_t read_file(const struct fixture *f, const char *name, char *to, size_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	int fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	ssize_t len = read(fd, to, size);
	close(fd);
	assert_true(len >= 0);
	return (size_t)len;
}

static void a_proof_is_written_with_the_entrys_exact_bytes(void **state)
{
	struct fixture *f = *state;
	char out[128], proof[16384], entry[8192];
	struct tlog_checkpoint checkpoint;
	struct tlog_proof hashes;
	struct tlog_hash leaf;
	struct bytes note;
	uint64_t index = 0;

	log_fill(300);
	log_sign();
	snprintf(out, sizeof(out), "%s/one.tlog-proof", f->dir);
	assert_int_equal(run(f, "audit", "proof", "77", "--out", out), 0);
	assert_says(f->out, "one.tlog-proof.entry\n");
	size_t entry_len = read_file(f, "one.tlog-proof.entry", entry, sizeof(entry));
	assert_int_equal(entry_len, strlen(log_entry(1, 77)));
	assert_memory_equal(entry, log_entry(1, 77), entry_len);
	size_t len = read_file(f, "one.tlog-proof", proof, sizeof(proof));
	assert_int_equal(tlog_proof_parse(bytes_of(proof, len), &index, &hashes, &note), PM_OK);
	assert_int_equal(tlog_checkpoint_parse(note, &checkpoint), PM_OK);
	tlog_leaf_hash(bytes_of(entry, entry_len), &leaf);
	assert_int_equal(index, 77);
	assert_true(tlog_check_inclusion(77, 300, &leaf, &hashes, &checkpoint.root));
	assert_int_equal(run(f, "audit", "proof", "77", "--out", "/proc/no/file"), 3);
	assert_says(f->err, "cannot open /proc/no/");
	assert_int_equal(run(f, "audit", "proof", "77"), 0);
	assert_int_equal(strlen(f->out), len);
	assert_memory_equal(f->out, proof, len);
	assert_int_equal(run(f, "audit", "proof", "77", "--json"), 0);
	json_t *json = output_json(f);
	assert_string_equal(json_string_value(json_object_get(json, "entry")), log_entry(1, 77));
	json_decref(json);
}

static void the_auditors_script_takes_what_proof_writes(void **state)
{
	struct fixture *f = *state;
	char command[1024], out[128];

	if (access(AUDIT_VERIFY_LEAF, X_OK) != 0)
		skip();
	log_fill(300);
	log_sign();
	snprintf(out, sizeof(out), "%s/p", f->dir);
	assert_int_equal(run(f, "audit", "proof", "77", "--out", out), 0);
	snprintf(command, sizeof(command), "%s %s %s.entry '%s' >%s/log 2>&1", AUDIT_VERIFY_LEAF,
		 out, out, log_vkey(1), f->dir);
	assert_int_equal(system(command), 0);
	snprintf(command, sizeof(command), "echo >>%s.entry; %s %s %s.entry '%s' >%s/log 2>&1", out,
		 AUDIT_VERIFY_LEAF, out, out, log_vkey(1), f->dir);
	assert_int_not_equal(system(command), 0);
}

static void a_proof_that_does_not_fit_is_not_handed_on(void **state)
{
	struct fixture *f = *state;
	char out[128];

	log_fill(300);
	log_sign();
	log_alter(77);
	snprintf(out, sizeof(out), "%s/p", f->dir);
	assert_int_equal(run(f, "audit", "proof", "77", "--out", out), 1);
	assert_says(f->err, "does not fit its entry");
	assert_int_equal(access(out, F_OK), -1);
	assert_int_equal(run(f, "audit", "proof", "300"), 3);
}

static void hash_prints_all_hashes_of_each_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "acme\ncarol\n", "audit", "hash", "--env", "test"), 0);
	assert_string_equal(f->out, "v2:hash-of-text v1:hash-of-text\n"
				    "v2:hash-of-text v1:hash-of-text\n");
	Peppermint__V1__Request *request = log_last(PEPPERMINT__V1__REQUEST__CALL_HASH_TEXT);
	assert_string_equal(request->hash_text->text, "carol");
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run_with(f, "acme", "audit", "hash", "--env", "test", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json_object_get(json_array_get(json, 0), "hashes")), 2);
	json_decref(json);
	assert_int_equal(run_with(f, "acme\n\n", "audit", "hash", "--env", "test"), 2);
	assert_says(f->err, "line 2 is empty");
}

static void cosign_finds_the_log_by_the_checkpoints_origin(void **state)
{
	struct fixture *f = *state;
	char path[128];

	log_fill(3);
	log_sign();
	snprintf(path, sizeof(path), "%s/note", f->dir);
	FILE *file = fopen(path, "w");
	fputs("vault.example/audit/7\n3\nqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqo=\n\n"
	      "\xe2\x80\x94 vault.example/audit/7 qqqqqqqqqqo=\n",
	      file);
	fclose(file);
	assert_int_equal(run(f, "audit", "cosign", path, "--request-id", "c1"), 0);
	assert_string_equal(f->out, "The checkpoint is cosigned by 1 witness.\n");
	Peppermint__V1__Request *request = log_last(PEPPERMINT__V1__REQUEST__CALL_ADD_COSIGNATURE);
	assert_int_equal(request->add_cosignature->log, 7);
	assert_string_equal(request->request_id, "c1");
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run(f, "audit", "cosign", path, "--log", "2"), 0);
	request = log_last(PEPPERMINT__V1__REQUEST__CALL_ADD_COSIGNATURE);
	assert_int_equal(request->add_cosignature->log, 2);
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run(f, "audit", "cosign", "/nothing/there"), 2);
	assert_int_equal(run(f, "audit", "cosign", "/dev/zero"), 2);
	assert_says(f->err, "/dev/zero is over 8192 bytes");
}

static void rotate_shows_the_new_log(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "audit", "rotate"), 0);
	assert_says(f->out, "Origin        vault.example/audit/2\n");
	assert_says(f->out, log_vkey(2));
}

static void status_shows_the_audit_log(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "status"), 0);
	assert_says(f->out, "STUCK");
	assert_says(f->out, "the disk is full; make room");
	assert_says(f->out, "1000");
	assert_says(f->out, "2026-01-01T00:00:00Z");
	assert_int_equal(run(f, "status", "--json"), 0);
	json_t *json = output_json(f);
	json_t *audit = json_object_get(json, "audit");
	assert_string_equal(json_string_value(json_object_get(audit, "state")), "STUCK");
	assert_int_equal(json_integer_value(json_object_get(audit, "unsigned")), 12);
	assert_int_equal(json_integer_value(json_object_get(audit, "unwitnessed")), 1000);
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(logs_shows_keys_sizes_and_the_newest_checkpoint),
		LOG_TEST(tail_prints_the_last_entries_as_they_are),
		LOG_TEST(tail_is_of_the_newest_log_or_the_one_that_is_named),
		LOG_TEST(tail_follows_into_the_next_log_and_ends_when_interrupted),
		LOG_TEST(tail_ends_when_nobody_reads_it_any_more),
		LOG_TEST(search_asks_for_everything_that_was_given),
		LOG_TEST(search_looks_through_all_logs_page_by_page),
		LOG_TEST(search_options_are_checked_before_anything_is_sent),
		LOG_TEST(csv_is_rfc4180_and_no_formula),
		LOG_TEST(a_table_shows_what_an_entry_is_about),
		LOG_TEST(an_entry_that_is_no_clean_line_is_not_printed),
		LOG_TEST(an_entry_that_is_no_json_is_in_no_table),
		LOG_TEST(altered_entries_are_named_and_stepped_over),
		LOG_TEST(altered_entries_without_end_end_the_search_of_their_log_only),
		LOG_TEST(show_prints_one_entry),
		LOG_TEST(a_proof_is_written_with_the_entrys_exact_bytes),
		LOG_TEST(the_auditors_script_takes_what_proof_writes),
		LOG_TEST(a_proof_that_does_not_fit_is_not_handed_on),
		LOG_TEST(hash_prints_all_hashes_of_each_line),
		LOG_TEST(cosign_finds_the_log_by_the_checkpoints_origin),
		LOG_TEST(rotate_shows_the_new_log),
		LOG_TEST(status_shows_the_audit_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
