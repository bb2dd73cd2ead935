/* The text of an API key: what is taken apart is exactly what its parts make. */
#include <string.h>

#include "apikey.h"
#include "base/cleanup.h"
#include "fuzz.h"

#define PREFIX "ak_live_"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct apikey key CLEANUP(apikey_wipe) = { 0 };
	struct key_text text CLEANUP(key_text_wipe) = { 0 };
	enum pm_reason reason = apikey_parse(bytes_of(data, size), PREFIX, &key);

	if (reason != PM_REASON_NONE) {
		MUST(reason == PM_REASON_MISSING || reason == PM_REASON_MALFORMED ||
		     reason == PM_REASON_BAD_CHECKSUM);
		MUST((reason == PM_REASON_MISSING) == (size == 0));
		return 0;
	}
	apikey_format(&key, PREFIX, &text);
	MUST(strlen(text.text) == size);
	MUST(memcmp(text.text, data, size) == 0);
	return 0;
}
