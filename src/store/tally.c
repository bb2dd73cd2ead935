#include "tally.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "db.h"

/* What a key is counted under. */
struct place {
	const char *environment, *account, *product;
	uint32_t state, lookup_version;
	uint32_t keys; /* how many of them */
};

enum pm_err tally_prepare(sqlite3 *db, struct tally *out)
{
	TRY(db_prepare(db,
		       "INSERT INTO key_count (environment, kind, account, product, number, count)"
		       " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
		       " ON CONFLICT DO UPDATE SET count = count + ?6",
		       &out->add));
	TRY(db_prepare(
		db,
		"UPDATE key_count SET count = count - ?6 WHERE environment = ?1 AND kind = ?2"
		" AND account = ?3 AND product = ?4 AND number = ?5 AND count >= ?6",
		&out->remove));
	return db_prepare(db,
			  "SELECT account, product, state, lookup_version FROM api_key"
			  " WHERE environment = ?1 AND id = ?2",
			  &out->find);
}

void tally_finalize(struct tally *tally)
{
	sqlite3_finalize(tally->add);
	sqlite3_finalize(tally->remove);
	sqlite3_finalize(tally->find);
}

static enum pm_err count_one(sqlite3_stmt *stmt, const struct place *place, enum tally_kind kind)
{
	bool lookup = kind == TALLY_LOOKUP;

	stmt_bind_text(stmt, 1, place->environment);
	sqlite3_bind_int(stmt, 2, (int)kind);
	stmt_bind_text(stmt, 3, kind == TALLY_ACCOUNT ? place->account : "");
	stmt_bind_text(stmt, 4, lookup ? "" : place->product);
	sqlite3_bind_int64(stmt, 5, lookup ? place->lookup_version : place->state);
	sqlite3_bind_int64(stmt, 6, place->keys);
	return db_run(stmt, "counting keys");
}

static enum pm_err count(sqlite3_stmt *shared, const struct place *place)
{
	sqlite3_stmt *stmt CLEANUP(stmt_resetp) = shared;

	TRY(count_one(stmt, place, TALLY_ACCOUNT));
	TRY(count_one(stmt, place, TALLY_ENVIRONMENT));
	return place->lookup_version == 0 ? PM_OK : count_one(stmt, place, TALLY_LOOKUP);
}

static struct place place_of(const struct key_record *key, uint32_t keys)
{
	uint32_t enabled = key->disabled_at != 0 ? TALLY_DISABLED : TALLY_ENABLED;

	return (struct place){
		.environment = key->environment,
		.account = key->account,
		.product = key->product,
		.state = key->revoked_at != 0 ? TALLY_REVOKED : enabled,
		.lookup_version = key->lookup_version,
		.keys = keys,
	};
}

enum pm_err tally_insert(struct tally *tally, const struct key_record *key, uint32_t keys)
{
	struct place place = place_of(key, keys);

	return count(tally->add, &place);
}

static bool same_place(const struct place *a, const struct place *b)
{
	return a->state == b->state && a->lookup_version == b->lookup_version &&
	       strcmp(a->environment, b->environment) == 0 && strcmp(a->account, b->account) == 0 &&
	       strcmp(a->product, b->product) == 0;
}

bool tally_is_same(const struct key_record *a, const struct key_record *b)
{
	struct place place_a = place_of(a, 1), place_b = place_of(b, 1);

	return same_place(&place_a, &place_b);
}

/* NULL in a row that was edited counts as nothing. */
static const char *text_at(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "";
}

/* A key that is not there is for the update to find. */
enum pm_err tally_update(struct tally *tally, const struct key_record *key)
{
	sqlite3_stmt *find CLEANUP(stmt_resetp) = tally->find;
	struct place after = place_of(key, 1);

	stmt_bind_text(find, 1, key->environment);
	stmt_bind_text(find, 2, key->id);
	int rc = sqlite3_step(find);
	if (rc == SQLITE_DONE)
		return PM_OK;
	if (rc != SQLITE_ROW)
		return db_failed(sqlite3_db_handle(find), rc, "reading a key to be changed");
	struct place before = {
		.environment = key->environment,
		.account = text_at(find, 0),
		.product = text_at(find, 1),
		.state = (uint32_t)sqlite3_column_int64(find, 2),
		.lookup_version = (uint32_t)sqlite3_column_int64(find, 3),
		.keys = 1,
	};
	if (same_place(&before, &after))
		return PM_OK;
	TRY(count(tally->remove, &before));
	return count(tally->add, &after);
}
