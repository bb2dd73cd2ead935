#include "base/text.h"

#include <limits.h>
#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <string.h>

static bool is_control(unsigned long point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0);
}

static bool is_scalar(unsigned long point)
{
	return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

bool text_is_clean(struct bytes text)
{
	if (text.len > INT_MAX)
		return false;
	while (text.len > 0) {
		unsigned long point = 0;
		int used = UTF8_getc(text.data, (int)text.len, &point);

		if (used <= 0 || is_control(point) || !is_scalar(point))
			return false;
		text.data += used;
		text.len -= (size_t)used;
	}
	return true;
}

void hex_encode(struct bytes bytes, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < bytes.len; i++) {
		*out++ = digits[bytes.data[i] >> 4];
		*out++ = digits[bytes.data[i] & 15];
	}
	*out = '\0';
}

void base64url_encode_32(const uint8_t bytes[32], char out[BASE64URL_32_LEN + 1])
{
	char std[45]; /* 44 characters, the last of them '=' */

	EVP_EncodeBlock((unsigned char *)std, bytes, 32);
	for (size_t i = 0; i < BASE64URL_32_LEN; i++)
		out[i] = std[i] == '+' ? '-' : std[i] == '/' ? '_' : std[i];
	out[BASE64URL_32_LEN] = '\0';
}

bool base64url_decode_32(struct bytes text, uint8_t out[32])
{
	unsigned char std[44], decoded[33];
	char again[BASE64URL_32_LEN + 1];

	if (text.len != BASE64URL_32_LEN)
		return false;
	for (size_t i = 0; i < text.len; i++)
		std[i] = text.data[i] == '-' ? '+' : text.data[i] == '_' ? '/' : text.data[i];
	std[43] = '=';
	if (EVP_DecodeBlock(decoded, std, sizeof(std)) != sizeof(decoded))
		return false;
	/* Encoding again refuses '+' and '/', and a last character with stray bits. */
	base64url_encode_32(decoded, again);
	if (memcmp(again, text.data, text.len) != 0)
		return false;
	memcpy(out, decoded, 32);
	return true;
}
