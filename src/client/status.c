#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

static enum peppermint_audit_state audit_state(Peppermint__V1__AuditState state)
{
	switch (state) {
	case PEPPERMINT__V1__AUDIT_STATE__AUDIT_GOOD:
		return PEPPERMINT_AUDIT_GOOD;
	case PEPPERMINT__V1__AUDIT_STATE__AUDIT_UNSIGNED:
		return PEPPERMINT_AUDIT_UNSIGNED;
	case PEPPERMINT__V1__AUDIT_STATE__AUDIT_STUCK:
		return PEPPERMINT_AUDIT_STUCK;
	case PEPPERMINT__V1__AUDIT_STATE__AUDIT_ALTERED:
		return PEPPERMINT_AUDIT_ALTERED;
	default:
		return PEPPERMINT_AUDIT_STATE_UNKNOWN;
	}
}

static enum pm_err fill_audit(struct exchange *x, const Peppermint__V1__AuditStatus *from,
			      struct peppermint_audit_status *to)
{
	if (!from) /* a vault from before the audit log */
		return PM_OK;
	TRY(FILL_TEXT(x, from->detail, to->detail));
	TRY(FILL_TEXT(x, from->origin, to->origin));
	to->state = audit_state(from->state);
	to->log = from->log;
	to->entries = from->entries;
	to->not_signed = from->unsigned_;
	to->not_witnessed = from->unwitnessed;
	to->sink_dropped = from->sink_dropped;
	to->signed_at = from->signed_at;
	return PM_OK;
}

enum pm_err peppermint_get_status(struct peppermint *handle, struct peppermint_status *status,
				  struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__StatusRequest body = PEPPERMINT__V1__STATUS_REQUEST__INIT;

	*status = (struct peppermint_status){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_STATUS;
	x.request.status = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__StatusReply *reply = x.reply->status;
	if (reply->n_environments > PEPPERMINT_ENVIRONMENTS_MAX)
		return exchange_bad_reply(&x, "the answer holds too many environments");
	TRY(FILL_TEXT(&x, reply->version, status->version));
	TRY(fill_audit(&x, reply->audit, &status->audit));
	status->uptime_seconds = reply->uptime_seconds;
	for (size_t i = 0; i < reply->n_environments; i++)
		TRY(fill_environment(&x, reply->environments[i], &status->environments[i]));
	status->environment_count = reply->n_environments;
	return PM_OK;
}
