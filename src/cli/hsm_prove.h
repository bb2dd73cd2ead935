/*
 * What a token really computes, tried with session keys that end with the session and checked by
 * OpenSSL or by published answers: a worker's part of hsm self-test.
 */
#ifndef CLI_HSM_PROVE_H
#define CLI_HSM_PROVE_H

#include "hsm_module.h"

/*
 * A job of token_work. Rows are {"test", "announced", "proven", "detail"}; what is not known is
 * null. HMAC's is the first one.
 */
enum status prove_token(struct worker *worker, void *arg, const struct pins *pins);

/* What is found out of one thing. Whether it is announced or proven may not be known. */
__attribute__((format(printf, 5, 6))) void send_proof(struct worker *worker, const char *test,
						      enum answer announced, enum answer proven,
						      const char *fmt, ...);

/* hsm_signatures.c: Ed25519, ECDSA P-256 and RSA-2048. */
void prove_signatures(struct worker *worker, const struct card *card);

#endif
