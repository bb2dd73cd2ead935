/* Keys that others made: imported, or reported as leaked. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"
#include "parts.h"

static enum pm_err set_import(struct exchange *x, const struct peppermint_import *from,
			      Peppermint__V1__ImportedKey *to)
{
	*to = (Peppermint__V1__ImportedKey)PEPPERMINT__V1__IMPORTED_KEY__INIT;
	to->form = (Peppermint__V1__ImportForm)from->form;
	to->value = exchange_bytes(from->value, from->value_len);
	to->hmac_key = exchange_text(from->hmac_key);
	to->account = exchange_text(from->account);
	to->product = exchange_text(from->product);
	to->name = exchange_text(from->name);
	to->external_reference = exchange_text(from->external_reference);
	to->tail = exchange_text(from->tail);
	to->created_at = from->created_at;
	to->not_before = from->not_before;
	to->expires_at = from->expires_at;
	to->disabled = from->disabled;
	TRY(parts_words(x, from->scopes, &to->scopes, &to->n_scopes));
	TRY(parts_words(x, from->networks, &to->networks, &to->n_networks));
	return parts_labels(x, from->labels, from->label_count, &to->labels, &to->n_labels);
}

static enum pm_err fill_import(struct exchange *x, const Peppermint__V1__ImportOutcome *from,
			       struct peppermint_import_outcome *to)
{
	bool made = from->error == PEPPERMINT__V1__ERROR__OK;

	if (made && strlen(from->key_id) != PEPPERMINT_KEY_ID_LEN)
		return exchange_bad_reply(x, "the answer holds an imported key of no id");
	TRY(FILL_TEXT(x, from->key_id, to->key_id));
	TRY(FILL_TEXT(x, from->message, to->message));
	to->error = (enum pm_err)from->error;
	return PM_OK;
}

static enum pm_err fill_imports(struct exchange *x, const Peppermint__V1__ImportKeysReply *from,
				struct peppermint_import_outcome *outcomes, size_t count)
{
	TRY(fill_count(x, from->n_outcomes, count));
	for (size_t i = 0; i < count; i++)
		TRY(fill_import(x, from->outcomes[i], &outcomes[i]));
	return PM_OK;
}

static void nothing_imported(struct peppermint_import_outcome *outcomes, size_t count)
{
	memset(outcomes, 0, count * sizeof(*outcomes));
	for (size_t i = 0; i < count; i++)
		outcomes[i].error = PM_INTERNAL;
}

enum pm_err peppermint_import_keys(struct peppermint *handle, const char *environment,
				   const struct peppermint_import *keys, size_t count,
				   struct peppermint_import_outcome *outcomes,
				   struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ImportKeysRequest body = PEPPERMINT__V1__IMPORT_KEYS_REQUEST__INIT;
	void *items = NULL;
	void **pointers = NULL;

	nothing_imported(outcomes, count);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	TRY(parts_items(&x, count, sizeof(Peppermint__V1__ImportedKey), &items, &pointers));
	body.environment = exchange_text(environment);
	body.n_keys = count;
	body.keys = (Peppermint__V1__ImportedKey **)pointers;
	for (size_t i = 0; i < count; i++)
		TRY(set_import(&x, &keys[i], body.keys[i]));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_IMPORT_KEYS;
	x.request.import_keys = &body;

	enum pm_err err = exchange_run(&x);
	if (err == PM_OK)
		err = fill_imports(&x, x.reply->import_keys, outcomes, count);
	if (err != PM_OK)
		nothing_imported(outcomes, count);
	return err;
}

static enum peppermint_leak_action leak_action(Peppermint__V1__LeakAction action)
{
	switch (action) {
	case PEPPERMINT__V1__LEAK_ACTION__LEAK_NONE:
		return PEPPERMINT_LEAK_NONE;
	case PEPPERMINT__V1__LEAK_ACTION__LEAK_REPORTED:
		return PEPPERMINT_LEAK_REPORTED;
	case PEPPERMINT__V1__LEAK_ACTION__LEAK_DISABLED:
		return PEPPERMINT_LEAK_DISABLED;
	case PEPPERMINT__V1__LEAK_ACTION__LEAK_REVOKED:
		return PEPPERMINT_LEAK_REVOKED;
	default:
		return PEPPERMINT_LEAK_ACTION_UNKNOWN;
	}
}

static enum pm_err fill_leak(struct exchange *x, const Peppermint__V1__LeakVerdict *from,
			     struct peppermint_leak_verdict *to)
{
	if (from->known && from->error != PEPPERMINT__V1__ERROR__OK)
		return exchange_bad_reply(x, "the answer holds a verdict that contradicts itself");
	TRY(FILL_TEXT(x, from->environment, to->environment));
	TRY(FILL_TEXT(x, from->key_id, to->key_id));
	to->known = from->known;
	to->error = (enum pm_err)from->error;
	to->action = leak_action(from->action);
	return PM_OK;
}

static void nothing_found_out(struct peppermint_leak_verdict *verdicts, size_t count)
{
	memset(verdicts, 0, count * sizeof(*verdicts));
	for (size_t i = 0; i < count; i++)
		verdicts[i].error = PM_INTERNAL;
}

static enum pm_err fill_leaks(struct exchange *x, const Peppermint__V1__ReportLeaksReply *from,
			      struct peppermint_leak_verdict *verdicts, size_t count)
{
	TRY(fill_count(x, from->n_verdicts, count));
	for (size_t i = 0; i < count; i++)
		TRY(fill_leak(x, from->verdicts[i], &verdicts[i]));
	return PM_OK;
}

enum pm_err peppermint_report_leaks(struct peppermint *handle,
				    const struct peppermint_leak_report *report,
				    struct peppermint_leak_verdict *verdicts, size_t count,
				    struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ReportLeaksRequest body = PEPPERMINT__V1__REPORT_LEAKS_REQUEST__INIT;

	nothing_found_out(verdicts, count);
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.payload = exchange_bytes(report->payload, report->payload_len);
	body.key_id = exchange_text(report->key_id);
	body.signature = exchange_text(report->signature);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_REPORT_LEAKS;
	x.request.report_leaks = &body;

	enum pm_err err = exchange_run(&x);
	if (err == PM_OK)
		err = fill_leaks(&x, x.reply->report_leaks, verdicts, count);
	if (err != PM_OK)
		nothing_found_out(verdicts, count);
	return err;
}
