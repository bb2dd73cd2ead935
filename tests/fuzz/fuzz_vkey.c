/* The texts of verifier keys, and what claims to be a signature under the key that was read. */
#include <string.h>

#include "fuzz.h"
#include "tlog/note.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tlog_key key;
	char text[TLOG_VKEY_MAX + 1];
	enum pm_err err = tlog_key_parse(bytes_of(data, size), &key);

	if (err != PM_OK) {
		MUST(err == PM_BAD_REQUEST);
		return 0;
	}
	MUST(tlog_is_name(key.name) && key.public_len <= TLOG_PUBLIC_MAX);
	tlog_key_format(&key, text);
	MUST(strlen(text) == size && memcmp(text, data, size) == 0);
	MUST(!tlog_signature_holds(&key, bytes_str("text\n"), bytes_of(data, size)));
	return 0;
}
