/* Calls with PINs: straight through, once, whatever comes of it, and past what waits for an HSM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "asked.h"
#include "fake_vault.h"

#define SEAL PEPPERMINT__V1__REQUEST__CALL_SEAL
#define UNSEAL PEPPERMINT__V1__REQUEST__CALL_UNSEAL
#define CHANGE_PIN PEPPERMINT__V1__REQUEST__CALL_CHANGE_PIN

static void expect_pins(const char *expected)
{
	char pins[1024];

	fake_pins(pins);
	assert_string_equal(pins, expected);
}

static void pins_go_straight_through(void **state)
{
	struct asked *a = *state;
	char longest[256], pins[1024];

	assert_int_equal(ask_whole(a, UNSEAL), PM_OK);
	expect_pins(PIN "\n");
	assert_int_equal(ask_whole(a, CHANGE_PIN), PM_OK);
	expect_pins(PIN "\n" NEW_PIN "\n");
	assert_int_equal(ask_whole(a, SEAL), PM_OK);
	expect_pins("");
	memset(longest, '7', 255);
	longest[255] = '\0';
	make_whole(a, UNSEAL);
	a->unseal.pin = of_text(longest);
	assert_int_equal(send_it(a), PM_OK);
	make_whole(a, UNSEAL); /* bytes are bytes */
	a->unseal.pin = of_text("\xff\x01");
	assert_int_equal(send_it(a), PM_OK);
	fake_pins(pins);
	assert_int_equal(strlen(pins), 256 + 3);
	assert_string_equal(pins + 256, "\xff\x01\n");
}

static void a_pin_has_1_to_255_bytes(void **state)
{
	struct asked *a = *state;
	char too_long[257];

	memset(too_long, '7', 256);
	too_long[256] = '\0';
	const char *const wrong[] = { "", too_long };
	for (size_t i = 0; i < 2; i++) {
		make_whole(a, UNSEAL);
		a->unseal.pin = of_text(wrong[i]);
		expect_refusal(a, PM_BAD_REQUEST, "pin: must have 1 to 255 bytes");
		make_whole(a, CHANGE_PIN);
		a->change_pin.old_pin = of_text(wrong[i]);
		expect_refusal(a, PM_BAD_REQUEST, "old_pin: must have 1 to 255 bytes");
		make_whole(a, CHANGE_PIN);
		a->change_pin.new_pin = of_text(wrong[i]);
		expect_refusal(a, PM_BAD_REQUEST, "new_pin: must have 1 to 255 bytes");
	}
	assert_int_equal(fake_entered(), 0);
}

static void a_refused_pin_was_tried_once_and_the_answer_says_so(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_SEALED);
	make_whole(a, UNSEAL);
	expect_refusal(a, PM_SEALED,
		       "the token refused the PIN, which was tried once; it is still sealed");
	fake_fail(PM_DENIED);
	make_whole(a, CHANGE_PIN);
	expect_refusal(a, PM_DENIED, "the token refused the old PIN, which was tried once");
	fake_fail(PM_OUTCOME_UNKNOWN);
	make_whole(a, CHANGE_PIN);
	expect_refusal(a, PM_OUTCOME_UNKNOWN,
		       "the token has the old PIN or the new one: if it is sealed now, unseal it "
		       "with the new one");
	fake_why("one more wrong PIN locks the token");
	fake_fail(PM_SEALED);
	make_whole(a, UNSEAL);
	expect_refusal(a, PM_SEALED, "one more wrong PIN locks the token");
	fake_why(NULL);
}

/* nanomsg's REQ sends a request again by itself when no answer comes in time. */
static void a_pin_that_comes_twice_is_tried_once_whatever_came_of_it(void **state)
{
	static const enum pm_err ends[] = { PM_OK,           PM_SEALED,
					    PM_DENIED,       PM_OUTCOME_UNKNOWN,
					    PM_CONFLICT,     PM_HSM_UNAVAILABLE,
					    PM_AUDIT_BLOCKED };
	static const uint32_t calls[] = { UNSEAL, CHANGE_PIN, SEAL };
	struct asked *a = *state;
	unsigned entered = 0;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		for (size_t j = 0; j < sizeof(calls) / sizeof(calls[0]); j++) {
			fake_fail(ends[i]);
			assert_int_equal(ask_whole(a, calls[j]), ends[i]);
			char *message = strdup(a->reply->message);
			fake_fail(PM_OK);
			assert_int_equal(send_it(a), ends[i]);
			assert_string_equal(a->reply->message, message);
			free(message);
			assert_int_equal(fake_entered(), ++entered);
		}
	}
}

static void a_pin_that_comes_again_while_it_is_tried_waits_for_the_same_answer(void **state)
{
	struct asked *a = *state;
	int fd = connect_sp(a->f);
	uint8_t room[1024];

	fake_fail(PM_SEALED);
	fake_hold("test");
	make_whole(a, UNSEAL);
	a->request.deadline_ms = 30000;
	for (uint32_t i = 1; i <= 5; i++)
		send_request(fd, i, packed(&a->request));
	fake_await_entered(1);
	fake_release();
	for (int i = 0; i < 5; i++) {
		size_t len = receive_frame(fd, room, sizeof(room));
		Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);

		assert_non_null(reply);
		assert_int_equal(reply->error, PM_SEALED);
		free_reply(reply);
	}
	assert_int_equal(fake_entered(), 1);
	expect_pins(PIN "\n");
	close(fd);
}

/* Nor if other changes have driven all other answers out, or their time is over. */
static void what_came_of_a_pin_is_kept_however_many_changes_come(void **state)
{
	struct asked *a = *state;
	struct fixture *f = a->f;
	char id[16];

	nn_close(a->socket);
	f->config.replay_bytes = 65536;
	f->config.replay_seconds = 0; /* nothing is kept */
	serve_again(f);
	a->socket = connect_req(f);
	fake_fail(PM_SEALED);
	assert_int_equal(ask_whole(a, UNSEAL), PM_SEALED);
	strcpy(id, a->id);
	fake_fail(PM_OK);
	for (int i = 0; i < 200; i++)
		assert_int_equal(ask_whole(a, PEPPERMINT__V1__REQUEST__CALL_MINT_KEY), PM_OK);
	assert_int_equal(send_it(a), PM_OK); /* even this one is executed again */
	assert_int_equal(fake_executed(), 201);
	make_whole(a, UNSEAL);
	a->request.request_id = id;
	assert_int_equal(send_it(a), PM_SEALED);
	assert_int_equal(fake_executed(), 201);
}

static void another_pin_under_the_same_id_is_a_conflict(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_SEALED);
	assert_int_equal(ask_whole(a, UNSEAL), PM_SEALED);
	a->unseal.pin = of_text(NEW_PIN);
	assert_int_equal(send_it(a), PM_CONFLICT);
	assert_int_equal(fake_entered(), 1);
}

/* The thread for PINs is busy: it waits in the queue until its time is over. */
static void a_pin_that_was_not_tried_may_come_again_under_its_id(void **state)
{
	struct asked *a = *state;
	int fd = connect_sp(a->f);
	uint8_t room[1024];

	fake_hold("test");
	make_whole(a, CHANGE_PIN);
	a->request.deadline_ms = 30000;
	send_request(fd, 1, packed(&a->request));
	fake_await_entered(1);
	make_whole(a, UNSEAL);
	a->request.deadline_ms = 50;
	assert_int_equal(send_it(a), PM_DEADLINE_EXCEEDED);
	expect_pins(PIN "\n" NEW_PIN "\n");
	fake_release();
	a->request.deadline_ms = 0;
	assert_int_equal(send_it(a), PM_OK);
	expect_pins(PIN "\n");
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

static void a_failure_is_told_to_the_log_without_the_pin(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_SEALED);
	assert_int_equal(ask_whole(a, UNSEAL), PM_SEALED);
	struct fake_told told = fake_told();
	assert_int_equal(told.failures, 1);
	assert_string_equal(told.rpc, "Unseal");
	assert_string_equal(told.environment, "test");
	assert_int_equal(told.why, PM_SEALED);
}

/* The environment's one worker waits for its HSM, and its queue is full. */
static void a_seal_passes_everything_that_waits_for_the_hsm(void **state)
{
	struct asked *a = *state;
	struct fixture *f = a->f;
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;
	uint8_t room[1024];

	nn_close(a->socket);
	f->config.workers = 1;
	f->config.queue = 1;
	serve_again(f);
	a->socket = connect_req(f);
	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	send_request(fd, 1, packed(&request)); /* with the worker */
	fake_await_entered(1);
	send_request(fd, 2, packed(&request)); /* one of these waits, the other is busy */
	send_request(fd, 3, packed(&request));
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	make_whole(a, SEAL);
	a->request.deadline_ms = 1000; /* the fake holds this one too, once it is in */
	assert_int_equal(send_it(a), PM_HSM_UNAVAILABLE);
	assert_int_equal(fake_entered(), 2);
	fake_release();
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

/* A token that hangs with a PIN is just what a seal is for. */
static void a_seal_passes_pins_that_wait_for_the_hsm(void **state)
{
	struct asked *a = *state;
	int fd = connect_sp(a->f);
	uint8_t room[1024];

	fake_hold("test");
	for (uint32_t i = 1; i <= 3; i++) {
		make_whole(a, UNSEAL);
		a->request.deadline_ms = 30000;
		send_request(fd, i, packed(&a->request));
	}
	fake_await_entered(1);
	make_whole(a, SEAL);
	a->request.deadline_ms = 1000; /* the fake holds this one too, once it is in */
	assert_int_equal(send_it(a), PM_HSM_UNAVAILABLE);
	fake_release();
	for (int i = 0; i < 3; i++)
		assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

int main(void)
{
#define ASKED(test) cmocka_unit_test_setup_teardown(test, asked_setup, asked_teardown)
	const struct CMUnitTest tests[] = {
		ASKED(pins_go_straight_through),
		ASKED(a_pin_has_1_to_255_bytes),
		ASKED(a_refused_pin_was_tried_once_and_the_answer_says_so),
		ASKED(a_pin_that_comes_twice_is_tried_once_whatever_came_of_it),
		ASKED(a_pin_that_comes_again_while_it_is_tried_waits_for_the_same_answer),
		ASKED(what_came_of_a_pin_is_kept_however_many_changes_come),
		ASKED(another_pin_under_the_same_id_is_a_conflict),
		ASKED(a_pin_that_was_not_tried_may_come_again_under_its_id),
		ASKED(a_failure_is_told_to_the_log_without_the_pin),
		ASKED(a_seal_passes_everything_that_waits_for_the_hsm),
		ASKED(a_seal_passes_pins_that_wait_for_the_hsm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
