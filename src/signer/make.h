/*
 * New objects in the token, asked for in the ways in which tokens want to be asked: what one refuses
 * in a template, though it may have it as its own policy, is left off. So nothing is promised about
 * what was made, and no handle is given: generate.c looks for it and checks it. Never to be repeated
 * without that look. Main thread.
 */
#ifndef SIGNER_MAKE_H
#define SIGNER_MAKE_H

#include "object.h"

/* 32 bytes for HMAC-SHA-256. */
enum pm_err make_secret(const struct token *token, struct bytes id, const char *label,
			struct failure *failure) NODISCARD;

/* A pair, Ed25519 or ECDSA P-256; id and label are both halves'. */
enum pm_err make_pair(const struct token *token, struct bytes id, const char *label,
		      enum algorithm algorithm, struct failure *failure) NODISCARD;

#endif
