/* hsm self-test: what a token can do, proven and not just announced. */

#include "base/cleanup.h"
#include "hsm_prove.h"
#include "report.h"

static const struct column columns[] = {
	{ "TEST", "test", false },
	{ "ANNOUNCED", "announced", false },
	{ "PROVEN", "proven", false },
	{ "DETAIL", "detail", false },
};

static void add_row(void *arg, json_t *row)
{
	json_array_append_new(arg, row);
}

static bool is_hmac_proven(const json_t *rows)
{
	const json_t *first = json_array_get(rows, 0);

	return json_is_true(json_object_get(first, "proven"));
}

static void print_rows(const struct session *session, const struct token *token, const json_t *rows,
		       bool complete)
{
	struct sheet sheet CLEANUP(sheet_end) = REPORT(session, "hsm-self-test", NULL, columns);
	bool proven = is_hmac_proven(rows);

	for (size_t i = 0; i < json_array_size(rows); i++)
		sheet_row(&sheet, json_incref(json_array_get(rows, i)));
	sheet_finish(&sheet, json_pack("{s:O, s:b, s:b}", "token", token->row, "hmac_proven",
				       (int)proven, "complete", (int)complete));
	if (!proven)
		report_remark(&sheet, "Token %s cannot serve a vault: HMAC-SHA-256 is not proven.",
			      token->label);
	if (token_is_software(token))
		software_remark(&sheet);
}

enum status run_hsm_self_test(struct session *session)
{
	struct slots slots CLEANUP(slots_end) = { 0 };
	json_t *rows CLEANUP(json_end) = must_have(json_array());
	int lock CLEANUP(close_fd) = -1;
	struct token *token = NULL;
	enum status status = token_choose(session, &slots, &token, &lock);

	if (status == STATUS_DONE)
		status = token_work(session, token, prove_token, add_row, rows);
	if (json_array_size(rows) > 0)
		print_rows(session, token, rows, status == STATUS_DONE);
	return status == STATUS_DONE && !is_hmac_proven(rows) ? STATUS_REFUSED : status;
}
