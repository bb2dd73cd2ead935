/* What all key commands show of a key's record, and what they read of one from the options. */
#ifndef CLI_KEY_H
#define CLI_KEY_H

#include <jansson.h>

#include "command.h"

const char *key_state_name(enum peppermint_key_state state);
json_t *key_json(const struct peppermint_key *key);

/* As facts for people or as JSON. STATUS_DONE. */
enum status key_print(const struct session *session, const struct peppermint_key *key);
void key_print_facts(const struct peppermint_key *key);

/*
 * Whoever passes a whole key where its id belongs should hear so, and not send it further: false
 * after a complaint.
 */
bool is_key_id(const char *text);

/* The lists of a record, as the options give them. */
struct key_lists {
	char scopes[PEPPERMINT_SCOPES_MAX + 1];
	char networks[PEPPERMINT_NETWORKS_MAX + 1];
	struct peppermint_label labels[PEPPERMINT_LABELS_MAX];
	size_t label_count;
};

/* False after a complaint. One empty value is an empty list. */
bool key_lists_read(const struct options *options, struct key_lists *lists);

#endif
