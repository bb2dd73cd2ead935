/* What a key is to whoever verifies or reads it, and what an altered row is. (Its life: test_key_*.c.) */
#include "vault_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"

static int setup(void **state)
{
	fake_clock_reset();
	return fixture_setup(state);
}

static void assert_refused(struct verdict verdict, enum pm_reason reason)
{
	assert_false(verdict.valid);
	assert_int_equal(verdict.error, PM_OK);
	assert_string_equal(peppermint_reason_name(verdict.reason), peppermint_reason_name(reason));
	assert_string_equal(verdict.key_id, "");
	assert_string_equal(verdict.account, "");
}

static enum pm_err rotate(struct fixture *f, const char *id, int64_t overlap, bool force,
			  struct key_info *info, struct key_text *text)
{
	const struct rotate_params params = {
		.environment = "live", .key_id = id, .overlap = overlap, .force = force
	};

	return fixture_rotate_text(f->vault, fixture_actor(f), &params, info, text);
}

static void a_minted_key_verifies_as_what_it_is(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	struct verdict verdict = fixture_verify(f, "live", text.text);
	assert_true(verdict.valid);
	assert_int_equal(verdict.reason, PM_REASON_NONE);
	assert_string_equal(verdict.key_id, info.id);
	assert_string_equal(verdict.account, "acme");
	assert_string_equal(verdict.product, "pay");
	assert_int_equal(info.state, KEY_ACTIVE);
	assert_string_equal(info.created_by, "unit/alice");
	assert_memory_equal(info.masked, "*****", 5);
	assert_string_equal(info.masked + 5, text.text + strlen(text.text) - 3);
}

static void what_is_not_the_key_is_refused_with_its_reason(void **state)
{
	struct fixture *f = *state;
	struct key_info info, other_info;
	struct key_text text, other;

	fixture_mint(f, &info, &text);
	fixture_mint(f, &other_info, &other);
	assert_refused(fixture_verify(f, "live", ""), PM_REASON_MISSING);
	assert_refused(fixture_verify(f, "live", "nonsense"), PM_REASON_MALFORMED);
	assert_refused(fixture_verify(f, "test", text.text), PM_REASON_WRONG_ENVIRONMENT);

	char *last = text.text + strlen(text.text) - 1;
	*last = *last == 'x' ? 'y' : 'x';
	assert_refused(fixture_verify(f, "live", text.text), PM_REASON_BAD_CHECKSUM);
}

static void an_unknown_id_and_a_wrong_secret_cost_the_same_macs(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	/* Well-formed texts of a foreign vault: one with an id that exists here, one without. */
	struct key_text wrong, unknown;
	fixture_craft(&wrong, info.id);
	fixture_craft(&unknown, "0000000000000000");
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_refused(fixture_verify(f, "live", wrong.text), PM_REASON_WRONG_SECRET);
	uint64_t middle = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_refused(fixture_verify(f, "live", unknown.text), PM_REASON_UNKNOWN_KEY);
	assert_int_equal(fake_hsm_macs(f->hsm[LIVE_ENV]) - middle, middle - before);
}

static void verdicts_stand_in_the_order_of_the_texts(void **state)
{
	enum { COUNT = 200 };
	struct fixture *f = *state;
	struct key_info infos[3];
	struct key_text texts[3];
	struct bytes asked[COUNT];
	struct verdict *verdicts = calloc(COUNT, sizeof(*verdicts));

	for (size_t i = 0; i < 3; i++)
		fixture_mint(f, &infos[i], &texts[i]);
	for (size_t i = 0; i < COUNT; i++)
		asked[i] = i % 4 == 3 ? bytes_str("junk") : bytes_str(texts[i % 4].text);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", asked, COUNT, verdicts),
		PM_OK);
	for (size_t i = 0; i < COUNT; i++) {
		if (i % 4 == 3)
			assert_refused(verdicts[i], PM_REASON_MALFORMED);
		else
			assert_string_equal(verdicts[i].key_id, infos[i % 4].id);
	}
	free(verdicts);
}

static void a_key_expires_when_it_says(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct mint_params params = {
		.environment = "live", .account = "acme", .product = "", .name = ""
	};

	params.expires_at = clock_unix();
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_BAD_REQUEST);
	params.expires_at = clock_unix() + 1000;
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
	fake_clock_advance(1000);
	assert_refused(fixture_verify(f, "live", text.text), PM_REASON_EXPIRED);
	assert_int_equal(rotate(f, info.id, 0, false, &info, &text), PM_CONFLICT);
}

/* In an entry of the audit log its time could not be read. */
static void a_key_cannot_expire_in_a_year_of_five_digits(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct mint_params params = { .environment = "live",
				      .account = "acme",
				      .product = "",
				      .name = "",
				      .expires_at = INT64_C(253402300800) };

	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_BAD_REQUEST);
	assert_non_null(strstr(f->actor.why, "10000"));
	params.expires_at = INT64_MAX;
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_BAD_REQUEST);
	params.expires_at = INT64_C(253402300799);
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text),
			 PM_OK);
	json_t *entry = fixture_newest_entry(f, "key.mint");
	assert_string_equal(entry_text(entry, "expires"), "9999-12-31T23:59:59Z");
	json_decref(entry);
}

static void a_request_id_executes_once(void **state)
{
	struct fixture *f = *state;
	struct key_info info, ignored;
	struct key_text text, unused;
	const struct mint_params params = {
		.environment = "live", .account = "a", .product = "", .name = ""
	};
	struct key_page *page = calloc(1, sizeof(*page));
	const struct list_params all = { .environment = "live",
					 .account = "",
					 .product = "",
					 .page_token = "",
					 .page_size = 10 };

	struct actor *actor = fixture_actor(f);
	assert_int_equal(fixture_mint_text(f->vault, actor, &params, &info, &text), PM_OK);
	assert_int_equal(fixture_mint_text(f->vault, actor, &params, &ignored, &unused),
			 PM_ALREADY_DONE);
	assert_string_equal(actor->done_subject, info.id);
	actor->uid++; /* another caller's ids are its own */
	assert_int_equal(fixture_mint_text(f->vault, actor, &params, &ignored, &unused), PM_OK);
	actor->request_id = "";
	assert_int_equal(fixture_mint_text(f->vault, actor, &params, &ignored, &unused),
			 PM_BAD_REQUEST);
	assert_int_equal(vault_list(f->vault, fixture_actor(f), &all, page), PM_OK);
	assert_int_equal(page->total, 2);
	free(page);
}

/* Every column that says something about a key, edited behind the vault's back. */
static void an_edited_row_is_quarantined_and_never_honoured(void **state)
{
	static const char *const edits[] = {
		"UPDATE api_key SET account = 'evil'",
		"UPDATE api_key SET product = 'evil'",
		"UPDATE api_key SET name = 'evil'",
		"UPDATE api_key SET created_by = 'evil'",
		"UPDATE api_key SET expires_at = 4000000000",
		"UPDATE api_key SET created_at = created_at + 1",
		"UPDATE api_key SET revision = revision + 1",
		"UPDATE api_key SET revoked_at = 0 WHERE revoked_at <> 0",
		"UPDATE api_key SET seal_mac = zeroblob(32)",
		"UPDATE api_key SET seal_version = 2",
		"UPDATE api_key SET tail = 'zzz'",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		struct key_info info, got;
		struct key_text text;

		fixture_mint(f, &info, &text);
		assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &got),
				 PM_OK);
		fixture_sql(f, edits[i]);
		assert_refused(fixture_verify(f, "live", text.text), PM_REASON_QUARANTINED);
		assert_int_equal(vault_get(f->vault, fixture_actor(f), "live", info.id, &got),
				 PM_OK);
		assert_int_equal(got.state, KEY_QUARANTINED);
		assert_string_equal(got.account, "");
		assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &got),
				 PM_RECORD_QUARANTINED);
		fixture_sql(f, "DELETE FROM api_key");
	}
	struct environment_info status;
	assert_int_equal(vault_environment_status(f->vault, LIVE_ENV, &status), PM_OK);
	assert_true(status.quarantined >= 2 * sizeof(edits) / sizeof(edits[0]));
}

/* The hash of a key that somebody knows, moved to the row of one that he wants. */
static void a_hash_moved_to_another_row_verifies_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_info mine, theirs;
	struct key_text my_text, their_text;
	char sql[256];

	fixture_mint(f, &mine, &my_text);
	fixture_mint(f, &theirs, &their_text);
	snprintf(sql, sizeof(sql),
		 "UPDATE api_key SET current_mac = (SELECT current_mac FROM api_key WHERE id = "
		 "'%s') "
		 "WHERE id = '%s'",
		 mine.id, theirs.id);
	fixture_sql(f, sql);
	assert_refused(fixture_verify(f, "live", their_text.text), PM_REASON_QUARANTINED);
	assert_true(fixture_verify(f, "live", my_text.text).valid);
}

static void a_dead_hsm_gives_errors_and_not_verdicts(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct verdict verdict;

	fixture_mint(f, &info, &text);
	const struct bytes bytes = bytes_str(text.text);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_STARTING);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", &bytes, 1, &verdict),
		PM_HSM_UNAVAILABLE);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_SEALED);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", &bytes, 1, &verdict),
		PM_SEALED);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_SERVING);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_minted_key_verifies_as_what_it_is, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_not_the_key_is_refused_with_its_reason,
						setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_unknown_id_and_a_wrong_secret_cost_the_same_macs,
						setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(verdicts_stand_in_the_order_of_the_texts, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_key_expires_when_it_says, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_key_cannot_expire_in_a_year_of_five_digits, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_request_id_executes_once, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(an_edited_row_is_quarantined_and_never_honoured,
						setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_hash_moved_to_another_row_verifies_nothing, setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(a_dead_hsm_gives_errors_and_not_verdicts, setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
