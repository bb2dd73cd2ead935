#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

static enum pm_err fill_hashes(struct exchange *x, const Peppermint__V1__HashReply *from,
			       struct peppermint_value_hash *hashes, size_t count)
{
	TRY(fill_count(x, from->n_hashes, count));
	for (size_t i = 0; i < count; i++) {
		if (from->hashes[i][0] == '\0')
			return exchange_bad_reply(x, "the answer holds an empty hash");
		TRY(FILL_TEXT(x, from->hashes[i], hashes[i].text));
	}
	return PM_OK;
}

enum pm_err peppermint_hash_values(struct peppermint *handle, const char *environment,
				   const char *pepper, const struct peppermint_value *values,
				   size_t count, struct peppermint_value_hash *hashes,
				   struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__HashRequest body = PEPPERMINT__V1__HASH_REQUEST__INIT;
	void *array = NULL;

	memset(hashes, 0, count * sizeof(*hashes));
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	TRY(exchange_array(&x, count, sizeof(*body.values), &array));
	body.environment = exchange_text(environment);
	body.pepper = exchange_text(pepper);
	body.n_values = count;
	body.values = array;
	for (size_t i = 0; i < count; i++)
		body.values[i] = exchange_bytes(values[i].data, values[i].len);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_HASH;
	x.request.hash = &body;
	TRY(exchange_run(&x));
	return fill_hashes(&x, x.reply->hash, hashes, count);
}

static enum pm_err fill_hash_verdict(struct exchange *x, const Peppermint__V1__HashVerdict *from,
				     struct peppermint_hash_verdict *to)
{
	bool no_objection = from->error == PEPPERMINT__V1__ERROR__OK &&
			    from->reason == PEPPERMINT__V1__REASON__NONE;

	if (from->match != no_objection || (from->outdated && !from->match) ||
	    (from->compromised && !from->match))
		return exchange_bad_reply(x, "the answer holds a verdict that contradicts itself");
	*to = (struct peppermint_hash_verdict){
		.match = from->match,
		.outdated = from->outdated,
		.compromised = from->compromised,
		.error = (enum pm_err)from->error,
		.reason = (enum pm_reason)from->reason,
	};
	return PM_OK;
}

static enum pm_err fill_hash_verdicts(struct exchange *x,
				      const Peppermint__V1__VerifyHashReply *from,
				      struct peppermint_hash_verdict *verdicts, size_t count)
{
	TRY(fill_count(x, from->n_verdicts, count));
	for (size_t i = 0; i < count; i++)
		TRY(fill_hash_verdict(x, from->verdicts[i], &verdicts[i]));
	return PM_OK;
}

static void refuse_all(struct peppermint_hash_verdict *verdicts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		verdicts[i] = (struct peppermint_hash_verdict){
			.error = PM_INTERNAL,
			.reason = PM_REASON_NOT_CHECKED,
		};
}

/* protobuf-c wants the items and an array of pointers to them. */
static enum pm_err set_claims(struct exchange *x, Peppermint__V1__VerifyHashRequest *body,
			      const struct peppermint_hash_claim *claims, size_t count)
{
	void *items = NULL;
	void *pointers = NULL;

	TRY(exchange_array(x, count, sizeof(**body->items), &items));
	TRY(exchange_array(x, count, sizeof(*body->items), &pointers));
	body->n_items = count;
	body->items = pointers;
	for (size_t i = 0; i < count; i++) {
		Peppermint__V1__HashedValue *item = (Peppermint__V1__HashedValue *)items + i;

		*item = (Peppermint__V1__HashedValue)PEPPERMINT__V1__HASHED_VALUE__INIT;
		item->value = exchange_bytes(claims[i].value.data, claims[i].value.len);
		item->hash = exchange_text(claims[i].hash);
		body->items[i] = item;
	}
	return PM_OK;
}

enum pm_err peppermint_verify_hashes(struct peppermint *handle, const char *environment,
				     const char *pepper, const struct peppermint_hash_claim *claims,
				     size_t count, struct peppermint_hash_verdict *verdicts,
				     struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__VerifyHashRequest body = PEPPERMINT__V1__VERIFY_HASH_REQUEST__INIT;

	refuse_all(verdicts, count);
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	TRY(set_claims(&x, &body, claims, count));
	body.environment = exchange_text(environment);
	body.pepper = exchange_text(pepper);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_VERIFY_HASH;
	x.request.verify_hash = &body;

	enum pm_err err = exchange_run(&x);
	if (err == PM_OK)
		err = fill_hash_verdicts(&x, x.reply->verify_hash, verdicts, count);
	if (err != PM_OK)
		refuse_all(verdicts, count);
	return err;
}
