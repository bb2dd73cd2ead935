/* A signer's reply: the signer runs a vendor's code, so the daemon believes no byte of it. */
#include "base/text.h"
#include "fuzz.h"
#include "reply.h"

static void check_object(const struct hsm_object *object)
{
	static const size_t public_len[] = { [HSM_HMAC_SHA256] = 0,
					     [HSM_ED25519] = 32,
					     [HSM_ECDSA_P256] = 91,
					     [HSM_ALGORITHM_OTHER] = 0,
					     [HSM_AES256_GCM] = 0 };

	MUST(text_is_clean(bytes_str(object->label)));
	MUST(object->algorithm >= HSM_HMAC_SHA256 && object->algorithm <= HSM_AES256_GCM);
	MUST(object->public_len == 0 || object->public_len == public_len[object->algorithm]);
}

/* Reads each byte, for the sanitizer to see. */
static void touch(const uint8_t *bytes, size_t len)
{
	static volatile uint8_t sink;

	for (size_t i = 0; i < len; i++)
		sink = bytes[i];
	(void)sink;
}

static void check_inspection(const struct hsm_inspection *inspection)
{
	MUST(text_is_clean(bytes_str(inspection->label)));
	MUST(text_is_clean(bytes_str(inspection->serial)));
	MUST(text_is_clean(bytes_str(inspection->hardware)));
	MUST(inspection->mechanism_count <= HSM_MECHANISMS_MAX);
	for (size_t i = 0; i < inspection->mechanism_count; i++) {
		MUST(text_is_clean(bytes_str(inspection->mechanisms[i].name)));
		MUST(inspection->mechanisms[i].proof <= HSM_DISPROVEN);
	}
}

static void check_reply(const struct reply *reply, size_t frame_len)
{
	switch (reply->kind) {
	case REPLY_FAILED:
		MUST(reply->fault != FAULT_NONE);
		MUST(text_is_clean(bytes_str(reply->detail)));
		break;
	case REPLY_STARTED:
		MUST(text_is_clean(bytes_str(reply->token.label)));
		MUST(text_is_clean(bytes_str(reply->token.serial)));
		MUST(text_is_clean(bytes_str(reply->token.firmware)));
		break;
	case REPLY_MACS:
		MUST(reply->count <= FRAME_ITEMS_MAX);
		MUST(reply->count == 0 || reply->macs);
		break;
	case REPLY_OBJECTS:
		MUST(reply->count <= HSM_OBJECTS_MAX);
		for (size_t i = 0; i < reply->count; i++)
			check_object(&reply->objects[i]);
		break;
	case REPLY_RANDOM:
	case REPLY_ENCRYPTED:
	case REPLY_DECRYPTED:
		MUST(reply->bytes.len <= frame_len); /* calls.c compares it with what was asked */
		touch(reply->bytes.data, reply->bytes.len);
		break;
	case REPLY_SIGNATURE:
		touch(reply->signature, HSM_SIGNATURE_LEN);
		break;
	case REPLY_INSPECTION:
		check_inspection(reply->inspection);
		break;
	case REPLY_DESTROYED:
	case REPLY_PIN_CHANGED:
		break; /* nothing but their kind */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = fuzz_arena(FRAME_ARENA_MAX);
	static struct reply reply;

	if (reply_unpack(bytes_of(data, size), arena, &reply) == PM_OK)
		check_reply(&reply, size);
	arena_reset(arena);
	return 0;
}
