/*
 * The work sessions computing HMACs at the same time, each on a thread of its own, the first on the
 * main thread. Between two runs the other threads sleep and touch nothing, so that the main thread
 * has the token to itself. With one work session there are no threads.
 */
#ifndef SIGNER_POOL_H
#define SIGNER_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "sign.h"

enum job_state { JOB_OPEN, JOB_DONE, JOB_REFUSED };

struct job {
	struct bytes key_id, data;
	CK_OBJECT_HANDLE key;
	uint8_t *mac; /* SIGN_MAC_LEN bytes */
	enum job_state state;
};

struct pool {
	struct token *token;
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	/* under the lock */
	struct job *jobs; /* of the present run, or NULL */
	size_t count, workers;
	uint64_t run;
	size_t busy;
	/* of the present run */
	atomic_size_t next;
	atomic_bool said;
	struct outcome {
		enum pm_err err;
		struct failure failure;
	} outcomes[SESSIONS_MAX];
};

/* Starts the threads for the token's work sessions; without some of them there are fewer of those. */
void pool_start(struct pool *pool, struct token *token);

/*
 * Computes the jobs that are open. FAILURE_CALLER is a job's own (JOB_REFUSED). Any other failure of
 * any session is returned, and jobs may be left open, as they may be after PM_OK: when the sessions
 * have been cleared, run it again.
 */
enum pm_err pool_run(struct pool *pool, struct job *jobs, size_t count,
		     struct failure *failure) NODISCARD;

#endif
