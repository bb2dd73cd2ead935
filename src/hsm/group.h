/*
 * An environment's tokens, one or two, each with a signer of its own, and which of them is the
 * active one. hsm.h's handles are made here: one that means the active token, and one for each.
 */
#ifndef HSM_GROUP_H
#define HSM_GROUP_H

#include "calls.h"

/* Where a call of this handle is to go now. It stays valid, whatever falls. */
struct calls *group_calls(struct hsm *hsm);

#endif
