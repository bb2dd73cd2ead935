/*
 * Operators' PINs: a few digits, so each try is counted and committed before it is computed. Whoever kills
 * the vault in the middle, or guesses from many sides at once, has had his try.
 *
 * What is stored is the HMAC under master key pin/operators, inside the token, of the stretched PIN
 * (stretch.h): without the token nobody can guess at all. Any thread.
 */
#ifndef VAULT_OPERATOR_PIN_H
#define VAULT_OPERATOR_PIN_H

#include "operator.h"

#define PIN_TRIES 3                  /* until the first lock, and from one lock to the next */
#define PIN_LOCK_SECONDS INT64_C(60) /* the first; each further one is twice as long */
#define PIN_LOCK_SECONDS_MAX INT64_C(86400)

/* What is kept of a new PIN. */
struct pin_image {
	uint32_t version;
	uint8_t salt[STORE_SALT_LEN];
	uint8_t mac[STORE_MAC_LEN];
};

/* PM_BAD_REQUEST: its length. PM_BUSY: no turn at it before the deadline. PM_KEY_PERIOD_OVER. */
enum pm_err operator_pin_make(struct vault *vault, struct environment *env, struct actor *actor,
			      const char *id, struct bytes pin, struct pin_image *out) NODISCARD;

/* Puts it into a record, with no failures and no lock; in memory only. */
void operator_pin_set(struct operator_record *record, const struct pin_image *image);

/*
 * The actor's PIN against its operator's. PM_PIN_WRONG, counted and told; PM_PIN_LOCKED: not tried. `out`
 * (may be NULL) is the record whose PIN it was.
 */
enum pm_err operator_pin_check(struct vault *vault, struct environment *env, struct actor *actor,
			       struct operator_record *out) NODISCARD;

#endif
