/*
 * Runs the probe (probe.c) over a throw-away token with rules for the faulty module. What should not
 * fail fails the running test.
 */
#ifndef PROBING_H
#define PROBING_H

#include <sys/types.h>

#include "module_faults.h"
#include "soft_token.h"

struct probing {
	struct soft_token token;
	struct module_faults faults;
	char said[8192]; /* by the last probe that ended */
};

void probing_make(struct probing *probing);
void probing_remove(struct probing *probing);

/* `words` end with a blank each, but rules=… with a bar. Returns an exit status or -signal. */
int probing_run(struct probing *probing, const char *words);

/* Counts and log start anew, the rules are these, the probe ends well and says just that. */
void probing_says(struct probing *probing, const char *rules, const char *words, const char *said);

/* One that may not end by itself. Its words are lost. */
pid_t probing_start(struct probing *probing, const char *words);

/* Whether the log has this "FUNCTION ANSWER". */
int probing_logged(const struct probing *probing, const char *call);

#endif
