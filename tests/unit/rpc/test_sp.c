#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "sp.h"

static void only_a_req_may_greet(void **state)
{
	uint8_t greeting[SP_GREETING_LEN] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };

	(void)state;
	assert_true(sp_is_req(greeting));
	for (size_t at = 0; at < sizeof(greeting); at++) {
		greeting[at] ^= 1;
		assert_false(sp_is_req(greeting));
		greeting[at] ^= 1;
	}
	assert_false(sp_is_req(sp_greeting)); /* two REPs have nothing to say to each other */
}

static void a_header_reads_back_as_it_was_written(void **state)
{
	uint8_t header[SP_HEADER_LEN];
	size_t len = 0;

	(void)state;
	sp_write_header(header, 0x01020304);
	assert_memory_equal(header, "\1\0\0\0\0\1\2\3\4", sizeof(header));
	assert_true(sp_read_header(header, 0x01020304, &len));
	assert_int_equal(len, 0x01020304);
	assert_false(sp_read_header(header, 0x01020303, &len));
}

static void a_header_of_another_type_or_an_absurd_length_is_refused(void **state)
{
	uint8_t header[SP_HEADER_LEN];
	size_t len = 0;

	(void)state;
	for (int type = 0; type < 256; type++) {
		sp_write_header(header, 10);
		header[0] = (uint8_t)type;
		assert_int_equal(sp_read_header(header, 100, &len), type == 1);
	}
	memset(header, 0xff, sizeof(header));
	header[0] = 1;
	assert_false(sp_read_header(header, 65536, &len));
}

/* A payload of `hops` addresses and an id, followed by "body". */
static struct bytes payload(uint8_t *room, size_t hops)
{
	for (size_t i = 0; i <= hops; i++)
		memcpy(room + 4 * i, i < hops ? "\x01\x02\x03\x04" : "\x80\x02\x03\x04", 4);
	memcpy(room + 4 * (hops + 1), "body", 4);
	return bytes_of(room, 4 * (hops + 2));
}

static void a_payload_splits_behind_its_request_id(void **state)
{
	uint8_t room[64];
	struct bytes trace, body;

	(void)state;
	for (size_t hops = 0; hops <= 8; hops++) {
		assert_true(sp_split(payload(room, hops), &trace, &body));
		assert_ptr_equal(trace.data, room);
		assert_int_equal(trace.len, 4 * (hops + 1));
		assert_int_equal(body.len, 4);
		assert_memory_equal(body.data, "body", 4);
		assert_true(trace.len <= SP_TRACE_MAX);
	}
	assert_false(sp_split(payload(room, 9), &trace, &body));
}

static void a_payload_cut_inside_its_trace_does_not_split(void **state)
{
	uint8_t room[64];
	struct bytes trace, body;

	(void)state;
	struct bytes whole = payload(room, 2);
	for (size_t len = 0; len < whole.len; len++) {
		uint8_t *exact = malloc(len + 1);

		memcpy(exact, whole.data, len);
		assert_int_equal(sp_split(bytes_of(exact, len), &trace, &body), len >= 12);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_a_req_may_greet),
		cmocka_unit_test(a_header_reads_back_as_it_was_written),
		cmocka_unit_test(a_header_of_another_type_or_an_absurd_length_is_refused),
		cmocka_unit_test(a_payload_splits_behind_its_request_id),
		cmocka_unit_test(a_payload_cut_inside_its_trace_does_not_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
