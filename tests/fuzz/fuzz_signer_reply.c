/* A signer's reply: the signer runs a vendor's code, so the daemon believes no byte of it. */
#include "base/text.h"
#include "frames.h"
#include "fuzz.h"

static void check_reply(const struct reply *reply, size_t frame_len)
{
	switch (reply->kind) {
	case REPLY_FAILED:
		MUST(reply->fault != FAULT_NONE);
		MUST(text_is_clean(bytes_str(reply->detail)));
		break;
	case REPLY_STARTED:
		MUST(text_is_clean(bytes_str(reply->label)));
		MUST(text_is_clean(bytes_str(reply->serial)));
		break;
	case REPLY_MACS:
		MUST(reply->count <= FRAME_ITEMS_MAX);
		MUST(reply->count == 0 || reply->macs);
		break;
	case REPLY_OBJECTS:
		MUST(reply->count <= HSM_OBJECTS_MAX);
		for (size_t i = 0; i < reply->count; i++)
			MUST(text_is_clean(bytes_str(reply->objects[i].label)));
		break;
	case REPLY_RANDOM:
		MUST(reply->random.len <= frame_len); /* calls.c compares it with what was asked */
		break;
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
