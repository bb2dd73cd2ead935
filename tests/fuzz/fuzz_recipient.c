/* Public keys that callers bring: a text is sealed, or there is none. */
#include <string.h>

#include "fuzz.h"
#include "recipient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char pem[RECIPIENT_PEM_MAX + 2], text[RECIPIENT_TEXT_MAX + 1];

	if (size >= sizeof(pem))
		return 0;
	memcpy(pem, data, size);
	pem[size] = '\0';
	enum pm_err err = recipient_seal(pem, bytes_str("secret"), text, sizeof(text));
	MUST(err == recipient_check(pem));
	if (err == PM_OK)
		MUST(strncmp(text, "sealed:", 7) == 0 && !strstr(text, "secret"));
	else
		MUST(err == PM_BAD_REQUEST && text[0] == '\0');
	return 0;
}
