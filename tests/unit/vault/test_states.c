/* The states of master keys: the table, and every pair of states through the call that changes them. */
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "state.h"

#define STATES (MASTER_DESTROY_SCHEDULED + 1)

/* As the specification has them; one line for each that may follow on another. */
static const struct {
	enum master_state from, to;
} allowed[] = {
	{ MASTER_STAGED, MASTER_ACTIVE },
	{ MASTER_STAGED, MASTER_DESTROYED },
	{ MASTER_STAGED, MASTER_DESTROY_SCHEDULED },
	{ MASTER_STAGED, MASTER_COMPROMISED },
	{ MASTER_ACTIVE, MASTER_VERIFY_ONLY },
	{ MASTER_ACTIVE, MASTER_COMPROMISED },
	{ MASTER_VERIFY_ONLY, MASTER_SUSPENDED },
	{ MASTER_VERIFY_ONLY, MASTER_COMPROMISED },
	{ MASTER_VERIFY_ONLY, MASTER_DESTROY_SCHEDULED },
	{ MASTER_SUSPENDED, MASTER_VERIFY_ONLY },
	{ MASTER_SUSPENDED, MASTER_COMPROMISED },
	{ MASTER_SUSPENDED, MASTER_DESTROY_SCHEDULED },
	{ MASTER_COMPROMISED, MASTER_DESTROY_SCHEDULED },
	{ MASTER_DESTROY_SCHEDULED, MASTER_VERIFY_ONLY },
	{ MASTER_DESTROY_SCHEDULED, MASTER_SUSPENDED },
	{ MASTER_DESTROY_SCHEDULED, MASTER_COMPROMISED },
	{ MASTER_DESTROY_SCHEDULED, MASTER_STAGED },
	{ MASTER_DESTROY_SCHEDULED, MASTER_DESTROYED },
};

static bool is_allowed(enum master_state from, enum master_state to)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if (allowed[i].from == from && allowed[i].to == to)
			return true;
	}
	return false;
}

static void exactly_the_specified_states_follow_on_each_other(void **state)
{
	(void)state;
	for (int from = -1; from <= STATES; from++) {
		for (int to = -1; to <= STATES; to++)
			assert_int_equal(
				state_may_follow((enum master_state)from, (enum master_state)to),
				is_allowed((enum master_state)from, (enum master_state)to));
	}
}

static void a_state_allows_what_it_is_said_to(void **state)
{
	static const struct {
		enum master_state state;
		const char *name;
		bool makes, vouches, flagged, in_token;
	} rules[] = {
		{ MASTER_STAGED, "STAGED", false, false, false, true },
		{ MASTER_ACTIVE, "ACTIVE", true, true, false, true },
		{ MASTER_VERIFY_ONLY, "VERIFY_ONLY", false, true, false, true },
		{ MASTER_SUSPENDED, "SUSPENDED", false, false, false, true },
		{ MASTER_COMPROMISED, "COMPROMISED", false, true, true, true },
		{ MASTER_DESTROY_SCHEDULED, "DESTROY_SCHEDULED", false, false, false, true },
		{ MASTER_DESTROYED, "DESTROYED", false, false, false, false },
		{ (enum master_state)0, "DESTROYED", false, false, false, false },
		{ (enum master_state)99, "DESTROYED", false, false, false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct state_rules *is = state_rules(rules[i].state);

		assert_string_equal(is->name, rules[i].name);
		assert_int_equal(is->makes, rules[i].makes);
		assert_int_equal(is->vouches, rules[i].vouches);
		assert_int_equal(is->flagged, rules[i].flagged);
		assert_int_equal(is->in_token, rules[i].in_token);
	}
}

static void an_intent_without_a_check_value_need_not_be_in_the_token(void **state)
{
	struct master_record record = { .state = MASTER_STAGED };

	(void)state;
	assert_false(state_in_token(&record));
	record.check[STORE_CHECK_LEN - 1] = 1;
	assert_true(state_in_token(&record));
	record.state = MASTER_DESTROYED;
	assert_false(state_in_token(&record));
}

/* What each verb makes of a version in each state; 0: it is refused. */
static const struct {
	enum master_verb verb;
	enum master_state from, to;
} effects[] = {
	{ MASTER_VERB_ACTIVATE, MASTER_STAGED, MASTER_ACTIVE },
	{ MASTER_VERB_SUSPEND, MASTER_VERIFY_ONLY, MASTER_SUSPENDED },
	{ MASTER_VERB_RESUME, MASTER_SUSPENDED, MASTER_VERIFY_ONLY },
	{ MASTER_VERB_COMPROMISE, MASTER_STAGED, MASTER_COMPROMISED },
	{ MASTER_VERB_COMPROMISE, MASTER_ACTIVE, MASTER_COMPROMISED },
	{ MASTER_VERB_COMPROMISE, MASTER_VERIFY_ONLY, MASTER_COMPROMISED },
	{ MASTER_VERB_COMPROMISE, MASTER_SUSPENDED, MASTER_COMPROMISED },
	{ MASTER_VERB_DESTROY, MASTER_STAGED, MASTER_DESTROY_SCHEDULED },
	{ MASTER_VERB_DESTROY, MASTER_VERIFY_ONLY, MASTER_DESTROY_SCHEDULED },
	{ MASTER_VERB_DESTROY, MASTER_SUSPENDED, MASTER_DESTROY_SCHEDULED },
	{ MASTER_VERB_DESTROY, MASTER_COMPROMISED, MASTER_DESTROY_SCHEDULED },
	{ MASTER_VERB_CANCEL, MASTER_DESTROY_SCHEDULED, MASTER_VERIFY_ONLY },
};

static enum master_state effect(enum master_verb verb, enum master_state from)
{
	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++) {
		if (effects[i].verb == verb && effects[i].from == from)
			return effects[i].to;
	}
	return (enum master_state)0;
}

/* Beside an active version, which it takes over from if it is to be that itself. */
static uint32_t put_in_state(struct fixture *f, const char *purpose, const char *name,
			     enum master_state from)
{
	change_ok(f, purpose, name, 0, MASTER_VERB_ROTATE);
	uint32_t active = master_get(f, purpose, name, 0).version;
	struct master_record record = master_get(f, purpose, name, active - 1);

	if (from == MASTER_ACTIVE)
		return active;
	record.state = from;
	if (from == MASTER_DESTROY_SCHEDULED) {
		record.prior = MASTER_VERIFY_ONLY;
		record.destroy_at = clock_unix() + 1000;
	}
	master_put(f, &record);
	return record.version;
}

static size_t count_active(struct fixture *f, const char *purpose, const char *name)
{
	size_t active = 0;

	for (size_t i = 0; i < live(f)->master_count; i++) {
		const struct master_record *master = &live(f)->masters[i];

		active += strcmp(master->purpose, purpose) == 0 &&
			  strcmp(master->name, name) == 0 && master->state == MASTER_ACTIVE;
	}
	return active;
}

static void try_verb(struct fixture *f, const char *purpose, const char *name,
		     enum master_state from, enum master_verb verb)
{
	uint32_t version = put_in_state(f, purpose, name, from);
	enum master_state expected = effect(verb, from);

	enum pm_err err = change(f, purpose, name, version, verb);
	enum master_state now = change_state(f, purpose, name, version);
	assert_int_equal(err, expected ? PM_OK : PM_CONFLICT);
	assert_int_equal(now, expected ? expected : from);
	assert_true(now == from || is_allowed(from, now));
	assert_int_equal(count_active(f, purpose, name), 1);
	if (!expected)
		assert_non_null(f->actor.why);
	/* What is in memory is what is stored. */
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(change_state(f, purpose, name, version), now);
	/* There is room for 64 versions only; what is left over goes. */
	if (now == MASTER_STAGED)
		master_become(f, purpose, name, version, MASTER_DESTROYED);
}

static void try_all(struct fixture *f, const char *purpose, const char *name)
{
	for (enum master_state from = MASTER_STAGED; from < STATES; from++) {
		for (enum master_verb verb = MASTER_VERB_ACTIVATE; verb <= MASTER_VERB_CANCEL;
		     verb++) {
			if (verb != MASTER_VERB_REWRAP)
				try_verb(f, purpose, name, from, verb);
		}
	}
}

static void every_verb_in_every_state_of_a_pepper_follows_the_table(void **state)
{
	struct fixture *f = *state;

	change_make_pan(f, 1);
	try_all(f, PAN);
}

static void every_verb_in_every_state_of_an_audit_key_follows_the_table(void **state)
{
	struct fixture *f = *state;

	try_all(f, PURPOSE_AUDIT, AUDIT_TEXT_NAME);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_specified_states_follow_on_each_other),
		cmocka_unit_test(a_state_allows_what_it_is_said_to),
		cmocka_unit_test(an_intent_without_a_check_value_need_not_be_in_the_token),
		TEST(every_verb_in_every_state_of_a_pepper_follows_the_table),
		TEST(every_verb_in_every_state_of_an_audit_key_follows_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
