#include "ckr.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * PKCS#11 v3.0 section 5.1, sorted by how far a failure reaches. After FAILURE_CALLER nothing needs
 * to be done: the request was refused before anything changed. What is done about the others stands
 * in mend.c.
 */
#define CKR_CLASSES(X)                                                                             \
	X(CKR_OK, FAILURE_NONE)                                                                    \
	X(CKR_ACTION_PROHIBITED, FAILURE_CALLER)                                                   \
	X(CKR_AEAD_DECRYPT_FAILED, FAILURE_CALLER)                                                 \
	X(CKR_ATTRIBUTE_READ_ONLY, FAILURE_CALLER)                                                 \
	X(CKR_ATTRIBUTE_SENSITIVE, FAILURE_CALLER)                                                 \
	X(CKR_ATTRIBUTE_TYPE_INVALID, FAILURE_CALLER)                                              \
	X(CKR_ATTRIBUTE_VALUE_INVALID, FAILURE_CALLER)                                             \
	X(CKR_CURVE_NOT_SUPPORTED, FAILURE_CALLER)                                                 \
	X(CKR_DATA_INVALID, FAILURE_CALLER)                                                        \
	X(CKR_DATA_LEN_RANGE, FAILURE_CALLER)                                                      \
	X(CKR_DOMAIN_PARAMS_INVALID, FAILURE_CALLER)                                               \
	X(CKR_ENCRYPTED_DATA_INVALID, FAILURE_CALLER)                                              \
	X(CKR_ENCRYPTED_DATA_LEN_RANGE, FAILURE_CALLER)                                            \
	X(CKR_FUNCTION_NOT_SUPPORTED, FAILURE_CALLER)                                              \
	X(CKR_KEY_FUNCTION_NOT_PERMITTED, FAILURE_CALLER)                                          \
	X(CKR_KEY_SIZE_RANGE, FAILURE_CALLER)                                                      \
	X(CKR_KEY_TYPE_INCONSISTENT, FAILURE_CALLER)                                               \
	X(CKR_MECHANISM_INVALID, FAILURE_CALLER)                                                   \
	X(CKR_MECHANISM_PARAM_INVALID, FAILURE_CALLER)                                             \
	X(CKR_SIGNATURE_INVALID, FAILURE_CALLER)                                                   \
	X(CKR_SIGNATURE_LEN_RANGE, FAILURE_CALLER)                                                 \
	X(CKR_TEMPLATE_INCOMPLETE, FAILURE_CALLER)                                                 \
	X(CKR_TEMPLATE_INCONSISTENT, FAILURE_CALLER)                                               \
	X(CKR_TOKEN_WRITE_PROTECTED, FAILURE_CALLER)                                               \
	X(CKR_BUFFER_TOO_SMALL, FAILURE_SESSION)                                                   \
	X(CKR_OPERATION_ACTIVE, FAILURE_SESSION)                                                   \
	X(CKR_OPERATION_NOT_INITIALIZED, FAILURE_SESSION)                                          \
	X(CKR_SESSION_CLOSED, FAILURE_SESSION)                                                     \
	X(CKR_SESSION_HANDLE_INVALID, FAILURE_SESSION)                                             \
	X(CKR_SESSION_READ_ONLY, FAILURE_SESSION)                                                  \
	X(CKR_USER_NOT_LOGGED_IN, FAILURE_LOGIN)                                                   \
	X(CKR_KEY_HANDLE_INVALID, FAILURE_HANDLE)                                                  \
	X(CKR_OBJECT_HANDLE_INVALID, FAILURE_HANDLE)                                               \
	X(CKR_ARGUMENTS_BAD, FAILURE_MODULE)                                                       \
	X(CKR_CRYPTOKI_NOT_INITIALIZED, FAILURE_MODULE)                                            \
	X(CKR_DEVICE_ERROR, FAILURE_MODULE)                                                        \
	X(CKR_DEVICE_REMOVED, FAILURE_MODULE)                                                      \
	X(CKR_FUNCTION_FAILED, FAILURE_MODULE)                                                     \
	X(CKR_GENERAL_ERROR, FAILURE_MODULE)                                                       \
	X(CKR_SLOT_ID_INVALID, FAILURE_MODULE)                                                     \
	X(CKR_TOKEN_NOT_PRESENT, FAILURE_MODULE)                                                   \
	X(CKR_TOKEN_NOT_RECOGNIZED, FAILURE_MODULE)                                                \
	X(CKR_PIN_EXPIRED, FAILURE_PIN)                                                            \
	X(CKR_PIN_INCORRECT, FAILURE_PIN)                                                          \
	X(CKR_PIN_INVALID, FAILURE_PIN)                                                            \
	X(CKR_PIN_LEN_RANGE, FAILURE_PIN)                                                          \
	X(CKR_PIN_LOCKED, FAILURE_PIN)                                                             \
	X(CKR_PIN_TOO_WEAK, FAILURE_PIN)                                                           \
	X(CKR_USER_PIN_NOT_INITIALIZED, FAILURE_PIN)                                               \
	X(CKR_DEVICE_MEMORY, FAILURE_CAPACITY)                                                     \
	X(CKR_HOST_MEMORY, FAILURE_CAPACITY)                                                       \
	X(CKR_SESSION_COUNT, FAILURE_CAPACITY)                                                     \
	X(CKR_USER_TYPE_INVALID, FAILURE_SETUP)

enum failure_class ckr_class(CK_RV rv)
{
#define CASE(name, class)                                                                          \
	case name:                                                                                 \
		return class;
	switch (rv) {
		CKR_CLASSES(CASE)
	}
#undef CASE
	return FAILURE_MODULE;
}

const char *ckr_name(CK_RV rv)
{
#define CASE(name, class)                                                                          \
	case name:                                                                                 \
		return #name;
	switch (rv) {
		CKR_CLASSES(CASE)
	}
#undef CASE
	return "vendor or unknown CK_RV";
}

static enum pm_err err_of(enum failure_class class)
{
	switch (class) {
	case FAILURE_CALLER:
		return PM_BAD_REQUEST;
	case FAILURE_PIN:
		return PM_SEALED;
	case FAILURE_SETUP:
		return PM_CONFIG;
	default:
		return PM_HSM_UNAVAILABLE;
	}
}

__attribute__((format(printf, 2, 0))) static void say(struct failure *failure, const char *fmt,
						      va_list args)
{
	if (vsnprintf(failure->detail, sizeof(failure->detail), fmt, args) < 0)
		failure->detail[0] = '\0';
}

enum pm_err failure_set(struct failure *failure, enum failure_class class, const char *fmt, ...)
{
	va_list args;

	failure->class = class;
	failure->rv = CKR_OK;
	va_start(args, fmt);
	say(failure, fmt, args);
	va_end(args);
	return err_of(class);
}

enum pm_err failure_ck(struct failure *failure, CK_RV rv, const char *fmt, ...)
{
	va_list args;

	failure->class = ckr_class(rv);
	failure->rv = rv;
	va_start(args, fmt);
	say(failure, fmt, args);
	va_end(args);
	size_t used = strlen(failure->detail);
	snprintf(failure->detail + used, sizeof(failure->detail) - used, ": %s (0x%lx)",
		 ckr_name(rv), rv);
	return err_of(failure->class);
}
