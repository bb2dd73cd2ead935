#include "vault_fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apikey.h"
#include "base/clock.h"
#include "fault.h"

static void open_all(struct fixture *f)
{
	const struct store_config config = {
		.dir = f->dir, .queue = 64, .batch = 64, .readers = 4, .keep_executed_days = 7
	};
	const struct vault_environment environments[] = {
		{ .name = "test", .prefix = "ak_test_", .hsm = f->hsm[TEST_ENV] },
		{ .name = "live", .prefix = "ak_live_", .hsm = f->hsm[LIVE_ENV] },
	};

	assert_int_equal(store_open(&config, &f->store), PM_OK);
	assert_int_equal(vault_open(f->store, environments, ENVS, &f->vault), PM_OK);
}

static void close_all(struct fixture *f)
{
	vault_close(f->vault);
	store_close(f->store);
}

int fixture_setup_unattached(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fault_disarm();
	tmpdir_make(f->dir);
	f->hsm[TEST_ENV] = fake_hsm_new("1111");
	f->hsm[LIVE_ENV] = fake_hsm_new("2222");
	open_all(f);
	*state = f;
	return 0;
}

int fixture_setup(void **state)
{
	fixture_setup_unattached(state);
	struct fixture *f = *state;
	assert_int_equal(vault_tend(f->vault), PM_OK);
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	fault_disarm();
	close_all(f);
	fake_hsm_free(f->hsm[TEST_ENV]);
	fake_hsm_free(f->hsm[LIVE_ENV]);
	tmpdir_remove(f->dir);
	free(f);
	return 0;
}

void fixture_reopen(struct fixture *f)
{
	close_all(f);
	open_all(f);
}

struct actor *fixture_actor(struct fixture *f)
{
	static unsigned int counter;

	snprintf(f->request_id, sizeof(f->request_id), "request-%u", ++counter);
	f->actor = (struct actor){
		.uid = 1000,
		.caller = "unit",
		.operator_name = "alice",
		.request_id = f->request_id,
		.rpc = 17,
		.deadline = deadline_in_ms(60000),
	};
	return &f->actor;
}

void fixture_mint(struct fixture *f, struct key_info *info, struct key_text *text)
{
	const struct mint_params params = {
		.environment = "live", .account = "acme", .product = "pay", .name = "till"
	};

	assert_int_equal(vault_mint(f->vault, fixture_actor(f), &params, info, text), PM_OK);
}

struct verdict fixture_verify(struct fixture *f, const char *environment, const char *text)
{
	const struct bytes bytes = bytes_str(text);
	struct verdict verdict;

	assert_int_equal(vault_verify(f->vault, fixture_actor(f), environment, &bytes, 1, &verdict),
			 PM_OK);
	return verdict;
}

void fixture_craft(struct key_text *text, const char *id)
{
	struct apikey key = { 0 };

	snprintf(key.id, sizeof(key.id), "%s", id);
	assert_int_equal(apikey_new_secret(key.secret), PM_OK);
	apikey_format(&key, "ak_live_", text);
}

void fixture_sql(struct fixture *f, const char *sql)
{
	char path[128];
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "%s/peppermint.db", f->dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_true(sqlite3_changes(db) > 0);
	sqlite3_close(db);
}
