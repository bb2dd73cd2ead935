/* Commands that look at each line of standard input and report on it: the loop and the report. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "command.h"
#include "input.h"

/* What has been found out so far. */
struct report {
	struct table table;
	json_t *json; /* NULL: print for people */
	enum status status;
};
void report_end(struct report *report); /* for CLEANUP */

/* The worst finding is the exit status: no verdict, then a refusal. */
void report_status(struct report *report, bool valid, enum pm_err error);

/*
 * Runs over all of standard input. `batch` adds each line of the input's batch to the report's JSON
 * if it has one, else prints it.
 */
enum status report_lines(struct session *session, const char *what, size_t line_max,
			 struct report *report,
			 enum status (*batch)(struct session *, struct input *, struct report *));

#endif
