#include "fake_hsm.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault.h"

#define KEYS_MAX 600

struct key {
	struct hsm_object object;
	uint8_t value[32];
	bool lost;
};

struct hsm {
	pthread_mutex_t lock;
	struct hsm_status status;
	struct key keys[KEYS_MAX];
	size_t count;
	uint64_t macs;
};

struct hsm *fake_hsm_new(const char *serial)
{
	struct hsm *hsm = calloc(1, sizeof(*hsm));

	pthread_mutex_init(&hsm->lock, NULL);
	hsm->status.state = HSM_SERVING;
	hsm->status.generation = 1;
	snprintf(hsm->status.serial, sizeof(hsm->status.serial), "%s", serial);
	return hsm;
}

void fake_hsm_free(struct hsm *hsm)
{
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

void fake_hsm_swap_key(struct hsm *hsm, size_t i)
{
	hsm->keys[i].value[0] ^= 1;
}

size_t fake_hsm_key_count(struct hsm *hsm)
{
	return hsm->count;
}

uint64_t fake_hsm_macs(struct hsm *hsm)
{
	return hsm->macs;
}

static struct key *find(struct hsm *hsm, const struct hsm_id *id)
{
	for (size_t i = 0; i < hsm->count; i++) {
		if (!hsm->keys[i].lost && memcmp(&hsm->keys[i].object.id, id, sizeof(*id)) == 0)
			return &hsm->keys[i];
	}
	return NULL;
}

static void mac(struct hsm *hsm, struct hsm_job *job)
{
	struct key *key = find(hsm, &job->key);
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

enum pm_err hsm_generate(struct hsm *hsm, const struct hsm_id *id, const char *label,
			 struct hsm_object *out, int64_t deadline)
{
	enum pm_err err = PM_OK;

	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	pthread_mutex_lock(&hsm->lock);
	if (find(hsm, id)) {
		err = PM_ALREADY_EXISTS;
	} else if (hsm->count == KEYS_MAX) {
		err = PM_HSM_UNAVAILABLE;
	} else {
		struct key *key = &hsm->keys[hsm->count++];

		key->object = (struct hsm_object){
			.id = *id,
			.sensitive = true,
			.always_sensitive = true,
			.never_extractable = true,
			.local = true,
			.sign = true,
		};
		snprintf(key->object.label, sizeof(key->object.label), "%s", label);
		RAND_bytes(key->value, sizeof(key->value));
		*out = key->object;
	}
	pthread_mutex_unlock(&hsm->lock);
	/* The key is made, and the answer is lost. */
	return err == PM_OK && fault_now() ? PM_OUTCOME_UNKNOWN : err;
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
