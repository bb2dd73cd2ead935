#include "outcome.h"

#include <stdarg.h>
#include <stdio.h>

enum pm_err outcome(struct peppermint_call *call, enum pm_err err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(call->message, sizeof(call->message), fmt, args);
	va_end(args);
	return err;
}
