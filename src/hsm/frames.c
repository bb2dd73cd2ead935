#include "frames.h"

#include <string.h>

#include "peppermint/v1/signer.pb-c.h"

typedef Peppermint__Signer__V1__SignerRequest SignerRequest;
typedef Peppermint__Signer__V1__HmacItem HmacItem;

#define SAME(ours, theirs)                                                                         \
	_Static_assert((int)ours == (int)PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##theirs,    \
		       #ours " differs from signer.proto")
SAME(HSM_HMAC_SHA256, HMAC_SHA256);
SAME(HSM_ED25519, ED25519);
SAME(HSM_ECDSA_P256, ECDSA_P256);
SAME(HSM_ALGORITHM_OTHER, OTHER);
SAME(HSM_AES256_GCM, AES256_GCM);

#define OP(name) PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_##name

/* Tags and lengths: 4 bytes around the item, 2 before the id, 4 before the data; rounded up. */
#define ITEM_OVERHEAD (HSM_ID_LEN + 16)

size_t frame_item_size(struct bytes data)
{
	return data.len + ITEM_OVERHEAD;
}

static enum pm_err pack(const SignerRequest *request, struct buf *out)
{
	size_t size = peppermint__signer__v1__signer_request__get_packed_size(request);

	if (size > out->cap)
		return PM_TOO_LARGE;
	out->len = peppermint__signer__v1__signer_request__pack(request, out->data);
	return PM_OK;
}

/* protobuf-c has no const in its messages; packing only reads. */
static ProtobufCBinaryData lend(struct bytes bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.len, .data = (uint8_t *)bytes.data };
}

static ProtobufCBinaryData lend_id(const struct hsm_id *id)
{
	return lend(bytes_of(id->bytes, sizeof(id->bytes)));
}

enum pm_err frame_start(uint64_t id, const struct hsm_config *config, struct buf *out)
{
	Peppermint__Signer__V1__Start start = PEPPERMINT__SIGNER__V1__START__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	start.environment = (char *)config->environment;
	start.module = (char *)config->module;
	start.token_uri = (char *)config->token_uri;
	if (config->pin_file)
		start.pin_file = (char *)config->pin_file;
	if (config->init_args)
		start.init_args = (char *)config->init_args;
	start.sessions = config->sessions;
	request.id = id;
	request.op_case = OP(START);
	request.start = &start;
	return pack(&request, out);
}

enum pm_err frame_hmac(uint64_t id, const struct hsm_job *const *jobs, size_t count,
		       struct arena *arena, struct buf *out)
{
	Peppermint__Signer__V1__HmacBatch batch = PEPPERMINT__SIGNER__V1__HMAC_BATCH__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;
	HmacItem *items = arena_array(arena, count, sizeof(*items));
	HmacItem **list = arena_array(arena, count, sizeof(HmacItem *));

	if (!items || !list)
		return PM_NO_MEMORY;
	for (size_t i = 0; i < count; i++) {
		peppermint__signer__v1__hmac_item__init(&items[i]);
		items[i].key_id = lend_id(&jobs[i]->key);
		items[i].data = lend(jobs[i]->data);
		list[i] = &items[i];
	}
	batch.n_items = count;
	batch.items = list;
	request.id = id;
	request.op_case = OP(HMAC);
	request.hmac = &batch;
	return pack(&request, out);
}

enum pm_err frame_generate(uint64_t id, enum hsm_algorithm algorithm, const struct hsm_id *key,
			   const char *label, struct buf *out)
{
	Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	generate.key_id = lend_id(key);
	generate.label = (char *)label;
	request.id = id;
	/* One pointer of the union, whichever it is called: all of them are to a Generate. */
	request.generate = &generate;
	request.op_case = algorithm == HSM_HMAC_SHA256  ? OP(GENERATE)
			  : algorithm == HSM_AES256_GCM ? OP(GENERATE_AES)
							: OP(GENERATE_PAIR);
	return pack(&request, out);
}

enum pm_err frame_import(uint64_t id, const struct hsm_id *key, const char *label,
			 struct bytes value, struct buf *out)
{
	Peppermint__Signer__V1__Import import = PEPPERMINT__SIGNER__V1__IMPORT__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	import.key_id = lend_id(key);
	import.label = (char *)label;
	import.value = lend(value);
	request.id = id;
	request.op_case = OP(IMPORT);
	request.import = &import;
	return pack(&request, out);
}

static Peppermint__Signer__V1__Cipher cipher_of(const struct hsm_id *key,
						const uint8_t iv[HSM_IV_LEN], struct bytes aad,
						struct bytes data)
{
	Peppermint__Signer__V1__Cipher cipher = PEPPERMINT__SIGNER__V1__CIPHER__INIT;

	cipher.key_id = lend_id(key);
	cipher.iv = lend(bytes_of(iv, HSM_IV_LEN));
	cipher.aad = lend(aad);
	cipher.data = lend(data);
	return cipher;
}

enum pm_err frame_encrypt(uint64_t id, const struct hsm_id *key, const uint8_t iv[HSM_IV_LEN],
			  struct bytes aad, struct bytes plain, struct buf *out)
{
	Peppermint__Signer__V1__Cipher cipher = cipher_of(key, iv, aad, plain);
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	request.id = id;
	request.op_case = OP(ENCRYPT);
	request.encrypt = &cipher;
	return pack(&request, out);
}

enum pm_err frame_decrypt(uint64_t id, const struct hsm_id *key, const uint8_t iv[HSM_IV_LEN],
			  struct bytes aad, struct bytes sealed, struct buf *out)
{
	Peppermint__Signer__V1__Cipher cipher = cipher_of(key, iv, aad, sealed);
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	request.id = id;
	request.op_case = OP(DECRYPT);
	request.decrypt = &cipher;
	return pack(&request, out);
}

enum pm_err frame_sign(uint64_t id, const struct hsm_id *key, enum hsm_algorithm algorithm,
		       struct bytes data, struct buf *out)
{
	Peppermint__Signer__V1__Sign sign = PEPPERMINT__SIGNER__V1__SIGN__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	sign.key_id = lend_id(key);
	sign.algorithm = (Peppermint__Signer__V1__Algorithm)algorithm;
	sign.data = lend(data);
	request.id = id;
	request.op_case = OP(SIGN);
	request.sign = &sign;
	return pack(&request, out);
}

enum pm_err frame_list(uint64_t id, const char *prefix, struct buf *out)
{
	Peppermint__Signer__V1__List list = PEPPERMINT__SIGNER__V1__LIST__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	list.label_prefix = (char *)prefix;
	request.id = id;
	request.op_case = OP(LIST);
	request.list = &list;
	return pack(&request, out);
}

enum pm_err frame_random(uint64_t id, size_t len, struct buf *out)
{
	Peppermint__Signer__V1__Random random = PEPPERMINT__SIGNER__V1__RANDOM__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	random.length = (uint32_t)len;
	request.id = id;
	request.op_case = OP(RANDOM);
	request.random = &random;
	return pack(&request, out);
}

enum pm_err frame_destroy(uint64_t id, const struct hsm_id *key, const char *label, struct buf *out)
{
	Peppermint__Signer__V1__Destroy destroy = PEPPERMINT__SIGNER__V1__DESTROY__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	destroy.key_id = lend_id(key);
	destroy.label = (char *)label;
	request.id = id;
	request.op_case = OP(DESTROY);
	request.destroy = &destroy;
	return pack(&request, out);
}

enum pm_err frame_inspect(uint64_t id, struct buf *out)
{
	Peppermint__Signer__V1__Inspect inspect = PEPPERMINT__SIGNER__V1__INSPECT__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	request.id = id;
	request.op_case = OP(INSPECT);
	request.inspect = &inspect;
	return pack(&request, out);
}

enum pm_err frame_change_pin(uint64_t id, struct bytes old_pin, struct bytes new_pin,
			     struct buf *out)
{
	Peppermint__Signer__V1__ChangePin change = PEPPERMINT__SIGNER__V1__CHANGE_PIN__INIT;
	SignerRequest request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	change.old_pin = lend(old_pin);
	change.new_pin = lend(new_pin);
	request.id = id;
	request.op_case = OP(CHANGE_PIN);
	request.change_pin = &change;
	return pack(&request, out);
}
