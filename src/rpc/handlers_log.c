/* The audit log: list, read, prove, cosign, rotate, and the hashes of its texts. */
#include <string.h>

#include "base/cleanup.h"
#include "call.h"
#include "fields.h"
#include "server.h"
#include "vault/audit.h"

/* A copy in the call's arena, for the reply; the note in it is checked by whoever signs. */
static enum pm_err reply_with_log(struct call *call, const struct vault_log *from,
				  Peppermint__V1__Log **out)
{
	Peppermint__V1__Log *log = arena_alloc(call->arena, sizeof(*log));
	char *note = arena_text(call->arena, bytes_str(from->checkpoint));

	if (!log || !note)
		return PM_NO_MEMORY;
	peppermint__v1__log__init(log);
	log->log = from->log;
	log->origin = arena_text(call->arena, bytes_str(from->origin));
	log->state = (Peppermint__V1__LogState)from->state;
	log->vkey = arena_text(call->arena, bytes_str(from->vkey));
	log->entries = from->entries;
	log->minimum = from->minimum;
	log->opened_at = from->opened_at;
	log->closed_at = from->closed_at;
	log->checkpoint = (ProtobufCBinaryData){ strlen(note), (uint8_t *)note };
	log->checkpoint_size = from->checkpoint_size;
	*out = log;
	return log->origin && log->vkey ? PM_OK : PM_NO_MEMORY;
}

#define ANSWER_MAX 65536 /* also if messages may be larger */
#define ANSWER_REST 256  /* what an answer has beside its items, and more */
#define ITEM_REST 3      /* of an item: its tag and its length, which is below 16,384 */

static size_t room_for_items(const struct call *call)
{
	size_t most = call->rpc->config.message_bytes;

	if (most > ANSWER_MAX)
		most = ANSWER_MAX;
	return most > ANSWER_REST ? most - ANSWER_REST : 0;
}

/* Asking again would give the same. */
static enum pm_err no_item_fits(struct call *call)
{
	return call_refuse(call, PM_TOO_LARGE, "message_bytes",
			   "not one of them fits; raise that limit of the vault");
}

/* As many as fit; `next` is the first that does not. */
static enum pm_err reply_with_logs(struct call *call, const struct vault_log *logs, size_t count,
				   Peppermint__V1__ListLogsReply *reply)
{
	size_t left = room_for_items(call);

	for (size_t i = 0; i < count; i++) {
		Peppermint__V1__Log **log = &reply->logs[reply->n_logs];

		TRY(reply_with_log(call, &logs[i], log));
		size_t size = peppermint__v1__log__get_packed_size(*log) + ITEM_REST;
		if (size > left) {
			reply->next = logs[i].log;
			return reply->n_logs > 0 ? PM_OK : no_item_fits(call);
		}
		left -= size;
		reply->n_logs++;
	}
	return PM_OK;
}

enum pm_err handle_list_logs(struct call *call, const Peppermint__V1__ListLogsRequest *request,
			     Peppermint__V1__ListLogsReply *reply)
{
	/* Over 2 MB and nothing secret in it: not in the arena. */
	struct vault_log *logs CLEANUP(free_ptr) = calloc(VAULT_LOGS_MAX, sizeof(*logs));
	size_t count = 0, skipped = 0;

	TRY(field_report(call, request->report));
	TRY(field_bytes(call, "known_checkpoint", request->known_checkpoint, TLOG_NOTE_MAX));
	reply->logs = arena_array(call->arena, VAULT_LOGS_MAX, sizeof(*reply->logs));
	if (!logs || !reply->logs)
		return PM_NO_MEMORY;
	TRY(vault_logs(call->rpc->vault, &call->actor, request->report,
		       bytes_of(request->known_checkpoint.data, request->known_checkpoint.len),
		       logs, VAULT_LOGS_MAX, &count));
	while (skipped < count && logs[skipped].log < request->first)
		skipped++;
	return reply_with_logs(call, logs + skipped, count - skipped, reply);
}

#define ENTRIES_MAX 1024 /* of one answer */

struct page {
	struct arena *arena;
	Peppermint__V1__ReadLogReply *reply;
	Peppermint__V1__LogEntry *rooms;
	size_t left; /* bytes of the answer */
	bool full;
};

static bool add_entry(struct page *page, uint64_t index, struct bytes entry)
{
	Peppermint__V1__ReadLogReply *reply = page->reply;
	Peppermint__V1__LogEntry *room = &page->rooms[reply->n_entries];

	if (reply->n_entries == ENTRIES_MAX)
		return false;
	peppermint__v1__log_entry__init(room);
	room->index = index;
	room->entry = (ProtobufCBinaryData){ entry.len, (uint8_t *)(uintptr_t)entry.data };
	size_t size = peppermint__v1__log_entry__get_packed_size(room) + ITEM_REST;
	room->entry.data = size <= page->left ? arena_alloc(page->arena, entry.len) : NULL;
	if (!room->entry.data)
		return false;
	memcpy(room->entry.data, entry.data, entry.len);
	page->left -= size;
	reply->entries[reply->n_entries++] = room;
	return true;
}

static bool visit_entry(void *arg, uint64_t index, struct bytes entry)
{
	struct page *page = arg;

	page->full = !add_entry(page, index, entry);
	return !page->full;
}

static enum pm_err check_query(struct call *call, const Peppermint__V1__ReadLogRequest *request)
{
	TRY(field_report(call, request->report));
	TRY(field_optional(call, "type", request->type, VAULT_NAME_MAX));
	TRY(field_optional(call, "environment", request->environment, VAULT_ENVIRONMENT_MAX));
	TRY(field_optional(call, "account", request->account, VAULT_ACCOUNT_MAX));
	TRY(field_optional(call, "operator", request->operator_, VAULT_OPERATOR_MAX));
	TRY(field_optional(call, "caller", request->caller, VAULT_CALLER_MAX));
	if (*request->key_id != '\0')
		TRY(field_key_id(call, request->key_id));
	if (*request->environment == '\0' &&
	    (*request->account != '\0' || *request->operator_ != '\0'))
		return call_refuse(call, PM_BAD_REQUEST, "environment",
				   "required with account or operator");
	return PM_OK;
}

static struct vault_log_query query_of(const Peppermint__V1__ReadLogRequest *request)
{
	bool limited = request->max > 0 && request->max < ENTRIES_MAX;

	return (struct vault_log_query){
		.report = request->report,
		.log = request->log,
		.first = request->first,
		.max = limited ? request->max : ENTRIES_MAX,
		.type = request->type,
		.environment = request->environment,
		.key_id = request->key_id,
		.account = request->account,
		.operator_name = request->operator_,
		.caller = request->caller,
		.since = request->since,
		.until = request->until,
		.failures = request->failures != 0,
	};
}

enum pm_err handle_read_log(struct call *call, const Peppermint__V1__ReadLogRequest *request,
			    Peppermint__V1__ReadLogReply *reply)
{
	const struct vault_log_query query = query_of(request);
	struct page page = { .arena = call->arena,
			     .reply = reply,
			     .rooms = arena_array(call->arena, query.max, sizeof(*page.rooms)),
			     .left = room_for_items(call) };
	struct vault_log_page place = { 0 };

	reply->entries = arena_array(call->arena, query.max, sizeof(*reply->entries));
	if (!page.rooms || !reply->entries)
		return PM_NO_MEMORY;
	TRY(check_query(call, request));
	TRY(vault_log_read(call->rpc->vault, &call->actor, &query, visit_entry, &page, &place));
	if (page.full && reply->n_entries == 0)
		return no_item_fits(call);
	reply->log = place.log;
	reply->next = place.next;
	reply->size = place.size;
	return PM_OK;
}

enum pm_err handle_prove_entry(struct call *call, const Peppermint__V1__ProveEntryRequest *request,
			       Peppermint__V1__ProveEntryReply *reply)
{
	struct vault_log_proof *proof = arena_alloc(call->arena, sizeof(*proof));

	if (!proof)
		return PM_NO_MEMORY;
	TRY(vault_log_prove(call->rpc->vault, &call->actor, request->log, request->index, proof));
	reply->log = proof->log;
	reply->entry = (ProtobufCBinaryData){ proof->entry_len, proof->entry };
	reply->proof = (ProtobufCBinaryData){ proof->text_len, proof->text };
	return PM_OK;
}

enum pm_err handle_add_cosignature(struct call *call,
				   const Peppermint__V1__AddCosignatureRequest *request,
				   Peppermint__V1__AddCosignatureReply *reply)
{
	const ProtobufCBinaryData *note = &request->checkpoint;

	TRY(field_bytes(call, "checkpoint", *note, TLOG_NOTE_MAX));
	if (note->len == 0)
		return call_refuse(call, PM_BAD_REQUEST, "checkpoint", "required");
	return vault_log_cosign(call->rpc->vault, &call->actor, request->log,
				bytes_of(note->data, note->len), &reply->cosigned);
}

enum pm_err handle_rotate_log(struct call *call, const Peppermint__V1__RotateLogRequest *request,
			      Peppermint__V1__RotateLogReply *reply)
{
	struct vault_log *log = arena_alloc(call->arena, sizeof(*log));

	(void)request;
	if (!log)
		return PM_NO_MEMORY;
	TRY(vault_log_rotate(call->rpc->vault, &call->actor, log));
	return reply_with_log(call, log, &reply->log);
}

enum pm_err handle_hash_text(struct call *call, const Peppermint__V1__HashTextRequest *request,
			     Peppermint__V1__HashTextReply *reply)
{
	struct value_hash *hashes =
		arena_array(call->arena, VAULT_TEXT_HASHES_MAX, sizeof(*hashes));
	size_t count = 0;

	if (*request->text == '\0')
		return call_refuse(call, PM_BAD_REQUEST, "text", "required");
	reply->hashes = arena_array(call->arena, VAULT_TEXT_HASHES_MAX, sizeof(*reply->hashes));
	if (!hashes || !reply->hashes)
		return PM_NO_MEMORY;
	TRY(vault_audit_hash(call->rpc->vault, &call->actor, request->environment, request->text,
			     hashes, &count));
	for (; reply->n_hashes < count; reply->n_hashes++)
		reply->hashes[reply->n_hashes] = hashes[reply->n_hashes].text;
	return PM_OK;
}
