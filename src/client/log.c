/* The audit log's logs, their proofs and cosignatures, and the hashes of its texts. */
#include <string.h>

#include "base/cleanup.h"
#include "exchange.h"
#include "fill.h"

static enum peppermint_log_state log_state(Peppermint__V1__LogState state)
{
	switch (state) {
	case PEPPERMINT__V1__LOG_STATE__LOG_OPEN:
		return PEPPERMINT_LOG_OPEN;
	case PEPPERMINT__V1__LOG_STATE__LOG_CLOSED:
		return PEPPERMINT_LOG_CLOSED;
	case PEPPERMINT__V1__LOG_STATE__LOG_ABANDONED:
		return PEPPERMINT_LOG_ABANDONED;
	default:
		return PEPPERMINT_LOG_STATE_UNKNOWN;
	}
}

/* `from` may be missing. */
static enum pm_err fill_log(struct exchange *x, const Peppermint__V1__Log *from,
			    struct peppermint_log *to)
{
	size_t len = 0;

	*to = (struct peppermint_log){ 0 };
	if (!from || from->log == 0)
		return exchange_bad_reply(x, "the answer holds no log");
	TRY(FILL_TEXT(x, from->origin, to->origin));
	TRY(FILL_TEXT(x, from->vkey, to->vkey));
	TRY(fill_note(x, from->checkpoint, to->checkpoint, sizeof(to->checkpoint), &len));
	to->log = from->log;
	to->state = log_state(from->state);
	to->entries = from->entries;
	to->minimum = from->minimum;
	to->opened_at = from->opened_at;
	to->closed_at = from->closed_at;
	to->checkpoint_size = from->checkpoint_size;
	return PM_OK;
}

/* The logs of all pages: those that there is room for, and how many there are. */
struct listing {
	struct peppermint_log *logs;
	size_t capacity, count;
	uint32_t last;
};

static enum pm_err take_logs(struct exchange *x, const Peppermint__V1__ListLogsReply *from,
			     struct listing *to)
{
	for (size_t i = 0; i < from->n_logs; i++) {
		if (from->logs[i]->log <= to->last)
			return exchange_bad_reply(x, "the answer holds logs out of order");
		to->last = from->logs[i]->log;
		if (to->count < to->capacity)
			TRY(fill_log(x, from->logs[i], &to->logs[to->count]));
		to->count++;
	}
	/* Who asks on from there must come to the end. */
	if (from->next != 0 && (from->n_logs == 0 || from->next <= to->last))
		return exchange_bad_reply(x, "the answer does not lead on");
	return PM_OK;
}

static ProtobufCBinaryData note_bytes(const char *note)
{
	return (ProtobufCBinaryData){ note ? strlen(note) : 0, (uint8_t *)exchange_text(note) };
}

enum pm_err peppermint_list_logs(struct peppermint *handle, enum peppermint_report report,
				 const char *known, struct peppermint_log *logs, size_t capacity,
				 size_t *count, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ListLogsRequest body = PEPPERMINT__V1__LIST_LOGS_REQUEST__INIT;
	struct listing listing = { .logs = logs, .capacity = capacity };

	*count = 0;
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.report = (Peppermint__V1__Report)report;
	body.known_checkpoint = note_bytes(known);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_LOGS;
	x.request.list_logs = &body;
	do {
		exchange_clear(&x);
		TRY(exchange_run(&x));
		TRY(take_logs(&x, x.reply->list_logs, &listing));
		body.first = x.reply->list_logs->next;
		body.known_checkpoint = note_bytes(NULL); /* once is enough */
	} while (body.first != 0);
	*count = listing.count;
	if (listing.count <= capacity)
		return PM_OK;
	return outcome(x.call, PM_TOO_LARGE, "there are %zu logs, and room for %zu", listing.count,
		       capacity);
}

static enum pm_err fill_proof(struct exchange *x, const Peppermint__V1__ProveEntryReply *from,
			      uint32_t log, struct peppermint_log_proof *to)
{
	if (from->log == 0 || (log != 0 && from->log != log))
		return exchange_bad_reply(x, "the answer is about another log");
	TRY(fill_entry(x, from->entry, to->entry, sizeof(to->entry), &to->entry_len));
	TRY(fill_note(x, from->proof, to->proof, sizeof(to->proof), &to->proof_len));
	if (to->proof_len == 0)
		return exchange_bad_reply(x, "the answer holds no proof");
	to->log = from->log;
	return PM_OK;
}

enum pm_err peppermint_prove_entry(struct peppermint *handle, uint32_t log, uint64_t index,
				   struct peppermint_log_proof *proof, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ProveEntryRequest body = PEPPERMINT__V1__PROVE_ENTRY_REQUEST__INIT;

	*proof = (struct peppermint_log_proof){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.log = log;
	body.index = index;
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_PROVE_ENTRY;
	x.request.prove_entry = &body;
	TRY(exchange_run(&x));
	return fill_proof(&x, x.reply->prove_entry, log, proof);
}

enum pm_err peppermint_add_cosignature(struct peppermint *handle, uint32_t log, const char *note,
				       uint32_t *cosigned, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__AddCosignatureRequest body = PEPPERMINT__V1__ADD_COSIGNATURE_REQUEST__INIT;

	*cosigned = 0;
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.log = log;
	body.checkpoint = note_bytes(note);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_ADD_COSIGNATURE;
	x.request.add_cosignature = &body;
	TRY(exchange_run(&x));
	*cosigned = x.reply->add_cosignature->cosigned;
	return PM_OK;
}

enum pm_err peppermint_rotate_log(struct peppermint *handle, struct peppermint_log *log,
				  struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__RotateLogRequest body = PEPPERMINT__V1__ROTATE_LOG_REQUEST__INIT;

	*log = (struct peppermint_log){ 0 };
	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_ROTATE_LOG;
	x.request.rotate_log = &body;
	TRY(exchange_run(&x));
	return fill_log(&x, x.reply->rotate_log->log, log);
}

static enum pm_err fill_text_hashes(struct exchange *x, const Peppermint__V1__HashTextReply *from,
				    struct peppermint_value_hash *hashes, size_t *count)
{
	if (from->n_hashes == 0 || from->n_hashes > PEPPERMINT_HASHES_MAX)
		return exchange_bad_reply(x, "the answer holds no hash, or too many");
	for (size_t i = 0; i < from->n_hashes; i++) {
		if (from->hashes[i][0] == '\0')
			return exchange_bad_reply(x, "the answer holds an empty hash");
		TRY(FILL_TEXT(x, from->hashes[i], hashes[i].text));
	}
	*count = from->n_hashes;
	return PM_OK;
}

enum pm_err peppermint_hash_text(struct peppermint *handle, const char *environment,
				 const char *text, struct peppermint_value_hash *hashes,
				 size_t *count, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__HashTextRequest body = PEPPERMINT__V1__HASH_TEXT_REQUEST__INIT;

	*count = 0;
	memset(hashes, 0, PEPPERMINT_HASHES_MAX * sizeof(*hashes));
	TRY(exchange_begin(&x, handle, EXCHANGE_READS, call));
	body.environment = exchange_text(environment);
	body.text = exchange_text(text);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_HASH_TEXT;
	x.request.hash_text = &body;
	TRY(exchange_run(&x));
	return fill_text_hashes(&x, x.reply->hash_text, hashes, count);
}
