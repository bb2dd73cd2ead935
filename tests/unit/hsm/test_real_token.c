/* What the real peppermint-signer does with a SoftHSM token's PIN, objects and clone. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "hsm/hsm.h"
#include "soft_token.h"

#define PATIENCE_MS 60000

static const uint8_t iv[HSM_IV_LEN] = "twelve bytes";

struct fixture {
	struct soft_token token, clone;
	struct hsm_config config;
	struct hsm *hsm;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	soft_token_make(&f->token, "hsm-test");
	soft_token_make(&f->clone, "replaced");
	f->config = (struct hsm_config){
		.environment = "live",
		.signer = REAL_SIGNER,
		.module = SOFT_TOKEN_MODULE,
		.token_uri = f->token.uri,
		.pin_file = f->token.pin_file,
		.pin_fd = -1,
		.module_env = f->token.env,
		.call_timeout_ms = PATIENCE_MS,
		.reload_ms = 20,
	};
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	hsm_close(f->hsm);
	soft_token_remove(&f->token);
	soft_token_remove(&f->clone);
	free(f);
	return 0;
}

static int64_t soon(void)
{
	return deadline_in_ms(PATIENCE_MS);
}

static struct hsm_status status_of(struct hsm *hsm)
{
	struct hsm_status status;

	hsm_status(hsm, &status);
	return status;
}

static void kill_signer(struct hsm *hsm)
{
	const struct hsm_status before = status_of(hsm);
	const int64_t give_up = soon();
	struct hsm_status status;

	kill(before.pid, SIGKILL);
	do {
		assert_true(clock_now() < give_up);
		usleep(2000);
		status = status_of(hsm);
	} while (status.generation == before.generation || status.state != HSM_SERVING);
}

static enum pm_err unseal(const struct fixture *f, const char *pin)
{
	return hsm_unseal(f->hsm, bytes_str(pin), soon());
}

static void without_a_good_pin_it_is_sealed_until_one_is_given(void **state)
{
	struct fixture *f = *state;

	f->config.pin_file = "/nonexistent";
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(status_of(f->hsm).state, HSM_SEALED);
	assert_int_equal(status_of(f->hsm).cause, HSM_CAUSE_PIN);
	assert_non_null(strstr(status_of(f->hsm).reason, "/nonexistent"));
	assert_int_equal(unseal(f, "a wrong one"), PM_SEALED);
	assert_non_null(strstr(status_of(f->hsm).reason, "peppermint unseal"));
	assert_int_equal(unseal(f, SOFT_TOKEN_PIN), PM_OK);
	kill_signer(f->hsm);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_int_equal(unseal(f, SOFT_TOKEN_PIN), PM_OK);
}

static void a_changed_pin_is_the_tokens_and_the_later_starts(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(
		hsm_change_pin(f->hsm, bytes_str("wrong"), bytes_str("another-pin"), soon()),
		PM_DENIED);
	assert_int_equal(
		hsm_change_pin(f->hsm, bytes_str(SOFT_TOKEN_PIN), bytes_str("abc"), soon()),
		PM_BAD_REQUEST);
	assert_int_equal(
		hsm_change_pin(f->hsm, bytes_str(SOFT_TOKEN_PIN), bytes_str("another-pin"), soon()),
		PM_OK);
	assert_int_equal(status_of(f->hsm).generation, 1);
	kill_signer(f->hsm);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_int_equal(unseal(f, SOFT_TOKEN_PIN), PM_SEALED);
	assert_int_equal(unseal(f, "another-pin"), PM_OK);
}

static void what_is_destroyed_is_gone_and_nothing_else_is(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = { { 1 } }, pair_id = { { 2 } }, other_id = { { 3 } };
	struct hsm_object made, found[HSM_OBJECTS_MAX];
	struct hsm_job job = { .key = id, .data = bytes_str("data") };
	size_t count = 0;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_generate(f->hsm, &id, "peppermint/live/a", &made, soon()), PM_OK);
	assert_true(made.private && made.destroyable);
	assert_int_equal(hsm_generate_pair(f->hsm, &pair_id, "peppermint/live/b", &made, soon()),
			 PM_OK);
	assert_int_equal(hsm_generate(f->hsm, &other_id, "peppermint/live/c", &made, soon()),
			 PM_OK);
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, soon()), PM_OK);
	assert_int_equal(hsm_destroy(f->hsm, &id, "peppermint/live/b", soon()), PM_CONFLICT);
	assert_int_equal(hsm_destroy(f->hsm, &id, "peppermint/live/a", soon()), PM_OK);
	assert_int_equal(hsm_destroy(f->hsm, &id, "peppermint/live/a", soon()), PM_OK);
	assert_int_equal(hsm_destroy(f->hsm, &pair_id, "peppermint/live/b", soon()), PM_OK);
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, soon()), PM_OK);
	assert_int_equal(job.err, PM_NOT_FOUND);
	assert_int_equal(hsm_list(f->hsm, "peppermint/", found, &count, soon()), PM_OK);
	assert_int_equal(count, 1);
	assert_memory_equal(&found[0].id, &other_id, sizeof(other_id));
	assert_int_equal(status_of(f->hsm).generation, 1);
}

static void an_inspection_tells_the_token_and_what_was_proven(void **state)
{
	struct fixture *f = *state;
	struct hsm_inspection found;
	bool proven = false;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_inspect(f->hsm, &found, soon()), PM_OK);
	assert_string_equal(found.serial, f->token.serial);
	assert_string_equal(found.label, f->token.label);
	assert_true(found.sessions >= 1);
	for (size_t i = 0; i < found.mechanism_count; i++) {
		if (strcmp(found.mechanisms[i].name, "CKM_SHA256_HMAC") == 0)
			proven = found.mechanisms[i].proof == HSM_PROVEN;
	}
	assert_true(proven);
	assert_true(status_of(f->hsm).proven);
}

/* As a vendor's tool would, with nobody at work. */
static void make_clone(const struct fixture *f)
{
	char script[512], out[512];
	const char *const argv[] = { "sh", "-c", script, NULL };

	snprintf(script, sizeof(script), "rm -rf %s/tokens && cp -a %s/tokens %s/tokens",
		 f->clone.dir, f->token.dir, f->clone.dir);
	assert_int_equal(soft_token_run(&f->token, argv, out, sizeof(out)), 0);
}

static void a_clone_takes_over_and_computes_the_same(void **state)
{
	struct fixture *f = *state;
	struct hsm_job before = { .key = { { 1 } }, .data = bytes_str("data") }, after = before;
	struct hsm_object made;
	const struct hsm_id aes = { { 2 } };
	uint8_t sealed[5 + HSM_TAG_LEN], opened[5];

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_generate(f->hsm, &before.key, "peppermint/live/a", &made, soon()),
			 PM_OK);
	assert_int_equal(hsm_hmac(f->hsm, &before, 1, soon()), PM_OK);
	assert_int_equal(hsm_generate_aes(f->hsm, &aes, "peppermint/live/b", &made, soon()), PM_OK);
	assert_int_equal(
		hsm_encrypt(f->hsm, &aes, iv, bytes_str("aad"), bytes_str("plain"), sealed, soon()),
		PM_OK);
	hsm_close(f->hsm);
	make_clone(f);
	f->config.standby_uri = f->token.uri;
	f->config.standby_module_env = f->clone.env;
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(status_of(f->hsm).active, 0);
	kill_signer(f->hsm);
	assert_int_equal(status_of(f->hsm).active, 1);
	assert_int_equal(hsm_hmac(f->hsm, &after, 1, soon()), PM_OK);
	assert_int_equal(after.err, PM_OK);
	assert_memory_equal(before.mac, after.mac, HSM_MAC_LEN);
	assert_int_equal(hsm_decrypt(f->hsm, &aes, iv, bytes_str("aad"),
				     bytes_of(sealed, sizeof(sealed)), opened, soon()),
			 PM_OK);
	assert_memory_equal(opened, "plain", 5);
}

static void an_aes_key_encrypts_for_itself_only(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = { { 1 } }, hmac_id = { { 2 } }, no_id = { { 3 } };
	const struct bytes aad = bytes_str("aad"), plain = bytes_str("plain");
	struct hsm_job job = { .key = id, .data = plain };
	struct hsm_object made, found[HSM_OBJECTS_MAX];
	uint8_t sealed[5 + HSM_TAG_LEN], again[sizeof(sealed)], opened[5];
	size_t count = 0;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_generate_aes(f->hsm, &id, "peppermint/live/a", &made, soon()), PM_OK);
	assert_int_equal(made.algorithm, HSM_AES256_GCM);
	assert_true(made.local && made.always_sensitive && made.never_extractable &&
		    made.restricted && !made.sign);
	assert_int_equal(hsm_generate(f->hsm, &hmac_id, "peppermint/live/b", &made, soon()), PM_OK);
	assert_int_equal(hsm_encrypt(f->hsm, &id, iv, aad, plain, sealed, soon()), PM_OK);
	assert_int_equal(hsm_encrypt(f->hsm, &id, iv, aad, plain, again, soon()), PM_OK);
	assert_memory_equal(sealed, again, sizeof(sealed));
	const struct bytes whole = bytes_of(sealed, sizeof(sealed));
	assert_int_equal(hsm_decrypt(f->hsm, &id, iv, aad, whole, opened, soon()), PM_OK);
	assert_memory_equal(opened, "plain", 5);
	assert_int_equal(hsm_decrypt(f->hsm, &id, iv, plain, whole, opened, soon()),
			 PM_BAD_REQUEST);
	again[0] ^= 1;
	assert_int_equal(
		hsm_decrypt(f->hsm, &id, iv, aad, bytes_of(again, sizeof(again)), opened, soon()),
		PM_BAD_REQUEST);
	assert_int_equal(hsm_encrypt(f->hsm, &hmac_id, iv, aad, plain, sealed, soon()),
			 PM_NOT_FOUND);
	assert_int_equal(hsm_decrypt(f->hsm, &no_id, iv, aad, whole, opened, soon()), PM_NOT_FOUND);
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, soon()), PM_OK);
	assert_int_equal(job.err, PM_NOT_FOUND);
	assert_int_equal(hsm_list(f->hsm, "peppermint/live/a", found, &count, soon()), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(found[0].algorithm, HSM_AES256_GCM);
	assert_int_equal(hsm_destroy(f->hsm, &id, "peppermint/live/a", soon()), PM_OK);
	assert_int_equal(hsm_encrypt(f->hsm, &id, iv, aad, plain, sealed, soon()), PM_NOT_FOUND);
	assert_int_equal(status_of(f->hsm).generation, 1);
}

/* RFC 4231 section 4.3, test case 2, whose key is too short, zero-padded to one that is not. */
static void an_imported_key_computes_what_it_did_elsewhere(void **state)
{
	static const uint8_t right[HSM_MAC_LEN] = {
		0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
		0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
		0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
	};
	static const uint8_t value[HSM_IMPORT_MIN] = "Jefe";
	struct fixture *f = *state;
	struct hsm_job job = { .key = { { 1 } },
			       .data = bytes_str("what do ya want for nothing?") };
	struct hsm_object made;

	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	assert_int_equal(hsm_import(f->hsm, &job.key, "peppermint/live/a",
				    bytes_of(value, sizeof(value)), &made, soon()),
			 PM_OK);
	assert_int_equal(made.algorithm, HSM_HMAC_SHA256);
	assert_true(made.sensitive && made.sign && made.restricted);
	assert_false(made.extractable || made.local || made.always_sensitive ||
		     made.never_extractable);
	assert_int_equal(hsm_import(f->hsm, &job.key, "peppermint/live/b",
				    bytes_of(value, sizeof(value)), &made, soon()),
			 PM_ALREADY_EXISTS);
	kill_signer(f->hsm);
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, soon()), PM_OK);
	assert_int_equal(job.err, PM_OK);
	assert_memory_equal(job.mac, right, sizeof(right));
}

#define TOKEN_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TOKEN_TEST(without_a_good_pin_it_is_sealed_until_one_is_given),
		TOKEN_TEST(a_changed_pin_is_the_tokens_and_the_later_starts),
		TOKEN_TEST(what_is_destroyed_is_gone_and_nothing_else_is),
		TOKEN_TEST(an_inspection_tells_the_token_and_what_was_proven),
		TOKEN_TEST(an_aes_key_encrypts_for_itself_only),
		TOKEN_TEST(an_imported_key_computes_what_it_did_elsewhere),
		TOKEN_TEST(a_clone_takes_over_and_computes_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
