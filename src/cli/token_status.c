/* `hsm status`: the tokens of each environment. */
#include "token_status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"
#include "sheet.h"

const char *token_state_name(enum peppermint_token_state state)
{
	switch (state) {
	case PEPPERMINT_TOKEN_READY:
		return "TOKEN_READY";
	case PEPPERMINT_TOKEN_DOWN:
		return "TOKEN_DOWN";
	case PEPPERMINT_TOKEN_SEALED:
		return "TOKEN_SEALED";
	case PEPPERMINT_TOKEN_UNFIT:
		return "TOKEN_UNFIT";
	case PEPPERMINT_TOKEN_STATE_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

static json_t *token_json(const struct peppermint_token_status *token)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:s, s:I}", "token", token->label, "serial",
			 token->serial, "state", token_state_name(token->state), "active",
			 (int)token->active, "detail", token->detail, "restarts",
			 (json_int_t)token->restarts);
}

json_t *tokens_json(const struct peppermint_environment *environment)
{
	json_t *tokens = json_array();

	for (size_t i = 0; i < environment->token_count; i++)
		json_array_append_new(tokens, token_json(&environment->tokens[i]));
	return tokens;
}

void print_remedies(const struct peppermint_environment *environment)
{
	const char *name = environment->name;

	if (environment->state == PEPPERMINT_ENVIRONMENT_HSM_SEALED &&
	    !strstr(environment->detail, "peppermint unseal"))
		printf("\n%s is sealed. To unseal it: peppermint unseal --env %s\n", name, name);
	if (environment->key_warnings > 0)
		printf("\n%s: master keys near or past the end of their cryptoperiod: %" PRIu32
		       ". Which: peppermint master list --env %s\n",
		       name, environment->key_warnings, name);
	if (environment->orphaned_objects > 0)
		printf("\n%s: objects in the token that no record names: %" PRIu32
		       ". Which: peppermint hsm inventory --env %s\n",
		       name, environment->orphaned_objects, name);
}

static const struct column columns[] = {
	{ "ENVIRONMENT", "environment", false }, { "TOKEN", "token", false },
	{ "SERIAL", "serial", false },           { "STATE", "state", false },
	{ "ACTIVE", "active", false },           { "RESTARTS", "restarts", false },
	{ "SESSIONS", "sessions", false },       { "PROVEN", "proven", false },
	{ "LAST CHECK", "checked_at", true },
};

/* Check, sessions and proof are the active token's; the last two end with its signer. */
static void add_token(struct sheet *sheet, const struct peppermint_environment *environment,
		      const struct peppermint_token_status *token)
{
	bool ready = token->active && token->state == PEPPERMINT_TOKEN_READY;
	json_t *row = must_have(token_json(token));

	json_object_set_new(row, "environment", json_string(environment->name));
	json_object_set_new(row, "sessions",
			    ready ? json_integer(environment->sessions) : json_null());
	json_object_set_new(row, "proven", ready ? json_boolean(environment->proven) : json_null());
	json_object_set_new(row, "checked_at",
			    token->active ? json_integer(environment->checked_at) : json_null());
	sheet_row(sheet, row);
}

static void print_details(const struct peppermint_environment *environment)
{
	if (environment->detail[0])
		printf("\n%s: %s\n", environment->name, environment->detail);
	for (size_t i = 0; i < environment->token_count; i++) {
		const struct peppermint_token_status *token = &environment->tokens[i];

		if (token->detail[0] && strcmp(token->detail, environment->detail) != 0)
			printf("\n%s, token %s (%s): %s\n", environment->name, token->label,
			       token->serial, token->detail);
	}
	print_remedies(environment);
}

static bool is_asked_for(const struct session *session,
			 const struct peppermint_environment *environment)
{
	const char *env = session->options.env;

	return !env || strcmp(env, environment->name) == 0;
}

static enum status print_tokens(const struct session *session,
				const struct peppermint_status *status)
{
	bool json = session->options.given & OPT_JSON;
	struct sheet sheet CLEANUP(sheet_end) = SHEET(json ? SHEET_JSON : SHEET_TABLE, columns);
	size_t found = 0;

	for (size_t i = 0; i < status->environment_count; i++) {
		const struct peppermint_environment *environment = &status->environments[i];

		if (!is_asked_for(session, environment))
			continue;
		found++;
		for (size_t j = 0; j < environment->token_count; j++)
			add_token(&sheet, environment, &environment->tokens[j]);
	}
	if (found == 0 && session->options.env) {
		complain("no environment that this program may use has that name.");
		return STATUS_VAULT;
	}
	sheet_finish(&sheet, NULL);
	for (size_t i = 0; !json && i < status->environment_count; i++) {
		if (is_asked_for(session, &status->environments[i]))
			print_details(&status->environments[i]);
	}
	return STATUS_DONE;
}

enum status run_hsm_status(struct session *session)
{
	struct peppermint_status status;
	enum pm_err err = peppermint_get_status(session->vault, &status, &session->call);

	return err == PM_OK ? print_tokens(session, &status) : vault_refused(session, err);
}
