/* Two tokens: which one computes, when the other takes over, and that no answer is of the wrong one. */
#define _GNU_SOURCE
#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define THREADS 8

static int setup_pair(void **state)
{
	fixture_setup(state);
	fixture_add_standby(*state);
	return 0;
}

static int64_t soon(void)
{
	return deadline_in_ms(PATIENCE_MS);
}

/* The handle of one of the tokens, whichever is active. */
static struct fixture member(const struct fixture *f, size_t i)
{
	struct fixture m = *f;

	m.hsm = hsm_member(f->hsm, i);
	return m;
}

/* 0 or 1: the token that computed it; -1: neither. */
static int computed_by(struct hsm *hsm)
{
	struct hsm_job job = { .key = key_named("a"), .data = bytes_str("data") };

	if (hsm_hmac(hsm, &job, 1, soon()) != PM_OK)
		return -1;
	return mac_is_right(&job) ? 0 : mac_is_standbys(&job) ? 1 : -1;
}

static void await_active(const struct fixture *f, uint32_t active)
{
	const int64_t deadline = soon();

	while (fixture_status(f).active != active || fixture_status(f).state != HSM_SERVING) {
		assert_true(clock_now() < deadline);
		usleep(1000);
	}
}

static void await_member(const struct fixture *f, size_t i, enum hsm_state state)
{
	const struct fixture m = member(f, i);

	fixture_await_state(&m, state);
}

static void kill_member(const struct fixture *f, size_t i)
{
	const struct fixture m = member(f, i);
	const struct hsm_status status = fixture_status(&m);

	kill(status.pid, SIGKILL);
	fixture_await_generation(&m, status.generation + 1);
}

static void one_token_has_no_other_to_switch_to(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_non_null(hsm_member(f->hsm, 0));
	assert_null(hsm_member(f->hsm, 1));
	assert_int_equal(hsm_switch(f->hsm, 0), PM_CONFLICT);
	assert_int_equal(hsm_switch(f->hsm, 1), PM_CONFLICT);
	assert_int_equal(fixture_status(f).members, 1);
	assert_int_equal(computed_by(hsm_member(f->hsm, 0)), 0);
}

static void each_token_is_reached_by_itself_and_the_first_is_the_active_one(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	struct hsm_status status = fixture_status(f), standby = fixture_status(f->standby);
	assert_int_equal(status.members, 2);
	assert_int_equal(status.active, 0);
	assert_int_equal(status.generation, 1);
	assert_string_equal(status.serial, "0123456789abcdef");
	assert_int_equal(standby.state, HSM_SERVING);
	assert_int_equal(standby.members, 2);
	assert_int_equal(standby.active, 0);
	assert_string_equal(standby.serial, "fedcba9876543210");
	assert_int_not_equal(status.pid, standby.pid);
	assert_int_equal(computed_by(f->hsm), 0);
	assert_int_equal(computed_by(hsm_member(f->hsm, 0)), 0);
	assert_int_equal(computed_by(hsm_member(f->hsm, 1)), 1);
	assert_null(hsm_member(f->hsm, 2));
}

static void the_standby_takes_over_in_a_new_generation_and_keeps_it(void **state)
{
	static const char *const hows[] = { "die",   "garbage", "module", "session",
					    "login", "setup",   "locked" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		fixture_open(f);
		enum pm_err err = hmac_once(f, hows[i], PATIENCE_MS);
		assert_int_equal(err,
				 strcmp(hows[i], "locked") == 0 ? PM_SEALED : PM_HSM_UNAVAILABLE);
		struct hsm_status status = fixture_status(f);
		assert_int_equal(status.active, 1);
		assert_int_equal(status.state, HSM_SERVING);
		assert_int_equal(status.generation, 2);
		assert_string_equal(status.serial, "fedcba9876543210");
		assert_int_equal(computed_by(f->hsm), 1);
		if (err != PM_SEALED)
			await_member(f, 0, HSM_SERVING);
		assert_int_equal(fixture_status(f).active, 1);
		assert_int_equal(fixture_status(f).generation, 2);
		fixture_close(f);
	}
}

static void switching_goes_there_and_back_and_each_is_a_new_generation(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	for (uint32_t i = 1; i <= 4; i++) {
		assert_int_equal(hsm_switch(f->hsm, i % 2), PM_OK);
		assert_int_equal(hsm_switch(f->hsm, i % 2), PM_OK); /* which changes nothing */
		assert_int_equal(fixture_status(f).active, i % 2);
		assert_int_equal(fixture_status(f).generation, i + 1);
		assert_int_equal(computed_by(f->hsm), i % 2);
	}
	assert_int_equal(fixture_starts(f), 1);
}

static void nobody_switches_to_a_token_that_does_not_serve(void **state)
{
	struct fixture *f = *state;

	fixture_write(f->standby, "refuse", "pin");
	fixture_open(f);
	assert_int_equal(hsm_switch(f->hsm, 1), PM_HSM_UNAVAILABLE);
	assert_int_equal(hsm_switch(f->hsm, 2), PM_CONFLICT);
	assert_int_equal(fixture_status(f).active, 0);
	assert_int_equal(fixture_status(f).generation, 1);
}

static void a_start_of_the_standby_is_no_new_generation_of_the_hsm(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	kill_member(f, 1);
	assert_int_equal(fixture_status(f->standby).generation, 2);
	assert_int_equal(fixture_status(f).generation, 1);
	assert_int_equal(fixture_status(f).active, 0);
	assert_int_equal(computed_by(f->hsm), 0);
}

/* The caller has to look at the other token before it may ask it. */
static void a_call_that_falls_with_its_token_is_not_repeated_on_the_other(void **state)
{
	struct fixture *f = *state;
	const struct hsm_id id = key_named("k");
	struct hsm_object object;

	fixture_open(f);
	assert_int_equal(hsm_generate(f->hsm, &id, "die", &object, soon()), PM_OUTCOME_UNKNOWN);
	assert_int_equal(fixture_status(f).active, 1);
	await_member(f, 0, HSM_SERVING);
	assert_int_equal(hsm_destroy(f->hsm, &id, "die", soon()), PM_OUTCOME_UNKNOWN);
	assert_int_equal(fixture_status(f).active, 0);
	assert_int_equal(fixture_starts(f->standby), 1);
}

static void with_both_away_the_first_that_is_back_serves(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	fixture_write(f, "refuse", "module");
	fixture_write(f->standby, "refuse", "module");
	assert_int_equal(hmac_once(f, "die", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	assert_int_equal(hmac_once(f, "die", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	assert_int_equal(fixture_status(f).state, HSM_STARTING);
	assert_int_equal(fixture_status(f).active, 1);
	fixture_remove(f, "refuse");
	await_active(f, 0);
	assert_int_equal(computed_by(f->hsm), 0);
	fixture_remove(f->standby, "refuse");
	await_member(f, 1, HSM_SERVING);
	assert_int_equal(fixture_status(f).active, 0);
}

static void a_first_token_that_is_away_at_the_start_leaves_it_to_the_standby(void **state)
{
	static const char *const hows[] = { "setup", "pin", "module", "die" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(hows) / sizeof(hows[0]); i++) {
		fixture_write(f, "refuse", hows[i]);
		fixture_open(f);
		assert_int_equal(fixture_status(f).active, 1);
		assert_int_equal(computed_by(f->hsm), 1);
		fixture_remove(f, "refuse");
		if (strcmp(hows[i], "pin") != 0)
			await_member(f, 0, HSM_SERVING);
		assert_int_equal(fixture_status(f).active, 1);
		fixture_close(f);
	}
}

static void a_set_up_that_fails_on_both_tokens_is_a_mistake_in_the_config(void **state)
{
	struct fixture *f = *state;

	f->config.reload_ms = 3600000;
	fixture_write(f, "refuse", "setup");
	fixture_write(f->standby, "refuse", "setup");
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_CONFIG);
	assert_null(f->hsm);
	assert_int_equal(fixture_starts(f), 1);
	assert_int_equal(fixture_starts(f->standby), 1);
}

struct worker {
	pthread_t thread;
	const struct fixture *f;
	size_t right[2], uncertain, wrong;
};

static atomic_bool working;
static atomic_size_t rounds;

/* What the vault does: an answer counts if the generation is the same before and after it. */
static void compute(struct worker *w)
{
	struct hsm_job job = { .key = key_named("a"), .data = bytes_str("data") };
	const struct hsm_status before = fixture_status(w->f);
	enum pm_err err = hsm_hmac(w->f->hsm, &job, 1, soon());
	const struct hsm_status after = fixture_status(w->f);

	w->wrong += err != PM_OK && err != PM_HSM_UNAVAILABLE;
	w->wrong += before.generation > after.generation;
	if (err != PM_OK || before.generation != after.generation) {
		w->uncertain++;
		return;
	}
	w->wrong += before.active != after.active;
	w->wrong += before.active == 0 ? !mac_is_right(&job) : !mac_is_standbys(&job);
	w->right[before.active]++;
	atomic_fetch_add(&rounds, 1);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (atomic_load(&working))
		compute(w);
	return NULL;
}

static void await_rounds(size_t count)
{
	const size_t goal = atomic_load(&rounds) + count;
	const int64_t deadline = soon();

	while (atomic_load(&rounds) < goal) {
		assert_true(clock_now() < deadline);
		usleep(500);
	}
}

static void no_answer_of_one_token_passes_for_one_of_the_other(void **state)
{
	struct fixture *f = *state;
	struct worker workers[THREADS];
	size_t right[2] = { 0 }, uncertain = 0;

	fixture_open(f);
	atomic_store(&working, true);
	for (size_t i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){ .f = f };
		assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (uint32_t i = 0; i < 6; i++) {
		const uint32_t active = fixture_status(f).active;

		await_rounds(200);
		kill(fixture_status(f).pid, SIGKILL);
		await_active(f, 1 - active);
		await_rounds(200);
		await_member(f, active, HSM_SERVING);
		assert_int_equal(hsm_switch(f->hsm, active), PM_OK);
		await_rounds(200);
		assert_int_equal(hsm_switch(f->hsm, 1 - active), PM_OK);
	}
	atomic_store(&working, false);
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].wrong, 0);
		right[0] += workers[i].right[0];
		right[1] += workers[i].right[1];
		uncertain += workers[i].uncertain;
	}
	assert_true(right[0] > 0 && right[1] > 0 && uncertain > 0);
}

static void a_hang_of_the_active_token_is_the_standbys_to_bridge(void **state)
{
	struct fixture *f = *state;

	f->config.call_timeout_ms = 500;
	fixture_open(f);
	assert_int_equal(hmac_once(f, "hang", PATIENCE_MS), PM_HSM_UNAVAILABLE);
	assert_int_equal(computed_by(f->hsm), 1);
	const struct fixture first = member(f, 0);
	assert_int_equal(fixture_status(&first).cause, HSM_CAUSE_HANG);
}

/* PINs of two tokens. */

static int setup_sealed_pair(void **state)
{
	setup_pair(state);
	struct fixture *f = *state;
	f->config.pin_file = NULL;
	fixture_write(f, "pin", "123456");
	fixture_write(f->standby, "pin", "123456");
	return 0;
}

static void unsealing_tries_the_pin_once_on_each_token(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("654321"), soon()), PM_SEALED);
	assert_int_equal(fixture_lines(f, "logins"), 1);
	assert_int_equal(fixture_lines(f->standby, "logins"), 1);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), soon()), PM_OK);
	assert_int_equal(fixture_status(f).active, 0);
	assert_int_equal(fixture_status(f).state, HSM_SERVING);
	assert_int_equal(fixture_status(f->standby).state, HSM_SERVING);
	assert_int_equal(fixture_lines(f, "logins"), 2);
	assert_int_equal(fixture_lines(f->standby, "logins"), 2);
}

static void a_pin_that_one_token_refuses_unseals_the_other(void **state)
{
	struct fixture *f = *state;

	fixture_write(f, "pin", "another");
	fixture_open(f);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), soon()), PM_SEALED);
	assert_int_equal(fixture_status(f).active, 1);
	assert_int_equal(computed_by(f->hsm), 1);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("another"), soon()), PM_OK);
	assert_int_equal(fixture_lines(f->standby, "logins"), 1);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("another"), soon()), PM_CONFLICT);
}

static void sealing_seals_both_and_nothing_takes_over(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), soon()), PM_OK);
	const uint64_t generation = fixture_status(f).generation;
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_int_equal(fixture_status(f).state, HSM_SEALED);
	assert_int_equal(fixture_status(f).active, 0);
	assert_int_equal(fixture_status(f).generation, generation);
	assert_int_equal(fixture_status(f->standby).state, HSM_SEALED);
	assert_int_equal(fixture_status(f->standby).cause, HSM_CAUSE_OPERATOR);
	assert_int_equal(computed_by(f->hsm), -1);
	assert_int_equal(hsm_switch(f->hsm, 1), PM_HSM_UNAVAILABLE);
}

static enum pm_err change(const struct fixture *f, const char *old_pin, const char *new_pin)
{
	return hsm_change_pin(f->hsm, bytes_str(old_pin), bytes_str(new_pin), soon());
}

static void a_pin_is_changed_on_both_tokens(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), soon()), PM_OK);
	assert_int_equal(change(f, "123456", "abcdef"), PM_OK);
	kill_member(f, 0);
	kill_member(f, 1);
	assert_int_equal(hsm_seal(f->hsm), PM_OK);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("abcdef"), soon()), PM_OK);
}

static void a_pin_that_only_one_token_changed_is_told_and_both_still_start(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), soon()), PM_OK);
	fixture_write(f->standby, "pin", "another");
	assert_int_equal(change(f, "123456", "abcdef"), PM_CONFLICT);
	fixture_write(f->standby, "pin", "123456");
	kill_member(f, 0);
	kill_member(f, 1);
	assert_int_equal(fixture_status(f->standby).state, HSM_SERVING);
}

static void a_pin_is_not_changed_while_a_token_is_away(void **state)
{
	struct fixture *f = *state;

	fixture_open(f);
	assert_int_equal(hsm_unseal(f->hsm, bytes_str("123456"), soon()), PM_OK);
	fixture_write(f->standby, "refuse", "module");
	kill(fixture_status(f->standby).pid, SIGKILL);
	await_member(f, 1, HSM_STARTING);
	assert_int_equal(change(f, "123456", "abcdef"), PM_HSM_UNAVAILABLE);
	char *pin = fixture_read(f, "pin");
	assert_string_equal(pin, "123456");
	free(pin);
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define PAIR(name) cmocka_unit_test_setup_teardown(name, setup_pair, fixture_teardown)
#define SEALED(name) cmocka_unit_test_setup_teardown(name, setup_sealed_pair, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(one_token_has_no_other_to_switch_to),
		PAIR(each_token_is_reached_by_itself_and_the_first_is_the_active_one),
		PAIR(the_standby_takes_over_in_a_new_generation_and_keeps_it),
		PAIR(switching_goes_there_and_back_and_each_is_a_new_generation),
		PAIR(nobody_switches_to_a_token_that_does_not_serve),
		PAIR(a_start_of_the_standby_is_no_new_generation_of_the_hsm),
		PAIR(a_call_that_falls_with_its_token_is_not_repeated_on_the_other),
		PAIR(with_both_away_the_first_that_is_back_serves),
		PAIR(a_first_token_that_is_away_at_the_start_leaves_it_to_the_standby),
		PAIR(a_set_up_that_fails_on_both_tokens_is_a_mistake_in_the_config),
		PAIR(no_answer_of_one_token_passes_for_one_of_the_other),
		PAIR(a_hang_of_the_active_token_is_the_standbys_to_bridge),
		SEALED(unsealing_tries_the_pin_once_on_each_token),
		SEALED(a_pin_that_one_token_refuses_unseals_the_other),
		SEALED(sealing_seals_both_and_nothing_takes_over),
		SEALED(a_pin_is_changed_on_both_tokens),
		SEALED(a_pin_that_only_one_token_changed_is_told_and_both_still_start),
		SEALED(a_pin_is_not_changed_while_a_token_is_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
