#include "public_key.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "base/cleanup.h"

#define BEGIN "-----BEGIN " PEM_STRING_PUBLIC "-----"

/* What PEM_read_bio gives. */
struct block {
	char *name, *header;
	uint8_t *data;
	long len;
};

static void block_end(struct block *block)
{
	OPENSSL_free(block->name);
	OPENSSL_free(block->header);
	OPENSSL_free(block->data);
}

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

void public_key_freep(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

EVP_PKEY *public_key_from_der(struct bytes der)
{
	const uint8_t *end = der.data;

	if (der.len == 0 || der.len > INT_MAX)
		return NULL;
	EVP_PKEY *key CLEANUP(public_key_freep) = d2i_PUBKEY(NULL, &end, (long)der.len);
	ERR_clear_error();
	return end == der.data + der.len ? TAKE(key) : NULL;
}

static bool is_blank(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\0' || !strchr(" \t\r\n", text.data[i]))
			return false;
	}
	return true;
}

/* OpenSSL passes over whatever stands before and behind a block; we do not. */
static bool read_block(struct bytes pem, struct block *block)
{
	BIO *bio CLEANUP(free_bio) = BIO_new_mem_buf(pem.data, (int)pem.len);
	const uint8_t *rest = NULL;

	if (!bio || PEM_read_bio(bio, &block->name, &block->header, &block->data, &block->len) != 1)
		return false;
	long rest_len = BIO_get_mem_data(bio, &rest);
	return strcmp(block->name, PEM_STRING_PUBLIC) == 0 && block->header[0] == '\0' &&
	       is_blank(bytes_of(rest, (size_t)rest_len));
}

EVP_PKEY *public_key_from_pem(struct bytes pem)
{
	struct block block CLEANUP(block_end) = { .len = 0 };

	if (pem.len > INT_MAX || pem.len < strlen(BEGIN) ||
	    memcmp(pem.data, BEGIN, strlen(BEGIN)) != 0)
		return NULL;
	bool good = read_block(pem, &block);
	ERR_clear_error();
	return good ? public_key_from_der(bytes_of(block.data, (size_t)block.len)) : NULL;
}
