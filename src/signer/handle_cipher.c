#include "cipher.h"
#include "handlers.h"
#include "mend.h"

typedef Peppermint__Signer__V1__Cipher Cipher;

struct ciphering {
	struct keys *keys;
	struct cipher cipher;
	uint8_t *out;
};

static enum pm_err encrypt(void *arg, struct failure *failure)
{
	const struct ciphering *ciphering = arg;

	return cipher_encrypt(ciphering->keys, &ciphering->cipher, ciphering->out, failure);
}

static enum pm_err decrypt(void *arg, struct failure *failure)
{
	const struct ciphering *ciphering = arg;

	return cipher_decrypt(ciphering->keys, &ciphering->cipher, ciphering->out, failure);
}

/* `tag_len`: bytes of the data that are the tag. */
static enum pm_err check_lengths(const Cipher *ask, size_t tag_len, struct failure *failure)
{
	if (ask->iv.len == CIPHER_IV_LEN && ask->aad.len <= CIPHER_DATA_MAX &&
	    ask->data.len >= tag_len && ask->data.len <= CIPHER_DATA_MAX + tag_len)
		return PM_OK;
	enum pm_err err = failure_set(failure, FAILURE_CALLER,
				      "an iv has %d bytes, data and additional data at most %d",
				      CIPHER_IV_LEN, CIPHER_DATA_MAX);
	failure->rv = CKR_DATA_LEN_RANGE;
	return err;
}

static enum pm_err run(struct signer *signer, const Cipher *ask, mend_op op, size_t tag_len,
		       uint8_t **out)
{
	struct ciphering ciphering = {
		.keys = &signer->keys,
		.cipher = {
			.key_id = bytes_of(ask->key_id.data, ask->key_id.len),
			.iv = ask->iv.data,
			.aad = bytes_of(ask->aad.data, ask->aad.len),
			.data = bytes_of(ask->data.data, ask->data.len),
		},
	};

	TRY(check_lengths(ask, tag_len, &signer->failure));
	ciphering.out = arena_alloc(signer->arena, ask->data.len + CIPHER_TAG_LEN);
	if (!ciphering.out)
		return no_memory(signer);
	*out = ciphering.out;
	return mend_run(&signer->token, op, &ciphering, &signer->failure);
}

enum pm_err handle_encrypt(struct signer *signer, const Cipher *ask, Reply *reply)
{
	uint8_t *out = NULL;

	TRY(run(signer, ask, encrypt, 0, &out));
	reply->encrypted =
		(ProtobufCBinaryData){ .len = ask->data.len + CIPHER_TAG_LEN, .data = out };
	reply->result_case = RESULT(ENCRYPTED);
	return PM_OK;
}

enum pm_err handle_decrypt(struct signer *signer, const Cipher *ask, Reply *reply)
{
	uint8_t *out = NULL;

	TRY(run(signer, ask, decrypt, CIPHER_TAG_LEN, &out));
	reply->decrypted =
		(ProtobufCBinaryData){ .len = ask->data.len - CIPHER_TAG_LEN, .data = out };
	reply->result_case = RESULT(DECRYPTED);
	return PM_OK;
}
