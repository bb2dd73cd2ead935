#include "canned_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void **make_label(struct canned_answer *room)
{
	room->label = (Peppermint__V1__Label)PEPPERMINT__V1__LABEL__INIT;
	room->label.key = "team";
	room->label.value = "billing & more";
	room->label_pointers[0] = &room->label;
	return room->label_pointers;
}

static char **make_scopes(struct canned_answer *room)
{
	room->scopes[0] = "pay";
	room->scopes[1] = "refund:read";
	return room->scopes;
}

static char **make_networks(struct canned_answer *room)
{
	room->networks[0] = "192.0.2.0/24";
	room->networks[1] = "2001:db8::/32";
	return room->networks;
}

Peppermint__V1__Key *canned_key(struct canned_answer *room, size_t i, char *environment)
{
	Peppermint__V1__Key *key = &room->keys[i];

	*key = (Peppermint__V1__Key)PEPPERMINT__V1__KEY__INIT;
	snprintf(room->key_ids[i], sizeof(room->key_ids[i]), i ? "KEY%013zu" : CANNED_ID, i);
	key->id = room->key_ids[i];
	key->environment = environment;
	key->account = "acme";
	key->product = "payments";
	key->name = "Müller’s till";
	key->state = PEPPERMINT__V1__KEY_STATE__KEY_ACTIVE;
	key->masked = "*****def";
	key->created_by = "portal/ann";
	key->created_at = 1767225600;
	key->expires_at = CANNED_EXPIRES;
	key->secret_version = 1;
	key->pepper_version = 2;
	key->external_reference = "till-7";
	key->scopes = make_scopes(room);
	key->n_scopes = 2;
	key->networks = make_networks(room);
	key->n_networks = 2;
	key->labels = (void *)make_label(room);
	key->n_labels = 1;
	key->last_used_at = 1767225610;
	key->use_count = 12;
	return key;
}

void canned_hand_out(ProtobufCBinaryData recipient, char **api_key, char **sealed, char **merchant)
{
	*api_key = recipient.len > 0 ? "" : CANNED_KEY;
	*sealed = recipient.len > 0 ? CANNED_SEALED : "";
	*merchant = CANNED_MERCHANT;
}

bool canned_step_up(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply, bool pin)
{
	if (strcmp(request->confirmation, CANNED_CONFIRMATION) != 0 ||
	    (pin && request->pin.len == 0)) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__STEP_UP_REQUIRED,
			      "this needs a confirmation and the operator's PIN; see Confirm");
		return false;
	}
	if (pin && (request->pin.len != strlen(CANNED_PIN) ||
		    memcmp(request->pin.data, CANNED_PIN, request->pin.len) != 0)) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__PIN_WRONG, "the PIN is wrong");
		return false;
	}
	return true;
}

void canned_refuse(Peppermint__V1__Reply *reply, Peppermint__V1__Error error, char *message)
{
	reply->error = error;
	reply->message = message;
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

/* `test` has a standby, which is unfit; `live` is sealed. */
static void fill_tokens(struct canned_answer *room, Peppermint__V1__EnvironmentStatus *environment,
			size_t which)
{
	for (size_t i = 0; i < 3; i++) {
		room->tokens[i] = (Peppermint__V1__TokenStatus)PEPPERMINT__V1__TOKEN_STATUS__INIT;
		room->tokens[i].label = i == 1 ? "the clone" : "the token";
		room->tokens[i].serial = i == 1 ? "CLONE" : "0123456789abcdef";
		room->token_pointers[i] = &room->tokens[i];
	}
	room->tokens[0].state = PEPPERMINT__V1__TOKEN_STATE__TOKEN_READY;
	room->tokens[0].active = room->tokens[2].active = 1;
	room->tokens[1].state = PEPPERMINT__V1__TOKEN_STATE__TOKEN_UNFIT;
	room->tokens[1].detail = "it lacks pan/v2: clone it again";
	room->tokens[1].restarts = 4;
	room->tokens[2].state = PEPPERMINT__V1__TOKEN_STATE__TOKEN_SEALED;
	room->tokens[2].detail = environment->detail;
	environment->n_tokens = which ? 1 : 2;
	environment->tokens = (void *)&room->token_pointers[which ? 2 : 0];
	environment->sessions = which ? 0 : 6;
	environment->proven = !which;
	environment->checked_at = which ? 0 : 1767225600;
	environment->key_warnings = which ? 0 : 2;
	environment->orphaned_objects = which ? 0 : 1;
}

static void **make_environments(struct canned_answer *room)
{
	static char *names[] = { "test", "live" };

	for (size_t i = 0; i < 2; i++) {
		Peppermint__V1__EnvironmentStatus *environment = &room->environments[i];

		*environment =
			(Peppermint__V1__EnvironmentStatus)PEPPERMINT__V1__ENVIRONMENT_STATUS__INIT;
		environment->name = names[i];
		environment->key_prefix = i ? "ak_live_" : "ak_test_";
		environment->state = i ? PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_SEALED
				       : PEPPERMINT__V1__ENVIRONMENT_STATE__SERVING;
		environment->detail = i ? "the PIN was refused; see the vault's log" : "";
		environment->token_serial = "0123456789abcdef";
		environment->keys = 3 + i;
		fill_tokens(room, environment, i);
		room->pointers[i] = environment;
	}
	return room->pointers;
}

static Peppermint__V1__AuditStatus *make_audit(struct canned_answer *room)
{
	room->audit = (Peppermint__V1__AuditStatus)PEPPERMINT__V1__AUDIT_STATUS__INIT;
	room->audit.state = PEPPERMINT__V1__AUDIT_STATE__AUDIT_GOOD;
	room->audit.log = CANNED_LOG;
	room->audit.origin = "vault.example/2";
	room->audit.entries = CANNED_ENTRIES;
	room->audit.unsigned_ = 1;
	room->audit.unwitnessed = 2;
	room->audit.signed_at = 1767225600;
	room->audit.sink_dropped = 3;
	return &room->audit;
}

static void answer_status(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	PREPARE(reply, room, status, PEPPERMINT__V1__STATUS_REPLY__INIT);
	reply->status->version = "9.9.9";
	reply->status->uptime_seconds = 61;
	reply->status->n_environments = 2;
	reply->status->environments = (void *)make_environments(room);
	reply->status->audit = make_audit(room);
}

static void answer_mint(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			struct canned_answer *room)
{
	const Peppermint__V1__MintKeyRequest *asked = request->mint_key;

	if (strcmp(asked->account, CANNED_CAREFUL) == 0 && !canned_step_up(request, reply, true))
		return;
	PREPARE(reply, room, mint_key, PEPPERMINT__V1__MINT_KEY_REPLY__INIT);
	reply->mint_key->key = canned_key(room, 0, asked->environment);
	reply->mint_key->key->account = asked->account;
	reply->mint_key->key->product = asked->product;
	reply->mint_key->key->name = asked->name;
	reply->mint_key->key->expires_at = asked->expires_at;
	reply->mint_key->key->external_reference = asked->external_reference;
	canned_hand_out(asked->recipient, &reply->mint_key->api_key, &reply->mint_key->sealed,
			&reply->mint_key->merchant);
}

static Peppermint__V1__Verdict verdict_of(const char *key)
{
	Peppermint__V1__Verdict verdict = PEPPERMINT__V1__VERDICT__INIT;

	verdict.valid = strcmp(key, CANNED_KEY) == 0 || strcmp(key, CANNED_OLD_KEY) == 0;
	if (verdict.valid) {
		verdict.key_id = CANNED_ID;
		verdict.account = "acme";
		verdict.product = "payments";
		verdict.expires_at = CANNED_EXPIRES;
		verdict.compromised = strcmp(key, CANNED_OLD_KEY) == 0;
		verdict.secret_expires_at = strcmp(key, CANNED_OLD_KEY) == 0 ? 1800000000 : 0;
		return verdict;
	}
	verdict.message = "Invalid or missing API key";
	verdict.reason =
		key[0] ? PEPPERMINT__V1__REASON__WRONG_SECRET : PEPPERMINT__V1__REASON__MISSING;
	if (strcmp(key, CANNED_DOWN_KEY) == 0) {
		verdict.error = PEPPERMINT__V1__ERROR__HSM_UNAVAILABLE;
		verdict.reason = PEPPERMINT__V1__REASON__NOT_CHECKED;
	}
	return verdict;
}

/* `Bearer <key>`, or the key; for product payments; not from 203.0.113.9. */
static Peppermint__V1__Verdict verdict_presented(struct canned_answer *room,
						 const Peppermint__V1__Presented *asked)
{
	const ProtobufCBinaryData *from =
		asked->n_authorization ? &asked->authorization[0] : &asked->api_key;
	size_t skip = asked->n_authorization ? strlen("Bearer ") : 0;
	char key[600] = "";

	if (from->len > skip && from->len < sizeof(key))
		memcpy(key, from->data + skip, from->len - skip);
	Peppermint__V1__Verdict verdict = verdict_of(key);
	if (asked->n_authorization + (asked->api_key.len > 0) > 1)
		verdict.reason = PEPPERMINT__V1__REASON__SEVERAL_CREDENTIALS;
	else if (strcmp(asked->source_address, "203.0.113.9") == 0)
		verdict.reason = PEPPERMINT__V1__REASON__ADDRESS_DENIED;
	else if (asked->product[0] && strcmp(asked->product, "payments") != 0)
		verdict.reason = PEPPERMINT__V1__REASON__WRONG_PRODUCT;
	else if (asked->n_scopes > 0 && strcmp(asked->scopes[0], "pay") != 0)
		verdict.reason = PEPPERMINT__V1__REASON__SCOPE_MISSING;
	verdict.valid = verdict.valid && verdict.reason == PEPPERMINT__V1__REASON__NONE;
	verdict.external_reference = "till-7";
	verdict.scopes = make_scopes(room);
	verdict.n_scopes = 2;
	verdict.labels = (void *)make_label(room);
	verdict.n_labels = 1;
	return verdict;
}

static void answer_verify(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	const Peppermint__V1__VerifyKeysRequest *asked = request->verify_keys;

	if (asked->n_api_keys > CANNED_ITEMS) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__TOO_LARGE,
			      "at most 512 keys at a time");
		return;
	}
	PREPARE(reply, room, verify_keys, PEPPERMINT__V1__VERIFY_KEYS_REPLY__INIT);
	reply->verify_keys->n_verdicts = asked->n_api_keys + asked->n_presented;
	reply->verify_keys->verdicts = (void *)room->pointers;
	for (size_t i = 0; i < asked->n_presented; i++) {
		room->verdicts[i] = verdict_presented(room, asked->presented[i]);
		room->pointers[i] = &room->verdicts[i];
	}
	for (size_t i = 0; i < asked->n_api_keys; i++) {
		room->verdicts[i] = verdict_of(asked->api_keys[i]);
		room->pointers[i] = &room->verdicts[i];
	}
}

static void answer_get(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
		       struct canned_answer *room)
{
	if (strcmp(request->get_key->key_id, CANNED_ID) != 0) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__NOT_FOUND, "no key has that id");
		return;
	}
	PREPARE(reply, room, get_key, PEPPERMINT__V1__GET_KEY_REPLY__INIT);
	reply->get_key->key = canned_key(room, 0, request->get_key->environment);
}

static void answer_list(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			struct canned_answer *room)
{
	const Peppermint__V1__ListKeysRequest *asked = request->list_keys;
	size_t at = (size_t)atoi(asked->page_token);
	size_t count = CANNED_KEYS - at < asked->page_size ? CANNED_KEYS - at : asked->page_size;

	PREPARE(reply, room, list_keys, PEPPERMINT__V1__LIST_KEYS_REPLY__INIT);
	reply->list_keys->n_keys = count;
	reply->list_keys->keys = (void *)room->pointers;
	for (size_t i = 0; i < count; i++)
		room->pointers[i] = canned_key(room, at + i, asked->environment);
	reply->list_keys->total = CANNED_KEYS;
	room->page_token[0] = '\0';
	if (at + count < CANNED_KEYS)
		snprintf(room->page_token, sizeof(room->page_token), "%zu", at + count);
	reply->list_keys->next_page_token = room->page_token;
}

static void answer_rotate(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	const Peppermint__V1__RotateKeyRequest *asked = request->rotate_key;

	if (!asked->force && asked->overlap_seconds == 77) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__CONFLICT,
			      "an overlap is running; use force");
		return;
	}
	PREPARE(reply, room, rotate_key, PEPPERMINT__V1__ROTATE_KEY_REPLY__INIT);
	reply->rotate_key->key = canned_key(room, 0, asked->environment);
	reply->rotate_key->key->secret_version = 2;
	reply->rotate_key->key->rotated_at = 1767225660;
	reply->rotate_key->key->overlap_until = 1767225660 + asked->overlap_seconds;
	reply->rotate_key->key->first_use_pending = asked->first_use;
	canned_hand_out(asked->recipient, &reply->rotate_key->api_key, &reply->rotate_key->sealed,
			&reply->rotate_key->merchant);
}

static void answer_revoke(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	PREPARE(reply, room, revoke_key, PEPPERMINT__V1__REVOKE_KEY_REPLY__INIT);
	reply->revoke_key->key = canned_key(room, 0, request->revoke_key->environment);
	reply->revoke_key->key->state = PEPPERMINT__V1__KEY_STATE__KEY_REVOKED;
	reply->revoke_key->key->revoked_at = 1767225720;
}

/* Not a hash, but it shows which value it stands for. */
static void answer_hash(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			struct canned_answer *room)
{
	const Peppermint__V1__HashRequest *asked = request->hash;

	PREPARE(reply, room, hash, PEPPERMINT__V1__HASH_REPLY__INIT);
	reply->hash->n_hashes = asked->n_values;
	reply->hash->hashes = (void *)room->pointers;
	for (size_t i = 0; i < asked->n_values; i++) {
		snprintf(room->hashes[i], sizeof(room->hashes[i]), "v2:%zu-%02x",
			 asked->values[i].len, asked->values[i].data[0]);
		room->pointers[i] = room->hashes[i];
	}
}

static Peppermint__V1__HashVerdict hash_verdict_of(const Peppermint__V1__HashedValue *item)
{
	Peppermint__V1__HashVerdict verdict = PEPPERMINT__V1__HASH_VERDICT__INIT;

	verdict.outdated = strcmp(item->hash, CANNED_OLD_HASH) == 0;
	verdict.match = item->value.len == 5 && memcmp(item->value.data, "match", 5) == 0 &&
			(verdict.outdated || strcmp(item->hash, CANNED_HASH) == 0);
	verdict.outdated = verdict.compromised = verdict.outdated && verdict.match;
	verdict.reason =
		verdict.match ? PEPPERMINT__V1__REASON__NONE : PEPPERMINT__V1__REASON__MISMATCH;
	return verdict;
}

static void answer_verify_hash(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			       struct canned_answer *room)
{
	const Peppermint__V1__VerifyHashRequest *asked = request->verify_hash;

	PREPARE(reply, room, verify_hash, PEPPERMINT__V1__VERIFY_HASH_REPLY__INIT);
	reply->verify_hash->n_verdicts = asked->n_items;
	reply->verify_hash->verdicts = (void *)room->pointers;
	for (size_t i = 0; i < asked->n_items; i++) {
		room->hash_verdicts[i] = hash_verdict_of(asked->items[i]);
		room->pointers[i] = &room->hash_verdicts[i];
	}
}

static Peppermint__V1__Pepper *make_pepper(struct canned_answer *room, char *environment,
					   char *name, size_t versions)
{
	static uint8_t bytes[16] = { 0x01, 0x02, 0x03, [15] = 0xff };

	room->pepper = (Peppermint__V1__Pepper)PEPPERMINT__V1__PEPPER__INIT;
	room->pepper.environment = environment;
	room->pepper.name = name;
	room->pepper.n_versions = versions;
	room->pepper.versions = (void *)room->version_pointers;
	for (size_t i = 0; i < versions; i++) {
		Peppermint__V1__PepperVersion *version = &room->versions[i];

		*version = (Peppermint__V1__PepperVersion)PEPPERMINT__V1__PEPPER_VERSION__INIT;
		version->version = (uint32_t)i + 1;
		version->state = i + 1 == versions ? PEPPERMINT__V1__PEPPER_STATE__ACTIVE
						   : PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY;
		version->created_at = 1767225600;
		version->key_id = (ProtobufCBinaryData){ 16, bytes };
		version->check_value = (ProtobufCBinaryData){ 8, bytes };
		room->version_pointers[i] = version;
	}
	return &room->pepper;
}

static void answer_list_peppers(const Peppermint__V1__Request *request,
				Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	PREPARE(reply, room, list_peppers, PEPPERMINT__V1__LIST_PEPPERS_REPLY__INIT);
	room->pointers[0] = make_pepper(room, request->list_peppers->environment, "email", 2);
	reply->list_peppers->n_peppers = 1;
	reply->list_peppers->peppers = (void *)room->pointers;
}

static void answer_create_pepper(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__CreatePepperRequest *asked = request->create_pepper;

	PREPARE(reply, room, create_pepper, PEPPERMINT__V1__CREATE_PEPPER_REPLY__INIT);
	reply->create_pepper->pepper = make_pepper(room, asked->environment, asked->name, 1);
}

static void answer_rotate_pepper(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__RotatePepperRequest *asked = request->rotate_pepper;

	PREPARE(reply, room, rotate_pepper, PEPPERMINT__V1__ROTATE_PEPPER_REPLY__INIT);
	reply->rotate_pepper->pepper = make_pepper(room, asked->environment, asked->name, 2);
}

static Peppermint__V1__Log *make_log(struct canned_answer *room, uint32_t number)
{
	Peppermint__V1__Log *log = &room->logs[number - 1];
	char *origin = room->log_texts[number - 1][0];
	char *note = room->log_texts[number - 1][1];

	snprintf(origin, 256, "vault.example/%u", number);
	snprintf(note, 256, CANNED_NOTE, number);
	*log = (Peppermint__V1__Log)PEPPERMINT__V1__LOG__INIT;
	log->log = number;
	log->origin = origin;
	log->state = number < CANNED_LOG ? PEPPERMINT__V1__LOG_STATE__LOG_CLOSED
					 : PEPPERMINT__V1__LOG_STATE__LOG_OPEN;
	log->vkey = "vault.example/audit/1+3388d9c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
	log->entries = CANNED_ENTRIES;
	log->opened_at = 1767225600;
	log->closed_at = number < CANNED_LOG ? 1767225660 : 0;
	log->checkpoint = (ProtobufCBinaryData){ strlen(note), (uint8_t *)note };
	log->checkpoint_size = CANNED_ENTRIES;
	return log;
}

static void answer_list_logs(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			     struct canned_answer *room)
{
	uint32_t first = request->list_logs->first ? request->list_logs->first : 1;

	PREPARE(reply, room, list_logs, PEPPERMINT__V1__LIST_LOGS_REPLY__INIT);
	reply->list_logs->logs = (void *)room->pointers;
	for (uint32_t number = first; number <= CANNED_LOG; number++)
		room->pointers[reply->list_logs->n_logs++] = make_log(room, number);
}

static ProtobufCBinaryData make_entry(struct canned_answer *room, size_t index)
{
	char *text = room->entry_texts[index];

	snprintf(text, sizeof(room->entry_texts[0]), CANNED_ENTRY, (unsigned)index);
	return (ProtobufCBinaryData){ strlen(text), (uint8_t *)text };
}

static void answer_read_log(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			    struct canned_answer *room)
{
	const Peppermint__V1__ReadLogRequest *asked = request->read_log;
	size_t most = asked->max ? asked->max : CANNED_ENTRIES;
	uint64_t at = asked->first;

	PREPARE(reply, room, read_log, PEPPERMINT__V1__READ_LOG_REPLY__INIT);
	reply->read_log->entries = (void *)room->pointers;
	for (; at < CANNED_ENTRIES && reply->read_log->n_entries < most; at++) {
		room->entries[at] = (Peppermint__V1__LogEntry)PEPPERMINT__V1__LOG_ENTRY__INIT;
		room->entries[at].index = at;
		room->entries[at].entry = make_entry(room, at);
		room->pointers[reply->read_log->n_entries++] = &room->entries[at];
	}
	reply->read_log->log = asked->log ? asked->log : CANNED_LOG;
	reply->read_log->next = at;
	reply->read_log->size = CANNED_ENTRIES;
}

static void answer_prove_entry(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			       struct canned_answer *room)
{
	static char proof[] = "c2sp.org/tlog-proof@v1\nindex 1\n\nvault.example/2\n5\nAA==\n";

	if (request->prove_entry->index >= CANNED_ENTRIES) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__NOT_FOUND, "there is no such entry");
		return;
	}
	PREPARE(reply, room, prove_entry, PEPPERMINT__V1__PROVE_ENTRY_REPLY__INIT);
	reply->prove_entry->log = CANNED_LOG;
	reply->prove_entry->entry = make_entry(room, request->prove_entry->index);
	reply->prove_entry->proof = (ProtobufCBinaryData){ sizeof(proof) - 1, (uint8_t *)proof };
}

static void answer_add_cosignature(const Peppermint__V1__Request *request,
				   Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	PREPARE(reply, room, add_cosignature, PEPPERMINT__V1__ADD_COSIGNATURE_REPLY__INIT);
	reply->add_cosignature->cosigned = 1;
}

static void answer_rotate_log(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			      struct canned_answer *room)
{
	PREPARE(reply, room, rotate_log, PEPPERMINT__V1__ROTATE_LOG_REPLY__INIT);
	reply->rotate_log->log = make_log(room, CANNED_LOG + 1);
}

static void answer_hash_text(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			     struct canned_answer *room)
{
	PREPARE(reply, room, hash_text, PEPPERMINT__V1__HASH_TEXT_REPLY__INIT);
	reply->hash_text->n_hashes = 2;
	reply->hash_text->hashes = (void *)room->pointers;
	for (size_t i = 0; i < 2; i++) {
		snprintf(room->hashes[i], sizeof(room->hashes[i]), "v%zu:%.20s", 2 - i,
			 request->hash_text->text);
		room->pointers[i] = room->hashes[i];
	}
}

static void **make_master_keys(struct canned_answer *room)
{
	static uint8_t bytes[16] = { 0x01, 0x02, 0x03, [15] = 0xff };
	Peppermint__V1__MasterKey *key = &room->master_key;

	*key = (Peppermint__V1__MasterKey)PEPPERMINT__V1__MASTER_KEY__INIT;
	key->environment = "test";
	key->purpose = "audit";
	key->name = "log";
	key->version = 1;
	key->state = PEPPERMINT__V1__PEPPER_STATE__ACTIVE;
	key->algorithm = PEPPERMINT__V1__ALGORITHM__ED25519;
	key->created_at = key->changed_at = 1767225600;
	key->key_id = (ProtobufCBinaryData){ 16, bytes };
	key->check_value = (ProtobufCBinaryData){ 8, bytes };
	key->read_back = key->sensitive = key->always_sensitive = 1;
	key->never_extractable = key->local = 1;
	room->master_key_pointers[0] = key;
	return room->master_key_pointers;
}

static void **make_callers(struct canned_answer *room)
{
	static char *roles[] = { "issuer", "auditor" };
	static char *environments[] = { "test", "live" };

	room->caller = (Peppermint__V1__CallerInfo)PEPPERMINT__V1__CALLER_INFO__INIT;
	room->caller.name = "portal";
	room->caller.uid = 1001;
	room->caller.n_roles = 2;
	room->caller.roles = roles;
	room->caller.n_environments = 2;
	room->caller.environments = environments;
	room->caller_pointers[0] = &room->caller;
	return room->caller_pointers;
}

static void answer_get_inventory(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	PREPARE(reply, room, get_inventory, PEPPERMINT__V1__GET_INVENTORY_REPLY__INIT);
	reply->get_inventory->n_keys = 1;
	reply->get_inventory->keys = (void *)make_master_keys(room);
	reply->get_inventory->n_environments = 2;
	reply->get_inventory->environments = (void *)make_environments(room);
	reply->get_inventory->n_callers = 1;
	reply->get_inventory->callers = (void *)make_callers(room);
}

static Peppermint__V1__Receipt *make_receipt(struct canned_answer *room)
{
	static uint8_t leaf[32] = { 0x5a, [31] = 0xa5 };

	room->receipt = (Peppermint__V1__Receipt)PEPPERMINT__V1__RECEIPT__INIT;
	room->receipt.log = CANNED_LOG;
	room->receipt.index = CANNED_ENTRIES - 1;
	room->receipt.leaf_hash = (ProtobufCBinaryData){ sizeof(leaf), leaf };
	return &room->receipt;
}

static void (*const answers[])(const Peppermint__V1__Request *, Peppermint__V1__Reply *,
			       struct canned_answer *) = {
	[PEPPERMINT__V1__REQUEST__CALL_STATUS] = answer_status,
	[PEPPERMINT__V1__REQUEST__CALL_MINT_KEY] = answer_mint,
	[PEPPERMINT__V1__REQUEST__CALL_VERIFY_KEYS] = answer_verify,
	[PEPPERMINT__V1__REQUEST__CALL_GET_KEY] = answer_get,
	[PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS] = answer_list,
	[PEPPERMINT__V1__REQUEST__CALL_ROTATE_KEY] = answer_rotate,
	[PEPPERMINT__V1__REQUEST__CALL_REVOKE_KEY] = answer_revoke,
	[PEPPERMINT__V1__REQUEST__CALL_HASH] = answer_hash,
	[PEPPERMINT__V1__REQUEST__CALL_VERIFY_HASH] = answer_verify_hash,
	[PEPPERMINT__V1__REQUEST__CALL_LIST_PEPPERS] = answer_list_peppers,
	[PEPPERMINT__V1__REQUEST__CALL_CREATE_PEPPER] = answer_create_pepper,
	[PEPPERMINT__V1__REQUEST__CALL_ROTATE_PEPPER] = answer_rotate_pepper,
	[PEPPERMINT__V1__REQUEST__CALL_LIST_LOGS] = answer_list_logs,
	[PEPPERMINT__V1__REQUEST__CALL_READ_LOG] = answer_read_log,
	[PEPPERMINT__V1__REQUEST__CALL_PROVE_ENTRY] = answer_prove_entry,
	[PEPPERMINT__V1__REQUEST__CALL_ADD_COSIGNATURE] = answer_add_cosignature,
	[PEPPERMINT__V1__REQUEST__CALL_ROTATE_LOG] = answer_rotate_log,
	[PEPPERMINT__V1__REQUEST__CALL_HASH_TEXT] = answer_hash_text,
	[PEPPERMINT__V1__REQUEST__CALL_GET_INVENTORY] = answer_get_inventory,
};

void canned_answer(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
		   struct canned_answer *room)
{
	reply->version = 1;
	reply->request_id = request->request_id;
	if (request->call_case == PEPPERMINT__V1__REQUEST__CALL__NOT_SET) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__UNKNOWN_RPC, "no such call");
		return;
	}
	if (request->call_case >= PEPPERMINT__V1__REQUEST__CALL_UPDATE_KEY)
		canned_answer_lifecycle(request, reply, room);
	else if (request->call_case >= PEPPERMINT__V1__REQUEST__CALL_LIST_MASTERS)
		canned_answer_masters(request, reply, room);
	else
		answers[request->call_case](request, reply, room);
	if (request->want_receipt)
		reply->receipt = make_receipt(room);
}
