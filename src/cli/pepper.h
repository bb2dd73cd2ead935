/* The states of a key in a token, by name. */
#ifndef CLI_PEPPER_H
#define CLI_PEPPER_H

#include "peppermint/client.h"

const char *pepper_state_name(enum peppermint_pepper_state state);

#endif
