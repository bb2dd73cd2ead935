/*
 * Whichever call to the token or to the disk fails while a master key changes: there is never a moment
 * without an active version or with two, nothing that is needed is lost, no object is left unreported,
 * what is in memory is what is stored, and the same request, asked again, is done.
 */
#include <stdlib.h>
#include <string.h>

#include "change_fixture.h"
#include "check.h"
#include "fault.h"
#include "fault_vfs.h"
#include "state.h"

struct fault_kind {
	const char *name;
	void (*arm)(int nth);
	void (*disarm)(void);
	bool (*fired)(void);
};

static const struct fault_kind kinds[] = {
	{ "token", fault_arm, fault_disarm, fault_fired },
	{ "disk", fault_vfs_arm, fault_vfs_disarm, fault_vfs_fired },
	{ "full disk", fault_vfs_arm_full, fault_vfs_disarm, fault_vfs_fired },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct hsm_id ORPHAN = { { 7, 7 } };

struct operation {
	const char *name;
	void (*prepare)(struct fixture *f);
	enum pm_err (*run)(struct fixture *f, struct actor *actor);
	bool (*is_done)(struct fixture *f);
};

static enum pm_err run_verb(struct fixture *f, struct actor *actor, uint32_t version,
			    enum master_verb verb)
{
	const struct master_params params = {
		.environment = "live",
		.purpose = PURPOSE_PEPPER,
		.name = "pan",
		.version = version,
		.verb = verb,
		.force = true,
	};
	struct master_outcome out;

	return vault_change_master(f->vault, actor, &params, &out);
}

/* What version 1 hashed, before anything else. */
static struct value_hash old_hash;

static void prepare_one(struct fixture *f)
{
	const struct bytes value = bytes_str("value");

	change_make_pan(f, 1);
	assert_int_equal(
		vault_hash(f->vault, fixture_actor(f), "live", "pan", &value, 1, &old_hash), PM_OK);
}

static void prepare_two(struct fixture *f)
{
	prepare_one(f);
	change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
}

static enum pm_err run_rotate(struct fixture *f, struct actor *actor)
{
	return run_verb(f, actor, 0, MASTER_VERB_ROTATE);
}

static bool is_rotated(struct fixture *f)
{
	return change_state(f, PAN, 1) == MASTER_VERIFY_ONLY;
}

static void prepare_staged(struct fixture *f)
{
	prepare_one(f);
	fake_hsm_add_standby(f->hsm[LIVE_ENV], "2223");
	fake_hsm_clone(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
	fake_hsm_clone(f->hsm[LIVE_ENV]);
	assert_int_equal(change_tend(f), PM_OK);
}

static enum pm_err run_activate(struct fixture *f, struct actor *actor)
{
	return run_verb(f, actor, 2, MASTER_VERB_ACTIVATE);
}

static enum pm_err run_compromise_active(struct fixture *f, struct actor *actor)
{
	return run_verb(f, actor, 1, MASTER_VERB_COMPROMISE);
}

static bool is_compromised(struct fixture *f)
{
	return change_state(f, PAN, 1) == MASTER_COMPROMISED;
}

static enum pm_err run_schedule(struct fixture *f, struct actor *actor)
{
	return run_verb(f, actor, 1, MASTER_VERB_DESTROY);
}

static bool is_scheduled(struct fixture *f)
{
	return change_state(f, PAN, 1) == MASTER_DESTROY_SCHEDULED;
}

static void prepare_scheduled(struct fixture *f)
{
	prepare_two(f);
	change_ok(f, PAN, 1, MASTER_VERB_DESTROY);
}

static enum pm_err run_cancel(struct fixture *f, struct actor *actor)
{
	return run_verb(f, actor, 1, MASTER_VERB_CANCEL);
}

static void prepare_due(struct fixture *f)
{
	prepare_scheduled(f);
	change_due(f, PAN, 1);
}

static bool is_destroyed(struct fixture *f)
{
	return change_state(f, PAN, 1) == MASTER_DESTROYED;
}

/* By the vault itself, which tries again by itself. */
static enum pm_err run_destroy(struct fixture *f, struct actor *actor)
{
	(void)actor;
	TRY(change_tend(f));
	return is_destroyed(f) ? PM_OK : PM_HSM_UNAVAILABLE;
}

static void prepare_orphan(struct fixture *f)
{
	struct hsm_object object;

	prepare_one(f);
	assert_int_equal(hsm_generate(f->hsm[LIVE_ENV], &ORPHAN, "peppermint/live/pepper/pan/v2",
				      &object, 0),
			 PM_OK);
	assert_int_equal(change_tend(f), PM_OK);
}

static enum pm_err run_adopt(struct fixture *f, struct actor *actor)
{
	struct object_info info;

	return vault_settle_orphan(f->vault, actor, "live", ORPHAN.bytes, true, false, &info);
}

static bool is_adopted(struct fixture *f)
{
	struct master_record record;

	return environment_master(live(f), PAN, 2, &record) == PM_OK &&
	       record.state == MASTER_VERIFY_ONLY;
}

/* Of what is gone there is nothing more to do. */
static enum pm_err run_destroy_orphan(struct fixture *f, struct actor *actor)
{
	struct object_info info;

	enum pm_err err =
		vault_settle_orphan(f->vault, actor, "live", ORPHAN.bytes, false, false, &info);
	return err == PM_NOT_FOUND ? PM_OK : err;
}

static size_t list(struct fixture *f, struct hsm_object objects[64])
{
	size_t count = 0;

	assert_int_equal(hsm_list(f->hsm[LIVE_ENV], "peppermint/live/", objects, &count, 0), PM_OK);
	return count;
}

static bool is_gone(struct fixture *f)
{
	struct hsm_object objects[64];
	size_t count = list(f, objects);

	for (size_t i = 0; i < count; i++) {
		if (memcmp(&objects[i].id, &ORPHAN, sizeof(ORPHAN)) == 0)
			return false;
	}
	return true;
}

static const struct operation operations[] = {
	{ "rotate", prepare_one, run_rotate, is_rotated },
	{ "activate", prepare_staged, run_activate, is_rotated },
	{ "compromise the active", prepare_one, run_compromise_active, is_compromised },
	{ "compromise another", prepare_two, run_compromise_active, is_compromised },
	{ "schedule", prepare_two, run_schedule, is_scheduled },
	{ "cancel", prepare_scheduled, run_cancel, is_rotated },
	{ "destroy", prepare_due, run_destroy, is_destroyed },
	{ "adopt", prepare_orphan, run_adopt, is_adopted },
	{ "destroy an orphan", prepare_orphan, run_destroy_orphan, is_gone },
};

static void assert_one_is_active(struct fixture *f)
{
	size_t active = 0;

	for (size_t i = 0; i < live(f)->master_count; i++)
		active += strcmp(live(f)->masters[i].name, "pan") == 0 &&
			  live(f)->masters[i].state == MASTER_ACTIVE;
	assert_int_equal(active, 1);
}

static bool is_due(struct fixture *f)
{
	const struct master_record record = master_get(f, PAN, 1);

	return check_is_due(&record);
}

/* Every object that no record in use names is counted, and every record in use has its object. */
static void assert_token_is_told_of(struct fixture *f)
{
	struct hsm_object objects[64];
	size_t count = list(f, objects), orphans = 0;
	int64_t named = 0, missing = 0;

	for (size_t i = 0; i < count; i++) {
		struct master_record master;
		bool used = environment_master_of(live(f), objects[i].id.bytes, &master) == PM_OK &&
			    state_in_token(&master);

		orphans += !used;
		named += used;
	}
	assert_int_equal(live(f)->orphans, orphans);
	for (size_t i = 0; i < live(f)->master_count; i++)
		missing += state_in_token(&live(f)->masters[i]);
	missing -= named;
	/* Only what is being destroyed may be on its way. */
	assert_int_equal(missing, missing == 1 && is_due(f) ? 1 : 0);
}

static void assert_hash_is_judged_by_its_state(struct fixture *f)
{
	const struct hash_claim claim = { .value = bytes_str("value"),
					  .hash = bytes_str(old_hash.text) };
	struct hash_verdict verdict;

	assert_int_equal(
		vault_verify_hash(f->vault, fixture_actor(f), "live", "pan", &claim, 1, &verdict),
		PM_OK);
	assert_int_equal(verdict.match, state_rules(change_state(f, PAN, 1))->vouches);
}

static void assert_sound(struct fixture *f)
{
	fixture_until_admitted(f);
	assert_one_is_active(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_token_is_told_of(f);
	assert_hash_is_judged_by_its_state(f);
}

static void assert_memory_is_what_is_stored(struct fixture *f)
{
	struct master_record *before = calloc(MASTERS_MAX, sizeof(*before));
	size_t count = environment_copy_masters(live(f), before);

	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (size_t i = 0; i < count; i++) {
		struct master_record now =
			master_get(f, before[i].purpose, before[i].name, before[i].version);

		assert_int_equal(now.state, before[i].state);
		assert_int_equal(now.revision, before[i].revision);
	}
	free(before);
}

/* The n-th call fails; true when there was no n-th call any more. */
static bool swept(const struct operation *operation, const struct fault_kind *kind, int nth)
{
	struct fixture *f = NULL;
	char id[33];

	fixture_setup((void **)&f);
	operation->prepare(f);
	struct actor actor = *fixture_actor(f);
	strcpy(id, f->request_id);
	actor.request_id = id;
	kind->arm(nth);
	enum pm_err err = operation->run(f, &actor);
	bool fired = kind->fired();
	kind->disarm();
	assert_true(err == PM_OK || fired);
	assert_sound(f);
	if (err != PM_OK && !operation->is_done(f)) {
		actor.why = NULL;
		err = operation->run(f, &actor);
		if (err != PM_OK)
			fail_msg("%s, %s call %d, again: %s", operation->name, kind->name, nth,
				 peppermint_error_name(err));
		assert_sound(f);
	}
	assert_true(operation->is_done(f));
	assert_memory_is_what_is_stored(f);
	assert_sound(f);
	fixture_teardown((void **)&f);
	return !fired;
}

static void every_change_survives_every_failing_call(void **state)
{
	(void)state;
	for (size_t op = 0; op < sizeof(operations) / sizeof(operations[0]); op++) {
		for (size_t kind = 0; kind < KINDS; kind++) {
			int nth = 0;

			while (!swept(&operations[op], &kinds[kind], nth))
				nth++;
			assert_true(nth > 0); /* the sweep really injected something */
			print_message("%s: %d calls (%s) failed in turn\n", operations[op].name,
				      nth, kinds[kind].name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_survives_every_failing_call),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
