/* `key check-secret` and `key unseal-secret`. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "input.h"
#include "key.h"
#include "unseal_text.h"

#define SEALED_LINE_MAX 4096

/* The one line of standard input, without a CR at its end. */
static enum status read_one(struct input *input, const char *what, size_t line_max)
{
	enum status status = input_open(input, what, line_max);

	if (status == STATUS_DONE)
		status = input_next(input);
	if (status != STATUS_DONE)
		return status;
	struct line *line = &input->lines[0];
	if (line->len > 0 && line->text[line->len - 1] == '\r')
		line->text[--line->len] = '\0';
	if (input->count == 1 && line->len > 0 && strlen(line->text) == line->len)
		return STATUS_DONE;
	complain("standard input must hold one %s, in one line.", what);
	return STATUS_USAGE;
}

enum status run_key_check_secret(struct session *session)
{
	struct input input CLEANUP(input_close) = { 0 };
	bool match = false;

	if (!is_key_id(session->argument))
		return STATUS_USAGE;
	enum status status = read_one(&input, "API key", PEPPERMINT_TEXT_MAX);
	if (status != STATUS_DONE)
		return status;
	enum pm_err err =
		peppermint_verify_secret(session->vault, session->options.env, session->argument,
					 input.lines[0].text, &match, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	if (session->options.given & OPT_JSON)
		print_json(
			json_pack("{s:s, s:b}", "key_id", session->argument, "match", (int)match));
	else
		puts(match ? "your secret is verified" : "your secret does not match this key");
	return match ? STATUS_DONE : STATUS_REFUSED;
}

static void free_text(char **text)
{
	secret_free(*text, UNSEALED_MAX + 1);
}

enum status run_key_unseal_secret(struct session *session)
{
	struct input input CLEANUP(input_close) = { 0 };
	char *text CLEANUP(free_text) = secret_alloc(UNSEALED_MAX + 1);

	if (!text) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return STATUS_VAULT;
	}
	enum status status = read_one(&input, "sealed secret", SEALED_LINE_MAX);
	if (status != STATUS_DONE)
		return status;
	enum pm_err err =
		unseal_text(input.lines[0].text, session->options.key, text, UNSEALED_MAX + 1);
	if (err != PM_OK)
		return err == PM_DENIED ? STATUS_REFUSED : STATUS_USAGE;
	if (session->options.given & OPT_JSON)
		print_json(json_pack("{s:s}", "api_key", text));
	else
		puts(text);
	return STATUS_DONE;
}
