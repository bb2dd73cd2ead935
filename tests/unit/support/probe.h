/* Of the probe's: a program that does to the module what its words say, and prints what it says. */
#ifndef PROBE_H
#define PROBE_H

#include <p11-kit/pkcs11.h>

/* Every function of the list once, with NULL for every argument. */
void probe_every_function(CK_FUNCTION_LIST *p11);

/* Several threads that use it at once; how many calls did not answer CKR_OK. */
unsigned probe_threads(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot);

#endif
