/* PINs: none, wrong, given, changed, taken away; and that each is tried once. */
#define _GNU_SOURCE
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define THREADS 8

static int64_t soon(void)
{
	return deadline_in_ms(PATIENCE_MS);
}

static enum pm_err unseal(const struct fixture *f, const char *pin)
{
	return hsm_unseal(f->hsm, bytes_str(pin), soon());
}

static enum pm_err change(const struct fixture *f, const char *old_pin, const char *new_pin)
{
	return hsm_change_pin(f->hsm, bytes_str(old_pin), bytes_str(new_pin), soon());
}

/* A token whose PIN is 123456, and nobody has it. */
static int setup_without_pin(void **state)
{
	fixture_setup(state);
	struct fixture *f = *state;
	f->config.pin_file = NULL;
	fixture_write(f, "pin", "123456");
	return 0;
}

static void assert_sealed(const struct fixture *f, enum hsm_cause cause, const char *reason)
{
	struct hsm_status status = fixture_status(f);

	assert_int_equal(status.state, HSM_SEALED);
	assert_int_equal(status.cause, cause);
	assert_int_equal(status.pid, 0);
	assert_non_null(strstr(status.reason, reason));
	assert_non_null(strstr(status.reason, "`peppermint unseal --env live`"));
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_SEALED);
}

/* Longer than any back-off of these tests: a start too many would be counted. */
static void assert_no_more_starts(const struct fixture *f, size_t count)
{
	usleep(300000);
	assert_int_equal(fixture_starts(f), count);
}

static void without_a_pin_no_signer_is_started(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_sealed(f, HSM_CAUSE_PIN, "no PIN yet");
	assert_no_more_starts(f, 0);
	assert_int_equal(fixture_status(f).generation, 0);
}

static void an_empty_pin_file_setting_is_none(void **state)
{
	struct fixture *f = *state;

	f->config.pin_file = "";
	fixture_open(f);
	assert_sealed(f, HSM_CAUSE_PIN, "no PIN yet");
}

static void unsealing_brings_the_signer_to_serve(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(fixture_status(f).state, HSM_SERVING);
	assert_int_equal(fixture_status(f).generation, 1);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
	assert_int_equal(fixture_lines(f, "logins"), 1);
	assert_int_equal(unseal(f, "123456"), PM_CONFLICT);
	assert_int_equal(fixture_lines(f, "logins"), 1);
}

static void an_unsealed_pin_serves_every_later_start(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	for (uint64_t generation = 2; generation <= 4; generation++) {
		kill(fixture_status(f).pid, SIGKILL);
		fixture_await_generation(f, generation);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
	}
	char *logins = fixture_read(f, "logins");
	assert_string_equal(logins, "right\nright\nright\nright\n");
	free(logins);
}

static void a_pin_on_a_pipe_of_the_callers_serves_every_start(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "123456", 6), 6);
	close(ends[1]);
	f->config.pin_fd = ends[0];
	fixture_open(f);
	kill(fixture_status(f).pid, SIGKILL);
	fixture_await_generation(f, 2);
	assert_int_equal(fixture_lines(f, "logins"), 2);
	close(ends[0]);
}

static void a_wrong_pin_is_tried_once_for_each_unseal(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	for (size_t i = 1; i <= 3; i++) {
		assert_int_equal(unseal(f, "654321"), PM_SEALED);
		assert_sealed(f, HSM_CAUSE_PIN, "the PIN was refused");
		assert_no_more_starts(f, i);
		assert_int_equal(fixture_lines(f, "logins"), i);
	}
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(fixture_status(f).generation, 1);
}

static void a_pin_of_no_length_or_too_long_is_not_tried(void **state)
{
	struct fixture *f = *state;
	char longest[257];

	memset(longest, '1', sizeof(longest));
	longest[255] = '\0';
	fixture_write(f, "pin", longest);
	fixture_open(f);
	assert_int_equal(hsm_unseal(f->hsm, bytes_of(longest, 0), soon()), PM_BAD_REQUEST);
	assert_int_equal(hsm_unseal(f->hsm, bytes_of(longest, 256), soon()), PM_BAD_REQUEST);
	assert_sealed(f, HSM_CAUSE_PIN, "no PIN yet");
	assert_int_equal(fixture_starts(f), 0);
	assert_int_equal(unseal(f, longest), PM_OK);
}

/* The file may be right again; the operator's wish was to seal. */
static void a_seal_holds_although_a_pin_file_is_configured(void **state)
{
	struct fixture *f = *state;

	fixture_write(f, "file", "123456");
	char path[128];
	snprintf(path, sizeof(path), "%s/file", f->directory);
	f->config.pin_file = path;
	fixture_open(f);
	int pid = fixture_status(f).pid;
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_int_equal(kill(pid, 0), -1);
	assert_sealed(f, HSM_CAUSE_OPERATOR, "sealed by an operator");
	assert_no_more_starts(f, 1);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	fixture_write(f, "file", "not asked any more");
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(fixture_status(f).generation, 2);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

static void a_seal_ends_a_signer_that_hangs_and_a_start_that_waits(void **state)
{
	static const char *const hows[] = { "hang", "module", "gate" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		fixture_open(f);
		fixture_write(f, "refuse", hows[i]);
		const size_t starts = fixture_starts(f);
		assert_int_not_equal(hsm_unseal(f->hsm, bytes_str("123456"), deadline_in_ms(50)),
				     PM_OK);
		while (fixture_starts(f) == starts)
			usleep(1000);
		assert_int_equal(hsm_seal(f->hsm), PM_OK);
		assert_sealed(f, HSM_CAUSE_OPERATOR, "sealed by an operator");
		fixture_remove(f, "refuse");
		assert_int_equal(unseal(f, "123456"), PM_OK);
		fixture_close(f);
	}
}

static void an_unseal_that_is_not_settled_in_time_goes_on_by_itself(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_write(f, "refuse", "gate");
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), deadline_in_ms(100)),
			 PM_DEADLINE_EXCEEDED);
	assert_int_equal(unseal(f, "123456"), PM_CONFLICT);
	fixture_write(f, "go", "");
	fixture_await_generation(f, 1);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
	assert_int_equal(fixture_starts(f), 1);
}

static void closing_ends_an_unseal_that_goes_on(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_write(f, "refuse", "hang");
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), deadline_in_ms(50)),
			 PM_DEADLINE_EXCEEDED);
	fixture_close(f);
}

/* It goes on as after any other failure, with the PIN that it has. */
static void an_unseal_that_meets_another_failure_says_so_and_is_tried_again(void **state)
{
	static const char *const hows[] = { "module", "setup", "die" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		fixture_open(f);
		fixture_write(f, "refuse", hows[i]);
		assert_int_equal(unseal(f, "123456"), PM_HSM_UNAVAILABLE);
		assert_int_equal(fixture_status(f).state, HSM_STARTING);
		fixture_remove(f, "refuse");
		fixture_await_generation(f, 1);
		fixture_close(f);
	}
}

struct worker {
	pthread_t thread;
	const struct fixture *f;
	size_t right, sealed, wrong;
};

static atomic_bool working;

static void *work(void *arg)
{
	struct worker *w = arg;

	while (atomic_load(&working)) {
		enum pm_err err = hmac_once(w->f, "a", PATIENCE_MS);

		w->right += err == PM_OK;
		w->sealed += err == PM_SEALED;
		w->wrong += err != PM_OK && err != PM_SEALED && err != PM_HSM_UNAVAILABLE;
	}
	return NULL;
}

static void start_workers(const struct fixture *f, struct worker workers[THREADS])
{
	atomic_store(&working, true);
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .f = f };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
}

static void join_workers(struct worker workers[THREADS])
{
	atomic_store(&working, false);
	for (size_t i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

static void sealing_and_unsealing_under_load_gives_right_answers_or_says_that_it_is_sealed(
	void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];
	size_t right = 0, sealed = 0;

	fixture_open(f);
	start_workers(f, workers);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(unseal(f, "123456"), PM_OK);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
		assert_int_equal(hsm_seal(f->hsm), PM_OK);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_SEALED);
	}
	join_workers(workers);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].wrong, 0);
		right += workers[i].right;
		sealed += workers[i].sealed;
	}
	assert_true(right > 0);
	assert_true(sealed > 0);
	assert_int_equal(fixture_status(f).generation, 10);
}

static void *unseal_often(void *arg)
{
	const struct fixture *f = arg;

	for (size_t i = 0; i < 30; i++) {
		enum pm_err err = unseal(f, "123456");
		assert_true(err == PM_OK || err == PM_SEALED || err == PM_CONFLICT);
	}
	return NULL;
}

static void *seal_often(void *arg)
{
	const struct fixture *f = arg;

	for (size_t i = 0; i < 30; i++)
		assert_int_equal(hsm_seal(f->hsm), PM_OK);
	return NULL;
}

/* Whatever the order, the last word is a seal, and it is obeyed. */
static void seals_and_unseals_that_race_end_as_the_last_one_says(void **state)
{
	struct fixture *f = *state;
	pthread_t threads[4];

	fixture_open(f);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i % 2 ? seal_often : unseal_often, f), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_sealed(f, HSM_CAUSE_OPERATOR, "sealed by an operator");
	const size_t starts = fixture_starts(f);
	assert_no_more_starts(f, starts);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

static void *generate_at_gate(void *arg)
{
	const struct fixture *f = arg;
	const struct hsm_id id = key_named("k");
	struct hsm_object object;
	enum pm_err *err = malloc(sizeof(*err));

	*err = hsm_generate(f->hsm, &id, "gate", &object, soon());
	return err;
}

static void a_generate_that_a_seal_cuts_off_has_an_unknown_outcome(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;
	void *err = NULL;

	fixture_open(f);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(pthread_create(&thread, NULL, generate_at_gate, f), 0);
	while (fixture_lines(f, "gate") == 0)
		usleep(1000);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	pthread_join(thread, &err);
	assert_int_equal(*(enum pm_err *)err, PM_OUTCOME_UNKNOWN);
	free(err);
}

static void a_changed_pin_is_the_one_of_later_starts(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(change(f, "123456", "abcdef"), PM_OK);
	assert_int_equal(fixture_status(f).generation, 1);
	kill(fixture_status(f).pid, SIGKILL);
	fixture_await_generation(f, 2);
	assert_int_equal(change(f, "abcdef", "0987654"), PM_OK);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_int_equal(unseal(f, "abcdef"), PM_SEALED);
	assert_int_equal(unseal(f, "0987654"), PM_OK);
}

static void a_pin_that_is_not_changed_says_why_and_the_signer_stays(void **state)
{
	struct fixture *f = *state;
	char long_pin[257];

	memset(long_pin, '1', 256);
	long_pin[256] = '\0';
	fixture_open(f);
	assert_int_equal(change(f, "123456", "abcdef"), PM_SEALED);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(change(f, "654321", "abcdef"), PM_DENIED);
	assert_int_equal(change(f, "123456", "abc"), PM_BAD_REQUEST);
	assert_int_equal(change(f, "", "abcdef"), PM_BAD_REQUEST);
	assert_int_equal(change(f, "123456", ""), PM_BAD_REQUEST);
	assert_int_equal(change(f, "123456", long_pin), PM_BAD_REQUEST);
	assert_int_equal(change(f, long_pin, "abcdef"), PM_BAD_REQUEST);
	assert_int_equal(fixture_starts(f), 1);
	kill(fixture_status(f).pid, SIGKILL);
	fixture_await_generation(f, 2); /* with the old PIN, which is still the right one */
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

static void a_signer_lost_while_it_changes_the_pin_leaves_the_outcome_unknown(void **state)
{
	static const char *const hows[] = { "die123", "hang12", "module", "garbage" };
	struct fixture *f = *state;

	f->config.call_timeout_ms = 1000;
	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		fixture_open(f);
		assert_int_equal(unseal(f, "123456"), PM_OK);
		assert_int_equal(change(f, "123456", hows[i]), PM_OUTCOME_UNKNOWN);
		fixture_await_generation(f, 2);
		fixture_close(f);
	}
}

static void a_changed_pin_is_forgotten_by_a_seal_like_any_other(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	assert_int_equal(change(f, "123456", "abcdef"), PM_OK);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_no_more_starts(f, 1);
	assert_sealed(f, HSM_CAUSE_OPERATOR, "sealed by an operator");
}

/* From now on no descriptor has that number or a higher one; returns what was allowed before. */
static struct rlimit limit_descriptors(rlim_t limit)
{
	struct rlimit before, now;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	now = before;
	now.rlim_cur = limit;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return before;
}

static rlim_t lowest_free_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return (rlim_t)fd;
}

/* Whichever descriptor cannot be had, nothing is tried with half of what it needs. */
static void unsealing_survives_every_descriptor_that_is_not_to_be_had(void **state)
{
	struct fixture *f = *state;
	size_t failures = 0;
	enum pm_err err;

	do {
		fixture_open(f);
		const struct rlimit before =
			limit_descriptors(lowest_free_descriptor() + (rlim_t)failures);
		err = unseal(f, "123456");
		setrlimit(RLIMIT_NOFILE, &before);
		if (err != PM_OK && fixture_status(f).state == HSM_SEALED)
			assert_int_equal(unseal(f, "123456"), PM_OK);
		fixture_await_generation(f, 1);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
		fixture_close(f);
		failures += err != PM_OK;
	} while (err != PM_OK);
	assert_true(failures >= 4);
	char *logins = fixture_read(f, "logins");
	assert_null(strstr(logins, "wrong"));
	free(logins);
}

static void a_pin_is_not_changed_where_it_could_not_be_kept(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(unseal(f, "123456"), PM_OK);
	const struct rlimit before = limit_descriptors(lowest_free_descriptor());
	assert_int_equal(change(f, "123456", "abcdef"), PM_NO_MEMORY);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_int_equal(change(f, "123456", "abcdef"), PM_OK);
}

#define PIN_TEST(name) cmocka_unit_test_setup_teardown(name, setup_without_pin, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PIN_TEST(without_a_pin_no_signer_is_started),
		PIN_TEST(an_empty_pin_file_setting_is_none),
		PIN_TEST(unsealing_brings_the_signer_to_serve),
		PIN_TEST(an_unsealed_pin_serves_every_later_start),
		PIN_TEST(a_pin_on_a_pipe_of_the_callers_serves_every_start),
		PIN_TEST(a_wrong_pin_is_tried_once_for_each_unseal),
		PIN_TEST(a_pin_of_no_length_or_too_long_is_not_tried),
		PIN_TEST(a_seal_holds_although_a_pin_file_is_configured),
		PIN_TEST(a_seal_ends_a_signer_that_hangs_and_a_start_that_waits),
		PIN_TEST(an_unseal_that_is_not_settled_in_time_goes_on_by_itself),
		PIN_TEST(closing_ends_an_unseal_that_goes_on),
		PIN_TEST(an_unseal_that_meets_another_failure_says_so_and_is_tried_again),
		PIN_TEST(
			sealing_and_unsealing_under_load_gives_right_answers_or_says_that_it_is_sealed),
		PIN_TEST(seals_and_unseals_that_race_end_as_the_last_one_says),
		PIN_TEST(a_generate_that_a_seal_cuts_off_has_an_unknown_outcome),
		PIN_TEST(a_changed_pin_is_the_one_of_later_starts),
		PIN_TEST(a_pin_that_is_not_changed_says_why_and_the_signer_stays),
		PIN_TEST(a_signer_lost_while_it_changes_the_pin_leaves_the_outcome_unknown),
		PIN_TEST(a_changed_pin_is_forgotten_by_a_seal_like_any_other),
		PIN_TEST(unsealing_survives_every_descriptor_that_is_not_to_be_had),
		PIN_TEST(a_pin_is_not_changed_where_it_could_not_be_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
