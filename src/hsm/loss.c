#include "loss.h"

#include <stdio.h>

enum hsm_cause loss_cause(const struct link *link, enum link_end end)
{
	switch (end) {
	case LINK_STOPPED:
		return HSM_CAUSE_OPERATOR;
	case LINK_SILENT:
		return HSM_CAUSE_HANG;
	case LINK_FAILED:
		return link->reply.fault == FAULT_PIN     ? HSM_CAUSE_PIN
		       : link->reply.fault == FAULT_SETUP ? HSM_CAUSE_SETUP
							  : HSM_CAUSE_DEVICE;
	default:
		return HSM_CAUSE_CRASH;
	}
}

/* Details are cut so that what to do about them is not. */
void loss_explain(const struct link *link, enum link_end end, const char *environment,
		  char reason[LOSS_REASON_MAX])
{
	const char *detail = link->reply.detail;

	switch (loss_cause(link, end)) {
	case HSM_CAUSE_OPERATOR:
		snprintf(reason, LOSS_REASON_MAX,
			 "sealed by an operator: `peppermint unseal --env %s` ends that",
			 environment);
		break;
	case HSM_CAUSE_PIN:
		snprintf(reason, LOSS_REASON_MAX, "%.170s; then: `peppermint unseal --env %s`",
			 detail, environment);
		break;
	case HSM_CAUSE_SETUP:
		snprintf(reason, LOSS_REASON_MAX,
			 "%.170s; mend that: while the vault runs it is tried again by itself",
			 detail);
		break;
	case HSM_CAUSE_DEVICE:
		snprintf(reason, LOSS_REASON_MAX, "%.190s; a new signer is tried by itself",
			 detail);
		break;
	case HSM_CAUSE_HANG:
		snprintf(reason, LOSS_REASON_MAX, "the signer did not answer a call within %lld ms",
			 (long long)link->timeout_ms);
		break;
	default:
		snprintf(reason, LOSS_REASON_MAX, "%s",
			 end == LINK_GARBAGE ? "the signer said something that is no answer"
					     : "the signer has ended");
	}
}

enum pm_err loss_outcome(enum hsm_cause cause)
{
	if (cause == HSM_CAUSE_PIN || cause == HSM_CAUSE_OPERATOR)
		return PM_SEALED;
	return cause == HSM_CAUSE_SETUP ? PM_CONFIG : PM_HSM_UNAVAILABLE;
}
