/* Update, disable and enable, revoke. */
#include "key_fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"

static enum pm_err update(struct fixture *f, const char *id, struct update_params params,
			  struct key_info *info)
{
	params.environment = "live";
	params.key_id = id;
	return vault_update(f->vault, fixture_actor(f), &params, info);
}

static enum pm_err disable(struct fixture *f, const char *id, bool disabled, struct key_info *info)
{
	const struct update_params params = { .set_disabled = true, .disabled = disabled };

	return update(f, id, params, info);
}

static enum pm_err end_at(struct fixture *f, const char *id, int64_t at, struct key_info *info)
{
	const struct update_params params = { .set_expires_at = true, .expires_at = at };

	return update(f, id, params, info);
}

static void assert_refused(struct fixture *f, const char *id, struct update_params params,
			   enum pm_err why, const char *about)
{
	struct key_info before, after, ignored;

	keys_get(f, id, &before);
	assert_int_equal(update(f, id, params, &ignored), why);
	assert_non_null(f->actor.why);
	assert_non_null(strstr(f->actor.why, about));
	keys_get(f, id, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

static void only_what_is_set_changes(void **state)
{
	static const char *const scopes[] = { "b", "a" }, *const networks[] = { "10.0.0.0/8" },
				 *const names[] = { "k" }, *const values[] = { "v" };
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info old, info;
	struct update_params params = {
		.name = "ignored", .expires_at = 1, .not_before = 1, .disabled = true
	};

	keys_mint(f, &old, &secret);
	assert_int_equal(update(f, old.id, params, &info), PM_OK);
	assert_memory_equal(&old, &info, sizeof(info));
	params = (struct update_params){
		.set_name = true,
		.name = "new till",
		.set_scopes = true,
		.scopes = { scopes, 2 },
		.set_networks = true,
		.networks = { networks, 1 },
		.set_labels = true,
		.labels = { names, values, 1 },
	};
	assert_int_equal(update(f, old.id, params, &info), PM_OK);
	assert_string_equal(info.name, "new till");
	assert_string_equal(info.scopes, "a b");
	assert_string_equal(info.networks, "10.0.0.0/8");
	assert_string_equal(info.labels, "k=v\n");
	assert_int_equal(info.state, KEY_ACTIVE);
	assert_int_equal(info.secret_version, 1);
	params = (struct update_params){ .set_scopes = true };
	assert_int_equal(update(f, old.id, params, &info), PM_OK);
	assert_string_equal(info.scopes, "");
	assert_string_equal(info.networks, "10.0.0.0/8");
	assert_true(keys_refusal(f, &secret) == PM_REASON_ADDRESS_DENIED);
}

static void disabling_holds_until_it_is_enabled_again(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info, again;

	keys_mint(f, &info, &secret);
	assert_true(keys_verifies(f, &secret));
	assert_int_equal(disable(f, info.id, true, &info), PM_OK);
	assert_int_equal(info.state, KEY_DISABLED);
	assert_int_equal(keys_refusal(f, &secret), PM_REASON_DISABLED);
	fake_clock_advance(10);
	assert_int_equal(disable(f, info.id, true, &again), PM_OK);
	assert_int_equal(again.disabled_at, info.disabled_at);
	assert_int_equal(disable(f, info.id, false, &info), PM_OK);
	assert_int_equal(info.disabled_at, 0);
	assert_true(keys_verifies(f, &secret));
}

static void an_end_can_be_moved_and_taken_away(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_int_equal(end_at(f, info.id, clock_unix() + 100, &info), PM_OK);
	assert_int_equal(end_at(f, info.id, clock_unix() + 200, &info), PM_OK);
	fake_clock_advance(150);
	assert_true(keys_verifies(f, &secret));
	assert_int_equal(end_at(f, info.id, 0, &info), PM_OK);
	fake_clock_advance(150);
	assert_true(keys_verifies(f, &secret));
}

static void a_beginning_and_an_end_stay_in_order(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;
	int64_t now = clock_unix();

	keys_mint(f, &info, &secret);
	assert_refused(f, info.id,
		       (struct update_params){ .set_expires_at = true, .expires_at = now },
		       PM_BAD_REQUEST, "expires_at");
	assert_refused(f, info.id,
		       (struct update_params){ .set_not_before = true, .not_before = -1 },
		       PM_BAD_REQUEST, "not_before");
	assert_int_equal(end_at(f, info.id, now + 1000, &info), PM_OK);
	assert_refused(f, info.id,
		       (struct update_params){ .set_not_before = true, .not_before = now + 1000 },
		       PM_BAD_REQUEST, "not_before");
	const struct update_params both = { .set_not_before = true,
					    .not_before = now + 1500,
					    .set_expires_at = true,
					    .expires_at = now + 2000 };
	assert_int_equal(update(f, info.id, both, &info), PM_OK);
	assert_int_equal(info.state, KEY_NOT_YET);
	assert_int_equal(keys_refusal(f, &secret), PM_REASON_NOT_YET);
	assert_refused(f, info.id,
		       (struct update_params){ .set_expires_at = true, .expires_at = now + 1200 },
		       PM_BAD_REQUEST, "not_before");
}

static void malformed_lists_change_nothing(void **state)
{
	static const char *const bad[] = { "B AD" }, *const value[] = { "" };
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_refused(f, info.id,
		       (struct update_params){ .set_scopes = true, .scopes = { bad, 1 } },
		       PM_BAD_REQUEST, "scopes");
	assert_refused(f, info.id,
		       (struct update_params){ .set_networks = true, .networks = { bad, 1 } },
		       PM_BAD_REQUEST, "networks");
	assert_refused(f, info.id,
		       (struct update_params){ .set_labels = true, .labels = { bad, value, 1 } },
		       PM_BAD_REQUEST, "labels");
}

static void a_nearer_end_shortens_the_overlap_too(void **state)
{
	struct fixture *f = *state;
	struct key_secret old, new;
	struct key_info info;

	keys_mint(f, &info, &old);
	assert_int_equal(keys_rotate(f, info.id, 1000, false, &info, &new), PM_OK);
	assert_int_equal(end_at(f, info.id, clock_unix() + 100, &info), PM_OK);
	assert_int_equal(info.overlap_until, info.expires_at);
	/* And it does not grow again with the key. */
	assert_int_equal(end_at(f, info.id, 0, &info), PM_OK);
	fake_clock_advance(100);
	assert_int_equal(keys_refusal(f, &old), PM_REASON_SUPERSEDED);
	assert_true(keys_verifies(f, &new));
}

static void what_is_revoked_or_expired_stays_so(void **state)
{
	struct fixture *f = *state;
	const struct update_params longer = { .set_expires_at = true };
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_int_equal(end_at(f, info.id, clock_unix() + 10, &info), PM_OK);
	fake_clock_advance(10);
	assert_refused(f, info.id, longer, PM_CONFLICT, "expired");
	keys_revoke(f, info.id);
	assert_refused(f, info.id, longer, PM_CONFLICT, "revoked");
	assert_refused(f, info.id, (struct update_params){ .set_disabled = true }, PM_CONFLICT,
		       "revoked");
	assert_int_equal(keys_refusal(f, &secret), PM_REASON_REVOKED);
}

static void a_revoked_key_keeps_its_row_and_its_time(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info, again;

	keys_mint(f, &info, &secret);
	keys_revoke(f, info.id);
	keys_get(f, info.id, &info);
	fake_clock_advance(5);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &again), PM_OK);
	assert_int_equal(again.revoked_at, info.revoked_at);
	json_t *entry = fixture_newest_entry(f, "key.revoke");
	assert_string_equal(entry_text(entry, "err"), "ALREADY_DONE");
	json_decref(entry);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	keys_get(f, info.id, &info);
	assert_int_equal(info.state, KEY_REVOKED);
	assert_string_equal(info.account, "acme");
}

static void an_expired_or_disabled_key_can_be_revoked(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_int_equal(disable(f, info.id, true, &info), PM_OK);
	assert_int_equal(end_at(f, info.id, clock_unix() + 10, &info), PM_OK);
	fake_clock_advance(10);
	keys_revoke(f, info.id);
	assert_int_equal(keys_refusal(f, &secret), PM_REASON_REVOKED);
}

static void the_log_tells_what_changed_and_hides_the_name(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;
	const struct update_params params = { .set_name = true,
					      .name = "a-name-of-theirs",
					      .set_disabled = true,
					      .disabled = true,
					      .set_expires_at = true,
					      .set_scopes = true };

	keys_mint(f, &info, &secret);
	assert_int_equal(update(f, info.id, params, &info), PM_OK);
	json_t *entry = fixture_newest_entry(f, "key.update");
	assert_string_equal(entry_text(entry, "key"), info.id);
	assert_true(json_is_true(json_object_get(entry, "disabled")));
	assert_true(json_is_true(json_object_get(entry, "scopes")));
	assert_string_equal(entry_text(entry, "expires"), "none");
	assert_null(json_object_get(entry, "networks"));
	assert_memory_equal(entry_text(entry, "name"), "v1:", 3);
	json_decref(entry);
	assert_false(fixture_log_has(f, "a-name-of-theirs"));
}

static void an_update_that_changes_nothing_has_an_entry_all_the_same(void **state)
{
	struct fixture *f = *state;
	struct key_secret secret;
	struct key_info info;

	keys_mint(f, &info, &secret);
	assert_int_equal(update(f, info.id, (struct update_params){ 0 }, &info), PM_OK);
	assert_int_equal(fixture_count_entries(f, "key.update"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, keys_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_what_is_set_changes),
		TEST(disabling_holds_until_it_is_enabled_again),
		TEST(an_end_can_be_moved_and_taken_away),
		TEST(a_beginning_and_an_end_stay_in_order),
		TEST(malformed_lists_change_nothing),
		TEST(a_nearer_end_shortens_the_overlap_too),
		TEST(what_is_revoked_or_expired_stays_so),
		TEST(a_revoked_key_keeps_its_row_and_its_time),
		TEST(an_expired_or_disabled_key_can_be_revoked),
		TEST(the_log_tells_what_changed_and_hides_the_name),
		TEST(an_update_that_changes_nothing_has_an_entry_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
