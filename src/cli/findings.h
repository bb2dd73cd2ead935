/* Commands that look at each line of standard input and report on it: the loop and the findings. */
#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

#include "command.h"
#include "input.h"

/* What has been found out so far. */
struct findings {
	struct table table;
	json_t *json; /* NULL: print for people */
	enum status status;
};
void findings_end(struct findings *findings); /* for CLEANUP */

/* The worst finding is the exit status: no verdict, then a refusal. */
void findings_status(struct findings *findings, bool valid, enum pm_err error);

/*
 * Runs over all of standard input. `batch` adds each line of the input's batch to the findings' JSON
 * if it has one, else prints it.
 */
enum status findings_lines(struct session *session, const char *what, size_t line_max,
			   struct findings *findings,
			   enum status (*batch)(struct session *, struct input *,
						struct findings *));

#endif
