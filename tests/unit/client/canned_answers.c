#include "canned_answers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREPARE(reply, room, name, INIT)                                                           \
	((room)->body.name = (__typeof__((room)->body.name))INIT,                                  \
	 (reply)->result_case = (Peppermint__V1__Reply__ResultCase)request->call_case,             \
	 (reply)->name = &(room)->body.name)

static Peppermint__V1__Key *make_key(struct canned_answer *room, size_t i, char *environment)
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
	return key;
}

static void refuse(Peppermint__V1__Reply *reply, Peppermint__V1__Error error, char *message)
{
	reply->error = error;
	reply->message = message;
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
}

static void answer_status(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	static char *names[] = { "test", "live" };

	PREPARE(reply, room, status, PEPPERMINT__V1__STATUS_REPLY__INIT);
	reply->status->version = "9.9.9";
	reply->status->uptime_seconds = 61;
	reply->status->n_environments = 2;
	reply->status->environments = (void *)room->pointers;
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
		room->pointers[i] = environment;
	}
}

static void answer_mint(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			struct canned_answer *room)
{
	const Peppermint__V1__MintKeyRequest *asked = request->mint_key;

	PREPARE(reply, room, mint_key, PEPPERMINT__V1__MINT_KEY_REPLY__INIT);
	reply->mint_key->key = make_key(room, 0, asked->environment);
	reply->mint_key->key->account = asked->account;
	reply->mint_key->key->product = asked->product;
	reply->mint_key->key->name = asked->name;
	reply->mint_key->key->expires_at = asked->expires_at;
	reply->mint_key->api_key = CANNED_KEY;
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

static void answer_verify(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	const Peppermint__V1__VerifyKeysRequest *asked = request->verify_keys;

	if (asked->n_api_keys > CANNED_ITEMS) {
		refuse(reply, PEPPERMINT__V1__ERROR__TOO_LARGE, "at most 512 keys at a time");
		return;
	}
	PREPARE(reply, room, verify_keys, PEPPERMINT__V1__VERIFY_KEYS_REPLY__INIT);
	reply->verify_keys->n_verdicts = asked->n_api_keys;
	reply->verify_keys->verdicts = (void *)room->pointers;
	for (size_t i = 0; i < asked->n_api_keys; i++) {
		room->verdicts[i] = verdict_of(asked->api_keys[i]);
		room->pointers[i] = &room->verdicts[i];
	}
}

static void answer_get(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
		       struct canned_answer *room)
{
	if (strcmp(request->get_key->key_id, CANNED_ID) != 0) {
		refuse(reply, PEPPERMINT__V1__ERROR__NOT_FOUND, "no key has that id");
		return;
	}
	PREPARE(reply, room, get_key, PEPPERMINT__V1__GET_KEY_REPLY__INIT);
	reply->get_key->key = make_key(room, 0, request->get_key->environment);
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
		room->pointers[i] = make_key(room, at + i, asked->environment);
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
		refuse(reply, PEPPERMINT__V1__ERROR__CONFLICT, "an overlap is running; use force");
		return;
	}
	PREPARE(reply, room, rotate_key, PEPPERMINT__V1__ROTATE_KEY_REPLY__INIT);
	reply->rotate_key->key = make_key(room, 0, asked->environment);
	reply->rotate_key->key->secret_version = 2;
	reply->rotate_key->key->rotated_at = 1767225660;
	reply->rotate_key->key->overlap_until = 1767225660 + asked->overlap_seconds;
	reply->rotate_key->api_key = CANNED_KEY;
}

static void answer_revoke(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			  struct canned_answer *room)
{
	PREPARE(reply, room, revoke_key, PEPPERMINT__V1__REVOKE_KEY_REPLY__INIT);
	reply->revoke_key->key = make_key(room, 0, request->revoke_key->environment);
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
	verdict.outdated = verdict.outdated && verdict.match;
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
};

void canned_answer(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
		   struct canned_answer *room)
{
	reply->version = 1;
	reply->request_id = request->request_id;
	if (request->call_case == PEPPERMINT__V1__REQUEST__CALL__NOT_SET) {
		refuse(reply, PEPPERMINT__V1__ERROR__UNKNOWN_RPC, "no such call");
		return;
	}
	answers[request->call_case](request, reply, room);
}
