#include "hsm/hsm.h"

#include <string.h>

#include "group.h"

#define SHA256_LEN 32

static enum pm_err check_sizes(const struct hsm_job *jobs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (jobs[i].data.len > HSM_DATA_MAX)
			return PM_TOO_LARGE;
	}
	return PM_OK;
}

/* The longest run of jobs that one frame can hold; at least one, because HSM_DATA_MAX fits. */
static struct call next_call(struct hsm_job *jobs, size_t count)
{
	struct call call = { .kind = CALL_HMAC, .jobs = jobs };

	while (call.count < count && call.count < FRAME_ITEMS_MAX) {
		size_t size = call.size + frame_item_size(jobs[call.count].data);

		if (size > FRAME_HMAC_MAX)
			break;
		call.size = size;
		call.count++;
	}
	return call;
}

/* All of them go to one token, whichever is active meanwhile. */
static enum pm_err do_jobs(struct calls *calls, struct hsm_job *jobs, size_t count,
			   int64_t deadline)
{
	TRY(check_sizes(jobs, count));
	while (count > 0) {
		struct call call = next_call(jobs, count);

		TRY(calls_do(calls, &call, deadline));
		jobs += call.count;
		count -= call.count;
	}
	return PM_OK;
}

enum pm_err hsm_hmac(struct hsm *hsm, struct hsm_job *jobs, size_t count, int64_t deadline)
{
	enum pm_err err = do_jobs(group_calls(hsm), jobs, count, deadline);

	for (size_t i = 0; err != PM_OK && i < count; i++)
		jobs[i].err = err;
	return err;
}

static enum pm_err check_label(const char *label)
{
	size_t len = strlen(label);

	if (len == 0)
		return PM_BAD_REQUEST;
	return len > HSM_LABEL_MAX ? PM_TOO_LARGE : PM_OK;
}

static enum pm_err generate(struct hsm *hsm, enum call_kind kind, const struct hsm_id *id,
			    const char *label, struct hsm_object *out, int64_t deadline)
{
	struct call call = { .kind = kind, .id = id, .text = label, .objects = out };

	TRY(check_label(label));
	return calls_do(group_calls(hsm), &call, deadline);
}

enum pm_err hsm_generate(struct hsm *hsm, const struct hsm_id *id, const char *label,
			 struct hsm_object *out, int64_t deadline)
{
	return generate(hsm, CALL_GENERATE, id, label, out, deadline);
}

enum pm_err hsm_generate_pair(struct hsm *hsm, const struct hsm_id *id, const char *label,
			      struct hsm_object *out, int64_t deadline)
{
	return generate(hsm, CALL_GENERATE_PAIR, id, label, out, deadline);
}

enum pm_err hsm_generate_aes(struct hsm *hsm, const struct hsm_id *id, const char *label,
			     struct hsm_object *out, int64_t deadline)
{
	return generate(hsm, CALL_GENERATE_AES, id, label, out, deadline);
}

enum pm_err hsm_import(struct hsm *hsm, const struct hsm_id *id, const char *label,
		       struct bytes value, struct hsm_object *out, int64_t deadline)
{
	struct call call = {
		.kind = CALL_IMPORT, .id = id, .text = label, .data = value, .objects = out
	};

	TRY(check_label(label));
	if (value.len < HSM_IMPORT_MIN)
		return PM_BAD_REQUEST;
	if (value.len > HSM_IMPORT_MAX)
		return PM_TOO_LARGE;
	return calls_do(group_calls(hsm), &call, deadline);
}

enum pm_err hsm_encrypt(struct hsm *hsm, const struct hsm_id *id, const uint8_t iv[HSM_IV_LEN],
			struct bytes aad, struct bytes plain, uint8_t *out, int64_t deadline)
{
	struct call call = { .kind = CALL_ENCRYPT,
			     .id = id,
			     .iv = iv,
			     .aad = aad,
			     .data = plain,
			     .out = out,
			     .out_len = plain.len + HSM_TAG_LEN };

	if (aad.len > HSM_PLAIN_MAX || plain.len > HSM_PLAIN_MAX)
		return PM_TOO_LARGE;
	return calls_do(group_calls(hsm), &call, deadline);
}

enum pm_err hsm_decrypt(struct hsm *hsm, const struct hsm_id *id, const uint8_t iv[HSM_IV_LEN],
			struct bytes aad, struct bytes sealed, uint8_t *out, int64_t deadline)
{
	struct call call = { .kind = CALL_DECRYPT,
			     .id = id,
			     .iv = iv,
			     .aad = aad,
			     .data = sealed,
			     .out = out,
			     .out_len = sealed.len - HSM_TAG_LEN };

	if (sealed.len < HSM_TAG_LEN)
		return PM_BAD_REQUEST;
	if (aad.len > HSM_PLAIN_MAX || sealed.len > HSM_PLAIN_MAX + HSM_TAG_LEN)
		return PM_TOO_LARGE;
	return calls_do(group_calls(hsm), &call, deadline);
}

static enum pm_err check_signable(enum hsm_algorithm algorithm, struct bytes data)
{
	if (data.len > HSM_SIGNED_MAX)
		return PM_TOO_LARGE;
	if (algorithm == HSM_ED25519)
		return PM_OK;
	return algorithm == HSM_ECDSA_P256 && data.len == SHA256_LEN ? PM_OK : PM_BAD_REQUEST;
}

enum pm_err hsm_sign(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm,
		     struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN], int64_t deadline)
{
	struct call call = { .kind = CALL_SIGN,
			     .id = id,
			     .algorithm = algorithm,
			     .data = data,
			     .signature = signature };

	TRY(check_signable(algorithm, data));
	return calls_do(group_calls(hsm), &call, deadline);
}

enum pm_err hsm_list(struct hsm *hsm, const char *prefix, struct hsm_object *out, size_t *count,
		     int64_t deadline)
{
	struct call call = { .kind = CALL_LIST, .text = prefix, .objects = out };

	if (strlen(prefix) > HSM_LABEL_MAX)
		return PM_TOO_LARGE;
	TRY(calls_do(group_calls(hsm), &call, deadline));
	*count = call.object_count;
	return PM_OK;
}

enum pm_err hsm_random(struct hsm *hsm, uint8_t *out, size_t len, int64_t deadline)
{
	struct call call = { .kind = CALL_RANDOM, .out = out, .out_len = len };

	if (len > HSM_RANDOM_MAX)
		return PM_TOO_LARGE;
	if (len == 0)
		return PM_OK;
	return calls_do(group_calls(hsm), &call, deadline);
}

enum pm_err hsm_destroy(struct hsm *hsm, const struct hsm_id *id, const char *label,
			int64_t deadline)
{
	struct call call = { .kind = CALL_DESTROY, .id = id, .text = label };

	TRY(check_label(label));
	return calls_do(group_calls(hsm), &call, deadline);
}

enum pm_err hsm_inspect(struct hsm *hsm, struct hsm_inspection *out, int64_t deadline)
{
	struct call call = { .kind = CALL_INSPECT, .inspection = out };

	return calls_do(group_calls(hsm), &call, deadline);
}
