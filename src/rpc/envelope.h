/* The outer part of a request: read before anybody looks at the call's own bytes. Any thread. */
#ifndef RPC_ENVELOPE_H
#define RPC_ENVELOPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "wire.h"

#define ENVELOPE_VERSION 1
#define ENVELOPE_DEADLINE_DEFAULT_MS 5000
#define ENVELOPE_DEADLINE_MAX_MS 30000

struct envelope {
	const char *request_id; /* "" if there is none; in the arena, like the next four */
	const char *operator_name;
	const char *confirmation;
	const char *authorization; /* a secret, like the PIN */
	struct bytes pin;
	int64_t deadline; /* monotonic */
	bool want_receipt;
	uint32_t call;     /* its field number in Request */
	struct bytes body; /* borrowed from the frame, not looked at */
};

/*
 * `arrival` is when the frame came (monotonic). A request_id that could be read is in `out` even
 * when something else is wrong, so that the refusal can repeat it.
 */
enum pm_err envelope_open(struct bytes frame, int64_t arrival, const struct wire_limits *limits,
			  struct arena *arena, struct envelope *out,
			  struct wire_fault *fault) NODISCARD;

#endif
