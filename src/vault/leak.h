/*
 * Reports of keys that were found in public, in the form of GitHub's secret scanning partner program:
 * a JSON array of what was found, signed with ECDSA P-256 and SHA-256. Verify before parsing.
 *
 * jansson keeps copies of the tokens in the heap while a report is parsed. In every program of ours the
 * free() that wipes (base/wipe_free.c) stands in front of glibc's for shared libraries too, so they are
 * zeroed when jansson gives them back, before leak_parse returns. Any thread.
 */
#ifndef VAULT_LEAK_H
#define VAULT_LEAK_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

#define LEAK_PAYLOAD_MAX 61440
#define LEAK_ITEMS_MAX 100
#define LEAK_TOKEN_MAX 256

/* Its tokens are secrets: belongs into locked memory, and is wiped there. */
struct leak_report {
	size_t count;
	struct leak_item {
		char token[LEAK_TOKEN_MAX + 1]; /* "": too long to be any key's */
	} items[LEAK_ITEMS_MAX];
};

void leak_report_wipe(struct leak_report *report);

/*
 * Is the payload signed by that key? The key is a PEM, or the base64 of its SubjectPublicKeyInfo alone;
 * the signature is base64 of DER (RFC 3279 section 2.2.3), as the header
 * Github-Public-Key-Signature has it. PM_DENIED: it is not. PM_CONFIG: the key is none on P-256.
 */
enum pm_err leak_verify(const char *public_key_pem, struct bytes payload,
			struct bytes signature_base64) NODISCARD;

/* Could leak_verify verify with it? PM_CONFIG, logged, if not. */
enum pm_err leak_key_check(const char *public_key_pem) NODISCARD;

/*
 * Members other than the token are passed over, whatever they are: nothing that somebody put beside a
 * key in public, be it the longest URL, keeps it from being revoked. PM_TOO_LARGE: the payload, or
 * more than LEAK_ITEMS_MAX items. PM_BAD_REQUEST: another shape, no or an empty token, a member twice,
 * nested too deep. `out` is empty then.
 */
enum pm_err leak_parse(struct bytes payload, struct leak_report *out) NODISCARD;

#endif
