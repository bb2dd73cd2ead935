/* Objects in the token that no record names: found, reported, and settled by a custodian. */
#include <stdio.h>
#include <string.h>

#include "change_fixture.h"
#include "fault.h"
#include "master.h"
#include "object.h"

static const struct hsm_id ID = { { 7, 7 } };

static void plant(struct fixture *f, const char *label)
{
	struct hsm_object object;

	assert_int_equal(hsm_generate(f->hsm[LIVE_ENV], &ID, label, &object, 0), PM_OK);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(live(f)->orphans, 1);
}

static enum pm_err settle(struct fixture *f, bool adopt, bool dry_run, struct object_info *out)
{
	return vault_settle_orphan(f->vault, fixture_actor(f), "live", ID.bytes, adopt, dry_run,
				   out);
}

static bool is_there(struct fixture *f)
{
	struct hsm_object objects[64];
	size_t count = 0;

	assert_int_equal(hsm_list(f->hsm[LIVE_ENV], "peppermint/", objects, &count, 0), PM_OK);
	for (size_t i = 0; i < count; i++) {
		if (memcmp(&objects[i].id, &ID, sizeof(ID)) == 0)
			return true;
	}
	return false;
}

static void labels_are_parsed_as_they_are_written_and_no_others(void **state)
{
	static const struct {
		const char *label;
		bool ours;
	} labels[] = {
		{ "peppermint/live/pepper/pan/v1", true },
		{ "peppermint/live/pepper/pan/v64", true },
		{ "peppermint/live/integrity/records/v2", true },
		{ "peppermint/live/audit/text/v2", true },
		{ "peppermint/live/audit/log/v2", true },
		{ "peppermint/test/pepper/pan/v1", false },
		{ "other/live/pepper/pan/v1", false },
		{ "peppermint/live/pepper/pan/v0", false },
		{ "peppermint/live/pepper/pan/v65", false },
		{ "peppermint/live/pepper/pan/v01", false },
		{ "peppermint/live/pepper/pan/v1 ", false },
		{ "peppermint/live/pepper/pan/v1x", false },
		{ "peppermint/live/pepper/pan/v+1", false },
		{ "peppermint/live/pepper/pan/v-1", false },
		{ "peppermint/live/pepper/pan/v99999999999999999999", false },
		{ "peppermint/live/pepper/pan/v", false },
		{ "peppermint/live/pepper/pan/1", false },
		{ "peppermint/live/pepper/pan", false },
		{ "peppermint/live/pepper//v1", false },
		{ "peppermint/live/pepper/a/b/v1", false },
		{ "peppermint/live/integrity/other/v1", false },
		{ "peppermint/live/audit/other/v1", false },
		{ "peppermint/live/signing/x/v1", false },
		{ "peppermint/live/pepper/"
		  "0123456789012345678901234567890123456789/v1",
		  false },
		{ "peppermint/live", false },
		{ "", false },
		{ "/////", false },
	};
	struct fixture *f = *state;
	struct object_label out;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		if (object_parse_label(live(f), labels[i].label, &out) != labels[i].ours)
			fail_msg("%s", labels[i].label);
	}
}

static void an_adopted_orphan_verifies_only_and_its_number_is_taken(void **state)
{
	struct fixture *f = *state;
	struct object_info info;

	change_make_pan(f, 1);
	plant(f, "peppermint/live/pepper/pan/v2");
	/* Its number would name two keys. */
	assert_int_equal(change(f, PAN, 0, MASTER_VERB_ROTATE), PM_TOKEN_MISMATCH);
	assert_int_equal(settle(f, true, true, &info), PM_OK);
	assert_int_equal(info.version, 0);
	assert_int_equal(live(f)->orphans, 1);
	assert_int_equal(settle(f, true, false, &info), PM_OK);
	assert_int_equal(info.version, 2);
	assert_int_equal(info.state, PEPPER_VERIFY_ONLY);
	assert_int_equal(change_state(f, PAN, 2), MASTER_VERIFY_ONLY);
	assert_int_equal(change_state(f, PAN, 1), MASTER_ACTIVE);
	assert_int_equal(live(f)->orphans, 0);
	assert_int_equal(fixture_count_entries(f, "orphan.adopt"), 1);
	change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
	assert_int_equal(master_get(f, PAN, 0).version, 3);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(settle(f, true, false, &info), PM_CONFLICT);
	assert_int_equal(settle(f, false, false, &info), PM_CONFLICT);
	assert_true(is_there(f));
}

static void an_orphan_is_destroyed_when_that_is_asked_for(void **state)
{
	struct fixture *f = *state;
	struct object_info info;

	plant(f, "peppermint/live/pepper/pan/v2");
	assert_int_equal(settle(f, false, true, &info), PM_OK);
	assert_true(is_there(f));
	assert_int_equal(fixture_count_entries(f, "orphan.destroy"), 0);
	assert_int_equal(settle(f, false, false, &info), PM_OK);
	assert_false(is_there(f));
	assert_int_equal(live(f)->orphans, 0);
	json_t *entry = fixture_newest_entry(f, "orphan.destroy");
	assert_string_equal(entry_text(entry, "label"), "peppermint/live/pepper/pan/v2");
	json_decref(entry);
	assert_int_equal(settle(f, false, false, &info), PM_NOT_FOUND);
}

static void find_orphan(struct fixture *f, uint8_t key_id[16])
{
	struct object_info objects[64];
	struct token_inspection token;
	size_t count = 0;

	assert_int_equal(
		vault_inspect(f->vault, fixture_actor(f), "live", 0, &token, objects, 64, &count),
		PM_OK);
	for (size_t i = 0; i < count; i++) {
		if (objects[i].version != 0)
			continue;
		memcpy(key_id, objects[i].key_id, 16);
		return;
	}
	fail_msg("no orphan");
}

/* Whoever deletes a row must not bring a custodian to delete the key. */
static void a_key_whose_record_was_lost_is_not_destroyed_while_others_need_it(void **state)
{
	struct fixture *f = *state;
	struct object_info info;
	struct key_info key;
	struct key_text text;
	uint8_t id[16];

	fixture_mint(f, &key, &text);
	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	fixture_sql(f,
		    "DELETE FROM master_key WHERE environment = 'live' AND name = 'api-keys' AND "
		    "version = 1");
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	find_orphan(f, id);
	assert_int_equal(
		vault_settle_orphan(f->vault, fixture_actor(f), "live", id, false, false, &info),
		PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "adopt it"));
	assert_int_equal(
		vault_settle_orphan(f->vault, fixture_actor(f), "live", id, true, false, &info),
		PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void what_was_never_finished_is_not_adopted(void **state)
{
	struct fixture *f = *state;
	struct object_info info;
	struct pepper_info pepper;
	uint8_t key_id[16];

	/* The answer to the generation is lost: its number was given, and the object is there. */
	for (int nth = 0; live(f)->orphans == 0; nth++) {
		char name[16];

		assert_true(nth < 20);
		snprintf(name, sizeof(name), "p%d", nth);
		fault_arm(nth);
		enum pm_err err =
			vault_create_pepper(f->vault, fixture_actor(f), "live", name, &pepper);
		fault_disarm();
		assert_int_equal(change_tend(f), PM_OK);
		assert_true(err == PM_OK || live(f)->orphans <= 1);
	}
	find_orphan(f, key_id);
	assert_int_equal(
		vault_settle_orphan(f->vault, fixture_actor(f), "live", key_id, true, false, &info),
		PM_CONFLICT);
	assert_int_equal(vault_settle_orphan(f->vault, fixture_actor(f), "live", key_id, false,
					     false, &info),
			 PM_OK);
	assert_int_equal(live(f)->orphans, 0);
}

/* As far as a version got before the process was killed. */
enum crash { AFTER_INTENT, AFTER_GENERATE, AFTER_CHECK_VALUE, CRASHES };

static void insert(struct fixture *f, struct master_record *record)
{
	struct leaf leaf;

	record->revision = 0;
	assert_int_equal(master_revise(live(f), record, f->actor.deadline), PM_OK);
	master_leaf(&leaf, LEAF_MASTER_STAGE, NULL, live(f), record);
	assert_int_equal(
		master_commit(live(f), STORE_INSERT_MASTER, record, NULL, &leaf, f->actor.deadline),
		PM_OK);
	leaf_drop(&leaf);
}

static void crash_at(struct fixture *f, enum crash crash)
{
	char label[HSM_LABEL_MAX + 1];
	struct master_record record;
	struct hsm_object object;
	struct hsm_id id;

	assert_int_equal(master_stage(live(f), PAN, &record), PM_OK);
	insert(f, &record);
	if (crash >= AFTER_GENERATE) {
		master_label(&record, label);
		memcpy(id.bytes, record.key_id, sizeof(id.bytes));
		assert_int_equal(hsm_generate(f->hsm[LIVE_ENV], &id, label, &object, 0), PM_OK);
	}
	if (crash >= AFTER_CHECK_VALUE) {
		assert_int_equal(
			master_check_value(live(f), &record, record.check, f->actor.deadline),
			PM_OK);
		master_put(f, &record);
	}
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

static void a_crash_at_any_step_of_making_a_version_leaves_nothing_unreported(void **state)
{
	struct fixture *f = *state;
	uint32_t orphans = 0;

	change_make_pan(f, 1);
	for (enum crash crash = AFTER_INTENT; crash < CRASHES; crash++) {
		uint32_t active = master_get(f, PAN, 0).version;

		crash_at(f, crash);
		/* With its check value it is whole, and waits to be activated or destroyed. */
		assert_int_equal(change_state(f, PAN, active + 1),
				 crash == AFTER_CHECK_VALUE ? MASTER_STAGED : MASTER_DESTROYED);
		orphans += crash == AFTER_GENERATE;
		assert_int_equal(live(f)->orphans, orphans);
		if (crash == AFTER_CHECK_VALUE)
			change_ok(f, PAN, active + 1, MASTER_VERB_DESTROY);
		assert_int_equal(master_get(f, PAN, 0).version, active);
		change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
		assert_int_equal(master_get(f, PAN, 0).version, active + 2); /* never used again */
	}
}

static void what_is_not_as_the_vault_makes_keys_is_not_adopted(void **state)
{
	static const char *const labels[] = {
		"peppermint/live/pepper/pan/v02", "peppermint/live/signing/pan/v2",
		"peppermint/live/audit/log/v2", /* which would be a pair */
	};
	struct fixture *f = *state;
	struct object_info info;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		plant(f, labels[i]);
		assert_int_equal(settle(f, true, false, &info), PM_CONFLICT);
		assert_non_null(f->actor.why);
		assert_int_equal(settle(f, false, false, &info), PM_OK);
	}
}

static void another_environments_object_is_not_found(void **state)
{
	struct fixture *f = *state;
	struct hsm_object object;
	struct object_info info;

	assert_int_equal(
		hsm_generate(f->hsm[LIVE_ENV], &ID, "peppermint/test/pepper/pan/v1", &object, 0),
		PM_OK);
	assert_int_equal(settle(f, true, false, &info), PM_NOT_FOUND);
	assert_int_equal(settle(f, false, false, &info), PM_NOT_FOUND);
	assert_true(is_there(f));
}

static void an_orphan_is_adopted_only_if_both_tokens_have_it(void **state)
{
	struct fixture *f = *state;
	struct object_info info;

	change_make_pan(f, 1);
	fake_hsm_add_standby(f->hsm[LIVE_ENV], "2223");
	fake_hsm_clone(f->hsm[LIVE_ENV]);
	plant(f, "peppermint/live/pepper/pan/v2");
	assert_int_equal(settle(f, true, false, &info), PM_TOKEN_MISMATCH);
	assert_non_null(strstr(f->actor.why, "2223"));
	fake_hsm_clone(f->hsm[LIVE_ENV]);
	assert_int_equal(settle(f, true, false, &info), PM_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(labels_are_parsed_as_they_are_written_and_no_others),
		TEST(an_adopted_orphan_verifies_only_and_its_number_is_taken),
		TEST(an_orphan_is_destroyed_when_that_is_asked_for),
		TEST(a_key_whose_record_was_lost_is_not_destroyed_while_others_need_it),
		TEST(what_was_never_finished_is_not_adopted),
		TEST(a_crash_at_any_step_of_making_a_version_leaves_nothing_unreported),
		TEST(what_is_not_as_the_vault_makes_keys_is_not_adopted),
		TEST(another_environments_object_is_not_found),
		TEST(an_orphan_is_adopted_only_if_both_tokens_have_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
