/* The names of pkcs11.h that rules may use, and that the log shows. */
#ifndef FAULTY_NAMES_H
#define FAULTY_NAMES_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "calls.h"

/* "C_Sign", or "any" for CALL_ANY. */
const char *call_name(enum call_id id);
bool call_of_name(const char *name, enum call_id *id);

/* Of a constant that begins with CKR_, CKA_, CKM_ or CKF_; or of a number, also 0x…. */
bool value_of_name(const char *name, unsigned long *value);

/* "CKR_OK"; NULL for a code that has no name in PKCS#11 v2.40. */
const char *ckr_name(CK_RV rv);

#endif
