#include "cipher.h"

#include <string.h>

#include "session.h"

/* With its iv it is always the same message, so that the iv serves no other under any key. */
#define PROBE "peppermint: does this key decrypt?"
#define PROBE_IV "peppermint?!"
#define PROBE_LEN (sizeof(PROBE) - 1)
#define SEALED_LEN (PROBE_LEN + CIPHER_TAG_LEN)
#define OPENED_ROOM (SEALED_LEN + CIPHER_TAG_LEN)
#define BYTE_BITS 8UL

_Static_assert(sizeof(PROBE_IV) - 1 == CIPHER_IV_LEN, "an iv");

enum direction { ENCRYPT, DECRYPT };

static const char *const begin_names[] = { "C_EncryptInit", "C_DecryptInit" };
static const char *const run_names[] = { "C_Encrypt", "C_Decrypt" };

static enum pm_err begin(struct token *token, enum direction direction, CK_OBJECT_HANDLE key,
			 const struct cipher *ask, struct failure *failure)
{
	/* Not const in PKCS#11's structures; the module only reads. */
	CK_GCM_PARAMS params = {
		.pIv = (CK_BYTE *)ask->iv,
		.ulIvLen = CIPHER_IV_LEN,
		.ulIvBits = CIPHER_IV_LEN * BYTE_BITS,
		.pAAD = (CK_BYTE *)ask->aad.data,
		.ulAADLen = ask->aad.len,
		.ulTagBits = CIPHER_TAG_LEN * BYTE_BITS,
	};
	CK_MECHANISM mechanism = { CKM_AES_GCM, &params, sizeof(params) };
	const CK_SESSION_HANDLE session = token->work[0];

	CK_RV rv = direction == ENCRYPT ? token->p11->C_EncryptInit(session, &mechanism, key)
					: token->p11->C_DecryptInit(session, &mechanism, key);
	token->suspect[0] = ckr_class(rv) == FAILURE_SESSION;
	return rv == CKR_OK ? PM_OK : failure_ck(failure, rv, "%s", begin_names[direction]);
}

/* Modules refuse NULL for no data. */
static CK_BYTE *input_of(struct bytes data)
{
	static CK_BYTE none;

	return data.len > 0 ? (CK_BYTE *)data.data : &none;
}

/* One attempt. `*said`: what the module said of the data itself, which it was given. */
static enum pm_err run(struct token *token, enum direction direction, CK_OBJECT_HANDLE key,
		       const struct cipher *ask, uint8_t *out, CK_RV *said, struct failure *failure)
{
	const CK_SESSION_HANDLE session = token->work[0];
	const size_t wanted = direction == ENCRYPT ? ask->data.len + CIPHER_TAG_LEN
						   : ask->data.len - CIPHER_TAG_LEN;
	CK_ULONG len = ask->data.len + CIPHER_TAG_LEN;

	*said = CKR_OK;
	TRY(begin(token, direction, key, ask, failure));
	CK_RV rv = (direction == ENCRYPT ? token->p11->C_Encrypt : token->p11->C_Decrypt)(
		session, input_of(ask->data), ask->data.len, out, &len);
	token->suspect[0] = rv != CKR_OK; /* some modules leave the operation active */
	*said = rv;
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "%s", run_names[direction]);
	if (len != wanted)
		return failure_ck(failure, CKR_GENERAL_ERROR, "%s gave %lu bytes, not %zu",
				  run_names[direction], len, wanted);
	return PM_OK;
}

/* Handles are looked up for each run: what was mended in between may have cost them. */
static enum pm_err run_by_id(struct keys *keys, enum direction direction, const struct cipher *ask,
			     uint8_t *out, CK_RV *said, struct failure *failure)
{
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;

	*said = CKR_OK;
	keys_new_round(keys);
	TRY(keys_handle(keys, ask->key_id, ALGORITHM_AES256_GCM, &key, failure));
	return run(keys->token, direction, key, ask, out, said, failure);
}

enum pm_err cipher_encrypt(struct keys *keys, const struct cipher *ask, uint8_t *out,
			   struct failure *failure)
{
	CK_RV said;

	return run_by_id(keys, ENCRYPT, ask, out, &said, failure);
}

static bool is_about_data(CK_RV rv)
{
	switch (rv) {
	case CKR_ENCRYPTED_DATA_INVALID:
	case CKR_ENCRYPTED_DATA_LEN_RANGE:
	case CKR_AEAD_DECRYPT_FAILED:
	case CKR_SIGNATURE_INVALID:
	case CKR_DATA_INVALID:
	case CKR_DATA_LEN_RANGE:
		return true;
	default:
		return false;
	}
}

/* Said by some of a wrong tag (SoftHSM 2.6: the first), and by others of a token that fails. */
static bool is_doubtful(CK_RV rv)
{
	return rv == CKR_GENERAL_ERROR || rv == CKR_FUNCTION_FAILED || rv == CKR_DEVICE_ERROR;
}

static enum pm_err refuse(struct failure *failure, CK_RV said)
{
	enum pm_err err = failure_set(failure, FAILURE_CALLER,
				      "this is not what the key encrypted with this iv and "
				      "additional data: %s (0x%lx)",
				      ckr_name(said), said);

	failure->rv = CKR_ENCRYPTED_DATA_INVALID;
	return err;
}

/* `sealed` is what the probe was encrypted to. */
static enum pm_err probe(struct token *token, CK_OBJECT_HANDLE key, uint8_t sealed[SEALED_LEN],
			 struct failure *failure)
{
	struct cipher ask = { .iv = (const uint8_t *)PROBE_IV, .data = bytes_str(PROBE) };
	uint8_t room[OPENED_ROOM];
	CK_RV said;

	TRY(run(token, ENCRYPT, key, &ask, sealed, &said, failure));
	ask.data = bytes_of(sealed, SEALED_LEN);
	TRY(run(token, DECRYPT, key, &ask, room, &said, failure));
	if (memcmp(room, PROBE, PROBE_LEN) != 0)
		return failure_ck(failure, CKR_GENERAL_ERROR,
				  "what a key decrypts is not what it encrypted");
	return PM_OK;
}

/*
 * Whose failure it was is seen by trying the key on something else. If that works, and the same
 * ciphertext fails once more, it is the ciphertext's.
 */
static enum pm_err resolve_doubt(struct keys *keys, const struct cipher *ask, uint8_t *out,
				 struct failure *failure)
{
	uint8_t sealed[SEALED_LEN];
	CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
	CK_RV said = CKR_OK;

	TRY(session_clear(keys->token, failure));
	TRY(keys_handle(keys, ask->key_id, ALGORITHM_AES256_GCM, &key, failure));
	TRY(probe(keys->token, key, sealed, failure));
	enum pm_err err = run(keys->token, DECRYPT, key, ask, out, &said, failure);
	return is_doubtful(said) || is_about_data(said) ? refuse(failure, said) : err;
}

enum pm_err cipher_decrypt(struct keys *keys, const struct cipher *ask, uint8_t *out,
			   struct failure *failure)
{
	CK_RV said = CKR_OK;

	enum pm_err err = run_by_id(keys, DECRYPT, ask, out, &said, failure);
	if (is_about_data(said))
		return refuse(failure, said);
	return is_doubtful(said) ? resolve_doubt(keys, ask, out, failure) : err;
}

enum pm_err cipher_prove(struct token *token, CK_OBJECT_HANDLE key, struct failure *failure)
{
	uint8_t sealed[SEALED_LEN] = { 0 }, room[OPENED_ROOM];
	const struct cipher ask = { .iv = (const uint8_t *)PROBE_IV,
				    .data = bytes_of(sealed, sizeof(sealed)) };
	CK_RV said;

	TRY(probe(token, key, sealed, failure));
	sealed[sizeof(sealed) - 1] ^= 1;
	enum pm_err err = run(token, DECRYPT, key, &ask, room, &said, failure);
	if (err == PM_OK)
		return failure_set(failure, FAILURE_CALLER, "it decrypts with a wrong tag");
	if (!is_doubtful(said) && !is_about_data(said))
		return err;
	return session_clear(token, failure);
}
