/* `pepper …`, `master …`: versions, changes, and waiting for what the vault does in the background. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run_cli.h"

static const char *text_at(json_t *row, const char *field)
{
	const char *text = json_string_value(json_object_get(row, field));

	return text ? text : "";
}

static json_int_t number_at(json_t *row, const char *field)
{
	return json_integer_value(json_object_get(row, field));
}

static void expect_change(struct fixture *f, Peppermint__V1__MasterVerb verb, uint32_t version,
			  int64_t after)
{
	Peppermint__V1__Request *request = canned_last(f->canned);

	assert_int_equal(request->call_case, PEPPERMINT__V1__REQUEST__CALL_CHANGE_MASTER);
	assert_string_equal(request->change_master->environment, "test");
	assert_int_equal(request->change_master->verb, verb);
	assert_int_equal(request->change_master->version, version);
	assert_int_equal(request->change_master->after_seconds, after);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void usage_has_a_row_for_each_version(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "usage", "--env", "test", "api-keys"), 0);
	assert_says(f->out, "KEY              VERSION  STATE        NEEDED  WRAPPED  ENDED  USES  "
			    "LAST USED             MAKES UNTIL           VERIFIES UNTIL");
	assert_says(f->out, "pepper/api-keys  1        VERIFY_ONLY  250     0        0      7     "
			    "2026-01-01T00:01:00Z  2026-01-02T00:00:00Z  -");
	assert_says(f->out, "pepper/api-keys  2        ACTIVE       0");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->list_masters->purpose, "pepper");
	assert_string_equal(request->list_masters->name, "api-keys");
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void usage_as_json_has_every_fact(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "--json", "master", "usage", "--env", "test", "integrity/records"),
			 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json), 2);
	json_t *first = json_array_get(json, 0);
	assert_string_equal(text_at(first, "purpose"), "integrity");
	assert_string_equal(text_at(first, "name"), "records");
	assert_string_equal(text_at(first, "state"), "VERIFY_ONLY");
	assert_int_equal(number_at(first, "version"), 1);
	assert_int_equal(number_at(first, "needed"), 250);
	assert_int_equal(number_at(first, "make_until"), 1767225600 + 86400);
	assert_int_equal(number_at(first, "last_used_at"), 1767225660);
	assert_true(json_is_false(json_object_get(first, "rewrapping")));
	assert_int_equal(json_object_size(first), 20);
	json_decref(json);
}

static void list_asks_for_all_keys(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "master", "list", "--env", "test"), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->list_masters->purpose, "");
	assert_string_equal(request->list_masters->name, "");
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void each_verb_is_the_vaults(void **state)
{
	static const struct {
		const char *word;
		Peppermint__V1__MasterVerb verb;
	} verbs[] = {
		{ "activate", PEPPERMINT__V1__MASTER_VERB__ACTIVATE },
		{ "suspend", PEPPERMINT__V1__MASTER_VERB__SUSPEND },
		{ "resume", PEPPERMINT__V1__MASTER_VERB__RESUME },
		{ "compromise", PEPPERMINT__V1__MASTER_VERB__COMPROMISE },
		{ "destroy", PEPPERMINT__V1__MASTER_VERB__DESTROY },
		{ "cancel", PEPPERMINT__V1__MASTER_VERB__CANCEL },
	};
	struct fixture *f = *state;
	char says[96];

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		assert_int_equal(
			run(f, "pepper", verbs[i].word, "--env", "test", "--version", "1", "gone"),
			0);
		expect_change(f, verbs[i].verb, 1, 0);
		snprintf(says, sizeof(says), "verb %d of pepper/gone version 1, after 0\n",
			 (int)verbs[i].verb);
		assert_string_equal(f->out, says);
		assert_int_equal(run(f, "master", verbs[i].word, "--env", "test", "--version=1",
				     "audit/gone"),
				 0);
		snprintf(says, sizeof(says), "verb %d of audit/gone version 1, after 0\n",
			 (int)verbs[i].verb);
		assert_string_equal(f->out, says);
	}
	assert_int_equal(run(f, "master", "rotate", "--env", "test", "integrity/records"), 0);
	expect_change(f, PEPPERMINT__V1__MASTER_VERB__ROTATE, 0, 0);
	assert_int_equal(run(f, "pepper", "compromise", "--env", "test", "pan"), 0);
	expect_change(f, PEPPERMINT__V1__MASTER_VERB__COMPROMISE, 0, 0);
}

static void destruction_takes_a_time_and_force(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} times[] = { { "7d", 604800 }, { "90s", 90 }, { "30m", 1800 },
		      { "12h", 43200 }, { "1", 1 },    { "365d", 31536000 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		assert_int_equal(run(f, "pepper", "destroy", "--env", "test", "--version", "1",
				     "--after", times[i].text, "gone"),
				 0);
		expect_change(f, PEPPERMINT__V1__MASTER_VERB__DESTROY, 1, times[i].seconds);
	}
	assert_int_equal(
		run(f, "pepper", "destroy", "--env", "test", "--version", "1", "--force", "gone"),
		0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->change_master->force);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void times_that_are_none_are_refused_before_anything_is_sent(void **state)
{
	static const char *const wrong[] = { "0", "0d", "366d", "7y", "-1", "d", "1 d", "1.5d" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(run(f, "pepper", "destroy", "--env", "test", "--version", "1",
				     "--after", wrong[i], "gone"),
				 2);
		assert_says(f->err, "--after cannot be that");
	}
	assert_int_equal(canned_count(f->canned), 0);
}

static void what_the_vault_refuses_is_said_in_its_words(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "destroy", "--env", "test", "--version", "1", "api-keys"),
			 3);
	assert_says(f->err, "250 API keys need it. (CONFLICT)");
}

static void a_dry_run_says_that_nothing_was_changed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run(f, "pepper", "suspend", "--env", "test", "--version", "1", "--dry-run", "pan"),
		0);
	assert_string_equal(f->out,
			    "Nothing was changed. verb 3 of pepper/pan version 1, after 0\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->change_master->dry_run);
	peppermint__v1__request__free_unpacked(request, NULL);
	assert_int_equal(run(f, "pepper", "rotate", "--env", "test", "--dry-run", "pan"), 0);
	expect_change(f, PEPPERMINT__V1__MASTER_VERB__ROTATE, 0, 0);
	assert_string_equal(f->out,
			    "Nothing was changed. verb 1 of pepper/pan version 2, after 0\n");
	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "--dry-run", "pan"), 0);
	assert_string_equal(f->out,
			    "Nothing was changed. verb 6 of pepper/pan version 2, after 0\n");
}

static void a_change_as_json_has_before_and_after(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run(f, "pepper", "suspend", "--env", "test", "--version", "1", "--json", "pan"), 0);
	json_t *json = output_json(f);
	assert_true(json_is_false(json_object_get(json, "dry_run")));
	assert_string_equal(text_at(json, "text"), "verb 3 of pepper/pan version 1, after 0");
	assert_string_equal(text_at(json_object_get(json, "before"), "state"), "VERIFY_ONLY");
	assert_string_equal(text_at(json_object_get(json, "after"), "state"), "SUSPENDED");
	json_decref(json);
	assert_int_equal(run(f, "master", "rotate", "--env", "test", "--json", "audit/text"), 0);
	json = output_json(f);
	assert_true(json_is_null(json_object_get(json, "before")));
	json_decref(json);
}

static void rotating_a_pepper_shows_its_versions_as_ever(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "rotate", "--env", "test", "pan"), 0);
	assert_says(f->out, "PEPPER  VERSION  STATE");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->call_case, PEPPERMINT__V1__REQUEST__CALL_ROTATE_PEPPER);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void rewrap_waits_and_shows_how_far_it_is(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "pan"), 0);
	assert_string_equal(f->out, "verb 6 of pepper/pan version 2, after 0\n");
	assert_says(f->err, "40 %, 100 of 250, ");
	assert_says(f->err, "80 %, 200 of 250, ");
	assert_says(f->err, "100 %, 250 of 250");
	assert_never_says(f->err, "\r"); /* no terminal */
	assert_int_equal(canned_count(f->canned), 4);
}

static void rewrap_with_nothing_to_do_does_not_wait(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "pan"), 0);
	size_t before = canned_count(f->canned);
	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "pan"), 0);
	assert_int_equal(canned_count(f->canned), before + 1);
	assert_string_equal(f->err, "");
}

static void rewrap_need_not_wait(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "--no-wait", "endless"), 0);
	assert_int_equal(canned_count(f->canned), 1);
}

static void a_rewrap_that_ends_too_soon_is_not_done(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "stuck"), 1);
	assert_says(f->err, "stopped with 50 records left");
}

/* The command is this process's only child. */
static void interrupt_command(void)
{
	char path[64];
	int pid = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	FILE *children = fopen(path, "r");
	assert_non_null(children);
	assert_int_equal(fscanf(children, "%d", &pid), 1);
	fclose(children);
	assert_int_equal(kill(pid, SIGINT), 0);
}

static atomic_int looks; /* the vault's thread counts */

static void interrupt_at_the_third_look(Peppermint__V1__Reply *reply)
{
	if (reply->result_case == PEPPERMINT__V1__REPLY__RESULT_LIST_MASTERS && ++looks == 3)
		interrupt_command();
}

static void an_interrupt_leaves_the_work_running_and_says_so(void **state)
{
	struct fixture *f = *state;

	looks = 0;
	canned_tweak(f->canned, interrupt_at_the_third_look);
	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "endless"), 1);
	assert_says(f->err, "the vault goes on without this command: 250 of 250 were left");
	assert_int_equal(looks, 3);
}

static void a_look_that_fails_ends_the_wait_only_if_the_vault_is_gone(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "--no-wait", "pan"), 0);
	canned_behave(f->canned, CANNED_JUNK);
	assert_int_equal(run(f, "pepper", "rewrap", "--env", "test", "pan"), 3);
	assert_says(f->err, "BAD_REPLY");
}

static void retire_rotates_and_rewraps_and_says_what_still_needs_it(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "retire", "--env", "test", "--version", "1", "young"), 1);
	assert_says(f->err, "verb 1 of pepper/young version 2");
	assert_says(f->err, "verb 6 of pepper/young version 2");
	assert_says(f->err, "250 API keys still need young version 1 (wrapped: 250)");
	assert_says(f->out, "pepper/young  1        VERIFY_ONLY  250     250");
	assert_never_says(f->out, "ACTIVE");
}

static void retire_destroys_what_nothing_needs_if_told(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "retire", "--env", "test", "--version", "1", "gone"), 0);
	assert_never_says(f->err, "verb");
	assert_int_equal(run(f, "pepper", "retire", "--env", "test", "--version", "1",
			     "--destroy-after", "7d", "gone"),
			 0);
	assert_says(f->err, "verb 7 of pepper/gone version 1, after 604800");
	assert_says(f->out, "DESTROY_SCHEDULED");
	assert_says(f->out, "version 1 is destroyed at 2026-01-08T00:00:00Z unless");
}

static void retire_stops_where_the_next_version_is_only_staged(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "retire", "--env", "test", "--version", "1", "staged"),
			 1);
	assert_says(f->err, "activate it");
	assert_never_says(f->err, "verb 6");
}

static void retire_as_a_dry_run_changes_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run(f, "pepper", "retire", "--env", "test", "--version", "1", "--dry-run", "young"),
		1);
	assert_says(f->err, "verb 1 of pepper/young");
	assert_int_equal(run(f, "pepper", "usage", "--env", "test", "young"), 0);
	assert_says(f->out, "pepper/young  1        ACTIVE");
	assert_never_says(f->out, "VERIFY_ONLY");
}

/* The vault would refuse to destroy a version that is active, as in a dry run it still is. */
static void a_dry_run_of_retire_foretells_what_follows_the_rotation(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run(f, "pepper", "retire", "--env", "test", "--version", "1", "--dry-run", "young"),
		1);
	assert_says(f->err, "Then 250 records would move to the new version");
	assert_says(f->err, "250 API keys still need young version 1");
	assert_int_equal(run(f, "pepper", "retire", "--env", "test", "--version", "1", "--dry-run",
			     "--destroy-after", "1d", "unused"),
			 0);
	assert_says(f->err, "Then version 1 would be destroyed, 86400 s later");
}

static void a_key_that_is_not_there_has_no_usage(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "usage", "--env", "test", "none"), 3);
	assert_says(f->err, "test has no key pepper/none");
	assert_string_equal(f->out, "");
	assert_int_equal(run(f, "--json", "master", "usage", "--env", "test", "foo/none"), 3);
	assert_string_equal(f->out, "");
}

static void a_version_that_is_not_there_cannot_be_retired(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "retire", "--env", "test", "--version", "9", "pan"), 3);
	assert_says(f->err, "pan has no version 9");
}

static void what_is_no_name_of_a_key_is_not_sent(void **state)
{
	static const char *const wrong[] = { "records", "/records", "integrity/",
					     "abcdefghijklmnopq/records",
					     "integrity/abcdefghijklmnopqrstuvwxyz0123456" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(run(f, "master", "usage", "--env", "test", wrong[i]), 2);
	assert_int_equal(run(f, "pepper", "usage", "--env", "test", wrong[4]), 2);
	assert_int_equal(run(f, "pepper", "suspend", "--env", "test", "pan"), 2);
	assert_says(f->err, "pepper suspend needs --version N");
	assert_int_equal(run(f, "pepper", "suspend", "--env", "test", "--version=0", "pan"), 2);
	assert_says(f->err, "--version cannot be that");
	assert_int_equal(canned_count(f->canned), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(usage_has_a_row_for_each_version),
		TEST(usage_as_json_has_every_fact),
		TEST(list_asks_for_all_keys),
		TEST(each_verb_is_the_vaults),
		TEST(destruction_takes_a_time_and_force),
		TEST(times_that_are_none_are_refused_before_anything_is_sent),
		TEST(what_the_vault_refuses_is_said_in_its_words),
		TEST(a_dry_run_says_that_nothing_was_changed),
		TEST(a_change_as_json_has_before_and_after),
		TEST(rotating_a_pepper_shows_its_versions_as_ever),
		TEST(rewrap_waits_and_shows_how_far_it_is),
		TEST(rewrap_with_nothing_to_do_does_not_wait),
		TEST(rewrap_need_not_wait),
		TEST(a_rewrap_that_ends_too_soon_is_not_done),
		TEST(an_interrupt_leaves_the_work_running_and_says_so),
		TEST(a_look_that_fails_ends_the_wait_only_if_the_vault_is_gone),
		TEST(retire_rotates_and_rewraps_and_says_what_still_needs_it),
		TEST(retire_destroys_what_nothing_needs_if_told),
		TEST(retire_stops_where_the_next_version_is_only_staged),
		TEST(retire_as_a_dry_run_changes_nothing),
		TEST(a_dry_run_of_retire_foretells_what_follows_the_rotation),
		TEST(a_key_that_is_not_there_has_no_usage),
		TEST(a_version_that_is_not_there_cannot_be_retired),
		TEST(what_is_no_name_of_a_key_is_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
