#include "fake_token.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#define MADE_LEN 32 /* bytes of a secret key that is made here */

void fake_token_wipe(struct fake_token *token)
{
	for (size_t i = 0; i < token->count; i++)
		EVP_PKEY_free(token->keys[i].pair);
	token->count = 0;
}

void fake_token_clone(struct fake_token *token, const struct fake_token *from)
{
	fake_token_wipe(token);
	memcpy(token->keys, from->keys, sizeof(token->keys));
	token->count = from->count;
	for (size_t i = 0; i < token->count; i++) {
		if (token->keys[i].pair)
			EVP_PKEY_up_ref(token->keys[i].pair);
	}
}

/* The public half is what hsm_object says it is. */
static void make_pair(struct fake_key *key)
{
	struct hsm_object *object = &key->object;
	uint8_t *der = object->public_key;

	EVP_PKEY_free(key->pair);
	if (object->algorithm == HSM_ED25519) {
		object->public_len = sizeof(object->public_key);
		key->pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		EVP_PKEY_get_raw_public_key(key->pair, object->public_key, &object->public_len);
		return;
	}
	key->pair = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	object->public_len = (size_t)i2d_PUBKEY(key->pair, &der);
}

void fake_key_swap(struct fake_key *key)
{
	if (key->pair)
		make_pair(key);
	else
		key->value[0] ^= 1;
}

static struct fake_key *find(struct fake_token *token, const struct hsm_id *id)
{
	for (size_t i = 0; i < token->count; i++) {
		struct fake_key *key = &token->keys[i];

		if (!key->lost && memcmp(&key->object.id, id, sizeof(*id)) == 0)
			return key;
	}
	return NULL;
}

static struct fake_key *find_for(struct fake_token *token, const struct hsm_id *id,
				 enum hsm_algorithm algorithm)
{
	struct fake_key *key = find(token, id);

	return key && key->object.algorithm == algorithm ? key : NULL;
}

void fake_token_mac(struct fake_token *token, struct hsm_job *job)
{
	const struct fake_key *key = find_for(token, &job->key, HSM_HMAC_SHA256);
	unsigned int len = 0;

	job->err = key ? PM_OK : PM_NOT_FOUND;
	if (key)
		HMAC(EVP_sha256(), key->value, (int)key->value_len, job->data.data, job->data.len,
		     job->mac, &len);
	if (++token->macs == token->flip_at)
		job->mac[9] ^= 0x10;
}

/* `value` is empty if it is to be made here. */
static void fill_value(struct fake_key *key, struct bytes value)
{
	key->value_len = value.len > 0 ? value.len : MADE_LEN;
	if (value.len > 0)
		memcpy(key->value, value.data, value.len);
	else
		RAND_bytes(key->value, MADE_LEN);
}

enum pm_err fake_token_make(struct fake_token *token, const struct hsm_id *id, const char *label,
			    enum hsm_algorithm algorithm, struct bytes value,
			    struct hsm_object *out)
{
	const bool made_here = value.len == 0;

	if (find(token, id))
		return PM_ALREADY_EXISTS;
	if (token->count == FAKE_KEYS_MAX)
		return PM_HSM_UNAVAILABLE;
	struct fake_key *key = &token->keys[token->count++];
	*key = (struct fake_key){
		.object = {
			.id = *id,
			.algorithm = algorithm,
			.sensitive = true,
			.always_sensitive = made_here,
			.never_extractable = made_here,
			.local = made_here,
			.sign = algorithm != HSM_AES256_GCM,
			.private = true,
			.destroyable = true,
			.restricted = true,
		},
	};
	snprintf(key->object.label, sizeof(key->object.label), "%s", label);
	if (algorithm == HSM_HMAC_SHA256 || algorithm == HSM_AES256_GCM)
		fill_value(key, value);
	else
		make_pair(key);
	*out = key->object;
	return PM_OK;
}

static bool sign_ed25519(EVP_PKEY *pair, struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t len = HSM_SIGNATURE_LEN;
	bool done = EVP_DigestSignInit(ctx, NULL, NULL, NULL, pair) == 1 &&
		    EVP_DigestSign(ctx, signature, &len, data.data, data.len) == 1;

	EVP_MD_CTX_free(ctx);
	return done;
}

/* OpenSSL's is DER, a token's is r || s. */
static bool sign_p256(EVP_PKEY *pair, struct bytes digest, uint8_t signature[HSM_SIGNATURE_LEN])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pair, NULL);
	uint8_t der[80];
	const uint8_t *at = der;
	size_t len = sizeof(der);
	bool done = EVP_PKEY_sign_init(ctx) == 1 &&
		    EVP_PKEY_sign(ctx, der, &len, digest.data, digest.len) == 1;
	ECDSA_SIG *pieces = done ? d2i_ECDSA_SIG(NULL, &at, (long)len) : NULL;

	done = pieces && BN_bn2binpad(ECDSA_SIG_get0_r(pieces), signature, 32) == 32 &&
	       BN_bn2binpad(ECDSA_SIG_get0_s(pieces), signature + 32, 32) == 32;
	ECDSA_SIG_free(pieces);
	EVP_PKEY_CTX_free(ctx);
	return done;
}

enum pm_err fake_token_sign(struct fake_token *token, const struct hsm_id *id,
			    enum hsm_algorithm algorithm, struct bytes data,
			    uint8_t signature[HSM_SIGNATURE_LEN])
{
	const struct fake_key *key = find_for(token, id, algorithm);

	if (!key || !key->pair)
		return PM_NOT_FOUND;
	if (!(algorithm == HSM_ED25519 ? sign_ed25519(key->pair, data, signature)
				       : sign_p256(key->pair, data, signature)))
		return PM_HSM_UNAVAILABLE;
	token->signatures++;
	signature[17] ^= token->spoil;
	token->spoil = false;
	return PM_OK;
}

static bool gcm_begin(EVP_CIPHER_CTX *ctx, const struct fake_key *key, const uint8_t iv[HSM_IV_LEN],
		      struct bytes aad, bool encrypt)
{
	int len = 0;

	return EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->value, iv, encrypt) == 1 &&
	       EVP_CipherUpdate(ctx, NULL, &len, aad.data, (int)aad.len) == 1;
}

enum pm_err fake_token_encrypt(struct fake_token *token, const struct hsm_id *id,
			       const uint8_t iv[HSM_IV_LEN], struct bytes aad, struct bytes plain,
			       uint8_t *out)
{
	const struct fake_key *key = find_for(token, id, HSM_AES256_GCM);
	int len = 0;

	if (!key)
		return PM_NOT_FOUND;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool done =
		gcm_begin(ctx, key, iv, aad, true) &&
		EVP_CipherUpdate(ctx, out, &len, plain.data, (int)plain.len) == 1 &&
		EVP_CipherFinal_ex(ctx, out + plain.len, &len) == 1 &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, HSM_TAG_LEN, out + plain.len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	return done ? PM_OK : PM_HSM_UNAVAILABLE;
}

enum pm_err fake_token_decrypt(struct fake_token *token, const struct hsm_id *id,
			       const uint8_t iv[HSM_IV_LEN], struct bytes aad, struct bytes sealed,
			       uint8_t *out)
{
	const struct fake_key *key = find_for(token, id, HSM_AES256_GCM);
	const size_t plain_len = sealed.len - HSM_TAG_LEN;
	uint8_t plain[HSM_PLAIN_MAX + 1]; /* given only if the tag is right */
	int len = 0;

	if (!key)
		return PM_NOT_FOUND;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	bool done = gcm_begin(ctx, key, iv, aad, false) &&
		    EVP_CipherUpdate(ctx, plain, &len, sealed.data, (int)plain_len) == 1 &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, HSM_TAG_LEN,
					(uint8_t *)sealed.data + plain_len) == 1 &&
		    EVP_CipherFinal_ex(ctx, plain + plain_len, &len) == 1;
	EVP_CIPHER_CTX_free(ctx);
	if (done)
		memcpy(out, plain, plain_len);
	OPENSSL_cleanse(plain, sizeof(plain));
	return done ? PM_OK : PM_BAD_REQUEST;
}

enum pm_err fake_token_destroy(struct fake_token *token, const struct hsm_id *id, const char *label)
{
	struct fake_key *key = find(token, id);

	if (!key)
		return PM_OK;
	if (strcmp(key->object.label, label) != 0)
		return PM_CONFLICT;
	key->lost = true; /* its place stays, so that the others keep their numbers */
	return PM_OK;
}

size_t fake_token_list(const struct fake_token *token, const char *prefix, struct hsm_object *out)
{
	size_t count = 0;

	for (size_t i = 0; i < token->count && count < HSM_OBJECTS_MAX; i++) {
		const struct fake_key *key = &token->keys[i];

		if (!key->lost && strncmp(key->object.label, prefix, strlen(prefix)) == 0)
			out[count++] = key->object;
	}
	return count;
}

void fake_token_inspect(const struct fake_token *token, struct hsm_inspection *out)
{
	const struct hsm_status *status = &token->status;

	*out = (struct hsm_inspection){
		.flags = 0x40d, /* CKF_TOKEN_INITIALIZED, USER_PIN_INITIALIZED, LOGIN_REQUIRED, RNG */
		.free_private_memory = UINT64_MAX,
		.sessions = status->sessions,
		.mechanisms = {
			{ "CKM_SHA256_HMAC", 0x251, true, HSM_PROVEN, true },
			{ "CKM_EDDSA", 0x1057, !token->without_eddsa,
			  token->without_eddsa ? HSM_NOT_TRIED : HSM_PROVEN, false },
			{ "CKM_ECDSA", 0x1041, true, HSM_PROVEN, false },
			{ "CKM_AES_GCM", 0x1087, true, HSM_PROVEN, false },
		},
		.mechanism_count = 4,
	};
	memcpy(out->label, status->label, sizeof(out->label));
	memcpy(out->manufacturer, status->manufacturer, sizeof(out->manufacturer));
	memcpy(out->model, status->model, sizeof(out->model));
	memcpy(out->serial, status->serial, sizeof(out->serial));
	memcpy(out->firmware, status->firmware, sizeof(out->firmware));
	snprintf(out->hardware, sizeof(out->hardware), "1.0");
}
