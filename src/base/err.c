#include "base/err.h"

#define ERROR_NAME(name, number, text)                                                             \
	case PM_##name:                                                                            \
		return #name;
#define ERROR_TEXT(name, number, text)                                                             \
	case PM_##name:                                                                            \
		return text;
#define REASON_NAME(name, number, text)                                                            \
	case PM_REASON_##name:                                                                     \
		return #name;
#define REASON_TEXT(name, number, text)                                                            \
	case PM_REASON_##name:                                                                     \
		return text;

const char *peppermint_error_name(enum pm_err err)
{
	switch (err) {
		PEPPERMINT_ERRORS(ERROR_NAME)
	}
	return "UNKNOWN";
}

const char *peppermint_error_text(enum pm_err err)
{
	switch (err) {
		PEPPERMINT_ERRORS(ERROR_TEXT)
	}
	return "an error that this program does not know; it may be older than the vault";
}

const char *peppermint_reason_name(enum pm_reason reason)
{
	switch (reason) {
		PEPPERMINT_REASONS(REASON_NAME)
	}
	return "UNKNOWN";
}

const char *peppermint_reason_text(enum pm_reason reason)
{
	switch (reason) {
		PEPPERMINT_REASONS(REASON_TEXT)
	}
	return "a reason that this program does not know; it may be older than the vault";
}
