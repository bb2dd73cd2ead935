/* The offline hsm commands: which token, whose PIN, what else uses it, and what modules do. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/token_lock.h"
#include "hsm_fixture.h"

static unsigned long logins(const struct hsm_fixture *h)
{
	return module_faults_calls(&h->faults, "C_Login");
}

static void slots_are_told_with_their_tokens(void **state)
{
	struct hsm_fixture *h = *state;

	assert_int_equal(run_real(h, "", "slots"), 0);
	assert_says(h->cli->out, "initialised; login required; user PIN set\n");
	assert_says(h->cli->out, "not initialised\n");
	assert_says(h->cli->out, "NOT CERTIFIED: SoftHSM");
	assert_int_equal(run_real(h, "", "slots", "--token", h->token.uri, "--json"), 0);
	json_t *slots = output_json(h->cli);
	assert_int_equal(json_array_size(slots), 1);
	const json_t *slot = json_array_get(slots, 0);
	assert_string_equal(json_string_value(json_object_get(slot, "serial")), h->token.serial);
	assert_string_equal(json_string_value(json_object_get(slot, "label")), "mine");
	assert_string_equal(json_string_value(json_object_get(slot, "certified")), "NOT CERTIFIED");
	json_decref(slots);
}

static void the_tokens_pin_flags_are_spelled_out(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "token-flags CKF_USER_PIN_COUNT_LOW CKF_SO_PIN_LOCKED\n");
	assert_int_equal(run_faulty(h, "", "slots"), 0);
	assert_says(h->cli->out, "user PIN: COUNT LOW, a wrong one was given");
	assert_says(h->cli->out, "SO PIN: LOCKED");
	module_faults_set(&h->faults, "token-flags CKF_USER_PIN_FINAL_TRY CKF_USER_PIN_LOCKED\n");
	assert_int_equal(run_faulty(h, "", "slots", "--token", "pkcs11:token=mine"), 0);
	assert_says(h->cli->out, "user PIN: FINAL TRY, one more wrong one locks it");
	assert_says(h->cli->out, "user PIN: LOCKED");
}

static void what_a_module_prints_is_not_among_the_results(void **state)
{
	struct hsm_fixture *h = *state;

	assert_int_equal(run_with(h->cli, PIN_LINE, "hsm", "inventory", "--module", NOISY_MODULE,
				  "--token", h->token.uri, "--json"),
			 0);
	json_decref(output_json(h->cli));
	assert_never_says(h->cli->out, "Vendor");
	assert_says(h->cli->err, "Vendor PKCS#11 starts");
	assert_never_says(h->cli->err, "read standard input");
}

static void a_module_that_hangs_is_given_up(void **state)
{
	static const char *const rules[] = { "C_Initialize hang\n", "C_GetTokenInfo hang\n",
					     "C_Login hang\n", "C_FindObjects hang\n" };
	struct hsm_fixture *h = *state;

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		module_faults_set(&h->faults, rules[i]);
		assert_int_equal(run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri,
					    "--timeout", "1"),
				 3);
		assert_says(h->cli->err, "did not answer for 1 seconds");
		assert_string_equal(h->cli->out, "");
	}
}

/* libp11 0.4.12 waits for ever for a session that cannot be had. */
static void libp11_that_waits_for_a_session_is_given_up(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "C_OpenSession return CKR_DEVICE_REMOVED\n");
	assert_int_equal(run_faulty(h, PIN_LINE "pin-2\n", "change-pin", "--token", h->token.uri,
				    "--timeout", "1"),
			 3);
	assert_true(strstr(h->cli->err, "did not answer for 1 seconds") ||
		    strstr(h->cli->err, "failed (it was tried once)"));
}

static void a_module_that_crashes_is_told_of(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "C_GetTokenInfo crash\n");
	assert_int_equal(run_faulty(h, "", "slots"), 3);
	assert_says(h->cli->err, "crashed (Aborted)");
}

static void a_module_that_ends_the_process_has_done_nothing_well(void **state)
{
	struct hsm_fixture *h = *state;

	setenv("NOISY_EXIT", "1", 1);
	int status = run_with(h->cli, "", "hsm", "slots", "--module", NOISY_MODULE);
	unsetenv("NOISY_EXIT");
	assert_int_equal(status, 3);
	assert_says(h->cli->err, "ended its process");
}

static void what_is_no_module_is_refused(void **state)
{
	struct hsm_fixture *h = *state;

	assert_int_equal(run(h->cli, "hsm", "slots", "--module", "/lib/none.so"), 3);
	assert_says(h->cli->err, "cannot load the module");
	assert_int_equal(run(h->cli, "hsm", "slots", "--module", "libsofthsm2.so"), 2);
	assert_says(h->cli->err, "--module must be an absolute path");
	module_faults_set(&h->faults, "C_Initialize return CKR_DEVICE_ERROR\n");
	assert_int_equal(run_faulty(h, "", "slots"), 3);
	assert_says(h->cli->err, "does not initialise");
}

static void a_module_may_want_words_to_be_initialised_with(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "init-args configdir='/x y'\ncant-lock\n");
	assert_int_equal(run_faulty(h, "", "slots"), 3);
	assert_int_equal(run_faulty(h, "", "slots", "--init-args", "configdir='/x y'"), 0);
	module_faults_set(&h->faults, "init-args configdir='/x y'\n");
	assert_int_equal(run_faulty(h, PIN_LINE "pin-2\n", "change-pin", "--token", h->token.uri,
				    "--init-args", "configdir='/x y'"),
			 0);
}

static void the_token_must_be_named_without_doubt(void **state)
{
	struct hsm_fixture *h = *state;

	soft_token_add(&h->token, "other");
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", "pkcs11:model=SoftHSM%20v2"),
			 3);
	assert_says(h->cli->err, "tokens match --token");
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", "pkcs11:token=none"), 3);
	assert_says(h->cli->err, "no token matches");
	assert_int_equal(run_real(h, PIN_LINE, "inventory"), 2);
	assert_says(h->cli->err, "needs --token");
	assert_int_equal(run_real(h, PIN_LINE, "inventory", "--token", h->token.uri, "--env", "t"),
			 2);
	assert_says(h->cli->err, "Give one of them");
}

static void a_pin_is_no_part_of_a_uri_or_an_argument(void **state)
{
	static const char *const uris[] = {
		"pkcs11:token=mine?pin-value=" SOFT_TOKEN_PIN,
		"pkcs11:token=mine?pin-source=file:/" SOFT_TOKEN_PIN,
		"pkcs11:token=mine;object=" SOFT_TOKEN_PIN,
		"pkcs11:token=mine;what=" SOFT_TOKEN_PIN,
		"token=" SOFT_TOKEN_PIN,
	};
	struct hsm_fixture *h = *state;

	for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
		assert_int_equal(run_faulty(h, PIN_LINE, "inventory", "--token", uris[i]), 2);
		assert_never_says(h->cli->err, SOFT_TOKEN_PIN);
	}
	assert_int_equal(run_faulty(h, "", "inventory", "--token", h->token.uri, SOFT_TOKEN_PIN),
			 2);
	assert_says(h->cli->err, "pipe in one PIN per line");
	assert_never_says(h->cli->err, SOFT_TOKEN_PIN);
	assert_int_equal(module_faults_calls(&h->faults, "any"), 0);
}

static void standard_input_must_hold_the_pins_and_nothing_else(void **state)
{
	struct hsm_fixture *h = *state;
	char long_pin[300];

	assert_int_equal(run_faulty(h, "", "inventory", "--token", h->token.uri), 2);
	assert_says(h->cli->err, "standard input is empty");
	assert_int_equal(run_faulty(h, "\n", "inventory", "--token", h->token.uri), 2);
	assert_says(h->cli->err, "cannot be empty");
	assert_int_equal(run_faulty(h, PIN_LINE "x\n", "inventory", "--token", h->token.uri), 2);
	assert_says(h->cli->err, "must hold 1 line: user PIN");
	assert_int_equal(run_faulty(h, PIN_LINE, "change-pin", "--token", h->token.uri), 2);
	assert_says(h->cli->err, "must hold 2 lines: user PIN, new user PIN");
	assert_int_equal(run_faulty(h, PIN_LINE "abc\n", "change-pin", "--token", h->token.uri), 2);
	assert_says(h->cli->err, "takes PINs of 4 to 255 bytes");
	memset(long_pin, 'p', sizeof(long_pin) - 1);
	long_pin[sizeof(long_pin) - 1] = '\0';
	assert_int_equal(run_faulty(h, long_pin, "inventory", "--token", h->token.uri), 2);
	assert_int_equal(run_with_input(h->cli, "pi\0n\n", 5, "hsm", "inventory", "--module",
					FAULTY_MODULE, "--token", h->token.uri, NULL),
			 2);
	assert_says(h->cli->err, "NUL byte");
	assert_int_equal(logins(h), 0);
	assert_int_equal(module_faults_calls(&h->faults, "C_SetPIN"), 0);
}

static void a_wrong_pin_is_tried_once(void **state)
{
	struct hsm_fixture *h = *state;

	assert_int_equal(run_faulty(h, "wrong-pin\n", "inventory", "--token", h->token.uri), 3);
	assert_says(h->cli->err, "it was tried once");
	assert_never_says(h->cli->err, "wrong-pin");
	assert_int_equal(logins(h), 1);
	assert_int_equal(run_faulty(h, "wrong-pin\npin-2\n", "set-pin", "--token", h->token.uri),
			 3);
	assert_says(h->cli->err, "it was tried once");
	assert_int_equal(logins(h), 2);
	assert_int_equal(run_faulty(h, "wrong-pin\npin-2\n", "change-pin", "--token", h->token.uri),
			 3);
	assert_says(h->cli->err, "it was tried once");
	assert_int_equal(module_faults_calls(&h->faults, "C_SetPIN"), 1);
	assert_int_equal(run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri), 0);
}

static void the_last_try_is_not_made_unless_it_is_asked_for(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "token-flags CKF_USER_PIN_FINAL_TRY CKF_SO_PIN_FINAL_TRY\n");
	assert_int_equal(run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri), 3);
	assert_says(h->cli->err, "repeat this with --last-try");
	assert_int_equal(run_faulty(h, "1\n2\n", "change-pin", "--token", h->token.uri), 3);
	assert_says(h->cli->err, "the user PIN of token mine");
	assert_int_equal(run_faulty(h, "1\n2\n", "set-pin", "--token", h->token.uri), 3);
	assert_says(h->cli->err, "the security officer's PIN of token mine");
	assert_int_equal(run_faulty(h, "1\n", "self-test", "--token", h->token.uri), 3);
	assert_int_equal(logins(h), 0);
	assert_int_equal(
		run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri, "--last-try"), 0);
	assert_int_equal(logins(h), 1);
}

static void a_locked_pin_is_never_tried(void **state)
{
	struct hsm_fixture *h = *state;

	module_faults_set(&h->faults, "token-flags CKF_USER_PIN_LOCKED\n");
	assert_int_equal(
		run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri, "--last-try"), 3);
	assert_says(h->cli->err, "is locked");
	assert_int_equal(logins(h), 0);
}

static void a_token_that_a_vault_uses_is_not_touched(void **state)
{
	static const char *const verbs[] = { "inventory", "self-test", "set-pin", "change-pin" };
	struct hsm_fixture *h = *state;
	int vault = -1, nobody = -1;

	assert_int_equal(
		token_lock_take("SoftHSM project", "SoftHSM v2", h->token.serial, false, &vault),
		PM_OK);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		assert_int_equal(run_faulty(h, PIN_LINE, verbs[i], "--token", h->token.uri), 3);
		assert_says(h->cli->err, "a running vault uses token mine");
	}
	assert_int_equal(run_faulty(h, "so-pin-of-a-test\n", "init-token", "--label", "new",
				    "--token", h->token.uri, "--erase", "--serial",
				    h->token.serial),
			 3);
	assert_says(h->cli->err, "a running vault uses token mine");
	assert_int_equal(module_faults_calls(&h->faults, "C_OpenSession"), 0);
	assert_int_equal(module_faults_calls(&h->faults, "C_InitToken"), 0);
	assert_int_equal(run_faulty(h, "", "slots"), 0);
	close(vault);
	assert_int_equal(run_faulty(h, PIN_LINE, "inventory", "--token", h->token.uri), 0);
	assert_int_equal(
		token_lock_take("SoftHSM project", "SoftHSM v2", h->token.serial, false, &nobody),
		PM_OK);
	close(nobody);
}

static void an_initialised_token_is_erased_only_by_its_serial_number(void **state)
{
	struct hsm_fixture *h = *state;

	assert_int_equal(
		run_faulty(h, PIN_LINE, "init-token", "--label", "new", "--token", h->token.uri),
		3);
	assert_says(h->cli->err, "all keys in it would be destroyed");
	assert_int_equal(run_faulty(h, PIN_LINE, "init-token", "--label", "new", "--token",
				    h->token.uri, "--erase"),
			 3);
	assert_int_equal(run_faulty(h, PIN_LINE, "init-token", "--label", "new", "--token",
				    h->token.uri, "--erase", "--serial", "0123"),
			 3);
	assert_says(h->cli->err, "does not have the serial number");
	assert_int_equal(module_faults_calls(&h->faults, "C_InitToken"), 0);
	assert_int_equal(run_faulty(h, "so-pin-of-a-test\n", "init-token", "--label", "new",
				    "--token", h->token.uri, "--erase", "--serial",
				    h->token.serial),
			 0);
	assert_says(h->cli->out, "initialised: token new");
	assert_int_equal(module_faults_calls(&h->faults, "C_InitToken"), 1);
}

static bool logs_in(struct hsm_fixture *h, const char *pin_line)
{
	return run_real(h, pin_line, "inventory", "--token", h->token.uri) == 0;
}

/* Whichever call fails: what is said to be done is done, unless it is said that nobody knows. */
static void no_failure_leaves_doubt_about_a_pin(void **state)
{
	static const char *const pins[] = { PIN_LINE, "pin-2\n" };
	struct hsm_fixture *h = *state;
	unsigned long nth = 1;
	size_t now = 0;

	for (;; nth++) {
		char rule[64], lines[64];

		snprintf(rule, sizeof(rule), "any nth=%lu return CKR_GENERAL_ERROR\n", nth);
		snprintf(lines, sizeof(lines), "%s%s", pins[now], pins[1 - now]);
		module_faults_set(&h->faults, rule);
		int status = run_faulty(h, lines, "change-pin", "--token", h->token.uri,
					"--timeout", "1");
		if (module_faults_fired(&h->faults, 1) == 0)
			break;
		assert_true(status == 0 || status == 3);
		if (strstr(h->cli->err, "may be done or not"))
			now = logs_in(h, pins[now]) ? now : 1 - now;
		else
			now = status == 0 ? 1 - now : now;
		assert_true(logs_in(h, pins[now]));
	}
	assert_true(nth > 10); /* the sweep really injected something */
}

static void labels_are_what_a_token_can_hold(void **state)
{
	static const char *const labels[] = { "", "a\nb", "blank ", "\xff",
					      "a label of thirty-three bytes ...." };
	struct hsm_fixture *h = *state;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		assert_int_equal(run_faulty(h, "so-pin\n", "init-token", "--label", labels[i]), 2);
		assert_says(h->cli->err, "--label must be 1 to 32 bytes");
	}
	assert_int_equal(module_faults_calls(&h->faults, "any"), 0);
	assert_int_equal(run_faulty(h, "so-pin-2\n", "init-token", "--label",
				    "a label of just thirty-two bytes"),
			 0);
	assert_int_equal(run_faulty(h, "", "slots"), 0);
	assert_says(h->cli->out, "a label of just thirty-two bytes");
}

static void help_explains_each(void **state)
{
	static const char *const verbs[] = { "slots",      "init-token", "set-pin",
					     "change-pin", "inventory",  "self-test" };
	struct hsm_fixture *h = *state;

	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		char usage[64];

		snprintf(usage, sizeof(usage), "usage: peppermint hsm %s ", verbs[i]);
		assert_int_equal(run(h->cli, "hsm", verbs[i], "--help"), 0);
		assert_says(h->cli->out, usage);
		assert_says(h->cli->out, "--module PATH");
	}
	assert_int_equal(run(h->cli, "hsm", "slots"), 2);
	assert_says(h->cli->err, "hsm slots needs --module PATH");
	assert_int_equal(run(h->cli, "hsm", "set-pin", "--module", SOFT_TOKEN_MODULE), 2);
	assert_says(h->cli->err, "hsm set-pin needs --token URI");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HSM_TEST(slots_are_told_with_their_tokens),
		HSM_TEST(the_tokens_pin_flags_are_spelled_out),
		HSM_TEST(what_a_module_prints_is_not_among_the_results),
		HSM_TEST(a_module_that_hangs_is_given_up),
		HSM_TEST(libp11_that_waits_for_a_session_is_given_up),
		HSM_TEST(a_module_that_crashes_is_told_of),
		HSM_TEST(a_module_that_ends_the_process_has_done_nothing_well),
		HSM_TEST(what_is_no_module_is_refused),
		HSM_TEST(a_module_may_want_words_to_be_initialised_with),
		HSM_TEST(the_token_must_be_named_without_doubt),
		HSM_TEST(a_pin_is_no_part_of_a_uri_or_an_argument),
		HSM_TEST(standard_input_must_hold_the_pins_and_nothing_else),
		HSM_TEST(a_wrong_pin_is_tried_once),
		HSM_TEST(the_last_try_is_not_made_unless_it_is_asked_for),
		HSM_TEST(a_locked_pin_is_never_tried),
		HSM_TEST(a_token_that_a_vault_uses_is_not_touched),
		HSM_TEST(an_initialised_token_is_erased_only_by_its_serial_number),
		HSM_TEST(no_failure_leaves_doubt_about_a_pin),
		HSM_TEST(labels_are_what_a_token_can_hold),
		HSM_TEST(help_explains_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
