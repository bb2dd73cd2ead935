/*
 * A PIN in the kernel's memory: a pipe that holds it and has no writer any more. Signers look into
 * it with tee(2), which takes nothing out, so it serves every start; it is gone when its last
 * descriptor is closed.
 */
#ifndef HSM_PIN_H
#define HSM_PIN_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/err.h"

#define PIN_MAX 255 /* bytes; the shortest is one */

bool pin_has_length(struct bytes pin);

/* `*fd` is the caller's to close. PM_BAD_REQUEST: no PIN has that length. */
enum pm_err pin_pipe(struct bytes pin, int *fd) NODISCARD;

#endif
