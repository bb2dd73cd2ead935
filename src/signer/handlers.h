/* The operations by themselves, for ops.c's dispatch. Each fills in its part of the reply. */
#ifndef SIGNER_HANDLERS_H
#define SIGNER_HANDLERS_H

#include "generate.h"
#include "ops.h"

typedef Peppermint__Signer__V1__SignerReply Reply;

/* Which part of the reply a handler has filled in. */
#define RESULT(name) PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_##name

enum pm_err handle_start(struct signer *signer, const Peppermint__Signer__V1__Start *ask,
			 Reply *reply) NODISCARD;

/* handle_compute.c */
enum pm_err handle_hmac(struct signer *signer, const Peppermint__Signer__V1__HmacBatch *ask,
			Reply *reply) NODISCARD;
enum pm_err handle_sign(struct signer *signer, const Peppermint__Signer__V1__Sign *ask,
			Reply *reply) NODISCARD;
enum pm_err handle_random(struct signer *signer, const Peppermint__Signer__V1__Random *ask,
			  Reply *reply) NODISCARD;

/* handle_cipher.c */
enum pm_err handle_encrypt(struct signer *signer, const Peppermint__Signer__V1__Cipher *ask,
			   Reply *reply) NODISCARD;
enum pm_err handle_decrypt(struct signer *signer, const Peppermint__Signer__V1__Cipher *ask,
			   Reply *reply) NODISCARD;

/* handle_keys.c */
enum pm_err handle_generate(struct signer *signer, const Peppermint__Signer__V1__Generate *ask,
			    generator generate, Reply *reply) NODISCARD;
enum pm_err handle_import(struct signer *signer, const Peppermint__Signer__V1__Import *ask,
			  Reply *reply) NODISCARD;
enum pm_err handle_list(struct signer *signer, const Peppermint__Signer__V1__List *ask,
			Reply *reply) NODISCARD;
enum pm_err handle_destroy(struct signer *signer, const Peppermint__Signer__V1__Destroy *ask,
			   Reply *reply) NODISCARD;

/* handle_token.c */
void fill_started(const struct signer *signer, Peppermint__Signer__V1__Started *out);
enum pm_err handle_inspect(struct signer *signer, Reply *reply) NODISCARD;
enum pm_err handle_change_pin(struct signer *signer, const Peppermint__Signer__V1__ChangePin *ask,
			      Reply *reply) NODISCARD;

enum pm_err no_memory(struct signer *signer) NODISCARD;

#endif
