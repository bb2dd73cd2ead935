/*
 * A countdown that makes the n-th call of a seam fail. Seams ask fault_now(); a sweep arms n = 0,
 * 1, 2 … until nothing fired any more, so every call has failed once.
 */
#ifndef SUPPORT_FAULT_H
#define SUPPORT_FAULT_H

#include <stdbool.h>

void fault_arm(int nth); /* the call after `nth` others fails, once */
void fault_disarm(void);
bool fault_fired(void); /* since it was armed */

/* For seams: does this call fail? */
bool fault_now(void);

#endif
