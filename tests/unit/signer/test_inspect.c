#include <p11-kit/pkcs11.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "driver.h"

static struct soft_token token;
static struct driver driver;

static int make_token(void **state)
{
	(void)state;
	soft_token_make(&token, "one");
	return 0;
}

static int remove_token(void **state)
{
	(void)state;
	soft_token_remove(&token);
	return 0;
}

static int end_signer(void **state)
{
	(void)state;
	driver_end(&driver);
	return 0;
}

static const Peppermint__Signer__V1__Inspection *inspect(void)
{
	const Reply *reply = driver_inspect(&driver);

	assert_null(reply->failure);
	assert_int_equal(reply->result_case,
			 PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_INSPECTION);
	return reply->inspection;
}

static const Peppermint__Signer__V1__Mechanism *mechanism(
	const Peppermint__Signer__V1__Inspection *inspection, const char *name)
{
	for (size_t i = 0; i < inspection->n_mechanisms; i++) {
		if (strcmp(inspection->mechanisms[i]->name, name) == 0)
			return inspection->mechanisms[i];
	}
	fail_msg("no %s", name);
	return NULL;
}

enum { NOT_TRIED, RIGHT, WRONG };

static void the_token_and_its_mechanisms_are_told_and_tried(void **state)
{
	static const char *const right[] = {
		"CKM_GENERIC_SECRET_KEY_GEN",
		"CKM_SHA256_HMAC",
		"CKM_EC_EDWARDS_KEY_PAIR_GEN",
		"CKM_EDDSA",
		"CKM_EC_KEY_PAIR_GEN",
		"CKM_ECDSA",
		"CKM_RSA_PKCS_KEY_PAIR_GEN",
		"CKM_SHA256_RSA_PKCS",
		"CKM_AES_KEY_GEN",
		"CKM_AES_GCM",
	};
	(void)state;

	driver_serve(&driver, &token, NULL);
	const Peppermint__Signer__V1__Inspection *inspection = inspect();
	assert_string_equal(inspection->token->serial, token.serial);
	assert_string_equal(inspection->token->firmware, "2.6");
	assert_string_equal(inspection->hardware, "2.6");
	assert_true(inspection->flags & CKF_TOKEN_INITIALIZED);
	assert_true(inspection->token->proven);
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		assert_true(mechanism(inspection, right[i])->announced);
		assert_int_equal(mechanism(inspection, right[i])->proof, RIGHT);
	}
	assert_int_equal(mechanism(inspection, "CKM_EDDSA")->type, CKM_EDDSA);
	assert_true(mechanism(inspection, "CKM_SHA256_HMAC")->enforced);
	/* SoftHSM 2.6.1 has none */
	assert_false(mechanism(inspection, "CKM_SHA256_KEY_GEN")->announced);
	assert_int_equal(mechanism(inspection, "CKM_SHA256_KEY_GEN")->proof, WRONG);
}

static void nothing_of_it_stays_in_the_token(void **state)
{
	const char *const argv[] = { "--list-objects", NULL };
	char before[4096], after[4096];
	(void)state;

	driver_serve(&driver, &token, NULL);
	assert_int_equal(soft_token_tool(&token, argv, before, sizeof(before)), 0);
	module_faults_forget(&driver.faults);
	inspect();
	assert_int_equal(soft_token_tool(&token, argv, after, sizeof(after)), 0);
	assert_string_equal(before, after);
	/* Of the passing objects, all that could be were destroyed. */
	assert_true(module_faults_calls(&driver.faults, "C_DestroyObject") >= 8);
}

static void what_is_announced_and_does_not_work_is_seen(void **state)
{
	(void)state;
	driver_serve(&driver, &token, "feign-mechanism CKM_EDDSA\nhide-mechanism CKM_ECDSA");
	const Peppermint__Signer__V1__Inspection *inspection = inspect();
	assert_true(mechanism(inspection, "CKM_EDDSA")->announced);
	assert_int_equal(mechanism(inspection, "CKM_EDDSA")->proof, WRONG);
	assert_false(mechanism(inspection, "CKM_ECDSA")->announced);
	assert_int_equal(mechanism(inspection, "CKM_ECDSA")->proof, WRONG);
	assert_int_equal(mechanism(inspection, "CKM_EC_KEY_PAIR_GEN")->proof, RIGHT);
}

static void aes_that_is_announced_and_does_not_work_is_seen(void **state)
{
	(void)state;
	driver_serve(&driver, &token, "feign-mechanism CKM_AES_GCM");
	const Peppermint__Signer__V1__Inspection *inspection = inspect();
	assert_true(mechanism(inspection, "CKM_AES_GCM")->announced);
	assert_int_equal(mechanism(inspection, "CKM_AES_GCM")->proof, WRONG);
	assert_int_equal(mechanism(inspection, "CKM_AES_KEY_GEN")->proof, RIGHT);
	module_faults_set(&driver.faults, "hide-mechanism CKM_AES_KEY_GEN");
	inspection = inspect();
	assert_int_equal(mechanism(inspection, "CKM_AES_KEY_GEN")->proof, WRONG);
	assert_int_equal(mechanism(inspection, "CKM_AES_GCM")->proof, NOT_TRIED);
}

static void a_wrong_signature_is_no_proof(void **state)
{
	(void)state;
	driver_serve(&driver, &token, NULL);
	module_faults_set(&driver.faults, "C_Sign flip bit=5");
	const Peppermint__Signer__V1__Inspection *inspection = inspect();
	assert_int_equal(mechanism(inspection, "CKM_SHA256_HMAC")->proof, WRONG);
	assert_int_equal(mechanism(inspection, "CKM_EDDSA")->proof, WRONG);
	assert_int_equal(mechanism(inspection, "CKM_ECDSA")->proof, WRONG);
	assert_int_equal(mechanism(inspection, "CKM_SHA256_RSA_PKCS")->proof, WRONG);
}

static void a_token_that_does_not_restrict_keys_is_told_from_one_that_does(void **state)
{
	(void)state;
	driver_serve(&driver, &token, "refuse-attribute CKA_ALLOWED_MECHANISMS");
	assert_false(mechanism(inspect(), "CKM_SHA256_HMAC")->enforced);
}

static void keys_are_listed_with_all_that_is_read_back(void **state)
{
	const uint8_t key[16] = "of an inventory", pair[16] = "pair inventory";
	(void)state;

	driver_serve(&driver, &token, NULL);
	assert_null(driver_generate(&driver, key, "peppermint/live/seen/a")->failure);
	assert_null(driver_generate_pair(&driver, pair, "peppermint/live/seen/b")->failure);
	const Reply *reply = driver_list(&driver, "peppermint/live/seen/");
	assert_int_equal(reply->list->n_objects, 2);
	for (size_t i = 0; i < 2; i++) {
		const Peppermint__Signer__V1__Object *object = reply->list->objects[i];

		assert_true(object->private_ && object->modifiable && object->destroyable);
		assert_true(object->restricted);
	}
	module_faults_set(&driver.faults, "hide-attribute CKA_ALLOWED_MECHANISMS");
	reply = driver_list(&driver, "peppermint/live/seen/");
	assert_false(reply->list->objects[0]->restricted || reply->list->objects[1]->restricted);
}

#define TEST(name) cmocka_unit_test_teardown(name, end_signer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_token_and_its_mechanisms_are_told_and_tried),
		TEST(nothing_of_it_stays_in_the_token),
		TEST(what_is_announced_and_does_not_work_is_seen),
		TEST(aes_that_is_announced_and_does_not_work_is_seen),
		TEST(a_wrong_signature_is_no_proof),
		TEST(a_token_that_does_not_restrict_keys_is_told_from_one_that_does),
		TEST(keys_are_listed_with_all_that_is_read_back),
	};

	return cmocka_run_group_tests(tests, make_token, remove_token);
}
