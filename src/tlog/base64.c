#include "tlog/base64.h"

#include <openssl/evp.h>
#include <string.h>

void base64_encode(struct bytes bytes, char *out)
{
	EVP_EncodeBlock((unsigned char *)out, bytes.data, (int)bytes.len);
}

static size_t padding_of(struct bytes text)
{
	size_t count = 0;

	while (count < 2 && text.data[text.len - 1 - count] == '=')
		count++;
	return count;
}

/* OpenSSL's decoder is lenient; encoding again shows what it forgave. */
bool base64_decode(struct bytes text, struct buf *out)
{
	uint8_t raw[BASE64_BYTES_MAX];
	char again[BASE64_LEN(BASE64_BYTES_MAX) + 1];

	if (text.len == 0 || text.len % 4 != 0 || text.len > BASE64_LEN(BASE64_BYTES_MAX))
		return false;
	int decoded = EVP_DecodeBlock(raw, text.data, (int)text.len);
	if (decoded < 0 || (size_t)decoded != text.len / 4 * 3)
		return false;
	struct bytes bytes = bytes_of(raw, (size_t)decoded - padding_of(text));
	base64_encode(bytes, again);
	if (memcmp(again, text.data, text.len) != 0)
		return false;
	buf_put(out, bytes);
	return !out->full;
}
