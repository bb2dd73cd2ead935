#include "inspect.h"

#include "mend.h"
#include "passing.h"

enum {
	GENERIC_KEY,
	SHA256_KEY,
	HMAC,
	ED25519_PAIR,
	ED25519,
	P256_PAIR,
	P256,
	RSA_PAIR,
	RSA,
	AES_KEY,
	AES_GCM,
	COUNT
};

_Static_assert(COUNT == INSPECT_MECHANISMS, "the lists are of one length");

#define MECHANISM(name)                                                                            \
	{                                                                                          \
#name, name                                                                        \
	}

static const struct {
	const char *name;
	CK_MECHANISM_TYPE type;
} mechanisms[COUNT] = {
	[GENERIC_KEY] = MECHANISM(CKM_GENERIC_SECRET_KEY_GEN),
	[SHA256_KEY] = MECHANISM(CKM_SHA256_KEY_GEN),
	[HMAC] = MECHANISM(CKM_SHA256_HMAC),
	[ED25519_PAIR] = MECHANISM(CKM_EC_EDWARDS_KEY_PAIR_GEN),
	[ED25519] = MECHANISM(CKM_EDDSA),
	[P256_PAIR] = MECHANISM(CKM_EC_KEY_PAIR_GEN),
	[P256] = MECHANISM(CKM_ECDSA),
	[RSA_PAIR] = MECHANISM(CKM_RSA_PKCS_KEY_PAIR_GEN),
	[RSA] = MECHANISM(CKM_SHA256_RSA_PKCS),
	[AES_KEY] = MECHANISM(CKM_AES_KEY_GEN),
	[AES_GCM] = MECHANISM(CKM_AES_GCM),
};

struct inspecting {
	struct token *token;
	struct mechanism *out;
};

static enum pm_err ask_about_all(void *arg, struct failure *failure)
{
	const struct inspecting *inspecting = arg;

	for (size_t i = 0; i < COUNT; i++) {
		struct mechanism *out = &inspecting->out[i];

		*out = (struct mechanism){ .name = mechanisms[i].name, .type = mechanisms[i].type };
		TRY(token_has_mechanism(inspecting->token, out->type, &out->announced, failure));
	}
	return PM_OK;
}

static enum pm_err try_keys(void *arg, struct failure *failure)
{
	const struct inspecting *inspecting = arg;
	struct token *token = inspecting->token;
	struct mechanism *out = inspecting->out;

	TRY(proof_key_gen(token, CKM_GENERIC_SECRET_KEY_GEN, &out[GENERIC_KEY].proof, failure));
	TRY(proof_key_gen(token, CKM_SHA256_KEY_GEN, &out[SHA256_KEY].proof, failure));
	TRY(proof_hmac(token, &out[HMAC].proof, failure));
	return proof_enforced(token, &out[HMAC].enforced, failure);
}

static enum pm_err try_pairs(void *arg, struct failure *failure)
{
	const struct inspecting *inspecting = arg;
	struct token *token = inspecting->token;
	struct mechanism *out = inspecting->out;

	TRY(proof_pair(token, ALGORITHM_ED25519, &out[ED25519_PAIR].proof, &out[ED25519].proof,
		       failure));
	TRY(proof_pair(token, ALGORITHM_ECDSA_P256, &out[P256_PAIR].proof, &out[P256].proof,
		       failure));
	return proof_rsa(token, &out[RSA_PAIR].proof, &out[RSA].proof, failure);
}

static enum pm_err try_aes(void *arg, struct failure *failure)
{
	const struct inspecting *inspecting = arg;
	struct mechanism *out = inspecting->out;

	return proof_aes(inspecting->token, &out[AES_KEY].proof, &out[AES_GCM].proof, failure);
}

enum pm_err inspect_mechanisms(struct token *token, struct mechanism out[INSPECT_MECHANISMS],
			       struct failure *failure)
{
	struct inspecting inspecting = { token, out };

	TRY(mend_run(token, ask_about_all, &inspecting, failure));
	TRY(mend_run(token, try_keys, &inspecting, failure));
	TRY(mend_run(token, try_pairs, &inspecting, failure));
	return mend_run(token, try_aes, &inspecting, failure);
}
