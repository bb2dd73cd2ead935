#include "vault_fixture.h"

#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apikey.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "fault.h"

static void open_all(struct fixture *f)
{
	const struct store_config config = {
		.dir = f->dir, .queue = 64, .batch = 64, .readers = 4, .keep_executed_days = 7
	};
	const struct vault_environment environments[] = {
		{ .name = "test",
		  .prefix = "ak_test_",
		  .hsm = f->hsm[TEST_ENV],
		  .policy = f->policy[TEST_ENV] },
		{ .name = "live",
		  .prefix = "ak_live_",
		  .hsm = f->hsm[LIVE_ENV],
		  .policy = f->policy[LIVE_ENV] },
	};

	assert_int_equal(store_open(&config, &f->store), PM_OK);
	assert_int_equal(vault_open(f->store, environments, ENVS, &f->audit, &f->vault), PM_OK);
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
	snprintf(f->anchor, sizeof(f->anchor), "%s/anchor", f->dir);
	f->audit = (struct vault_audit_config){
		.origin = "vault.example/audit",
		.anchor = f->anchor,
		.program = "unit",
		.policy = "policy-1",
		.refusals = 60,
	};
	for (int i = 0; i < ENVS; i++)
		f->policy[i] = (struct vault_policy){ .any_account = true, .no_step_up = true };
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
		.environments = UINT32_MAX,
		.deadline = deadline_in_ms(60000),
	};
	return &f->actor;
}

enum pm_err fixture_mint_text(struct vault *vault, struct actor *actor,
			      const struct mint_params *params, struct key_info *info,
			      struct key_text *text)
{
	struct key_secret secret CLEANUP(key_secret_wipe) = { .sealed = "" };

	enum pm_err err = vault_mint(vault, actor, params, info, &secret);
	*text = secret.text;
	return err;
}

enum pm_err fixture_rotate_text(struct vault *vault, struct actor *actor,
				const struct rotate_params *params, struct key_info *info,
				struct key_text *text)
{
	struct key_secret secret CLEANUP(key_secret_wipe) = { .sealed = "" };

	enum pm_err err = vault_rotate(vault, actor, params, info, &secret);
	*text = secret.text;
	return err;
}

enum pm_err fixture_verify_texts(struct vault *vault, struct actor *actor, const char *environment,
				 const struct bytes *texts, size_t count, struct verdict *verdicts)
{
	struct presented *presented CLEANUP(free_ptr) = calloc(count + 1, sizeof(*presented));

	for (size_t i = 0; i < count; i++)
		presented[i].key = texts[i];
	return vault_verify(vault, actor, environment, presented, count, verdicts, NULL);
}

void fixture_mint(struct fixture *f, struct key_info *info, struct key_text *text)
{
	const struct mint_params params = {
		.environment = "live", .account = "acme", .product = "pay", .name = "till"
	};

	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, info, text), PM_OK);
}

struct verdict fixture_verify(struct fixture *f, const char *environment, const char *text)
{
	const struct presented presented = { .key = bytes_str(text) };
	struct verdict verdict;

	assert_int_equal(vault_verify(f->vault, fixture_actor(f), environment, &presented, 1,
				      &verdict, NULL),
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

void fixture_until_admitted(struct fixture *f)
{
	int64_t until = deadline_in_ms(10000);

	while (audit_admit(f->vault->audit) != PM_OK && clock_now() < until)
		sched_yield();
	assert_int_equal(audit_admit(f->vault->audit), PM_OK);
}

static void flush(struct fixture *f)
{
	assert_int_equal(audit_flush(f->vault->audit, true, deadline_in_ms(60000)), PM_OK);
}

struct reading {
	json_t *entries;
	const char *type;
	uint64_t next;
};

static bool add_entry(void *arg, uint64_t index, struct bytes text, const struct tlog_hash *leaf)
{
	struct reading *reading = arg;
	json_error_t error;
	json_t *entry =
		json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);

	(void)leaf;
	assert_int_equal(index, reading->next++);
	assert_non_null(entry);
	assert_int_equal(entry_number(entry, "v"), 1);
	assert_int_equal(entry_number(entry, "seq"), index);
	if (!reading->type[0] || strcmp(entry_text(entry, "type"), reading->type) == 0)
		json_array_append(reading->entries, entry);
	json_decref(entry);
	return true;
}

json_t *fixture_entries(struct fixture *f, const char *type)
{
	struct reading reading = { .entries = json_array(), .type = type };
	struct log_record newest;

	flush(f);
	assert_int_equal(store_get_log(f->store, 0, &newest), PM_OK);
	for (uint32_t log = 1; log <= newest.log; log++) {
		reading.next = 0;
		assert_int_equal(store_read_leaves(f->store, log, 0, SIZE_MAX, add_entry, &reading),
				 PM_OK);
	}
	return reading.entries;
}

size_t fixture_count_entries(struct fixture *f, const char *type)
{
	json_t *entries = fixture_entries(f, type);
	size_t count = json_array_size(entries);

	json_decref(entries);
	return count;
}

json_t *fixture_newest_entry(struct fixture *f, const char *type)
{
	json_t *entries = fixture_entries(f, type);
	size_t count = json_array_size(entries);

	assert_true(count > 0);
	json_t *newest = json_incref(json_array_get(entries, count - 1));
	json_decref(entries);
	return newest;
}

bool fixture_log_has(struct fixture *f, const char *text)
{
	json_t *entries = fixture_entries(f, "");
	char *all = json_dumps(entries, 0);
	bool has = strstr(all, text) != NULL;

	free(all);
	json_decref(entries);
	return has;
}

const char *entry_text(const json_t *entry, const char *field)
{
	const char *text = json_string_value(json_object_get(entry, field));

	if (!text)
		fail_msg("an entry without a text %s", field);
	return text;
}

int64_t entry_number(const json_t *entry, const char *field)
{
	const json_t *number = json_object_get(entry, field);

	if (!json_is_integer(number))
		fail_msg("an entry without a number %s", field);
	return json_integer_value(number);
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
