/*
 * Keys of a system that kept their SHA-256, as `peppermint import` takes them:
 *
 *	legacy_keys COUNT ACCOUNTS >keys.jsonl
 *
 * The n-th of them is `legacy_` and 32 hex digits of SHA-256("n"), so that a test knows its text.
 */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hex(const unsigned char *data, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", data[i]);
}

static void text_of(unsigned long n, char out[40])
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char number[24];

	int len = snprintf(number, sizeof(number), "%lu", n);
	SHA256((const unsigned char *)number, (size_t)len, digest);
	memcpy(out, "legacy_", 7);
	hex(digest, 16, out + 7);
}

int main(int argc, char **argv)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	char text[40], digits[65];

	if (argc != 3)
		return 2;
	unsigned long count = strtoul(argv[1], NULL, 10), accounts = strtoul(argv[2], NULL, 10);
	for (unsigned long n = 0; n < count; n++) {
		text_of(n, text);
		SHA256((const unsigned char *)text, 39, digest);
		hex(digest, sizeof(digest), digits);
		printf("{\"sha256\": \"%s\", \"account\": \"merchant-%lu\", \"name\": \"till "
		       "%lu\", "
		       "\"tail\": \"%s\"}\n",
		       digits, n % accounts, n, text + 36);
	}
	return ferror(stdout) ? 1 : 0;
}
