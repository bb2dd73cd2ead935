#include "handlers.h"
#include "hmac.h"
#include "mend.h"

#define SHA256_LEN 32

/* An item that is malformed is refused alone. */
static void take_item(const Peppermint__Signer__V1__HmacItem *item, uint8_t *mac, struct job *job)
{
	const bool fits = item->data.len <= HMAC_DATA_MAX && item->key_id.len == KEY_ID_LEN;

	*job = (struct job){
		.key_id = bytes_of(item->key_id.data, item->key_id.len),
		.data = bytes_of(item->data.data, item->data.len),
		.mac = mac,
		.state = fits ? JOB_OPEN : JOB_REFUSED,
	};
}

static void put_mac(const struct job *job, Peppermint__Signer__V1__Mac *out)
{
	peppermint__signer__v1__mac__init(out);
	if (job->state == JOB_DONE)
		out->mac = (ProtobufCBinaryData){ .len = SIGN_MAC_LEN, .data = job->mac };
	else
		out->failure = PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_CALLER;
}

enum pm_err handle_hmac(struct signer *signer, const Peppermint__Signer__V1__HmacBatch *ask,
			Reply *reply)
{
	struct arena *arena = signer->arena;
	const size_t count = ask->n_items;

	if (count > HMAC_ITEMS_MAX)
		return failure_set(&signer->failure, FAILURE_CALLER, "%zu items, more than %d",
				   count, HMAC_ITEMS_MAX);
	Peppermint__Signer__V1__Macs *result = arena_alloc(arena, sizeof(*result));
	Peppermint__Signer__V1__Mac *macs = arena_array(arena, count, sizeof(*macs));
	Peppermint__Signer__V1__Mac **list = arena_array(arena, count, sizeof(*list));
	struct job *jobs = arena_array(arena, count, sizeof(*jobs));
	uint8_t(*bytes)[SIGN_MAC_LEN] = arena_array(arena, count, sizeof(*bytes));
	if (!result || !macs || !list || !jobs || !bytes)
		return no_memory(signer);
	for (size_t i = 0; i < count; i++)
		take_item(ask->items[i], bytes[i], &jobs[i]);
	TRY(hmac_run(&signer->keys, &signer->pool, jobs, count, &signer->failure));
	for (size_t i = 0; i < count; i++) {
		put_mac(&jobs[i], &macs[i]);
		list[i] = &macs[i];
	}
	peppermint__signer__v1__macs__init(result);
	result->n_macs = count;
	result->macs = list;
	reply->hmac = result;
	reply->result_case = RESULT(HMAC);
	return PM_OK;
}

/* ECDSA's input is checked here because modules cut what is longer than the order. */
static bool is_signable(const Peppermint__Signer__V1__Sign *ask)
{
	switch ((enum algorithm)ask->algorithm) {
	case ALGORITHM_ED25519:
		return ask->data.len <= SIGN_DATA_MAX;
	case ALGORITHM_ECDSA_P256:
		return ask->data.len == SHA256_LEN;
	default:
		return false;
	}
}

struct signing {
	struct keys *keys;
	const Peppermint__Signer__V1__Sign *ask;
	uint8_t *signature;
};

static enum pm_err sign(void *arg, struct failure *failure)
{
	const struct signing *signing = arg;
	const Peppermint__Signer__V1__Sign *ask = signing->ask;
	const enum algorithm algorithm = (enum algorithm)ask->algorithm;
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	keys_new_round(signing->keys);
	TRY(keys_handle(signing->keys, bytes_of(ask->key_id.data, ask->key_id.len), algorithm, &key,
			failure));
	return sign_data(signing->keys->token, 0, algorithm, key,
			 bytes_of(ask->data.data, ask->data.len), signing->signature, failure);
}

enum pm_err handle_sign(struct signer *signer, const Peppermint__Signer__V1__Sign *ask,
			Reply *reply)
{
	struct signing signing = { &signer->keys, ask, arena_alloc(signer->arena, SIGN_LEN) };

	if (!signing.signature)
		return no_memory(signer);
	if (!is_signable(ask)) {
		enum pm_err err = failure_set(&signer->failure, FAILURE_CALLER,
					      "%zu bytes are not signed with algorithm %d",
					      ask->data.len, (int)ask->algorithm);
		signer->failure.rv = CKR_DATA_LEN_RANGE;
		return err;
	}
	TRY(mend_run(&signer->token, sign, &signing, &signer->failure));
	reply->signature = (ProtobufCBinaryData){ .len = SIGN_LEN, .data = signing.signature };
	reply->result_case = RESULT(SIGNATURE);
	return PM_OK;
}

struct drawing {
	const struct token *token;
	uint8_t *bytes;
	size_t len;
};

static enum pm_err draw(void *arg, struct failure *failure)
{
	const struct drawing *drawing = arg;
	const struct token *token = drawing->token;

	CK_RV rv = token->p11->C_GenerateRandom(token->work[0], drawing->bytes, drawing->len);
	return rv == CKR_OK ? PM_OK : failure_ck(failure, rv, "C_GenerateRandom");
}

enum pm_err handle_random(struct signer *signer, const Peppermint__Signer__V1__Random *ask,
			  Reply *reply)
{
	struct drawing drawing = { .token = &signer->token, .len = ask->length };

	if (ask->length == 0 || ask->length > RANDOM_MAX)
		return failure_set(&signer->failure, FAILURE_CALLER, "%u random bytes, not 1 to %d",
				   ask->length, RANDOM_MAX);
	drawing.bytes = arena_alloc(signer->arena, ask->length);
	if (!drawing.bytes)
		return no_memory(signer);
	TRY(mend_run(&signer->token, draw, &drawing, &signer->failure));
	reply->random = (ProtobufCBinaryData){ .len = ask->length, .data = drawing.bytes };
	reply->result_case = RESULT(RANDOM);
	return PM_OK;
}
