/*
 * Whichever call to the HSM or to the disk fails, a change of a key says so and leaves nothing half
 * done: no secret, no kept text, no entry; and the same request, asked again, then works.
 */
#include "key_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "expiry.h"
#include "fault_kinds.h"

/* The state that one operation starts from, and what it did. */
struct trial {
	struct fixture *f;
	struct actor *actor;
	struct key_info key;      /* a recoverable key, minted before */
	struct key_secret secret; /* its text */
	struct key_secret unused; /* the later one of a rotation that waits, if there is one */
	struct key_secret fresh;  /* what the operation showed */
	struct key_info result;
	struct confirmation confirmation;
	uint64_t keys;
};

struct operation {
	const char *name;
	void (*prepare)(struct trial *trial); /* what it needs each time; may be NULL */
	enum pm_err (*run)(struct trial *trial);
	void (*assert_undone)(struct trial *trial);
	void (*assert_done)(struct trial *trial);
	bool waits; /* it starts from a rotation whose secret was not used */
};

static uint64_t count_keys(struct trial *trial)
{
	uint64_t count = 0;

	assert_int_equal(store_count_keys(trial->f->store, "live", &count), PM_OK);
	return count;
}

static bool verifies(struct trial *trial, const struct key_secret *secret)
{
	return keys_verifies(trial->f, secret);
}

/* The text that is kept of the key, or none. */
static void assert_kept(struct trial *trial, const char *id, const struct key_secret *secret)
{
	struct key_secret shown;

	enum pm_err err =
		vault_reveal(trial->f->vault, fixture_actor(trial->f), "live", id, NULL, &shown);
	assert_int_equal(err, secret ? PM_OK : PM_CONFLICT);
	assert_string_equal(shown.text.text, secret ? secret->text.text : "");
}

static void assert_untouched(struct trial *trial)
{
	struct key_info info;

	keys_get(trial->f, trial->key.id, &info);
	assert_int_equal(info.secret_version, trial->key.secret_version);
	assert_int_equal(info.state, KEY_ACTIVE);
	assert_string_equal(info.name, trial->key.name);
	assert_string_equal(trial->fresh.text.text, "");
	assert_kept(trial, trial->key.id, &trial->secret);
	assert_true(verifies(trial, &trial->secret));
}

static enum pm_err run_mint(struct trial *trial)
{
	struct mint_params params = keys_params();

	params.recoverable = true;
	return vault_mint(trial->f->vault, trial->actor, &params, &trial->result, &trial->fresh);
}

static void mint_undone(struct trial *trial)
{
	assert_int_equal(count_keys(trial), trial->keys);
	assert_untouched(trial);
}

static void mint_done(struct trial *trial)
{
	assert_int_equal(count_keys(trial), trial->keys + 1);
	assert_true(verifies(trial, &trial->fresh));
	assert_kept(trial, trial->result.id, &trial->fresh);
}

static enum pm_err run_rotate(struct trial *trial)
{
	const struct rotate_params params = {
		.environment = "live", .key_id = trial->key.id, .overlap = 60, .recoverable = true
	};

	return vault_rotate(trial->f->vault, trial->actor, &params, &trial->result, &trial->fresh);
}

static void rotate_done(struct trial *trial)
{
	assert_true(verifies(trial, &trial->secret));
	assert_true(verifies(trial, &trial->fresh));
	assert_kept(trial, trial->key.id, &trial->fresh);
}

static void confirm(struct trial *trial)
{
	assert_int_equal(vault_confirm(trial->f->vault, fixture_actor(trial->f), "live", ACT_RESET,
				       trial->key.id, &trial->confirmation),
			 PM_OK);
}

/* What was kept goes with its secret, because the new one is not to be kept. */
static enum pm_err run_reset(struct trial *trial)
{
	const struct rotate_params params = { .environment = "live", .key_id = trial->key.id };

	trial->actor->confirmation = trial->confirmation.token;
	return vault_reset(trial->f->vault, trial->actor, &params, &trial->result, &trial->fresh);
}

static void reset_done(struct trial *trial)
{
	assert_false(verifies(trial, &trial->secret));
	assert_true(verifies(trial, &trial->fresh));
	assert_kept(trial, trial->key.id, NULL);
}

static enum pm_err run_rollback(struct trial *trial)
{
	return vault_rollback(trial->f->vault, trial->actor, "live", trial->key.id, &trial->result);
}

static void rollback_undone(struct trial *trial)
{
	struct key_info info;

	keys_get(trial->f, trial->key.id, &info);
	assert_true(info.first_use_pending);
	assert_int_equal(info.secret_version, 2);
	assert_kept(trial, trial->key.id, &trial->unused);
	assert_true(verifies(trial, &trial->secret));
}

static void rollback_done(struct trial *trial)
{
	assert_int_equal(trial->result.secret_version, 1);
	assert_true(verifies(trial, &trial->secret));
	assert_false(verifies(trial, &trial->unused));
	assert_kept(trial, trial->key.id, NULL);
}

static enum pm_err run_update(struct trial *trial)
{
	const struct update_params params = { .environment = "live",
					      .key_id = trial->key.id,
					      .set_name = true,
					      .name = "new",
					      .set_disabled = true,
					      .disabled = true };

	return vault_update(trial->f->vault, trial->actor, &params, &trial->result);
}

static void update_done(struct trial *trial)
{
	struct key_info info;

	keys_get(trial->f, trial->key.id, &info);
	assert_string_equal(info.name, "new");
	assert_int_equal(info.state, KEY_DISABLED);
	assert_false(verifies(trial, &trial->secret));
}

static enum pm_err run_revoke(struct trial *trial)
{
	return vault_revoke(trial->f->vault, trial->actor, "live", trial->key.id, &trial->result);
}

static void revoke_done(struct trial *trial)
{
	assert_false(verifies(trial, &trial->secret));
	assert_kept(trial, trial->key.id, NULL);
}

static enum pm_err run_reveal(struct trial *trial)
{
	return vault_reveal(trial->f->vault, trial->actor, "live", trial->key.id, NULL,
			    &trial->fresh);
}

static void reveal_done(struct trial *trial)
{
	assert_string_equal(trial->fresh.text.text, trial->secret.text.text);
}

static const struct operation operations[] = {
	{ "mint", NULL, run_mint, mint_undone, mint_done, false },
	{ "rotate", NULL, run_rotate, assert_untouched, rotate_done, false },
	{ "reset", confirm, run_reset, assert_untouched, reset_done, false },
	{ "rollback", NULL, run_rollback, rollback_undone, rollback_done, true },
	{ "update", NULL, run_update, assert_untouched, update_done, false },
	{ "revoke", NULL, run_revoke, assert_untouched, revoke_done, false },
	{ "reveal", NULL, run_reveal, assert_untouched, reveal_done, false },
};
#define OPERATIONS (sizeof(operations) / sizeof(operations[0]))

static void begin(struct trial *trial, struct fixture *f, const struct operation *operation)
{
	struct mint_params params = keys_params();

	*trial = (struct trial){ .f = f };
	params.recoverable = true;
	assert_int_equal(keys_mint_as(f, &params, &trial->key, &trial->secret), PM_OK);
	const struct rotate_params later = { .environment = "live",
					     .key_id = trial->key.id,
					     .first_use = true,
					     .recoverable = true };
	if (operation->waits)
		assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &later, &trial->key,
					      &trial->unused),
				 PM_OK);
	trial->keys = count_keys(trial);
	if (operation->prepare)
		operation->prepare(trial);
	trial->actor = fixture_actor(f);
}

static bool is_change(const char *type)
{
	static const char *const types[] = { "key.mint",     "key.rotate", "key.reset",
					     "key.rollback", "key.update", "key.revoke",
					     "key.move" };
	bool is = false;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		is = is || strcmp(type, types[i]) == 0;
	return is;
}

/* No change without its entry, and no entry without its change. */
static void assert_log_and_state_agree(struct trial *trial)
{
	json_t *entries = fixture_entries(trial->f, "");
	struct key_record record;
	json_t *entry = NULL;
	uint64_t told = 0;
	size_t index = 0;

	json_array_foreach(entries, index, entry)
	{
		told += json_is_true(json_object_get(entry, "ok")) &&
			is_change(entry_text(entry, "type")) &&
			strcmp(entry_text(entry, "key"), trial->key.id) == 0;
	}
	json_decref(entries);
	assert_int_equal(store_get_key(trial->f->store, "live", trial->key.id, &record), PM_OK);
	assert_int_equal(told, record.revision);
}

/* The n-th call fails; true when there was no n-th call any more. */
static bool swept(struct fixture *f, const struct operation *operation,
		  const struct fault_kind *kind, int nth)
{
	struct trial trial;
	char id[33];

	begin(&trial, f, operation);
	strcpy(id, f->request_id);
	kind->arm(nth);
	enum pm_err err = operation->run(&trial);
	bool fired = kind->fired();
	kind->disarm();
	assert_log_and_state_agree(&trial);
	if (err == PM_OK) {
		/* Nothing failed, or something that the operation can do without. */
		operation->assert_done(&trial);
		return !fired;
	}
	assert_true(fired);
	if (!fault_is_told(err, kind))
		fail_msg("%s, call %d: %s", operation->name, nth, peppermint_error_name(err));
	fixture_until_admitted(f);
	operation->assert_undone(&trial);
	if (operation->prepare)
		operation->prepare(&trial);
	trial.actor = fixture_actor(f);
	trial.actor->request_id = id;
	assert_int_equal(operation->run(&trial), PM_OK);
	operation->assert_done(&trial);
	return false;
}

static int setup(void **state)
{
	keys_setup(state);
	keys_policy(*state)->recoverable = true;
	return 0;
}

static int sweep(const struct operation *operation, const struct fault_kind *kind)
{
	struct fixture *f = NULL;
	int nth = 0;

	setup((void **)&f);
	while (!swept(f, operation, kind, nth))
		nth++;
	fixture_teardown((void **)&f);
	return nth;
}

static void every_change_of_a_key_survives_every_failing_call(void **state)
{
	(void)state;
	for (size_t op = 0; op < OPERATIONS; op++) {
		for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
			int calls = sweep(&operations[op], &fault_kinds[kind]);

			assert_true(calls > 0); /* the sweep really injected something */
			print_message("%s: %d calls failed in turn\n", operations[op].name, calls);
		}
	}
}

/* The master key that keeps texts is made when the first one is to be kept. */
static void a_first_text_that_cannot_be_kept_is_kept_the_next_time(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct trial trial = { 0 };

			setup((void **)&trial.f);
			trial.actor = fixture_actor(trial.f);
			fault_kinds[kind].arm(nth);
			enum pm_err err = run_mint(&trial);
			fired = fault_kinds[kind].fired();
			fault_kinds[kind].disarm();
			assert_true(err == PM_OK || fault_is_told(err, &fault_kinds[kind]));
			fixture_until_admitted(trial.f);
			assert_int_equal(count_keys(&trial), err == PM_OK);
			trial.actor = fixture_actor(trial.f);
			assert_int_equal(run_mint(&trial), PM_OK);
			assert_kept(&trial, trial.result.id, &trial.fresh);
			fixture_teardown((void **)&trial.f);
		}
		assert_true(nth > 5);
	}
}

static int read_list(struct fixture *f, struct key_page *page, enum pm_err *err)
{
	const struct list_params params = { .environment = "live",
					    .account = "acme",
					    .product = "",
					    .text = "",
					    .page_token = "",
					    .page_size = 10 };

	*err = vault_list(f->vault, fixture_actor(f), &params, page);
	return (int)page->count;
}

static void a_list_that_fails_anywhere_is_an_error_and_not_half_a_list(void **state)
{
	struct fixture *f = *state;
	struct key_page *page = calloc(1, sizeof(*page));
	struct key_secret secret;
	struct key_info info;

	for (int i = 0; i < 3; i++)
		keys_mint(f, &info, &secret);
	for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
		bool fired = true;

		for (int nth = 0; fired; nth++) {
			enum pm_err err = PM_OK;

			fault_kinds[kind].arm(nth);
			int count = read_list(f, page, &err);
			fired = fault_kinds[kind].fired();
			fault_kinds[kind].disarm();
			assert_true(err == PM_OK ? count == 3
						 : fault_is_told(err, &fault_kinds[kind]));
			fixture_until_admitted(f);
		}
	}
	free(page);
}

static void tend_expiry(struct fixture *f)
{
	atomic_store(&keys_environment(f)->expiry_at, 0);
	expiry_tend(keys_environment(f), deadline_in_ms(60000));
}

static void an_end_is_told_of_once_whichever_call_fails(void **state)
{
	struct fixture *f = *state;
	size_t told = 0;

	for (size_t kind = 0; kind < FAULT_KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct mint_params params = keys_params();
			struct key_secret secret;
			struct key_info info;

			params.expires_at = clock_unix() + 86400;
			assert_int_equal(keys_mint_as(f, &params, &info, &secret), PM_OK);
			fault_kinds[kind].arm(nth);
			tend_expiry(f);
			fired = fault_kinds[kind].fired();
			fault_kinds[kind].disarm();
			fixture_until_admitted(f);
			tend_expiry(f);
			assert_int_equal(fixture_count_entries(f, "key.expiring"), ++told);
		}
		assert_true(nth > 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_of_a_key_survives_every_failing_call),
		cmocka_unit_test(a_first_text_that_cannot_be_kept_is_kept_the_next_time),
		cmocka_unit_test_setup_teardown(
			a_list_that_fails_anywhere_is_an_error_and_not_half_a_list, setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(an_end_is_told_of_once_whichever_call_fails, setup,
						fixture_teardown),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
