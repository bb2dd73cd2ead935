/* A store in a directory of its own, and records to put into it. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/store.h"
#include "tmpdir.h"

struct fixture {
	char dir[TMPDIR_MAX];
	struct store_config config;
	struct store *store;
};

int fixture_setup(void **state);          /* with an open store */
int fixture_setup_unopened(void **state); /* only the directory */
int fixture_teardown(void **state);

void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);
void fixture_reopen(struct fixture *f);

/* Far enough away that no test depends on it. */
int64_t later(void);

/* Names differ by number; everything else is plain. */
struct key_record make_key(unsigned number);
struct executed_record make_executed(unsigned number);
struct master_record make_master(uint32_t version);
struct uses_record make_uses(uint32_t version, uint64_t uses, int64_t last_at);
struct environment_record make_environment(const char *name);

struct store_change insert_key(const struct key_record *key);
struct store_change update_key(const struct key_record *key);
struct store_change add_uses(const struct uses_record *uses);
struct store_change insert_executed(const struct executed_record *executed);

enum pm_err commit_one(struct fixture *f, struct store_change change);
enum pm_err commit_key(struct fixture *f, unsigned number); /* key and executed record */
enum pm_err get_key(struct fixture *f, unsigned number, struct key_record *out);
enum pm_err get_executed(struct fixture *f, unsigned number, struct executed_record *out);

/* Field by field: padding may differ. */
void assert_same_key(const struct key_record *have, const struct key_record *want);
void assert_same_master(const struct master_record *have, const struct master_record *want);
void assert_same_environment(const struct environment_record *have,
			     const struct environment_record *want);
void assert_same_executed(const struct executed_record *have, const struct executed_record *want);

/* The database file itself, without the store. */
sqlite3 *raw_open(const char *dir);
void raw_exec(sqlite3 *db, const char *sql);
void raw_edit(struct fixture *f, const char *sql); /* CHECK constraints aside */
void assert_integrity(const char *dir);
/* The database and its WAL as they are now, as a crash would leave them. */
void copy_as_crashed(const char *from, const char *to);

#endif
