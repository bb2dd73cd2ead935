/* What vouches for a secret: the outermost of the pepper versions that made its MAC. */
#include <string.h>

#include "layer.h"
#include "master_fixture.h"

static void refused(struct fixture *f, const struct key_text *text, enum pm_reason reason)
{
	struct verdict verdict = fixture_verify(f, "live", text->text);

	assert_false(verdict.valid);
	assert_int_equal(verdict.error, PM_OK);
	assert_string_equal(peppermint_reason_name(verdict.reason), peppermint_reason_name(reason));
}

static struct secret_record current(struct fixture *f, const char *id)
{
	return stored_key(f, id).secrets[SECRET_CURRENT];
}

/* v1 inside of v2, which is active. */
static void mint_wrapped(struct fixture *f, struct key_info *info, struct key_text *text)
{
	fixture_mint(f, info, text);
	master_rotate(f, PEPPER);
	rewrap_all(f, PEPPER);
	assert_int_equal(current(f, info->id).wrap_count, 1);
}

static void a_secret_wrapped_over_several_rotations_verifies_and_is_bare_then(void **state)
{
	struct fixture *f = *state;
	struct key_info info, seen;
	struct key_text text, wrong;

	fixture_mint(f, &info, &text);
	fixture_craft(&wrong, info.id);
	for (uint32_t depth = 1; depth <= 3; depth++) {
		master_rotate(f, PEPPER);
		rewrap_all(f, PEPPER);
		struct secret_record secret = current(f, info.id);
		assert_int_equal(secret.pepper_version, 1);
		assert_int_equal(secret.wrap_count, depth);
		assert_int_equal(layer_outermost(&secret), 1 + depth);
	}
	refused(f, &wrong, PM_REASON_WRONG_SECRET);
	assert_int_equal(current(f, info.id).wrap_count, 3);
	assert_int_equal(vault_get(f->vault, fixture_actor(f), "live", info.id, &seen), PM_OK);
	assert_int_equal(seen.pepper_version, 4);
	assert_true(fixture_verify(f, "live", text.text).valid);
	struct secret_record secret = current(f, info.id);
	assert_true(layer_is_bare(&secret, 4));
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void two_secrets_of_a_key_can_have_different_depths(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text old, new;
	struct bytes texts[2];
	struct verdict verdicts[2];

	mint_wrapped(f, &info, &old);
	const struct rotate_params params = { .environment = "live",
					      .key_id = info.id,
					      .overlap = 600 };
	assert_int_equal(fixture_rotate_text(f->vault, fixture_actor(f), &params, &info, &new),
			 PM_OK);
	assert_int_equal(current(f, info.id).wrap_count, 0);
	assert_int_equal(stored_key(f, info.id).secrets[SECRET_PREVIOUS].wrap_count, 1);
	texts[0] = bytes_str(old.text);
	texts[1] = bytes_str(new.text);
	assert_int_equal(
		fixture_verify_texts(f->vault, fixture_actor(f), "live", texts, 2, verdicts),
		PM_OK);
	assert_true(verdicts[0].valid);
	assert_true(verdicts[1].valid);
	assert_true(verdicts[0].secret_expires_at > 0);
	assert_int_equal(stored_key(f, info.id).secrets[SECRET_PREVIOUS].wrap_count, 0);
}

static void a_layer_is_bound_to_its_key_and_to_the_layer_below(void **state)
{
	struct fixture *f = *state;
	struct key_info info, other;
	struct key_text text, other_text;

	fixture_mint(f, &other, &other_text);
	mint_wrapped(f, &info, &text);
	const struct key_record good = stored_key(f, info.id);
	struct key_record record = good;
	struct secret_record *secret = &record.secrets[SECRET_CURRENT];

	*secret = current(f, other.id);
	store_key(f, &record);
	refused(f, &text, PM_REASON_WRONG_SECRET);

	*secret = good.secrets[SECRET_CURRENT];
	secret->pepper_version = 2;
	secret->wrap_count = 0;
	secret->wraps[0] = 0;
	store_key(f, &record);
	refused(f, &text, PM_REASON_WRONG_SECRET);

	*secret = good.secrets[SECRET_CURRENT];
	secret->version = 2;
	store_key(f, &record);
	refused(f, &text, PM_REASON_WRONG_SECRET);

	*secret = good.secrets[SECRET_CURRENT];
	store_key(f, &record);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void a_suspended_version_verifies_nothing_until_it_is_resumed(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text, wrong;

	fixture_mint(f, &info, &text);
	fixture_craft(&wrong, info.id);
	master_rotate(f, PEPPER);
	master_become(f, PEPPER, 1, MASTER_SUSPENDED);
	refused(f, &text, PM_REASON_PEPPER_SUSPENDED);
	/* That is for who has the secret. */
	refused(f, &wrong, PM_REASON_WRONG_SECRET);
	assert_int_equal(current(f, info.id).pepper_version, 1);
	master_become(f, PEPPER, 1, MASTER_VERIFY_ONLY);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void a_suspended_version_inside_is_as_good_as_outside(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	mint_wrapped(f, &info, &text);
	master_become(f, PEPPER, 1, MASTER_SUSPENDED);
	refused(f, &text, PM_REASON_PEPPER_SUSPENDED);
	master_become(f, PEPPER, 1, MASTER_VERIFY_ONLY);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void a_compromised_version_verifies_flagged_and_is_left_at_once(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	master_rotate(f, PEPPER);
	master_become(f, PEPPER, 1, MASTER_COMPROMISED);
	struct verdict verdict = fixture_verify(f, "live", text.text);
	assert_true(verdict.valid);
	assert_true(verdict.compromised);
	assert_int_equal(current(f, info.id).pepper_version, 2);
	verdict = fixture_verify(f, "live", text.text);
	assert_true(verdict.valid);
	assert_false(verdict.compromised);
}

static void past_its_end_a_compromised_version_verifies_only_what_was_wrapped(void **state)
{
	struct fixture *f = *state;
	struct key_info bare, wrapped;
	struct key_text bare_text, wrapped_text;

	mint_wrapped(f, &wrapped, &wrapped_text);
	master_rotate(f, PEPPER);
	fixture_mint(f, &bare, &bare_text);
	/* That one is under v3; and these end with it: */
	master_end(f, PEPPER, 1);
	struct verdict verdict = fixture_verify(f, "live", wrapped_text.text);
	assert_true(verdict.valid);
	assert_false(verdict.compromised);
	master_rotate(f, PEPPER);
	master_end(f, PEPPER, 3);
	refused(f, &bare_text, PM_REASON_PEPPER_ENDED);
	refused(f, &wrapped_text, PM_REASON_PEPPER_ENDED); /* it moved to v3 */
	assert_int_equal(current(f, bare.id).pepper_version, 3);
}

static void a_version_that_is_to_be_destroyed_vouches_for_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	master_rotate(f, PEPPER);
	master_become(f, PEPPER, 1, MASTER_DESTROY_SCHEDULED);
	refused(f, &text, PM_REASON_PEPPER_ENDED);
	master_become(f, PEPPER, 1, MASTER_DESTROYED);
	refused(f, &text, PM_REASON_WRONG_SECRET);
}

static void what_it_is_worth_now_is_told_before_the_state_of_the_key(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	master_rotate(f, PEPPER);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	refused(f, &text, PM_REASON_REVOKED);
	master_become(f, PEPPER, 1, MASTER_SUSPENDED);
	refused(f, &text, PM_REASON_PEPPER_SUSPENDED);
}

static void make_pan(struct fixture *f, struct value_hash *hash)
{
	const struct bytes value = bytes_str("4111111111111111");
	struct pepper_info info;

	assert_int_equal(vault_create_pepper(f->vault, fixture_actor(f), "live", "pan", &info),
			 PM_OK);
	assert_int_equal(vault_hash(f->vault, fixture_actor(f), "live", "pan", &value, 1, hash),
			 PM_OK);
	master_rotate(f, PURPOSE_PEPPER, "pan");
}

static struct hash_verdict check(struct fixture *f, const char *value,
				 const struct value_hash *hash)
{
	const struct hash_claim claim = { .value = bytes_str(value),
					  .hash = bytes_str(hash->text) };
	struct hash_verdict verdict;

	assert_int_equal(
		vault_verify_hash(f->vault, fixture_actor(f), "live", "pan", &claim, 1, &verdict),
		PM_OK);
	assert_int_equal(verdict.error, PM_OK);
	return verdict;
}

static void hashes_are_judged_by_their_version_too(void **state)
{
	static const struct {
		enum master_state state;
		bool match, compromised;
		enum pm_reason reason;
	} cases[] = {
		{ MASTER_VERIFY_ONLY, true, false, PM_REASON_NONE },
		{ MASTER_COMPROMISED, true, true, PM_REASON_NONE },
		{ MASTER_SUSPENDED, false, false, PM_REASON_PEPPER_SUSPENDED },
		{ MASTER_DESTROY_SCHEDULED, false, false, PM_REASON_PEPPER_ENDED },
	};
	struct fixture *f = *state;
	struct value_hash hash;

	make_pan(f, &hash);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		master_become(f, PURPOSE_PEPPER, "pan", 1, cases[i].state);
		struct hash_verdict verdict = check(f, "4111111111111111", &hash);
		assert_int_equal(verdict.match, cases[i].match);
		assert_int_equal(verdict.outdated, cases[i].match);
		assert_int_equal(verdict.compromised, cases[i].compromised);
		assert_int_equal(verdict.reason, cases[i].reason);
		assert_int_equal(check(f, "4111111111111112", &hash).reason, PM_REASON_MISMATCH);
	}
	master_become(f, PURPOSE_PEPPER, "pan", 1, MASTER_DESTROYED);
	assert_int_equal(check(f, "4111111111111111", &hash).reason, PM_REASON_UNKNOWN_VERSION);
}

/* A year of making, and the year is over. */
static void past_its_period_a_pepper_makes_nothing_and_verifies(void **state)
{
	struct fixture *f = *state;
	struct key_info info, minted;
	struct key_text text, fresh;
	const struct bytes value = bytes_str("4111111111111111");
	const struct mint_params mint = {
		.environment = "live", .account = "acme", .product = "", .name = ""
	};
	struct value_hash hash;

	fixture_mint(f, &info, &text);
	make_pan(f, &hash);
	assert_int_equal(vault_hash(f->vault, fixture_actor(f), "live", "pan", &value, 1, &hash),
			 PM_OK);
	live(f)->peppers = (struct vault_periods){ .make_uses = 1 };
	const struct rotate_params rotate = { .environment = "live", .key_id = info.id };
	assert_int_equal(fixture_mint_text(f->vault, fixture_actor(f), &mint, &minted, &fresh),
			 PM_KEY_PERIOD_OVER);
	assert_string_equal(fresh.text, "");
	assert_int_equal(fixture_rotate_text(f->vault, fixture_actor(f), &rotate, &minted, &fresh),
			 PM_KEY_PERIOD_OVER);
	assert_int_equal(vault_hash(f->vault, fixture_actor(f), "live", "pan", &value, 1, &hash),
			 PM_KEY_PERIOD_OVER);
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_true(check(f, "4111111111111111", &hash).match);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &minted), PM_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_secret_wrapped_over_several_rotations_verifies_and_is_bare_then),
		TEST(two_secrets_of_a_key_can_have_different_depths),
		TEST(a_layer_is_bound_to_its_key_and_to_the_layer_below),
		TEST(a_suspended_version_verifies_nothing_until_it_is_resumed),
		TEST(a_suspended_version_inside_is_as_good_as_outside),
		TEST(a_compromised_version_verifies_flagged_and_is_left_at_once),
		TEST(past_its_end_a_compromised_version_verifies_only_what_was_wrapped),
		TEST(a_version_that_is_to_be_destroyed_vouches_for_nothing),
		TEST(what_it_is_worth_now_is_told_before_the_state_of_the_key),
		TEST(hashes_are_judged_by_their_version_too),
		TEST(past_its_period_a_pepper_makes_nothing_and_verifies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
