/* What all key commands show of a key's record. */
#ifndef CLI_KEY_H
#define CLI_KEY_H

#include <jansson.h>

#include "peppermint/client.h"

const char *key_state_name(enum peppermint_key_state state);
json_t *key_json(const struct peppermint_key *key);

/*
 * Whoever passes a whole key where its id belongs should hear so, and not send it further: false
 * after a complaint.
 */
bool is_key_id(const char *text);

#endif
