/*
 * One key of another system, as a caller describes it, becomes a record. Nothing is looked up but its
 * account, and nothing computed but digests. One thread.
 */
#ifndef VAULT_IMPORT_ITEM_H
#define VAULT_IMPORT_ITEM_H

#include "domain.h"
#include "imported.h"

/* Of the account that was looked up last: keys come sorted by their accounts. */
struct import_account {
	char id[VAULT_ACCOUNT_MAX + 1]; /* "": none yet */
	enum pm_err err;
	bool registered;
};

/*
 * The record but for what the token computes: lookup, MAC and seal. `why` is set with what is wrong with
 * the item; a failure without one is no fault of its own.
 */
enum pm_err import_describe(const struct vault *vault, struct environment *env,
			    const struct actor *actor, const struct import_item *item,
			    struct import_account *account, struct key_record *record,
			    const char **why) NODISCARD;

/* What is known of its text, as the lookup covers it: for a text its SHA-256, which `room` gets. */
struct bytes import_looked_up(const struct import_item *item, uint8_t room[32]);

#endif
