/* A key's text, as it is handed out: once, and in the form that was asked for. */
#ifndef CLI_NEW_KEY_H
#define CLI_NEW_KEY_H

#include "command.h"

enum new_key_form {
	NEW_KEY_TEXT,   /* for people */
	NEW_KEY_RECORD, /* --json: the whole record as well */
	NEW_KEY_JSON,   /* --format json: the five values that programs need */
	NEW_KEY_ENV,    /* for sh's `.` */
	NEW_KEY_HEADER, /* the Authorization header's line */
	NEW_KEY_QUIET,  /* the text and nothing else */
};

struct new_key {
	enum new_key_form form;
	bool basic; /* instead of Bearer */
	struct peppermint_delivery delivery;
	struct peppermint_secret secret;
	char key_id[PEPPERMINT_KEY_ID_LEN + 1];
	char external_reference[PEPPERMINT_REFERENCE_MAX + 1];
};

/*
 * Reads the options and the recipient's key, before anything is asked of the vault: a text that could
 * not be shown would be lost. NULL after a complaint. It is a secret: locked, and wiped at the end.
 */
struct new_key *new_key_prepare(const struct options *options);
void new_key_freep(struct new_key **made); /* for CLEANUP */

/* Whose it is. */
void new_key_name(struct new_key *made, const char *key_id, const char *external_reference);

/*
 * Prints it in its form. NEW_KEY_RECORD: within an object that has `record` (taken, and only then
 * made) under `name`. NEW_KEY_TEXT: the record's facts are to follow.
 */
void new_key_print(const struct new_key *made, const char *name, json_t *record);

#endif
