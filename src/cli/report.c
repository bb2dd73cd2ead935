#include "report.h"

#include "base/cleanup.h"

void report_end(struct report *report)
{
	table_end(&report->table);
	json_decref(report->json);
}

void report_status(struct report *report, bool valid, enum pm_err error)
{
	enum status status = error == PM_OK ? STATUS_REFUSED : STATUS_VAULT;

	if (!valid && status > report->status)
		report->status = status;
}

enum status report_lines(struct session *session, const char *what, size_t line_max,
			 struct report *report,
			 enum status (*batch)(struct session *, struct input *, struct report *))
{
	struct input input CLEANUP(input_close) = { 0 };
	enum status status = input_open(&input, what, line_max);

	if (session->options.given & OPT_JSON)
		report->json = json_array();
	if (status == STATUS_DONE)
		status = input_next(&input);
	while (status == STATUS_DONE && input.count > 0) {
		status = batch(session, &input, report);
		if (status == STATUS_DONE)
			status = input_next(&input);
	}
	if (status != STATUS_DONE)
		return status;
	if (report->json)
		print_json(json_incref(report->json));
	return report->status;
}
