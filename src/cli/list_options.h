/* What `key list` is told: states and an order, by their names. False after a complaint. */
#ifndef CLI_LIST_OPTIONS_H
#define CLI_LIST_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "peppermint/client.h"

#define KEY_STATES 6

/* Names parted by commas; NULL is none, which stands for all. */
bool list_states(const char *text, enum peppermint_key_state states[KEY_STATES], size_t *count);
bool list_sort(const char *text, enum peppermint_key_sort *sort);

#endif
