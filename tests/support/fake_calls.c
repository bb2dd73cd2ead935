#include "fake_calls.h"

#include <openssl/rand.h>

#include "fault.h"

enum pm_err hsm_hmac(struct hsm *hsm, struct hsm_job *jobs, size_t count, int64_t deadline)
{
	(void)deadline;
	struct fake_token *token = fake_take_token(hsm);
	enum pm_err err = fault_now() ? PM_HSM_UNAVAILABLE : fake_check_state(token);

	for (size_t i = 0; i < count; i++) {
		jobs[i].err = err;
		if (err == PM_OK)
			fake_token_mac(token, &jobs[i]);
	}
	fake_give_back(hsm);
	return err;
}

/* HSM_ALGORITHM_OTHER: of a pair, as the token has it; `value` is an imported key's. */
static enum pm_err make(struct hsm *hsm, const struct hsm_id *id, const char *label,
			enum hsm_algorithm algorithm, struct bytes value, struct hsm_object *out)
{
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	struct fake_token *token = fake_take_token(hsm);
	if (algorithm == HSM_ALGORITHM_OTHER)
		algorithm = token->without_eddsa ? HSM_ECDSA_P256 : HSM_ED25519;
	enum pm_err err = fake_check_state(token);
	if (err == PM_OK)
		err = fake_token_make(token, id, label, algorithm, value, out);
	fake_give_back(hsm);
	/* The key is made, and the answer is lost. */
	return err == PM_OK && fault_now() ? PM_OUTCOME_UNKNOWN : err;
}

enum pm_err hsm_generate(struct hsm *hsm, const struct hsm_id *id, const char *label,
			 struct hsm_object *out, int64_t deadline)
{
	(void)deadline;
	return make(hsm, id, label, HSM_HMAC_SHA256, bytes_of(NULL, 0), out);
}

enum pm_err hsm_generate_pair(struct hsm *hsm, const struct hsm_id *id, const char *label,
			      struct hsm_object *out, int64_t deadline)
{
	(void)deadline;
	return make(hsm, id, label, HSM_ALGORITHM_OTHER, bytes_of(NULL, 0), out);
}

enum pm_err hsm_generate_aes(struct hsm *hsm, const struct hsm_id *id, const char *label,
			     struct hsm_object *out, int64_t deadline)
{
	(void)deadline;
	return make(hsm, id, label, HSM_AES256_GCM, bytes_of(NULL, 0), out);
}

enum pm_err hsm_import(struct hsm *hsm, const struct hsm_id *id, const char *label,
		       struct bytes value, struct hsm_object *out, int64_t deadline)
{
	(void)deadline;
	if (value.len < HSM_IMPORT_MIN)
		return PM_BAD_REQUEST;
	if (value.len > HSM_IMPORT_MAX)
		return PM_TOO_LARGE;
	return make(hsm, id, label, HSM_HMAC_SHA256, value, out);
}

enum pm_err hsm_encrypt(struct hsm *hsm, const struct hsm_id *id, const uint8_t iv[HSM_IV_LEN],
			struct bytes aad, struct bytes plain, uint8_t *out, int64_t deadline)
{
	(void)deadline;
	if (aad.len > HSM_PLAIN_MAX || plain.len > HSM_PLAIN_MAX)
		return PM_TOO_LARGE;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	struct fake_token *token = fake_take_token(hsm);
	enum pm_err err = fake_check_state(token);
	if (err == PM_OK)
		err = fake_token_encrypt(token, id, iv, aad, plain, out);
	fake_give_back(hsm);
	return err;
}

enum pm_err hsm_decrypt(struct hsm *hsm, const struct hsm_id *id, const uint8_t iv[HSM_IV_LEN],
			struct bytes aad, struct bytes sealed, uint8_t *out, int64_t deadline)
{
	(void)deadline;
	if (aad.len > HSM_PLAIN_MAX || sealed.len > HSM_PLAIN_MAX + HSM_TAG_LEN)
		return PM_TOO_LARGE;
	if (sealed.len < HSM_TAG_LEN)
		return PM_BAD_REQUEST;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	struct fake_token *token = fake_take_token(hsm);
	enum pm_err err = fake_check_state(token);
	if (err == PM_OK)
		err = fake_token_decrypt(token, id, iv, aad, sealed, out);
	fake_give_back(hsm);
	return err;
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
	struct fake_token *token = fake_take_token(hsm);
	enum pm_err err = fake_check_state(token);
	if (err == PM_OK)
		err = fake_token_sign(token, id, algorithm, data, signature);
	fake_give_back(hsm);
	return err;
}

enum pm_err hsm_list(struct hsm *hsm, const char *prefix, struct hsm_object *out, size_t *count,
		     int64_t deadline)
{
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	const struct fake_token *token = fake_take_token(hsm);
	enum pm_err err = fake_check_state(token);
	if (err == PM_OK)
		*count = fake_token_list(token, prefix, out);
	fake_give_back(hsm);
	return err;
}

enum pm_err hsm_destroy(struct hsm *hsm, const struct hsm_id *id, const char *label,
			int64_t deadline)
{
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	if (fault_now())
		return PM_OUTCOME_UNKNOWN; /* and it is still there */
	struct fake_token *token = fake_take_token(hsm);
	enum pm_err err = fake_check_state(token);
	if (err == PM_OK)
		err = fake_token_destroy(token, id, label);
	fake_give_back(hsm);
	/* It is gone, and the answer is lost. */
	return err == PM_OK && fault_now() ? PM_OUTCOME_UNKNOWN : err;
}

enum pm_err hsm_inspect(struct hsm *hsm, struct hsm_inspection *out, int64_t deadline)
{
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	const struct fake_token *token = fake_take_token(hsm);
	enum pm_err err = fake_check_state(token);
	if (err == PM_OK)
		fake_token_inspect(token, out);
	fake_give_back(hsm);
	return err;
}

enum pm_err hsm_random(struct hsm *hsm, uint8_t *out, size_t len, int64_t deadline)
{
	(void)deadline;
	if (fault_now())
		return PM_HSM_UNAVAILABLE;
	enum pm_err err = fake_check_state(fake_take_token(hsm));
	fake_give_back(hsm);
	TRY(err);
	return RAND_bytes(out, (int)len) == 1 ? PM_OK : PM_INTERNAL;
}
