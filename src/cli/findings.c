#include "findings.h"

#include "base/cleanup.h"

void findings_end(struct findings *findings)
{
	table_end(&findings->table);
	json_decref(findings->json);
}

void findings_status(struct findings *findings, bool valid, enum pm_err error)
{
	enum status status = error == PM_OK ? STATUS_REFUSED : STATUS_VAULT;

	if (!valid && status > findings->status)
		findings->status = status;
}

enum status findings_lines(struct session *session, const char *what, size_t line_max,
			   struct findings *findings,
			   enum status (*batch)(struct session *, struct input *,
						struct findings *))
{
	struct input input CLEANUP(input_close) = { 0 };
	enum status status = input_open(&input, what, line_max);

	if (session->options.given & OPT_JSON)
		findings->json = json_array();
	if (status == STATUS_DONE)
		status = input_next(&input);
	while (status == STATUS_DONE && input.count > 0) {
		status = batch(session, &input, findings);
		if (status == STATUS_DONE)
			status = input_next(&input);
	}
	if (status != STATUS_DONE)
		return status;
	if (findings->json)
		print_json(json_incref(findings->json));
	return findings->status;
}
