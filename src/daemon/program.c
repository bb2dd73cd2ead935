#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/text.h"

#define SHA256_LEN 32

static void digest_free(EVP_MD_CTX **digest)
{
	EVP_MD_CTX_free(*digest);
}

/* -1 with errno; the file that runs, even if another was put in its place meanwhile. */
static ssize_t hash_program(EVP_MD_CTX *digest)
{
	int fd CLEANUP(close_fd) = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint8_t room[16384];
	ssize_t got = -1;

	if (fd < 0)
		return -1;
	while ((got = read(fd, room, sizeof(room))) > 0) {
		if (EVP_DigestUpdate(digest, room, (size_t)got) != 1)
			return -1;
	}
	return got;
}

enum pm_err program_describe(const char *version, char out[PROGRAM_TEXT_MAX + 1])
{
	EVP_MD_CTX *digest CLEANUP(digest_free) = EVP_MD_CTX_new();
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];

	if (!digest || EVP_DigestInit_ex(digest, EVP_sha256(), NULL) != 1) {
		log_error("out of memory");
		return PM_NO_MEMORY;
	}
	if (hash_program(digest) < 0) {
		log_error("the audit log must name this program, and /proc/self/exe cannot be "
			  "read: %s",
			  strerror(errno));
		return PM_CONFIG;
	}
	if (EVP_DigestFinal_ex(digest, hash, NULL) != 1) {
		log_error("the hash of this program could not be made");
		return PM_INTERNAL;
	}
	hex_encode(bytes_of(hash, sizeof(hash)), hex);
	snprintf(out, PROGRAM_TEXT_MAX + 1, "peppermintd %s %s", version, hex);
	return PM_OK;
}
