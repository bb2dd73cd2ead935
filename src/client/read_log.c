/* Entries of the audit log. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

/* What goes out by its number is vault.proto's; what comes in is looked at one by one. */
#define CHECK_REPORT(name)                                                                         \
	_Static_assert((int)PEPPERMINT_REPORT_##name ==                                            \
			       (int)PEPPERMINT__V1__REPORT__REPORT_##name,                         \
		       #name);
CHECK_REPORT(NONE)
CHECK_REPORT(EXPORT)
CHECK_REPORT(CRYPTO_INVENTORY)
CHECK_REPORT(CRYPTOPERIODS)
CHECK_REPORT(CUSTODIANS)
CHECK_REPORT(ATTESTATION)
CHECK_REPORT(LOG_ACCESS)
CHECK_REPORT(CONTROL_FAILURES)
CHECK_REPORT(DORMANT_KEYS)
CHECK_REPORT(RETENTION)

static void set_query(Peppermint__V1__ReadLogRequest *body,
		      const struct peppermint_log_query *query)
{
	body->report = (Peppermint__V1__Report)query->report;
	body->log = query->log;
	body->first = query->first;
	body->max = query->max;
	body->type = exchange_text(query->type);
	body->environment = exchange_text(query->environment);
	body->key_id = exchange_text(query->key_id);
	body->account = exchange_text(query->account);
	body->operator_ = exchange_text(query->operator_name);
	body->caller = exchange_text(query->caller);
	body->since = query->since;
	body->until = query->until;
	body->failures = query->failures;
}

/* Each stands after the one before it and before what is to be asked for next. */
static enum pm_err fill_entries(struct exchange *x, const Peppermint__V1__ReadLogReply *from,
				uint64_t first, struct peppermint_log_page *page)
{
	size_t used = 0;

	for (size_t i = 0; i < from->n_entries; i++) {
		const Peppermint__V1__LogEntry *entry = from->entries[i];
		struct peppermint_log_entry *to = &page->entries[i];
		char *text = page->room + used;

		if (entry->index < first || entry->index >= from->next)
			return exchange_bad_reply(x, "the answer holds entries out of order");
		TRY(fill_entry(x, entry->entry, text, sizeof(page->room) - used, &to->len));
		to->index = entry->index;
		to->text = text;
		used += to->len + 1;
		first = entry->index + 1;
	}
	page->count = from->n_entries;
	return PM_OK;
}

static enum pm_err check_page(struct exchange *x, const Peppermint__V1__ReadLogReply *from,
			      const struct peppermint_log_query *query)
{
	size_t most = PEPPERMINT_ENTRIES_MAX;

	if (query->max > 0 && query->max < most)
		most = query->max;
	if (from->log == 0 || (query->log != 0 && from->log != query->log))
		return exchange_bad_reply(x, "the answer is about another log");
	if (from->n_entries > most)
		return exchange_bad_reply(x, "the answer holds more entries than asked for");
	/* Who asks on from there must come to the end. */
	if (from->next < query->first || (from->next == query->first && from->next < from->size))
		return exchange_bad_reply(x, "the answer does not lead on");
	return PM_OK;
}

enum pm_err peppermint_read_log(struct peppermint *handle, const struct peppermint_log_query *query,
				struct peppermint_log_page *page, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ReadLogRequest body = PEPPERMINT__V1__READ_LOG_REQUEST__INIT;

	memset(page, 0, sizeof(*page));
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	set_query(&body, query);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_READ_LOG;
	x.request.read_log = &body;
	TRY(exchange_run(&x));
	const Peppermint__V1__ReadLogReply *reply = x.reply->read_log;
	TRY(check_page(&x, reply, query));
	TRY(fill_entries(&x, reply, query->first, page));
	page->log = reply->log;
	page->next = reply->next;
	page->size = reply->size;
	return PM_OK;
}
