#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "exchange.h"
#include "fill.h"
#include "parts.h"

/* What the protocol can carry. Anything else that is presented as a key is not one. */
static bool is_sendable(const char *api_key)
{
	size_t len = strnlen(api_key, PEPPERMINT_TEXT_MAX + 1);

	return len <= PEPPERMINT_TEXT_MAX && text_is_clean(bytes_of(api_key, len));
}

static bool is_within(const char *text, size_t max)
{
	return strnlen(text, max + 1) <= max;
}

/* Credentials go as bytes, so only their length counts. None of several is dropped by itself. */
static bool can_present(const struct peppermint_presented *presented)
{
	for (size_t i = 0; i < presented->authorization_count; i++) {
		if (!is_within(exchange_text(presented->authorizations[i]),
			       PEPPERMINT_AUTHORIZATION_MAX))
			return false;
	}
	return is_within(exchange_text(presented->api_key), PEPPERMINT_AUTHORIZATION_MAX) &&
	       is_sendable(exchange_text(presented->source_address));
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

/*
 * `sent` is false of what could not be carried: no vault calls that valid. `valid` is the last thing
 * set: no error on the way leaves a half-filled yes.
 */
static enum pm_err fill_verdict(struct exchange *x, const Peppermint__V1__Verdict *from, bool sent,
				struct peppermint_verdict *to)
{
	bool no_objection = from->error == PEPPERMINT__V1__ERROR__OK &&
			    from->reason == PEPPERMINT__V1__REASON__NONE;

	if (from->valid != no_objection || (from->valid && !sent))
		return exchange_bad_reply(x, "the answer holds a verdict that contradicts itself");
	TRY(FILL_TEXT(x, from->message, to->message));
	to->error = (enum pm_err)from->error;
	to->reason = sent ? (enum pm_reason)from->reason : PM_REASON_MALFORMED;
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
		TRY(fill_verdict(x, from->verdicts[i], is_sendable(exchange_text(api_keys[i])),
				 &verdicts[i]));
	return PM_OK;
}

static void refuse(struct peppermint_verdict *verdict)
{
	*verdict = (struct peppermint_verdict){
		.error = PM_INTERNAL,
		.reason = PM_REASON_NOT_CHECKED,
		.message = PEPPERMINT_PUBLIC_REFUSAL,
	};
}

static void refuse_all(struct peppermint_verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		refuse(&verdicts[i]);
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

static void refuse_requests(struct peppermint_admission *admissions, size_t count)
{
	memset(admissions, 0, count * sizeof(*admissions));
	for (size_t i = 0; i < count; i++)
		refuse(&admissions[i].verdict);
}

static ProtobufCBinaryData credential(const char *text)
{
	return exchange_bytes(text, text ? strlen(text) : 0);
}

static enum pm_err set_presented(struct exchange *x, const struct peppermint_presented *from,
				 Peppermint__V1__Presented *to)
{
	void *texts = NULL;

	*to = (Peppermint__V1__Presented)PEPPERMINT__V1__PRESENTED__INIT;
	if (!can_present(from))
		return PM_OK;
	TRY(exchange_array(x, from->authorization_count, sizeof(*to->authorization), &texts));
	to->authorization = texts;
	to->n_authorization = from->authorization_count;
	for (size_t i = 0; i < from->authorization_count; i++)
		to->authorization[i] = credential(from->authorizations[i]);
	to->api_key = credential(from->api_key);
	to->source_address = exchange_text(from->source_address);
	to->product = exchange_text(from->product);
	return parts_words(x, from->scopes, &to->scopes, &to->n_scopes);
}

/* The details first, since `valid` is set last. */
static enum pm_err fill_admission(struct exchange *x, const Peppermint__V1__Verdict *from,
				  const struct peppermint_presented *presented,
				  struct peppermint_admission *to)
{
	if (from->valid) {
		TRY(FILL_TEXT(x, from->external_reference, to->external_reference));
		TRY(FILL_WORDS(x, from->scopes, from->n_scopes, to->scopes));
		TRY(fill_labels(x, from->labels, from->n_labels, to->labels, &to->label_count));
	}
	return fill_verdict(x, from, can_present(presented), &to->verdict);
}

static enum pm_err fill_admissions(struct exchange *x, const Peppermint__V1__VerifyKeysReply *from,
				   const struct peppermint_presented *presented, size_t count,
				   struct peppermint_admission *admissions)
{
	TRY(fill_count(x, from->n_verdicts, count));
	for (size_t i = 0; i < count; i++)
		TRY(fill_admission(x, from->verdicts[i], &presented[i], &admissions[i]));
	return PM_OK;
}

enum pm_err peppermint_verify_requests(struct peppermint *handle, const char *environment,
				       const struct peppermint_presented *presented, size_t count,
				       struct peppermint_admission *admissions,
				       struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__VerifyKeysRequest body = PEPPERMINT__V1__VERIFY_KEYS_REQUEST__INIT;
	void *items = NULL;
	void **pointers = NULL;

	refuse_requests(admissions, count);
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	TRY(parts_items(&x, count, sizeof(Peppermint__V1__Presented), &items, &pointers));
	body.environment = exchange_text(environment);
	body.n_presented = count;
	body.presented = (Peppermint__V1__Presented **)pointers;
	for (size_t i = 0; i < count; i++)
		TRY(set_presented(&x, &presented[i], body.presented[i]));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS;
	x.request.verify_keys = &body;

	enum pm_err err = exchange_run(&x);
	if (err == PM_OK)
		err = fill_admissions(&x, x.reply->verify_keys, presented, count, admissions);
	if (err != PM_OK)
		refuse_requests(admissions, count);
	return err;
}
