/* Which program this is, for the audit log: anybody can hold an installed one against it. */
#ifndef DAEMON_PROGRAM_H
#define DAEMON_PROGRAM_H

#include "base/err.h"

#define PROGRAM_TEXT_MAX 127

/* "peppermintd <version> <SHA-256 of the running program's file, in hex>". */
enum pm_err program_describe(const char *version, char out[PROGRAM_TEXT_MAX + 1]) NODISCARD;

#endif
