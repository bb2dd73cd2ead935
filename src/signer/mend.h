/*
 * The ladder: what is done about a failure of the token before a call is repeated. Sessions are
 * replaced, a lost login is made again, stale handles are forgotten, a capacity is learned; each
 * once in a call. What that does not mend is answered as failed, and the process ends (serve.c).
 * Main thread.
 */
#ifndef SIGNER_MEND_H
#define SIGNER_MEND_H

#include "token.h"

/* One call, while it is being mended. `{ .token = … }` begins it. */
struct mend {
	struct token *token;
	unsigned tried; /* remedies, a bit for each */
};

/*
 * Does what the failure calls for, unless that was tried in this call before. True: the call may be
 * repeated, if it is one that may. False: nothing helps, and `failure` says why.
 */
bool mend_try(struct mend *mend, struct failure *failure);

/* An operation that only looks or computes, so that it may be repeated from its beginning. */
typedef enum pm_err (*mend_op)(void *arg, struct failure *failure);

/*
 * Runs the operation and repeats it as often as there is something to mend. After FAILURE_CALLER all
 * sessions are sound.
 */
enum pm_err mend_run(struct token *token, mend_op op, void *arg, struct failure *failure) NODISCARD;

#endif
