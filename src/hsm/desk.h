/*
 * Between a supervisor's thread and everybody else: the orders that it is given, the PIN that is
 * left for it, and the status that it shows. Any thread, except where it says otherwise; nothing
 * here waits for the signer but desk_await.
 */
#ifndef HSM_DESK_H
#define HSM_DESK_H

#include <pthread.h>
#include <stdbool.h>

#include "hsm/hsm.h"
#include "reply.h"

enum desk_order { ORDER_NONE, ORDER_UNSEAL, ORDER_SEAL, ORDER_CLOSE };

/* Where a start finds the PIN. */
enum pin_source {
	PIN_NOWHERE,
	PIN_CONFIGURED, /* in the file or on the descriptor of the configuration */
	PIN_PIPED,      /* in a pipe of the desk's: pin.h */
};

struct desk {
	int order_fd; /* readable while an order waits: whatever goes on is dropped for it */
	pthread_mutex_t lock;  /* of what follows */
	enum desk_order order; /* the latest that was not taken yet; ORDER_CLOSE stays */
	uint64_t given, taken, settled;
	enum pm_err outcome; /* of what was settled */
	pthread_cond_t outcome_known;
	enum pin_source pin_source;
	int pin_fd; /* the pipe, or -1 */
	struct hsm_status status;
};

/* Order number 1, to start with the configured PIN, is given and taken. */
enum pm_err desk_open(struct desk *desk) NODISCARD;
void desk_close(struct desk *desk);

/* Each returns its order's number. */
uint64_t desk_stop(struct desk *desk);
uint64_t desk_seal(struct desk *desk); /* the pipe is closed at once */
/* The pipe is the desk's then, and *pin_fd is -1. 0: it is not sealed, and nothing happened. */
uint64_t desk_unseal(struct desk *desk, int *pin_fd);

/*
 * Waits for what came of an order. PM_OK: the signer serves. PM_SEALED: no PIN, or it was refused.
 * PM_CONFIG: set-up. PM_HSM_UNAVAILABLE: anything else. PM_DEADLINE_EXCEEDED: it still goes on.
 */
enum pm_err desk_await(struct desk *desk, uint64_t order, int64_t deadline) NODISCARD;

/* Another PIN for the next start, as above; it is closed where nothing is unsealed. */
void desk_renew_pin(struct desk *desk, int *pin_fd);

void desk_status(struct desk *desk, struct hsm_status *out);

/* The rest is the supervisor's. */

enum desk_order desk_take_order(struct desk *desk);
enum desk_order desk_next_order(struct desk *desk); /* without taking it */
/* What came of the orders taken so far; the first word on each stands. */
void desk_settle(struct desk *desk, enum pm_err outcome);

/* A copy of the pipe in *fd, the caller's to close, or -1; PM_SEALED: there is no PIN. */
enum pm_err desk_lend_pin(struct desk *desk, enum pin_source *source, int *fd) NODISCARD;

/* HSM_SEALED by PIN or operator, otherwise HSM_STARTING. A refused PIN is forgotten in the same step. */
void desk_show_fall(struct desk *desk, enum hsm_cause cause, const char *reason);
void desk_show_reason(struct desk *desk, const char *reason);
void desk_show_pid(struct desk *desk, int pid);
void desk_show_start(struct desk *desk, bool again); /* what took the last one away stays told */
void desk_show_token(struct desk *desk, const struct reply_token *token); /* a new generation */
void desk_show_service(struct desk *desk);

static inline bool cause_seals(enum hsm_cause cause)
{
	return cause == HSM_CAUSE_PIN || cause == HSM_CAUSE_OPERATOR;
}

#endif
