/* Operators' PINs: counted before they are tried, locked for a growing time, never guessed at in parallel. */
#define _GNU_SOURCE
#include "people_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"
#include "pin_turns.h"

#define THREADS (1 + PIN_WAITING) /* one has his turn, the others wait */
#define MINUTE 60

static enum pm_err change_pin(struct fixture *f, const char *who, const char *pin, const char *next)
{
	struct actor *actor = people_portal(f, who);

	actor->pin = bytes_str(pin);
	return vault_change_operator_pin(f->vault, actor, "live", bytes_str(next));
}

/* The PIN as it is: whether it is right. */
static enum pm_err try_pin(struct fixture *f, const char *pin)
{
	return change_pin(f, ADMIN, pin, PIN);
}

static void a_pin_changes_with_the_old_one_only(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	assert_int_equal(change_pin(f, ADMIN, "0000", "8888"), PM_PIN_WRONG);
	assert_int_equal(change_pin(f, ADMIN, PIN, "8888"), PM_OK);
	assert_int_equal(change_pin(f, ADMIN, PIN, "9999"), PM_PIN_WRONG);
	assert_int_equal(change_pin(f, ADMIN, "8888", "9999"), PM_OK);
	assert_int_equal(fixture_count_entries(f, "operator.pin"), 2);
	assert_int_equal(fixture_count_entries(f, "pin.wrong"), 2);
}

static void a_pin_of_odd_length_is_not_tried(void **state)
{
	struct fixture *f = *state;
	char longest[VAULT_OPERATOR_PIN_MAX + 2];

	memset(longest, '7', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	people_all(f);
	assert_int_equal(try_pin(f, "123"), PM_BAD_REQUEST);
	assert_int_equal(try_pin(f, ""), PM_BAD_REQUEST);
	assert_int_equal(try_pin(f, longest), PM_BAD_REQUEST);
	assert_int_equal(change_pin(f, ADMIN, PIN, "123"), PM_BAD_REQUEST);
	assert_int_equal(change_pin(f, ADMIN, PIN, longest), PM_BAD_REQUEST);
	assert_int_equal(people_find(f, ADMIN).failures, 0);
	assert_int_equal(change_pin(f, ADMIN, PIN, longest + 1), PM_OK);
}

static void each_third_wrong_pin_locks_for_twice_as_long_up_to_a_day(void **state)
{
	struct fixture *f = *state;
	int64_t seconds = MINUTE;

	people_all(f);
	for (int lock = 0; lock < 13; lock++) {
		for (int i = 0; i < 3; i++)
			assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
		int64_t left = people_find(f, ADMIN).locked_until - clock_unix();
		assert_in_range(left, seconds - 2, seconds);
		/* The right one, too: nothing is tried. */
		assert_int_equal(try_pin(f, PIN), PM_PIN_LOCKED);
		assert_int_equal(people_find(f, ADMIN).failures, 3 * (lock + 1));
		fake_clock_advance(seconds);
		seconds = seconds * 2 < 86400 ? seconds * 2 : 86400;
	}
	assert_int_equal(fixture_count_entries(f, "pin.wrong"), 39);
	assert_int_equal(fixture_count_entries(f, "pin.lock"), 13);
	assert_int_equal(try_pin(f, PIN), PM_OK);
	assert_int_equal(people_find(f, ADMIN).failures, 0);
	assert_int_equal(people_find(f, ADMIN).locked_until, 0);
	assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
	assert_int_equal(people_find(f, ADMIN).failures, 1);
}

static void failures_and_locks_survive_a_restart(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
	assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(people_find(f, ADMIN).failures, 2);
	assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(try_pin(f, PIN), PM_PIN_LOCKED);
	fake_clock_advance(MINUTE);
	assert_int_equal(try_pin(f, PIN), PM_OK);
}

static void an_unknown_disabled_or_pinless_operator_is_a_wrong_pin(void **state)
{
	struct fixture *f = *state;
	const struct operator_params disable = {
		.environment = "live", .id = ADMIN, .set_disabled = true, .disabled = true
	};
	struct operator_info info;

	/* Before anybody has a PIN there is not even a key. */
	assert_int_equal(change_pin(f, "nobody", PIN, PIN), PM_PIN_WRONG);
	people_all(f);
	people_operator(f, "pinless", "acme", OPERATOR_ADMIN, NULL);
	assert_false(people_find(f, "pinless").has_pin);
	assert_true(people_find(f, ADMIN).has_pin);
	assert_int_equal(change_pin(f, "nobody", PIN, PIN), PM_PIN_WRONG);
	assert_int_equal(change_pin(f, "pinless", PIN, PIN), PM_PIN_WRONG);
	assert_int_equal(vault_update_operator(f->vault, fixture_actor(f), &disable, &info), PM_OK);
	assert_int_equal(change_pin(f, ADMIN, PIN, PIN), PM_PIN_WRONG);
}

static void an_unknown_operator_is_told_as_one_who_may_not(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	assert_int_equal(change_pin(f, "nobody", "0000", PIN), PM_PIN_WRONG);
	json_t *entry = fixture_newest_entry(f, "act.refuse");
	assert_string_equal(entry_text(entry, "why"), "OPERATOR_UNKNOWN");
	json_decref(entry);
	assert_int_equal(fixture_count_entries(f, "pin.wrong"), 0);
}

/* Somebody else sets it: that unlocks. */
static void a_pin_that_is_set_anew_unlocks(void **state)
{
	struct fixture *f = *state;
	const struct operator_params params = { .environment = "live",
						.id = ADMIN,
						.new_pin = bytes_str("5555") };
	struct operator_info info;

	people_all(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
	assert_int_equal(vault_update_operator(f->vault, fixture_actor(f), &params, &info), PM_OK);
	assert_int_equal(info.failures, 0);
	assert_int_equal(info.locked_until, 0);
	assert_int_equal(change_pin(f, ADMIN, PIN, PIN), PM_PIN_WRONG);
	assert_int_equal(change_pin(f, ADMIN, "5555", PIN), PM_OK);
}

static void a_right_pin_moves_to_the_active_version_of_its_key(void **state)
{
	struct fixture *f = *state;
	const struct master_params rotate = { .environment = "live",
					      .purpose = "pin",
					      .name = "operators",
					      .verb = MASTER_VERB_ROTATE };
	struct master_outcome outcome;
	struct operator_record record;

	people_all(f);
	assert_int_equal(vault_change_master(f->vault, fixture_actor(f), &rotate, &outcome), PM_OK);
	assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
	assert_int_equal(store_get_operator(f->store, "live", ADMIN, &record), PM_OK);
	assert_int_equal(record.pin_version, 1);
	assert_int_equal(try_pin(f, PIN), PM_OK);
	struct actor *actor = people_stepped_up(f, BOSS, ACT_MINT, "acme/pay", PIN);
	struct key_info info;
	struct key_text text;
	assert_int_equal(people_mint(f, actor, "acme", &info, &text), PM_OK);
	assert_int_equal(store_get_operator(f->store, "live", BOSS, &record), PM_OK);
	assert_int_equal(record.pin_version, 2);
	actor = people_stepped_up(f, BOSS, ACT_MINT, "acme/pay", PIN);
	assert_int_equal(people_mint(f, actor, "acme", &info, &text), PM_OK);
}

static void a_pin_whose_key_vouches_for_nothing_is_not_tried(void **state)
{
	struct fixture *f = *state;
	struct master_params params = { .environment = "live",
					.purpose = "pin",
					.name = "operators",
					.verb = MASTER_VERB_ROTATE };
	struct master_outcome outcome;

	people_all(f);
	assert_int_equal(vault_change_master(f->vault, fixture_actor(f), &params, &outcome), PM_OK);
	params.verb = MASTER_VERB_SUSPEND;
	params.version = 1;
	assert_int_equal(vault_change_master(f->vault, fixture_actor(f), &params, &outcome), PM_OK);
	assert_int_equal(try_pin(f, PIN), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "pin/operators"));
	assert_int_equal(people_find(f, ADMIN).failures, 0);
}

static void a_pin_moved_to_another_operator_is_quarantined(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	fixture_sql(f, "UPDATE operator SET pin_mac = (SELECT pin_mac FROM operator WHERE id = "
		       "'root'), pin_salt = (SELECT pin_salt FROM operator WHERE id = 'root') "
		       "WHERE id = 'admin'");
	assert_int_equal(try_pin(f, PIN), PM_RECORD_QUARANTINED);
}

static void a_failure_that_was_wiped_from_the_database_is_quarantined(void **state)
{
	struct fixture *f = *state;

	people_all(f);
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_pin(f, "0000"), PM_PIN_WRONG);
	fixture_sql(f, "UPDATE operator SET failures = 0, locked_until = 0 WHERE id = 'admin'");
	assert_int_equal(try_pin(f, PIN), PM_RECORD_QUARANTINED);
}

static void no_pin_is_in_the_log_or_in_the_database(void **state)
{
	struct fixture *f = *state;
	static const char pin[] = "a-long-pin-31415926";
	char path[128], page[4096];
	size_t len = 0;

	people_all(f);
	assert_int_equal(change_pin(f, ADMIN, PIN, pin), PM_OK);
	assert_int_equal(change_pin(f, ADMIN, pin, pin), PM_OK);
	assert_false(fixture_log_has(f, pin));
	snprintf(path, sizeof(path), "%s/peppermint.db-wal", f->dir);
	FILE *file = fopen(path, "rb");
	assert_non_null(file);
	while ((len = fread(page, 1, sizeof(page), file)) > 0)
		assert_null(memmem(page, len, pin, strlen(pin)));
	fclose(file);
}

struct crowd {
	struct fixture *f;
	const char *pin;
	atomic_int ids;
	atomic_int right, wrong, locked, other;
};

static void *try_once(void *arg)
{
	struct crowd *crowd = arg;
	char id[32];

	snprintf(id, sizeof(id), "crowd-%d", atomic_fetch_add(&crowd->ids, 1));
	struct actor actor = {
		.uid = 2000,
		.caller = "portal",
		.operator_name = ADMIN,
		.request_id = id,
		.on_behalf = true,
		.pin = bytes_str(crowd->pin),
		.deadline = deadline_in_ms(60000),
	};
	switch (vault_change_operator_pin(crowd->f->vault, &actor, "live", bytes_str(PIN))) {
	case PM_OK:
		atomic_fetch_add(&crowd->right, 1);
		break;
	case PM_PIN_WRONG:
		atomic_fetch_add(&crowd->wrong, 1);
		break;
	case PM_PIN_LOCKED:
		atomic_fetch_add(&crowd->locked, 1);
		break;
	default:
		atomic_fetch_add(&crowd->other, 1);
	}
	return NULL;
}

static void run_crowd(struct crowd *crowd, struct fixture *f, const char *pin)
{
	pthread_t threads[THREADS];

	*crowd = (struct crowd){ .f = f, .pin = pin };
	atomic_store(&crowd->ids, pin[0] * 100);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, try_once, crowd), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
}

static void guesses_from_all_sides_get_three_tries(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd;

	people_all(f);
	run_crowd(&crowd, f, "0000");
	assert_int_equal(atomic_load(&crowd.wrong), 3);
	assert_int_equal(atomic_load(&crowd.locked), THREADS - 3);
	assert_int_equal(fixture_count_entries(f, "pin.wrong"), 3);
	assert_int_equal(fixture_count_entries(f, "pin.lock"), 1);
}

/* Each either works or finds that the PIN was set meanwhile; none counts as wrong. */
static void right_pins_that_meet_lock_nobody_out(void **state)
{
	struct fixture *f = *state;
	struct crowd crowd;

	people_all(f);
	run_crowd(&crowd, f, PIN);
	assert_int_equal(atomic_load(&crowd.wrong), 0);
	assert_int_equal(atomic_load(&crowd.locked), 0);
	assert_true(atomic_load(&crowd.right) > 0);
	assert_int_equal(people_find(f, ADMIN).failures, 0);
	assert_int_equal(try_pin(f, PIN), PM_OK);
}

struct minters {
	struct fixture *f;
	struct confirmation confirmations[THREADS];
	atomic_int next, minted;
};

static void *mint_once(void *arg)
{
	struct minters *minters = arg;
	int i = atomic_fetch_add(&minters->next, 1);
	const struct mint_params params = {
		.environment = "live", .account = "acme", .product = "pay", .name = ""
	};
	struct key_info info;
	struct key_secret secret;
	char id[32];

	snprintf(id, sizeof(id), "minter-%d", i);
	struct actor actor = {
		.uid = 2000,
		.caller = "portal",
		.operator_name = ADMIN,
		.request_id = id,
		.on_behalf = true,
		.confirmation = minters->confirmations[i].token,
		.pin = bytes_str(PIN),
		.deadline = deadline_in_ms(60000),
	};
	if (vault_mint(minters->f->vault, &actor, &params, &info, &secret) == PM_OK)
		atomic_fetch_add(&minters->minted, 1);
	return NULL;
}

static void acts_of_one_operator_that_meet_all_step_up(void **state)
{
	struct fixture *f = *state;
	struct minters minters = { .f = f };
	pthread_t threads[THREADS];

	people_all(f);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(vault_confirm(f->vault, people_portal(f, ADMIN), "live", ACT_MINT,
					       "acme/pay", &minters.confirmations[i]),
				 PM_OK);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, mint_once, &minters), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&minters.minted), THREADS);
	assert_int_equal(people_find(f, ADMIN).failures, 0);
}

static void who_waits_too_long_for_his_turn_is_busy_and_not_counted(void **state)
{
	struct fixture *f = *state;
	struct actor *actor = NULL;

	people_all(f);
	actor = people_portal(f, ADMIN);
	actor->pin = bytes_str(PIN);
	actor->deadline = clock_now() - 1;
	assert_int_not_equal(vault_change_operator_pin(f->vault, actor, "live", bytes_str("9999")),
			     PM_OK);
	assert_int_equal(people_find(f, ADMIN).failures, 0);
}

struct queue {
	struct pin_turns *turns;
	struct environment env;
	atomic_int served, busy;
};

static void *take_a_turn(void *arg)
{
	struct queue *queue = arg;

	if (pin_turns_begin(queue->turns, &queue->env, ADMIN, deadline_in_ms(60000)) == PM_BUSY) {
		atomic_fetch_add(&queue->busy, 1);
		return NULL;
	}
	pin_turns_end(queue->turns, &queue->env, ADMIN);
	atomic_fetch_add(&queue->served, 1);
	return NULL;
}

/* Or one portal's people would take all the workers that others verify with. */
static void no_more_than_a_few_wait_for_their_turn(void **state)
{
	enum { TOO_MANY = 3, ALL = PIN_WAITING + TOO_MANY };
	struct queue queue = { .busy = 0 };
	pthread_t threads[ALL];

	(void)state;
	assert_int_equal(pin_turns_new(&queue.turns), PM_OK);
	assert_int_equal(pin_turns_begin(queue.turns, &queue.env, ADMIN, clock_now()), PM_OK);
	for (int i = 0; i < ALL; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_a_turn, &queue), 0);
	while (atomic_load(&queue.busy) < TOO_MANY)
		sched_yield();
	pin_turns_end(queue.turns, &queue.env, ADMIN);
	for (int i = 0; i < ALL; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(atomic_load(&queue.busy), TOO_MANY);
	assert_int_equal(atomic_load(&queue.served), PIN_WAITING);
	pin_turns_free(queue.turns);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pin_changes_with_the_old_one_only),
		TEST(a_pin_of_odd_length_is_not_tried),
		TEST(each_third_wrong_pin_locks_for_twice_as_long_up_to_a_day),
		TEST(failures_and_locks_survive_a_restart),
		TEST(an_unknown_disabled_or_pinless_operator_is_a_wrong_pin),
		TEST(an_unknown_operator_is_told_as_one_who_may_not),
		TEST(a_pin_that_is_set_anew_unlocks),
		TEST(a_right_pin_moves_to_the_active_version_of_its_key),
		TEST(a_pin_whose_key_vouches_for_nothing_is_not_tried),
		TEST(a_pin_moved_to_another_operator_is_quarantined),
		TEST(a_failure_that_was_wiped_from_the_database_is_quarantined),
		TEST(no_pin_is_in_the_log_or_in_the_database),
		TEST(guesses_from_all_sides_get_three_tries),
		TEST(right_pins_that_meet_lock_nobody_out),
		TEST(acts_of_one_operator_that_meet_all_step_up),
		TEST(who_waits_too_long_for_his_turn_is_busy_and_not_counted),
		cmocka_unit_test(no_more_than_a_few_wait_for_their_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
