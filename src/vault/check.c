#include "check.h"

#include <openssl/evp.h>
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
		if (state_in_token(&masters[i]) && !master_is_pair(&masters[i]))
			jobs[used++] = check_job(&masters[i]);
	}
	if (used == 0)
		return PM_OK;
	TRY(hsm_hmac(token, jobs, used, deadline));
	for (size_t i = 0; i < count; i++) {
		if (!state_in_token(&masters[i]) || master_is_pair(&masters[i]))
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

enum pm_err check_values(struct hsm *token, const struct master_record *masters, size_t count,
			 struct check_finding *finding, int64_t deadline)
{
	TRY(check_hmacs(token, masters, count, finding, deadline));
	for (size_t i = 0; i < count; i++) {
		if (state_in_token(&masters[i]) && master_is_pair(&masters[i]))
			TRY(check_pair(token, &masters[i], finding, deadline));
	}
	return PM_OK;
}
