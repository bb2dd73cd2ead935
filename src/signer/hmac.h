/* A batch of HMACs: keys are looked up by the main thread, and the pool computes. */
#ifndef SIGNER_HMAC_H
#define SIGNER_HMAC_H

#include "keys.h"
#include "pool.h"

/*
 * Settles every job: JOB_DONE, with its MAC, or JOB_REFUSED. What fails for another reason than the
 * job's own is mended and computed again; what cannot be mended is returned, and the process ends.
 */
enum pm_err hmac_run(struct keys *keys, struct pool *pool, struct job *jobs, size_t count,
		     struct failure *failure) NODISCARD;

#endif
