/*
 * New objects in the token, asked for in the ways in which tokens want to be asked: what one refuses
 * in a template, though it may have it as its own policy, is left off. So nothing is promised about
 * what was made, and no handle is given: generate.c looks for it and checks it. Never to be repeated
 * without that look. Main thread.
 */
#ifndef SIGNER_MAKE_H
#define SIGNER_MAKE_H

#include "object.h"

#define IMPORT_MIN 16
#define IMPORT_MAX 64 /* SHA-256's block: what is longer is another key, its hash */

/* 32 bytes for HMAC-SHA-256. */
enum pm_err make_secret(const struct token *token, struct bytes id, const char *label,
			struct failure *failure) NODISCARD;

/* 32 bytes for AES-256-GCM. */
enum pm_err make_aes(const struct token *token, struct bytes id, const char *label,
		     struct failure *failure) NODISCARD;

/* An HMAC-SHA-256 key of IMPORT_MIN to IMPORT_MAX bytes that was made elsewhere. */
enum pm_err make_known(const struct token *token, struct bytes id, const char *label,
		       struct bytes value, struct failure *failure) NODISCARD;

/* A pair, Ed25519 or ECDSA P-256; id and label are both halves'. */
enum pm_err make_pair(const struct token *token, struct bytes id, const char *label,
		      enum algorithm algorithm, struct failure *failure) NODISCARD;

#endif
