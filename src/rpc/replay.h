/*
 * Changes are executed at most once. While a change runs, repeats of it (same caller, same request
 * id) are parked on it and get its answer; afterwards the answer is kept for a while, in locked and
 * bounded memory, oldest out first, wiped on the way out. What is no longer here the vault's own
 * record of executed request ids answers. What is to be kept the caller decides: after a refusal or a
 * failure that was not, the same id may try again. Any thread; nothing here waits.
 *
 * A request may hold a PIN, and a PIN's plain hash would give it away to whoever reads this memory and
 * tries all PINs. So contents are known by an HMAC only, whose key lies with the answers, and whoever
 * has a ticket wipes it.
 */
#ifndef RPC_REPLAY_H
#define RPC_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"

#define REPLAY_DIGEST_LEN 32

struct replay;

/* One request's place here: embedded in it, and in use until replay_end or its being handed out. */
struct replay_ticket {
	struct replay_ticket *next;    /* among those that run, or among those parked on one */
	struct replay_ticket *repeats; /* parked on this one */
	uint32_t call;
	uint8_t key[REPLAY_DIGEST_LEN];     /* of caller and request id */
	uint8_t content[REPLAY_DIGEST_LEN]; /* HMAC of what makes it the same request */
};

enum replay_step {
	REPLAY_EXECUTE, /* the first of its id: run it, then replay_end */
	REPLAY_PARKED,  /* replay_end of the first one hands this ticket out */
	REPLAY_ANSWER,  /* it was done: here is the answer */
};

/* `bytes` of locked memory for answers, each kept for `seconds`. */
enum pm_err replay_new(size_t bytes, uint32_t seconds, struct replay **out) NODISCARD;
void replay_free(struct replay *replay); /* no ticket may be in use */

/* `now` is monotonic. PM_CONFLICT: that id came with another content. The answer is in the arena.
 */
enum pm_err replay_begin(struct replay *replay, struct replay_ticket *ticket, int64_t now,
			 struct arena *arena, enum replay_step *step,
			 struct bytes *answer) NODISCARD;

/*
 * What makes a ticket: who asks, under which id, for which call, with which bytes. Of those there are
 * several parts, always in the same order; one that is not there is empty.
 */
enum pm_err replay_ticket_fill(struct replay *replay, struct replay_ticket *ticket, uint32_t uid,
			       const char *request_id, uint32_t call, const struct bytes *parts,
			       size_t count) NODISCARD;

/*
 * The change has ended: keeps the answer unless it is empty, and returns the parked repeats, linked
 * by `next`, for the caller to answer.
 */
struct replay_ticket *replay_end(struct replay *replay, struct replay_ticket *ticket,
				 struct bytes answer, int64_t now);

/* Wipes the answers whose time is over. */
void replay_sweep(struct replay *replay, int64_t now);

/* Answers kept now. */
size_t replay_count(struct replay *replay);

#endif
