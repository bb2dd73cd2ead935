/*
 * Keeps one token's signer running: a thread that starts it, carries calls to it until it is lost,
 * starts it again when pace.h says so, and obeys the desk's orders. The thread alone touches the
 * signer.
 */
#ifndef HSM_SUPERVISE_H
#define HSM_SUPERVISE_H

#include "calls.h"
#include "desk.h"
#include "hsm/hsm.h"

struct supervisor;

enum supervisor_news {
	SIGNER_STARTED, /* a new generation, which takes no call before this was told */
	SIGNER_SERVES,  /* its calls are taken */
	SIGNER_FELL,    /* they are about to be refused */
};

/* What a supervisor works with, all lent until supervisor_close. */
struct supervisor_parts {
	struct calls *calls;
	struct desk *desk;
	/* Hears the news, on the supervisor's thread. */
	void (*tell)(void *arg, size_t member, enum supervisor_news news);
	void *arg;
	size_t member;
};

/*
 * Of `config`, only what is not the standby's. Begins the first start, the desk's order 1, and does
 * not wait for it; without a PIN it is sealed instead. The desk's order to stop, which
 * supervisor_close gives as well, makes it hang up on the signer, and one that stays is killed.
 */
enum pm_err supervisor_open(const struct hsm_config *config, const struct supervisor_parts *parts,
			    struct supervisor **out) NODISCARD;
void supervisor_close(struct supervisor *supervisor); /* waits for both; NULL is allowed */

#endif
