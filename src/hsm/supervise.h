/*
 * Keeps a signer running: one thread that starts it, carries calls to it until it is lost, and
 * starts it again, with back-off, unless starting again cannot help.
 */
#ifndef HSM_SUPERVISE_H
#define HSM_SUPERVISE_H

#include "calls.h"
#include "hsm/hsm.h"

struct supervisor;

/*
 * Starts the signer, waits for its first answer and begins to carry `calls`, which are lent until
 * supervisor_close. PM_CONFIG, logged, when starting again would not help.
 */
enum pm_err supervisor_open(const struct hsm_config *config, struct calls *calls,
			    struct supervisor **out) NODISCARD;

/* Hangs up on the signer, which ends it, and waits for both; a signer that stays is killed. */
void supervisor_close(struct supervisor *supervisor);

/* Any thread; never waits for the signer. */
void supervisor_status(struct supervisor *supervisor, struct hsm_status *out);

#endif
