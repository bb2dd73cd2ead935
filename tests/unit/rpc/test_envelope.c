#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "envelope.h"
#include "fixture.h"

static const struct wire_limits limits = { .text = 256, .bytes = 16384, .items = 512 };

#define ARRIVAL INT64_C(1000000000000)

struct opened {
	struct arena *arena;
	struct envelope envelope;
	struct wire_fault fault;
};

static enum pm_err open_bytes(struct opened *o, struct bytes frame)
{
	arena_reset(o->arena);
	return envelope_open(frame, ARRIVAL, &limits, o->arena, &o->envelope, &o->fault);
}

static enum pm_err open(struct opened *o, const Peppermint__V1__Request *request)
{
	return open_bytes(o, packed(request));
}

static void a_whole_envelope_is_read(void **state)
{
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();

	request.request_id = "an id";
	request.operator_ = "olga";
	request.deadline_ms = 250;
	assert_int_equal(open(o, &request), PM_OK);
	assert_string_equal(o->envelope.request_id, "an id");
	assert_string_equal(o->envelope.operator_name, "olga");
	assert_int_equal(o->envelope.call, 16);
	assert_int_equal(o->envelope.body.len, 0);
	assert_false(o->envelope.want_receipt);
	assert_int_equal(o->envelope.deadline, ARRIVAL + 250 * NS_PER_MS);
}

static void what_is_brought_for_step_up_is_read(void **state)
{
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();

	assert_int_equal(open(o, &request), PM_OK);
	assert_string_equal(o->envelope.confirmation, "");
	assert_string_equal(o->envelope.authorization, "");
	assert_int_equal(o->envelope.pin.len, 0);
	request.confirmation = "0123456789";
	request.authorization = "Bearer ak_test_x";
	request.pin = (ProtobufCBinaryData){ 4, (uint8_t *)"12\0004" };
	assert_int_equal(open(o, &request), PM_OK);
	assert_string_equal(o->envelope.confirmation, "0123456789");
	assert_string_equal(o->envelope.authorization, "Bearer ak_test_x");
	assert_int_equal(o->envelope.pin.len, 4);
	assert_memory_equal(o->envelope.pin.data, "12\0004", 4);
}

static void an_operators_pin_has_64_bytes_at_most(void **state)
{
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();
	uint8_t pin[65] = { 0 };

	request.pin = (ProtobufCBinaryData){ 64, pin };
	assert_int_equal(open(o, &request), PM_OK);
	request.pin.len = 65;
	assert_int_equal(open(o, &request), PM_BAD_REQUEST);
	assert_string_equal(o->fault.field, "pin");
}

static void whether_a_receipt_is_wanted_is_read_once(void **state)
{
	static const uint8_t twice[] = { 1 << 3, 1, 5 << 3, 1, 5 << 3, 1, 0x82, 0x01, 0 };
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();

	request.want_receipt = true;
	assert_int_equal(open(o, &request), PM_OK);
	assert_true(o->envelope.want_receipt);
	assert_int_equal(open_bytes(o, bytes_of(twice, sizeof(twice))), PM_BAD_REQUEST);
	assert_string_equal(o->fault.field, "want_receipt");
	assert_false(o->envelope.want_receipt);
}

static void without_a_deadline_it_is_five_seconds_and_at_most_thirty(void **state)
{
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();

	assert_int_equal(open(o, &request), PM_OK);
	assert_int_equal(o->envelope.deadline, ARRIVAL + 5 * NS_PER_SECOND);
	request.deadline_ms = 30001;
	assert_int_equal(open(o, &request), PM_OK);
	assert_int_equal(o->envelope.deadline, ARRIVAL + 30 * NS_PER_SECOND);
	request.deadline_ms = UINT32_MAX;
	assert_int_equal(open(o, &request), PM_OK);
	assert_int_equal(o->envelope.deadline, ARRIVAL + 30 * NS_PER_SECOND);
}

static void another_version_is_unsupported_and_the_id_is_still_read(void **state)
{
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();

	request.request_id = "an id";
	for (uint32_t version = 0; version < 4; version++) {
		request.version = version;
		assert_int_equal(open(o, &request), version == 1 ? PM_OK : PM_VERSION_UNSUPPORTED);
		assert_string_equal(o->envelope.request_id, "an id");
	}
}

static void a_request_id_has_at_most_64_printable_ascii_characters(void **state)
{
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();
	char id[66];

	memset(id, '~', sizeof(id));
	id[64] = '\0';
	request.request_id = id;
	assert_int_equal(open(o, &request), PM_OK);
	id[64] = 'x';
	id[65] = '\0';
	assert_int_equal(open(o, &request), PM_BAD_REQUEST);
	assert_string_equal(o->fault.field, "request_id");
	assert_string_equal(o->envelope.request_id, "");
	request.request_id = "caf\xc3\xa9";
	assert_int_equal(open(o, &request), PM_BAD_REQUEST);
}

static void an_operator_has_at_most_64_bytes(void **state)
{
	struct opened *o = *state;
	Peppermint__V1__Request request = status_request();
	char operator[66];

	memset(operator, 'o', sizeof(operator));
	operator[64] = '\0';
	request.operator_ = operator;
	assert_int_equal(open(o, &request), PM_OK);
	operator[64] = 'x';
	operator[65] = '\0';
	assert_int_equal(open(o, &request), PM_BAD_REQUEST);
	assert_string_equal(o->fault.field, "operator");
}

static void no_call_is_unknown_and_two_are_bad(void **state)
{
	static const uint8_t none[] = { 1 << 3, 1 };
	static const uint8_t two[] = { 1 << 3, 1, 0x82, 0x01, 0, 0x8a, 0x01, 0 };
	static const uint8_t twice[] = { 1 << 3, 1, 0x82, 0x01, 0, 0x82, 0x01, 0 };
	struct opened *o = *state;

	assert_int_equal(open_bytes(o, bytes_of(none, sizeof(none))), PM_UNKNOWN_RPC);
	assert_int_equal(open_bytes(o, bytes_of(two, sizeof(two))), PM_BAD_REQUEST);
	assert_int_equal(open_bytes(o, bytes_of(twice, sizeof(twice))), PM_BAD_REQUEST);
}

static void a_version_given_twice_is_bad(void **state)
{
	static const uint8_t twice[] = { 1 << 3, 1, 1 << 3, 1, 0x82, 0x01, 0 };
	struct opened *o = *state;

	assert_int_equal(open_bytes(o, bytes_of(twice, sizeof(twice))), PM_BAD_REQUEST);
	assert_string_equal(o->fault.field, "version");
}

static void bytes_that_are_no_request_are_bad_and_have_no_id(void **state)
{
	struct opened *o = *state;

	assert_int_equal(open_bytes(o, bytes_of("\xff\xff\xff", 3)), PM_BAD_REQUEST);
	assert_string_equal(o->envelope.request_id, "");
}

static int setup(void **state)
{
	struct opened *o = calloc(1, sizeof(*o));

	*state = o;
	return arena_new(1024 * 1024, 16384, &o->arena) == PM_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct opened *o = *state;

	arena_free(o->arena);
	free(o);
	return 0;
}

int main(void)
{
#define OPENED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		OPENED(a_whole_envelope_is_read),
		OPENED(what_is_brought_for_step_up_is_read),
		OPENED(an_operators_pin_has_64_bytes_at_most),
		OPENED(whether_a_receipt_is_wanted_is_read_once),
		OPENED(without_a_deadline_it_is_five_seconds_and_at_most_thirty),
		OPENED(another_version_is_unsupported_and_the_id_is_still_read),
		OPENED(a_request_id_has_at_most_64_printable_ascii_characters),
		OPENED(an_operator_has_at_most_64_bytes),
		OPENED(no_call_is_unknown_and_two_are_bad),
		OPENED(a_version_given_twice_is_bad),
		OPENED(bytes_that_are_no_request_are_bad_and_have_no_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
