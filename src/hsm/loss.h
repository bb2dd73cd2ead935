/* What took a signer away, in the enum of hsm.h and in words. */
#ifndef HSM_LOSS_H
#define HSM_LOSS_H

#include "link.h"

#define LOSS_REASON_MAX sizeof(((struct hsm_status *)NULL)->reason)

/* LINK_STOPPED is an operator's seal. */
enum hsm_cause loss_cause(const struct link *link, enum link_end end);

/* What happened, and what is to be done, for the environment's people. */
void loss_explain(const struct link *link, enum link_end end, const char *environment,
		  char reason[LOSS_REASON_MAX]);

/* What an operator or hsm_open, which wait for a start, are told of it. */
enum pm_err loss_outcome(enum hsm_cause cause);

#endif
