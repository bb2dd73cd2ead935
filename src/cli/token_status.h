/* The tokens of an environment, from the vault's status. */
#ifndef CLI_TOKEN_STATUS_H
#define CLI_TOKEN_STATUS_H

#include <jansson.h>

#include "peppermint/client.h"

const char *token_state_name(enum peppermint_token_state state);
/* Each token, with what the environment says of the active one. */
json_t *tokens_json(const struct peppermint_environment *environment);
/* Below a table: what a person can do about a seal or a warning, if there is one. */
void print_remedies(const struct peppermint_environment *environment);

#endif
