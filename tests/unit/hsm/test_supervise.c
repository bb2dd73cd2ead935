/* Signers that die, hang, lie and refuse; and what becomes of the calls meanwhile. */
#define _GNU_SOURCE
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "supervise.h"

#define THREADS 16
#define ROUNDS 200
#define JOBS 3

struct worker {
	pthread_t thread;
	struct fixture *f;
	unsigned number;
	size_t right, refused;
	enum pm_err other; /* an error that this test does not expect */
};

static atomic_size_t all_right; /* rounds of all threads that went well */

/* Data and key differ in every job of every thread: a MAC that went astray is noticed. */
static bool do_round(struct worker *w, unsigned round)
{
	char text[JOBS][32];
	struct hsm_job jobs[JOBS];

	for (unsigned i = 0; i < JOBS; i++) {
		snprintf(text[i], sizeof(text[i]), "%u/%u/%u", w->number, round, i);
		jobs[i] = (struct hsm_job){ .key = key_named(text[i]), .data = bytes_str(text[i]) };
	}
	enum pm_err err = hsm_hmac(w->f->hsm, jobs, JOBS, deadline_in_ms(PATIENCE_MS));
	for (unsigned i = 0; i < JOBS && err == PM_OK; i++)
		err = mac_is_right(&jobs[i]) ? PM_OK : PM_BAD_REPLY;
	if (err == PM_OK) {
		w->right++;
		atomic_fetch_add(&all_right, 1);
		return true;
	}
	if (err == PM_HSM_UNAVAILABLE)
		w->refused++;
	else
		w->other = err;
	return false;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned round = 0; round < ROUNDS; round++)
		do_round(w, round);
	return NULL;
}

static void start_workers(struct fixture *f, struct worker workers[THREADS], void *(*body)(void *))
{
	for (unsigned i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .f = f, .number = i };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
	}
}

static void join_workers(struct worker workers[THREADS])
{
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(workers[i].thread, NULL);
}

static void many_threads_each_get_their_own_macs(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];

	fixture_open(f);
	start_workers(f, workers, work);
	join_workers(workers);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(workers[i].right, ROUNDS);
	assert_int_equal(fixture_starts(f), 1);
}

static atomic_bool killing;

static void *work_while_killing(void *arg)
{
	struct worker *w = arg;
	unsigned round = 0;

	while (atomic_load(&killing)) {
		if (!do_round(w, round++))
			usleep(1000);
	}
	return NULL;
}

/* So many more rounds go well. */
static void await_rounds(size_t count)
{
	const size_t goal = atomic_load(&all_right) + count;
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);

	while (atomic_load(&all_right) < goal) {
		assert_true(clock_now() < deadline);
		usleep(1000);
	}
}

static void a_signer_killed_under_load_is_replaced_and_serves_again(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];
	const uint64_t kills = 4;
	size_t refused = 0;

	fixture_open(f);
	atomic_store(&killing, true);
	start_workers(f, workers, work_while_killing);
	for (uint64_t generation = 1; generation <= kills; generation++) {
		fixture_await_generation(f, generation);
		await_rounds(100);
		kill(fixture_status(f).pid, SIGKILL);
	}
	fixture_await_generation(f, kills + 1);
	await_rounds(100);
	atomic_store(&killing, false);
	join_workers(workers);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(workers[i].other, PM_OK);
		refused += workers[i].refused;
	}
	assert_true(refused > 0);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
	assert_int_equal(fixture_status(f).restarts, kills);
	assert_int_equal(fixture_starts(f), kills + 1);
}

static void a_signer_that_dies_while_nobody_calls_is_replaced_too(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	int pid = fixture_status(f).pid;
	kill(pid, SIGKILL);
	fixture_await_generation(f, 2);
	assert_int_not_equal(fixture_status(f).pid, pid);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

/* Whatever the signer does instead of answering, the caller hears of it and the next signer serves.
 */
static void every_misdeed_costs_the_signer_its_place(void **state)
{
	static const char *const misdeeds[] = {
		"die",     "exit", "garbage", "long",     "empty",        "random",
		"session", "few",  "short",   "wrong-id", "item-failure",
	};
	struct fixture *f = *state;
	const size_t count = sizeof(misdeeds) / sizeof(misdeeds[0]);

	/* The back-off doubles with each: a fresh hsm for each misdeed keeps the test short. */
	for (size_t i = 0; i < count; i++) {
		fixture_open(f);
		assert_int_equal(hmac_once(f, misdeeds[i], PATIENCE_MS), PM_HSM_UNAVAILABLE);
		fixture_await_generation(f, 2);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
		fixture_close(f);
	}
	assert_int_equal(fixture_starts(f), 2 * count);
}

static void an_answer_nobody_asked_for_costs_the_signer_its_place(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	/* The first of its two answers says that the call was refused. */
	assert_int_equal(hmac_once(f, "twice", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	fixture_await_generation(f, 2);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

static void a_hung_signer_is_killed_and_replaced(void **state)
{
	struct fixture *f = *state;

	f->config.call_timeout_ms = 2000;
	fixture_open(f);
	int pid = fixture_status(f).pid;
	assert_int_equal(hmac_once(f, "hang", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	fixture_await_generation(f, 2);
	assert_int_equal(kill(pid, 0), -1);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

/* The other environments go on: the daemon is not kept from starting. */
static void a_wrong_pin_at_the_first_start_is_tried_once_and_seals(void **state)
{
	struct fixture *f = *state;

	fixture_write(f, "refuse", "pin");
	fixture_open(f);
	assert_int_equal(fixture_status(f).state, HSM_SEALED);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_SEALED);
	usleep(300000); /* longer than any back-off of this test: a second try would be counted */
	assert_int_equal(fixture_starts(f), 1);
}

static void a_set_up_failure_at_the_first_start_is_final(void **state)
{
	struct fixture *f = *state;

	f->config.reload_ms = 3600000;
	fixture_write(f, "refuse", "setup");
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_CONFIG);
	assert_null(f->hsm);
	assert_int_equal(fixture_starts(f), 1);
}

static void a_signer_program_that_is_not_there_is_a_mistake_in_the_config(void **state)
{
	struct fixture *f = *state;

	f->config.signer = "/nonexistent/peppermint-signer";
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_CONFIG);
	f->config.signer = "/etc/passwd";
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_CONFIG);
}

static void a_pin_refused_at_a_later_start_seals_and_is_not_tried_again(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_write(f, "refuse", "pin");
	assert_int_equal(hmac_once(f, "die", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	fixture_await_state(f, HSM_SEALED);
	fixture_remove(f, "refuse");
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_SEALED);
	usleep(500000); /* longer than the back-off: a second try would be counted */
	assert_int_equal(fixture_starts(f), 2);
	struct hsm_status status = fixture_status(f);
	assert_int_equal(status.state, HSM_SEALED);
	assert_int_equal(status.pid, 0);
	assert_non_null(strstr(status.reason, "the PIN was refused"));
}

/* A token that was taken out comes back; nobody has to restart the vault for it. */
static void a_token_that_is_gone_at_a_later_start_is_waited_for(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_write(f, "refuse", "setup");
	assert_int_equal(hmac_once(f, "die", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	while (fixture_starts(f) < 3)
		usleep(2000);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	fixture_remove(f, "refuse");
	fixture_await_generation(f, 2);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
}

/* What another start may mend leaves an open hsm that keeps trying. */
static void a_device_that_does_not_answer_at_first_is_tried_until_it_does(void **state)
{
	static const char *const failures[] = { "module", "die", "garbage", "empty", "random" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		fixture_write(f, "refuse", failures[i]);
		fixture_open(f);
		assert_int_equal(fixture_status(f).state, HSM_STARTING);
		assert_int_equal(fixture_status(f).generation, 0);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_HSM_UNAVAILABLE);
		fixture_remove(f, "refuse");
		fixture_await_generation(f, 1);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
		fixture_close(f);
	}
}

static void a_pin_failure_while_serving_seals_too(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hmac_once(f, "locked", PATIENCE_MS), PM_SEALED);
	fixture_await_state(f, HSM_SEALED);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_SEALED);
	assert_int_equal(fixture_starts(f), 1);
}

struct loss {
	const char *word;
	enum hsm_cause cause;
	const char *reason;
};

/* What brings a signer of its own back in a moment. */
static void a_crash_and_a_hang_tell_their_cause_and_a_start_follows(void **state)
{
	static const struct loss cases[] = {
		{ "die", HSM_CAUSE_CRASH, "the signer has ended; it was killed by signal 9" },
		{ "exit", HSM_CAUSE_CRASH, "the signer has ended; it exited with status 3" },
		{ "garbage", HSM_CAUSE_CRASH, "the signer said something that is no answer" },
		{ "hang", HSM_CAUSE_HANG, "did not answer a call within 2000 ms; it was killed" },
	};
	struct fixture *f = *state;

	f->config.call_timeout_ms = 2000;
	f->config.reload_ms = 3600000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const size_t starts = fixture_starts(f);

		fixture_open(f);
		assert_int_equal(fixture_status(f).cause, HSM_CAUSE_NONE);
		fixture_write(f, "refuse", cases[i].word);
		assert_int_equal(hmac_once(f, cases[i].word, PATIENCE_MS), PM_HSM_UNAVAILABLE);
		while (fixture_starts(f) < starts + 3)
			usleep(1000);
		struct hsm_status status = fixture_status(f);
		assert_int_equal(status.state, HSM_STARTING);
		assert_int_equal(status.cause, cases[i].cause);
		assert_non_null(strstr(status.reason, cases[i].reason));
		fixture_remove(f, "refuse");
		fixture_await_generation(f, 2);
		assert_int_equal(fixture_status(f).cause, cases[i].cause);
		assert_string_equal(fixture_status(f).reason, "");
		fixture_close(f);
	}
}

static void a_device_that_fails_is_left_alone_until_its_time(void **state)
{
	static const struct loss cases[] = {
		{ "session", HSM_CAUSE_DEVICE, "the session was lost; a new signer is tried" },
		{ "login", HSM_CAUSE_DEVICE, "the login was lost; a new signer is tried" },
		{ "handle", HSM_CAUSE_DEVICE, "the handle was lost; a new signer is tried" },
		{ "module", HSM_CAUSE_DEVICE, "the device does not answer; a new signer is tried" },
		{ "item-failure", HSM_CAUSE_DEVICE, "an HMAC failed" },
		{ "setup", HSM_CAUSE_SETUP, "there is no such token; mend that" },
	};
	struct fixture *f = *state;

	f->config.reload_ms = 3600000;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fixture_open(f);
		assert_int_equal(hmac_once(f, cases[i].word, PATIENCE_MS), PM_HSM_UNAVAILABLE);
		struct hsm_status status = fixture_status(f);
		assert_int_equal(status.state, HSM_STARTING);
		assert_int_equal(status.cause, cases[i].cause);
		assert_non_null(strstr(status.reason, cases[i].reason));
		usleep(250000); /* a crash would have been answered by a start */
		assert_int_equal(fixture_starts(f), i + 1);
		assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_HSM_UNAVAILABLE);
		fixture_close(f);
	}
}

static void a_device_that_fails_is_tried_again_when_its_time_has_come(void **state)
{
	static const char *const words[] = { "session", "login", "handle", "module", "setup" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		fixture_open(f);
		assert_int_equal(hmac_once(f, words[i], PATIENCE_MS), PM_HSM_UNAVAILABLE);
		fixture_await_generation(f, 2);
		assert_int_equal(fixture_status(f).restarts, 1);
		fixture_close(f);
	}
}

static enum pm_err generate(const struct fixture *f, const char *label)
{
	const struct hsm_id id = key_named("k");
	struct hsm_object object;

	return hsm_generate(f->hsm, &id, label, &object, deadline_in_ms(PATIENCE_MS));
}

static void a_device_without_room_refuses_the_call_and_the_signer_may_stay(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hmac_once(f, "no-room", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	assert_int_equal(generate(f, "no-room"), PM_OUTCOME_UNKNOWN);
	assert_int_equal(hmac_once(f, "a", PATIENCE_MS), PM_OK);
	assert_int_equal(fixture_starts(f), 1);
	assert_int_equal(hmac_once(f, "last-room", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	fixture_await_generation(f, 2);
	assert_int_equal(generate(f, "last-room"), PM_OUTCOME_UNKNOWN);
	fixture_await_generation(f, 3);
}

/* Whatever keeps it from starting, it is not a signer that serves. */
static void a_start_that_is_refused_for_want_of_room_is_tried_again(void **state)
{
	static const char *const words[] = { "no-room", "refuse" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		fixture_write(f, "refuse", words[i]);
		fixture_open(f);
		assert_int_equal(fixture_status(f).state, HSM_STARTING);
		assert_int_equal(fixture_status(f).cause, HSM_CAUSE_DEVICE);
		fixture_remove(f, "refuse");
		fixture_await_generation(f, 1);
		fixture_close(f);
	}
}

struct gate_caller {
	pthread_t thread;
	struct calls *calls;
	enum pm_err err;
};

static void *call_at_gate(void *arg)
{
	struct gate_caller *caller = arg;
	struct hsm_job job = { .key = key_named("gate") };
	struct call call = { .kind = CALL_HMAC, .jobs = &job, .count = 1, .size = 100 };

	caller->err = calls_do(caller->calls, &call, deadline_in_ms(PATIENCE_MS));
	return NULL;
}

static void await_callers(struct calls *calls, size_t count)
{
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);
	size_t inside = 0;

	while (inside < count) {
		assert_true(clock_now() < deadline);
		usleep(1000);
		pthread_mutex_lock(&calls->mutex);
		inside = calls->inside;
		pthread_mutex_unlock(&calls->mutex);
	}
}

static void hear_nothing(void *arg, size_t member, enum supervisor_news news)
{
	(void)arg;
	(void)member;
	(void)news;
}

/* As hsm_close does it, but with a look inside: every call is there before the end begins. */
static void closing_fails_the_calls_that_fly_or_wait(void **state)
{
	struct fixture *f = *state;
	struct gate_caller callers[THREADS];
	struct calls calls;
	struct desk desk;
	const struct supervisor_parts parts = { .calls = &calls,
						.desk = &desk,
						.tell = hear_nothing };
	struct supervisor *supervisor;
	struct hsm_status status;

	assert_int_equal(calls_open(&calls), PM_OK);
	assert_int_equal(desk_open(&desk), PM_OK);
	assert_int_equal(supervisor_open(&f->config, &parts, &supervisor), PM_OK);
	assert_int_equal(desk_await(&desk, 1, deadline_in_ms(PATIENCE_MS)), PM_OK);
	desk_status(&desk, &status);
	for (size_t i = 0; i < THREADS; i++) {
		callers[i].calls = &calls;
		assert_int_equal(
			pthread_create(&callers[i].thread, NULL, call_at_gate, &callers[i]), 0);
	}
	await_callers(&calls, THREADS);
	calls_stop(&calls);
	supervisor_close(supervisor);
	calls_close(&calls);
	desk_close(&desk);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].err, PM_SHUTTING_DOWN);
	}
	assert_int_equal(kill(status.pid, 0), -1);
}

static void closing_while_the_signer_is_away_does_not_wait_for_it(void **state)
{
	struct fixture *f = *state;

	fixture_write(f, "refuse", "module");
	fixture_open(f);
	fixture_close(f);
	hsm_close(NULL);
}

#define HSM_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HSM_TEST(many_threads_each_get_their_own_macs),
		HSM_TEST(a_signer_killed_under_load_is_replaced_and_serves_again),
		HSM_TEST(a_signer_that_dies_while_nobody_calls_is_replaced_too),
		HSM_TEST(every_misdeed_costs_the_signer_its_place),
		HSM_TEST(an_answer_nobody_asked_for_costs_the_signer_its_place),
		HSM_TEST(a_hung_signer_is_killed_and_replaced),
		HSM_TEST(a_wrong_pin_at_the_first_start_is_tried_once_and_seals),
		HSM_TEST(a_set_up_failure_at_the_first_start_is_final),
		HSM_TEST(a_signer_program_that_is_not_there_is_a_mistake_in_the_config),
		HSM_TEST(a_pin_refused_at_a_later_start_seals_and_is_not_tried_again),
		HSM_TEST(a_token_that_is_gone_at_a_later_start_is_waited_for),
		HSM_TEST(a_device_that_does_not_answer_at_first_is_tried_until_it_does),
		HSM_TEST(a_pin_failure_while_serving_seals_too),
		HSM_TEST(a_crash_and_a_hang_tell_their_cause_and_a_start_follows),
		HSM_TEST(a_device_that_fails_is_left_alone_until_its_time),
		HSM_TEST(a_device_that_fails_is_tried_again_when_its_time_has_come),
		HSM_TEST(a_device_without_room_refuses_the_call_and_the_signer_may_stay),
		HSM_TEST(a_start_that_is_refused_for_want_of_room_is_tried_again),
		HSM_TEST(closing_fails_the_calls_that_fly_or_wait),
		HSM_TEST(closing_while_the_signer_is_away_does_not_wait_for_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
