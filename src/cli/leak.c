/* `key leak-report`: from GitHub's secret scanning to the vault, and the answer back. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/secret.h"
#include "base/text.h"
#include "command.h"
#include "files.h"

#define PAYLOAD_MAX 61440

static void free_payload(char **payload)
{
	secret_free(*payload, PAYLOAD_MAX);
}

/* The tokens' array; NULL after a complaint. The vault checks the signature over the bytes itself. */
static json_t *parse(const char *payload, size_t len)
{
	json_t *tokens CLEANUP(json_end) = json_loadb(payload, len, 0, NULL);
	size_t i = 0;
	json_t *token = NULL;

	bool good = json_is_array(tokens) && json_array_size(tokens) > 0;
	json_array_foreach(tokens, i, token) good =
		good && json_is_string(json_object_get(token, "token")) &&
		json_is_string(json_object_get(token, "type"));
	if (good)
		return TAKE(tokens);
	complain("the payload is no JSON array of objects with token and type. Nothing was sent.");
	return NULL;
}

/* Its token is not repeated: who answers says which one by its SHA-256, in hex. */
static json_t *answer(const json_t *token, const struct peppermint_leak_verdict *verdict)
{
	const json_t *text = json_object_get(token, "token");
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char hex[2 * SHA256_DIGEST_LENGTH + 1];

	SHA256((const unsigned char *)json_string_value(text), json_string_length(text), digest);
	hex_encode(bytes_of(digest, sizeof(digest)), hex);
	return json_pack("{s:s, s:O, s:s}", "token_hash", hex, "token_type",
			 json_object_get(token, "type"), "label",
			 verdict->known ? "true_positive" : "false_positive");
}

static void tell(const struct peppermint_leak_verdict *verdict)
{
	static const char *const done[] = {
		[PEPPERMINT_LEAK_NONE] = "needed nothing",
		[PEPPERMINT_LEAK_REPORTED] = "was reported and goes on",
		[PEPPERMINT_LEAK_DISABLED] = "was disabled",
		[PEPPERMINT_LEAK_REVOKED] = "was revoked",
		[PEPPERMINT_LEAK_ACTION_UNKNOWN] = "was dealt with as a newer vault does",
	};

	if (verdict->known)
		complain("key %s of %s is in public and %s.", verdict->key_id, verdict->environment,
			 done[verdict->action]);
}

/* Of a token that could not be looked up nothing is said: whoever reports it may report it again. */
static enum status print_answer(const json_t *tokens,
				const struct peppermint_leak_verdict *verdicts)
{
	json_t *answers = must_have(json_array());
	enum status status = STATUS_DONE;

	for (size_t i = 0; i < json_array_size(tokens); i++) {
		if (verdicts[i].error != PM_OK) {
			complain("token %zu of the report could not be looked up: %s. (%s)", i + 1,
				 peppermint_error_text(verdicts[i].error),
				 peppermint_error_name(verdicts[i].error));
			status = STATUS_VAULT;
			continue;
		}
		tell(&verdicts[i]);
		json_array_append_new(answers,
				      must_have(answer(json_array_get(tokens, i), &verdicts[i])));
	}
	print_json(answers);
	return status;
}

enum status run_key_leak_report(struct session *session)
{
	const struct options *options = &session->options;
	char *payload CLEANUP(free_payload) = secret_alloc(PAYLOAD_MAX);
	size_t len = 0;

	if (!payload) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return STATUS_VAULT;
	}
	if (!file_read(options->payload, payload, PAYLOAD_MAX, &len))
		return STATUS_USAGE;
	json_t *tokens CLEANUP(json_end) = parse(payload, len);
	if (!tokens)
		return STATUS_USAGE;
	size_t count = json_array_size(tokens);
	struct peppermint_leak_verdict *verdicts CLEANUP(free_ptr) =
		must_have(calloc(count, sizeof(*verdicts)));
	const struct peppermint_leak_report report = {
		.payload = payload,
		.payload_len = len,
		.key_id = options->key_id,
		.signature = options->signature,
	};
	be_patient(session);
	enum pm_err err =
		peppermint_report_leaks(session->vault, &report, verdicts, count, &session->call);
	return err == PM_OK ? print_answer(tokens, verdicts) : vault_refused(session, err);
}
