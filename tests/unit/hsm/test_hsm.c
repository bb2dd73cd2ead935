#define _GNU_SOURCE
#include "fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void opening_starts_the_signer_and_tells_its_token(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	struct hsm_status status = fixture_status(f);
	assert_int_equal(status.state, HSM_SERVING);
	assert_int_equal(status.generation, 1);
	assert_int_equal(status.restarts, 0);
	assert_true(status.pid > 0);
	assert_string_equal(status.reason, "");
	assert_string_equal(status.label, "fake token");
	assert_string_equal(status.manufacturer, "peppermint??");
	assert_string_equal(status.model, "v1");
	assert_string_equal(status.serial, "0123456789abcdef");
	assert_string_equal(status.firmware, "255.255");
	assert_int_equal(fixture_starts(f), 1);
}

static void the_signer_sees_its_words_and_descriptors_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	int stray =
		open("/dev/null", O_RDONLY); /* without O_CLOEXEC, as a careless library would */
	int pin = memfd_create("pin", MFD_CLOEXEC);

	assert_true(stray >= 0 && pin >= 0);
	assert_int_equal(write(pin, "1234", 4), 4);
	setenv("PEPPERMINT_TEST_SECRET", "must not be seen", 1);
	f->config.pin_file = NULL;
	f->config.pin_fd = pin;
	f->config.module_env = " A=1  SOFTHSM2_CONF=/tmp/x=y ";
	fixture_open(f);
	char *seen = fixture_read(f, "surroundings");
	assert_string_equal(seen, "env A=1\nenv SOFTHSM2_CONF=/tmp/x=y\n"
				  "fd 0\nfd 1\nfd 2\nfd 3\nfd 4\npin 1234\n");
	free(seen);
	close(stray);
	close(pin);
}

static void without_a_pin_descriptor_there_is_no_descriptor_4(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	char *seen = fixture_read(f, "surroundings");
	assert_string_equal(seen, "fd 0\nfd 1\nfd 2\nfd 3\n");
	free(seen);
}

static void every_mac_is_right_and_an_unknown_key_harms_only_its_own_job(void **state)
{
	struct fixture *f = *state;
	struct hsm_job jobs[] = {
		{ .key = key_named("a"), .data = bytes_str("one") },
		{ .key = key_named("unknown"), .data = bytes_str("two") },
		{ .key = key_named("b"), .data = bytes_of(NULL, 0) },
	};

	fixture_open(f);
	assert_int_equal(hsm_hmac(f->hsm, jobs, 3, deadline_in_ms(PATIENCE_MS)), PM_OK);
	assert_true(mac_is_right(&jobs[0]));
	assert_int_equal(jobs[1].err, PM_NOT_FOUND);
	assert_true(mac_is_right(&jobs[2]));
	assert_int_equal(hsm_hmac(f->hsm, jobs, 0, deadline_in_ms(PATIENCE_MS)), PM_OK);
}

/* More items than a frame holds, and more bytes. */
static void a_call_longer_than_a_frame_is_answered_in_full(void **state)
{
	struct fixture *f = *state;
	const size_t count = 3000;
	struct hsm_job *jobs = calloc(count, sizeof(*jobs));
	uint8_t *data = calloc(1, HSM_DATA_MAX);

	assert_non_null(jobs);
	assert_non_null(data);
	for (size_t i = 0; i < count; i++) {
		data[i] = (uint8_t)i;
		jobs[i].key.bytes[0] = (uint8_t)i;
		jobs[i].data = bytes_of(data, i % 100 == 0 ? HSM_DATA_MAX : i % 64);
	}
	fixture_open(f);
	assert_int_equal(hsm_hmac(f->hsm, jobs, count, deadline_in_ms(PATIENCE_MS)), PM_OK);
	for (size_t i = 0; i < count; i++)
		assert_true(mac_is_right(&jobs[i]));
	free(jobs);
	free(data);
}

static void what_is_too_long_is_refused_without_the_signer(void **state)
{
	struct fixture *f = *state;
	uint8_t *data = calloc(1, HSM_DATA_MAX + 1);
	struct hsm_job job = { .key = key_named("a"), .data = bytes_of(data, HSM_DATA_MAX + 1) };
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);
	struct hsm_object object;
	uint8_t random[8];
	size_t count;
	char label[HSM_LABEL_MAX + 2];

	fixture_open(f);
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	assert_int_equal(hsm_hmac(f->hsm, &job, 1, deadline), PM_TOO_LARGE);
	assert_int_equal(job.err, PM_TOO_LARGE);
	assert_int_equal(hsm_generate(f->hsm, &job.key, label, &object, deadline), PM_TOO_LARGE);
	assert_int_equal(hsm_generate(f->hsm, &job.key, "", &object, deadline), PM_BAD_REQUEST);
	assert_int_equal(hsm_generate_pair(f->hsm, &job.key, label, &object, deadline),
			 PM_TOO_LARGE);
	assert_int_equal(hsm_generate_pair(f->hsm, &job.key, "", &object, deadline),
			 PM_BAD_REQUEST);
	assert_int_equal(hsm_list(f->hsm, label, &object, &count, deadline), PM_TOO_LARGE);
	assert_int_equal(hsm_random(f->hsm, random, HSM_RANDOM_MAX + 1, deadline), PM_TOO_LARGE);
	assert_int_equal(fixture_status(f).generation, 1);
	free(data);
}

static void a_refused_call_leaves_the_signer_in_place(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hmac_once(f, "refuse", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
	assert_int_equal(fixture_status(f).generation, 1);
}

static void a_call_whose_deadline_passes_leaves_and_the_signer_stays(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hmac_once(f, "gate", 50), PM_DEADLINE_EXCEEDED);
	assert_int_equal(hmac_once(f, "a", 50), PM_DEADLINE_EXCEEDED);
	assert_int_equal(hmac_once(f, "a", -1), PM_DEADLINE_EXCEEDED);
	fixture_write(f, "go", "");
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
	assert_int_equal(fixture_status(f).generation, 1);
}

static void generate_returns_the_object_that_was_made(void **state)
{
	struct fixture *f = *state;
	struct hsm_id id = key_named("k");
	struct hsm_object object;

	fixture_open(f);
	assert_int_equal(hsm_generate(f->hsm, &id, "peppermint/live/x", &object,
				      deadline_in_ms(PATIENCE_MS)),
			 PM_OK);
	assert_memory_equal(&object.id, &id, sizeof(id));
	assert_string_equal(object.label, "peppermint/live/x");
	assert_true(object.sensitive && object.always_sensitive && object.never_extractable &&
		    object.local && object.sign && !object.extractable);
}

static void generate_tells_what_is_certain_from_what_is_not(void **state)
{
	static const struct {
		const char *label;
		enum pm_err err;
	} cases[] = {
		{ "taken", PM_ALREADY_EXISTS },    { "refuse", PM_HSM_UNAVAILABLE },
		{ "die", PM_OUTCOME_UNKNOWN },     { "hang", PM_OUTCOME_UNKNOWN },
		{ "garbage", PM_OUTCOME_UNKNOWN }, { "session", PM_OUTCOME_UNKNOWN },
		{ "other", PM_OUTCOME_UNKNOWN },
	};
	struct fixture *f = *state;
	struct hsm_id id = key_named("k");
	struct hsm_object object;

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(f);
		assert_int_equal(hsm_generate(f->hsm, &id, cases[i].label, &object,
					      deadline_in_ms(PATIENCE_MS)),
				 cases[i].err);
		fixture_close(f);
	}
}

static void a_generate_already_sent_has_an_unknown_outcome_when_its_deadline_passes(void **state)
{
	struct fixture *f = *state;
	struct hsm_id id = key_named("k");
	struct hsm_object object;

	fixture_open(f);
	assert_int_equal(hsm_generate(f->hsm, &id, "gate", &object, deadline_in_ms(2000)),
			 PM_OUTCOME_UNKNOWN);
	/* This one waits behind it, so nothing was done. */
	assert_int_equal(hsm_generate(f->hsm, &id, "gate", &object, deadline_in_ms(50)),
			 PM_DEADLINE_EXCEEDED);
	fixture_write(f, "go", "");
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

static void a_pair_comes_with_its_algorithm_and_public_key(void **state)
{
	struct fixture *f = *state;
	struct hsm_id id = key_named("k");
	struct hsm_object object;
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);

	fixture_open(f);
	assert_int_equal(hsm_generate_pair(f->hsm, &id, "x", &object, deadline), PM_OK);
	assert_memory_equal(&object.id, &id, sizeof(id));
	assert_int_equal(object.algorithm, HSM_ED25519);
	assert_int_equal(object.public_len, 32);
	assert_int_equal(object.public_key[0], 0x77);
	assert_int_equal(hsm_generate_pair(f->hsm, &id, "p256", &object, deadline), PM_OK);
	assert_int_equal(object.algorithm, HSM_ECDSA_P256);
	assert_int_equal(object.public_len, 91);
	assert_int_equal(hsm_generate(f->hsm, &id, "x", &object, deadline), PM_OK);
	assert_int_equal(object.algorithm, HSM_HMAC_SHA256);
	assert_int_equal(object.public_len, 0);
}

static void generating_a_pair_tells_what_is_certain_from_what_is_not(void **state)
{
	static const struct {
		const char *label;
		enum pm_err err;
	} cases[] = {
		{ "taken", PM_ALREADY_EXISTS },      { "refuse", PM_HSM_UNAVAILABLE },
		{ "die", PM_OUTCOME_UNKNOWN },       { "hang", PM_OUTCOME_UNKNOWN },
		{ "garbage", PM_OUTCOME_UNKNOWN },   { "session", PM_OUTCOME_UNKNOWN },
		{ "other", PM_OUTCOME_UNKNOWN },     { "other-kind", PM_OUTCOME_UNKNOWN },
		{ "no-public", PM_OUTCOME_UNKNOWN }, { "too-much-public", PM_OUTCOME_UNKNOWN },
		{ "crossed", PM_OUTCOME_UNKNOWN },   { "random", PM_OUTCOME_UNKNOWN },
	};
	struct fixture *f = *state;
	struct hsm_id id = key_named("k");
	struct hsm_object object;

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(f);
		assert_int_equal(hsm_generate_pair(f->hsm, &id, cases[i].label, &object,
						   deadline_in_ms(PATIENCE_MS)),
				 cases[i].err);
		fixture_close(f);
	}
}

static enum pm_err sign_with(const struct fixture *f, const char *key, uint8_t signature[64])
{
	const struct hsm_id id = key_named(key);

	return hsm_sign(f->hsm, &id, HSM_ED25519, bytes_str("data"), signature,
			deadline_in_ms(PATIENCE_MS));
}

static void a_signature_is_its_keys_and_its_datas(void **state)
{
	struct fixture *f = *state;
	uint8_t signature[HSM_SIGNATURE_LEN];

	fixture_open(f);
	assert_int_equal(sign_with(f, "key", signature), PM_OK);
	assert_memory_equal(signature, "dey", 3);
	assert_memory_equal(signature + 48, "key", 3);
}

/* A signature may be asked for again, so losing the signer leaves nothing in doubt. */
static void a_failed_signature_leaves_nothing_in_doubt(void **state)
{
	static const struct {
		const char *key;
		enum pm_err err;
		bool ends; /* the signer */
	} cases[] = {
		{ "unknown", PM_NOT_FOUND, false },      { "refuse", PM_HSM_UNAVAILABLE, false },
		{ "die", PM_HSM_UNAVAILABLE, true },     { "hang", PM_HSM_UNAVAILABLE, true },
		{ "garbage", PM_HSM_UNAVAILABLE, true }, { "session", PM_HSM_UNAVAILABLE, true },
		{ "short", PM_HSM_UNAVAILABLE, true },   { "wide", PM_HSM_UNAVAILABLE, true },
		{ "random", PM_HSM_UNAVAILABLE, true },  { "empty", PM_HSM_UNAVAILABLE, true },
	};
	struct fixture *f = *state;
	uint8_t signature[HSM_SIGNATURE_LEN] = { 0 }, untouched[HSM_SIGNATURE_LEN] = { 0 };

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(f);
		assert_int_equal(sign_with(f, cases[i].key, signature), cases[i].err);
		assert_memory_equal(signature, untouched, sizeof(signature));
		if (cases[i].ends)
			fixture_await_generation(f, 2);
		assert_int_equal(fixture_status(f).generation, cases[i].ends ? 2 : 1);
		fixture_close(f);
	}
}

static void what_cannot_be_signed_is_refused_without_the_signer(void **state)
{
	static const uint8_t data[HSM_SIGNED_MAX + 1];
	static const struct {
		int algorithm;
		size_t len;
		enum pm_err err;
	} cases[] = {
		{ HSM_ED25519, HSM_SIGNED_MAX, PM_OK },
		{ HSM_ED25519, 0, PM_OK },
		{ HSM_ED25519, HSM_SIGNED_MAX + 1, PM_TOO_LARGE },
		{ HSM_ECDSA_P256, 32, PM_OK },
		{ HSM_ECDSA_P256, 31, PM_BAD_REQUEST },
		{ HSM_ECDSA_P256, 33, PM_BAD_REQUEST },
		{ HSM_HMAC_SHA256, 32, PM_BAD_REQUEST },
		{ HSM_ALGORITHM_OTHER, 32, PM_BAD_REQUEST },
		{ 0, 32, PM_BAD_REQUEST },
		{ 77, 32, PM_BAD_REQUEST },
	};
	struct fixture *f = *state;
	struct hsm_id id = key_named("k");
	uint8_t signature[HSM_SIGNATURE_LEN];

	fixture_open(f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(hsm_sign(f->hsm, &id, (enum hsm_algorithm)cases[i].algorithm,
					  bytes_of(data, cases[i].len), signature,
					  deadline_in_ms(PATIENCE_MS)),
				 cases[i].err);
	assert_int_equal(fixture_status(f).generation, 1);
}

static void listing_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct hsm_object *objects = calloc(HSM_OBJECTS_MAX, sizeof(*objects));
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);
	size_t count = 7;

	assert_non_null(objects);
	fixture_open(f);
	assert_int_equal(hsm_list(f->hsm, "nobody", objects, &count, deadline), PM_OK);
	assert_int_equal(count, 0);
	assert_int_equal(hsm_list(f->hsm, "full", objects, &count, deadline), PM_OK);
	assert_int_equal(count, HSM_OBJECTS_MAX);
	assert_string_equal(objects[511].label, "full/511");
	assert_int_equal(hsm_list(f->hsm, "many", objects, &count, deadline), PM_TOO_LARGE);
	assert_int_equal(fixture_status(f).generation, 1);
	assert_int_equal(hsm_list(f->hsm, "over", objects, &count, deadline), PM_HSM_UNAVAILABLE);
	fixture_await_generation(f, 2);
	free(objects);
}

static void random_bytes_differ_each_time(void **state)
{
	struct fixture *f = *state;
	uint8_t a[HSM_RANDOM_MAX] = { 0 }, b[HSM_RANDOM_MAX] = { 0 };
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);

	fixture_open(f);
	assert_int_equal(hsm_random(f->hsm, a, sizeof(a), deadline), PM_OK);
	assert_int_equal(hsm_random(f->hsm, b, sizeof(b), deadline), PM_OK);
	assert_memory_not_equal(a, b, sizeof(a));
	assert_int_equal(hsm_random(f->hsm, a, 0, deadline), PM_OK);
}

static enum pm_err destroy(const struct fixture *f, const char *label)
{
	const struct hsm_id id = key_named("k");

	return hsm_destroy(f->hsm, &id, label, deadline_in_ms(PATIENCE_MS));
}

static void destroying_tells_what_is_certain_from_what_is_not(void **state)
{
	static const struct {
		const char *label;
		enum pm_err err;
	} cases[] = {
		{ "x", PM_OK },
		{ "unlike", PM_CONFLICT },
		{ "refuse", PM_HSM_UNAVAILABLE },
		{ "no-room", PM_OUTCOME_UNKNOWN },
		{ "die", PM_OUTCOME_UNKNOWN },
		{ "hang", PM_OUTCOME_UNKNOWN },
		{ "garbage", PM_OUTCOME_UNKNOWN },
		{ "random", PM_OUTCOME_UNKNOWN },
		{ "session", PM_OUTCOME_UNKNOWN },
		{ "module", PM_OUTCOME_UNKNOWN },
	};
	struct fixture *f = *state;

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(f);
		assert_int_equal(destroy(f, cases[i].label), cases[i].err);
		fixture_close(f);
	}
}

static void a_destroy_already_sent_has_an_unknown_outcome_when_its_deadline_passes(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = key_named("k");

	fixture_open(f);
	assert_int_equal(hsm_destroy(f->hsm, &id, "gate", deadline_in_ms(2000)),
			 PM_OUTCOME_UNKNOWN);
	/* This one waits behind it, so nothing was done. */
	assert_int_equal(hsm_destroy(f->hsm, &id, "gate", deadline_in_ms(50)),
			 PM_DEADLINE_EXCEEDED);
	fixture_write(f, "go", "");
	assert_int_equal(destroy(f, "x"), PM_OK);
}

static void nothing_is_destroyed_without_a_label(void **state)
{
	struct fixture *f = *state;
	char label[HSM_LABEL_MAX + 2];

	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = '\0';
	fixture_open(f);
	assert_int_equal(destroy(f, ""), PM_BAD_REQUEST);
	assert_int_equal(destroy(f, label), PM_TOO_LARGE);
}

static void an_inspection_tells_what_the_token_is_and_can_do(void **state)
{
	struct fixture *f = *state;
	struct hsm_inspection found;

	memset(&found, 0x55, sizeof(found));
	fixture_open(f);
	assert_int_equal(hsm_inspect(f->hsm, &found, deadline_in_ms(PATIENCE_MS)), PM_OK);
	assert_string_equal(found.label, "fake token");
	assert_string_equal(found.serial, "0123456789abcdef");
	assert_string_equal(found.firmware, "255.255");
	assert_string_equal(found.hardware, "1.0");
	assert_int_equal(found.flags, 0x40d);
	assert_int_equal(found.max_sessions, 8);
	assert_true(found.free_private_memory == UINT64_MAX);
	assert_int_equal(found.sessions, 3);
	assert_true(found.session_copies);
	assert_int_equal(found.mechanism_count, 1);
	assert_string_equal(found.mechanisms[0].name, "CKM_SHA256_HMAC");
	assert_int_equal(found.mechanisms[0].type, 0x251);
	assert_int_equal(found.mechanisms[0].proof, HSM_PROVEN);
	assert_true(found.mechanisms[0].announced && found.mechanisms[0].enforced);
}

static void a_failed_inspection_leaves_nothing_in_doubt(void **state)
{
	static const char *const hows[] = { "refuse", "die", "hang", "random", "module", "empty" };
	struct fixture *f = *state;
	struct hsm_inspection found;

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		fixture_open(f);
		fixture_write(f, "inspect", hows[i]);
		assert_int_equal(hsm_inspect(f->hsm, &found, deadline_in_ms(PATIENCE_MS)),
				 PM_HSM_UNAVAILABLE);
		fixture_close(f);
	}
}

static void the_signer_is_told_its_sessions_and_its_modules_arguments(void **state)
{
	struct fixture *f = *state;

	f->config.init_args = "configDir=/x";
	f->config.sessions = 4;
	fixture_open(f);
	assert_int_equal(fixture_status(f).sessions, 4);
	assert_true(fixture_status(f).proven);
	fixture_close(f);
	f->config.init_args = NULL;
	f->config.sessions = 0;
	fixture_open(f);
	char *given = fixture_read(f, "given");
	assert_string_equal(given, "configDir=/x 4\n 1\n");
	free(given);
}

#define HSM_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HSM_TEST(opening_starts_the_signer_and_tells_its_token),
		HSM_TEST(the_signer_sees_its_words_and_descriptors_and_nothing_else),
		HSM_TEST(without_a_pin_descriptor_there_is_no_descriptor_4),
		HSM_TEST(every_mac_is_right_and_an_unknown_key_harms_only_its_own_job),
		HSM_TEST(a_call_longer_than_a_frame_is_answered_in_full),
		HSM_TEST(what_is_too_long_is_refused_without_the_signer),
		HSM_TEST(a_refused_call_leaves_the_signer_in_place),
		HSM_TEST(a_call_whose_deadline_passes_leaves_and_the_signer_stays),
		HSM_TEST(generate_returns_the_object_that_was_made),
		HSM_TEST(generate_tells_what_is_certain_from_what_is_not),
		HSM_TEST(a_generate_already_sent_has_an_unknown_outcome_when_its_deadline_passes),
		HSM_TEST(a_pair_comes_with_its_algorithm_and_public_key),
		HSM_TEST(generating_a_pair_tells_what_is_certain_from_what_is_not),
		HSM_TEST(a_signature_is_its_keys_and_its_datas),
		HSM_TEST(a_failed_signature_leaves_nothing_in_doubt),
		HSM_TEST(what_cannot_be_signed_is_refused_without_the_signer),
		HSM_TEST(listing_is_bounded),
		HSM_TEST(random_bytes_differ_each_time),
		HSM_TEST(destroying_tells_what_is_certain_from_what_is_not),
		HSM_TEST(a_destroy_already_sent_has_an_unknown_outcome_when_its_deadline_passes),
		HSM_TEST(nothing_is_destroyed_without_a_label),
		HSM_TEST(an_inspection_tells_what_the_token_is_and_can_do),
		HSM_TEST(a_failed_inspection_leaves_nothing_in_doubt),
		HSM_TEST(the_signer_is_told_its_sessions_and_its_modules_arguments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
