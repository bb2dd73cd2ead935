/* Master keys that an environment gets only when it needs them: made once, checked like all others. */
#include <openssl/hmac.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "fault.h"
#include "imported.h"
#include "master.h"

#define MAC_LEN 32

static const struct purpose {
	const char *purpose, *name;
	int algorithm;
} purposes[] = {
	{ PURPOSE_PIN, PIN_NAME, HSM_HMAC_SHA256 },
	{ PURPOSE_WRAP, WRAP_NAME, HSM_AES256_GCM },
	{ PURPOSE_INDEX, INDEX_NAME, HSM_HMAC_SHA256 },
};
#define PURPOSES (sizeof(purposes) / sizeof(purposes[0]))

static const uint8_t other_key[] = "sixteen bytes or more of a key";
#define OTHER_KEY bytes_of(other_key, sizeof(other_key) - 1)

static int64_t soon(void)
{
	return deadline_in_ms(60000);
}

static struct master_record need(struct fixture *f, const struct purpose *purpose)
{
	struct master_record active;

	assert_int_equal(master_need(live(f), purpose->purpose, purpose->name, &active, soon()),
			 PM_OK);
	assert_int_equal(active.state, MASTER_ACTIVE);
	return active;
}

static void need_all(struct fixture *f)
{
	for (size_t i = 0; i < PURPOSES; i++)
		need(f, &purposes[i]);
}

static enum pm_err bring(struct fixture *f, const char *name, struct bytes value,
			 struct master_info *out)
{
	return vault_import_hmac_key(f->vault, fixture_actor(f), "live", name, value, out);
}

static void bring_ok(struct fixture *f, const char *name)
{
	struct master_info info;

	assert_int_equal(bring(f, name, OTHER_KEY, &info), PM_OK);
	assert_string_equal(info.purpose, PURPOSE_IMPORT);
	assert_string_equal(info.name, name);
	assert_int_equal(info.state, PEPPER_VERIFY_ONLY);
}

static struct object_info inspect(struct fixture *f, const struct master_record *master)
{
	static struct object_info objects[HSM_OBJECTS_MAX];
	struct token_inspection token;
	size_t count = 0;

	assert_int_equal(vault_inspect(f->vault, fixture_actor(f), "live", 0, &token, objects,
				       HSM_OBJECTS_MAX, &count),
			 PM_OK);
	for (size_t i = 0; i < count; i++) {
		if (memcmp(objects[i].key_id, master->key_id, sizeof(master->key_id)) == 0)
			return objects[i];
	}
	fail_msg("%s %s is not in the token", master->purpose, master->name);
	return objects[0];
}

/* Which key of the fake token, in the order of their making, that is. */
static size_t key_number(struct fixture *f, const struct master_record *master)
{
	static struct hsm_object objects[HSM_OBJECTS_MAX];
	size_t count = 0;

	assert_int_equal(hsm_list(f->hsm[LIVE_ENV], "peppermint/live/", objects, &count, soon()),
			 PM_OK);
	for (size_t i = 0; i < count; i++) {
		if (memcmp(objects[i].id.bytes, master->key_id, sizeof(master->key_id)) == 0)
			return i;
	}
	fail_msg("%s %s is not in the token", master->purpose, master->name);
	return 0;
}

static void an_environment_has_none_of_them_before_it_needs_one(void **state)
{
	struct fixture *f = *state;
	struct master_record master;

	for (size_t i = 0; i < PURPOSES; i++)
		assert_int_equal(environment_master(live(f), purposes[i].purpose, purposes[i].name,
						    0, &master),
				 PM_NOT_FOUND);
	assert_false(imported_is_possible(live(f), bytes_str("another-systems-key-0001")));
}

static void each_is_made_once_and_is_sound_and_stays(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < PURPOSES; i++) {
		struct master_record made = need(f, &purposes[i]);
		struct object_info object = inspect(f, &made);

		assert_int_equal(made.version, 1);
		assert_int_equal(object.algorithm, purposes[i].algorithm);
		assert_true(object.sound);
		assert_int_equal(object.version, 1);
		assert_memory_equal(need(f, &purposes[i]).key_id, made.key_id, sizeof(made.key_id));
		fixture_reopen(f);
		assert_int_equal(vault_tend(f->vault), PM_OK);
		assert_memory_equal(need(f, &purposes[i]).key_id, made.key_id, sizeof(made.key_id));
	}
}

static void *need_index(void *arg)
{
	need(arg, &purposes[2]);
	return NULL;
}

static void who_needs_it_at_once_makes_one(void **state)
{
	pthread_t threads[8];
	struct fixture *f = *state;

	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, need_index, f), 0);
	for (size_t i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(need(f, &purposes[2]).version, 1);
}

static void without_one_of_them_an_environment_does_not_serve(void **state)
{
	struct fixture *f = *state;
	size_t i = 0;

	need_all(f);
	bring_ok(f, "legacy");
	for (; i < PURPOSES; i++) {
		struct master_record master = need(f, &purposes[i]);

		fake_hsm_swap_key(f->hsm[LIVE_ENV], key_number(f, &master));
		fake_hsm_restart(f->hsm[LIVE_ENV]);
		assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
		fixture_teardown(state);
		fixture_setup(state);
		f = *state;
		need_all(f);
		bring_ok(f, "legacy");
	}
	for (i = 0; i < PURPOSES; i++) {
		struct master_record master = need(f, &purposes[i]);

		fake_hsm_lose_key(f->hsm[LIVE_ENV], key_number(f, &master));
		fake_hsm_restart(f->hsm[LIVE_ENV]);
		assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
		fixture_teardown(state);
		fixture_setup(state);
		f = *state;
		need_all(f);
		bring_ok(f, "legacy");
	}
	struct master_record brought = master_get(f, PURPOSE_IMPORT, "legacy", 1);
	fake_hsm_swap_key(f->hsm[LIVE_ENV], key_number(f, &brought));
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_TOKEN_MISMATCH);
}

static void a_standby_is_unfit_until_it_has_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct environment_info info;

	fake_hsm_add_standby(f->hsm[LIVE_ENV], "2223");
	fake_hsm_clone(f->hsm[LIVE_ENV]);
	assert_int_equal(change_tend(f), PM_OK);
	for (size_t i = 0; i < PURPOSES; i++) {
		need(f, &purposes[i]);
		assert_int_equal(change_tend(f), PM_OK);
		assert_int_equal(vault_environment_status(f->vault, LIVE_ENV, &info), PM_OK);
		assert_non_null(strstr(info.tokens[1].detail, purposes[i].purpose));
		fake_hsm_clone(f->hsm[LIVE_ENV]);
		assert_int_equal(change_tend(f), PM_OK);
		assert_int_equal(vault_environment_status(f->vault, LIVE_ENV, &info), PM_OK);
		assert_string_equal(info.tokens[1].detail, "");
	}
	fake_hsm_fall(hsm_member(f->hsm[LIVE_ENV], 0), HSM_CAUSE_DEVICE);
	assert_int_equal(change_tend(f), PM_OK);
}

static void each_is_rotated_and_the_old_one_destroyed_when_nothing_needs_it(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < PURPOSES; i++) {
		const char *purpose = purposes[i].purpose, *name = purposes[i].name;

		need(f, &purposes[i]);
		change_ok(f, purpose, name, 0, MASTER_VERB_ROTATE);
		assert_int_equal(need(f, &purposes[i]).version, 2);
		/* Requests from before it are perhaps still on their way. */
		assert_int_equal(change(f, purpose, name, 1, MASTER_VERB_DESTROY), PM_CONFLICT);
		assert_int_equal(change_tend(f), PM_OK);
		change_ok(f, purpose, name, 1, MASTER_VERB_DESTROY);
		change_due(f, purpose, name, 1);
		assert_int_equal(change_tend(f), PM_OK);
		assert_int_equal(change_state(f, purpose, name, 1), MASTER_DESTROYED);
		assert_int_equal(change(f, purpose, name, 0, MASTER_VERB_REWRAP), PM_CONFLICT);
		assert_non_null(f->actor.why);
	}
	assert_int_equal(change_tend(f), PM_OK);
}

static void assert_old_one_is_needed(struct fixture *f, const char *purpose, const char *name)
{
	change_ok(f, purpose, name, 0, MASTER_VERB_ROTATE);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change(f, purpose, name, 1, MASTER_VERB_DESTROY), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "1 records need version 1"));
}

static void what_is_encrypted_needs_its_key_until_it_is_made_anew(void **state)
{
	struct fixture *f = *state;
	const struct mint_params params = { .environment = "live",
					    .account = "acme",
					    .product = "pay",
					    .name = "till",
					    .recoverable = true };
	struct key_secret secret;
	struct key_info info;

	f->policy[LIVE_ENV].recoverable = true;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(vault_mint(f->vault, fixture_actor(f), &params, &info, &secret), PM_OK);
	assert_old_one_is_needed(f, PURPOSE_WRAP, WRAP_NAME);
	const struct rotate_params rotation = { .environment = "live",
						.key_id = info.id,
						.recoverable = true };
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &rotation, &info, &secret),
			 PM_OK);
	change_ok(f, PURPOSE_WRAP, WRAP_NAME, 1, MASTER_VERB_DESTROY);
}

static void a_pin_needs_its_key(void **state)
{
	struct fixture *f = *state;
	const struct operator_params params = { .environment = "live",
						.id = "bob",
						.new_pin = bytes_str("271828") };
	struct operator_info info;

	assert_int_equal(vault_create_operator(f->vault, fixture_actor(f), &params, &info), PM_OK);
	assert_true(info.has_pin);
	assert_old_one_is_needed(f, PURPOSE_PIN, PIN_NAME);
}

static void another_systems_key_is_in_the_token_as_it_was_given(void **state)
{
	static const char text[] = "a-key-of-another-system";
	struct fixture *f = *state;
	uint8_t known[IMPORTED_KNOWN_MAX], expected[MAC_LEN];
	size_t len = 0;

	assert_non_null(HMAC(EVP_sha256(), other_key, sizeof(other_key) - 1, (const uint8_t *)text,
			     strlen(text), expected, NULL));
	bring_ok(f, "legacy");
	struct master_record master = master_get(f, PURPOSE_IMPORT, "legacy", 1);
	struct object_info object = inspect(f, &master);
	assert_true(object.sound);
	assert_false(object.local);
	assert_false(object.always_sensitive);
	assert_true(object.sensitive);
	assert_false(object.extractable);
	assert_int_equal(imported_known(live(f), SECRET_HMAC, "legacy", bytes_str(text), known,
					&len, soon()),
			 PM_OK);
	assert_int_equal(len, MAC_LEN);
	assert_memory_equal(known, expected, MAC_LEN);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(fixture_count_entries(f, "import.key"), 1);
	assert_false(fixture_log_has(f, (const char *)other_key));
}

static void another_systems_key_only_verifies(void **state)
{
	struct fixture *f = *state;
	struct master_info info;
	uint8_t known[IMPORTED_KNOWN_MAX];
	size_t len = 0;

	bring_ok(f, "legacy");
	assert_int_equal(bring(f, "legacy", OTHER_KEY, &info), PM_ALREADY_EXISTS);
	assert_int_equal(change(f, PURPOSE_IMPORT, "legacy", 0, MASTER_VERB_ROTATE), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "another system"));
	change_ok(f, PURPOSE_IMPORT, "legacy", 1, MASTER_VERB_SUSPEND);
	assert_int_equal(imported_known(live(f), SECRET_HMAC, "legacy", bytes_str("text"), known,
					&len, soon()),
			 PM_NOT_FOUND);
	change_ok(f, PURPOSE_IMPORT, "legacy", 1, MASTER_VERB_RESUME);
	change_ok(f, PURPOSE_IMPORT, "legacy", 1, MASTER_VERB_DESTROY);
	change_due(f, PURPOSE_IMPORT, "legacy", 1);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PURPOSE_IMPORT, "legacy", 1), MASTER_DESTROYED);
	assert_int_equal(bring(f, "legacy", OTHER_KEY, &info), PM_OK);
	assert_int_equal(info.version, 2);
}

static void a_key_of_the_wrong_length_or_name_is_refused(void **state)
{
	static const uint8_t room[HSM_IMPORT_MAX + 1] = { 1 };
	static const char *const names[] = { "",    "Legacy", "1a",
					     "a/b", "a b",    "a23456789012345678901234567890123" };
	struct fixture *f = *state;
	struct master_info info;

	assert_int_equal(bring(f, "a", bytes_of(room, HSM_IMPORT_MIN - 1), &info), PM_BAD_REQUEST);
	assert_int_equal(bring(f, "a", bytes_of(room, sizeof(room)), &info), PM_BAD_REQUEST);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_int_equal(bring(f, names[i], OTHER_KEY, &info), PM_BAD_REQUEST);
	assert_int_equal(bring(f, "a", bytes_of(room, HSM_IMPORT_MAX), &info), PM_OK);
	assert_int_equal(fixture_count_entries(f, "import.key"), 1);
}

static void there_are_sixteen_at_most(void **state)
{
	struct fixture *f = *state;
	struct master_info info;
	char name[8];

	for (int i = 0; i < IMPORTED_KEYS_MAX; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		bring_ok(f, name);
	}
	assert_int_equal(bring(f, "one-more", OTHER_KEY, &info), PM_TOO_LARGE);
	assert_non_null(f->actor.why);
}

static void a_repeated_request_brings_nothing_in_again(void **state)
{
	struct fixture *f = *state;
	struct actor *actor = fixture_actor(f);
	struct master_info info;

	assert_int_equal(vault_import_hmac_key(f->vault, actor, "live", "legacy", OTHER_KEY, &info),
			 PM_OK);
	actor->deadline = soon();
	assert_int_equal(vault_import_hmac_key(f->vault, actor, "live", "legacy", OTHER_KEY, &info),
			 PM_ALREADY_DONE);
	assert_string_equal(actor->done_subject, "legacy/v1");
	actor = fixture_actor(f);
	actor->request_id = "";
	assert_int_equal(vault_import_hmac_key(f->vault, actor, "live", "other", OTHER_KEY, &info),
			 PM_BAD_REQUEST);
	actor = fixture_actor(f);
	actor->on_behalf = true;
	assert_int_equal(vault_import_hmac_key(f->vault, actor, "live", "other", OTHER_KEY, &info),
			 PM_DENIED);
}

static void whatever_fails_no_key_is_half_brought_in(void **state)
{
	struct fixture *f = *state;
	struct master_record found;
	struct master_info info;
	bool fired = true;
	int nth = 0;

	for (; fired; nth++) {
		char name[16];

		snprintf(name, sizeof(name), "k%d", nth);
		fault_arm(nth);
		enum pm_err err = bring(f, name, OTHER_KEY, &info);
		fired = fault_fired();
		fault_disarm();
		fake_hsm_restart(f->hsm[LIVE_ENV]);
		fixture_reopen(f);
		assert_int_equal(vault_tend(f->vault), PM_OK);
		/* A fault that the entry in the log had to do with alone stops nothing. */
		assert_int_equal(imported_hmac_key(live(f), name, &found),
				 err == PM_OK ? PM_OK : PM_NOT_FOUND);
		if (err == PM_OK)
			assert_int_equal(found.state, MASTER_VERIFY_ONLY);
	}
	assert_true(nth > 5);
	assert_int_equal(imported_hmac_keys(live(f)) > 0, true);
}

static void whatever_fails_a_needed_key_is_whole_or_not_there(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < PURPOSES; i++) {
		struct master_record active;
		int nth = 0;

		for (;; nth++) {
			fault_arm(nth);
			enum pm_err err = master_need(live(f), purposes[i].purpose,
						      purposes[i].name, &active, soon());
			bool fired = fault_fired();

			fault_disarm();
			if (!fired || err == PM_OK)
				break;
			fixture_reopen(f);
			assert_int_equal(vault_tend(f->vault), PM_OK);
			assert_int_equal(environment_master(live(f), purposes[i].purpose,
							    purposes[i].name, 0, &active),
					 PM_NOT_FOUND);
		}
		assert_true(nth > 2);
		assert_true(inspect(f, &active).sound);
		assert_int_equal(inspect(f, &active).version, active.version);
	}
}

static void an_orphan_of_theirs_is_adopted_like_any_other(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < PURPOSES; i++) {
		struct hsm_object object;
		struct object_info info;
		char label[HSM_LABEL_MAX + 1];
		struct hsm_id id = { { (uint8_t)(i + 1) } };

		snprintf(label, sizeof(label), "peppermint/live/%s/%s/v9", purposes[i].purpose,
			 purposes[i].name);
		if (purposes[i].algorithm == HSM_AES256_GCM)
			assert_int_equal(
				hsm_generate_aes(f->hsm[LIVE_ENV], &id, label, &object, soon()),
				PM_OK);
		else
			assert_int_equal(
				hsm_generate(f->hsm[LIVE_ENV], &id, label, &object, soon()), PM_OK);
		assert_int_equal(vault_settle_orphan(f->vault, fixture_actor(f), "live", id.bytes,
						     true, false, &info),
				 PM_OK);
		assert_int_equal(change_state(f, purposes[i].purpose, purposes[i].name, 9),
				 MASTER_VERIFY_ONLY);
	}
	assert_int_equal(change_tend(f), PM_OK);
}

static void a_key_of_the_wrong_kind_is_not_sound(void **state)
{
	struct fixture *f = *state;
	struct hsm_object object;
	struct object_info info;
	struct hsm_id id = { { 7 } }, brought = { { 8 } };

	assert_int_equal(hsm_generate(f->hsm[LIVE_ENV], &id, "peppermint/live/wrap/values/v1",
				      &object, soon()),
			 PM_OK);
	assert_int_equal(vault_settle_orphan(f->vault, fixture_actor(f), "live", id.bytes, true,
					     false, &info),
			 PM_CONFLICT);
	assert_int_equal(hsm_import(f->hsm[LIVE_ENV], &brought, "peppermint/live/pepper/pan/v1",
				    OTHER_KEY, &object, soon()),
			 PM_OK);
	assert_int_equal(vault_settle_orphan(f->vault, fixture_actor(f), "live", brought.bytes,
					     true, false, &info),
			 PM_CONFLICT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_environment_has_none_of_them_before_it_needs_one),
		TEST(each_is_made_once_and_is_sound_and_stays),
		TEST(who_needs_it_at_once_makes_one),
		TEST(without_one_of_them_an_environment_does_not_serve),
		TEST(a_standby_is_unfit_until_it_has_a_new_one),
		TEST(each_is_rotated_and_the_old_one_destroyed_when_nothing_needs_it),
		TEST(what_is_encrypted_needs_its_key_until_it_is_made_anew),
		TEST(a_pin_needs_its_key),
		TEST(another_systems_key_is_in_the_token_as_it_was_given),
		TEST(another_systems_key_only_verifies),
		TEST(a_key_of_the_wrong_length_or_name_is_refused),
		TEST(there_are_sixteen_at_most),
		TEST(a_repeated_request_brings_nothing_in_again),
		TEST(whatever_fails_no_key_is_half_brought_in),
		TEST(whatever_fails_a_needed_key_is_whole_or_not_there),
		TEST(an_orphan_of_theirs_is_adopted_like_any_other),
		TEST(a_key_of_the_wrong_kind_is_not_sound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
