#include "nacl.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>

#include "base/log.h"

static bool started;

static void start(void)
{
	started = sodium_init() >= 0;
	if (!started)
		log_error("vault: libsodium does not start");
}

enum pm_err nacl_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
	return started ? PM_OK : PM_INTERNAL;
}

/* libsodium 1.0.18 takes some bytes above 127 for letters, where char is signed. */
static bool is_ascii(struct bytes text)
{
	uint8_t high = 0;

	for (size_t i = 0; i < text.len; i++)
		high |= text.data[i] & 0x80;
	return high == 0;
}

bool nacl_base64_decode(struct bytes text, struct buf *out)
{
	return is_ascii(text) &&
	       sodium_base642bin(out->data, out->cap, (const char *)text.data, text.len, NULL,
				 &out->len, NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
}
