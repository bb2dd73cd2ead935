#define _GNU_SOURCE
#include "log_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define ROOM 57000 /* bytes of entries in one answer: a message is 64 KiB */

/* The parts of the answer under way. One at a time: the vault's lock is held. */
static struct {
	union {
		Peppermint__V1__StatusReply status;
		Peppermint__V1__ListKeysReply list_keys;
		Peppermint__V1__ListLogsReply list_logs;
		Peppermint__V1__ReadLogReply read_log;
		Peppermint__V1__ProveEntryReply prove_entry;
		Peppermint__V1__AddCosignatureReply add_cosignature;
		Peppermint__V1__RotateLogReply rotate_log;
		Peppermint__V1__HashTextReply hash_text;
		Peppermint__V1__GetInventoryReply get_inventory;
		Peppermint__V1__ListMastersReply list_masters;
	} body;
	void *pointers[1024];
	Peppermint__V1__Log logs[BOOK_LOGS];
	Peppermint__V1__LogEntry entries[1024];
	Peppermint__V1__EnvironmentStatus environments[2];
	Peppermint__V1__AuditStatus audit;
	Peppermint__V1__MasterKey master_keys[5];
	Peppermint__V1__MasterVersion master;
	Peppermint__V1__CallerInfo callers[2];
	Peppermint__V1__Key keys[3];
	void *environment_pointers[2], *caller_pointers[2];
	uint8_t proof[TLOG_NOTE_MAX + 4096];
} room;

#define PREPARE(name, INIT)                                                                        \
	(room.body.name = (__typeof__(room.body.name))INIT,                                        \
	 reply->result_case = (Peppermint__V1__Reply__ResultCase)request->call_case,               \
	 reply->name = &room.body.name)

static void refuse(Peppermint__V1__Reply *reply, Peppermint__V1__Error error, char *message)
{
	reply->error = error;
	reply->message = message;
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static void root_at(const struct book_log *log, uint64_t size, struct tlog_hash *root)
{
	struct tlog_tree tree = { 0 };
	struct tlog_hash leaf, parents[TLOG_ROWS_MAX];

	for (uint64_t i = 0; i < size; i++) {
		tlog_leaf_hash(bytes_str(log->entries[i]), &leaf);
		tlog_tree_append(&tree, &leaf, parents);
	}
	tlog_tree_root(&tree, root);
}

static bool can_continue(const struct logbook *book, struct bytes known)
{
	struct tlog_checkpoint had;
	struct tlog_hash root;

	assert_int_equal(tlog_checkpoint_parse(known, &had), PM_OK);
	for (size_t i = 0; i < book->count; i++) {
		const struct book_log *log = &book->logs[i];

		if (strcmp(log->origin, had.origin) != 0)
			continue;
		if (had.size > log->count)
			return false;
		root_at(log, had.size, &root);
		return tlog_hash_equal(&root, &had.root);
	}
	return true;
}

static void make_log(const struct logbook *book, size_t i)
{
	const struct book_log *log = &book->logs[i];
	Peppermint__V1__Log *out = &room.logs[i];

	*out = (Peppermint__V1__Log)PEPPERMINT__V1__LOG__INIT;
	out->log = (uint32_t)i + 1;
	out->origin = (char *)(uintptr_t)log->origin;
	out->state = log->state;
	out->vkey = (char *)(uintptr_t)log->vkey;
	out->entries = log->count;
	out->minimum = log->minimum;
	out->opened_at = LOG_TIME;
	out->checkpoint =
		(ProtobufCBinaryData){ strlen(log->note), (uint8_t *)(uintptr_t)log->note };
	out->checkpoint_size = log->note_size;
	room.pointers[i] = out;
}

static void list_logs(struct logbook *book, const Peppermint__V1__Request *request,
		      Peppermint__V1__Reply *reply)
{
	const ProtobufCBinaryData *known = &request->list_logs->known_checkpoint;

	if (known->len > 0 && !can_continue(book, bytes_of(known->data, known->len))) {
		refuse(reply, PEPPERMINT__V1__ERROR__CONFLICT, "it is no continuation");
		return;
	}
	PREPARE(list_logs, PEPPERMINT__V1__LIST_LOGS_REPLY__INIT);
	for (size_t i = 0; i < book->count; i++)
		make_log(book, i);
	reply->list_logs->n_logs = book->count;
	reply->list_logs->logs = (void *)room.pointers;
}

static const char *text_of(const json_t *entry, const char *field)
{
	const char *text = json_string_value(json_object_get(entry, field));

	return text ? text : "";
}

static bool matches(const char *entry, const Peppermint__V1__ReadLogRequest *asked)
{
	if (!asked->type[0] && !asked->key_id[0] && !asked->environment[0] && !asked->failures)
		return true; /* not even JSON need it be */
	json_t *json = json_loads(entry, 0, NULL);
	size_t len = strlen(asked->type);
	bool group = len > 0 && asked->type[len - 1] == '.';

	assert_non_null(json);
	const char *type = text_of(json, "type");
	bool fits = !len ||
		    (group ? strncmp(type, asked->type, len) == 0 : strcmp(type, asked->type) == 0);
	fits = fits && (!asked->key_id[0] || strcmp(text_of(json, "key"), asked->key_id) == 0);
	fits = fits &&
	       (!asked->environment[0] || strcmp(text_of(json, "env"), asked->environment) == 0);
	fits = fits && (!asked->failures || !json_is_true(json_object_get(json, "ok")));
	json_decref(json);
	return fits;
}

static struct book_log *find_log(struct logbook *book, uint32_t log)
{
	if (log == 0)
		return logbook_newest(book);
	return log <= book->count ? &book->logs[log - 1] : NULL;
}

static void read_log(struct logbook *book, const Peppermint__V1__Request *request,
		     Peppermint__V1__Reply *reply)
{
	const Peppermint__V1__ReadLogRequest *asked = request->read_log;
	struct book_log *log = find_log(book, asked->log);
	size_t max = asked->max && asked->max < 1024 ? asked->max : 1024;
	size_t bytes = 0, count = 0;

	if (!log || asked->first < log->minimum) {
		refuse(reply, PEPPERMINT__V1__ERROR__NOT_FOUND, "no such log or entry");
		return;
	}
	if (max > book->answer_max)
		max = book->answer_max;
	PREPARE(read_log, PEPPERMINT__V1__READ_LOG_REPLY__INIT);
	uint64_t i = asked->first;
	for (; i < log->count && count < max && bytes < ROOM; i++) {
		if (i == book->refused_index) {
			refuse(reply, book->refusal, "entry 7 was altered");
			return;
		}
		if (i >= book->damage_first && i < book->damage_end) {
			if (i > asked->first)
				break; /* what is before it is told first */
			refuse(reply, PEPPERMINT__V1__ERROR__STORE_DAMAGED, "it was altered");
			return;
		}
		if (!matches(log->entries[i], asked))
			continue;
		Peppermint__V1__LogEntry *entry = &room.entries[count];
		*entry = (Peppermint__V1__LogEntry)PEPPERMINT__V1__LOG_ENTRY__INIT;
		entry->index = i;
		entry->entry = (ProtobufCBinaryData){ strlen(log->entries[i]),
						      (uint8_t *)log->entries[i] };
		bytes += entry->entry.len + 16;
		room.pointers[count++] = entry;
	}
	reply->read_log->log = (uint32_t)(log - book->logs) + 1;
	reply->read_log->next = i;
	reply->read_log->size = log->count;
	reply->read_log->n_entries = count;
	reply->read_log->entries = (void *)room.pointers;
}

/* tlog_read over a log's entries: slow, and right. */
static enum pm_err read_row(void *arg, unsigned row, uint64_t first, size_t count,
			    struct tlog_hash *out)
{
	const struct book_log *log = arg;
	uint64_t width = UINT64_C(1) << (8 * row);

	for (size_t i = 0; i < count; i++) {
		struct tlog_tree tree = { 0 };
		struct tlog_hash leaf, parents[TLOG_ROWS_MAX];

		for (uint64_t j = 0; j < width; j++) {
			tlog_leaf_hash(bytes_str(log->entries[(first + i) * width + j]), &leaf);
			tlog_tree_append(&tree, &leaf, parents);
		}
		tlog_tree_root(&tree, &out[i]);
	}
	return PM_OK;
}

static void prove_entry(struct logbook *book, const Peppermint__V1__Request *request,
			Peppermint__V1__Reply *reply)
{
	const Peppermint__V1__ProveEntryRequest *asked = request->prove_entry;
	struct book_log *log = find_log(book, asked->log);
	struct buf text = BUF(room.proof);
	struct tlog_proof proof;

	if (!log ||
	    tlog_prove_inclusion(asked->index, log->note_size, read_row, log, &proof) != PM_OK) {
		refuse(reply, PEPPERMINT__V1__ERROR__NOT_FOUND, "no such entry");
		return;
	}
	assert_int_equal(tlog_proof_format(asked->index, &proof, bytes_str(log->note), &text),
			 PM_OK);
	PREPARE(prove_entry, PEPPERMINT__V1__PROVE_ENTRY_REPLY__INIT);
	reply->prove_entry->log = (uint32_t)(log - book->logs) + 1;
	reply->prove_entry->entry = (ProtobufCBinaryData){ strlen(log->entries[asked->index]),
							   (uint8_t *)log->entries[asked->index] };
	reply->prove_entry->proof = (ProtobufCBinaryData){ text.len, text.data };
}

static void add_cosignature(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply)
{
	PREPARE(add_cosignature, PEPPERMINT__V1__ADD_COSIGNATURE_REPLY__INIT);
	reply->add_cosignature->cosigned = 1;
}

static void rotate_log(struct logbook *book, const Peppermint__V1__Request *request,
		       Peppermint__V1__Reply *reply)
{
	PREPARE(rotate_log, PEPPERMINT__V1__ROTATE_LOG_REPLY__INIT);
	logbook_open(book);
	make_log(book, book->count - 1);
	reply->rotate_log->log = &room.logs[book->count - 1];
}

static void hash_text(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply)
{
	static char *hashes[] = { "v2:hash-of-text", "v1:hash-of-text" };

	PREPARE(hash_text, PEPPERMINT__V1__HASH_TEXT_REPLY__INIT);
	reply->hash_text->n_hashes = 2;
	reply->hash_text->hashes = hashes;
}

static void make_environments(void)
{
	static char *names[] = { "test", "live" };

	for (size_t i = 0; i < 2; i++) {
		Peppermint__V1__EnvironmentStatus *environment = &room.environments[i];

		*environment =
			(Peppermint__V1__EnvironmentStatus)PEPPERMINT__V1__ENVIRONMENT_STATUS__INIT;
		environment->name = names[i];
		environment->state = PEPPERMINT__V1__ENVIRONMENT_STATE__SERVING;
		environment->token_label = i ? "live-1" : "test-1";
		environment->token_serial = i ? "SN-LIVE" : "SN-TEST";
		environment->token_model = i ? "nShield 5" : "SoftHSM v2";
		environment->token_manufacturer = i ? "Entrust" : "SoftHSM project";
		room.environment_pointers[i] = environment;
	}
}

static void status(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply)
{
	PREPARE(status, PEPPERMINT__V1__STATUS_REPLY__INIT);
	make_environments();
	reply->status->version = "9.9.9";
	reply->status->n_environments = 2;
	reply->status->environments = (void *)room.environment_pointers;
	room.audit = (Peppermint__V1__AuditStatus)PEPPERMINT__V1__AUDIT_STATUS__INIT;
	room.audit.state = PEPPERMINT__V1__AUDIT_STATE__AUDIT_STUCK;
	room.audit.detail = "the disk is full; make room";
	room.audit.log = 3;
	room.audit.origin = LOG_ORIGIN "/3";
	room.audit.entries = 1000;
	room.audit.unsigned_ = 12;
	room.audit.unwitnessed = 1000;
	room.audit.signed_at = LOG_TIME;
	reply->status->audit = &room.audit;
}

/* test: AAAA… (old), BBBB… (old); live: CCCC… (made just now). */
static void list_keys(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply)
{
	static char *ids[] = { LOG_KEY_ID, "BBBBCCCCDDDDEEEE", "CCCCDDDDEEEEFFFF" };
	bool live = strcmp(request->list_keys->environment, "live") == 0;

	PREPARE(list_keys, PEPPERMINT__V1__LIST_KEYS_REPLY__INIT);
	for (size_t i = 0; i < 3; i++) {
		Peppermint__V1__Key *key = &room.keys[i];

		*key = (Peppermint__V1__Key)PEPPERMINT__V1__KEY__INIT;
		key->id = ids[i];
		key->environment = request->list_keys->environment;
		key->account = "=acme";
		key->state = PEPPERMINT__V1__KEY_STATE__KEY_ACTIVE;
		key->created_at = live ? time(NULL) : 1000;
		room.pointers[i] = key;
	}
	reply->list_keys->n_keys = live ? 1 : 2;
	reply->list_keys->total = reply->list_keys->n_keys;
	reply->list_keys->keys = (void *)(live ? room.pointers + 2 : room.pointers);
}

static void make_master_key(size_t i, char *environment, char *purpose, char *name,
			    Peppermint__V1__Algorithm algorithm)
{
	static uint8_t bytes[16] = { 0x0a, 0x0b, [15] = 0xff };
	Peppermint__V1__MasterKey *key = &room.master_keys[i];

	*key = (Peppermint__V1__MasterKey)PEPPERMINT__V1__MASTER_KEY__INIT;
	key->environment = environment;
	key->purpose = purpose;
	key->name = name;
	key->version = 1;
	key->state = PEPPERMINT__V1__PEPPER_STATE__ACTIVE;
	key->algorithm = algorithm;
	key->created_at = time(NULL) - 86400 * 10;
	key->changed_at = key->created_at;
	key->key_id = (ProtobufCBinaryData){ 16, bytes };
	key->check_value = (ProtobufCBinaryData){ 8, bytes };
	key->read_back = key->sensitive = key->always_sensitive = true;
	key->never_extractable = key->local = true;
	room.pointers[i] = key;
}

static void make_callers(void)
{
	static char *roles[] = { "issuer", "auditor", "custodian" };
	static char *environments[] = { "test", "live" };
	static char *names[] = { "portal", "keys" };

	for (size_t i = 0; i < 2; i++) {
		Peppermint__V1__CallerInfo *caller = &room.callers[i];

		*caller = (Peppermint__V1__CallerInfo)PEPPERMINT__V1__CALLER_INFO__INIT;
		caller->name = names[i];
		caller->uid = 1001 + (uint32_t)i;
		caller->n_roles = 2;
		caller->roles = roles + i;
		caller->n_environments = 2;
		caller->environments = environments;
		room.caller_pointers[i] = caller;
	}
}

static void get_inventory(struct logbook *book, const Peppermint__V1__Request *request,
			  Peppermint__V1__Reply *reply)
{
	PREPARE(get_inventory, PEPPERMINT__V1__GET_INVENTORY_REPLY__INIT);
	make_master_key(0, "test", "pepper", "api-keys", PEPPERMINT__V1__ALGORITHM__HMAC_SHA256);
	make_master_key(1, "live", "pepper", "pan", PEPPERMINT__V1__ALGORITHM__HMAC_SHA256);
	make_master_key(2, "live", "integrity", "records", PEPPERMINT__V1__ALGORITHM__HMAC_SHA256);
	make_master_key(3, "live", "audit", "text", PEPPERMINT__V1__ALGORITHM__HMAC_SHA256);
	make_master_key(4, "live", "audit", "log", PEPPERMINT__V1__ALGORITHM__ED25519);
	make_environments();
	make_callers();
	reply->get_inventory->n_keys = 5;
	reply->get_inventory->keys = (void *)room.pointers;
	reply->get_inventory->n_environments = 2;
	reply->get_inventory->environments = (void *)room.environment_pointers;
	reply->get_inventory->n_callers = 2;
	reply->get_inventory->callers = (void *)room.caller_pointers;
	if (book->tweak)
		book->tweak(reply->get_inventory);
}

static void list_masters(struct logbook *book, const Peppermint__V1__Request *request,
			 Peppermint__V1__Reply *reply)
{
	bool live = strcmp(request->list_masters->environment, "live") == 0;

	if (!live || !book->tells_periods) {
		refuse(reply, PEPPERMINT__V1__ERROR__HSM_UNAVAILABLE, "it does not answer");
		return;
	}
	PREPARE(list_masters, PEPPERMINT__V1__LIST_MASTERS_REPLY__INIT);
	room.master = (Peppermint__V1__MasterVersion)PEPPERMINT__V1__MASTER_VERSION__INIT;
	room.master.environment = "live";
	room.master.purpose = "pepper";
	room.master.name = "pan";
	room.master.version = 1;
	room.master.make_until = book->make_until;
	room.master.verify_until = book->verify_until;
	room.pointers[0] = &room.master;
	reply->list_masters->n_versions = 1;
	reply->list_masters->versions = (void *)room.pointers;
}

void logbook_answer(struct logbook *book, const Peppermint__V1__Request *request,
		    Peppermint__V1__Reply *reply)
{
	reply->version = 1;
	reply->request_id = request->request_id;
	switch (request->call_case) {
	case PEPPERMINT__V1__REQUEST__CALL_STATUS:
		status(request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS:
		list_keys(request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_LIST_LOGS:
		list_logs(book, request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_READ_LOG:
		read_log(book, request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_PROVE_ENTRY:
		prove_entry(book, request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_ADD_COSIGNATURE:
		add_cosignature(request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_ROTATE_LOG:
		rotate_log(book, request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_HASH_TEXT:
		hash_text(request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_GET_INVENTORY:
		get_inventory(book, request, reply);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_LIST_MASTERS:
		list_masters(book, request, reply);
		return;
	default:
		refuse(reply, PEPPERMINT__V1__ERROR__UNKNOWN_RPC, "no such call");
	}
}
