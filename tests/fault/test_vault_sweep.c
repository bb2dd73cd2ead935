/*
 * Whichever call to the HSM or to the disk fails, an operation says so and leaves nothing half
 * there: what was stays as it was, and the same request, asked again with the same id, then works.
 */
#include "vault_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "fault.h"
#include "fault_vfs.h"

struct fault_kind {
	void (*arm)(int nth);
	void (*disarm)(void);
	bool (*fired)(void);
	enum pm_err expected;
};

static const struct fault_kind kinds[] = {
	{ fault_arm, fault_disarm, fault_fired, PM_HSM_UNAVAILABLE },
	{ fault_vfs_arm, fault_vfs_disarm, fault_vfs_fired, PM_STORE_UNAVAILABLE },
	{ fault_vfs_arm_full, fault_vfs_disarm, fault_vfs_fired, PM_STORE_UNAVAILABLE },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

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

	return vault_mint(trial->f->vault, trial->actor, &params, &trial->result, &trial->fresh);
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

	return vault_rotate(trial->f->vault, trial->actor, &params, &trial->result, &trial->fresh);
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

static bool fails_as_it_should(enum pm_err err, const struct fault_kind *kind)
{
	return err == kind->expected || err == PM_OUTCOME_UNKNOWN;
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
		return !fired;
	}
	assert_true(fired);
	if (!fails_as_it_should(err, kind))
		fail_msg("%s, call %d: %s", operation->name, nth, peppermint_error_name(err));
	operation->assert_undone(&trial);
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
		for (size_t kind = 0; kind < KINDS; kind++) {
			int calls = sweep(&operations[op], &kinds[kind]);

			assert_true(calls > 0); /* the sweep really injected something */
			print_message("%s: %d calls failed in turn\n", operations[op].name, calls);
		}
	}
}

/* A key under an old pepper verifies, whatever stops its move to the new one. */
static void a_verify_does_not_depend_on_the_move_to_the_new_pepper(void **state)
{
	struct fixture *f = *state;

	for (size_t kind = 1; kind < KINDS; kind++) {
		bool fired = true;

		for (int nth = 0; fired; nth++) {
			struct trial trial;

			begin(&trial, f);
			assert_int_equal(run_rotate_pepper(&trial), PM_OK);
			kinds[kind].arm(nth);
			struct verdict verdict = fixture_verify(f, "live", trial.text.text);
			/* Where reading the record failed there is no verdict, but not a refusal.
			 */
			assert_true(verdict.valid || verdict.error == PM_STORE_UNAVAILABLE);
			fired = kinds[kind].fired();
			kinds[kind].disarm();
			assert_true(verifies(&trial, &trial.text));
			assert_true(!fired || nth < 1000);
		}
	}
}

/* The first start of an environment, interrupted at every call, then simply tried again. */
static void a_first_start_that_fails_anywhere_is_finished_by_the_next(void **state)
{
	(void)state;
	for (size_t kind = 0; kind < KINDS; kind++) {
		bool fired = true;
		int nth = 0;

		for (; fired; nth++) {
			struct fixture *f = NULL;
			struct key_info info;
			struct key_text text;

			fixture_setup_unattached((void **)&f);
			kinds[kind].arm(nth);
			enum pm_err err = vault_tend(f->vault);
			fired = kinds[kind].fired();
			kinds[kind].disarm();
			assert_true(err == PM_OK || fails_as_it_should(err, &kinds[kind]));
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
		cmocka_unit_test(a_first_start_that_fails_anywhere_is_finished_by_the_next),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
