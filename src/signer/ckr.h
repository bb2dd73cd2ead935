/*
 * Where a module's CK_RV becomes one of our failure classes, once. A failure says how far it
 * reaches, what the module said, and what to do about it; it travels to peppermintd, which logs it.
 */
#ifndef SIGNER_CKR_H
#define SIGNER_CKR_H

#include <p11-kit/pkcs11.h>

#include "base/err.h"

/* PKCS#11 v3.1 section 3.5; p11-kit 0.24's header has another number. */
#undef CKR_PIN_TOO_WEAK
#define CKR_PIN_TOO_WEAK 0x1b8UL

/* PKCS#11 v3.0; not in every pkcs11.h. */
#ifndef CKR_AEAD_DECRYPT_FAILED
#define CKR_AEAD_DECRYPT_FAILED 0x42UL
#endif

/* The numbers are those of signer.proto's FailureClass; serve.c does not build if they differ. */
enum failure_class {
	FAILURE_NONE,
	FAILURE_CALLER,
	FAILURE_SESSION,
	FAILURE_LOGIN,
	FAILURE_HANDLE,
	FAILURE_MODULE,
	FAILURE_PIN,
	FAILURE_CAPACITY,
	FAILURE_SETUP,
};

struct failure {
	enum failure_class class;
	CK_RV rv;
	char detail[256]; /* one line; never a secret */
};

/* How far it reaches. A code that is not in the list counts as the module's (FAILURE_MODULE). */
enum failure_class ckr_class(CK_RV rv);

/* "CKR_PIN_INCORRECT", or "vendor or unknown CK_RV". */
const char *ckr_name(CK_RV rv);

/* Fill in the failure and return the error that stands for its class, never PM_OK. */
__attribute__((format(printf, 3, 4))) enum pm_err failure_set(struct failure *failure,
							      enum failure_class class,
							      const char *fmt, ...) NODISCARD;

/* The class is the code's; its name and number are appended to the text. */
__attribute__((format(printf, 3, 4))) enum pm_err failure_ck(struct failure *failure, CK_RV rv,
							     const char *fmt, ...) NODISCARD;

#endif
