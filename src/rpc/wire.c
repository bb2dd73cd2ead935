#include "wire.h"

#include <stdbool.h>
#include <string.h>

#include "base/text.h"

#define TAG_BYTES 5     /* a field number has at most 29 bits; protobuf-c reads no more either */
#define LENGTH_BYTES 5  /* likewise */
#define VARINT_BYTES 10 /* 64 bits */
#define DEPTH_MAX 4
#define FIELDS_PER_TYPE 64 /* of our own messages; Request itself has 51 */
#define FIELDS_PER_ITEM 12 /* of a request's list, on the average */
#define FIELDS_SPARE 64    /* fields of a message beside its items */

struct reader {
	const uint8_t *at;
	const uint8_t *end;
};

struct field {
	struct bytes whole; /* tag and all */
	uint32_t number;
	uint32_t wire_type;
	uint64_t value;       /* if a varint */
	struct bytes content; /* if length-delimited */
};

static struct reader reader_of(struct bytes bytes)
{
	const uint8_t *start = bytes.data ? bytes.data : (const uint8_t *)"";

	return (struct reader){ .at = start, .end = start + bytes.len };
}

static bool read_run(struct reader *reader, uint64_t len, struct bytes *run)
{
	if (len > (uint64_t)(reader->end - reader->at))
		return false;
	*run = bytes_of(reader->at, (size_t)len);
	reader->at += len;
	return true;
}

static bool read_varint(struct reader *reader, size_t max_bytes, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i < max_bytes && reader->at < reader->end; i++) {
		uint8_t byte = *reader->at++;

		if (i == VARINT_BYTES - 1 && byte > 1)
			return false; /* more than 64 bits */
		*value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
			return true;
	}
	return false;
}

static bool read_content(struct reader *reader, struct field *field)
{
	uint64_t len = 0;

	switch (field->wire_type) {
	case PROTOBUF_C_WIRE_TYPE_VARINT:
		return read_varint(reader, VARINT_BYTES, &field->value);
	case PROTOBUF_C_WIRE_TYPE_64BIT:
		return read_run(reader, 8, &field->content);
	case PROTOBUF_C_WIRE_TYPE_32BIT:
		return read_run(reader, 4, &field->content);
	case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
		return read_varint(reader, LENGTH_BYTES, &len) &&
		       read_run(reader, len, &field->content);
	default:
		return false; /* groups, and what was never defined */
	}
}

static bool read_field(struct reader *reader, struct field *field)
{
	const uint8_t *start = reader->at;
	uint64_t tag = 0;

	if (!read_varint(reader, TAG_BYTES, &tag) || tag > UINT32_MAX)
		return false;
	field->number = (uint32_t)tag >> 3;
	field->wire_type = tag & 7;
	if (field->number == 0 || !read_content(reader, field))
		return false;
	field->whole = bytes_of(start, (size_t)(reader->at - start));
	return true;
}

static enum pm_err fail(struct wire_fault *fault, enum pm_err err, const char *field,
			const char *what)
{
	*fault = (struct wire_fault){ .field = field, .what = what };
	return err;
}

static bool is_call(uint32_t number)
{
	return number >= WIRE_CALL_FIRST && number <= WIRE_CALL_LAST;
}

enum pm_err wire_split(struct bytes frame, struct arena *arena, struct wire_request *out,
		       struct wire_fault *fault)
{
	struct reader reader = reader_of(frame);
	struct buf head = { .data = arena_alloc(arena, frame.len), .cap = frame.len };
	struct field field;

	if (!head.data)
		return fail(fault, PM_NO_MEMORY, "", "the vault is out of memory");
	*out = (struct wire_request){ 0 };
	while (reader.at < reader.end) {
		field = (struct field){ 0 };
		if (!read_field(&reader, &field))
			return fail(fault, PM_BAD_REQUEST, "", "not an encoded Request");
		if (!is_call(field.number)) {
			buf_put(&head, field.whole);
			continue;
		}
		if (field.wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
			return fail(fault, PM_BAD_REQUEST, "call", "not a message");
		out->calls++;
		out->call = field.number;
		out->body = field.content;
	}
	out->head = buf_bytes(&head);
	return PM_OK;
}

struct check {
	const struct wire_limits *limits;
	struct wire_fault *fault;
	size_t fields; /* seen so far, at all depths */
};

static uint32_t declared_wire_type(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return PROTOBUF_C_WIRE_TYPE_64BIT;
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return PROTOBUF_C_WIRE_TYPE_32BIT;
	default:
		return PROTOBUF_C_WIRE_TYPE_VARINT;
	}
}

/* protobuf-c would cut off the upper bits: a length of 2^32 + 1 is not 1. */
static bool fits(ProtobufCType type, uint64_t value)
{
	int64_t number = (int64_t)value;

	switch (type) {
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_SINT32:
		return value <= UINT32_MAX;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		return number >= INT32_MIN && number <= INT32_MAX;
	default:
		return true;
	}
}

/* How many scalars a packed field holds; false if they do not fill it. */
static bool count_packed(ProtobufCType type, struct bytes content, size_t *count)
{
	struct reader reader = reader_of(content);
	struct field item = { .wire_type = declared_wire_type(type) };

	for (*count = 0; reader.at < reader.end; (*count)++) {
		if (!read_content(&reader, &item) || !fits(type, item.value))
			return false;
	}
	return true;
}

static enum pm_err check_message(struct check *check, const ProtobufCMessageDescriptor *type,
				 struct bytes message, size_t depth);

static enum pm_err check_content(struct check *check, const ProtobufCFieldDescriptor *known,
				 const struct field *field, size_t depth)
{
	switch (known->type) {
	case PROTOBUF_C_TYPE_STRING:
		if (field->content.len > check->limits->text)
			return fail(check->fault, PM_TOO_LARGE, known->name, "too long");
		if (!text_is_clean(field->content))
			return fail(check->fault, PM_BAD_REQUEST, known->name,
				    "must be UTF-8 without control characters");
		return PM_OK;
	case PROTOBUF_C_TYPE_BYTES:
		if (field->content.len > check->limits->bytes)
			return fail(check->fault, PM_TOO_LARGE, known->name, "too long");
		return PM_OK;
	case PROTOBUF_C_TYPE_MESSAGE:
		return check_message(check, known->descriptor, field->content, depth + 1);
	default:
		if (!fits(known->type, field->value))
			return fail(check->fault, PM_BAD_REQUEST, known->name, "out of range");
		return PM_OK;
	}
}

/* A field that the message declares; adds to `count` how many values it brings. */
static enum pm_err check_known(struct check *check, const ProtobufCFieldDescriptor *known,
			       const struct field *field, size_t depth, size_t *count)
{
	uint32_t wire_type = declared_wire_type(known->type);
	bool repeated = known->label == PROTOBUF_C_LABEL_REPEATED;
	size_t values = 1;

	if (field->wire_type == wire_type) {
		TRY(check_content(check, known, field, depth));
	} else if (!repeated || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED ||
		   !count_packed(known->type, field->content, &values)) {
		return fail(check->fault, PM_BAD_REQUEST, known->name, "not of its type");
	}
	*count += values;
	if (!repeated && *count > 1)
		return fail(check->fault, PM_BAD_REQUEST, known->name, "given more than once");
	if (*count > check->limits->items && repeated)
		return fail(check->fault, PM_TOO_LARGE, known->name, "too many items");
	return PM_OK;
}

static enum pm_err check_message(struct check *check, const ProtobufCMessageDescriptor *type,
				 struct bytes message, size_t depth)
{
	struct reader reader = reader_of(message);
	size_t counts[FIELDS_PER_TYPE] = { 0 };

	if (depth > DEPTH_MAX || type->n_fields > FIELDS_PER_TYPE)
		return fail(check->fault, PM_BAD_REQUEST, "", "nested too deep");
	while (reader.at < reader.end) {
		struct field field = { 0 };

		if (!read_field(&reader, &field))
			return fail(check->fault, PM_BAD_REQUEST, "", "not an encoded message");
		if (++check->fields > FIELDS_PER_ITEM * check->limits->items + FIELDS_SPARE)
			return fail(check->fault, PM_TOO_LARGE, "", "too many fields");
		const ProtobufCFieldDescriptor *known =
			protobuf_c_message_descriptor_get_field(type, field.number);
		if (known)
			TRY(check_known(check, known, &field, depth,
					&counts[known - type->fields]));
	}
	return PM_OK;
}

enum pm_err wire_check(const ProtobufCMessageDescriptor *type, struct bytes message,
		       const struct wire_limits *limits, struct wire_fault *fault)
{
	struct check check = { .limits = limits, .fault = fault };

	return check_message(&check, type, message, 1);
}

static void *alloc_in_arena(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void keep_in_arena(void *arena, void *ptr)
{
	(void)arena; /* emptied as a whole */
	(void)ptr;
}

enum pm_err wire_open(const ProtobufCMessageDescriptor *type, struct bytes message,
		      const struct wire_limits *limits, struct arena *arena, ProtobufCMessage **out,
		      struct wire_fault *fault)
{
	ProtobufCAllocator allocator = { .alloc = alloc_in_arena,
					 .free = keep_in_arena,
					 .allocator_data = arena };

	TRY(wire_check(type, message, limits, fault));
	*out = protobuf_c_message_unpack(type, &allocator, message.len, message.data);
	/* What passed the check unpacks: only the arena can have run out. */
	return *out ? PM_OK : fail(fault, PM_NO_MEMORY, "", "the vault is out of memory");
}
