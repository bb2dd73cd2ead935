/*
 * Whichever call to the HSM or to the disk fails, an operation says so and leaves nothing half
 * there: what was stays as it was, and the same request, asked again with the same id, then works.
 */
#include "vault_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "fault_kinds.h"

/* The state that one operation starts from, and what it did. */
struct trial {
	struct fixture *f;
	struct actor *actor;
	struct key_info key;   /* a key minted before */
	struct key_text text;  /* its text */
	struct key_text fresh; /* what the operation showed */
	struct key_info result;
	struct pepper_info pepper;
	uint64_t keys;
	uint32_t active_pepper;
};

struct operation {
	const char *name;
	enum pm_err (*run)(struct trial *trial);
	void (*assert_undone)(struct trial *trial);
	void (*assert_done)(struct trial *trial);
};

static uint64_t count_keys(struct trial *trial)
{
	struct environment_info info;

	assert_int_equal(vault_environment_status(trial->f->vault, LIVE_ENV, &info), PM_OK);
	return info.keys;
}

static uint32_t active_pepper(struct trial *trial)
{
	struct pepper_info *infos = calloc(VAULT_PEPPERS_MAX, sizeof(*infos));
	size_t count = 0;
	uint32_t active = 0;

	assert_int_equal(
		vault_list_peppers(trial->f->vault, fixture_actor(trial->f), "live", infos, &count),
		PM_OK);
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < infos[i].count; j++) {
			if (strcmp(infos[i].name, "api-keys") == 0 &&
			    infos[i].versions[j].state == PEPPER_ACTIVE) {
				assert_int_equal(active, 0); /* never two */
				active = infos[i].versions[j].version;
			}
		}
	}
	free(infos);
	return active;
}

static bool verifies(struct trial *trial, const struct key_text *text)
{
	return fixture_verify(trial->f, "live", text->text).valid;
}

static enum pm_err run_mint(struct trial *trial)
{
	const struct mint_params params = {
		.environment = "live", .account = "swept", .product = "", .name = ""
	};

	return fixture_mint_text(trial->f->vault, trial->actor, &params, &trial->result,
				 &trial->fresh);
}

static void mint_undone(struct trial *trial)
{
	assert_int_equal(count_keys(trial), trial->keys);
}

static void mint_done(struct trial *trial)
{
	assert_int_equal(count_keys(trial), trial->keys + 1);
	assert_true(verifies(trial, &trial->fresh));
}

static enum pm_err run_rotate(struct trial *trial)
{
	const struct rotate_params params = { .environment = "live", .key_id = trial->key.id };

	return fixture_rotate_text(trial->f->vault, trial->actor, &params, &trial->result,
				   &trial->fresh);
}

static void rotate_undone(struct trial *trial)
{
	struct key_info info;

	assert_true(verifies(trial, &trial->text));
	assert_int_equal(
		vault_get(trial->f->vault, fixture_actor(trial->f), "live", trial->key.id, &info),
		PM_OK);
	assert_int_equal(info.secret_version, 1);
}

static void rotate_done(struct trial *trial)
{
	assert_true(verifies(trial, &trial->fresh));
	assert_false(verifies(trial, &trial->text));
}

static enum pm_err run_revoke(struct trial *trial)
{
	return vault_revoke(trial->f->vault, trial->actor, "live", trial->key.id, &trial->result);
}

static void revoke_undone(struct trial *trial)
{
	assert_true(verifies(trial, &trial->text));
}

static void revoke_done(struct trial *trial)
{
	assert_false(verifies(trial, &trial->text));
}

static enum pm_err run_rotate_pepper(struct trial *trial)
{
	return vault_rotate_pepper(trial->f->vault, trial->actor, "live", "api-keys",
				   &trial->pepper);
}

static void rotate_pepper_undone(struct trial *trial)
{
	assert_int_equal(active_pepper(trial), trial->active_pepper);
	assert_true(verifies(trial, &trial->text));
}

/* The number that a failed attempt took is not used again, so only "a later one" is certain. */
static void rotate_pepper_done(struct trial *trial)
{
	assert_true(active_pepper(trial) > trial->active_pepper);
	assert_true(verifies(trial, &trial->text));
}

static const struct operation operations[] = {
	{ "mint", run_mint, mint_undone, mint_done },
	{ "rotate", run_rotate, rotate_undone, rotate_done },
	{ "revoke", run_revoke, revoke_undone, revoke_done },
	{ "rotate pepper", run_rotate_pepper, rotate_pepper_undone, rotate_pepper_done },
};

static void begin(struct trial *trial, struct fixture *f)
{
	*trial = (struct trial){ .f = f };
	fixture_mint(f, &trial->key, &trial->text);
	trial->keys = count_keys(trial);
	trial->active_pepper = active_pepper(trial);
	trial->actor = fixture_actor(f);
}

/* Entries that tell of changes that there were: of a key, or with NULL of all. */
static uint64_t told_changes(json_t *entries, const char *key)
{
	static const char *const types[] = { "key.mint", "key.rotate", "key.revoke", "key.move" };
	uint64_t told = 0;
	json_t *entry = NULL;
	size_t index = 0;

	json_array_foreach(entries, index, entry)
	{
		if (!json_is_true(json_object_get(entry, "ok")))
			continue;
		for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
			if (strcmp(entry_text(entry, "type"), types[i]) == 0 &&
			    (!key || strcmp(entry_text(entry, "key"), key) == 0))
				told++;
		}
	}
	return told;
}

/* No change without its entry, and no entry without its change. */
static void assert_log_and_state_agree(struct fixture *f)
{
	struct key_record *keys = calloc(1000, sizeof(*keys));
	json_t *entries = fixture_entries(f, "");
	uint64_t total = 0, changes = 0;
	size_t count = 0;

	assert_int_equal(store_scan_keys(f->store, "live", "", keys, 1000, &count), PM_OK);
	assert_int_equal(store_count_keys(f->store, "live", &total), PM_OK);
	assert_int_equal(count, total);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(told_changes(entries, keys[i].id), keys[i].revision);
		changes += keys[i].revision;
	}
	assert_int_equal(told_changes(entries, NULL), changes);
	json_decref(entries);
	free(keys);
}

/* The n-th call fails; true when there was no n-th call any more. */
static bool swept(struct fixture *f, const struct operation *operation,
		  const struct fault_kind *kind, int nth)
{
	struct trial trial;
	char id[33];

	begin(&trial, f);
	strcpy(id, f->request_id);
	kind->arm(nth);
	enum pm_err err = operation->run(&trial);
	bool fired = kind->fired();
	kind->disarm();
	if (err == PM_OK) {
		/* Nothing failed, or something that the operation can do without. */
		operation->assert_done(&trial);
		assert_log_and_state_agree(f);
		return !fired;
	}
	assert_true(fired);
	if (!fault_is_told(err, kind))
		fail_msg("%s, call %d: %s", operation->name, nth, peppermint_error_name(err));
	operation->assert_undone(&trial);
	assert_log_and_state_agree(f);
	trial.actor = fixture_actor(f);
	trial.actor->request_id = id;
	assert_int_equal(operation->run(&trial), PM_OK);
	operation->assert_done(&trial);
	return false;
}

/* How many calls failed in turn. */
static int sweep(const struct operation *operation, const struct fault_kind *kind)
{
	struct fixture *f = NULL;
	int nth = 0;

	fixture_setup((void **)&f);
	while (!swept(f, operation, kind, nth))
		nth++;
	fixture_teardown((void **)&f);
	return nth;
}

static void every_operation_survives_every_failing_call(void **state)
{
	(void)state;
	for (size_t op = 0; op < sizeof(operations) / sizeof(operations[0]); op++) {
		for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
			int calls = sweep(&operations[op], &fault_kinds[kind]);

			assert_true(calls > 0); /* the sweep really injected something */
			print_message("%s: %d calls failed in turn\n", operations[op].name, calls);
		}
	}
}

static enum pm_err verify_once(struct trial *trial, struct verdict *verdict)
{
	const struct bytes text = bytes_str(trial->text.text);

	return fixture_verify_texts(trial->f->vault, fixture_actor(trial->f), "live", &text, 1,
				    verdict);
}

/* A key under an old pepper verifies, whatever stops its move to the new one. */
static void a_verify_does_not_depend_on_the_move_to_the_new_pepper(void **state)
{
	struct fixture *f = *state;

	for (size_t kind = 1; kind < FAULT_KINDS; kind++) {
		bool fired = true;

		for (int nth = 0; fired; nth++) {
			struct verdict verdict;
			struct trial trial;

			begin(&trial, f);
			assert_int_equal(run_rotate_pepper(&trial), PM_OK);
			fault_kinds[kind].arm(nth);
			enum pm_err err = verify_once(&trial, &verdict);
			fired = fault_kinds[kind].fired();
			fault_kinds[kind].disarm();
			/* Where reading the record failed there is no verdict, but not a refusal;
			 * where the move's entry could not be kept, no answer. */
			assert_true(err == PM_OK
					    ? verdict.valid || verdict.error == PM_STORE_UNAVAILABLE
					    : err == PM_AUDIT_BLOCKED);
			assert_log_and_state_agree(f);
			assert_true(verifies(&trial, &trial.text));
			assert_true(!fired || nth < 1000);
		}
	}
}

static int setup_without_rate(void **state)
{
	fixture_setup(state);
	struct fixture *f = *state;
	f->audit.refusals = 100000;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	return 0;
}

/* What refuses a key is on disk before anybody hears of it. */
static void a_refusal_is_answered_with_its_entry_or_not_at_all(void **state)
{
	struct fixture *f = *state;

	for (size_t kind = 1; kind < FAULT_KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			const struct bytes text = bytes_str("nonsense");
			fixture_until_admitted(f);
			size_t before = fixture_count_entries(f, "key.refuse");
			struct verdict verdict;

			fault_kinds[kind].arm(nth);
			enum pm_err err = fixture_verify_texts(f->vault, fixture_actor(f), "live",
							       &text, 1, &verdict);
			fired = fault_kinds[kind].fired();
			fault_kinds[kind].disarm();
			assert_true(err == PM_OK || fault_is_told(err, &fault_kinds[kind]));
			assert_int_equal(fixture_count_entries(f, "key.refuse"),
					 before + (err == PM_OK));
		}
		assert_true(nth > 1);
	}
}

/* Every verify that was answered is in the sum, however often writing the counts fails. */
static void counts_outlive_every_failing_write(void **state)
{
	struct fixture *f = *state;
	struct trial trial;
	int64_t done = 0, told = 0;
	json_t *entry = NULL;
	size_t index = 0;

	begin(&trial, f);
	for (size_t kind = 1; kind < FAULT_KINDS; kind++) {
		bool fired = true;

		for (int nth = 0; fired; nth++) {
			assert_true(verifies(&trial, &trial.text));
			done++;
			fault_kinds[kind].arm(nth);
			enum pm_err err = audit_flush(f->vault->audit, true, trial.actor->deadline);
			fired = fault_kinds[kind].fired();
			fault_kinds[kind].disarm();
			assert_true(err == PM_OK || fault_is_told(err, &fault_kinds[kind]));
		}
	}
	json_t *entries = fixture_entries(f, "key.verify");
	json_array_foreach(entries, index, entry) told += entry_number(entry, "count");
	json_decref(entries);
	assert_int_equal(told, done);
}

/* The first start of an environment, interrupted at every call, then simply tried again. */
static void a_first_start_that_fails_anywhere_is_finished_by_the_next(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct fixture *f = NULL;
			struct key_info info;
			struct key_text text;

			fixture_setup_unattached((void **)&f);
			fault_kinds[kind].arm(nth);
			enum pm_err err = vault_tend(f->vault);
			fired = fault_kinds[kind].fired();
			fault_kinds[kind].disarm();
			assert_true(err == PM_OK || fault_is_told(err, &fault_kinds[kind]));
			fixture_reopen(f);
			assert_int_equal(vault_tend(f->vault), PM_OK);
			fixture_mint(f, &info, &text);
			assert_true(fixture_verify(f, "live", text.text).valid);
			fixture_teardown((void **)&f);
		}
		assert_true(nth > 5);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_operation_survives_every_failing_call),
		cmocka_unit_test_setup_teardown(
			a_verify_does_not_depend_on_the_move_to_the_new_pepper, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_answered_with_its_entry_or_not_at_all,
						setup_without_rate, fixture_teardown),
		cmocka_unit_test_setup_teardown(counts_outlive_every_failing_write, fixture_setup,
						fixture_teardown),
		cmocka_unit_test(a_first_start_that_fails_anywhere_is_finished_by_the_next),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
