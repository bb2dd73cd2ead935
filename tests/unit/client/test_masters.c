/* Master keys, tokens and PINs: there and back, and answers that no vault gives. */
#include <string.h>

#include "fixture.h"

static const uint8_t orphan[16] = "0123456789abcdef";

static void release(Peppermint__V1__Request *request)
{
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void every_version_is_listed(void **state)
{
	struct fixture *f = *state;
	struct peppermint_master masters[2];
	size_t count = 0;

	assert_ok(peppermint_list_masters(f->vault, "test", NULL, NULL, masters, 2, &count, NULL));
	assert_int_equal(count, 2);
	assert_string_equal(masters[0].environment, "test");
	assert_string_equal(masters[0].purpose, "pepper");
	assert_string_equal(masters[0].name, "api-keys");
	assert_int_equal(masters[0].version, 1);
	assert_int_equal(masters[0].state, PEPPERMINT_PEPPER_VERIFY_ONLY);
	assert_int_equal(masters[0].created_at, 1767225600);
	assert_int_equal(masters[0].make_until, 1767225600 + 86400);
	assert_int_equal(masters[0].uses, 7);
	assert_int_equal(masters[0].last_used_at, 1767225660);
	assert_int_equal(masters[0].needed, CANNED_RECORDS);
	assert_int_equal(masters[0].wrapped, 0);
	assert_int_equal(masters[1].state, PEPPERMINT_PEPPER_ACTIVE);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->list_masters->purpose, "");
	release(request);
	assert_ok(peppermint_list_masters(f->vault, "test", "integrity", "records", masters, 2,
					  &count, NULL));
	assert_string_equal(masters[1].purpose, "integrity");
	assert_string_equal(masters[1].name, "records");
}

static void more_versions_than_there_is_room_for_are_counted(void **state)
{
	struct fixture *f = *state;
	struct peppermint_master master;
	size_t count = 0;

	assert_int_equal(
		peppermint_list_masters(f->vault, "test", NULL, NULL, &master, 1, &count, &f->call),
		PM_TOO_LARGE);
	assert_int_equal(count, 2);
	assert_int_equal(master.version, 0);
}

static void a_change_carries_everything_and_tells_what_was_done(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_master_change change = {
		.environment = "test",
		.purpose = "integrity",
		.name = "gone",
		.version = 1,
		.verb = PEPPERMINT_MASTER_DESTROY,
		.after_seconds = 60,
		.dry_run = true,
		.force = true,
	};
	struct peppermint_master_outcome outcome;

	assert_ok(peppermint_change_master(f->vault, &change, &outcome, &f->call));
	assert_string_equal(outcome.text, "verb 7 of integrity/gone version 1, after 60");
	assert_int_equal(outcome.before.version, 1);
	assert_int_equal(outcome.after.version, 1);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->change_master->dry_run);
	assert_true(request->change_master->force);
	assert_string_not_equal(request->request_id, "");
	release(request);
}

static void a_new_version_has_no_before(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_master_change change = { .environment = "test",
							 .name = "young",
							 .verb = PEPPERMINT_MASTER_ROTATE };
	struct peppermint_master_outcome outcome;

	assert_ok(peppermint_change_master(f->vault, &change, &outcome, &f->call));
	assert_int_equal(outcome.before.version, 0);
	assert_int_equal(outcome.after.version, 2);
	assert_string_equal(outcome.after.purpose, "pepper");
	struct peppermint_master_change dry = change;
	dry.dry_run = true;
	assert_ok(peppermint_change_master(f->vault, &dry, &outcome, &f->call));
	assert_int_equal(outcome.after.version, 0);
	assert_string_not_equal(outcome.text, "");
}

static void a_change_that_is_refused_says_why_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_master_change change = { .environment = "test",
							 .name = "pan",
							 .version = 1,
							 .verb = PEPPERMINT_MASTER_DESTROY };
	struct peppermint_master_outcome outcome;

	memset(&outcome, 0xff, sizeof(outcome));
	assert_int_equal(peppermint_change_master(f->vault, &change, &outcome, &f->call),
			 PM_CONFLICT);
	assert_string_equal(f->call.message, "250 API keys need it");
	assert_int_equal(outcome.after.version, 0);
	assert_string_equal(outcome.text, "");
}

static void status_tells_of_both_tokens(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;

	assert_ok(peppermint_get_status(f->vault, &status, NULL));
	const struct peppermint_environment *test = &status.environments[0];
	assert_int_equal(test->token_count, 2);
	assert_true(test->tokens[0].active);
	assert_int_equal(test->tokens[0].state, PEPPERMINT_TOKEN_READY);
	assert_int_equal(test->tokens[1].state, PEPPERMINT_TOKEN_UNFIT);
	assert_string_equal(test->tokens[1].serial, "CLONE");
	assert_int_equal(test->tokens[1].restarts, 4);
	assert_mentions(test->tokens[1].detail, "pan/v2");
	assert_int_equal(test->key_warnings, 2);
	assert_int_equal(test->sessions, 6);
	assert_true(test->proven);
	assert_int_equal(test->checked_at, 1767225600);
	assert_int_equal(status.environments[1].token_count, 1);
	assert_int_equal(status.environments[1].tokens[0].state, PEPPERMINT_TOKEN_SEALED);
}

static void a_token_is_shown_with_its_objects(void **state)
{
	static struct peppermint_token token;
	struct fixture *f = *state;

	assert_ok(peppermint_inspect_token(f->vault, "test", 0, &token, NULL));
	assert_string_equal(token.serial, "0123456789abcdef");
	assert_true(token.not_certified);
	assert_true(token.active);
	assert_int_equal(token.flags, 0x42d);
	assert_true(token.free_private_memory == UINT64_MAX);
	assert_int_equal(token.mechanism_count, 2);
	assert_string_equal(token.mechanisms[0].name, "CKM_SHA256_HMAC");
	assert_int_equal(token.mechanisms[0].proof, PEPPERMINT_PROOF_GOOD);
	assert_true(token.mechanisms[0].enforced);
	assert_int_equal(token.mechanisms[1].proof, PEPPERMINT_PROOF_NOT_TRIED);
	assert_int_equal(token.object_count, 2);
	assert_int_equal(token.objects[0].version, 2);
	assert_true(token.objects[0].is_private);
	assert_false(token.objects[0].extractable);
	assert_true(token.objects[0].sound);
	assert_int_equal(token.objects[1].version, 0);
	assert_string_equal(token.objects[1].label, CANNED_ORPHAN_LABEL);
	assert_memory_equal(token.objects[1].key_id, orphan, 16);
	assert_ok(peppermint_inspect_token(f->vault, "test", 1, &token, NULL));
	assert_string_equal(token.serial, "CLONE");
}

static void an_orphan_is_settled_by_its_id(void **state)
{
	static const uint8_t other[16] = { 1 };
	struct fixture *f = *state;
	struct peppermint_object object;

	assert_ok(peppermint_settle_orphan(f->vault, "test", orphan, true, true, &object, NULL));
	assert_string_equal(object.label, CANNED_ORPHAN_LABEL);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->settle_orphan->adopt);
	assert_true(request->settle_orphan->dry_run);
	release(request);
	assert_int_equal(
		peppermint_settle_orphan(f->vault, "test", other, false, false, &object, &f->call),
		PM_NOT_FOUND);
	assert_string_equal(object.label, "");
}

static void a_pin_is_sent_as_it_is(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_value pin = { "\0\xff\n", 3 }, next = { "271828", 6 };

	assert_ok(peppermint_unseal(f->vault, "test", &pin, &f->call));
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->unseal->pin.len, 3);
	assert_memory_equal(request->unseal->pin.data, "\0\xff\n", 3);
	release(request);
	assert_ok(peppermint_change_pin(f->vault, "test", &pin, &next, &f->call));
	request = canned_last(f->canned);
	assert_memory_equal(request->change_pin->old_pin.data, "\0\xff\n", 3);
	assert_memory_equal(request->change_pin->new_pin.data, "271828", 6);
	release(request);
	assert_ok(peppermint_seal(f->vault, "test", &f->call));
}

static void what_no_pin_can_be_is_not_sent(void **state)
{
	static const char long_one[256];
	struct fixture *f = *state;
	const struct peppermint_value none = { "", 0 }, huge = { long_one, 256 }, good = { "1", 1 };

	assert_int_equal(peppermint_unseal(f->vault, "test", &none, &f->call), PM_BAD_REQUEST);
	assert_int_equal(peppermint_unseal(f->vault, "test", &huge, &f->call), PM_BAD_REQUEST);
	assert_int_equal(peppermint_change_pin(f->vault, "test", &huge, &good, &f->call),
			 PM_BAD_REQUEST);
	assert_int_equal(peppermint_change_pin(f->vault, "test", &good, &none, &f->call),
			 PM_BAD_REQUEST);
	assert_mentions(f->call.message, "1 to 255 bytes");
	assert_int_equal(canned_count(f->canned), 0);
}

static void a_refused_pin_says_that_it_was_tried(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_value bad = { CANNED_BAD_PIN, 4 }, good = { "1234", 4 };

	assert_int_equal(peppermint_unseal(f->vault, "test", &bad, &f->call), PM_SEALED);
	assert_mentions(f->call.message, "tried once");
	assert_int_equal(peppermint_change_pin(f->vault, "test", &bad, &good, &f->call), PM_DENIED);
	assert_mentions(f->call.message, "tried once");
}

/* Answers that no vault gives. */

static void expect_bad_list(struct fixture *f, void (*tweak)(Peppermint__V1__Reply *reply))
{
	struct peppermint_master masters[2];
	size_t count = 0;

	canned_tweak(f->canned, tweak);
	assert_int_equal(peppermint_list_masters(f->vault, "test", "pepper", "pan", masters, 2,
						 &count, &f->call),
			 PM_BAD_REPLY);
	assert_int_equal(count, 0);
}

static void name_another(Peppermint__V1__Reply *reply)
{
	reply->list_masters->versions[0]->name = "pin";
}

static void purpose_another(Peppermint__V1__Reply *reply)
{
	reply->list_masters->versions[1]->purpose = "integrity";
}

static void environment_another(Peppermint__V1__Reply *reply)
{
	reply->list_masters->versions[0]->environment = "live";
}

static void version_none(Peppermint__V1__Reply *reply)
{
	reply->list_masters->versions[0]->version = 0;
}

static void other_keys_than_asked_for_are_a_bad_reply(void **state)
{
	expect_bad_list(*state, name_another);
	expect_bad_list(*state, purpose_another);
	expect_bad_list(*state, environment_another);
	expect_bad_list(*state, version_none);
}

static void outcome_none(Peppermint__V1__Reply *reply)
{
	reply->change_master->after = NULL;
}

static void outcome_unclean(Peppermint__V1__Reply *reply)
{
	reply->change_master->text = "\x1b[2J";
}

static void an_outcome_without_a_version_or_with_an_unclean_text_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_master_change change = { .environment = "test",
							 .name = "pan",
							 .verb = PEPPERMINT_MASTER_ROTATE };
	struct peppermint_master_outcome outcome;

	canned_tweak(f->canned, outcome_none);
	assert_int_equal(peppermint_change_master(f->vault, &change, &outcome, &f->call),
			 PM_BAD_REPLY);
	canned_tweak(f->canned, outcome_unclean);
	assert_int_equal(peppermint_change_master(f->vault, &change, &outcome, &f->call),
			 PM_BAD_REPLY);
	assert_string_equal(outcome.text, "");
}

static void object_short_id(Peppermint__V1__Reply *reply)
{
	reply->inspect_token->objects[1]->key_id.len = 15;
}

static void object_unclean(Peppermint__V1__Reply *reply)
{
	reply->inspect_token->objects[0]->label = "a\nb";
}

static void mechanisms_too_many(Peppermint__V1__Reply *reply)
{
	static Peppermint__V1__TokenMechanism *many[17];

	for (size_t i = 0; i < 17; i++)
		many[i] = reply->inspect_token->mechanisms[0];
	reply->inspect_token->mechanisms = many;
	reply->inspect_token->n_mechanisms = 17;
}

static void a_token_that_cannot_be_is_a_bad_reply(void **state)
{
	static void (*const tweaks[])(Peppermint__V1__Reply *) = { object_short_id, object_unclean,
								   mechanisms_too_many };
	static struct peppermint_token token;
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(tweaks) / sizeof(tweaks[0]); i++) {
		canned_tweak(f->canned, tweaks[i]);
		assert_int_equal(peppermint_inspect_token(f->vault, "test", 0, &token, &f->call),
				 PM_BAD_REPLY);
	}
}

static void orphan_another(Peppermint__V1__Reply *reply)
{
	reply->settle_orphan->object->key_id.data = (uint8_t *)"another object's";
}

static void orphan_none(Peppermint__V1__Reply *reply)
{
	reply->settle_orphan->object = NULL;
}

static void another_object_than_asked_for_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	struct peppermint_object object;

	canned_tweak(f->canned, orphan_another);
	assert_int_equal(
		peppermint_settle_orphan(f->vault, "test", orphan, true, false, &object, &f->call),
		PM_BAD_REPLY);
	canned_tweak(f->canned, orphan_none);
	assert_int_equal(
		peppermint_settle_orphan(f->vault, "test", orphan, true, false, &object, &f->call),
		PM_BAD_REPLY);
}

static void tokens_too_many(Peppermint__V1__Reply *reply)
{
	reply->status->environments[0]->n_tokens = 3;
}

static void an_environment_with_three_tokens_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;

	canned_tweak(f->canned, tokens_too_many);
	assert_int_equal(peppermint_get_status(f->vault, &status, &f->call), PM_BAD_REPLY);
}

static void states_unknown(Peppermint__V1__Reply *reply)
{
	reply->status->environments[0]->tokens[0]->state = (Peppermint__V1__TokenState)99;
}

static void states_of_a_newer_vault_are_unknown(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;

	canned_tweak(f->canned, states_unknown);
	assert_ok(peppermint_get_status(f->vault, &status, NULL));
	assert_int_equal(status.environments[0].tokens[0].state, PEPPERMINT_TOKEN_STATE_UNKNOWN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_version_is_listed),
		TEST(more_versions_than_there_is_room_for_are_counted),
		TEST(a_change_carries_everything_and_tells_what_was_done),
		TEST(a_new_version_has_no_before),
		TEST(a_change_that_is_refused_says_why_and_leaves_nothing),
		TEST(status_tells_of_both_tokens),
		TEST(a_token_is_shown_with_its_objects),
		TEST(an_orphan_is_settled_by_its_id),
		TEST(a_pin_is_sent_as_it_is),
		TEST(what_no_pin_can_be_is_not_sent),
		TEST(a_refused_pin_says_that_it_was_tried),
		TEST(other_keys_than_asked_for_are_a_bad_reply),
		TEST(an_outcome_without_a_version_or_with_an_unclean_text_is_a_bad_reply),
		TEST(a_token_that_cannot_be_is_a_bad_reply),
		TEST(another_object_than_asked_for_is_a_bad_reply),
		TEST(an_environment_with_three_tokens_is_a_bad_reply),
		TEST(states_of_a_newer_vault_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
