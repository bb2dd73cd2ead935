/*
 * Errors inside Peppermint: the public list (peppermint/error.h) and the one macro that hides a
 * return. A foreign failure is translated and logged where it enters; above that only pm_err goes.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "peppermint/error.h"

#define NODISCARD __attribute__((warn_unused_result))

/* Leave the function with the expression's error, if it has one. */
#define TRY(expr)                                                                                  \
	do {                                                                                       \
		enum pm_err try_err_ = (expr);                                                     \
		if (try_err_ != PM_OK)                                                             \
			return try_err_;                                                           \
	} while (0)

#endif
