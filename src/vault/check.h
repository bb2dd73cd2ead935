/*
 * Check values: whether a token holds every master key that it must, and each is the key that it was.
 * Asks that token itself, active or not, checked or not. No state of its own.
 */
#ifndef VAULT_CHECK_H
#define VAULT_CHECK_H

#include "environment.h"

/* What is wrong with a token. */
struct check_finding {
	struct master_record master;
	bool missing; /* else it is another key */
};

/*
 * Of those versions whose state says that they must be there. PM_TOKEN_MISMATCH: one is not, or is not
 * what it was, when computed twice; *finding says which. What is STAGED, or
 * due to be destroyed, may be missing.
 */
enum pm_err check_values(struct hsm *token, const struct master_record *masters, size_t count,
			 struct check_finding *finding, int64_t deadline) NODISCARD;

/* "pepper api-keys version 1 is not in the token" */
#define CHECK_TEXT_MAX 160
void check_describe(const struct check_finding *finding, char text[CHECK_TEXT_MAX]);

/*
 * The HMAC job of a check value. That of a pair is the beginning of its public half's SHA-256; that of an
 * AES key, of the tag of an empty text (PM_NOT_FOUND: the token has no such key).
 */
struct hsm_job check_job(const struct master_record *master);
enum pm_err check_of_pair(const struct hsm_object *object,
			  uint8_t check[STORE_CHECK_LEN]) NODISCARD;
/* What check_job computes under an HMAC key of that value. */
enum pm_err check_of_value(struct bytes value, uint8_t check[STORE_CHECK_LEN]) NODISCARD;
enum pm_err check_of_cipher(struct hsm *token, const struct master_record *master,
			    uint8_t check[STORE_CHECK_LEN], int64_t deadline) NODISCARD;

/* Is a version's time to be destroyed over? */
bool check_is_due(const struct master_record *master);

#endif
