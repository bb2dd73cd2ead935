/* One token of a fake HSM: keys in memory, and OpenSSL. Its caller's lock guards it. */
#ifndef SUPPORT_FAKE_TOKEN_H
#define SUPPORT_FAKE_TOKEN_H

#include <openssl/types.h>

#include "hsm/hsm.h"

#define FAKE_KEYS_MAX 600

struct fake_key {
	struct hsm_object object;
	uint8_t value[HSM_IMPORT_MAX]; /* of a secret key */
	size_t value_len;
	EVP_PKEY *pair; /* or this */
	bool lost;
};

struct fake_token {
	struct hsm_status status;
	struct fake_key keys[FAKE_KEYS_MAX];
	size_t count;
	uint64_t macs, signatures;
	uint64_t flip_at; /* the job whose MAC is spoilt, counted as `macs` is; 0: none */
	bool without_eddsa, spoil;
};

void fake_token_wipe(struct fake_token *token);
/* All keys of `from`, and none of its own. */
void fake_token_clone(struct fake_token *token, const struct fake_token *from);
/* Another value or pair under the same id. */
void fake_key_swap(struct fake_key *key);

void fake_token_mac(struct fake_token *token, struct hsm_job *job);
/* An imported key's `value` is not empty. */
enum pm_err fake_token_make(struct fake_token *token, const struct hsm_id *id, const char *label,
			    enum hsm_algorithm algorithm, struct bytes value,
			    struct hsm_object *out) NODISCARD;
enum pm_err fake_token_sign(struct fake_token *token, const struct hsm_id *id,
			    enum hsm_algorithm algorithm, struct bytes data,
			    uint8_t signature[HSM_SIGNATURE_LEN]) NODISCARD;
enum pm_err fake_token_encrypt(struct fake_token *token, const struct hsm_id *id,
			       const uint8_t iv[HSM_IV_LEN], struct bytes aad, struct bytes plain,
			       uint8_t *out) NODISCARD;
enum pm_err fake_token_decrypt(struct fake_token *token, const struct hsm_id *id,
			       const uint8_t iv[HSM_IV_LEN], struct bytes aad, struct bytes sealed,
			       uint8_t *out) NODISCARD;
enum pm_err fake_token_destroy(struct fake_token *token, const struct hsm_id *id,
			       const char *label) NODISCARD;
size_t fake_token_list(const struct fake_token *token, const char *prefix, struct hsm_object *out);
void fake_token_inspect(const struct fake_token *token, struct hsm_inspection *out);

#endif
