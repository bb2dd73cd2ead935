/* The envelope: what any bytes on the socket meet first. */
#include <string.h>

#include "envelope.h"
#include "fuzz.h"
#include "vault/vault.h"

#define ARRIVAL INT64_C(1000000000)

static void check_opened(struct bytes frame, const struct envelope *envelope)
{
	MUST(strlen(envelope->request_id) <= VAULT_REQUEST_ID_MAX);
	MUST(strlen(envelope->operator_name) <= VAULT_OPERATOR_MAX);
	MUST(envelope->call >= WIRE_CALL_FIRST && envelope->call <= WIRE_CALL_LAST);
	MUST(envelope->deadline > ARRIVAL);
	MUST(envelope->deadline <= ARRIVAL + ENVELOPE_DEADLINE_MAX_MS * INT64_C(1000000));
	if (envelope->body.len == 0)
		return;
	MUST(envelope->body.data >= frame.data);
	MUST(envelope->body.data + envelope->body.len <= frame.data + frame.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct wire_limits limits = { .text = 256, .bytes = 16384, .items = 512 };
	struct arena *arena = fuzz_arena((size_t)1024 * 1024);
	struct bytes frame = bytes_of(data, size);
	struct wire_fault fault = { 0 };
	struct envelope envelope;

	enum pm_err err = envelope_open(frame, ARRIVAL, &limits, arena, &envelope, &fault);
	MUST(envelope.request_id != NULL);
	if (err == PM_OK)
		check_opened(frame, &envelope);
	else
		MUST(err == PM_NO_MEMORY || (fault.field && fault.what));
	arena_reset(arena);
	return 0;
}
