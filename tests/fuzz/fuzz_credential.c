/* The value of an Authorization header: what is taken apart is exactly what its parts make. */
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "credential.h"
#include "fuzz.h"

#define HEADER_MAX 512

static void format(const struct credential *credential, char out[HEADER_MAX])
{
	char pair[CREDENTIAL_USER_MAX + 1 + CREDENTIAL_TEXT_MAX + 1];

	if (!credential->basic) {
		snprintf(out, HEADER_MAX, "Bearer %s", credential->text);
		return;
	}
	int len = snprintf(pair, sizeof(pair), "%s:%s", credential->user, credential->text);
	strcpy(out, "Basic ");
	EVP_EncodeBlock((unsigned char *)out + strlen(out), (const unsigned char *)pair, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct credential nothing;
	struct credential out CLEANUP(credential_wipe) = { 0 };
	enum pm_reason reason = credential_parse(bytes_of(data, size), &out);
	char header[HEADER_MAX];

	if (reason != PM_REASON_NONE) {
		MUST(reason == (size == 0 ? PM_REASON_MISSING : PM_REASON_MALFORMED));
		MUST(memcmp(&out, &nothing, sizeof(out)) == 0);
		return 0;
	}
	MUST(out.text[0] != '\0' && out.basic == (out.user[0] != '\0'));
	MUST(!strchr(out.user, ':'));
	format(&out, header);
	size_t scheme = strcspn(header, " ");
	MUST(strlen(header) == size);
	MUST(strncasecmp(header, (const char *)data, scheme) == 0);
	MUST(memcmp(header + scheme, data + scheme, size - scheme) == 0);
	return 0;
}
