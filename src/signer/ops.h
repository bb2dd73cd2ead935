/*
 * What peppermintd may ask for: signer.proto's operations, each from its message to its part of
 * the reply. Replies are made in the request's arena. Main thread.
 */
#ifndef SIGNER_OPS_H
#define SIGNER_OPS_H

#include "base/arena.h"
#include "keys.h"
#include "peppermint/v1/signer.pb-c.h"
#include "pool.h"

#define ENVIRONMENT_MAX 32
#define HMAC_ITEMS_MAX 1024
#define HMAC_DATA_MAX 32768
#define RANDOM_MAX 1024
#define SIGN_DATA_MAX 1024
#define CIPHER_DATA_MAX 512
#define LIST_BYTES_MAX ((size_t)120 * 1024) /* of a List's answer: a frame has 128 KiB */

struct signer {
	const char *environment;
	int pin_fd;  /* or -1: none was handed over */
	int lock_fd; /* token_lock.h, for as long as the process; or -1 */
	bool started, proven;
	struct token token;
	struct keys keys;
	struct pool pool;
	struct arena *arena;
	struct failure failure; /* of the operation that last returned an error */
};

/*
 * Runs the request's operation. PM_UNKNOWN_RPC: it must not be answered, because it is unknown or
 * out of order. Any other error: signer->failure says why and goes into the answer; unless it is
 * FAILURE_CALLER, the process must end then.
 */
enum pm_err ops_run(struct signer *signer, const Peppermint__Signer__V1__SignerRequest *request,
		    Peppermint__Signer__V1__SignerReply *reply) NODISCARD;

#endif
