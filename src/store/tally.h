/*
 * How many keys there are: per account, and per environment, by product and state, and of imported
 * ones by the version of their lookup. The writer keeps the counts in the transaction that changes
 * the keys, so they are exact.
 */
#ifndef STORE_TALLY_H
#define STORE_TALLY_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

/* What key_count.kind tells apart; `number` is an enum tally_state, of lookups their version. */
enum tally_kind { TALLY_ACCOUNT, TALLY_ENVIRONMENT, TALLY_LOOKUP };

/* api_key.state: what of a key's state does not depend on the time. */
enum tally_state { TALLY_ENABLED, TALLY_DISABLED, TALLY_REVOKED, TALLY_STATES };

struct tally {
	sqlite3_stmt *add, *remove, *find;
};

enum pm_err tally_prepare(sqlite3 *db, struct tally *out) NODISCARD;
void tally_finalize(struct tally *tally);

/* `count` keys were inserted that are counted where this one is. */
enum pm_err tally_insert(struct tally *tally, const struct key_record *key,
			 uint32_t count) NODISCARD;
bool tally_is_same(const struct key_record *a, const struct key_record *b);

/* A key is about to be updated to `key`. */
enum pm_err tally_update(struct tally *tally, const struct key_record *key) NODISCARD;

#endif
