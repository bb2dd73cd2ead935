/*
 * Untrusted protobuf, looked at before protobuf-c sees a byte of it. Total functions: whatever the
 * bytes are, they end, stay inside them, and say what is wrong. Any thread.
 */
#ifndef RPC_WIRE_H
#define RPC_WIRE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

/* The field numbers of Request that are calls; all others belong to the envelope. */
#define WIRE_CALL_FIRST 16
#define WIRE_CALL_LAST 999

struct wire_limits {
	size_t text;  /* bytes of a string */
	size_t bytes; /* of a bytes field */
	size_t items; /* of a repeated field */
};

/* What is wrong, for the reply's text: "field: what". Static strings; field may be "". */
struct wire_fault {
	const char *field;
	const char *what;
};

struct wire_request {
	struct bytes head; /* the envelope's fields alone, copied into the arena */
	size_t calls;      /* how many calls there are; must be 1 */
	uint32_t call;     /* the number of the last */
	struct bytes body; /* its bytes, borrowed and not looked at */
};

/* Takes an encoded Request apart without looking into the call. */
enum pm_err wire_split(struct bytes frame, struct arena *arena, struct wire_request *out,
		       struct wire_fault *fault) NODISCARD;

/*
 * Whether protobuf-c may unpack `message` as a `type`: well-formed, no groups, each known field of
 * its declared wire type and range, singular ones at most once, texts clean, all within the limits.
 * Unknown fields are allowed, counted and ignored. PM_BAD_REQUEST or, over a limit, PM_TOO_LARGE.
 */
enum pm_err wire_check(const ProtobufCMessageDescriptor *type, struct bytes message,
		       const struct wire_limits *limits, struct wire_fault *fault) NODISCARD;

/* wire_check, then unpacked into the arena, which owns all of the result. */
enum pm_err wire_open(const ProtobufCMessageDescriptor *type, struct bytes message,
		      const struct wire_limits *limits, struct arena *arena, ProtobufCMessage **out,
		      struct wire_fault *fault) NODISCARD;

#endif
