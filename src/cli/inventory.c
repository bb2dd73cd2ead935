#define _GNU_SOURCE
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "report.h"

void report_remark(const struct sheet *sheet, const char *fmt, ...)
{
	va_list args;

	if (sheet->kind != SHEET_TABLE)
		return;
	va_start(args, fmt);
	putchar('\n');
	vprintf(fmt, args);
	putchar('\n');
	va_end(args);
}

struct peppermint_inventory *inventory_read(struct session *session, enum peppermint_report report)
{
	struct peppermint_inventory *inventory CLEANUP(free_ptr) =
		must_have(calloc(1, sizeof(*inventory)));
	enum pm_err err =
		peppermint_get_inventory(session->vault, report, inventory, &session->call);

	if (err == PM_OK)
		return TAKE(inventory);
	vault_refused(session, err);
	return NULL;
}

const struct peppermint_environment *inventory_environment(
	const struct peppermint_inventory *inventory, const char *name)
{
	static const struct peppermint_environment none = { .token_label = "?" };

	for (size_t i = 0; i < inventory->environment_count; i++) {
		if (strcmp(inventory->environments[i].name, name) == 0)
			return &inventory->environments[i];
	}
	return &none;
}

void key_label(const struct peppermint_master_key *key, char label[KEY_LABEL_ROOM])
{
	snprintf(label, KEY_LABEL_ROOM, "%s/%s/%s/v%" PRIu32, key->environment, key->purpose,
		 key->name, key->version);
}

bool key_signs(const struct peppermint_master_key *key)
{
	return strcmp(key->purpose, "audit") == 0 && strcmp(key->name, "log") == 0;
}

bool key_is_live(const struct peppermint_master_key *key)
{
	switch (key->state) {
	case PEPPERMINT_PEPPER_ACTIVE:
	case PEPPERMINT_PEPPER_VERIFY_ONLY:
	case PEPPERMINT_PEPPER_SUSPENDED:
	case PEPPERMINT_PEPPER_COMPROMISED:
	case PEPPERMINT_PEPPER_DESTROY_SCHEDULED:
		return true;
	case PEPPERMINT_PEPPER_STAGED: /* perhaps not made yet */
	case PEPPERMINT_PEPPER_DESTROYED:
	case PEPPERMINT_PEPPER_STATE_UNKNOWN:
		break;
	}
	return false;
}

const char *key_use(const struct peppermint_master_key *key)
{
	static const struct {
		const char *purpose, *use;
	} uses[] = {
		{ "pepper", "hashes values" },
		{ "pin", "hashes operators' PINs" },
		{ "wrap", "encrypts key texts that may be shown again" },
		{ "index", "finds imported keys by their texts" },
		{ "import", "verifies keys that another system hashed" },
	};

	if (strcmp(key->purpose, "audit") == 0)
		return key_signs(key) ? "signs the audit log's checkpoints"
				      : "hides callers' texts in the audit log";
	if (strcmp(key->purpose, "integrity") == 0)
		return "seals stored records";
	if (strcmp(key->purpose, "pepper") == 0 && strcmp(key->name, "api-keys") == 0)
		return "hashes the secrets of API keys";
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (strcmp(key->purpose, uses[i].purpose) == 0)
			return uses[i].use;
	}
	return "unknown";
}

static const struct algorithm algorithms[] = {
	[PEPPERMINT_ALGORITHM_UNKNOWN] = { "unknown", "unknown", "unknown", NULL, "unknown",
					   "unknown", NULL, NULL, 0 },
	[PEPPERMINT_HMAC_SHA256] = { "HMAC-SHA-256", "hmac-sha-256", "FIPS 198-1, RFC 2104",
				     "1.2.840.113549.2.9", "mac", "tag", "256", NULL, 256 },
	[PEPPERMINT_ED25519] = { "Ed25519", "ed25519", "FIPS 186-5, RFC 8032", "1.3.101.112",
				 "signature", "sign", "255", "other/Ed25519", 128 },
	[PEPPERMINT_ECDSA_P256] = { "ECDSA P-256 with SHA-256", "ecdsa-p256-sha-256", "FIPS 186-5",
				    "1.2.840.10045.4.3.2", "signature", "sign", "256", "nist/P-256",
				    128 },
	[PEPPERMINT_AES256_GCM] = { "AES-256-GCM", "aes-256-gcm", "FIPS 197, SP 800-38D",
				    "2.16.840.1.101.3.4.1.46", "ae", "encrypt", "256", NULL, 256 },
};
#define ALGORITHM_COUNT (sizeof(algorithms) / sizeof(algorithms[0]))

const struct algorithm *key_algorithm(const struct peppermint_master_key *key)
{
	size_t i = (size_t)key->algorithm;

	return &algorithms[i < ALGORITHM_COUNT ? i : PEPPERMINT_ALGORITHM_UNKNOWN];
}

const struct algorithm *algorithm_merkle(void)
{
	static const struct algorithm sha256 = { "SHA-256",
						 "sha-256",
						 "FIPS 180-4, RFC 6962",
						 "2.16.840.1.101.3.4.2.1",
						 "hash",
						 "digest",
						 "256",
						 NULL,
						 128 };

	return &sha256;
}

const struct algorithm *algorithm_random(void)
{
	static const struct algorithm drbg = { "CTR_DRBG AES-256",
					       "ctr-drbg-aes-256",
					       "SP 800-90A",
					       NULL,
					       "drbg",
					       "generate",
					       "256",
					       NULL,
					       256 };

	return &drbg;
}

enum token_kind token_kind(const struct peppermint_environment *environment)
{
	if (environment->state != PEPPERMINT_ENVIRONMENT_SERVING &&
	    environment->state != PEPPERMINT_ENVIRONMENT_REFUSING)
		return TOKEN_UNKNOWN;
	return strcasestr(environment->token_model, "softhsm") ||
			       strcasestr(environment->token_manufacturer, "softhsm")
		       ? TOKEN_SOFTWARE
		       : TOKEN_MODULE;
}

enum token_kind inventory_kind(const struct peppermint_inventory *inventory)
{
	enum token_kind worst = TOKEN_MODULE;

	for (size_t i = 0; i < inventory->environment_count; i++) {
		enum token_kind kind = token_kind(&inventory->environments[i]);

		if (kind == TOKEN_SOFTWARE)
			return kind;
		if (kind == TOKEN_UNKNOWN)
			worst = kind;
	}
	return worst;
}
