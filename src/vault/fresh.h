/*
 * A fresh secret for a key, and what becomes of its text: handed over in clear or sealed to its
 * recipient, and kept, encrypted, if it is to be recoverable. Any thread.
 */
#ifndef VAULT_FRESH_H
#define VAULT_FRESH_H

#include "domain.h"

struct fresh_terms {
	bool recoverable;
	const char *recipient; /* PEM; NULL or "": none */
};

/*
 * What must hold before there is a secret. PM_DENIED, PM_BAD_REQUEST, with actor->why.
 */
enum pm_err fresh_check(const struct environment *env, struct actor *actor,
			const struct fresh_terms *terms) NODISCARD;

/* A change for the commit of the key itself. Points into itself: it may not move. */
struct fresh_value {
	struct value_record record;
	struct store_change change; /* puts that, or deletes what there was */
};

/*
 * Gives `record` a secret of the next version, and the text, or what it was sealed to, to `secret`,
 * which is empty but for the merchant. On failure nothing is left in it.
 */
enum pm_err fresh_secret(struct environment *env, struct key_record *record,
			 const struct fresh_terms *terms, struct key_secret *secret,
			 struct fresh_value *value, int64_t deadline) NODISCARD;

/* Seals secret->text to the recipient, if there is one, and wipes it then. */
enum pm_err fresh_hand_over(const char *recipient, struct key_secret *secret) NODISCARD;

/* The change that deletes what is kept of a key. `value` gets the record that it points to. */
void fresh_forget(const struct key_record *record, struct fresh_value *value);

#endif
