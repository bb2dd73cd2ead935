#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

static enum peppermint_environment_state environment_state(Peppermint__V1__EnvironmentState state)
{
	switch (state) {
	case PEPPERMINT__V1__ENVIRONMENT_STATE__SERVING:
		return PEPPERMINT_ENVIRONMENT_SERVING;
	case PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_DOWN:
		return PEPPERMINT_ENVIRONMENT_HSM_DOWN;
	case PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_SEALED:
		return PEPPERMINT_ENVIRONMENT_HSM_SEALED;
	case PEPPERMINT__V1__ENVIRONMENT_STATE__REFUSING:
		return PEPPERMINT_ENVIRONMENT_REFUSING;
	default:
		return PEPPERMINT_ENVIRONMENT_STATE_UNKNOWN;
	}
}

static enum pm_err fill_environment(struct exchange *x,
				    const Peppermint__V1__EnvironmentStatus *from,
				    struct peppermint_environment *to)
{
	TRY(FILL_TEXT(x, from->name, to->name));
	TRY(FILL_TEXT(x, from->key_prefix, to->key_prefix));
	TRY(FILL_TEXT(x, from->detail, to->detail));
	TRY(FILL_TEXT(x, from->token_label, to->token_label));
	TRY(FILL_TEXT(x, from->token_serial, to->token_serial));
	TRY(FILL_TEXT(x, from->token_model, to->token_model));
	TRY(FILL_TEXT(x, from->token_manufacturer, to->token_manufacturer));
	to->state = environment_state(from->state);
	to->keys = from->keys;
	to->quarantined = from->quarantined;
	to->signer_restarts = from->signer_restarts;
	to->orphaned_objects = from->orphaned_objects;
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
	status->uptime_seconds = reply->uptime_seconds;
	for (size_t i = 0; i < reply->n_environments; i++)
		TRY(fill_environment(&x, reply->environments[i], &status->environments[i]));
	status->environment_count = reply->n_environments;
	return PM_OK;
}
