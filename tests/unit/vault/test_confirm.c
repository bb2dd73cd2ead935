/* Step-up: confirmations, what each is bound to, and what they and the PIN are asked for. */
#include "people_fixture.h"

#include <stdio.h>
#include <string.h>

#include "confirms.h"
#include "fake_clock.h"

static enum pm_err revoke(struct fixture *f, struct actor *actor, const char *key_id)
{
	struct key_info info;

	return vault_revoke(f->vault, actor, "live", key_id, &info);
}

static enum pm_err rotate(struct fixture *f, struct actor *actor, const char *key_id)
{
	const struct rotate_params params = { .environment = "live", .key_id = key_id };
	struct key_info info;
	struct key_secret secret;

	return vault_rotate(f->vault, actor, &params, &info, &secret);
}

static void mint(struct fixture *f, struct key_info *info)
{
	struct key_text text;

	assert_int_equal(people_mint(f, fixture_actor(f), "acme", info, &text), PM_OK);
}

static enum pm_err confirm(struct fixture *f, struct actor *actor, enum vault_act act,
			   const char *subject, struct confirmation *out)
{
	return vault_confirm(f->vault, actor, "live", act, subject, out);
}

static void an_act_needs_a_confirmation_and_the_pin_and_uses_the_first_up(void **state)
{
	struct fixture *f = *state;
	struct key_info key, other;

	people_all(f);
	mint(f, &key);
	mint(f, &other);
	assert_int_equal(revoke(f, people_portal(f, ADMIN), key.id), PM_STEP_UP_REQUIRED);
	struct actor *actor = people_stepped_up(f, ADMIN, ACT_REVOKE, key.id, PIN);
	const char *token = actor->confirmation;
	assert_int_equal(strlen(token), VAULT_CONFIRMATION_LEN);
	actor->pin = bytes_str("");
	assert_int_equal(revoke(f, actor, key.id), PM_STEP_UP_REQUIRED);
	actor = people_portal(f, ADMIN);
	actor->pin = bytes_str(PIN);
	assert_int_equal(revoke(f, actor, key.id), PM_STEP_UP_REQUIRED);
	/* Neither of these tried anything. */
	actor = people_portal(f, ADMIN);
	actor->pin = bytes_str(PIN);
	actor->confirmation = token;
	assert_int_equal(revoke(f, actor, key.id), PM_OK);
	assert_int_equal(people_find(f, ADMIN).failures, 0);
	actor = people_portal(f, ADMIN);
	actor->pin = bytes_str(PIN);
	actor->confirmation = token;
	assert_int_equal(revoke(f, actor, key.id), PM_STEP_UP_REQUIRED);
}

/* What is wrong about the presentation of a good confirmation. */
enum wrong { NOTHING, CALLER, OPERATOR, ENVIRONMENT, ACT, SUBJECT, TOKEN, LATE, WRONGS };

static enum pm_err present(struct fixture *f, enum wrong wrong, const char *key_id,
			   const char *other_id)
{
	struct confirmation confirmation;
	struct key_info info;

	assert_int_equal(confirm(f, people_portal(f, ADMIN), ACT_REVOKE, key_id, &confirmation),
			 PM_OK);
	struct actor *actor = people_portal(f, wrong == OPERATOR ? ROOT : ADMIN);
	actor->uid += wrong == CALLER;
	actor->pin = bytes_str(PIN);
	if (wrong == TOKEN)
		confirmation.token[21] = confirmation.token[21] == 'x' ? 'y' : 'x';
	if (wrong == LATE)
		fake_clock_advance(CONFIRM_SECONDS);
	actor->confirmation = confirmation.token;
	if (wrong == ENVIRONMENT)
		return vault_revoke(f->vault, actor, "test", key_id, &info);
	if (wrong == ACT)
		return rotate(f, actor, key_id);
	return revoke(f, actor, wrong == SUBJECT ? other_id : key_id);
}

static void a_confirmation_is_bound_to_caller_operator_environment_act_subject_and_time(
	void **state)
{
	struct fixture *f = *state;
	struct key_info key, other;

	people_all(f);
	mint(f, &key);
	mint(f, &other);
	for (enum wrong wrong = CALLER; wrong < WRONGS; wrong++) {
		enum pm_err err = present(f, wrong, key.id, other.id);

		/* In `test` there is neither that key nor that operator. */
		assert_int_equal(err, wrong == ENVIRONMENT ? PM_NOT_FOUND : PM_STEP_UP_REQUIRED);
	}
	/* No PIN was tried with a confirmation that was none. */
	assert_int_equal(people_find(f, ADMIN).failures, 0);
	assert_int_equal(present(f, NOTHING, key.id, other.id), PM_OK);
}

/* The module by itself, where everything else is the same. */
static void confirmations_of_two_environments_are_two(void **state)
{
	static const struct environment live = { .name = "live" }, test = { .name = "test" };
	struct actor actor = { .uid = 1, .operator_name = "o", .confirmation = "" };
	struct confirms *confirms = NULL;
	struct confirmation out;

	(void)state;
	assert_int_equal(confirms_new(&confirms), PM_OK);
	assert_int_equal(confirms_open(confirms, &live, &actor, ACT_REVOKE, "s", &out), PM_OK);
	actor.confirmation = out.token;
	assert_false(confirms_use(confirms, &test, &actor, ACT_REVOKE, "s"));
	assert_false(confirms_use(confirms, &live, &actor, ACT_RESET, "s"));
	assert_false(confirms_use(confirms, &live, &actor, ACT_REVOKE, "S"));
	assert_true(confirms_use(confirms, &live, &actor, ACT_REVOKE, "s"));
	assert_false(confirms_use(confirms, &live, &actor, ACT_REVOKE, "s"));
	confirms_free(confirms);
}

static bool open_one(struct confirms *confirms, uint32_t uid, const char *who, char token[32])
{
	static const struct environment env = { .name = "live" };
	const struct actor actor = { .uid = uid, .operator_name = who };
	struct confirmation out;

	enum pm_err err = confirms_open(confirms, &env, &actor, ACT_REVOKE, "s", &out);
	strcpy(token, out.token);
	assert_true(err == PM_OK || err == PM_BUSY);
	return err == PM_OK;
}

static bool use_one(struct confirms *confirms, uint32_t uid, const char *who, const char *token)
{
	static const struct environment env = { .name = "live" };
	const struct actor actor = { .uid = uid, .operator_name = who, .confirmation = token };

	return confirms_use(confirms, &env, &actor, ACT_REVOKE, "s");
}

static void the_seventeenth_of_one_operator_takes_the_place_of_his_first(void **state)
{
	struct confirms *confirms = NULL;
	char tokens[CONFIRMS_EACH + 1][32], other[32];

	(void)state;
	assert_int_equal(confirms_new(&confirms), PM_OK);
	assert_true(open_one(confirms, 1, "other", other));
	for (int i = 0; i <= CONFIRMS_EACH; i++)
		assert_true(open_one(confirms, 1, "o", tokens[i]));
	assert_false(use_one(confirms, 1, "o", tokens[0]));
	for (int i = 1; i <= CONFIRMS_EACH; i++)
		assert_true(use_one(confirms, 1, "o", tokens[i]));
	assert_true(use_one(confirms, 1, "other", other));
	confirms_free(confirms);
}

static void there_are_1024_at_most_until_some_are_used_or_old(void **state)
{
	struct confirms *confirms = NULL;
	char first[32], token[32];
	uint32_t uid = 0;

	(void)state;
	fake_clock_reset();
	assert_int_equal(confirms_new(&confirms), PM_OK);
	assert_true(open_one(confirms, uid++, "o", first));
	while (uid < CONFIRMS_MAX)
		assert_true(open_one(confirms, uid++, "o", token));
	assert_false(open_one(confirms, uid, "o", token));
	assert_true(use_one(confirms, 0, "o", first));
	assert_true(open_one(confirms, uid++, "o", token));
	assert_false(open_one(confirms, uid, "o", token));
	fake_clock_advance(CONFIRM_SECONDS);
	assert_true(open_one(confirms, uid, "o", token));
	confirms_free(confirms);
}

static void a_clock_that_is_set_back_keeps_no_confirmation_open(void **state)
{
	struct confirms *confirms = NULL;
	char little[32], far[32];

	(void)state;
	fake_clock_reset();
	assert_int_equal(confirms_new(&confirms), PM_OK);
	assert_true(open_one(confirms, 1, "o", little));
	assert_true(open_one(confirms, 1, "o", far));
	fake_clock_advance(-CONFIRM_SECONDS);
	assert_true(use_one(confirms, 1, "o", little));
	fake_clock_advance(-1);
	assert_false(use_one(confirms, 1, "o", far));
	fake_clock_reset();
	confirms_free(confirms);
}

static void confirmations_do_not_survive_a_restart(void **state)
{
	struct fixture *f = *state;
	struct key_info key;

	people_all(f);
	mint(f, &key);
	struct actor *actor = people_stepped_up(f, ADMIN, ACT_REVOKE, key.id, PIN);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(revoke(f, actor, key.id), PM_STEP_UP_REQUIRED);
}

static void a_wrong_pin_uses_the_confirmation_up(void **state)
{
	struct fixture *f = *state;
	struct key_info key;

	people_all(f);
	mint(f, &key);
	struct actor *actor = people_stepped_up(f, ADMIN, ACT_REVOKE, key.id, "0000");
	const char *token = actor->confirmation;
	assert_int_equal(revoke(f, actor, key.id), PM_PIN_WRONG);
	actor = people_portal(f, ADMIN);
	actor->confirmation = token;
	actor->pin = bytes_str(PIN);
	assert_int_equal(revoke(f, actor, key.id), PM_STEP_UP_REQUIRED);
	assert_int_equal(people_find(f, ADMIN).failures, 1);
}

static enum pm_err reset(struct fixture *f, struct actor *actor, const char *key_id)
{
	const struct rotate_params params = { .environment = "live", .key_id = key_id };
	struct key_info info;
	struct key_secret secret;

	return vault_reset(f->vault, actor, &params, &info, &secret);
}

static void a_reset_needs_a_confirmation_of_everybody_and_a_pin_of_operators(void **state)
{
	struct fixture *f = *state;
	struct confirmation confirmation;
	struct key_info key;

	people_all(f);
	mint(f, &key);
	assert_int_equal(reset(f, fixture_actor(f), key.id), PM_STEP_UP_REQUIRED);
	assert_int_equal(confirm(f, fixture_actor(f), ACT_RESET, key.id, &confirmation), PM_OK);
	assert_false(confirmation.pin_needed);
	assert_non_null(strstr(confirmation.text, "final"));
	assert_non_null(strstr(confirmation.text, key.id));
	struct actor *actor = fixture_actor(f);
	actor->confirmation = confirmation.token;
	assert_int_equal(reset(f, actor, key.id), PM_OK);
	assert_int_equal(confirm(f, people_portal(f, ADMIN), ACT_RESET, key.id, &confirmation),
			 PM_OK);
	assert_true(confirmation.pin_needed);
	actor = people_stepped_up(f, ADMIN, ACT_RESET, key.id, PIN);
	assert_int_equal(reset(f, actor, key.id), PM_OK);
}

static void set_policy(struct fixture *f, struct vault_policy policy)
{
	f->policy[LIVE_ENV] = policy;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

static void which_acts_need_it_is_policy_and_a_reset_is_confirmed_anyway(void **state)
{
	struct fixture *f = *state;
	const struct update_params rename = { .environment = "live",
					      .set_name = true,
					      .name = "x" };
	struct update_params update = rename;
	struct confirmation confirmation;
	struct key_info key, info;

	people_all(f);
	mint(f, &key);
	update.key_id = key.id;
	assert_int_equal(vault_update(f->vault, people_portal(f, ADMIN), &update, &info), PM_OK);
	set_policy(f, (struct vault_policy){ .step_up = 1U << ACT_UPDATE });
	assert_int_equal(vault_update(f->vault, people_portal(f, ADMIN), &update, &info),
			 PM_STEP_UP_REQUIRED);
	assert_int_equal(vault_update(f->vault,
				      people_stepped_up(f, ADMIN, ACT_UPDATE, key.id, PIN), &update,
				      &info),
			 PM_OK);
	set_policy(f, (struct vault_policy){ .no_step_up = true });
	assert_int_equal(reset(f, people_portal(f, ADMIN), key.id), PM_STEP_UP_REQUIRED);
	assert_int_equal(confirm(f, people_portal(f, ADMIN), ACT_RESET, key.id, &confirmation),
			 PM_OK);
	assert_false(confirmation.pin_needed);
	struct actor *actor = people_portal(f, ADMIN);
	actor->confirmation = confirmation.token;
	assert_int_equal(reset(f, actor, key.id), PM_OK);
	assert_int_equal(revoke(f, people_portal(f, ADMIN), key.id), PM_OK);
}

static void nobody_is_given_a_confirmation_for_what_he_may_not(void **state)
{
	struct fixture *f = *state;
	struct confirmation out;
	struct key_info key;

	people_all(f);
	people_operator(f, "viewer", "acme", OPERATOR_VIEWER, PIN);
	people_operator(f, "stranger", "other", OPERATOR_SUPERADMIN, PIN);
	mint(f, &key);
	static const char *const others[] = { "viewer", "stranger", "nobody" };
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(confirm(f, people_portal(f, others[i]), ACT_REVOKE, key.id, &out),
				 PM_NOT_FOUND);
		assert_int_equal(
			confirm(f, people_portal(f, others[i]), ACT_MINT, "acme/pay", &out),
			PM_NOT_FOUND);
		assert_string_equal(out.text, "");
		assert_string_equal(out.token, "");
	}
	assert_int_equal(confirm(f, people_portal(f, ADMIN), ACT_OPERATORS, "x", &out),
			 PM_NOT_FOUND);
	assert_int_equal(confirm(f, people_portal(f, ADMIN), ACT_REVOKE, "0000000000000000", &out),
			 PM_NOT_FOUND);
}

static void a_request_that_names_no_act_or_subject_is_bad(void **state)
{
	struct fixture *f = *state;
	struct confirmation out;
	char longest[CONFIRM_SUBJECT_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(confirm(f, fixture_actor(f), 0, "x", &out), PM_BAD_REQUEST);
	assert_int_equal(confirm(f, fixture_actor(f), 8, "x", &out), PM_BAD_REQUEST);
	assert_int_equal(confirm(f, fixture_actor(f), ACT_MINT, "", &out), PM_BAD_REQUEST);
	assert_int_equal(confirm(f, fixture_actor(f), ACT_MINT, "acme", &out), PM_BAD_REQUEST);
	assert_int_equal(confirm(f, fixture_actor(f), ACT_MINT, "/pay", &out), PM_BAD_REQUEST);
	assert_int_equal(confirm(f, fixture_actor(f), ACT_MINT, longest, &out), PM_BAD_REQUEST);
	assert_int_equal(confirm(f, fixture_actor(f), ACT_MINT, "a/b/pay", &out), PM_OK);
	assert_string_equal(out.text, "account a/b gets a new key for product pay");
	assert_int_equal(fixture_count_entries(f, "act.confirm"), 1);
	assert_false(fixture_log_has(f, "a/b"));
}

static void a_change_of_operators_steps_up_too(void **state)
{
	struct fixture *f = *state;
	const struct grant viewer = { "acme", OPERATOR_VIEWER };
	const struct operator_params params = {
		.environment = "live", .id = "new", .name = "", .grants = &viewer, .grant_count = 1
	};
	struct operator_info info;

	people_all(f);
	assert_int_equal(vault_create_operator(f->vault, people_portal(f, ROOT), &params, &info),
			 PM_STEP_UP_REQUIRED);
	assert_int_equal(vault_create_operator(
				 f->vault, people_stepped_up(f, ROOT, ACT_OPERATORS, "new", "0000"),
				 &params, &info),
			 PM_PIN_WRONG);
	assert_int_equal(vault_create_operator(
				 f->vault, people_stepped_up(f, ROOT, ACT_OPERATORS, "old", PIN),
				 &params, &info),
			 PM_STEP_UP_REQUIRED);
	assert_int_equal(vault_create_operator(
				 f->vault, people_stepped_up(f, ROOT, ACT_OPERATORS, "new", PIN),
				 &params, &info),
			 PM_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, people_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_act_needs_a_confirmation_and_the_pin_and_uses_the_first_up),
		TEST(a_confirmation_is_bound_to_caller_operator_environment_act_subject_and_time),
		cmocka_unit_test(confirmations_of_two_environments_are_two),
		cmocka_unit_test(the_seventeenth_of_one_operator_takes_the_place_of_his_first),
		cmocka_unit_test(there_are_1024_at_most_until_some_are_used_or_old),
		cmocka_unit_test(a_clock_that_is_set_back_keeps_no_confirmation_open),
		TEST(confirmations_do_not_survive_a_restart),
		TEST(a_wrong_pin_uses_the_confirmation_up),
		TEST(a_reset_needs_a_confirmation_of_everybody_and_a_pin_of_operators),
		TEST(which_acts_need_it_is_policy_and_a_reset_is_confirmed_anyway),
		TEST(nobody_is_given_a_confirmation_for_what_he_may_not),
		TEST(a_request_that_names_no_act_or_subject_is_bad),
		TEST(a_change_of_operators_steps_up_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
