#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

int fixture_setup_unopened(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	tmpdir_make(f->dir);
	f->config = (struct store_config){
		.dir = f->dir,
		.queue = 64,
		.batch = 64,
		.readers = 2,
		.keep_executed_days = 7,
	};
	*state = f;
	return 0;
}

int fixture_setup(void **state)
{
	fixture_setup_unopened(state);
	fixture_open(*state);
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	store_close(f->store);
	tmpdir_remove(f->dir);
	free(f);
	return 0;
}

void fixture_open(struct fixture *f)
{
	assert_int_equal(store_open(&f->config, &f->store), PM_OK);
}

void fixture_close(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

void fixture_reopen(struct fixture *f)
{
	fixture_close(f);
	fixture_open(f);
}

int64_t later(void)
{
	return deadline_in_ms(600000);
}

struct key_record make_key(unsigned number)
{
	struct key_record key = {
		.environment = "live",
		.account = "acme",
		.product = "payments",
		.name = "a key",
		.created_by = "portal/alice",
		.tail = "xyz",
		.created_at = 1700000000,
		.secrets[SECRET_CURRENT] = { .version = 1, .pepper_version = 1 },
		.revision = 1,
		.seal = { .version = 1 },
	};

	snprintf(key.id, sizeof(key.id), "%016u", number);
	memset(key.secrets[SECRET_CURRENT].mac, (int)(number % 251) + 1, STORE_MAC_LEN);
	memset(key.seal.mac, (int)(number % 241) + 1, STORE_MAC_LEN);
	return key;
}

struct executed_record make_executed(unsigned number)
{
	struct executed_record executed = {
		.environment = "live",
		.uid = 1000,
		.rpc = 12,
		.at = clock_unix(),
		.seal = { .version = 1 },
	};

	snprintf(executed.request_id, sizeof(executed.request_id), "request-%u", number);
	snprintf(executed.subject, sizeof(executed.subject), "%016u", number);
	return executed;
}

struct master_record make_master(uint32_t version)
{
	return (struct master_record){
		.environment = "live",
		.purpose = "pepper",
		.name = "api-keys",
		.version = version,
		.state = MASTER_ACTIVE,
		.key_id = { 1, 2, 3 },
		.check = { 4, 5, 6 },
		.created_at = 1700000000,
		.changed_at = 1700000001,
		.revision = 1,
		.seal = { .version = 1, .mac = { 7, 8, 9 } },
	};
}

struct uses_record make_uses(uint32_t version, uint64_t uses, int64_t last_at)
{
	return (struct uses_record){
		.environment = "live",
		.purpose = "pepper",
		.name = "api-keys",
		.version = version,
		.uses = uses,
		.last_at = last_at,
	};
}

struct environment_record make_environment(const char *name)
{
	struct environment_record environment = {
		.token_serial = "0123456789abcdef",
		.created_at = 1700000000,
		.revision = 1,
		.seal = { .version = 1, .mac = { 1 } },
	};

	snprintf(environment.name, sizeof(environment.name), "%s", name);
	return environment;
}

struct store_change insert_key(const struct key_record *key)
{
	return (struct store_change){ .op = STORE_INSERT_KEY, .key = key };
}

struct store_change update_key(const struct key_record *key)
{
	return (struct store_change){ .op = STORE_UPDATE_KEY, .key = key };
}

struct store_change insert_executed(const struct executed_record *executed)
{
	return (struct store_change){ .op = STORE_INSERT_EXECUTED, .executed = executed };
}

struct store_change add_uses(const struct uses_record *uses)
{
	return (struct store_change){ .op = STORE_ADD_USES, .uses = uses };
}

enum pm_err commit_one(struct fixture *f, struct store_change change)
{
	return store_commit(f->store, &change, 1, later());
}

enum pm_err commit_key(struct fixture *f, unsigned number)
{
	struct key_record key = make_key(number);
	struct executed_record executed = make_executed(number);
	struct store_change changes[] = { insert_executed(&executed), insert_key(&key) };

	return store_commit(f->store, changes, 2, later());
}

enum pm_err get_key(struct fixture *f, unsigned number, struct key_record *out)
{
	return store_get_key(f->store, "live", make_key(number).id, out);
}

enum pm_err get_executed(struct fixture *f, unsigned number, struct executed_record *out)
{
	return store_get_executed(f->store, 1000, make_executed(number).request_id, out);
}

#define SAME(field) assert_memory_equal(&have->field, &want->field, sizeof(want->field))

void assert_same_key(const struct key_record *have, const struct key_record *want)
{
	SAME(environment);
	SAME(id);
	SAME(account);
	SAME(product);
	SAME(name);
	SAME(created_by);
	SAME(tail);
	SAME(created_at);
	SAME(expires_at);
	SAME(rotated_at);
	SAME(revoked_at);
	for (size_t i = 0; i < SECRETS_PER_KEY; i++) {
		SAME(secrets[i].version);
		SAME(secrets[i].form);
		SAME(secrets[i].pepper_version);
		SAME(secrets[i].wraps);
		SAME(secrets[i].wrap_count);
		SAME(secrets[i].not_after);
		SAME(secrets[i].mac);
	}
	SAME(external_ref);
	SAME(scopes);
	SAME(labels);
	SAME(networks);
	SAME(not_before);
	SAME(disabled_at);
	SAME(first_use);
	SAME(first_use_overlap);
	SAME(last_version);
	SAME(registered);
	SAME(lookup_version);
	SAME(lookup);
	SAME(import_key);
	SAME(revision);
	SAME(seal.version);
	SAME(seal.mac);
}

void assert_same_master(const struct master_record *have, const struct master_record *want)
{
	SAME(environment);
	SAME(purpose);
	SAME(name);
	SAME(version);
	SAME(state);
	SAME(key_id);
	SAME(check);
	SAME(created_at);
	SAME(changed_at);
	SAME(prior);
	SAME(ends_at);
	SAME(destroy_at);
	SAME(activated_at);
	SAME(rewrap);
	SAME(revision);
	SAME(seal.version);
	SAME(seal.mac);
}

void assert_same_environment(const struct environment_record *have,
			     const struct environment_record *want)
{
	SAME(name);
	SAME(token_serial);
	SAME(standby_serial);
	SAME(created_at);
	SAME(revision);
	SAME(seal.version);
	SAME(seal.mac);
}

void assert_same_executed(const struct executed_record *have, const struct executed_record *want)
{
	SAME(environment);
	SAME(uid);
	SAME(request_id);
	SAME(rpc);
	SAME(subject);
	SAME(at);
	SAME(seal.version);
	SAME(seal.mac);
}

sqlite3 *raw_open(const char *dir)
{
	char path[TMPDIR_MAX + 32];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/peppermint.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	return db;
}

void raw_exec(sqlite3 *db, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

void raw_edit(struct fixture *f, const char *sql)
{
	sqlite3 *db = raw_open(f->dir);

	raw_exec(db, "PRAGMA ignore_check_constraints = ON");
	raw_exec(db, sql);
	assert_int_not_equal(sqlite3_changes(db), 0);
	sqlite3_close(db);
}

void assert_integrity(const char *dir)
{
	sqlite3 *db = raw_open(dir);
	sqlite3_stmt *stmt = NULL;

	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

void copy_as_crashed(const char *from, const char *to)
{
	static const char *const names[] = { "peppermint.db", "peppermint.db-wal" };
	static char data[8 << 20];

	for (size_t i = 0; i < 2; i++) {
		char path[TMPDIR_MAX + 32];
		snprintf(path, sizeof(path), "%s/%s", from, names[i]);
		FILE *in = fopen(path, "re");
		if (!in && i == 1)
			return; /* all of it had been moved into the database */
		assert_non_null(in);
		size_t len = fread(data, 1, sizeof(data), in);
		assert_true(len < sizeof(data));
		fclose(in);
		snprintf(path, sizeof(path), "%s/%s", to, names[i]);
		FILE *out = fopen(path, "we");
		assert_non_null(out);
		assert_int_equal(fwrite(data, 1, len, out), len);
		fclose(out);
	}
}
