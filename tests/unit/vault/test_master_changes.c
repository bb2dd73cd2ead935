/* What custodians do to master keys: its conditions, its entries, and destroying in the end. */
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "state.h"

static struct value_hash hash(struct fixture *f)
{
	const struct bytes value = bytes_str("4111111111111111");
	struct value_hash out;

	assert_int_equal(vault_hash(f->vault, fixture_actor(f), "live", "pan", &value, 1, &out),
			 PM_OK);
	return out;
}

static void a_change_is_told_with_its_caller_and_both_states(void **state)
{
	static const struct {
		enum master_verb verb;
		const char *type, *before, *after;
	} steps[] = {
		{ MASTER_VERB_SUSPEND, "master.suspend", "VERIFY_ONLY", "SUSPENDED" },
		{ MASTER_VERB_RESUME, "master.resume", "SUSPENDED", "VERIFY_ONLY" },
		{ MASTER_VERB_DESTROY, "master.schedule", "VERIFY_ONLY", "DESTROY_SCHEDULED" },
		{ MASTER_VERB_CANCEL, "master.cancel", "DESTROY_SCHEDULED", "VERIFY_ONLY" },
		{ MASTER_VERB_COMPROMISE, "master.compromise", "VERIFY_ONLY", "COMPROMISED" },
	};
	struct fixture *f = *state;

	change_make_pan(f, 2);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		change_ok(f, PAN, 1, steps[i].verb);
		assert_int_not_equal(f->actor.receipt.log, 0);
		json_t *entry = fixture_newest_entry(f, steps[i].type);
		assert_string_equal(entry_text(entry, "caller"), "unit");
		assert_string_equal(entry_text(entry, "name"), "pan");
		assert_int_equal(entry_number(entry, "version"), 1);
		assert_string_equal(entry_text(entry, "before"), steps[i].before);
		assert_string_equal(entry_text(entry, "after"), steps[i].after);
		json_decref(entry);
	}
}

static void a_request_is_executed_once(void **state)
{
	struct fixture *f = *state;
	struct master_params params = {
		.environment = "live", .purpose = "", .name = "pan", .verb = MASTER_VERB_ROTATE
	};
	struct master_outcome out;
	struct actor again;

	change_make_pan(f, 1);
	struct actor *actor = fixture_actor(f);
	again = *actor;
	assert_int_equal(vault_change_master(f->vault, actor, &params, &out), PM_OK);
	assert_int_equal(out.before.version, 0);
	assert_int_equal(out.after.version, 2);
	assert_int_equal(out.after.state, PEPPER_ACTIVE);
	assert_int_equal(vault_change_master(f->vault, &again, &params, &out), PM_ALREADY_DONE);
	assert_string_equal(again.done_subject, "pan/v2");
	again.request_id = "";
	assert_int_equal(vault_change_master(f->vault, &again, &params, &out), PM_BAD_REQUEST);
}

static void a_dry_run_says_what_would_be_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	size_t keys = 0;

	change_make_pan(f, 2);
	keys = fake_hsm_key_count(f->hsm[LIVE_ENV]);
	for (enum master_verb verb = MASTER_VERB_ROTATE; verb <= MASTER_VERB_CANCEL; verb++) {
		size_t entries = fixture_count_entries(f, "");
		struct master_outcome out;
		uint32_t version = verb == MASTER_VERB_COMPROMISE ? 2 : 1;

		enum pm_err err = change_as(f,
					    (struct master_params){ .purpose = PURPOSE_PEPPER,
								    .name = "pan",
								    .version = version,
								    .verb = verb,
								    .dry_run = true,
								    .force = true },
					    &out);
		assert_true(err == PM_OK ? out.text[0] != '\0' : f->actor.why != NULL);
		if (verb == MASTER_VERB_SUSPEND) {
			assert_int_equal(out.before.state, PEPPER_VERIFY_ONLY);
			assert_int_equal(out.after.state, PEPPER_SUSPENDED);
		}
		assert_int_equal(change_state(f, PAN, 1), MASTER_VERIFY_ONLY);
		assert_int_equal(change_state(f, PAN, 2), MASTER_ACTIVE);
		assert_int_equal(fixture_count_entries(f, ""), entries);
	}
	assert_int_equal(fake_hsm_key_count(f->hsm[LIVE_ENV]), keys);
}

static void what_does_not_exist_or_makes_no_sense_is_refused(void **state)
{
	struct fixture *f = *state;
	struct master_outcome out;

	change_make_pan(f, 2);
	assert_int_equal(change(f, PAN, 9, MASTER_VERB_SUSPEND), PM_NOT_FOUND);
	assert_int_equal(change(f, PURPOSE_PEPPER, "none", 1, MASTER_VERB_SUSPEND), PM_NOT_FOUND);
	assert_int_equal(change(f, PURPOSE_PEPPER, "none", 0, MASTER_VERB_ROTATE), PM_NOT_FOUND);
	assert_int_equal(change(f, PAN, 0, MASTER_VERB_SUSPEND), PM_BAD_REQUEST);
	assert_int_equal(change(f, PAN, 1, (enum master_verb)0), PM_BAD_REQUEST);
	assert_int_equal(change(f, PAN, 1, (enum master_verb)9), PM_BAD_REQUEST);
	assert_int_equal(change(f, PAN, 0, MASTER_VERB_REWRAP), PM_CONFLICT);
	const int64_t bad[] = { -1, INT64_MIN, 31536001, INT64_MAX };
	for (size_t i = 0; i < 4; i++) {
		struct master_params params = { .purpose = PURPOSE_PEPPER,
						.name = "pan",
						.version = 1,
						.verb = MASTER_VERB_DESTROY,
						.force = true,
						.after = bad[i] };
		assert_int_equal(change_as(f, params, &out), PM_BAD_REQUEST);
		params.verb = MASTER_VERB_COMPROMISE;
		assert_int_equal(change_as(f, params, &out), PM_BAD_REQUEST);
	}
	assert_int_equal(change(f, PURPOSE_AUDIT, AUDIT_LOG_NAME, 0, MASTER_VERB_ROTATE),
			 PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "audit rotate"));
	/* Whoever answers tells of it. */
	assert_int_equal(
		vault_audit_failure(f->vault, &f->actor, "ChangeMaster", "live", PM_CONFLICT),
		PM_OK);
	assert_int_equal(fixture_count_entries(f, "master.refuse"), 1);
}

static void a_compromised_active_version_is_followed_by_another_in_the_same_commit(void **state)
{
	struct fixture *f = *state;
	struct master_outcome out;

	assert_int_equal(change_as(f,
				   (struct master_params){ .purpose = PURPOSE_PEPPER,
							   .name = VAULT_API_KEYS_PEPPER,
							   .verb = MASTER_VERB_COMPROMISE,
							   .after = 3600 },
				   &out),
			 PM_OK);
	struct master_record old = master_get(f, PEPPER, 1), active = master_get(f, PEPPER, 0);
	assert_int_equal(old.state, MASTER_COMPROMISED);
	assert_true(old.ends_at >= clock_unix() + 3599);
	assert_int_equal(active.version, 2);
	assert_true(active.rewrap);
	assert_int_equal(out.before.version, 1);
	assert_int_equal(out.after.state, PEPPER_COMPROMISED);
	json_t *entry = fixture_newest_entry(f, "master.compromise");
	assert_int_equal(entry_number(entry, "successor"), 2);
	json_decref(entry);
	/* Whoever takes over from it goes on with its work. */
	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	assert_false(master_get(f, PEPPER, 2).rewrap);
	assert_true(master_get(f, PEPPER, 3).rewrap);
}

static void compromising_an_older_version_starts_the_rewrap(void **state)
{
	struct fixture *f = *state;

	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	assert_false(master_get(f, PEPPER, 0).rewrap);
	change_ok(f, PEPPER, 1, MASTER_VERB_COMPROMISE);
	assert_true(master_get(f, PEPPER, 0).rewrap);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(change_state(f, PEPPER, 1), MASTER_COMPROMISED);
}

/* A key that is committed late under the compromised version, which will end. */
static void what_was_on_its_way_at_a_compromise_is_rewrapped_as_well(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	change_ok(f, PEPPER, 0, MASTER_VERB_COMPROMISE);
	rewrap_run(f);
	fixture_mint(f, &info, &text);
	struct key_record late = stored_key(f, info.id);
	late.secrets[SECRET_CURRENT].pepper_version = 1;
	store_key(f, &late);
	assert_true(master_get(f, PEPPER, 0).rewrap);
	atomic_store(&live(f)->takeover_at, clock_now() - 36 * NS_PER_SECOND);
	rewrap_run(f);
	assert_false(master_get(f, PEPPER, 0).rewrap);
	assert_int_equal(stored_key(f, info.id).secrets[SECRET_CURRENT].wrap_count, 1);
}

static void nothing_that_records_need_is_scheduled(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	assert_int_equal(change(f, PEPPER, 1, MASTER_VERB_DESTROY), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "1 records"));
	assert_true(fixture_verify(f, "live", text.text).valid); /* which moves it */
	/* Nothing needs it now, but what is on its way may. */
	assert_int_equal(change(f, PEPPER, 1, MASTER_VERB_DESTROY), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "35 seconds"));
	atomic_store(&live(f)->takeover_at, clock_now() - 36 * NS_PER_SECOND);
	change_ok(f, PEPPER, 1, MASTER_VERB_DESTROY);
	/* So do seals: the very records of the keys are under the integrity key. */
	change_ok(f, RECORDS, 0, MASTER_VERB_ROTATE);
	assert_int_equal(change(f, RECORDS, 1, MASTER_VERB_DESTROY), PM_CONFLICT);
	assert_int_equal(change(f, RECORDS, 1, MASTER_VERB_SUSPEND), PM_CONFLICT);
}

static void hashes_that_others_keep_protect_their_version_for_a_while(void **state)
{
	struct fixture *f = *state;
	struct master_params params = {
		.purpose = PURPOSE_PEPPER, .name = "pan", .version = 1, .verb = MASTER_VERB_DESTROY
	};
	struct master_outcome out;

	change_make_pan(f, 1);
	hash(f);
	change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
	assert_int_equal(change_as(f, params, &out), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "90 days"));
	params.force = true;
	assert_int_equal(change_as(f, params, &out), PM_OK);
	assert_true(out.after.destroy_at >= clock_unix() + 7 * 86400 - 5);
}

/* Databases from before there were dates of activation have none of them. */
static void hashes_of_a_version_without_a_date_are_protected_as_well(void **state)
{
	struct fixture *f = *state;
	struct master_params params = {
		.purpose = PURPOSE_PEPPER, .name = "pan", .version = 1, .verb = MASTER_VERB_DESTROY
	};
	struct master_outcome out;

	change_make_pan(f, 1);
	struct master_record old = master_get(f, PAN, 1);
	old.activated_at = 0;
	master_put(f, &old);
	hash(f);
	change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
	assert_int_equal(change_as(f, params, &out), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "90 days"));
}

static void what_is_due_is_destroyed_and_stays_so(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 2);
	struct value_hash old = hash(f);
	change_ok(f, PAN, 1, MASTER_VERB_DESTROY);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROY_SCHEDULED); /* not yet */
	change_due(f, PAN, 1);
	assert_int_equal(change(f, PAN, 1, MASTER_VERB_CANCEL), PM_CONFLICT);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROYED);
	assert_int_equal(fixture_count_entries(f, "master.destroy"), 1);
	assert_string_equal(hash(f).text, old.text);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(live(f)->orphans, 0);
	change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
	assert_int_equal(master_get(f, PAN, 0).version, 3);
}

static void nothing_is_destroyed_while_a_request_from_before_may_still_commit(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 2);
	change_ok(f, PAN, 1, MASTER_VERB_DESTROY);
	change_due(f, PAN, 1);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROY_SCHEDULED);
	atomic_store(&live(f)->takeover_at, clock_now() - 36 * NS_PER_SECOND);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROYED);
}

static void what_turns_out_to_be_needed_is_kept(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	fixture_mint(f, &info, &text);
	atomic_store(&live(f)->takeover_at, 0);
	change_ok(f, PEPPER, 1, MASTER_VERB_DESTROY);
	change_due(f, PEPPER, 1);
	/* As if it had been committed late: a secret under the version that is to go. */
	struct key_record key = stored_key(f, info.id);
	key.secrets[SECRET_CURRENT].pepper_version = 1;
	store_key(f, &key);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PEPPER, 1), MASTER_VERIFY_ONLY);
	json_t *entry = fixture_newest_entry(f, "master.cancel");
	assert_string_equal(entry_text(entry, "caller"), "peppermintd");
	assert_int_equal(entry_number(entry, "needed"), 1);
	json_decref(entry);
}

/* The object is gone and the record does not say so yet: killed in between. */
static void an_interrupted_destruction_is_finished_at_the_next_start(void **state)
{
	struct fixture *f = *state;
	size_t made = fake_hsm_key_count(f->hsm[LIVE_ENV]);

	change_make_pan(f, 2);
	change_ok(f, PAN, 1, MASTER_VERB_DESTROY);
	change_due(f, PAN, 1);
	fake_hsm_lose_key(f->hsm[LIVE_ENV], made);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PAN, 1), MASTER_DESTROYED);
}

static void what_is_not_due_must_not_be_missing(void **state)
{
	struct fixture *f = *state;
	size_t made = fake_hsm_key_count(f->hsm[LIVE_ENV]);

	change_make_pan(f, 2);
	change_ok(f, PAN, 1, MASTER_VERB_DESTROY);
	fake_hsm_lose_key(f->hsm[LIVE_ENV], made);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
}

static void masters_are_listed_in_order_with_who_needs_them(void **state)
{
	struct fixture *f = *state;
	struct master_info infos[16];
	struct key_info info;
	struct key_text text;
	size_t count = 0;

	fixture_mint(f, &info, &text);
	change_make_pan(f, 2);
	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	assert_int_equal(
		vault_list_masters(f->vault, fixture_actor(f), "live", "", "", infos, 16, &count),
		PM_OK);
	assert_int_equal(count, 6); /* text, records, api-keys 1 and 2, pan 1 and 2 */
	assert_string_equal(infos[0].name, "text");
	assert_string_equal(infos[1].name, "records");
	assert_string_equal(infos[2].name, "api-keys");
	assert_int_equal(infos[2].version, 1);
	assert_int_equal(infos[2].state, PEPPER_VERIFY_ONLY);
	assert_int_equal(infos[2].needed, 1);
	assert_true(infos[2].uses > 0);
	assert_true(infos[2].last_used_at > 0);
	assert_int_equal(infos[3].version, 2);
	assert_true(infos[3].activated_at > 0);
	assert_int_equal(vault_list_masters(f->vault, fixture_actor(f), "live", "pepper", "pan",
					    infos, 16, &count),
			 PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(
		vault_list_masters(f->vault, fixture_actor(f), "live", "", "", infos, 5, &count),
		PM_TOO_LARGE);
	assert_int_equal(fixture_count_entries(f, "master.read"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_told_with_its_caller_and_both_states),
		TEST(a_request_is_executed_once),
		TEST(a_dry_run_says_what_would_be_and_changes_nothing),
		TEST(what_does_not_exist_or_makes_no_sense_is_refused),
		TEST(a_compromised_active_version_is_followed_by_another_in_the_same_commit),
		TEST(compromising_an_older_version_starts_the_rewrap),
		TEST(what_was_on_its_way_at_a_compromise_is_rewrapped_as_well),
		TEST(nothing_that_records_need_is_scheduled),
		TEST(hashes_that_others_keep_protect_their_version_for_a_while),
		TEST(hashes_of_a_version_without_a_date_are_protected_as_well),
		TEST(what_is_due_is_destroyed_and_stays_so),
		TEST(nothing_is_destroyed_while_a_request_from_before_may_still_commit),
		TEST(what_turns_out_to_be_needed_is_kept),
		TEST(an_interrupted_destruction_is_finished_at_the_next_start),
		TEST(what_is_not_due_must_not_be_missing),
		TEST(masters_are_listed_in_order_with_who_needs_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
