/* Master keys and tokens through the whole pipeline: what comes through, and hostile fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "asked.h"
#include "fake_vault.h"

#define LIST PEPPERMINT__V1__REQUEST__CALL_LIST_MASTERS
#define CHANGE PEPPERMINT__V1__REQUEST__CALL_CHANGE_MASTER
#define INSPECT PEPPERMINT__V1__REQUEST__CALL_INSPECT_TOKEN
#define SETTLE PEPPERMINT__V1__REQUEST__CALL_SETTLE_ORPHAN
#define VERB(name) PEPPERMINT__V1__MASTER_VERB__##name

#define NAME_32 "abcdefghijklmnopqrstuvwxyz012345"
#define NAME_RULE "must be 1 to 32 of a-z 0-9 -, beginning with a letter"

static void assert_master(const Peppermint__V1__MasterVersion *master, uint32_t version)
{
	assert_string_equal(master->environment, "test");
	assert_string_equal(master->purpose, "pppppppppppppppp");
	assert_int_equal(strlen(master->name), VAULT_PEPPER_NAME_MAX);
	assert_int_equal(master->version, version);
	assert_int_equal(master->state, PEPPERMINT__V1__PEPPER_STATE__DESTROY_SCHEDULED);
	assert_int_equal(master->created_at, 1);
	assert_int_equal(master->activated_at, 2);
	assert_int_equal(master->changed_at, 3);
	assert_int_equal(master->ends_at, 4);
	assert_int_equal(master->destroy_at, 5);
	assert_int_equal(master->make_until, 6);
	assert_int_equal(master->verify_until, 7);
	assert_int_equal(master->uses, 8);
	assert_int_equal(master->uses_max, 9);
	assert_int_equal(master->last_used_at, 10);
	assert_int_equal(master->needed, 11);
	assert_int_equal(master->wrapped, 12);
	assert_int_equal(master->ended, 13);
	assert_true(master->rewrapping);
	assert_int_equal(master->rewrap_left, 14);
}

static void every_version_is_listed_with_all_its_facts(void **state)
{
	struct asked *a = *state;

	fake_size(100);
	assert_int_equal(ask_whole(a, LIST), PM_OK);
	assert_int_equal(a->reply->list_masters->n_versions, 100);
	for (uint32_t i = 0; i < 100; i++)
		assert_master(a->reply->list_masters->versions[i], i + 1);
	assert_string_equal(fake_asked().name, "/");
	make(a, LIST);
	a->list_masters.purpose = "integrity";
	a->list_masters.name = NAME_32;
	assert_int_equal(send_it(a), PM_OK);
	assert_string_equal(fake_asked().name, "integrity/" NAME_32);
}

static void a_list_holds_512_versions_at_most(void **state)
{
	struct asked *a = *state;

	fake_size(1000000);
	assert_int_equal(ask_whole(a, LIST), PM_OK);
	assert_int_equal(fake_asked().count, 512); /* for no more the vault is asked */
	assert_int_equal(a->reply->list_masters->n_versions, 512);
	assert_master(a->reply->list_masters->versions[511], 512);
}

static void a_filter_is_a_name_or_empty(void **state)
{
	static char *const wrong[] = { "Integrity", "1a", "a/b", "a b", "-", "*" };
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make(a, LIST);
		a->list_masters.purpose = wrong[i];
		expect_refusal(a, PM_BAD_REQUEST,
			       "purpose: must be 1 to 16 of a-z 0-9 -, beginning with a letter");
		make(a, LIST);
		a->list_masters.name = wrong[i];
		expect_refusal(a, PM_BAD_REQUEST, "name: " NAME_RULE);
	}
	make(a, LIST);
	a->list_masters.purpose = "abcdefghijklmnopq"; /* 17 */
	expect_refusal(a, PM_BAD_REQUEST,
		       "purpose: must be 1 to 16 of a-z 0-9 -, beginning with a letter");
	make(a, LIST);
	a->list_masters.name = NAME_32 "6";
	expect_refusal(a, PM_BAD_REQUEST, "name: " NAME_RULE);
	assert_int_equal(fake_entered(), 0);
}

static void a_change_comes_through_whole(void **state)
{
	struct asked *a = *state;

	make_whole(a, CHANGE);
	a->change_master.purpose = "integrity";
	a->change_master.name = "records";
	a->change_master.version = 3;
	a->change_master.verb = VERB(DESTROY);
	a->change_master.after_seconds = 31536000;
	a->change_master.dry_run = true;
	a->change_master.force = true;
	assert_int_equal(send_it(a), PM_OK);
	struct fake_change change = fake_change();
	assert_string_equal(change.purpose, "integrity");
	assert_string_equal(change.name, "records");
	assert_int_equal(change.version, 3);
	assert_int_equal(change.verb, MASTER_VERB_DESTROY);
	assert_int_equal(change.after, 31536000);
	assert_true(change.dry_run);
	assert_true(change.force);
	assert_master(a->reply->change_master->before, 1);
	assert_master(a->reply->change_master->after, 2);
	assert_int_equal(a->reply->change_master->affected, 77);
	assert_string_equal(a->reply->change_master->text, "it is done");
}

static void a_new_version_has_no_before_and_peppers_are_meant_unless_told(void **state)
{
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CHANGE), PM_OK);
	assert_null(a->reply->change_master->before);
	assert_master(a->reply->change_master->after, 2);
	struct fake_change change = fake_change();
	assert_string_equal(change.purpose, "pepper");
	assert_int_equal(change.verb, MASTER_VERB_ROTATE);
	assert_false(change.dry_run);
	assert_false(change.force);
	make_whole(a, CHANGE);
	a->change_master.dry_run = true; /* makes none */
	assert_int_equal(send_it(a), PM_OK);
	assert_null(a->reply->change_master->before);
	assert_null(a->reply->change_master->after);
	assert_string_equal(a->reply->change_master->text, "it is done");
}

static void destruction_waits_a_week_unless_told_and_compromise_has_no_end(void **state)
{
	struct asked *a = *state;

	make_whole(a, CHANGE);
	a->change_master.verb = VERB(DESTROY);
	a->change_master.version = 1;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_change().after, 604800);
	make_whole(a, CHANGE);
	a->change_master.verb = VERB(COMPROMISE);
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_change().after, 0);
}

static void a_verb_must_be_one_that_we_know(void **state)
{
	static const int wrong[] = { -1, 9, 1000, INT32_MAX, INT32_MIN };
	struct asked *a = *state;

	make_whole(a, CHANGE);
	a->change_master.verb = VERB(MASTER_VERB_UNSPECIFIED);
	expect_refusal(a, PM_BAD_REQUEST, "verb: required");
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_whole(a, CHANGE);
		a->change_master.verb = (Peppermint__V1__MasterVerb)wrong[i];
		expect_refusal(a, PM_BAD_REQUEST, "verb: this vault does not know it");
	}
	assert_int_equal(fake_entered(), 0);
}

static void verbs_about_one_version_need_its_number(void **state)
{
	struct asked *a = *state;

	for (int verb = VERB(ROTATE); verb <= VERB(CANCEL); verb++) {
		bool needs =
			verb != VERB(ROTATE) && verb != VERB(REWRAP) && verb != VERB(COMPROMISE);

		make_whole(a, CHANGE);
		a->change_master.verb = (Peppermint__V1__MasterVerb)verb;
		if (needs)
			expect_refusal(a, PM_BAD_REQUEST, "version: required by this verb");
		else
			assert_int_equal(send_it(a), PM_OK);
		make_whole(a, CHANGE);
		a->change_master.verb = (Peppermint__V1__MasterVerb)verb;
		a->change_master.version = UINT32_MAX;
		assert_int_equal(send_it(a), PM_OK);
	}
}

static void times_and_force_are_held_to_their_verbs(void **state)
{
	static const int64_t wrong[] = { -1, 31536001, INT64_MAX, INT64_MIN };
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_whole(a, CHANGE);
		a->change_master.verb = VERB(COMPROMISE);
		a->change_master.after_seconds = wrong[i];
		expect_refusal(a, PM_BAD_REQUEST, "after_seconds: must be from 0 to 31536000");
	}
	make_whole(a, CHANGE);
	a->change_master.after_seconds = 1;
	expect_refusal(a, PM_BAD_REQUEST, "after_seconds: only with DESTROY and COMPROMISE");
	make_whole(a, CHANGE);
	a->change_master.force = true;
	expect_refusal(a, PM_BAD_REQUEST, "force: only with DESTROY");
	make_whole(a, CHANGE);
	a->change_master.name = "";
	expect_refusal(a, PM_BAD_REQUEST, "name: " NAME_RULE);
	assert_int_equal(fake_entered(), 0);
}

static void why_a_change_is_refused_is_told(void **state)
{
	struct asked *a = *state;

	fake_fail(PM_KEY_PERIOD_OVER);
	assert_int_equal(ask_whole(a, CHANGE), PM_KEY_PERIOD_OVER);
	assert_string_equal(a->reply->message, peppermint_error_text(PM_KEY_PERIOD_OVER));
}

static void assert_object(const Peppermint__V1__TokenObject *object, uint32_t version)
{
	assert_int_equal(object->key_id.len, 16);
	assert_int_equal(strlen(object->label), 127);
	assert_int_equal(object->algorithm, PEPPERMINT__V1__ALGORITHM__HMAC_SHA256);
	assert_true(object->sensitive);
	assert_false(object->always_sensitive);
	assert_true(object->extractable);
	assert_false(object->never_extractable);
	assert_true(object->local);
	assert_false(object->sign);
	assert_true(object->private_);
	assert_false(object->modifiable);
	assert_true(object->destroyable);
	assert_false(object->restricted);
	assert_true(object->sound);
	assert_int_equal(object->version, version);
	assert_int_equal(object->state, PEPPERMINT__V1__PEPPER_STATE__SUSPENDED);
}

static void a_token_is_shown_with_its_mechanisms_and_objects(void **state)
{
	struct asked *a = *state;

	fake_size(60);
	make(a, INSPECT);
	a->inspect_token.token = 1;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().number, 1);
	const Peppermint__V1__InspectTokenReply *token = a->reply->inspect_token;
	assert_string_equal(token->label, "a label");
	assert_string_equal(token->serial, "a serial");
	assert_string_equal(token->model, "a model");
	assert_string_equal(token->manufacturer, "a maker");
	assert_string_equal(token->firmware, "2.6");
	assert_string_equal(token->hardware, "1.0");
	assert_int_equal(token->flags, 1);
	assert_int_equal(token->max_sessions, 2);
	assert_true(token->free_private_memory == UINT64_MAX);
	assert_int_equal(token->sessions, 3);
	assert_true(token->active);
	assert_true(token->session_copies);
	assert_true(token->not_certified);
	assert_int_equal(token->n_mechanisms, 2);
	assert_string_equal(token->mechanisms[0]->name, "CKM_A");
	assert_true(token->mechanisms[0]->announced);
	assert_int_equal(token->mechanisms[0]->proof, PEPPERMINT__V1__PROOF__PROOF_BAD);
	assert_int_equal(token->mechanisms[1]->type, 5);
	assert_true(token->mechanisms[1]->enforced);
	assert_int_equal(token->mechanisms[1]->proof, PEPPERMINT__V1__PROOF__PROOF_GOOD);
	assert_int_equal(token->n_objects, 60);
	for (uint32_t i = 0; i < 60; i++)
		assert_object(token->objects[i], i);
}

static void there_are_two_tokens_at_most(void **state)
{
	static const uint32_t wrong[] = { 2, UINT32_MAX };
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make(a, INSPECT);
		a->inspect_token.token = wrong[i];
		expect_refusal(a, PM_BAD_REQUEST,
			       "token: must be 0, the configured one, or 1, its standby");
	}
	assert_int_equal(fake_entered(), 0);
}

static void an_orphan_is_named_by_sixteen_bytes(void **state)
{
	static char *const wrong[] = { "", "0123456789abcde", "0123456789abcdef0" };
	struct asked *a = *state;

	make_whole(a, SETTLE);
	a->settle_orphan.adopt = true;
	assert_int_equal(send_it(a), PM_OK);
	assert_string_equal(fake_asked().name, OBJECT_ID);
	assert_int_equal(fake_asked().number, true);
	assert_int_equal(fake_asked().count, false);
	assert_object(a->reply->settle_orphan->object, 0);
	assert_memory_equal(a->reply->settle_orphan->object->key_id.data, OBJECT_ID, 16);
	make_whole(a, SETTLE);
	a->settle_orphan.dry_run = true;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().number, false);
	assert_int_equal(fake_asked().count, true);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_whole(a, SETTLE);
		a->settle_orphan.key_id = of_text(wrong[i]);
		expect_refusal(a, PM_BAD_REQUEST, "key_id: must have 16 bytes");
	}
	assert_int_equal(fake_entered(), 2);
}

int main(void)
{
#define ASKED(test) cmocka_unit_test_setup_teardown(test, asked_setup, asked_teardown)
	const struct CMUnitTest tests[] = {
		ASKED(every_version_is_listed_with_all_its_facts),
		ASKED(a_list_holds_512_versions_at_most),
		ASKED(a_filter_is_a_name_or_empty),
		ASKED(a_change_comes_through_whole),
		ASKED(a_new_version_has_no_before_and_peppers_are_meant_unless_told),
		ASKED(destruction_waits_a_week_unless_told_and_compromise_has_no_end),
		ASKED(a_verb_must_be_one_that_we_know),
		ASKED(verbs_about_one_version_need_its_number),
		ASKED(times_and_force_are_held_to_their_verbs),
		ASKED(why_a_change_is_refused_is_told),
		ASKED(a_token_is_shown_with_its_mechanisms_and_objects),
		ASKED(there_are_two_tokens_at_most),
		ASKED(an_orphan_is_named_by_sixteen_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
