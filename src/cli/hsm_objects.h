/* Every object in a token, as it reads back: a worker's part of hsm inventory. */
#ifndef CLI_HSM_OBJECTS_H
#define CLI_HSM_OBJECTS_H

#include "hsm_token.h"

/*
 * A job of token_work. Rows are {"object": …} for each object, and {"mechanism": …} for each
 * mechanism that keys of a vault may need.
 */
enum status objects_read(struct worker *worker, void *arg, const struct pins *pins);

#endif
