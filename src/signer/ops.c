#include "ops.h"

#include "handlers.h"
#include "proof.h"

#define SAME(name)                                                                                 \
	_Static_assert((int)name == (int)PEPPERMINT__SIGNER__V1__FAILURE_CLASS__##name,            \
		       #name " differs from signer.proto")
SAME(FAILURE_NONE);
SAME(FAILURE_CALLER);
SAME(FAILURE_SESSION);
SAME(FAILURE_LOGIN);
SAME(FAILURE_HANDLE);
SAME(FAILURE_MODULE);
SAME(FAILURE_PIN);
SAME(FAILURE_CAPACITY);
SAME(FAILURE_SETUP);
#undef SAME
#define SAME(name)                                                                                 \
	_Static_assert((int)name == (int)PEPPERMINT__SIGNER__V1__ALGORITHM__##name,                \
		       #name " differs from signer.proto")
SAME(ALGORITHM_NONE);
SAME(ALGORITHM_HMAC_SHA256);
SAME(ALGORITHM_ED25519);
SAME(ALGORITHM_ECDSA_P256);
SAME(ALGORITHM_OTHER);
SAME(ALGORITHM_AES256_GCM);
#undef SAME
_Static_assert(PROOF_NONE == 0 && PROOF_RIGHT == 1 && PROOF_WRONG == 2, "as signer.proto says");

enum pm_err no_memory(struct signer *signer)
{
	return failure_set(&signer->failure, FAILURE_CAPACITY, "the signer is out of memory");
}

#define OP(name) PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_##name

enum pm_err ops_run(struct signer *signer, const Peppermint__Signer__V1__SignerRequest *request,
		    Peppermint__Signer__V1__SignerReply *reply)
{
	bool is_start = request->op_case == OP(START);

	if (is_start == signer->started) /* Start comes first, and once */
		return PM_UNKNOWN_RPC;
	switch (request->op_case) {
	case OP(START):
		return handle_start(signer, request->start, reply);
	case OP(HMAC):
		return handle_hmac(signer, request->hmac, reply);
	case OP(GENERATE):
		return handle_generate(signer, request->generate, generate_key, reply);
	case OP(GENERATE_PAIR):
		return handle_generate(signer, request->generate_pair, generate_pair, reply);
	case OP(GENERATE_AES):
		return handle_generate(signer, request->generate_aes, generate_aes, reply);
	case OP(IMPORT):
		return handle_import(signer, request->import, reply);
	case OP(SIGN):
		return handle_sign(signer, request->sign, reply);
	case OP(ENCRYPT):
		return handle_encrypt(signer, request->encrypt, reply);
	case OP(DECRYPT):
		return handle_decrypt(signer, request->decrypt, reply);
	case OP(LIST):
		return handle_list(signer, request->list, reply);
	case OP(RANDOM):
		return handle_random(signer, request->random, reply);
	case OP(DESTROY):
		return handle_destroy(signer, request->destroy, reply);
	case OP(INSPECT):
		return handle_inspect(signer, reply);
	case OP(CHANGE_PIN):
		return handle_change_pin(signer, request->change_pin, reply);
	default:
		return PM_UNKNOWN_RPC;
	}
}
