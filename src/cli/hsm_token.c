#define _GNU_SOURCE
#include "hsm_token.h"

#include <p11-kit/pkcs11.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/token_lock.h"
#include "report.h"

#define TIMEOUT_MS 30000

bool hsm_is_offline(const struct session *session)
{
	return session->options.given & OPT_MODULE;
}

uint32_t hsm_timeout(const struct session *session)
{
	return session->options.timeout_ms ? session->options.timeout_ms : TIMEOUT_MS;
}

void uri_end(P11KitUri **uri)
{
	p11_kit_uri_free(*uri);
}

/* The text is not repeated: it may hold the very PIN that it must not hold. */
static bool uri_read(const char *text, P11KitUri *uri)
{
	int rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_TOKEN, uri);

	if (rc != P11_KIT_URI_OK) {
		complain(
			"--token is no PKCS#11 URI (RFC 7512), such as pkcs11:serial=0a1b2c3d: %s.",
			p11_kit_uri_message(rc));
		return false;
	}
	if (p11_kit_uri_get_pin_value(uri) || p11_kit_uri_get_pin_source(uri)) {
		complain("--token must hold no pin-value and no pin-source: PINs are read from the "
			 "terminal or standard input. What stands in a command line is no secret "
			 "any more; if that was a PIN, change it.");
		return false;
	}
	if (p11_kit_uri_any_unrecognized(uri)) {
		complain("--token has attributes that describe no token. Use token, serial, "
			 "manufacturer and model.");
		return false;
	}
	return true;
}

enum status hsm_options(const struct session *session, P11KitUri **uri)
{
	const struct options *options = &session->options;

	if (options->given & OPT_TOKEN_INDEX) {
		complain("--token-index goes with --env; with --module it is --token.");
		return STATUS_USAGE;
	}
	if (options->given & OPT_ENV) {
		complain("--env is for a running vault, --module for a token that none uses. Give "
			 "one of them.");
		return STATUS_USAGE;
	}
	/* A bare name would be looked for wherever the loader looks. */
	if (options->module[0] != '/') {
		complain("--module must be an absolute path.");
		return STATUS_USAGE;
	}
	if (!options->token)
		return STATUS_DONE;
	*uri = must_have(p11_kit_uri_new());
	return uri_read(options->token, *uri) ? STATUS_DONE : STATUS_USAGE;
}

bool token_is_initialised(const struct token *token)
{
	return token->present && token->flags & CKF_TOKEN_INITIALIZED;
}

bool token_is_software(const struct token *token)
{
	return token->present && strcasestr(token->model, "softhsm");
}

void software_remark(const struct sheet *sheet)
{
	report_remark(sheet,
		      "NOT CERTIFIED: SoftHSM is a program for tests. Its keys lie in files, "
		      "which no standard counts as a secure device.");
}

enum status token_lock(const struct token *token, int *lock)
{
	if (!token->named) {
		complain("the token's manufacturer, model or serial number is no clean text: a "
			 "vault "
			 "that uses it could not be noticed. Nothing was done.");
		return STATUS_VAULT;
	}
	enum pm_err err =
		token_lock_take(token->manufacturer, token->model, token->serial, true, lock);
	if (err == PM_OK)
		return STATUS_DONE;
	if (err == PM_CONFLICT)
		complain("a running vault uses token %s (serial %s); stop it, or ask the vault "
			 "itself: peppermint hsm … --env. Nothing was done.",
			 token->label, token->serial);
	else
		complain("it cannot be made sure that no running vault uses token %s. Nothing was "
			 "done.",
			 token->label);
	return STATUS_VAULT;
}

struct token *slots_only(const struct slots *slots)
{
	if (slots->count == 1)
		return &slots->all[0];
	if (slots->count > 1)
		complain("%zu tokens match --token. Name one with serial=…: peppermint hsm slots.",
			 slots->count);
	else
		complain("no token matches --token. What is there: peppermint hsm slots.");
	return NULL;
}

enum status token_choose(const struct session *session, struct slots *slots, struct token **token,
			 int *lock)
{
	P11KitUri *uri CLEANUP(uri_end) = NULL;
	enum status status = hsm_options(session, &uri);

	if (status == STATUS_DONE && !uri) {
		complain("this needs --token URI. Try: peppermint hsm slots.");
		return STATUS_USAGE;
	}
	if (status == STATUS_DONE)
		status = slots_read(session, uri, slots);
	if (status != STATUS_DONE)
		return status;
	*token = slots_only(slots);
	if (!*token)
		return STATUS_VAULT;
	if (token_is_initialised(*token))
		return token_lock(*token, lock);
	complain("that token is not initialised. First: peppermint hsm init-token.");
	return STATUS_VAULT;
}

enum status token_may_try(const struct session *session, const struct token *token,
			  enum pin_of whose)
{
	const bool user = whose == PIN_OF_USER;
	const char *name = user ? "user PIN" : "security officer's PIN";

	if (token->flags & (user ? CKF_USER_PIN_LOCKED : CKF_SO_PIN_LOCKED)) {
		complain("the %s of token %s is locked. %s", name, token->label,
			 user ? "The security officer can set a new one: peppermint hsm set-pin."
			      : "Its vendor's documentation says what is left.");
		return STATUS_VAULT;
	}
	if ((token->flags & (user ? CKF_USER_PIN_FINAL_TRY : CKF_SO_PIN_FINAL_TRY)) == 0 ||
	    session->options.given & OPT_LAST_TRY)
		return STATUS_DONE;
	complain("one more wrong try locks the %s of token %s. If you are sure of it, repeat this "
		 "with --last-try.",
		 name, token->label);
	return STATUS_VAULT;
}

enum status token_work(const struct session *session, const struct token *token,
		       enum status (*job)(struct worker *worker, void *arg,
					  const struct pins *pins),
		       void (*row)(void *arg, json_t *row), void *row_arg)
{
	struct token_job job_arg = { &session->options, token };
	struct pins *pins CLEANUP(pins_freep) = NULL;
	enum status status = token_may_try(session, token, PIN_OF_USER);

	if (status != STATUS_DONE)
		return status;
	pins = pins_new();
	if (!pins)
		return STATUS_VAULT;
	status =
		pins_read(&(struct pins_asked){ .given = "user PIN", .token = token->label }, pins);
	if (status != STATUS_DONE)
		return status;
	const struct work work = {
		.module = session->options.module,
		.timeout_ms = hsm_timeout(session),
		.pins = pins,
		.job = job,
		.job_arg = &job_arg,
		.row = row,
		.row_arg = row_arg,
	};
	return work_run(&work);
}
