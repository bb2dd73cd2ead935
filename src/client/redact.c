#include <string.h>

#include "peppermint/client.h"

#define ID_LEN PEPPERMINT_KEY_ID_LEN
#define SECRET_LEN 49 /* with the check characters */
#define TAIL_LEN (1 + ID_LEN + 1 + SECRET_LEN)

/* Not isalnum, which asks the locale. */
static bool is_base62(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool all_base62(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_base62(text[i]))
			return false;
	}
	return true;
}

/* `_<id>_<secret>`, TAIL_LEN characters. */
static bool is_tail(const char *text)
{
	return text[0] == '_' && text[1 + ID_LEN] == '_' && all_base62(text + 1, ID_LEN) &&
	       all_base62(text + 1 + ID_LEN + 1, SECRET_LEN);
}

size_t peppermint_redact(char *text, size_t len)
{
	size_t count = 0;

	if (len <= TAIL_LEN)
		return 0;
	/* From the end, because one key's secret may be the next one's prefix. */
	for (size_t at = len - TAIL_LEN; at > 0; at--) {
		if (!is_tail(text + at) || !(is_base62(text[at - 1]) || text[at - 1] == '_'))
			continue;
		memset(text + at + TAIL_LEN - SECRET_LEN, '*', SECRET_LEN);
		count++;
	}
	return count;
}
