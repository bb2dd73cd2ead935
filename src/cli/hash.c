#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "findings.h"

#define VALUE_MAX 16384

static enum status hash_batch(struct session *session, struct input *input,
			      struct findings *findings)
{
	const struct options *options = &session->options;
	struct peppermint_value values[BATCH_LINES];
	struct peppermint_value_hash hashes[BATCH_LINES];

	for (size_t i = 0; i < input->count; i++) {
		const struct line *line = &input->lines[i];
		if (line->len == 0) {
			complain("line %zu is empty. A value has at least one byte.", line->number);
			return STATUS_USAGE;
		}
		values[i] = (struct peppermint_value){ line->text, line->len };
	}
	enum pm_err err = peppermint_hash_values(session->vault, options->env, options->pepper,
						 values, input->count, hashes, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	for (size_t i = 0; i < input->count; i++) {
		if (findings->json)
			json_array_append_new(findings->json,
					      json_pack("{s:I, s:s}", "line",
							(json_int_t)input->lines[i].number, "hash",
							hashes[i].text));
		else
			puts(hashes[i].text);
	}
	return STATUS_DONE;
}

enum status run_hash(struct session *session)
{
	struct findings findings CLEANUP(findings_end) = { 0 };

	return findings_lines(session, "value", VALUE_MAX, &findings, hash_batch);
}

/* `VALUE HASH`: a value may hold spaces, a hash cannot. */
static enum status split_line(struct line *line, struct peppermint_hash_claim *claim)
{
	char *space = memrchr(line->text, ' ', line->len);

	if (!space || strlen(space) != (size_t)(line->text + line->len - space)) {
		complain("line %zu is not VALUE HASH. Put a space and the hash behind each value.",
			 line->number);
		return STATUS_USAGE;
	}
	claim->value = (struct peppermint_value){ line->text, (size_t)(space - line->text) };
	claim->hash = space + 1;
	return STATUS_DONE;
}

/* The public texts speak of keys. */
static const char *refusal_text(enum pm_reason reason)
{
	if (reason == PM_REASON_MALFORMED)
		return "the hash is not of the form v<version>:<43 characters>";
	return peppermint_reason_text(reason);
}

static const char *match_note(const struct peppermint_hash_verdict *verdict)
{
	if (verdict->compromised)
		return "under a compromised pepper version: hash it again and keep that";
	return verdict->outdated ? "under an older pepper: hash it again and keep that" : "";
}

static void add_row(struct table *table, size_t line, const struct peppermint_hash_verdict *verdict)
{
	table_cell(table, "%zu", line);
	table_cell(table, "%s", verdict->match ? "yes" : "no");
	if (verdict->error != PM_OK)
		table_cell(table, "%s: %s", peppermint_error_name(verdict->error),
			   peppermint_error_text(verdict->error));
	else if (!verdict->match)
		table_cell(table, "%s: %s", peppermint_reason_name(verdict->reason),
			   refusal_text(verdict->reason));
	else
		table_cell(table, "%s", match_note(verdict));
}

static json_t *verdict_json(size_t line, const struct peppermint_hash_verdict *verdict)
{
	return json_pack("{s:I, s:b, s:b, s:b, s:s, s:s}", "line", (json_int_t)line, "match",
			 (int)verdict->match, "outdated", (int)verdict->outdated, "compromised",
			 (int)verdict->compromised, "error", peppermint_error_name(verdict->error),
			 "reason", peppermint_reason_name(verdict->reason));
}

static void find_verdicts(struct findings *findings, const struct input *input,
			  const struct peppermint_hash_verdict *verdicts)
{
	for (size_t i = 0; i < input->count; i++) {
		size_t line = input->lines[i].number;

		findings_status(findings, verdicts[i].match, verdicts[i].error);
		if (findings->json)
			json_array_append_new(findings->json, verdict_json(line, &verdicts[i]));
		else
			add_row(&findings->table, line, &verdicts[i]);
	}
	if (!findings->json)
		table_print(&findings->table);
}

static enum status verify_batch(struct session *session, struct input *input,
				struct findings *findings)
{
	const struct options *options = &session->options;
	struct peppermint_hash_claim claims[BATCH_LINES];
	struct peppermint_hash_verdict verdicts[BATCH_LINES];

	for (size_t i = 0; i < input->count; i++) {
		enum status status = split_line(&input->lines[i], &claims[i]);
		if (status != STATUS_DONE)
			return status;
	}
	enum pm_err err = peppermint_verify_hashes(session->vault, options->env, options->pepper,
						   claims, input->count, verdicts, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	find_verdicts(findings, input, verdicts);
	return STATUS_DONE;
}

enum status run_hash_verify(struct session *session)
{
	static const char *const heads[] = { "LINE", "MATCH", "NOTE" };
	struct findings findings CLEANUP(findings_end) = { 0 };

	table_head(&findings.table, heads, sizeof(heads) / sizeof(heads[0]));
	return findings_lines(session, "VALUE HASH",
			      VALUE_MAX + sizeof(" ") - 1 + PEPPERMINT_TEXT_MAX, &findings,
			      verify_batch);
}
