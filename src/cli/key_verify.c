#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "findings.h"
#include "key.h"
#include "when.h"

/* With one of these a line is a request, of which more than the key is looked at. */
#define OF_REQUESTS (OPT_AUTHORIZATION | OPT_ADDRESS | OPT_PRODUCT | OPT_SCOPE)

static void add_note(struct table *table, const struct peppermint_verdict *verdict)
{
	const char *compromised =
		verdict->compromised ? "a compromised pepper version vouched for it" : "";
	char until[WHEN_LEN];

	if (verdict->error != PM_OK) {
		table_cell(table, "%s: %s", peppermint_error_name(verdict->error),
			   peppermint_error_text(verdict->error));
	} else if (!verdict->valid) {
		table_cell(table, "%s: %s", peppermint_reason_name(verdict->reason),
			   peppermint_reason_text(verdict->reason));
	} else if (verdict->secret_expires_at) {
		format_when(verdict->secret_expires_at, until);
		table_cell(table, "the previous secret, valid until %s%s%s", until,
			   compromised[0] ? "; " : "", compromised);
	} else {
		table_cell(table, "%s", compromised);
	}
}

static void add_row(struct table *table, size_t line, const struct peppermint_verdict *verdict)
{
	table_cell(table, "%zu", line);
	table_cell(table, "%s", verdict->valid ? "yes" : "no");
	table_cell(table, "%s", verdict->key_id);
	table_cell(table, "%s", verdict->account);
	table_cell(table, "%s", verdict->product);
	table_when(table, verdict->expires_at, verdict->valid ? "never" : "-");
	add_note(table, verdict);
}

static json_t *verdict_json(size_t line, const struct peppermint_verdict *verdict)
{
	return json_pack(
		"{s:I, s:b, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:b}", "line", (json_int_t)line,
		"valid", (int)verdict->valid, "error", peppermint_error_name(verdict->error),
		"reason", peppermint_reason_name(verdict->reason), "message", verdict->message,
		"key_id", verdict->key_id, "account", verdict->account, "product", verdict->product,
		"expires_at", (json_int_t)verdict->expires_at, "secret_expires_at",
		(json_int_t)verdict->secret_expires_at, "compromised", (int)verdict->compromised);
}

static void find_verdicts(struct findings *findings, const struct input *input,
			  const struct peppermint_verdict *verdicts)
{
	for (size_t i = 0; i < input->count; i++) {
		size_t line = input->lines[i].number;

		findings_status(findings, verdicts[i].valid, verdicts[i].error);
		if (findings->json)
			json_array_append_new(findings->json, verdict_json(line, &verdicts[i]));
		else
			add_row(&findings->table, line, &verdicts[i]);
	}
	if (!findings->json)
		table_print(&findings->table);
}

/* Files from other systems end their lines with CR LF. A NUL would hide what stands behind it. */
static enum status prepare_line(struct line *line)
{
	if (line->len > 0 && line->text[line->len - 1] == '\r')
		line->text[--line->len] = '\0';
	if (strlen(line->text) == line->len)
		return STATUS_DONE;
	complain("line %zu holds a NUL byte: that is no API key. Pipe in one API key per line.",
		 line->number);
	return STATUS_USAGE;
}

static enum pm_err verify_keys(struct session *session, const struct input *input,
			       struct peppermint_verdict verdicts[BATCH_LINES])
{
	const char *keys[BATCH_LINES];

	for (size_t i = 0; i < input->count; i++)
		keys[i] = input->lines[i].text;
	return peppermint_verify_keys(session->vault, session->options.env, keys, input->count,
				      verdicts, &session->call);
}

/* Each line is what one request brought: its key, or its Authorization header. */
static enum pm_err verify_requests(struct session *session, const struct input *input,
				   const struct key_lists *lists,
				   struct peppermint_verdict verdicts[BATCH_LINES])
{
	const struct options *options = &session->options;
	struct peppermint_presented presented[BATCH_LINES];
	struct peppermint_admission admissions[BATCH_LINES];
	const char *texts[BATCH_LINES];

	for (size_t i = 0; i < input->count; i++) {
		texts[i] = input->lines[i].text;
		presented[i] = (struct peppermint_presented){
			.source_address = options->address,
			.product = options->product,
			.scopes = lists->scopes,
		};
		if (options->given & OPT_AUTHORIZATION) {
			presented[i].authorizations = &texts[i];
			presented[i].authorization_count = 1;
		} else {
			presented[i].api_key = texts[i];
		}
	}
	enum pm_err err = peppermint_verify_requests(session->vault, options->env, presented,
						     input->count, admissions, &session->call);
	for (size_t i = 0; err == PM_OK && i < input->count; i++)
		verdicts[i] = admissions[i].verdict;
	return err;
}

static enum status verify_batch(struct session *session, struct input *input,
				struct findings *findings)
{
	struct peppermint_verdict verdicts[BATCH_LINES];
	struct key_lists lists;

	if (!key_lists_read(&session->options, &lists))
		return STATUS_USAGE;
	for (size_t i = 0; i < input->count; i++) {
		enum status status = prepare_line(&input->lines[i]);
		if (status != STATUS_DONE)
			return status;
	}
	enum pm_err err = session->options.given & OF_REQUESTS
				  ? verify_requests(session, input, &lists, verdicts)
				  : verify_keys(session, input, verdicts);
	if (err != PM_OK)
		return vault_refused(session, err);
	find_verdicts(findings, input, verdicts);
	return STATUS_DONE;
}

enum status run_key_verify(struct session *session)
{
	static const char *const heads[] = {
		"LINE", "VALID", "KEY ID", "ACCOUNT", "PRODUCT", "EXPIRES", "NOTE",
	};
	struct findings findings CLEANUP(findings_end) = { 0 };

	table_head(&findings.table, heads, sizeof(heads) / sizeof(heads[0]));
	if (session->options.given & OPT_AUTHORIZATION)
		return findings_lines(session, "Authorization value", PEPPERMINT_AUTHORIZATION_MAX,
				      &findings, verify_batch);
	return findings_lines(session, "API key", PEPPERMINT_TEXT_MAX, &findings, verify_batch);
}
