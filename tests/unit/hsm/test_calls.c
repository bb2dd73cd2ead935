/* The queue alone: this test plays the link thread, so that it knows what waits and what flies. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "calls.h"
#include "peppermint/v1/signer.pb-c.h"

#define THREADS 20
#define PATIENCE_MS 60000
#define LEAVE_MS 1500 /* deadline of who leaves; the frame is taken long before */

static struct calls calls;
static uint8_t room[FRAME_MAX];
static struct buf frame = BUF(room);

struct caller {
	pthread_t thread;
	struct call call;
	struct hsm_job jobs[4];
	struct hsm_object object;
	int64_t deadline;
	enum pm_err err;
};

static int setup(void **state)
{
	(void)state;
	assert_int_equal(calls_open(&calls), PM_OK);
	calls_admit(&calls);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	calls_close(&calls);
	return 0;
}

static void *make_call(void *arg)
{
	struct caller *caller = arg;

	caller->err = calls_do(&calls, &caller->call, caller->deadline);
	return NULL;
}

static size_t jobs_waiting(void)
{
	pthread_mutex_lock(&calls.mutex);
	size_t count = calls.waiting_jobs;
	pthread_mutex_unlock(&calls.mutex);
	return count;
}

/* Returns when the call stands in the queue. */
static void start_caller(struct caller *caller)
{
	const size_t before = jobs_waiting();
	const int64_t give_up = deadline_in_ms(PATIENCE_MS);

	if (caller->deadline == 0)
		caller->deadline = give_up;
	assert_int_equal(pthread_create(&caller->thread, NULL, make_call, caller), 0);
	while (jobs_waiting() == before) {
		assert_true(clock_now() < give_up);
		usleep(100);
	}
}

/* `count` jobs whose ids are first, first + 1, … */
static void start_hmac(struct caller *caller, uint8_t first, size_t count)
{
	caller->call = (struct call){
		.kind = CALL_HMAC, .jobs = caller->jobs, .count = count, .size = 100
	};
	for (size_t i = 0; i < count; i++)
		caller->jobs[i].key.bytes[0] = (uint8_t)(first + i);
	start_caller(caller);
}

static enum pm_err join(struct caller *caller)
{
	pthread_join(caller->thread, NULL);
	return caller->err;
}

static Peppermint__Signer__V1__SignerRequest *take(uint64_t id)
{
	assert_true(calls_take(&calls, id, &frame));
	Peppermint__Signer__V1__SignerRequest *request =
		peppermint__signer__v1__signer_request__unpack(NULL, frame.len, frame.data);
	assert_non_null(request);
	assert_int_equal(request->id, id);
	return request;
}

static void forget(Peppermint__Signer__V1__SignerRequest *request)
{
	peppermint__signer__v1__signer_request__free_unpacked(request, NULL);
}

/* Each MAC is its key's id, twice. */
static enum pm_err answer_macs(const Peppermint__Signer__V1__SignerRequest *request, size_t count)
{
	static uint8_t macs[FRAME_ITEMS_MAX][HSM_MAC_LEN];
	static const uint8_t *list[FRAME_ITEMS_MAX];
	const struct reply reply = { .kind = REPLY_MACS, .macs = list, .count = count };

	for (size_t i = 0; i < request->hmac->n_items; i++) {
		memcpy(macs[i], request->hmac->items[i]->key_id.data, HSM_ID_LEN);
		memcpy(macs[i] + HSM_ID_LEN, macs[i], HSM_ID_LEN);
		list[i] = macs[i];
	}
	return calls_answer(&calls, &reply);
}

static void calls_that_wait_share_one_frame_and_each_gets_its_own(void **state)
{
	struct caller *callers = calloc(THREADS, sizeof(*callers));

	(void)state;
	assert_non_null(callers);
	for (size_t i = 0; i < THREADS; i++)
		start_hmac(&callers[i], (uint8_t)(4 * i), 1 + i % 4);
	Peppermint__Signer__V1__SignerRequest *request = take(1);
	assert_int_equal(request->hmac->n_items, THREADS / 4 * (1 + 2 + 3 + 4));
	assert_int_equal(jobs_waiting(), 0);
	assert_int_equal(answer_macs(request, request->hmac->n_items), PM_OK);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(join(&callers[i]), PM_OK);
		for (size_t k = 0; k < callers[i].call.count; k++) {
			assert_int_equal(callers[i].jobs[k].err, PM_OK);
			assert_int_equal(callers[i].jobs[k].mac[0], 4 * i + k);
			assert_int_equal(callers[i].jobs[k].mac[HSM_ID_LEN], 4 * i + k);
		}
	}
	forget(request);
	free(callers);
}

static void other_calls_are_frames_of_their_own_in_the_order_of_the_queue(void **state)
{
	struct caller a = { 0 }, list = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	start_hmac(&a, 1, 1);
	list.call = (struct call){ .kind = CALL_LIST, .text = "x", .objects = &list.object };
	start_caller(&list);
	start_hmac(&b, 2, 1);
	start_hmac(&c, 3, 2);

	Peppermint__Signer__V1__SignerRequest *request = take(1);
	assert_int_equal(request->hmac->n_items, 1);
	assert_int_equal(answer_macs(request, 1), PM_OK);
	forget(request);
	assert_int_equal(join(&a), PM_OK);

	request = take(2);
	assert_string_equal(request->list->label_prefix, "x");
	forget(request);
	struct hsm_object none[1];
	const struct reply reply = { .kind = REPLY_OBJECTS, .objects = none };
	assert_int_equal(calls_answer(&calls, &reply), PM_OK);
	assert_int_equal(join(&list), PM_OK);

	request = take(3);
	assert_int_equal(request->hmac->n_items, 3);
	assert_int_equal(answer_macs(request, 3), PM_OK);
	forget(request);
	assert_int_equal(join(&b), PM_OK);
	assert_int_equal(join(&c), PM_OK);
	assert_false(calls_take(&calls, 4, &frame));
}

static void a_frame_takes_no_more_bytes_than_it_may(void **state)
{
	static const uint8_t data[HSM_DATA_MAX];
	struct caller callers[5] = { 0 };

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		struct caller *caller = &callers[i];

		caller->jobs[0].data = bytes_of(data, sizeof(data));
		caller->call = (struct call){ .kind = CALL_HMAC,
					      .jobs = caller->jobs,
					      .count = 1,
					      .size = frame_item_size(caller->jobs[0].data) };
		start_caller(caller);
	}
	Peppermint__Signer__V1__SignerRequest *request = take(1);
	assert_int_equal(request->hmac->n_items, 3);
	assert_true(frame.len <= FRAME_MAX);
	assert_int_equal(answer_macs(request, 3), PM_OK);
	forget(request);
	request = take(2);
	assert_int_equal(request->hmac->n_items, 2);
	assert_int_equal(answer_macs(request, 2), PM_OK);
	forget(request);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(join(&callers[i]), PM_OK);
}

static void a_full_queue_says_busy(void **state)
{
	struct hsm_job *jobs = calloc(CALLS_JOBS_MAX, sizeof(*jobs));
	struct caller full = { 0 };
	struct call one = { .kind = CALL_RANDOM, .out = room, .out_len = 1 };

	(void)state;
	assert_non_null(jobs);
	full.call = (struct call){ .kind = CALL_HMAC, .jobs = jobs, .count = CALLS_JOBS_MAX };
	start_caller(&full);
	assert_int_equal(calls_do(&calls, &one, deadline_in_ms(PATIENCE_MS)), PM_BUSY);
	calls_refuse(&calls, PM_HSM_UNAVAILABLE);
	assert_int_equal(join(&full), PM_HSM_UNAVAILABLE);
	assert_int_equal(jobs_waiting(), 0);
	free(jobs);
}

static void an_answer_does_not_touch_a_caller_that_has_left(void **state)
{
	struct caller leaver = { .deadline = deadline_in_ms(LEAVE_MS) }, stayer = { 0 };

	(void)state;
	start_hmac(&leaver, 1, 4);
	start_hmac(&stayer, 9, 1);
	Peppermint__Signer__V1__SignerRequest *request = take(1);
	assert_int_equal(join(&leaver), PM_DEADLINE_EXCEEDED);
	memset(&leaver, 0xaa, sizeof(leaver));
	assert_int_equal(answer_macs(request, 5), PM_OK);
	forget(request);
	for (size_t i = 0; i < sizeof(leaver); i++)
		assert_int_equal(((const uint8_t *)&leaver)[i], 0xaa);
	assert_int_equal(join(&stayer), PM_OK);
	assert_int_equal(stayer.jobs[0].mac[0], 9);
}

static void a_frame_whose_callers_have_all_left_can_still_be_answered(void **state)
{
	static const enum call_kind kinds[] = {
		CALL_HMAC,         CALL_LIST,   CALL_RANDOM, CALL_GENERATE, CALL_GENERATE_PAIR,
		CALL_GENERATE_AES, CALL_IMPORT, CALL_SIGN,   CALL_ENCRYPT,  CALL_DECRYPT,
	};
	const struct hsm_id id = { { 1 } };
	struct hsm_object secret = { .algorithm = HSM_HMAC_SHA256 };
	struct hsm_object pair = { .algorithm = HSM_ED25519, .public_len = 32 };
	struct hsm_object aes = { .algorithm = HSM_AES256_GCM };

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct caller caller = { .deadline = deadline_in_ms(LEAVE_MS) };
		const uint8_t *mac = room;
		const struct reply replies[] = {
			[CALL_HMAC] = { .kind = REPLY_MACS, .macs = &mac, .count = 1 },
			[CALL_LIST] = { .kind = REPLY_OBJECTS },
			[CALL_RANDOM] = { .kind = REPLY_RANDOM, .bytes = { room, 1 } },
			[CALL_GENERATE] = { .kind = REPLY_OBJECTS, .objects = &secret, .count = 1 },
			[CALL_GENERATE_PAIR] = { .kind = REPLY_OBJECTS,
						 .objects = &pair,
						 .count = 1 },
			[CALL_GENERATE_AES] = { .kind = REPLY_OBJECTS,
						.objects = &aes,
						.count = 1 },
			[CALL_IMPORT] = { .kind = REPLY_OBJECTS, .objects = &secret, .count = 1 },
			[CALL_SIGN] = { .kind = REPLY_SIGNATURE, .signature = room },
			[CALL_ENCRYPT] = { .kind = REPLY_ENCRYPTED, .bytes = { room, 17 } },
			[CALL_DECRYPT] = { .kind = REPLY_DECRYPTED, .bytes = { room, 1 } },
		};
		const bool makes = kinds[i] == CALL_GENERATE || kinds[i] == CALL_GENERATE_PAIR ||
				   kinds[i] == CALL_GENERATE_AES || kinds[i] == CALL_IMPORT;

		caller.call = (struct call){ .kind = kinds[i],
					     .jobs = caller.jobs,
					     .count = kinds[i] == CALL_HMAC,
					     .id = &id,
					     .text = "x",
					     .objects = &caller.object,
					     .algorithm = HSM_ED25519,
					     .signature = caller.jobs[0].mac,
					     .iv = room,
					     .out = room,
					     .out_len = 1 };
		start_caller(&caller);
		forget(take(i));
		assert_int_equal(join(&caller), makes ? PM_OUTCOME_UNKNOWN : PM_DEADLINE_EXCEEDED);
		assert_int_equal(calls_answer(&calls, &replies[kinds[i]]), PM_OK);
	}
}

static void an_answer_of_another_kind_or_length_is_refused_and_leaves_the_call(void **state)
{
	const uint8_t *mac = room;
	const struct reply replies[] = {
		{ .kind = REPLY_STARTED },
		{ .kind = REPLY_OBJECTS },
		{ .kind = REPLY_RANDOM, .bytes = { room, 1 } },
		{ .kind = REPLY_MACS, .macs = &mac, .count = 1 },
		{ .kind = REPLY_SIGNATURE, .signature = room },
	};
	struct caller caller = { 0 };

	(void)state;
	start_hmac(&caller, 1, 2);
	forget(take(1));
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++)
		assert_int_equal(calls_answer(&calls, &replies[i]), PM_BAD_REPLY);
	calls_refuse(&calls, PM_HSM_UNAVAILABLE);
	assert_int_equal(join(&caller), PM_HSM_UNAVAILABLE);
}

static void a_signature_goes_to_who_asked_for_it_and_nothing_else_does(void **state)
{
	const struct hsm_id id = { { 9 } };
	const uint8_t *mac = room;
	struct hsm_object pair = { .id = id, .algorithm = HSM_ED25519, .public_len = 32 };
	const struct reply wrong[] = {
		{ .kind = REPLY_MACS, .macs = &mac, .count = 1 },
		{ .kind = REPLY_OBJECTS, .objects = &pair, .count = 1 },
		{ .kind = REPLY_RANDOM, .bytes = { room, 64 } },
		{ .kind = REPLY_STARTED },
	};
	uint8_t made[HSM_SIGNATURE_LEN], signature[HSM_SIGNATURE_LEN] = { 0 };
	struct caller caller = { 0 };

	(void)state;
	memset(made, 0x5a, sizeof(made));
	caller.call = (struct call){ .kind = CALL_SIGN,
				     .id = &id,
				     .algorithm = HSM_ED25519,
				     .data = bytes_str("data"),
				     .signature = signature };
	start_caller(&caller);
	Peppermint__Signer__V1__SignerRequest *request = take(1);
	assert_int_equal(request->sign->key_id.data[0], 9);
	forget(request);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(calls_answer(&calls, &wrong[i]), PM_BAD_REPLY);
	const struct reply right = { .kind = REPLY_SIGNATURE, .signature = made };
	assert_int_equal(calls_answer(&calls, &right), PM_OK);
	assert_int_equal(join(&caller), PM_OK);
	assert_memory_equal(signature, made, sizeof(made));
}

static void what_was_made_must_be_of_the_kind_that_was_asked_for(void **state)
{
	static const struct {
		enum call_kind asked;
		enum hsm_algorithm made;
		size_t public_len;
		enum pm_err err;
	} cases[] = {
		{ CALL_GENERATE, HSM_ED25519, 32, PM_BAD_REPLY },
		{ CALL_GENERATE, HSM_ALGORITHM_OTHER, 0, PM_BAD_REPLY },
		{ CALL_GENERATE, HSM_AES256_GCM, 0, PM_BAD_REPLY },
		{ CALL_GENERATE, HSM_HMAC_SHA256, 0, PM_OK },
		{ CALL_GENERATE_AES, HSM_HMAC_SHA256, 0, PM_BAD_REPLY },
		{ CALL_GENERATE_AES, HSM_ED25519, 32, PM_BAD_REPLY },
		{ CALL_GENERATE_AES, HSM_ALGORITHM_OTHER, 0, PM_BAD_REPLY },
		{ CALL_GENERATE_AES, HSM_AES256_GCM, 0, PM_OK },
		{ CALL_IMPORT, HSM_AES256_GCM, 0, PM_BAD_REPLY },
		{ CALL_IMPORT, HSM_HMAC_SHA256, 0, PM_OK },
		{ CALL_GENERATE_PAIR, HSM_HMAC_SHA256, 0, PM_BAD_REPLY },
		{ CALL_GENERATE_PAIR, HSM_ED25519, 0, PM_BAD_REPLY },
		{ CALL_GENERATE_PAIR, HSM_ED25519, 32, PM_OK },
		{ CALL_GENERATE_PAIR, HSM_ECDSA_P256, 91, PM_OK },
	};
	const struct hsm_id id = { { 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct caller caller = { 0 };
		struct hsm_object object = { .id = id,
					     .algorithm = cases[i].made,
					     .public_len = cases[i].public_len };
		const struct reply reply = { .kind = REPLY_OBJECTS,
					     .objects = &object,
					     .count = 1 };

		caller.call = (struct call){
			.kind = cases[i].asked, .id = &id, .text = "x", .objects = &caller.object
		};
		start_caller(&caller);
		forget(take(i));
		assert_int_equal(calls_answer(&calls, &reply), cases[i].err);
		if (cases[i].err != PM_OK)
			calls_refuse(&calls, PM_HSM_UNAVAILABLE);
		assert_int_equal(join(&caller), cases[i].err == PM_OK ? PM_OK : PM_OUTCOME_UNKNOWN);
		calls_admit(&calls);
	}
}

static void random_bytes_of_another_length_are_refused(void **state)
{
	struct caller caller = { 0 };
	uint8_t bytes[4];

	(void)state;
	caller.call = (struct call){ .kind = CALL_RANDOM, .out = bytes, .out_len = 4 };
	start_caller(&caller);
	forget(take(1));
	for (size_t len = 0; len < 8; len++) {
		const struct reply reply = { .kind = REPLY_RANDOM, .bytes = { room, len } };

		assert_int_equal(len == 4 ? PM_BAD_REPLY : calls_answer(&calls, &reply),
				 PM_BAD_REPLY);
	}
	assert_int_equal(
		calls_answer(&calls, &(struct reply){ .kind = REPLY_RANDOM, .bytes = { room, 4 } }),
		PM_OK);
	assert_int_equal(join(&caller), PM_OK);
}

static void losing_the_signer_leaves_only_a_generate_in_flight_in_doubt(void **state)
{
	static const struct {
		enum call_kind kind;
		enum pm_err lost; /* in flight */
	} cases[] = {
		{ CALL_GENERATE, PM_OUTCOME_UNKNOWN },
		{ CALL_GENERATE_PAIR, PM_OUTCOME_UNKNOWN },
		{ CALL_GENERATE_AES, PM_OUTCOME_UNKNOWN },
		{ CALL_IMPORT, PM_OUTCOME_UNKNOWN },
		{ CALL_SIGN, PM_HSM_UNAVAILABLE },
		{ CALL_ENCRYPT, PM_HSM_UNAVAILABLE },
		{ CALL_DECRYPT, PM_HSM_UNAVAILABLE },
	};
	const struct hsm_id id = { { 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct caller flying = { 0 }, waiting = { 0 }, hmac = { 0 };

		flying.call = waiting.call =
			(struct call){ .kind = cases[i].kind, .id = &id, .text = "x", .iv = room };
		start_caller(&flying);
		start_caller(&waiting);
		start_hmac(&hmac, 1, 1);
		forget(take(1));
		calls_refuse(&calls, PM_HSM_UNAVAILABLE);
		assert_int_equal(join(&flying), cases[i].lost);
		assert_int_equal(join(&waiting), PM_HSM_UNAVAILABLE);
		assert_int_equal(join(&hmac), PM_HSM_UNAVAILABLE);
		calls_admit(&calls);
	}
}

static void new_calls_fail_at_once_while_nothing_serves(void **state)
{
	struct call call = { .kind = CALL_RANDOM, .out = room, .out_len = 1 };
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);

	(void)state;
	calls_refuse(&calls, PM_HSM_UNAVAILABLE);
	assert_int_equal(calls_do(&calls, &call, deadline), PM_HSM_UNAVAILABLE);
	calls_refuse(&calls, PM_SEALED);
	assert_int_equal(calls_do(&calls, &call, deadline), PM_SEALED);
	calls_stop(&calls);
	calls_admit(&calls);
	assert_int_equal(calls_do(&calls, &call, deadline), PM_SHUTTING_DOWN);
}

static bool is_awake(void)
{
	struct pollfd fd = { .fd = calls.wake_fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static void a_sleeping_link_thread_is_woken_by_the_first_call(void **state)
{
	struct caller caller = { 0 };

	(void)state;
	assert_false(calls_take(&calls, 1, &frame));
	assert_false(is_awake());
	start_hmac(&caller, 1, 1);
	assert_true(is_awake());
	calls_stop(&calls);
	assert_int_equal(join(&caller), PM_SHUTTING_DOWN);
}

static void note_state(void *arg)
{
	struct caller *caller = arg;

	assert_int_equal(caller->call.state, CALL_FLIES);
	caller->object.id.bytes[0]++;
}

static void start_pin_change(struct caller *caller)
{
	caller->call = (struct call){
		.kind = CALL_CHANGE_PIN,
		.old_pin = bytes_str("1234"),
		.new_pin = bytes_str("5678"),
		.changed = note_state,
		.changed_arg = caller,
	};
	start_caller(caller);
}

/* Whoever starts the next signer, however soon, finds the new PIN. */
static void a_pin_has_changed_before_its_caller_hears_of_it(void **state)
{
	const struct reply changed = { .id = 1, .kind = REPLY_PIN_CHANGED };
	const struct reply refused = {
		.id = 2, .kind = REPLY_FAILED, .fault = FAULT_CALLER, .ck_rv = 0xa0
	};
	struct caller good = { 0 }, bad = { 0 };
	(void)state;

	start_pin_change(&good);
	forget(take(1));
	assert_int_equal(calls_answer(&calls, &changed), PM_OK);
	assert_int_equal(join(&good), PM_OK);
	assert_int_equal(good.object.id.bytes[0], 1);
	start_pin_change(&bad);
	forget(take(2));
	assert_int_equal(calls_answer(&calls, &refused), PM_OK);
	assert_int_equal(join(&bad), PM_DENIED);
	assert_int_equal(bad.object.id.bytes[0], 0);
}

#define CALLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CALLS_TEST(calls_that_wait_share_one_frame_and_each_gets_its_own),
		CALLS_TEST(other_calls_are_frames_of_their_own_in_the_order_of_the_queue),
		CALLS_TEST(a_frame_takes_no_more_bytes_than_it_may),
		CALLS_TEST(a_full_queue_says_busy),
		CALLS_TEST(an_answer_does_not_touch_a_caller_that_has_left),
		CALLS_TEST(a_frame_whose_callers_have_all_left_can_still_be_answered),
		CALLS_TEST(an_answer_of_another_kind_or_length_is_refused_and_leaves_the_call),
		CALLS_TEST(a_signature_goes_to_who_asked_for_it_and_nothing_else_does),
		CALLS_TEST(what_was_made_must_be_of_the_kind_that_was_asked_for),
		CALLS_TEST(random_bytes_of_another_length_are_refused),
		CALLS_TEST(losing_the_signer_leaves_only_a_generate_in_flight_in_doubt),
		CALLS_TEST(new_calls_fail_at_once_while_nothing_serves),
		CALLS_TEST(a_sleeping_link_thread_is_woken_by_the_first_call),
		CALLS_TEST(a_pin_has_changed_before_its_caller_hears_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
