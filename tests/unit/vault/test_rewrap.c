/* Moving records off older versions of a master key: all that can be, nothing else, whatever fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/clock.h"
#include "fault.h"
#include "fault_vfs.h"
#include "layer.h"
#include "master_fixture.h"
#include "rewrap.h"
#include "usage.h"

#define KEYS 100 /* more than two batches */

struct keys {
	struct key_info info[KEYS];
	struct key_text text[KEYS];
};

static struct keys *mint_some(struct fixture *f, size_t count)
{
	struct keys *keys = calloc(1, sizeof(*keys));

	for (size_t i = 0; i < count; i++)
		fixture_mint(f, &keys->info[i], &keys->text[i]);
	return keys;
}

static void assert_all_verify(struct fixture *f, const struct keys *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_true(fixture_verify(f, "live", keys->text[i].text).valid);
}

static struct usage usage_now(struct fixture *f, const char *purpose, const char *name,
			      uint32_t version)
{
	struct usage lines[16];
	size_t count = 0;

	assert_int_equal(usage_count(live(f), purpose, name, lines, 16, &count), PM_OK);
	return usage_of(lines, count, version);
}

static void assert_usage(struct fixture *f, uint32_t version, uint64_t needed, uint64_t wrapped,
			 uint64_t to_rewrap)
{
	struct usage usage = usage_now(f, PEPPER, version);

	assert_int_equal(usage.needed, needed);
	assert_int_equal(usage.wrapped, wrapped);
	assert_int_equal(usage.to_rewrap, to_rewrap);
}

static struct secret_record current(struct fixture *f, const char *id)
{
	return stored_key(f, id).secrets[SECRET_CURRENT];
}

static int64_t told(struct fixture *f, const char *type, const char *field)
{
	json_t *entries = fixture_entries(f, type), *entry = NULL;
	int64_t sum = 0;
	size_t i = 0;

	json_array_foreach(entries, i, entry) sum += entry_number(entry, field);
	json_decref(entries);
	return sum;
}

static void dormant_secrets_are_wrapped_and_need_the_old_version_until_they_verify(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, KEYS);

	master_rotate(f, PEPPER);
	assert_usage(f, 1, KEYS, 0, KEYS);
	assert_usage(f, 2, 0, 0, 0);
	rewrap_all(f, PEPPER);
	assert_usage(f, 1, KEYS, KEYS, 0);
	assert_usage(f, 2, KEYS, 0, 0);
	assert_int_equal(rewrap_left(live(f), PEPPER), 0);
	for (size_t i = 0; i < KEYS; i++)
		assert_int_equal(current(f, keys->info[i].id).wrap_count, 1);
	assert_int_equal(told(f, "key.rewrap", "count"), KEYS);
	assert_int_equal(fixture_count_entries(f, "key.rewrap"), 3);
	assert_int_equal(fixture_count_entries(f, "master.rewrapped"), 1);
	assert_all_verify(f, keys, KEYS);
	assert_usage(f, 1, 0, 0, 0);
	assert_usage(f, 2, KEYS, 0, 0);
	/* Nobody needs it: without it all is as it was. */
	master_become(f, PEPPER, 1, MASTER_DESTROYED);
	assert_all_verify(f, keys, KEYS);
	free(keys);
}

static void what_is_left_is_told_while_it_goes_on(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, KEYS);
	bool more = false;

	master_rotate(f, PEPPER);
	rewrap_begin(f, PEPPER);
	assert_int_equal(rewrap_some(live(f), deadline_in_ms(60000), &more), PM_OK);
	assert_true(more);
	assert_int_equal(rewrap_left(live(f), PEPPER), KEYS - 48);
	assert_usage(f, 1, KEYS, 48, KEYS - 48);
	rewrap_run(f);
	free(keys);
}

static void nothing_is_done_where_nothing_is_due(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, 2);

	master_rotate(f, PEPPER);
	uint64_t macs = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_int_equal(rewrap_run(f), 1);
	assert_int_equal(fake_hsm_macs(f->hsm[LIVE_ENV]), macs);
	assert_true(rewrap_applies(PEPPER));
	assert_true(rewrap_applies(RECORDS));
	assert_false(rewrap_applies(PURPOSE_PEPPER, "pan"));
	assert_false(rewrap_applies(PURPOSE_AUDIT, AUDIT_TEXT_NAME));
	free(keys);
}

static void what_verifies_nothing_any_more_is_left_alone_and_counted_as_ended(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, 3);
	const struct rotate_params rotate = { .environment = "live", .key_id = keys->info[1].id };

	assert_int_equal(
		vault_revoke(f->vault, fixture_actor(f), "live", keys->info[0].id, &keys->info[0]),
		PM_OK);
	/* Without an overlap: the previous secret is over. */
	assert_int_equal(fixture_rotate_text(f->vault, fixture_actor(f), &rotate, &keys->info[1],
					     &keys->text[1]),
			 PM_OK);
	master_rotate(f, PEPPER);
	struct usage usage = usage_now(f, PEPPER, 1);
	assert_int_equal(usage.needed, 2);
	assert_int_equal(usage.ended, 2);
	rewrap_all(f, PEPPER);
	assert_int_equal(current(f, keys->info[0].id).wrap_count, 0);
	assert_int_equal(stored_key(f, keys->info[1].id).secrets[SECRET_PREVIOUS].wrap_count, 0);
	assert_int_equal(current(f, keys->info[1].id).wrap_count, 1);
	assert_int_equal(fixture_verify(f, "live", keys->text[0].text).reason, PM_REASON_REVOKED);
	assert_true(fixture_verify(f, "live", keys->text[1].text).valid);
	free(keys);
}

static void a_row_that_was_altered_is_not_touched(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, 3);
	char sql[128];

	snprintf(sql, sizeof(sql), "UPDATE api_key SET account = 'mallory' WHERE id = '%s'",
		 keys->info[1].id);
	fixture_sql(f, sql);
	struct key_record before = stored_key(f, keys->info[1].id);
	master_rotate(f, PEPPER);
	rewrap_all(f, PEPPER);
	struct key_record after = stored_key(f, keys->info[1].id);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(current(f, keys->info[0].id).wrap_count, 1);
	assert_int_equal(current(f, keys->info[2].id).wrap_count, 1);
	assert_int_equal(told(f, "key.rewrap", "count"), 2);
	assert_int_equal(told(f, "master.rewrapped", "altered"), 1);
	assert_int_equal(fixture_verify(f, "live", keys->text[1].text).reason,
			 PM_REASON_QUARANTINED);
	/* And it keeps the old version from being destroyed. */
	assert_int_equal(usage_now(f, PEPPER, 1).to_rewrap, 1);
	free(keys);
}

static void a_secret_that_was_wrapped_too_often_waits_for_its_verify(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, 1);

	for (int i = 0; i < STORE_WRAPS_MAX + 1; i++) {
		master_rotate(f, PEPPER);
		rewrap_all(f, PEPPER);
	}
	assert_int_equal(current(f, keys->info[0].id).wrap_count, STORE_WRAPS_MAX);
	assert_int_equal(told(f, "master.rewrapped", "too_deep"), 1);
	assert_int_equal(usage_now(f, PEPPER, STORE_WRAPS_MAX + 1).to_rewrap, 1);
	assert_all_verify(f, keys, 1);
	struct secret_record secret = current(f, keys->info[0].id);
	assert_true(layer_is_bare(&secret, STORE_WRAPS_MAX + 2));
	free(keys);
}

/* Also a revoked one, and the masters' own records. */
static void all_records_are_sealed_anew_under_a_new_integrity_key(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, KEYS);
	struct environment_record environment;

	assert_int_equal(
		vault_revoke(f->vault, fixture_actor(f), "live", keys->info[0].id, &keys->info[0]),
		PM_OK);
	master_rotate(f, RECORDS);
	struct usage before = usage_now(f, RECORDS, 1);
	assert_int_equal(before.to_rewrap + KEYS + 1, before.needed); /* mints and a revoke */
	assert_true(before.to_rewrap > KEYS);
	rewrap_all(f, RECORDS);
	struct usage after = usage_now(f, RECORDS, 1);
	assert_int_equal(after.to_rewrap, 0);
	assert_int_equal(after.needed, KEYS + 1);
	assert_int_equal(usage_now(f, RECORDS, 2).needed, before.to_rewrap);
	assert_int_equal(store_get_environment(f->store, "live", &environment), PM_OK);
	assert_int_equal(environment.seal.version, 2);
	/* But for the active version's own, which was sealed anew when it all began. */
	assert_int_equal(told(f, "record.reseal", "count"), before.to_rewrap - 1);
	assert_int_equal(fixture_verify(f, "live", keys->text[0].text).reason, PM_REASON_REVOKED);
	/* Nothing but what was executed hangs on the old one. */
	master_become(f, RECORDS, 1, MASTER_SUSPENDED);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (size_t i = 1; i < KEYS; i++)
		assert_true(fixture_verify(f, "live", keys->text[i].text).valid);
	free(keys);
}

static void it_goes_on_where_it_was_when_the_vault_was_closed(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, KEYS);
	bool more = false;

	master_rotate(f, PEPPER);
	rewrap_begin(f, PEPPER);
	assert_int_equal(rewrap_some(live(f), deadline_in_ms(60000), &more), PM_OK);
	fixture_reopen(f);
	/* Not yet checked: nothing is done. */
	assert_int_equal(rewrap_run(f), 1);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_true(master_get(f, PEPPER, 0).rewrap);
	rewrap_run(f);
	assert_false(master_get(f, PEPPER, 0).rewrap);
	assert_usage(f, 1, KEYS, KEYS, 0);
	assert_int_equal(told(f, "key.rewrap", "count"), KEYS);
	assert_all_verify(f, keys, KEYS);
	free(keys);
}

/* Its MAC was made before the rotation, and its commit came late. */
static void what_comes_behind_it_is_found_by_the_next_pass(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, KEYS);
	struct key_record late = stored_key(f, keys->info[0].id);
	bool more = true;

	/* The first in the order of ids. */
	for (size_t i = 1; i < KEYS; i++) {
		if (strcmp(keys->info[i].id, late.id) < 0)
			late = stored_key(f, keys->info[i].id);
	}
	master_rotate(f, PEPPER);
	rewrap_begin(f, PEPPER);
	assert_int_equal(rewrap_some(live(f), deadline_in_ms(60000), &more), PM_OK);
	struct key_record moved = stored_key(f, late.id);
	assert_int_equal(moved.secrets[SECRET_CURRENT].wrap_count, 1);
	moved.secrets[SECRET_CURRENT] = late.secrets[SECRET_CURRENT];
	store_key(f, &moved);
	rewrap_run(f);
	assert_int_equal(current(f, late.id).wrap_count, 1);
	assert_usage(f, 1, KEYS, KEYS, 0);
	assert_all_verify(f, keys, KEYS);
	free(keys);
}

static void another_rotation_meanwhile_ends_it(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, KEYS);
	bool more = true;

	master_rotate(f, PEPPER);
	rewrap_begin(f, PEPPER);
	assert_int_equal(rewrap_some(live(f), deadline_in_ms(60000), &more), PM_OK);
	master_rotate(f, PEPPER);
	rewrap_run(f);
	assert_int_equal(rewrap_left(live(f), PEPPER), 0);
	assert_usage(f, 1, KEYS, 48, KEYS - 48);
	rewrap_all(f, PEPPER);
	assert_usage(f, 1, KEYS, KEYS, 0);
	assert_usage(f, 2, 48, 48, 0);
	assert_usage(f, 3, KEYS, 0, 0);
	assert_all_verify(f, keys, KEYS);
	free(keys);
}

static void nothing_is_wrapped_under_a_version_past_its_period(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, 1);
	bool more = true;

	master_rotate(f, PEPPER);
	fixture_mint(f, &keys->info[1], &keys->text[1]);
	rewrap_begin(f, PEPPER);
	live(f)->peppers = (struct vault_periods){ .make_uses = 1 };
	assert_int_equal(rewrap_some(live(f), deadline_in_ms(60000), &more), PM_KEY_PERIOD_OVER);
	assert_false(more);
	assert_all_verify(f, keys, 2);
	assert_int_equal(current(f, keys->info[0].id).pepper_version, 1);
	free(keys);
}

static void it_waits_for_the_token(void **state)
{
	struct fixture *f = *state;
	struct keys *keys = mint_some(f, 2);

	master_rotate(f, PEPPER);
	rewrap_begin(f, PEPPER);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_STARTING);
	assert_int_equal(rewrap_run(f), 1);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_SERVING);
	rewrap_run(f);
	assert_usage(f, 1, 2, 2, 0);
	free(keys);
}

struct fault_kind {
	void (*arm)(int nth);
	void (*disarm)(void);
	bool (*fired)(void);
};

static const struct fault_kind faults[] = {
	{ fault_arm, fault_disarm, fault_fired },
	{ fault_vfs_arm, fault_vfs_disarm, fault_vfs_fired },
	{ fault_vfs_arm_full, fault_vfs_disarm, fault_vfs_fired },
};

/* As its thread does: an error, and the same again. */
static void run_with_errors(struct fixture *f, size_t *errors)
{
	bool more = true;

	*errors = 0;
	for (int batches = 0; more; batches++) {
		assert_true(batches < 1000);
		enum pm_err err = rewrap_some(live(f), deadline_in_ms(60000), &more);
		if (err == PM_OK)
			continue;
		(*errors)++;
		more = true;
		fixture_until_admitted(f);
	}
}

static bool swept(struct fixture *f, const struct fault_kind *fault, const char *purpose,
		  const char *name, int nth)
{
	struct keys *keys = mint_some(f, 3);
	struct key_info revoked;
	size_t errors = 0;

	assert_int_equal(
		vault_revoke(f->vault, fixture_actor(f), "live", keys->info[2].id, &revoked),
		PM_OK);
	master_rotate(f, purpose, name);
	rewrap_begin(f, purpose, name);
	fault->arm(nth);
	run_with_errors(f, &errors);
	bool fired = fault->fired();
	fault->disarm();
	assert_true(fired || errors == 0);
	assert_false(master_get(f, purpose, name, 0).rewrap);
	assert_int_equal(usage_now(f, purpose, name, 1).to_rewrap, 0);
	assert_int_equal(atomic_load(&live(f)->quarantined), 0);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_all_verify(f, keys, 2);
	assert_int_equal(fixture_verify(f, "live", keys->text[2].text).reason, PM_REASON_REVOKED);
	free(keys);
	return fired;
}

static void sweep(const char *purpose, const char *name)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		int nth = 0;

		for (bool fired = true; fired; nth++) {
			void *state = NULL;

			fixture_setup(&state);
			fired = swept(state, &faults[i], purpose, name, nth);
			fixture_teardown(&state);
		}
		assert_true(nth > 1);
		print_message("%s %s, fault %zu: %d calls\n", purpose, name, i, nth - 1);
	}
}

static void whatever_call_fails_all_secrets_are_wrapped_in_the_end(void **state)
{
	(void)state;
	sweep(PEPPER);
}

static void whatever_call_fails_all_records_are_sealed_in_the_end(void **state)
{
	(void)state;
	sweep(RECORDS);
}

/* Its day has come: nothing brings it back to life, and nothing needs its version any more. */
static void what_ended_with_its_version_is_not_wrapped_to_live_again(void **state)
{
	struct fixture *f = *state;
	struct usage lines[16];
	struct key_info info;
	struct key_text text;
	size_t count = 0;

	fixture_mint(f, &info, &text);
	master_rotate(f, PEPPER);
	master_end(f, PEPPER, 1);
	rewrap_all(f, PEPPER);
	struct verdict verdict = fixture_verify(f, "live", text.text);
	assert_false(verdict.valid);
	assert_int_equal(verdict.reason, PM_REASON_PEPPER_ENDED);
	assert_int_equal(usage_count(live(f), PEPPER, lines, 16, &count), PM_OK);
	assert_int_equal(usage_of(lines, count, 1).needed, 0);
	assert_int_equal(usage_of(lines, count, 1).ended, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_ended_with_its_version_is_not_wrapped_to_live_again),
		TEST(dormant_secrets_are_wrapped_and_need_the_old_version_until_they_verify),
		TEST(what_is_left_is_told_while_it_goes_on),
		TEST(nothing_is_done_where_nothing_is_due),
		TEST(what_verifies_nothing_any_more_is_left_alone_and_counted_as_ended),
		TEST(a_row_that_was_altered_is_not_touched),
		TEST(a_secret_that_was_wrapped_too_often_waits_for_its_verify),
		TEST(all_records_are_sealed_anew_under_a_new_integrity_key),
		TEST(it_goes_on_where_it_was_when_the_vault_was_closed),
		TEST(what_comes_behind_it_is_found_by_the_next_pass),
		TEST(another_rotation_meanwhile_ends_it),
		TEST(nothing_is_wrapped_under_a_version_past_its_period),
		TEST(it_waits_for_the_token),
		cmocka_unit_test(whatever_call_fails_all_secrets_are_wrapped_in_the_end),
		cmocka_unit_test(whatever_call_fails_all_records_are_sealed_in_the_end),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
