/* Connections of uids that the configuration lacks: in the audit log, each or as a number. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <string.h>
#include <unistd.h>

#include "asked.h"
#include "base/clock.h"
#include "fake_vault.h"
#include "server.h"
#include "strangers.h"

#define CALL(NAME) PEPPERMINT__V1__REQUEST__CALL_##NAME

/* From now on this process's uid is none that the vault knows. */
static void become_strangers(struct fixture *f)
{
	const struct rpc_caller other = { .name = "other", .uid = getuid() + 1 };

	assert_int_equal(rpc_set_callers(f->rpc, &other, 1), PM_OK);
}

static void knock(const struct fixture *f)
{
	int fd = connect_raw(f);

	assert_true(is_closed(fd));
	close(fd);
}

static void a_caller_who_was_removed_is_told_to_the_log_as_unknown(void **state)
{
	struct asked *a = *state;
	Peppermint__V1__Request request = status_request();
	uint8_t room[1024];
	int fd = connect_sp(a->f);

	send_request(fd, 1, packed(&request));
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	become_strangers(a->f);
	send_request(fd, 2, packed(&request));
	assert_true(is_closed(fd));
	fake_await_told(1);
	assert_string_equal(fake_told().rpc, "NULL");
	assert_string_equal(fake_told().actor.caller, "");
	assert_int_equal(fake_told().actor.uid, getuid());
	close(fd);
}

static void a_connection_of_an_unknown_uid_is_told_with_what_the_kernel_says(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK); /* that connection is there by now */
	become_strangers(a->f);
	knock(a->f);
	fake_await_told(1);
	struct fake_told told = fake_told();
	assert_int_equal(told.refusals, 1);
	assert_string_equal(told.rpc, "NULL");
	assert_string_equal(told.environment, "NULL");
	assert_int_equal(told.why, PM_DENIED);
	assert_int_equal(told.actor.uid, getuid());
	assert_int_equal(told.actor.pid, getpid());
	assert_true(told.actor.connection > 0);
	assert_string_equal(told.actor.caller, "");
	assert_string_equal(told.actor.operator, "");
	assert_string_equal(told.actor.request_id, "");
}

/* The one thread that tells hangs: they are closed all the same, and few are remembered. */
static void a_crowd_of_unknown_uids_is_closed_while_the_log_hangs_and_holds_up_nobody(void **state)
{
	enum { CONNECTIONS = 100 };
	struct asked *a = *state;

	nn_close(a->socket);
	fake_hold(FAKE_TELLING);
	become_strangers(a->f);
	for (int i = 0; i < CONNECTIONS; i++)
		knock(a->f);
	set_caller(a->f, ALL_ROLES, ALL_ENVIRONMENTS);
	a->socket = connect_req(a->f);
	assert_int_equal(ask_whole(a, CALL(GET_KEY)), PM_OK);
	fake_release();
	nn_close(a->socket);
	serve_again(a->f); /* what waits is told, or dropped, before this returns */
	a->socket = connect_req(a->f);
	assert_in_range(fake_told().refusals, 1, 1 + a->f->config.queue);
}

static void those_that_come_too_fast_are_a_number_in_the_entry_of_the_next(void **state)
{
	enum { MISSED = 5 };
	struct asked *a = *state;

	nn_close(a->socket);
	a->f->config.queue = 1;
	serve_again(a->f);
	a->socket = connect_req(a->f);
	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	become_strangers(a->f);
	fake_hold(FAKE_TELLING);
	knock(a->f);
	fake_await_told(1); /* so the next one waits, and those after it find no room */
	for (int i = 0; i < 1 + MISSED; i++)
		knock(a->f);
	fake_release();
	fake_await_told(2);
	assert_int_equal(fake_told().missed, MISSED);
}

static void what_the_log_did_not_take_is_told_when_it_takes_entries_again(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	become_strangers(a->f);
	fake_tell_fails(PM_AUDIT_BLOCKED);
	for (int i = 0; i < 3; i++)
		knock(a->f);
	fake_await_told(3);
	fake_tell_fails(PM_OK);
	knock(a->f);
	fake_await_told(4);
	assert_int_equal(fake_told().missed, 3);
}

static uint64_t count_missed(struct rpc *rpc)
{
	pthread_mutex_lock(&rpc->missed.lock);
	uint64_t count = rpc->missed.count;
	pthread_mutex_unlock(&rpc->missed.lock);
	return count;
}

static void await_missed(struct rpc *rpc, uint64_t count)
{
	int64_t deadline = deadline_in_ms(PATIENCE_MS);

	while (count_missed(rpc) != count) {
		assert_true(clock_now() < deadline);
		usleep(1000);
	}
}

/* As if the first of them had been there a minute ago: the janitor is to see that. */
static void let_a_minute_pass(struct rpc *rpc)
{
	pthread_mutex_lock(&rpc->missed.lock);
	rpc->missed.since -= 60 * NS_PER_SECOND;
	pthread_mutex_unlock(&rpc->missed.lock);
}

static void if_no_other_comes_for_a_minute_the_last_of_those_missed_is_told(void **state)
{
	struct asked *a = *state;
	struct rpc *rpc = a->f->rpc;

	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	become_strangers(a->f);
	fake_tell_fails(PM_AUDIT_BLOCKED);
	for (int i = 0; i < 3; i++)
		knock(a->f);
	await_missed(rpc, 3);
	strangers_catch_up(rpc, clock_now() + 30 * NS_PER_SECOND);
	assert_int_equal(count_missed(rpc), 3);
	let_a_minute_pass(rpc);
	fake_await_told(4);
	await_missed(rpc, 3); /* again: the log takes nothing yet */
	fake_tell_fails(PM_OK);
	let_a_minute_pass(rpc);
	fake_await_told(5);
	await_missed(rpc, 0);
	struct fake_told told = fake_told();
	assert_int_equal(told.missed, 2);
	assert_string_equal(told.rpc, "NULL");
	assert_int_equal(told.actor.uid, getuid());
	assert_int_equal(told.actor.pid, getpid());
}

static void what_no_entry_has_is_in_our_own_log_at_the_end(void **state)
{
	struct asked *a = *state;
	char text[4096];

	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	become_strangers(a->f);
	fake_tell_fails(PM_AUDIT_BLOCKED);
	knock(a->f);
	knock(a->f);
	fake_await_told(2);
	struct captured captured = capture_log();
	rpc_close(a->f->rpc, clock_now());
	a->f->rpc = NULL;
	captured_end(&captured, text);
	assert_non_null(strstr(text, "in no entry of the audit log: 2\n"));
}

int main(void)
{
#define ASKED(test) cmocka_unit_test_setup_teardown(test, asked_setup, asked_teardown)
	const struct CMUnitTest tests[] = {
		ASKED(a_caller_who_was_removed_is_told_to_the_log_as_unknown),
		ASKED(a_connection_of_an_unknown_uid_is_told_with_what_the_kernel_says),
		ASKED(a_crowd_of_unknown_uids_is_closed_while_the_log_hangs_and_holds_up_nobody),
		ASKED(those_that_come_too_fast_are_a_number_in_the_entry_of_the_next),
		ASKED(what_the_log_did_not_take_is_told_when_it_takes_entries_again),
		ASKED(if_no_other_comes_for_a_minute_the_last_of_those_missed_is_told),
		ASKED(what_no_entry_has_is_in_our_own_log_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
