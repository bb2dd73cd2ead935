#include "base/bytes.h"

#include "test.h"

static void fields_with_the_same_bytes_joined_differ(void **state)
{
	uint8_t a_room[32], b_room[32];
	struct buf a = BUF(a_room), b = BUF(b_room);

	(void)state;
	buf_put_field(&a, bytes_str("ab"));
	buf_put_field(&a, bytes_str("c"));
	buf_put_field(&b, bytes_str("a"));
	buf_put_field(&b, bytes_str("bc"));
	assert_int_equal(a.len, b.len);
	assert_memory_not_equal(a.data, b.data, a.len);
}

static void integers_are_big_endian(void **state)
{
	static const uint8_t expected[] = { 1, 2, 3, 4, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 9, 8 };
	uint8_t room[16];
	struct buf buf = BUF(room);

	(void)state;
	buf_put_u32(&buf, 0x01020304);
	buf_put_u64(&buf, 0xffeeddccbbaa0908);
	assert_int_equal(buf_bytes(&buf).len, sizeof(expected));
	assert_memory_equal(buf_bytes(&buf).data, expected, sizeof(expected));
}

static void what_does_not_fit_is_remembered_and_not_written(void **state)
{
	uint8_t room[8] = { 0 };
	struct buf buf = { .data = room, .cap = 4 };

	(void)state;
	buf_put(&buf, bytes_str("abc"));
	buf_put(&buf, bytes_str("de"));
	assert_true(buf.full);
	assert_int_equal(buf.len, 3);
	buf_put(&buf, bytes_str("f")); /* would fit, but the content is spoilt already */
	assert_int_equal(buf.len, 3);
	assert_all_zero(room + 3, sizeof(room) - 3);
}

static void a_buffer_can_be_filled_to_its_last_byte(void **state)
{
	uint8_t room[4];
	struct buf buf = BUF(room);

	(void)state;
	buf_put(&buf, bytes_str("abcd"));
	buf_put(&buf, bytes_of(NULL, 0));
	assert_false(buf.full);
	assert_int_equal(buf.len, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_with_the_same_bytes_joined_differ),
		cmocka_unit_test(integers_are_big_endian),
		cmocka_unit_test(what_does_not_fit_is_remembered_and_not_written),
		cmocka_unit_test(a_buffer_can_be_filled_to_its_last_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
