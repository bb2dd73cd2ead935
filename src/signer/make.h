/*
 * New objects in the token, asked for in the ways in which tokens want to be asked: what one refuses
 * in a template, though it may have it as its own policy, is left off. So nothing is promised about
 * what was made; generate.c checks it. One thread.
 */
#ifndef SIGNER_MAKE_H
#define SIGNER_MAKE_H

#include "object.h"

struct made {
	enum algorithm algorithm;
	CK_OBJECT_HANDLE key;    /* secret, or the private half of a pair */
	CK_OBJECT_HANDLE public; /* the other half, or CK_INVALID_HANDLE */
};

/* 32 bytes for HMAC-SHA-256. */
enum pm_err make_secret(const struct token *token, struct bytes id, const char *label,
			struct made *out, struct failure *failure) NODISCARD;

/* A pair, Ed25519 where the token has it, otherwise ECDSA P-256; id and label are both halves'. */
enum pm_err make_pair(const struct token *token, struct bytes id, const char *label,
		      struct made *out, struct failure *failure) NODISCARD;

#endif
