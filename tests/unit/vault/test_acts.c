/* Acts that change nothing: counts that become entries, an entry each, and refusals by the thousand. */
#include "vault_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "domain.h"
#include "fake_clock.h"
#include "fault_vfs.h"
#include "fold.h"

#define THREADS 8
#define ACTS 2000
#define MINUTE 60

static int setup(void **state)
{
	fake_clock_reset();
	return fixture_setup(state);
}

static void reopen(struct fixture *f, bool each, uint32_t refusals)
{
	f->audit.each = each;
	f->audit.refusals = refusals;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

/* All `count` members of the entries of a type, one without it counting as 1. */
static int64_t sum(struct fixture *f, const char *type)
{
	json_t *entries = fixture_entries(f, type);
	json_t *entry = NULL;
	size_t index = 0;
	int64_t total = 0;

	json_array_foreach(entries, index, entry)
	{
		const json_t *count = json_object_get(entry, "count");

		total += count ? json_integer_value(count) : 1;
	}
	json_decref(entries);
	return total;
}

/* Entries as they are, without making any of counts. */
static uint64_t entries_now(struct fixture *f)
{
	uint64_t size = 0;

	assert_int_equal(store_log_size(f->store, 0, &size), PM_OK);
	return size;
}

static void verifies_of_a_minute_are_one_entry(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	uint64_t before = entries_now(f);
	for (int i = 0; i < 5; i++)
		assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(f->actor.receipt.log, 0);
	assert_int_equal(audit_flush(f->vault->audit, false, f->actor.deadline), PM_OK);
	assert_true(entries_now(f) <= before + 1); /* 1: the minute was over just then */
	fake_clock_advance(MINUTE);
	assert_int_equal(audit_flush(f->vault->audit, false, f->actor.deadline), PM_OK);
	assert_int_equal(sum(f, "key.verify"), 5);
	json_t *entry = fixture_newest_entry(f, "key.verify");
	assert_string_equal(entry_text(entry, "key"), info.id);
	assert_string_equal(entry_text(entry, "caller"), "unit");
	assert_true(strcmp(entry_text(entry, "since"), entry_text(entry, "until")) <= 0);
	assert_true(strncmp(entry_text(entry, "operator"), "v1:", 3) == 0);
	json_decref(entry);
}

static void verifies_through_several_connections_say_so(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct verdict verdict;

	fixture_mint(f, &info, &text);
	const struct bytes bytes = bytes_str(text.text);
	for (uint64_t i = 7; i < 9; i++) {
		fixture_actor(f)->connection = i;
		assert_int_equal(
			fixture_verify_texts(f->vault, &f->actor, "live", &bytes, 1, &verdict),
			PM_OK);
	}
	json_t *entry = fixture_newest_entry(f, "key.verify");
	assert_string_equal(entry_text(entry, "from"), "connection 7 and others");
	json_decref(entry);
}

static enum pm_err get_as(struct fixture *f, const char *operator_name, const char *id)
{
	struct key_info info;

	fixture_actor(f)->operator_name = operator_name;
	return vault_get(f->vault, &f->actor, "live", id, &info);
}

/* But who verifies cannot make entries by naming operators. */
static void reads_are_told_person_by_person(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct verdict verdict;

	fixture_mint(f, &info, &text);
	const struct bytes bytes = bytes_str(text.text);
	for (int i = 0; i < 3; i++) {
		const char *operator_name = i == 0 ? "alice" : "bob";

		assert_int_equal(get_as(f, operator_name, info.id), PM_OK);
		fixture_actor(f)->operator_name = operator_name;
		assert_int_equal(
			fixture_verify_texts(f->vault, &f->actor, "live", &bytes, 1, &verdict),
			PM_OK);
	}
	/* A minute that ended meanwhile parts them once more. */
	size_t reads = fixture_count_entries(f, "key.read");
	assert_true(reads == 2 || reads == 3);
	assert_true(fixture_count_entries(f, "key.verify") <= 2);
	assert_int_equal(sum(f, "key.read"), 3);
	assert_int_equal(sum(f, "key.verify"), 3);
}

static void configured_so_every_verify_is_an_entry(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct verdict verdicts[100];
	struct bytes texts[100];

	reopen(f, true, 60);
	fixture_mint(f, &info, &text);
	for (size_t i = 0; i < 100; i++)
		texts[i] = bytes_str(text.text);
	uint64_t before = entries_now(f);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", texts, 100, verdicts),
		PM_OK);
	assert_int_equal(entries_now(f), before + 100);
	assert_int_equal(f->actor.receipt.index, before + 99);
	json_t *entry = fixture_newest_entry(f, "key.verify");
	assert_null(json_object_get(entry, "count"));
	assert_true(strncmp(entry_text(entry, "request"), "v1:", 3) == 0);
	json_decref(entry);
}

static void counts_are_written_when_the_vault_closes(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	assert_true(fixture_verify(f, "live", text.text).valid);
	uint64_t before = entries_now(f);
	fixture_reopen(f);
	assert_true(entries_now(f) > before);
	assert_int_equal(sum(f, "key.verify"), 1);
}

static void refusals_have_an_entry_each_up_to_the_rate_and_are_then_counted(void **state)
{
	struct fixture *f = *state;

	reopen(f, false, 10);
	uint64_t before = entries_now(f);
	for (int i = 0; i < 30; i++)
		assert_false(fixture_verify(f, "live", "nonsense").valid);
	/* More if a minute ended meanwhile: it brings another ten. */
	uint64_t each = entries_now(f) - before;
	assert_true(each == 10 || each == 20);
	assert_int_equal(sum(f, "key.refuse"), 30);
	json_t *entry = fixture_newest_entry(f, "key.refuse");
	assert_string_equal(entry_text(entry, "reason"), "MALFORMED");
	assert_true(strncmp(entry_text(entry, "operator"), "v1:", 3) == 0);
	assert_true(entry_number(entry, "count") > 0);
	json_decref(entry);
	fake_clock_advance(MINUTE);
	before = entries_now(f);
	assert_false(fixture_verify(f, "live", "nonsense").valid);
	assert_int_equal(entries_now(f), before + 1);
}

/* Ten thousand made-up ids, requests and operators, and the log grows by a few entries. */
static void what_a_caller_varies_does_not_make_the_log_grow(void **state)
{
	struct fixture *f = *state;

	reopen(f, false, 10);
	size_t before = fixture_count_entries(f, "");
	for (int i = 0; i < 10000; i++) {
		struct verdict verdict;
		char id[VAULT_ID_LEN + 1], operator_name[32];
		struct key_text text;

		snprintf(id, sizeof(id), "%016d", i);
		snprintf(operator_name, sizeof(operator_name), "operator %d", i);
		fixture_craft(&text, id);
		const struct bytes bytes = bytes_str(text.text);
		fixture_actor(f)->operator_name = operator_name;
		f->actor.connection = (uint64_t)i;
		assert_int_equal(
			fixture_verify_texts(f->vault, &f->actor, "live", &bytes, 1, &verdict),
			PM_OK);
		assert_int_equal(verdict.reason, PM_REASON_UNKNOWN_KEY);
	}
	assert_true(fixture_count_entries(f, "") - before <= 3 * (10 + 1));
	assert_int_equal(sum(f, "key.refuse"), 10000);
	json_t *entry = fixture_newest_entry(f, "key.refuse");
	assert_string_equal(entry_text(entry, "operator"), "any");
	assert_null(json_object_get(entry, "key"));
	json_decref(entry);
}

static void knock(struct fixture *f, uint32_t uid, uint64_t missed)
{
	struct actor *actor = fixture_actor(f);

	actor->uid = uid;
	actor->caller = "";
	assert_int_equal(vault_audit_stranger(f->vault, actor, missed), PM_OK);
}

static void strangers_share_a_few_allowances(void **state)
{
	struct fixture *f = *state;

	reopen(f, false, 2);
	size_t before = fixture_count_entries(f, "");
	for (uint32_t uid = 0; uid < 5000; uid++)
		knock(f, uid, 0);
	assert_true(fixture_count_entries(f, "") - before <= 2 * (2 + 1) * RATE_STRANGERS);
	assert_int_equal(sum(f, "call.unknown"), 5000);
	/* And take nothing from the callers. */
	assert_true(audit_refusal_allowed(f->vault->audit, 7));
}

static void strangers_counted_together_say_if_their_uids_differ(void **state)
{
	struct fixture *f = *state;

	reopen(f, false, 1);
	fake_clock_advance(MINUTE - clock_unix() % MINUTE); /* a whole one is ahead */
	for (int i = 0; i < 3; i++)
		knock(f, 5, 0);
	json_t *entry = fixture_newest_entry(f, "call.unknown");
	assert_int_equal(entry_number(entry, "count"), 2);
	assert_int_equal(entry_number(entry, "uid"), 5);
	assert_null(json_object_get(entry, "other_uids"));
	json_decref(entry);
	knock(f, 5, 0);
	knock(f, 5 + RATE_STRANGERS, 0);
	entry = fixture_newest_entry(f, "call.unknown");
	assert_int_equal(entry_number(entry, "count"), 2);
	assert_int_equal(entry_number(entry, "uid"), 5);
	assert_true(json_is_true(json_object_get(entry, "other_uids")));
	json_decref(entry);
}

static void strangers_who_were_missed_are_a_number_in_the_entry_of_the_next(void **state)
{
	struct fixture *f = *state;

	reopen(f, false, 1);
	fake_clock_advance(MINUTE - clock_unix() % MINUTE);
	knock(f, 5, 7);
	json_t *entry = fixture_newest_entry(f, "call.unknown");
	assert_int_equal(entry_number(entry, "missed"), 7);
	assert_null(json_object_get(entry, "count"));
	json_decref(entry);
	knock(f, 5, 2);
	knock(f, 5, 0);
	knock(f, 5, 40);
	entry = fixture_newest_entry(f, "call.unknown");
	assert_int_equal(entry_number(entry, "count"), 3);
	assert_int_equal(entry_number(entry, "missed"), 42);
	json_decref(entry);
	knock(f, 6, 0);
	entry = fixture_newest_entry(f, "call.unknown");
	assert_null(json_object_get(entry, "missed"));
	json_decref(entry);
}

static void a_full_table_is_written_out_early(void **state)
{
	struct fixture *f = *state;
	uint64_t before = entries_now(f);
	int acts = FOLDS_MAX + FOLDS_MAX / 4;

	for (int i = 0; i < acts; i++) {
		char key[VAULT_ID_LEN + 1];
		const struct fold_act act = { .type = LEAF_KEY_VERIFY,
					      .env = &f->vault->environments[LIVE_ENV],
					      .key = key,
					      .count = 1 };

		snprintf(key, sizeof(key), "%016d", i);
		assert_int_equal(audit_acts(f->vault->audit, fixture_actor(f), &act, 1), PM_OK);
	}
	assert_true(entries_now(f) >= before + FOLDS_MAX / 4);
	assert_int_equal(sum(f, "key.verify"), acts);
}

static void blocked(struct fixture *f, const struct key_text *text)
{
	const struct bytes bytes = bytes_str(text->text);
	struct verdict verdict;
	struct key_info info;
	struct key_text fresh;
	const struct mint_params params = {
		.environment = "live", .account = "acme", .product = "", .name = ""
	};

	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &fresh),
			 PM_AUDIT_BLOCKED);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", &bytes, 1, &verdict),
		PM_AUDIT_BLOCKED);
	assert_int_equal(vault_get(f->vault, fixture_actor(f), "live", "0000000000000000", &info),
			 PM_AUDIT_BLOCKED);
	assert_int_equal(
		vault_audit_refusal(f->vault, fixture_actor(f), "MintKey", "live", PM_DENIED),
		PM_AUDIT_BLOCKED);
}

static void a_full_disk_refuses_everything_until_there_is_space(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	assert_true(fixture_verify(f, "live", text.text).valid);
	fault_vfs_fill();
	blocked(f, &text);
	blocked(f, &text);
	assert_int_equal(audit_flush(f->vault->audit, true, f->actor.deadline), PM_AUDIT_BLOCKED);
	fault_vfs_free_space();
	fixture_until_admitted(f);
	assert_true(fixture_verify(f, "live", text.text).valid);
	/* What was counted before is still there; what was refused is in no count. */
	assert_int_equal(sum(f, "key.verify"), 2);
	assert_int_equal(fixture_count_entries(f, "key.mint"), 1);
	assert_int_equal(fixture_count_entries(f, "log.resume"), 1);
}

struct crowd {
	struct fixture *f;
	struct key_text text;
	atomic_int failed;
	atomic_bool stop;
};

static void *act_often(void *arg)
{
	struct crowd *crowd = arg;

	for (int i = 0; i < ACTS; i++) {
		char key[8];
		struct actor actor = { .uid = 1,
				       .caller = "crowd",
				       .operator_name = "",
				       .request_id = "",
				       .deadline = deadline_in_ms(60000) };
		const struct fold_act act = { .type = LEAF_KEY_VERIFY,
					      .env = &crowd->f->vault->environments[LIVE_ENV],
					      .key = key,
					      .count = 1 };
		const struct fold_act refusal = { .type = LEAF_KEY_REFUSE,
						  .env = act.env,
						  .reason = PM_REASON_REVOKED,
						  .count = 1 };

		snprintf(key, sizeof(key), "%d", i % 100);
		if (audit_acts(crowd->f->vault->audit, &actor, &act, 1) != PM_OK ||
		    audit_refusals(crowd->f->vault->audit, &actor, &refusal, 1) != PM_OK)
			atomic_fetch_add(&crowd->failed, 1);
	}
	return NULL;
}

static void *flush_often(void *arg)
{
	struct crowd *crowd = arg;

	while (!atomic_load(&crowd->stop)) {
		if (audit_flush(crowd->f->vault->audit, true, deadline_in_ms(60000)) != PM_OK)
			atomic_fetch_add(&crowd->failed, 1);
	}
	return NULL;
}

static void counts_add_up_whoever_counts_and_writes_at_once(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd = { .f = f };
	pthread_t threads[THREADS], writers[2];

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&writers[i], NULL, flush_often, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, act_often, &crowd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	atomic_store(&crowd.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(writers[i], NULL);
	assert_int_equal(atomic_load(&crowd.failed), 0);
	assert_int_equal(sum(f, "key.verify"), THREADS * ACTS);
	assert_int_equal(sum(f, "key.refuse"), THREADS * ACTS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(verifies_of_a_minute_are_one_entry),
		TEST(verifies_through_several_connections_say_so),
		TEST(reads_are_told_person_by_person),
		TEST(configured_so_every_verify_is_an_entry),
		TEST(counts_are_written_when_the_vault_closes),
		TEST(refusals_have_an_entry_each_up_to_the_rate_and_are_then_counted),
		TEST(what_a_caller_varies_does_not_make_the_log_grow),
		TEST(strangers_share_a_few_allowances),
		TEST(strangers_counted_together_say_if_their_uids_differ),
		TEST(strangers_who_were_missed_are_a_number_in_the_entry_of_the_next),
		TEST(a_full_table_is_written_out_early),
		TEST(a_full_disk_refuses_everything_until_there_is_space),
		TEST(counts_add_up_whoever_counts_and_writes_at_once),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
