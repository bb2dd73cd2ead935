#define _GNU_SOURCE
#include "unseal_text.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/text.h"
#include "files.h"
#include "output.h"

#define PEM_FILE_MAX ((size_t)32 * 1024) /* of RSA's 16,384 bits it has 13,000 */
#define SEALED_MAX 2048                  /* bytes, decoded */

_Static_assert(UNSEALED_MAX == SEALED_MAX - crypto_box_SEALBYTES, "the longest text");

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_ctx(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void free_bio(BIO **bio)
{
	BIO_free(*bio);
}

static void free_pem(char **pem)
{
	secret_free(*pem, PEM_FILE_MAX);
}

/* What was opened, before it is known to be a text. */
struct opened {
	uint8_t bytes[SEALED_MAX];
	size_t len;
};

static void opened_wipe(struct opened *opened)
{
	secret_wipe(opened, sizeof(*opened));
}

static bool open_x25519(EVP_PKEY *key, struct bytes sealed, struct opened *out)
{
	uint8_t point[crypto_box_PUBLICKEYBYTES], scalar[crypto_box_SECRETKEYBYTES];
	size_t point_len = sizeof(point), scalar_len = sizeof(scalar);

	if (sealed.len < crypto_box_SEALBYTES)
		return false;
	out->len = sealed.len - crypto_box_SEALBYTES;
	bool good = EVP_PKEY_get_raw_public_key(key, point, &point_len) == 1 &&
		    EVP_PKEY_get_raw_private_key(key, scalar, &scalar_len) == 1 &&
		    crypto_box_seal_open(out->bytes, sealed.data, sealed.len, point, scalar) == 0;
	secret_wipe(scalar, sizeof(scalar));
	return good;
}

static bool open_rsa(EVP_PKEY *key, struct bytes sealed, struct opened *out)
{
	EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);

	out->len = sizeof(out->bytes);
	return ctx && EVP_PKEY_decrypt_init(ctx) == 1 &&
	       EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()) == 1 &&
	       EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1 &&
	       EVP_PKEY_decrypt(ctx, out->bytes, &out->len, sealed.data, sealed.len) == 1;
}

struct scheme {
	const char *start;
	const char *type; /* of the key, as OpenSSL names it */
	bool (*open)(EVP_PKEY *key, struct bytes sealed, struct opened *out);
};

static const struct scheme schemes[] = {
	{ "sealed:x25519:", "X25519", open_x25519 },
	{ "sealed:rsa-oaep-sha256:", "RSA", open_rsa },
};

static const struct scheme *find_scheme(const char *text)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (strncmp(text, schemes[i].start, strlen(schemes[i].start)) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* A program's standard input is never asked for a passphrase, nor is a terminal that it merely has. */
static int ask_passphrase(char *to, int size, int for_writing, void *unused)
{
	if (!isatty(STDIN_FILENO))
		return -1;
	return PEM_def_callback(to, size, for_writing, unused);
}

static EVP_PKEY *read_key(const char *path)
{
	char *pem CLEANUP(free_pem) = secret_alloc(PEM_FILE_MAX);
	size_t len = 0;

	if (!pem) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return NULL;
	}
	if (!file_read(path, pem, PEM_FILE_MAX, &len))
		return NULL;
	BIO *bio CLEANUP(free_bio) = BIO_new_mem_buf(pem, (int)len);
	EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, ask_passphrase, NULL) : NULL;
	ERR_clear_error();
	if (!key)
		complain("%s holds no private key that opens. It must be a PEM; a passphrase is "
			 "asked for only on a terminal.",
			 path);
	return key;
}

/* libsodium 1.0.18 takes some bytes above 127 for letters, where char is signed. */
static bool is_ascii(const char *text)
{
	while (*text && !(*text & 0x80))
		text++;
	return *text == '\0';
}

static bool decode(const char *text, uint8_t bytes[SEALED_MAX], size_t *len)
{
	return is_ascii(text) && sodium_base642bin(bytes, SEALED_MAX, text, strlen(text), NULL, len,
						   NULL, sodium_base64_VARIANT_ORIGINAL) == 0;
}

/* Anybody can seal anything: what goes on to a terminal is a text. */
static enum pm_err hand_over(const struct opened *opened, char *out, size_t room)
{
	if (!text_is_clean(bytes_of(opened->bytes, opened->len))) {
		complain("what was sealed is no text.");
		return PM_BAD_REQUEST;
	}
	if (opened->len >= room) {
		complain("what was sealed is longer than a secret is.");
		return PM_TOO_LARGE;
	}
	memcpy(out, opened->bytes, opened->len);
	out[opened->len] = '\0';
	return PM_OK;
}

enum pm_err unseal_text(const char *sealed, const char *private_pem_path, char *out, size_t room)
{
	const struct scheme *scheme = find_scheme(sealed);
	struct opened opened CLEANUP(opened_wipe) = { .len = 0 };
	uint8_t bytes[SEALED_MAX];
	size_t len = 0;

	if (!scheme || !decode(sealed + strlen(scheme->start), bytes, &len)) {
		complain("that is no sealed secret: it begins with sealed:, and base64 ends it.");
		return PM_BAD_REQUEST;
	}
	EVP_PKEY *key CLEANUP(free_key) = read_key(private_pem_path);
	if (!key)
		return PM_CONFIG;
	if (!EVP_PKEY_is_a(key, scheme->type)) {
		complain("it is sealed to a key of type %s, which %s does not hold.", scheme->type,
			 private_pem_path);
		return PM_CONFIG;
	}
	bool good = scheme->open(key, bytes_of(bytes, len), &opened);
	ERR_clear_error();
	if (!good) {
		complain("it is sealed to another key than the one in %s, or was damaged.",
			 private_pem_path);
		return PM_DENIED;
	}
	return hand_over(&opened, out, room);
}
