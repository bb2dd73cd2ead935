/* What an operator or a holder is asked first: step-up, and whether a secret is the right one. */
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "exchange.h"
#include "fill.h"

#include <string.h>

enum pm_err peppermint_confirm(struct peppermint *handle, const char *environment,
			       enum peppermint_act act, const char *subject,
			       struct peppermint_confirmation *confirmation,
			       struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ConfirmRequest body = PEPPERMINT__V1__CONFIRM_REQUEST__INIT;

	*confirmation = (struct peppermint_confirmation){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	body.act = (Peppermint__V1__Act)act;
	body.subject = exchange_text(subject);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_CONFIRM;
	x.request.confirm = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__ConfirmReply *reply = x.reply->confirm;
	if (reply->confirmation[0] == '\0')
		return exchange_bad_reply(&x, "the answer holds no confirmation");
	TRY(FILL_TEXT(&x, reply->message, confirmation->message));
	TRY(FILL_TEXT(&x, reply->confirmation, confirmation->token));
	confirmation->expires_at = reply->expires_at;
	confirmation->pin_needed = reply->pin_needed;
	return PM_OK;
}

enum pm_err peppermint_verify_secret(struct peppermint *handle, const char *environment,
				     const char *key_id, const char *secret, bool *match,
				     struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__VerifySecretRequest body = PEPPERMINT__V1__VERIFY_SECRET_REQUEST__INIT;
	size_t len = strnlen(exchange_text(secret), PEPPERMINT_TEXT_MAX + 1);

	*match = false;
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	if (len > PEPPERMINT_TEXT_MAX || !text_is_clean(bytes_of(secret, len)))
		return outcome(x.call, PM_BAD_REQUEST,
			       "the secret is no API key; nothing was sent");
	body.environment = exchange_text(environment);
	body.key_id = exchange_text(key_id);
	body.secret = exchange_text(secret);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_VERIFY_SECRET;
	x.request.verify_secret = &body;
	TRY(exchange_run(&x));
	*match = x.reply->verify_secret->match;
	return PM_OK;
}
