#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "exchange.h"
#include "fill.h"

/* What the protocol can carry. Anything else that is presented as a key is not one. */
static bool is_sendable(const char *api_key)
{
	size_t len = strnlen(api_key, PEPPERMINT_TEXT_MAX + 1);

	return len <= PEPPERMINT_TEXT_MAX && text_is_clean(bytes_of(api_key, len));
}

static enum pm_err fill_valid(struct exchange *x, const Peppermint__V1__Verdict *from,
			      struct peppermint_verdict *to)
{
	TRY(FILL_TEXT(x, from->key_id, to->key_id));
	TRY(FILL_TEXT(x, from->account, to->account));
	TRY(FILL_TEXT(x, from->product, to->product));
	to->expires_at = from->expires_at;
	to->secret_expires_at = from->secret_expires_at;
	to->compromised = from->compromised;
	return PM_OK;
}

/* `valid` is the last thing set: no error on the way leaves a half-filled yes. */
static enum pm_err fill_verdict(struct exchange *x, const Peppermint__V1__Verdict *from,
				const char *api_key, struct peppermint_verdict *to)
{
	bool no_objection = from->error == PEPPERMINT__V1__ERROR__OK &&
			    from->reason == PEPPERMINT__V1__REASON__NONE;

	if (from->valid != no_objection || (from->valid && !is_sendable(api_key)))
		return exchange_bad_reply(x, "the answer holds a verdict that contradicts itself");
	TRY(FILL_TEXT(x, from->message, to->message));
	to->error = (enum pm_err)from->error;
	to->reason = is_sendable(api_key) ? (enum pm_reason)from->reason : PM_REASON_MALFORMED;
	if (!from->valid)
		return PM_OK;
	TRY(fill_valid(x, from, to));
	to->valid = true;
	return PM_OK;
}

static enum pm_err fill_verdicts(struct exchange *x, const Peppermint__V1__VerifyKeysReply *from,
				 const char *const *api_keys, size_t count,
				 struct peppermint_verdict *verdicts)
{
	TRY(fill_count(x, from->n_verdicts, count));
	for (size_t i = 0; i < count; i++)
		TRY(fill_verdict(x, from->verdicts[i], exchange_text(api_keys[i]), &verdicts[i]));
	return PM_OK;
}

static void refuse_all(struct peppermint_verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		verdicts[i] = (struct peppermint_verdict){
			.error = PM_INTERNAL,
			.reason = PM_REASON_NOT_CHECKED,
			.message = PEPPERMINT_PUBLIC_REFUSAL,
		};
}

enum pm_err peppermint_verify_keys(struct peppermint *handle, const char *environment,
				   const char *const *api_keys, size_t count,
				   struct peppermint_verdict *verdicts,
				   struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__VerifyKeysRequest body = PEPPERMINT__V1__VERIFY_KEYS_REQUEST__INIT;
	void *texts = NULL;

	refuse_all(verdicts, count);
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	TRY(exchange_array(&x, count, sizeof(*body.api_keys), &texts));
	body.environment = exchange_text(environment);
	body.n_api_keys = count;
	body.api_keys = texts;
	for (size_t i = 0; i < count; i++) {
		const char *api_key = exchange_text(api_keys[i]);
		/* Sent empty, so that the others keep their places. */
		body.api_keys[i] = exchange_text(is_sendable(api_key) ? api_key : "");
	}
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS;
	x.request.verify_keys = &body;

	enum pm_err err = exchange_run(&x);
	if (err == PM_OK)
		err = fill_verdicts(&x, x.reply->verify_keys, api_keys, count, verdicts);
	if (err != PM_OK)
		refuse_all(verdicts, count);
	return err;
}

enum pm_err peppermint_verify_key(struct peppermint *handle, const char *environment,
				  const char *api_key, struct peppermint_verdict *verdict,
				  struct peppermint_call *call)
{
	return peppermint_verify_keys(handle, environment, &api_key, 1, verdict, call);
}
