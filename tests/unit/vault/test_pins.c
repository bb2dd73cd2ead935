/* Sealing, unsealing and changing the PIN: whatever the environment's state, told, and never the PIN. */
#include <string.h>

#include "change_fixture.h"

static enum environment_state state_of(struct fixture *f)
{
	return vault_environment_state(f->vault, LIVE_ENV);
}

static enum pm_err seal(struct fixture *f)
{
	return vault_seal(f->vault, fixture_actor(f), "live");
}

static enum pm_err unseal(struct fixture *f, const char *pin)
{
	return vault_unseal(f->vault, fixture_actor(f), "live", bytes_str(pin));
}

static enum pm_err change_pin(struct fixture *f, const char *from, const char *to)
{
	return vault_change_pin(f->vault, fixture_actor(f), "live", bytes_str(from), bytes_str(to));
}

static void a_sealed_environment_answers_nothing_until_it_is_unsealed(void **state)
{
	struct fixture *f = *state;
	struct verdict verdict;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	const struct bytes bytes = bytes_str(text.text);
	assert_int_equal(seal(f), PM_OK);
	assert_int_equal(state_of(f), ENV_HSM_SEALED);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", &bytes, 1, &verdict),
		PM_SEALED);
	assert_int_equal(vault_tend(f->vault), PM_SEALED);
	assert_int_equal(unseal(f, FAKE_PIN), PM_OK);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void a_refused_pin_leaves_it_sealed_and_was_tried_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(seal(f), PM_OK);
	assert_int_equal(unseal(f, "9999"), PM_SEALED);
	assert_string_equal(f->actor.why, "the PIN was refused"); /* as the token says */
	assert_int_equal(fake_hsm_wrong_pins(f->hsm[LIVE_ENV]), 1);
	assert_int_equal(state_of(f), ENV_HSM_SEALED);
	assert_int_equal(unseal(f, ""), PM_BAD_REQUEST);
	assert_int_equal(unseal(f, FAKE_PIN), PM_OK);
	assert_int_equal(unseal(f, FAKE_PIN), PM_CONFLICT);
	assert_non_null(f->actor.why);
}

static void sealing_is_told_with_its_caller_and_no_entry_has_the_pin(void **state)
{
	struct fixture *f = *state;
	size_t fresh = 0;

	assert_int_equal(seal(f), PM_OK);
	json_t *entry = fixture_newest_entry(f, "hsm.seal");
	assert_string_equal(entry_text(entry, "caller"), "unit");
	assert_true(strncmp(entry_text(entry, "operator"), "v1:", 3) == 0);
	json_decref(entry);
	assert_int_equal(vault_tend(f->vault), PM_SEALED);
	assert_int_equal(fixture_count_entries(f, "hsm.seal"), 1); /* not a second time */
	assert_int_equal(unseal(f, FAKE_PIN), PM_OK);
	entry = fixture_newest_entry(f, "hsm.unseal");
	assert_string_equal(entry_text(entry, "caller"), "unit");
	json_decref(entry);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(change_pin(f, FAKE_PIN, "the-new-pin-8642"), PM_OK);
	assert_int_equal(fixture_count_entries(f, "hsm.change-pin"), 1);
	assert_int_equal(change_pin(f, "wrong-pin-7531", "whatever-pin-1"), PM_DENIED);
	fresh = fixture_count_entries(f, "hsm.change-pin");
	assert_int_equal(fresh, 1); /* a refusal is told by whoever answers it */
	assert_int_equal(vault_audit_failure(f->vault, &f->actor, "ChangePin", "live", PM_DENIED),
			 PM_OK);
	assert_int_equal(fixture_count_entries(f, "hsm.change-pin"), 2);
	assert_false(fixture_log_has(f, "8642"));
	assert_false(fixture_log_has(f, "7531"));
}

static void a_changed_pin_is_the_one_that_unseals(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(change_pin(f, FAKE_PIN, "5678"), PM_OK);
	assert_int_equal(seal(f), PM_OK);
	assert_int_equal(unseal(f, FAKE_PIN), PM_SEALED);
	assert_int_equal(unseal(f, "5678"), PM_OK);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

/* At a start without a PIN nothing was attached yet. */
static void an_environment_that_was_never_attached_is_unsealed(void **state)
{
	struct fixture *f = *state;

	fake_hsm_fall(f->hsm[LIVE_ENV], HSM_CAUSE_PIN);
	assert_int_equal(vault_tend(f->vault), PM_SEALED);
	assert_int_equal(fixture_count_entries(f, "hsm.pin"), 1);
	assert_int_equal(unseal(f, FAKE_PIN), PM_OK);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(state_of(f), ENV_SERVING);
}

static void the_environment_that_signs_the_log_is_sealed_and_unsealed_like_others(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(vault_seal(f->vault, fixture_actor(f), "test"), PM_OK);
	assert_int_equal(vault_unseal(f->vault, fixture_actor(f), "test", bytes_str(FAKE_PIN)),
			 PM_OK);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(vault_seal(f->vault, fixture_actor(f), "none"), PM_NOT_FOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sealed_environment_answers_nothing_until_it_is_unsealed),
		TEST(a_refused_pin_leaves_it_sealed_and_was_tried_once),
		TEST(sealing_is_told_with_its_caller_and_no_entry_has_the_pin),
		TEST(a_changed_pin_is_the_one_that_unseals),
		cmocka_unit_test_setup_teardown(an_environment_that_was_never_attached_is_unsealed,
						fixture_setup_unattached, fixture_teardown),
		TEST(the_environment_that_signs_the_log_is_sealed_and_unsealed_like_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
