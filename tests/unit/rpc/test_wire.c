/* Hand-made bytes against the checks that stand in front of protobuf-c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "peppermint/v1/vault.pb-c.h"
#include "wire.h"

static const struct wire_limits limits = { .text = 256, .bytes = 16384, .items = 512 };

static const ProtobufCMessageDescriptor *const mint_type =
	&peppermint__v1__mint_key_request__descriptor;
static const ProtobufCMessageDescriptor *const verify_type =
	&peppermint__v1__verify_keys_request__descriptor;
static const ProtobufCMessageDescriptor *const claims_type =
	&peppermint__v1__verify_hash_request__descriptor;

enum { VARINT = 0, FIXED64 = 1, LENGTH = 2, GROUP = 3, END_GROUP = 4, FIXED32 = 5 };

static uint8_t room[256 * 1024];

static void put_varint(struct buf *buf, uint64_t value)
{
	do {
		uint8_t byte = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);

		buf_put(buf, bytes_of(&byte, 1));
		value >>= 7;
	} while (value > 0);
}

static void put_tag(struct buf *buf, uint32_t number, uint32_t wire_type)
{
	put_varint(buf, (uint64_t)number << 3 | wire_type);
}

static void put_bytes(struct buf *buf, uint32_t number, struct bytes content)
{
	put_tag(buf, number, LENGTH);
	put_varint(buf, content.len);
	buf_put(buf, content);
}

static void put_text(struct buf *buf, uint32_t number, const char *text)
{
	put_bytes(buf, number, bytes_str(text));
}

static void put_number(struct buf *buf, uint32_t number, uint64_t value)
{
	put_tag(buf, number, VARINT);
	put_varint(buf, value);
}

static struct buf fresh(void)
{
	memset(room, 0, 64);
	return (struct buf)BUF(room);
}

static struct buf a_mint_request(void)
{
	struct buf buf = fresh();

	put_text(&buf, 1, "test");
	put_text(&buf, 2, "acme");
	put_text(&buf, 3, "payments");
	put_text(&buf, 4, "the key of acme");
	put_number(&buf, 5, 1893456000);
	return buf;
}

static struct buf some_claims(void)
{
	struct buf buf = fresh();
	uint8_t inner[64];

	put_text(&buf, 1, "test");
	put_text(&buf, 2, "pan");
	for (int i = 0; i < 3; i++) {
		struct buf item = BUF(inner);

		put_bytes(&item, 1, bytes_of("4111111111111111", 16));
		put_text(&item, 2, "v1:abc");
		put_bytes(&buf, 3, buf_bytes(&item));
	}
	return buf;
}

static enum pm_err check_as(const ProtobufCMessageDescriptor *type, struct bytes message)
{
	struct wire_fault fault = { 0 };
	enum pm_err err = wire_check(type, message, &limits, &fault);

	if (err != PM_OK) {
		assert_non_null(fault.field);
		assert_non_null(fault.what);
	}
	return err;
}

static enum pm_err check(const ProtobufCMessageDescriptor *type, const struct buf *buf)
{
	return check_as(type, buf_bytes(buf));
}

/* What the check lets through, protobuf-c can unpack: the one promise that all of it is for. */
static enum pm_err check_and_unpack(const ProtobufCMessageDescriptor *type, struct bytes message)
{
	/* On the heap, exactly as long as it is, so that a sanitizer sees one byte too far. */
	uint8_t *copy = malloc(message.len + 1);
	memcpy(copy, message.data, message.len);
	uint8_t *exact = realloc(copy, message.len > 0 ? message.len : 1);
	enum pm_err err = check_as(type, bytes_of(exact, message.len));

	if (err == PM_OK) {
		ProtobufCMessage *unpacked =
			protobuf_c_message_unpack(type, NULL, message.len, exact);
		assert_non_null(unpacked);
		protobuf_c_message_free_unpacked(unpacked, NULL);
	}
	free(exact);
	return err;
}

static void a_whole_message_passes_and_unpacks_to_what_was_sent(void **state)
{
	struct arena *arena = NULL;
	ProtobufCMessage *message = NULL;
	struct wire_fault fault = { 0 };
	struct buf buf = a_mint_request();

	(void)state;
	assert_int_equal(arena_new(1024 * 1024, 16384, &arena), PM_OK);
	assert_int_equal(wire_open(mint_type, buf_bytes(&buf), &limits, arena, &message, &fault),
			 PM_OK);
	const Peppermint__V1__MintKeyRequest *mint = (const void *)message;
	assert_string_equal(mint->environment, "test");
	assert_string_equal(mint->account, "acme");
	assert_string_equal(mint->product, "payments");
	assert_string_equal(mint->name, "the key of acme");
	assert_int_equal(mint->expires_at, 1893456000);
	arena_free(arena);
}

static void an_empty_message_passes(void **state)
{
	(void)state;
	assert_int_equal(check_and_unpack(mint_type, bytes_of("", 0)), PM_OK);
	assert_int_equal(check_as(mint_type, bytes_of(NULL, 0)), PM_OK);
}

static void a_message_cut_anywhere_is_refused_unless_it_ends_with_a_field(void **state)
{
	struct buf buf = a_mint_request();
	int passed = 0;

	(void)state;
	for (size_t len = 0; len <= buf.len; len++)
		passed += check_and_unpack(mint_type, bytes_of(room, len)) == PM_OK;
	assert_int_equal(passed, 6); /* before, between and after its five fields */
}

static void every_changed_byte_of_a_message_is_refused_or_unpacks(void **state)
{
	struct buf buf = some_claims();

	(void)state;
	assert_int_equal(check(claims_type, &buf), PM_OK);
	for (size_t at = 0; at < buf.len; at++) {
		uint8_t before = room[at];

		for (int value = 0; value < 256; value++) {
			room[at] = (uint8_t)value;
			(void)check_and_unpack(claims_type, buf_bytes(&buf));
		}
		room[at] = before;
	}
}

static void random_bytes_are_refused_or_unpack(void **state)
{
	uint8_t junk[48];

	(void)state;
	srand(7);
	for (int round = 0; round < 100000; round++) {
		size_t len = (size_t)rand() % sizeof(junk);

		for (size_t i = 0; i < len; i++)
			junk[i] = (uint8_t)(rand() % 3 == 0 ? rand() : rand() % 32);
		(void)check_and_unpack(claims_type, bytes_of(junk, len));
		(void)check_and_unpack(mint_type, bytes_of(junk, len));
	}
}

static void a_varint_of_ten_bytes_passes_and_of_eleven_does_not(void **state)
{
	static const uint8_t most[] = { 5 << 3, 0xff, 0xff, 0xff, 0xff, 0xff,
					0xff,   0xff, 0xff, 0xff, 0x01 };
	static const uint8_t eleven[] = { 5 << 3, 0x80, 0x80, 0x80, 0x80, 0x80,
					  0x80,   0x80, 0x80, 0x80, 0x80, 0x00 };
	static const uint8_t over_64_bits[] = { 5 << 3, 0xff, 0xff, 0xff, 0xff, 0xff,
						0xff,   0xff, 0xff, 0xff, 0x02 };

	(void)state;
	assert_int_equal(check_and_unpack(mint_type, bytes_of(most, sizeof(most))), PM_OK);
	assert_int_equal(check_as(mint_type, bytes_of(eleven, sizeof(eleven))), PM_BAD_REQUEST);
	assert_int_equal(check_as(mint_type, bytes_of(over_64_bits, sizeof(over_64_bits))),
			 PM_BAD_REQUEST);
}

static void a_tag_or_length_of_more_than_five_bytes_is_refused(void **state)
{
	static const uint8_t tag[] = { 0xa8, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01 };
	static const uint8_t tag_over_32_bits[] = { 0xa8, 0x80, 0x80, 0x80, 0x10, 0x01 };
	static const uint8_t length[] = { 1 << 3 | 2, 0x81, 0x80, 0x80, 0x80, 0x80, 0x00, 'a' };
	static const uint8_t huge[] = { 1 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 'a' };

	(void)state;
	assert_int_equal(check_as(mint_type, bytes_of(tag, sizeof(tag))), PM_BAD_REQUEST);
	assert_int_equal(check_as(mint_type, bytes_of(tag_over_32_bits, sizeof(tag_over_32_bits))),
			 PM_BAD_REQUEST);
	assert_int_equal(check_as(mint_type, bytes_of(length, sizeof(length))), PM_BAD_REQUEST);
	assert_int_equal(check_as(mint_type, bytes_of(huge, sizeof(huge))), PM_BAD_REQUEST);
}

static void field_number_zero_is_refused(void **state)
{
	struct buf buf = fresh();

	(void)state;
	put_tag(&buf, 0, VARINT);
	put_varint(&buf, 1);
	assert_int_equal(check(mint_type, &buf), PM_BAD_REQUEST);
}

static void groups_and_undefined_wire_types_are_refused(void **state)
{
	(void)state;
	for (uint32_t wire_type = 0; wire_type < 8; wire_type++) {
		struct buf buf = fresh();

		put_tag(&buf, 1000, wire_type); /* a field that nobody declares */
		buf_put(&buf, bytes_of("\0\0\0\0\0\0\0\0", wire_type == FIXED64   ? 8
							   : wire_type == FIXED32 ? 4
										  : 1));
		bool known = wire_type == VARINT || wire_type == FIXED64 || wire_type == LENGTH ||
			     wire_type == FIXED32;
		assert_int_equal(check_and_unpack(mint_type, buf_bytes(&buf)),
				 known ? PM_OK : PM_BAD_REQUEST);
	}
	struct buf buf = fresh();
	put_tag(&buf, 1000, GROUP);
	put_tag(&buf, 1000, END_GROUP);
	assert_int_equal(check(mint_type, &buf), PM_BAD_REQUEST);
}

static void a_known_field_of_another_wire_type_is_refused_by_name(void **state)
{
	struct wire_fault fault = { 0 };
	struct buf buf = fresh();

	(void)state;
	put_number(&buf, 2, 5);
	assert_int_equal(wire_check(mint_type, buf_bytes(&buf), &limits, &fault), PM_BAD_REQUEST);
	assert_string_equal(fault.field, "account");
	buf = fresh();
	put_text(&buf, 5, "1893456000");
	assert_int_equal(wire_check(mint_type, buf_bytes(&buf), &limits, &fault), PM_BAD_REQUEST);
	assert_string_equal(fault.field, "expires_at");
}

static void a_singular_field_given_twice_is_refused_by_name(void **state)
{
	struct wire_fault fault = { 0 };
	struct buf buf = a_mint_request();

	(void)state;
	put_text(&buf, 2, "acme");
	assert_int_equal(wire_check(mint_type, buf_bytes(&buf), &limits, &fault), PM_BAD_REQUEST);
	assert_string_equal(fault.field, "account");
	assert_string_equal(fault.what, "given more than once");
}

static void a_text_may_have_256_bytes_and_not_257(void **state)
{
	char text[258];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[256] = '\0';
	struct buf buf = fresh();
	put_text(&buf, 2, text);
	assert_int_equal(check(mint_type, &buf), PM_OK);
	text[256] = 'x';
	text[257] = '\0';
	buf = fresh();
	put_text(&buf, 2, text);
	assert_int_equal(check(mint_type, &buf), PM_TOO_LARGE);
}

static void texts_that_are_not_clean_utf8_are_refused(void **state)
{
	static const struct bytes dirty[] = {
		{ (const uint8_t *)"a\0b", 3 },             /* would be cut short */
		{ (const uint8_t *)"a\nb", 3 },             /* forges log lines */
		{ (const uint8_t *)"\x1b[2J", 4 },          /* drives terminals */
		{ (const uint8_t *)"\xc0\xaf", 2 },         /* overlong */
		{ (const uint8_t *)"\xed\xa0\x80", 3 },     /* a surrogate */
		{ (const uint8_t *)"\xff", 1 },             /* never valid */
		{ (const uint8_t *)"caf\xc3", 4 },          /* cut in a character */
		{ (const uint8_t *)"\xc2\x85", 2 },         /* a C1 control */
		{ (const uint8_t *)"\xf4\x90\x80\x80", 4 }, /* beyond Unicode */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(dirty) / sizeof(dirty[0]); i++) {
		struct buf buf = fresh();

		put_bytes(&buf, 2, dirty[i]);
		assert_int_equal(check(mint_type, &buf), PM_BAD_REQUEST);
	}
	struct buf buf = fresh();
	put_text(&buf, 2, "caf\xc3\xa9");
	assert_int_equal(check(mint_type, &buf), PM_OK);
}

static void a_value_may_have_16384_bytes_and_not_one_more(void **state)
{
	static uint8_t value[16385];
	static uint8_t inner[16400];

	(void)state;
	for (size_t len = 16384; len <= 16385; len++) {
		struct buf item = BUF(inner);
		struct buf buf = fresh();

		put_bytes(&item, 1, bytes_of(value, len));
		put_bytes(&buf, 3, buf_bytes(&item));
		assert_int_equal(check(claims_type, &buf), len == 16384 ? PM_OK : PM_TOO_LARGE);
	}
}

static void a_list_may_have_512_items_and_not_513(void **state)
{
	struct buf buf = fresh();

	(void)state;
	for (int i = 0; i < 512; i++)
		put_text(&buf, 2, "k");
	assert_int_equal(check_and_unpack(verify_type, buf_bytes(&buf)), PM_OK);
	put_text(&buf, 2, "k");
	assert_int_equal(check(verify_type, &buf), PM_TOO_LARGE);
}

static void unknown_fields_are_ignored_but_not_without_end(void **state)
{
	struct buf buf = a_mint_request();

	(void)state;
	put_number(&buf, 100, 1);
	put_number(&buf, 100, 1); /* of what we do not know, we do not know that it is singular */
	put_text(&buf, 536870911, "\xff\xff"); /* the largest number; nobody reads its bytes */
	assert_int_equal(check_and_unpack(mint_type, buf_bytes(&buf)), PM_OK);
	for (int i = 0; i < 12 * 512 + 64; i++)
		put_number(&buf, 100, 1);
	assert_int_equal(check(mint_type, &buf), PM_TOO_LARGE);
}

static void what_is_wrong_inside_an_item_is_found(void **state)
{
	uint8_t inner[64];

	(void)state;
	for (int wrong = 0; wrong < 3; wrong++) {
		struct buf item = BUF(inner);
		struct buf buf = fresh();

		put_bytes(&item, 1, bytes_of("a", 1));
		if (wrong == 0)
			put_bytes(&item, 1, bytes_of("a", 1)); /* twice */
		else if (wrong == 1)
			put_text(&item, 2, "\x01");
		else
			put_tag(&item, 2, LENGTH); /* and no length */
		put_bytes(&buf, 3, buf_bytes(&item));
		assert_int_equal(check(claims_type, &buf), PM_BAD_REQUEST);
	}
}

static void a_number_that_would_be_cut_off_is_refused(void **state)
{
	const ProtobufCMessageDescriptor *rotate = &peppermint__v1__rotate_key_request__descriptor;
	struct buf buf = fresh();

	(void)state;
	put_number(&buf, 3, UINT32_MAX);
	assert_int_equal(check_and_unpack(rotate, buf_bytes(&buf)), PM_OK);
	buf = fresh();
	put_number(&buf, 3, (UINT64_C(1) << 32) + 1);
	assert_int_equal(check(rotate, &buf), PM_BAD_REQUEST);
}

/* A message that contains itself and numbers; vault.proto has nothing like it, yet. */
static const ProtobufCMessageDescriptor nested_type;
static const ProtobufCFieldDescriptor nested_fields[] = {
	{ .name = "inner",
	  .id = 1,
	  .label = PROTOBUF_C_LABEL_NONE,
	  .type = PROTOBUF_C_TYPE_MESSAGE,
	  .descriptor = &nested_type },
	{ .name = "numbers",
	  .id = 2,
	  .label = PROTOBUF_C_LABEL_REPEATED,
	  .type = PROTOBUF_C_TYPE_UINT32 },
	{ .name = "halves",
	  .id = 3,
	  .label = PROTOBUF_C_LABEL_REPEATED,
	  .type = PROTOBUF_C_TYPE_FIXED32 },
	{ .name = "level", .id = 4, .label = PROTOBUF_C_LABEL_NONE, .type = PROTOBUF_C_TYPE_INT32 },
};
static const unsigned nested_by_name[] = { 2, 0, 3, 1 };
static const ProtobufCIntRange nested_ranges[] = { { 1, 0 }, { 0, 4 } };
static const ProtobufCMessageDescriptor nested_type = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "Nested",
	.n_fields = 4,
	.fields = nested_fields,
	.fields_sorted_by_name = nested_by_name,
	.n_field_ranges = 1,
	.field_ranges = nested_ranges,
};

static void messages_may_be_nested_four_deep_and_not_five(void **state)
{
	uint8_t rooms[2][64];
	struct buf outer = { 0 };

	(void)state;
	for (int depth = 1; depth <= 5; depth++) {
		struct buf next = BUF(rooms[depth % 2]);

		if (depth == 1)
			put_number(&next, 4, 1);
		else
			put_bytes(&next, 1, buf_bytes(&outer));
		outer = next;
		assert_int_equal(check(&nested_type, &outer), depth <= 4 ? PM_OK : PM_BAD_REQUEST);
	}
}

static void a_bomb_of_nested_messages_ends_at_the_depth_limit(void **state)
{
	struct buf buf = fresh();

	(void)state;
	/* Each level claims that all the rest is its content: 60,000 bytes, 20,000 levels. */
	for (size_t rest = 60000; rest > 3; rest -= 4) {
		put_tag(&buf, 1, LENGTH);
		uint8_t length[3] = { (uint8_t)((rest - 4) & 0x7f) | 0x80,
				      (uint8_t)((rest - 4) >> 7 & 0x7f) | 0x80,
				      (uint8_t)((rest - 4) >> 14) };
		buf_put(&buf, bytes_of(length, 3));
	}
	assert_int_equal(check(&nested_type, &buf), PM_BAD_REQUEST);
}

static void packed_numbers_are_counted_and_must_fill_their_field(void **state)
{
	struct buf buf = fresh();

	(void)state;
	put_bytes(&buf, 2, bytes_of("\x01\x02\x83\x01", 4));
	put_number(&buf, 2, 4); /* one more, not packed */
	put_bytes(&buf, 3, bytes_of("abcdefgh", 8));
	assert_int_equal(check(&nested_type, &buf), PM_OK);
	buf = fresh();
	put_bytes(&buf, 2, bytes_of("\x01\x82", 2));
	assert_int_equal(check(&nested_type, &buf), PM_BAD_REQUEST);
	buf = fresh();
	put_bytes(&buf, 3, bytes_of("abcde", 5));
	assert_int_equal(check(&nested_type, &buf), PM_BAD_REQUEST);
	buf = fresh();
	put_bytes(&buf, 2, bytes_of("\xff\xff\xff\xff\x7f", 5)); /* over 32 bits */
	assert_int_equal(check(&nested_type, &buf), PM_BAD_REQUEST);
	buf = fresh();
	static uint8_t many[513];
	put_bytes(&buf, 2, bytes_of(many, 512));
	assert_int_equal(check(&nested_type, &buf), PM_OK);
	put_bytes(&buf, 2, bytes_of(many, 1));
	assert_int_equal(check(&nested_type, &buf), PM_TOO_LARGE);
}

static void a_negative_number_passes_if_its_field_is_signed(void **state)
{
	struct buf buf = fresh();

	(void)state;
	put_number(&buf, 4, (uint64_t)INT64_C(-1));
	assert_int_equal(check(&nested_type, &buf), PM_OK);
	buf = fresh();
	put_number(&buf, 4, UINT64_C(1) << 31);
	assert_int_equal(check(&nested_type, &buf), PM_BAD_REQUEST);
}

struct split {
	struct arena *arena;
	struct wire_request request;
	struct wire_fault fault;
};

static enum pm_err split(struct split *s, const struct buf *buf)
{
	arena_reset(s->arena);
	return wire_split(buf_bytes(buf), s->arena, &s->request, &s->fault);
}

static void a_request_splits_into_its_envelope_and_one_call(void **state)
{
	struct split *s = *state;
	struct buf buf = fresh();
	static const uint8_t head[] = { 1 << 3, 1, 2 << 3 | 2, 2, 'i', 'd', 3 << 3, 9 };

	put_number(&buf, 1, 1);
	put_text(&buf, 19, "the body");
	put_text(&buf, 2, "id");
	put_number(&buf, 3, 9);
	assert_int_equal(split(s, &buf), PM_OK);
	assert_int_equal(s->request.calls, 1);
	assert_int_equal(s->request.call, 19);
	assert_int_equal(s->request.body.len, 8);
	assert_memory_equal(s->request.body.data, "the body", 8);
	assert_int_equal(s->request.head.len, sizeof(head));
	assert_memory_equal(s->request.head.data, head, sizeof(head));
}

static void splitting_counts_the_calls(void **state)
{
	struct split *s = *state;
	struct buf buf = fresh();

	put_number(&buf, 1, 1);
	assert_int_equal(split(s, &buf), PM_OK);
	assert_int_equal(s->request.calls, 0);
	put_text(&buf, 16, "");
	put_text(&buf, 999, "");
	put_text(&buf, 15, "");   /* the envelope's */
	put_text(&buf, 1000, ""); /* neither's */
	assert_int_equal(split(s, &buf), PM_OK);
	assert_int_equal(s->request.calls, 2);
}

static void a_call_that_is_not_a_message_is_refused(void **state)
{
	struct split *s = *state;
	struct buf buf = fresh();

	put_number(&buf, 17, 1);
	assert_int_equal(split(s, &buf), PM_BAD_REQUEST);
}

static void a_request_cut_inside_a_field_does_not_split(void **state)
{
	struct split *s = *state;
	struct buf buf = fresh();
	int passed = 0;

	put_number(&buf, 1, 1);
	put_text(&buf, 2, "request");
	put_text(&buf, 18, "body");
	for (size_t len = 0; len <= buf.len; len++) {
		struct buf cut = { .data = room, .len = len };

		passed += split(s, &cut) == PM_OK;
	}
	assert_int_equal(passed, 4);
}

static int open_split(void **state)
{
	struct split *s = calloc(1, sizeof(*s));

	*state = s;
	return arena_new(1024 * 1024, 16384, &s->arena) == PM_OK ? 0 : -1;
}

static int close_split(void **state)
{
	struct split *s = *state;

	arena_free(s->arena);
	free(s);
	return 0;
}

int main(void)
{
#define SPLIT(test) cmocka_unit_test_setup_teardown(test, open_split, close_split)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_message_passes_and_unpacks_to_what_was_sent),
		cmocka_unit_test(an_empty_message_passes),
		cmocka_unit_test(a_message_cut_anywhere_is_refused_unless_it_ends_with_a_field),
		cmocka_unit_test(every_changed_byte_of_a_message_is_refused_or_unpacks),
		cmocka_unit_test(random_bytes_are_refused_or_unpack),
		cmocka_unit_test(a_varint_of_ten_bytes_passes_and_of_eleven_does_not),
		cmocka_unit_test(a_tag_or_length_of_more_than_five_bytes_is_refused),
		cmocka_unit_test(field_number_zero_is_refused),
		cmocka_unit_test(groups_and_undefined_wire_types_are_refused),
		cmocka_unit_test(a_known_field_of_another_wire_type_is_refused_by_name),
		cmocka_unit_test(a_singular_field_given_twice_is_refused_by_name),
		cmocka_unit_test(a_text_may_have_256_bytes_and_not_257),
		cmocka_unit_test(texts_that_are_not_clean_utf8_are_refused),
		cmocka_unit_test(a_value_may_have_16384_bytes_and_not_one_more),
		cmocka_unit_test(a_list_may_have_512_items_and_not_513),
		cmocka_unit_test(unknown_fields_are_ignored_but_not_without_end),
		cmocka_unit_test(what_is_wrong_inside_an_item_is_found),
		cmocka_unit_test(a_number_that_would_be_cut_off_is_refused),
		cmocka_unit_test(messages_may_be_nested_four_deep_and_not_five),
		cmocka_unit_test(a_bomb_of_nested_messages_ends_at_the_depth_limit),
		cmocka_unit_test(packed_numbers_are_counted_and_must_fill_their_field),
		cmocka_unit_test(a_negative_number_passes_if_its_field_is_signed),
		SPLIT(a_request_splits_into_its_envelope_and_one_call),
		SPLIT(splitting_counts_the_calls),
		SPLIT(a_call_that_is_not_a_message_is_refused),
		SPLIT(a_request_cut_inside_a_field_does_not_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
