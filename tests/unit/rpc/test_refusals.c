/* What is refused or fails is in the audit log before it is answered, or it is not answered so. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "asked.h"
#include "base/clock.h"
#include "fake_vault.h"
#include "refusals.h"
#include "server.h"
#include "vault/audit.h"

#define CALL(NAME) PEPPERMINT__V1__REQUEST__CALL_##NAME

static void a_call_without_the_role_is_told_to_the_log(void **state)
{
	struct asked *a = *state;

	set_caller(a->f, ROLE_VERIFIER, ALL_ENVIRONMENTS);
	make_whole(a, CALL(MINT_KEY));
	a->request.operator_ = "olga";
	assert_int_equal(send_it(a), PM_DENIED);
	struct fake_told told = fake_told();
	assert_int_equal(told.refusals, 1);
	assert_int_equal(told.failures, 0);
	assert_string_equal(told.rpc, "MintKey");
	assert_string_equal(told.environment, "NULL"); /* the body was not read */
	assert_int_equal(told.why, PM_DENIED);
	assert_int_equal(told.actor.uid, getuid());
	assert_int_equal(told.actor.pid, getpid());
	assert_string_equal(told.actor.caller, "tester");
	assert_string_equal(told.actor.operator, "olga");
	assert_string_equal(told.actor.request_id, a->id);
	assert_int_equal(told.actor.rpc, CALL(MINT_KEY));
	assert_true(told.actor.connection > 0);
	assert_int_equal(fake_entered(), 0);
}

static void a_call_in_a_forbidden_environment_is_told_with_its_name(void **state)
{
	struct asked *a = *state;

	set_caller(a->f, ALL_ROLES, 1);
	make_whole(a, CALL(GET_KEY));
	a->get_key.environment = "live";
	assert_int_equal(send_it(a), PM_DENIED);
	assert_int_equal(fake_told().refusals, 1);
	assert_string_equal(fake_told().rpc, "GetKey");
	assert_string_equal(fake_told().environment, "live");
	/* One that is not there: the vault knows that, and hides what a caller made up. */
	make_whole(a, CALL(GET_KEY));
	a->get_key.environment = "nowhere";
	assert_int_equal(send_it(a), PM_DENIED);
	assert_int_equal(fake_told().refusals, 2);
	assert_string_equal(fake_told().environment, "nowhere");
	make_whole(a, CALL(GET_KEY)); /* longer than any: nothing is lost with it */
	a->get_key.environment = "a23456789012345678901234567890123";
	assert_int_equal(send_it(a), PM_DENIED);
	assert_int_equal(fake_told().refusals, 3);
	assert_string_equal(fake_told().environment, "NULL");
}

static void a_call_of_the_whole_vault_by_a_caller_of_a_part_is_told(void **state)
{
	struct asked *a = *state;

	set_caller(a->f, ALL_ROLES, 2);
	assert_int_equal(ask_whole(a, CALL(READ_LOG)), PM_DENIED);
	assert_int_equal(fake_told().refusals, 1);
	assert_string_equal(fake_told().rpc, "ReadLog");
}

static void what_is_no_call_or_reads_is_not_told_for_its_form(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(GET_KEY));
	a->get_key.environment = "nowhere";
	assert_int_equal(send_it(a), PM_NOT_FOUND);
	make_whole(a, CALL(MINT_KEY));
	a->request.version = 2;
	assert_int_equal(send_it(a), PM_VERSION_UNSUPPORTED);
	a->request.version = 1;
	a->request.operator_ = "a2345678901234567890123456789012345678901234567890123456789012345";
	assert_int_equal(send_it(a), PM_BAD_REQUEST);
	make(a, CALL(MINT_KEY));
	a->request.call_case = PEPPERMINT__V1__REQUEST__CALL__NOT_SET;
	assert_int_equal(send_it(a), PM_UNKNOWN_RPC);
	assert_int_equal(fake_told().refusals, 0);
	assert_int_equal(fake_told().failures, 0);
}

static void expect_told(struct asked *a, enum pm_err why, const char *environment)
{
	unsigned before = fake_told().failures;

	assert_int_equal(send_it(a), why);
	struct fake_told told = fake_told();
	assert_int_equal(told.failures, before + 1);
	assert_int_equal(told.why, why);
	assert_string_equal(told.rpc, "MintKey");
	assert_string_equal(told.environment, environment);
	assert_string_equal(told.actor.request_id, a->request.request_id);
	assert_string_equal(told.actor.caller, "tester");
	assert_true(told.actor.deadline > clock_now());
}

static void a_change_that_does_not_get_to_its_handler_is_told(void **state)
{
	static char text[300];
	struct asked *a = *state;

	memset(text, 'a', sizeof(text) - 1);
	make_whole(a, CALL(MINT_KEY));
	a->request.request_id = "";
	expect_told(a, PM_BAD_REQUEST, "NULL");
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.account = text;
	expect_told(a, PM_TOO_LARGE, "NULL");
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.account = "\n";
	expect_told(a, PM_BAD_REQUEST, "NULL");
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.environment = "";
	expect_told(a, PM_BAD_REQUEST, "NULL");
	assert_string_equal(a->reply->message, "environment: required");
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.environment = "nowhere";
	a->request.deadline_ms = 1;
	expect_told(a, PM_NOT_FOUND, "nowhere");
	assert_int_equal(fake_entered(), 0);
	assert_int_equal(fake_told().refusals, 0);
}

static void a_request_id_that_comes_with_another_change_is_told(void **state)
{
	struct asked *a = *state;

	fake_give_receipts(true);
	assert_int_equal(ask_whole(a, CALL(MINT_KEY)), PM_OK);
	assert_int_equal(send_it(a), PM_OK); /* the same again: the same answer, and no refusal */
	assert_int_equal(fake_told().failures, 0);
	a->mint_key.account = "another";
	a->request.want_receipt = true;
	expect_told(a, PM_CONFLICT, "test");
	assert_non_null(a->reply->receipt);
	assert_int_equal(fake_executed(), 1);
}

/* Those have no entry, so nothing for which they would have to wait. */
static void a_change_for_which_there_is_no_room_is_busy_at_once(void **state)
{
	struct asked *a = *state;
	Peppermint__V1__Request request = status_request();
	Peppermint__V1__MintKeyRequest mint;
	uint8_t room[1024];
	char id[8];

	nn_close(a->socket);
	a->f->config.workers = 1;
	a->f->config.queue = 1;
	serve_again(a->f);
	a->socket = connect_req(a->f);
	fake_hold("test");
	int fd = connect_sp(a->f);
	for (uint32_t i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "%u", i);
		make_mint(&request, &mint, id);
		send_request(fd, i, packed(&request));
		fake_await_entered(1); /* so the next one waits, and the third finds no room */
	}
	size_t len = receive_frame(fd, room, sizeof(room));
	Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);
	assert_non_null(reply);
	assert_int_equal(reply->error, PM_BUSY);
	free_reply(reply);
	assert_int_equal(fake_told().failures, 0);
	fake_release();
	close(fd);
}

static void a_change_that_fails_is_told_with_its_error(void **state)
{
	static const char writes[] = "01000110001100011000101111"
				     "11101011001101111";
	struct asked *a = *state;
	unsigned failures = 0;

	fake_fail(PM_HSM_UNAVAILABLE);
	for (uint32_t call = FIRST + 1; call <= LAST; call++) {
		assert_int_equal(ask_whole(a, call), PM_HSM_UNAVAILABLE);
		failures += writes[call - FIRST] == '1';
		struct fake_told told = fake_told();
		assert_int_equal(told.failures, failures);
		if (writes[call - FIRST] != '1')
			continue;
		assert_int_equal(told.why, PM_HSM_UNAVAILABLE);
		assert_int_equal(told.actor.rpc, call);
		assert_string_equal(told.environment,
				    is_of_the_whole_vault(call) ? "NULL" : "test");
	}
	assert_int_equal(failures, 24);
	assert_int_equal(fake_told().refusals, 0);
}

static void a_change_that_is_refused_for_its_fields_is_told(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(MINT_KEY));
	a->mint_key.account = "";
	assert_int_equal(send_it(a), PM_BAD_REQUEST);
	assert_int_equal(fake_told().failures, 1);
	assert_int_equal(fake_told().why, PM_BAD_REQUEST);
	assert_string_equal(fake_told().rpc, "MintKey");
	assert_string_equal(a->reply->message, "account: required, at most 64 bytes");
}

static void a_change_that_was_made_is_not_told_as_a_failure(void **state)
{
	struct asked *a = *state;

	for (uint32_t call = FIRST; call <= LAST; call++)
		assert_int_equal(ask_whole(a, call), PM_OK);
	assert_int_equal(fake_told().failures + fake_told().refusals, 0);
}

static void if_the_log_takes_no_entry_that_is_the_answer(void **state)
{
	struct asked *a = *state;

	fake_tell_fails(PM_AUDIT_BLOCKED);
	fake_fail(PM_CONFLICT);
	make_whole(a, CALL(ROTATE_KEY));
	expect_refusal(a, PM_AUDIT_BLOCKED, peppermint_error_text(PM_AUDIT_BLOCKED));
	set_caller(a->f, ROLE_VERIFIER, ALL_ENVIRONMENTS);
	make_whole(a, CALL(MINT_KEY));
	expect_refusal(a, PM_AUDIT_BLOCKED, peppermint_error_text(PM_AUDIT_BLOCKED));
	set_caller(a->f, ROLE_ISSUER, ALL_ENVIRONMENTS);
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.account = "";
	expect_refusal(a, PM_AUDIT_BLOCKED, peppermint_error_text(PM_AUDIT_BLOCKED));
	make_whole(a, CALL(MINT_KEY));
	a->mint_key.environment = "";
	expect_refusal(a, PM_AUDIT_BLOCKED, peppermint_error_text(PM_AUDIT_BLOCKED));
	set_caller(a->f, ROLE_VERIFIER, ALL_ENVIRONMENTS);
	make_whole(a, CALL(MINT_KEY));
	fake_tell_fails(PM_OK);
	assert_int_equal(send_it(a), PM_DENIED);
}

static void a_refusals_own_entry_has_a_receipt_too(void **state)
{
	struct asked *a = *state;

	fake_give_receipts(true);
	fake_fail(PM_CONFLICT);
	make_whole(a, CALL(ROTATE_KEY));
	a->request.want_receipt = true;
	assert_int_equal(send_it(a), PM_CONFLICT);
	assert_non_null(a->reply->receipt);
	set_caller(a->f, ROLE_VERIFIER, ALL_ENVIRONMENTS);
	make_whole(a, CALL(MINT_KEY));
	a->request.want_receipt = true;
	assert_int_equal(send_it(a), PM_DENIED);
	assert_non_null(a->reply->receipt);
	assert_int_equal(a->reply->receipt->index, FAKE_INDEX);
}

/* A deadline in the past must not be a way to try doors unseen. */
static void a_refusal_is_told_also_when_its_caller_does_not_wait(void **state)
{
	struct asked *a = *state;

	set_caller(a->f, ROLE_VERIFIER, ALL_ENVIRONMENTS);
	make_whole(a, CALL(MINT_KEY));
	a->request.deadline_ms = 1;
	int64_t before = clock_now();
	assert_int_equal(send_it(a), PM_DENIED);
	assert_int_equal(fake_told().refusals, 1);
	assert_true(fake_told().actor.deadline >= before + NS_PER_SECOND);
}

static void a_log_that_hangs_holds_up_refusals_only_and_beyond_their_queue_they_are_busy(
	void **state)
{
	enum { THREADS = 2, QUEUE = 1, DENIED = THREADS + QUEUE + 1 };
	struct asked *a = *state;
	unsigned count[PM_AUDIT_BLOCKED + 1] = { 0 };
	uint8_t room[1024];
	char text[4096];
	struct captured captured = capture_log();

	nn_close(a->socket);
	a->f->config.queue = QUEUE;
	serve_again(a->f);
	a->socket = connect_req(a->f);
	set_caller(a->f, ROLE_ISSUER, ALL_ENVIRONMENTS);
	fake_hold(FAKE_TELLING);
	make_whole(a, CALL(HASH));
	a->request.deadline_ms = 30000;
	int fd = connect_sp(a->f);
	for (uint32_t i = 0; i < THREADS; i++) {
		send_request(fd, i, packed(&a->request));
		fake_await_told(i + 1);
	}
	for (uint32_t i = THREADS; i < DENIED; i++)
		send_request(fd, i, packed(&a->request));
	size_t len = receive_frame(fd, room, sizeof(room));
	Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);
	assert_non_null(reply);
	assert_int_equal(reply->error, PM_BUSY);
	free_reply(reply);
	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	assert_int_equal(ask_whole(a, CALL(GET_KEY)), PM_OK);
	fake_release();
	for (int i = 0; i < DENIED - 1; i++) {
		len = receive_frame(fd, room, sizeof(room));
		reply = peppermint__v1__reply__unpack(NULL, len, room);
		assert_non_null(reply);
		count[reply->error]++;
		free_reply(reply);
	}
	assert_int_equal(count[PM_DENIED], DENIED - 1);
	assert_int_equal(fake_told().refusals, DENIED - 1);
	close(fd);
	captured_await(&captured, "did not keep up: 1\n");
	captured_end(&captured, text);
}

static void what_has_no_entry_is_a_number_in_our_own_log_once_a_minute_and_at_the_end(void **state)
{
	static const char line[] = "did not keep up: ";
	enum { REFUSED = 6 };
	struct rpc rpc = { .refusals_quiet = 0 };
	struct captured captured = capture_log();
	char text[4096];

	(void)state;
	for (int i = 0; i < REFUSED; i++) {
		/* Seconds 100, 120 … 180, and 200. */
		refusals_miss(&rpc);
		refusals_report(&rpc, (100 + 20 * i) * NS_PER_SECOND);
	}
	refusals_end(&rpc);
	refusals_end(&rpc);
	captured_end(&captured, text);
	const char *first = strstr(text, line), *second = first ? strstr(first + 1, line) : NULL;
	const char *third = second ? strstr(second + 1, line) : NULL;
	assert_non_null(third);
	assert_int_equal(first[strlen(line)], '1');
	assert_int_equal(second[strlen(line)], '3');
	assert_int_equal(third[strlen(line)], '2');
	assert_null(strstr(third + 1, line));
}

static void closing_ends_what_waits_for_the_log(void **state)
{
	struct asked *a = *state;
	const struct rpc_caller other = { .name = "other", .uid = getuid() + 1 };
	uint8_t room[1024];

	set_caller(a->f, ROLE_ISSUER, ALL_ENVIRONMENTS);
	fake_hold(FAKE_TELLING);
	make_whole(a, CALL(HASH));
	int fd = connect_sp(a->f);
	for (uint32_t i = 0; i < 8; i++)
		send_request(fd, i, packed(&a->request));
	fake_await_told(2);
	assert_int_equal(rpc_set_callers(a->f->rpc, &other, 1), PM_OK);
	for (int i = 0; i < 8; i++)
		close(connect_raw(a->f));
	fake_await_told(3);
	fake_release();
	rpc_close(a->f->rpc, clock_now());
	a->f->rpc = NULL;
	while (receive_frame(fd, room, sizeof(room)) > 0)
		;
	close(fd);
}

struct asker {
	const struct fixture *f;
	pthread_t thread;
	unsigned number;
	unsigned denied, failed, others;
};

static void *ask_all_kinds(void *arg)
{
	enum { ROUNDS = 60 };
	struct asker *asker = arg;
	int socket = connect_req(asker->f);

	for (unsigned round = 0; round < ROUNDS; round++) {
		Peppermint__V1__Request request = status_request();
		Peppermint__V1__MintKeyRequest mint;
		Peppermint__V1__ReadLogRequest read = PEPPERMINT__V1__READ_LOG_REQUEST__INIT;
		uint8_t room[1024];
		char id[32];

		snprintf(id, sizeof(id), "%u-%u", asker->number, round);
		if (round % 3 == 0) {
			make_mint(&request, &mint, id);
			mint.account = ""; /* fails */
		} else if (round % 3 == 1) {
			request.call_case = CALL(READ_LOG); /* denied */
			request.read_log = &read;
		}
		request.deadline_ms = 30000;
		request.want_receipt = true;
		size_t len = peppermint__v1__request__pack(&request, room);
		Peppermint__V1__Reply *reply = ask_bytes(socket, bytes_of(room, len));
		asker->denied += reply->error == PEPPERMINT__V1__ERROR__DENIED;
		asker->failed += reply->error == PEPPERMINT__V1__ERROR__BAD_REQUEST;
		asker->others += reply->error == PEPPERMINT__V1__ERROR__OK;
		free_reply(reply);
	}
	nn_close(socket);
	return NULL;
}

static void of_many_at_once_each_refusal_and_each_failure_is_told_once(void **state)
{
	struct asked *a = *state;
	struct asker askers[6] = { 0 };
	unsigned denied = 0, failed = 0, others = 0;

	set_caller(a->f, ROLE_ISSUER, ALL_ENVIRONMENTS);
	fake_give_receipts(true);
	for (unsigned i = 0; i < 6; i++) {
		askers[i].f = a->f;
		askers[i].number = i;
		assert_int_equal(pthread_create(&askers[i].thread, NULL, ask_all_kinds, &askers[i]),
				 0);
	}
	for (unsigned i = 0; i < 6; i++) {
		pthread_join(askers[i].thread, NULL);
		denied += askers[i].denied;
		failed += askers[i].failed;
		others += askers[i].others;
	}
	assert_int_equal(denied, 120);
	assert_int_equal(failed, 120);
	assert_int_equal(others, 120);
	assert_int_equal(fake_told().refusals, 120);
	assert_int_equal(fake_told().failures, 120);
}

int main(void)
{
#define ASKED(test) cmocka_unit_test_setup_teardown(test, asked_setup, asked_teardown)
	const struct CMUnitTest tests[] = {
		ASKED(a_call_without_the_role_is_told_to_the_log),
		ASKED(a_call_in_a_forbidden_environment_is_told_with_its_name),
		ASKED(a_call_of_the_whole_vault_by_a_caller_of_a_part_is_told),
		ASKED(what_is_no_call_or_reads_is_not_told_for_its_form),
		ASKED(a_change_that_does_not_get_to_its_handler_is_told),
		ASKED(a_request_id_that_comes_with_another_change_is_told),
		ASKED(a_change_for_which_there_is_no_room_is_busy_at_once),
		ASKED(a_change_that_fails_is_told_with_its_error),
		ASKED(a_change_that_is_refused_for_its_fields_is_told),
		ASKED(a_change_that_was_made_is_not_told_as_a_failure),
		ASKED(if_the_log_takes_no_entry_that_is_the_answer),
		ASKED(a_refusals_own_entry_has_a_receipt_too),
		ASKED(a_refusal_is_told_also_when_its_caller_does_not_wait),
		ASKED(a_log_that_hangs_holds_up_refusals_only_and_beyond_their_queue_they_are_busy),
		cmocka_unit_test(
			what_has_no_entry_is_a_number_in_our_own_log_once_a_minute_and_at_the_end),
		ASKED(closing_ends_what_waits_for_the_log),
		ASKED(of_many_at_once_each_refusal_and_each_failure_is_told_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
