#include "check.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "master.h"
#include "state.h"

#define CHECK_INPUT "peppermint/v1/check-value"

struct hsm_job check_job(const struct master_record *master)
{
	struct hsm_job job = { .data = bytes_str(CHECK_INPUT) };

	memcpy(job.key.bytes, master->key_id, sizeof(job.key.bytes));
	return job;
}

enum pm_err check_of_pair(const struct hsm_object *object, uint8_t check[STORE_CHECK_LEN])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(object->public_key, object->public_len, digest, NULL, EVP_sha256(), NULL) !=
	    1) {
		log_error("vault: OpenSSL makes no SHA-256");
		return PM_INTERNAL;
	}
	memcpy(check, digest, STORE_CHECK_LEN);
	return PM_OK;
}

enum pm_err check_of_value(struct bytes value, uint8_t check[STORE_CHECK_LEN])
{
	struct bytes input = bytes_str(CHECK_INPUT);
	uint8_t mac[EVP_MAX_MD_SIZE];

	if (!HMAC(EVP_sha256(), value.data, (int)value.len, input.data, input.len, mac, NULL)) {
		log_error("vault: OpenSSL makes no HMAC");
		return PM_INTERNAL;
	}
	memcpy(check, mac, STORE_CHECK_LEN);
	secret_wipe(mac, sizeof(mac));
	return PM_OK;
}

/* Always the same message, so that its iv, which no random one ever is, serves that one only. */
enum pm_err check_of_cipher(struct hsm *token, const struct master_record *master,
			    uint8_t check[STORE_CHECK_LEN], int64_t deadline)
{
	static const uint8_t iv[] = { 'p', 'e', 'p', 'p', 'e', 'r', 'm', 'i', 'n', 't', '/', 'k' };
	uint8_t tag[HSM_TAG_LEN];
	struct hsm_id id;

	_Static_assert(sizeof(iv) == HSM_IV_LEN, "an iv");
	memcpy(id.bytes, master->key_id, sizeof(id.bytes));
	TRY(hsm_encrypt(token, &id, iv, bytes_str(CHECK_INPUT), bytes_of(NULL, 0), tag, deadline));
	memcpy(check, tag, STORE_CHECK_LEN);
	return PM_OK;
}

bool check_is_due(const struct master_record *master)
{
	return master->state == MASTER_DESTROY_SCHEDULED && clock_unix() >= master->destroy_at;
}

void check_describe(const struct check_finding *finding, char text[CHECK_TEXT_MAX])
{
	const struct master_record *master = &finding->master;

	snprintf(text, CHECK_TEXT_MAX, "%s %s version %u is %s", master->purpose, master->name,
		 master->version,
		 finding->missing ? "not in the token" : "another key than it was");
}

/*
 * A destruction that was interrupted after the object was gone is completed later, by who finds the
 * record due. A STAGED version is used for nothing, and not in a standby token before it is cloned:
 * activating it looks for itself.
 */
static bool may_be_missing(const struct master_record *master)
{
	return master->state == MASTER_STAGED || check_is_due(master);
}

static enum pm_err refuse(const struct master_record *master, bool missing,
			  struct check_finding *finding)
{
	if (missing && may_be_missing(master))
		return PM_OK;
	*finding = (struct check_finding){ .master = *master, .missing = missing };
	return PM_TOKEN_MISMATCH;
}

static bool is_hmac(const struct master_record *master)
{
	return !master_is_pair(master) && !master_is_cipher(master);
}

static bool holds(const struct master_record *master, const struct hsm_job *job)
{
	return job->err == PM_OK && secret_equal(job->mac, master->check, sizeof(master->check));
}

/* One bit that flipped on the way does not condemn a token: what does not hold is computed again. */
static enum pm_err check_again(struct hsm *token, const struct master_record *master,
			       struct check_finding *finding, int64_t deadline)
{
	struct hsm_job job = check_job(master);

	TRY(hsm_hmac(token, &job, 1, deadline));
	if (holds(master, &job))
		return PM_OK;
	if (job.err != PM_OK && job.err != PM_NOT_FOUND)
		return job.err;
	return refuse(master, job.err == PM_NOT_FOUND, finding);
}

static enum pm_err check_hmacs(struct hsm *token, const struct master_record *masters, size_t count,
			       struct check_finding *finding, int64_t deadline)
{
	struct hsm_job *jobs CLEANUP(free_ptr) = calloc(count + 1, sizeof(*jobs));
	size_t used = 0, job = 0;

	if (!jobs)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		if (state_in_token(&masters[i]) && is_hmac(&masters[i]))
			jobs[used++] = check_job(&masters[i]);
	}
	if (used == 0)
		return PM_OK;
	TRY(hsm_hmac(token, jobs, used, deadline));
	for (size_t i = 0; i < count; i++) {
		if (!state_in_token(&masters[i]) || !is_hmac(&masters[i]))
			continue;
		if (!holds(&masters[i], &jobs[job++]))
			TRY(check_again(token, &masters[i], finding, deadline));
	}
	return PM_OK;
}

static enum pm_err check_pair(struct hsm *token, const struct master_record *master,
			      struct check_finding *finding, int64_t deadline)
{
	struct hsm_object object;
	uint8_t check[STORE_CHECK_LEN];

	enum pm_err err = master_public_in(token, master, &object, deadline);
	if (err == PM_NOT_FOUND)
		return refuse(master, true, finding);
	TRY(err);
	TRY(check_of_pair(&object, check));
	return secret_equal(check, master->check, sizeof(check)) ? PM_OK
								 : refuse(master, false, finding);
}

static enum pm_err check_cipher(struct hsm *token, const struct master_record *master,
				struct check_finding *finding, int64_t deadline)
{
	uint8_t check[STORE_CHECK_LEN];
	enum pm_err err = PM_OK;

	for (int i = 0; i < 2; i++) {
		err = check_of_cipher(token, master, check, deadline);
		if (err == PM_OK && secret_equal(check, master->check, sizeof(check)))
			return PM_OK;
		if (err != PM_OK && err != PM_NOT_FOUND)
			return err;
	}
	return refuse(master, err == PM_NOT_FOUND, finding);
}

enum pm_err check_values(struct hsm *token, const struct master_record *masters, size_t count,
			 struct check_finding *finding, int64_t deadline)
{
	TRY(check_hmacs(token, masters, count, finding, deadline));
	for (size_t i = 0; i < count; i++) {
		if (!state_in_token(&masters[i]))
			continue;
		if (master_is_pair(&masters[i]))
			TRY(check_pair(token, &masters[i], finding, deadline));
		if (master_is_cipher(&masters[i]))
			TRY(check_cipher(token, &masters[i], finding, deadline));
	}
	return PM_OK;
}
