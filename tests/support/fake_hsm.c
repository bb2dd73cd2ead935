#include "fake_hsm.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#define KEYS_MAX 600

struct key {
	struct hsm_object object;
	uint8_t value[32]; /* of an HMAC key */
	EVP_PKEY *pair;    /* or this */
	bool lost;
};

struct hsm {
	pthread_mutex_t lock;
	struct hsm_status status;
	struct key keys[KEYS_MAX];
	size_t count;
	uint64_t macs, signatures;
	bool without_eddsa, spoil;
};

struct hsm *fake_hsm_new(const char *serial)
{
	struct hsm *hsm = calloc(1, sizeof(*hsm));

	pthread_mutex_init(&hsm->lock, NULL);
	hsm->status.state = HSM_SERVING;
	hsm->status.generation = 1;
	snprintf(hsm->status.serial, sizeof(hsm->status.serial), "%s", serial);
	snprintf(hsm->status.firmware, sizeof(hsm->status.firmware), "1.0");
	return hsm;
}

void fake_hsm_free(struct hsm *hsm)
{
	for (size_t i = 0; i < hsm->count; i++)
		EVP_PKEY_free(hsm->keys[i].pair);
	pthread_mutex_destroy(&hsm->lock);
	free(hsm);
}

void fake_hsm_set_state(struct hsm *hsm, enum hsm_state state)
{
	pthread_mutex_lock(&hsm->lock);
	hsm->status.state = state;
	pthread_mutex_unlock(&hsm->lock);
}

void fake_hsm_set_serial(struct hsm *hsm, const char *serial)
{
	snprintf(hsm->status.serial, sizeof(hsm->status.serial), "%s", serial);
}

void fake_hsm_without_eddsa(struct hsm *hsm)
{
	hsm->without_eddsa = true;
}

void fake_hsm_restart(struct hsm *hsm)
{
	pthread_mutex_lock(&hsm->lock);
	hsm->status.generation++;
	hsm->status.restarts++;
	pthread_mutex_unlock(&hsm->lock);
}

void fake_hsm_lose_key(struct hsm *hsm, size_t i)
{
	hsm->keys[i].lost = true;
}

/* The public half is what hsm_object says it is. */
static void make_pair(struct key *key)
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

void fake_hsm_swap_key(struct hsm *hsm, size_t i)
{
	struct key *key = &hsm->keys[i];

	pthread_mutex_lock(&hsm->lock);
	if (key->pair)
		make_pair(key);
	else
		key->value[0] ^= 1;
	pthread_mutex_unlock(&hsm->lock);
}

void fake_hsm_spoil_signature(struct hsm *hsm)
{
	pthread_mutex_lock(&hsm->lock);
	hsm->spoil = true;
	pthread_mutex_unlock(&hsm->lock);
}

size_t fake_hsm_key_count(struct hsm *hsm)
{
	return hsm->count;
}

uint64_t fake_hsm_macs(struct hsm *hsm)
{
	return hsm->macs;
}

uint64_t fake_hsm_signatures(struct hsm *hsm)
{
	pthread_mutex_lock(&hsm->lock);
	uint64_t signatures = hsm->signatures;
	pthread_mutex_unlock(&hsm->lock);
	return signatures;
}

static struct key *find(struct hsm *hsm, const struct hsm_id *id)
{
	for (size_t i = 0; i < hsm->count; i++) {
		if (!hsm->keys[i].lost && memcmp(&hsm->keys[i].object.id, id, sizeof(*id)) == 0)
			return &hsm->keys[i];
	}
	return NULL;
}

static struct key *find_for(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm)
{
	struct key *key = find(hsm, id);

	return key && key->object.algorithm == algorithm ? key : NULL;
}

static void mac(struct hsm *hsm, struct hsm_job *job)
{
	struct key *key = find_for(hsm, &job->key, HSM_HMAC_SHA256);
	unsigned int len = 0;

	job->err = key ? PM_OK : PM_NOT_FOUND;
	if (key)
		HMAC(EVP_sha256(), key->value, sizeof(key->value), job->data.data, job->data.len,
		     job->mac, &len);
	hsm->macs++;
}

enum pm_err hsm_hmac(struct hsm *hsm, struct hsm_job *jobs, size_t count, int64_t deadline)
{
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	pthread_mutex_lock(&hsm->lock);
	for (size_t i = 0; i < count; i++)
		mac(hsm, &jobs[i]);
	pthread_mutex_unlock(&hsm->lock);
	return PM_OK;
}

static enum pm_err make(struct hsm *hsm, const struct hsm_id *id, const char *label,
			enum hsm_algorithm algorithm, struct hsm_object *out)
{
	if (find(hsm, id))
		return PM_ALREADY_EXISTS;
	if (hsm->count == KEYS_MAX)
		return PM_HSM_UNAVAILABLE;
	struct key *key = &hsm->keys[hsm->count++];
	key->object = (struct hsm_object){
		.id = *id,
		.algorithm = algorithm,
		.sensitive = true,
		.always_sensitive = true,
		.never_extractable = true,
		.local = true,
		.sign = true,
	};
	snprintf(key->object.label, sizeof(key->object.label), "%s", label);
	if (algorithm == HSM_HMAC_SHA256)
		RAND_bytes(key->value, sizeof(key->value));
	else
		make_pair(key);
	*out = key->object;
	return PM_OK;
}

static enum pm_err make_locked(struct hsm *hsm, const struct hsm_id *id, const char *label,
			       enum hsm_algorithm algorithm, struct hsm_object *out)
{
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	pthread_mutex_lock(&hsm->lock);
	enum pm_err err = make(hsm, id, label, algorithm, out);
	pthread_mutex_unlock(&hsm->lock);
	/* The key is made, and the answer is lost. */
	return err == PM_OK && fault_now() ? PM_OUTCOME_UNKNOWN : err;
}

enum pm_err hsm_generate(struct hsm *hsm, const struct hsm_id *id, const char *label,
			 struct hsm_object *out, int64_t deadline)
{
	(void)deadline;
	return make_locked(hsm, id, label, HSM_HMAC_SHA256, out);
}

enum pm_err hsm_generate_pair(struct hsm *hsm, const struct hsm_id *id, const char *label,
			      struct hsm_object *out, int64_t deadline)
{
	(void)deadline;
	return make_locked(hsm, id, label, hsm->without_eddsa ? HSM_ECDSA_P256 : HSM_ED25519, out);
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

static enum pm_err sign(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm,
			struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN])
{
	struct key *key = find_for(hsm, id, algorithm);

	if (!key || !key->pair)
		return PM_NOT_FOUND;
	if (!(algorithm == HSM_ED25519 ? sign_ed25519(key->pair, data, signature)
				       : sign_p256(key->pair, data, signature)))
		return PM_HSM_UNAVAILABLE;
	hsm->signatures++;
	signature[17] ^= hsm->spoil;
	hsm->spoil = false;
	return PM_OK;
}

enum pm_err hsm_sign(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm,
		     struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN], int64_t deadline)
{
	(void)deadline;
	if (data.len > HSM_SIGNED_MAX)
		return PM_TOO_LARGE;
	if (algorithm != HSM_ED25519 && (algorithm != HSM_ECDSA_P256 || data.len != 32))
		return PM_BAD_REQUEST;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	pthread_mutex_lock(&hsm->lock);
	enum pm_err err = sign(hsm, id, algorithm, data, signature);
	pthread_mutex_unlock(&hsm->lock);
	return err;
}

enum pm_err hsm_list(struct hsm *hsm, const char *prefix, struct hsm_object *out, size_t *count,
		     int64_t deadline)
{
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	*count = 0;
	pthread_mutex_lock(&hsm->lock);
	for (size_t i = 0; i < hsm->count; i++) {
		const struct key *key = &hsm->keys[i];

		if (!key->lost && strncmp(key->object.label, prefix, strlen(prefix)) == 0)
			out[(*count)++] = key->object;
	}
	pthread_mutex_unlock(&hsm->lock);
	return PM_OK;
}

enum pm_err hsm_random(struct hsm *hsm, uint8_t *out, size_t len, int64_t deadline)
{
	(void)hsm;
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	return RAND_bytes(out, (int)len) == 1 ? PM_OK : PM_INTERNAL;
}

void hsm_status(struct hsm *hsm, struct hsm_status *out)
{
	pthread_mutex_lock(&hsm->lock);
	*out = hsm->status;
	pthread_mutex_unlock(&hsm->lock);
}
