/*
 * The bodies of all calls: the first byte of the input chooses one, the rest is its bytes. What is
 * opened, protobuf-c packs; that must be accepted again and be the same.
 */
#include <string.h>

#include "fuzz.h"
#include "peppermint/v1/vault.pb-c.h"
#include "wire.h"

static const struct wire_limits limits = { .text = 256, .bytes = 16384, .items = 512 };

/* The type of Request's call number `index`, counted from Status. */
static const ProtobufCMessageDescriptor *call_type(size_t index)
{
	const ProtobufCMessageDescriptor *request = &peppermint__v1__request__descriptor;
	size_t first = 0;

	while (request->fields[first].id < WIRE_CALL_FIRST)
		first++;
	return request->fields[first + index % (request->n_fields - first)].descriptor;
}

static ProtobufCMessage *open_again(const ProtobufCMessageDescriptor *type, struct bytes bytes,
				    struct arena *arena)
{
	struct wire_fault fault = { 0 };
	ProtobufCMessage *message = NULL;

	MUST(wire_open(type, bytes, &limits, arena, &message, &fault) == PM_OK);
	return message;
}

static void check_opened(const ProtobufCMessage *message, struct arena *arena)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *packed = arena_alloc(arena, size + 1);
	uint8_t *again = arena_alloc(arena, size + 1);

	MUST(packed && again);
	MUST(protobuf_c_message_pack(message, packed) == size);
	message = open_again(message->descriptor, bytes_of(packed, size), arena);
	MUST(protobuf_c_message_get_packed_size(message) == size);
	MUST(protobuf_c_message_pack(message, again) == size);
	MUST(memcmp(packed, again, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena((size_t)16 * 1024 * 1024);
	struct wire_fault fault = { 0 };
	ProtobufCMessage *message = NULL;

	if (size == 0)
		return 0;
	enum pm_err err = wire_open(call_type(data[0]), bytes_of(data + 1, size - 1), &limits,
				    arena, &message, &fault);
	if (err == PM_OK)
		check_opened(message, arena);
	else
		MUST(fault.field && fault.what);
	arena_reset(arena);
	return 0;
}
