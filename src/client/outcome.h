/*
 * Where a call's failure gets its text: the library writes to no log, so what is wrong and what to
 * do next travels in the caller's struct peppermint_call.
 */
#ifndef CLIENT_OUTCOME_H
#define CLIENT_OUTCOME_H

#include "base/err.h"
#include "peppermint/client.h"

/* Sets the call's message and returns `err`. */
__attribute__((format(printf, 3, 4))) enum pm_err outcome(struct peppermint_call *call,
							  enum pm_err err, const char *fmt, ...);

#endif
