/*
 * A bit of one of the token's answers flips, whichever: nothing wrong is ever told or kept. What is
 * told and kept is either right, or there is nothing and the error says so.
 */
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "master_fixture.h"
#include "rewrap.h"
#include "sealed.h"

struct trial {
	struct fixture *f;
	struct key_info info, result;
	struct key_text text, fresh, wrong, unknown;
	struct value_hash hash, made;
	struct verdict verdicts[4];
	struct hash_verdict matches[2];
	bool match;
};

struct operation {
	const char *name;
	void (*before)(struct trial *trial); /* may be NULL */
	enum pm_err (*run)(struct trial *trial);
	void (*after)(struct trial *trial, enum pm_err err);
};

static bool is_valid(struct trial *trial, const struct key_text *text)
{
	return fixture_verify(trial->f, "live", text->text).valid;
}

static enum pm_err mint(struct trial *trial)
{
	const struct mint_params params = {
		.environment = "live", .account = "flip", .product = "", .name = ""
	};

	return fixture_mint_text(trial->f->vault, fixture_actor(trial->f), &params, &trial->result,
				 &trial->fresh);
}

static void minted(struct trial *trial, enum pm_err err)
{
	if (err == PM_OK)
		assert_true(is_valid(trial, &trial->fresh));
	else
		assert_string_equal(trial->fresh.text, "");
}

static enum pm_err rotate(struct trial *trial)
{
	const struct rotate_params params = { .environment = "live", .key_id = trial->info.id };

	return fixture_rotate_text(trial->f->vault, fixture_actor(trial->f), &params,
				   &trial->result, &trial->fresh);
}

static void rotated(struct trial *trial, enum pm_err err)
{
	assert_true(is_valid(trial, err == PM_OK ? &trial->fresh : &trial->text));
}

static enum pm_err revoke(struct trial *trial)
{
	return vault_revoke(trial->f->vault, fixture_actor(trial->f), "live", trial->info.id,
			    &trial->result);
}

static void revoked(struct trial *trial, enum pm_err err)
{
	struct verdict verdict = fixture_verify(trial->f, "live", trial->text.text);

	assert_int_equal(verdict.valid, err != PM_OK);
	assert_int_equal(verdict.reason, err == PM_OK ? PM_REASON_REVOKED : PM_REASON_NONE);
}

/* A good key, a wrong secret, an id that does not exist, and one that exists with another's. */
static enum pm_err verify(struct trial *trial)
{
	const struct bytes texts[] = {
		bytes_str(trial->text.text),
		bytes_str(trial->wrong.text),
		bytes_str(trial->unknown.text),
		bytes_str(trial->text.text),
	};

	return fixture_verify_texts(trial->f->vault, fixture_actor(trial->f), "live", texts, 4,
				    trial->verdicts);
}

static void assert_verdict(const struct verdict *verdict, bool valid, enum pm_reason reason)
{
	if (verdict->error == PM_OK) {
		assert_int_equal(verdict->valid, valid);
		assert_int_equal(verdict->reason, reason);
		return;
	}
	assert_int_equal(verdict->error, PM_HSM_UNAVAILABLE);
	assert_false(verdict->valid);
}

static void verified(struct trial *trial, enum pm_err err)
{
	assert_int_equal(err, PM_OK);
	assert_verdict(&trial->verdicts[0], true, PM_REASON_NONE);
	assert_verdict(&trial->verdicts[1], false, PM_REASON_WRONG_SECRET);
	assert_verdict(&trial->verdicts[2], false, PM_REASON_UNKNOWN_KEY);
	assert_verdict(&trial->verdicts[3], true, PM_REASON_NONE);
	/* One flip never costs a good key its verdict. */
	assert_int_equal(trial->verdicts[0].error, PM_OK);
	assert_int_equal(trial->verdicts[3].error, PM_OK);
	assert_true(is_valid(trial, &trial->text));
}

/* Its account's seal is not known any more, and so computed. */
static void open_account(struct trial *trial)
{
	const struct product_info pay = { .name = "pay", .enabled = true };
	const struct account_params params = {
		.environment = "live",
		.id = "acme",
		.status = VAULT_ACCOUNT_APPROVED,
		.products = &pay,
		.product_count = 1,
	};
	struct account_info info;
	struct key_secret none;

	assert_int_equal(vault_create_account(trial->f->vault, fixture_actor(trial->f), &params,
					      &info, &none),
			 PM_OK);
	sealed_forget(live(trial->f)->sealed);
}

/* The new secret is the text from then on, and the old one the fresh one. */
static void rotate_later(struct trial *trial)
{
	const struct rotate_params params = {
		.environment = "live", .key_id = trial->info.id, .overlap = 60, .first_use = true
	};

	trial->fresh = trial->text;
	assert_int_equal(fixture_rotate_text(trial->f->vault, fixture_actor(trial->f), &params,
					     &trial->result, &trial->text),
			 PM_OK);
}

/* What was to be written before may have kept a good key from its verdict, but made no other of it. */
static void used_first(struct trial *trial, enum pm_err err)
{
	const struct key_record before = stored_key(trial->f, trial->info.id);

	assert_int_equal(err, PM_OK);
	assert_verdict(&trial->verdicts[0], true, PM_REASON_NONE);
	assert_verdict(&trial->verdicts[1], false, PM_REASON_WRONG_SECRET);
	assert_verdict(&trial->verdicts[3], true, PM_REASON_NONE);
	assert_int_equal(before.first_use, !trial->verdicts[0].valid && !trial->verdicts[3].valid);
	assert_true(is_valid(trial, &trial->fresh));
	assert_true(is_valid(trial, &trial->text));
	assert_int_equal(atomic_load(&live(trial->f)->quarantined), 0);
}

static void import_text(struct trial *trial, enum import_form form, const char *hmac_key,
			struct bytes value)
{
	const struct import_item item = {
		.form = form,
		.value = value,
		.hmac_key = hmac_key,
		.account = "acme",
		.product = "pay",
		.name = "",
		.external_ref = "",
		.tail = "",
	};
	struct import_outcome outcome;

	strcpy(trial->text.text, "sk_legacy_4eC39HqLyjWDarjt");
	assert_int_equal(vault_import_keys(trial->f->vault, fixture_actor(trial->f), "live", &item,
					   1, &outcome),
			 PM_OK);
	assert_int_equal(outcome.error, PM_OK);
}

static void import_sha256(struct trial *trial)
{
	static const char text[] = "sk_legacy_4eC39HqLyjWDarjt";
	uint8_t digest[SHA256_DIGEST_LENGTH];

	SHA256((const uint8_t *)text, strlen(text), digest);
	import_text(trial, IMPORT_SHA256, "", bytes_of(digest, sizeof(digest)));
}

static void import_hmac(struct trial *trial)
{
	static const char text[] = "sk_legacy_4eC39HqLyjWDarjt", key[] = "the other system's key";
	uint8_t digest[SHA256_DIGEST_LENGTH];
	struct master_info info;

	assert_int_equal(vault_import_hmac_key(trial->f->vault, fixture_actor(trial->f), "live",
					       "legacy", bytes_str(key), &info),
			 PM_OK);
	HMAC(EVP_sha256(), key, (int)strlen(key), (const uint8_t *)text, strlen(text), digest,
	     NULL);
	import_text(trial, IMPORT_HMAC_SHA256, "legacy", bytes_of(digest, sizeof(digest)));
}

/* To find it takes more than one computation: a flip may cost it its verdict, but never gives another. */
static void verified_imported(struct trial *trial, enum pm_err err)
{
	assert_int_equal(err, PM_OK);
	assert_verdict(&trial->verdicts[0], true, PM_REASON_NONE);
	assert_verdict(&trial->verdicts[1], false, PM_REASON_WRONG_SECRET);
	assert_verdict(&trial->verdicts[2], false, PM_REASON_UNKNOWN_KEY);
	assert_verdict(&trial->verdicts[3], true, PM_REASON_NONE);
	assert_true(is_valid(trial, &trial->text));
}

static enum pm_err verify_secret(struct trial *trial)
{
	return vault_verify_secret(trial->f->vault, fixture_actor(trial->f), "live", trial->info.id,
				   bytes_str(trial->text.text), &trial->match);
}

static void secret_verified(struct trial *trial, enum pm_err err)
{
	assert_int_equal(trial->match, err == PM_OK);
}

static void rotate_pepper(struct trial *trial)
{
	master_rotate(trial->f, PEPPER);
}

static void rotate_and_wrap(struct trial *trial)
{
	master_rotate(trial->f, PEPPER);
	rewrap_all(trial->f, PEPPER);
}

static void rotate_and_begin(struct trial *trial)
{
	master_rotate(trial->f, PEPPER);
	rewrap_begin(trial->f, PEPPER);
}

static void rotate_records_and_begin(struct trial *trial)
{
	master_rotate(trial->f, RECORDS);
	rewrap_begin(trial->f, RECORDS);
}

/* As its thread does: a batch that failed is done again. */
static enum pm_err rewrap(struct trial *trial)
{
	enum pm_err first = PM_OK;
	bool more = true;

	for (int batches = 0; more; batches++) {
		assert_true(batches < 1000);
		enum pm_err err = rewrap_some(live(trial->f), deadline_in_ms(60000), &more);
		if (err == PM_OK)
			continue;
		first = err;
		more = true;
	}
	return first;
}

static void rewrapped(struct trial *trial, enum pm_err err)
{
	(void)err;
	assert_true(is_valid(trial, &trial->text));
	assert_int_equal(atomic_load(&live(trial->f)->quarantined), 0);
}

static enum pm_err hash(struct trial *trial)
{
	const struct bytes value = bytes_str("value");

	return vault_hash(trial->f->vault, fixture_actor(trial->f), "live", "pan", &value, 1,
			  &trial->made);
}

static void hashed(struct trial *trial, enum pm_err err)
{
	if (err == PM_OK)
		assert_string_equal(trial->made.text, trial->hash.text);
}

static enum pm_err verify_hash(struct trial *trial)
{
	const struct hash_claim claims[] = {
		{ bytes_str("value"), bytes_str(trial->hash.text) },
		{ bytes_str("other"), bytes_str(trial->hash.text) },
	};

	return vault_verify_hash(trial->f->vault, fixture_actor(trial->f), "live", "pan", claims, 2,
				 trial->matches);
}

static void hash_verified(struct trial *trial, enum pm_err err)
{
	assert_int_equal(err, PM_OK);
	assert_int_equal(trial->matches[0].error, PM_OK);
	assert_true(trial->matches[0].match);
	assert_false(trial->matches[1].match);
	if (trial->matches[1].error == PM_OK)
		assert_int_equal(trial->matches[1].reason, PM_REASON_MISMATCH);
}

static const struct operation operations[] = {
	{ "mint", NULL, mint, minted },
	{ "rotate", NULL, rotate, rotated },
	{ "revoke", NULL, revoke, revoked },
	{ "verify", NULL, verify, verified },
	{ "verify a key of an account", open_account, verify, verified },
	{ "verify a new secret first", rotate_later, verify, used_first },
	{ "verify an imported key and move it", import_sha256, verify, verified_imported },
	{ "verify one that another key hashed", import_hmac, verify, verified_imported },
	{ "verify secret", NULL, verify_secret, secret_verified },
	{ "verify and move", rotate_pepper, verify, verified },
	{ "verify what is wrapped and move it", rotate_and_wrap, verify, verified },
	{ "rewrap secrets", rotate_and_begin, rewrap, rewrapped },
	{ "seal records anew", rotate_records_and_begin, rewrap, rewrapped },
	{ "hash", NULL, hash, hashed },
	{ "verify hash", NULL, verify_hash, hash_verified },
};

static void begin(struct trial *trial, struct fixture *f, const struct value_hash *known)
{
	*trial = (struct trial){ .f = f, .hash = *known };
	fixture_mint(f, &trial->info, &trial->text);
	fixture_craft(&trial->wrong, trial->info.id);
	fixture_craft(&trial->unknown, "0000000000000000");
}

/* False: there was no n-th MAC any more. */
static bool swept(struct fixture *f, const struct operation *operation,
		  const struct value_hash *known, uint64_t nth)
{
	struct trial trial;

	begin(&trial, f, known);
	if (operation->before)
		operation->before(&trial);
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);
	fake_hsm_flip(f->hsm[LIVE_ENV], nth);
	enum pm_err err = operation->run(&trial);
	bool fired = fake_hsm_macs(f->hsm[LIVE_ENV]) - before > nth;
	fake_hsm_flip(f->hsm[LIVE_ENV], UINT64_MAX);
	assert_true(err == PM_OK || (fired && err == PM_HSM_UNAVAILABLE));
	operation->after(&trial, err);
	return fired;
}

static void make_hash(struct fixture *f, struct value_hash *hash_of_value)
{
	const struct bytes value = bytes_str("value");
	struct pepper_info info;

	assert_int_equal(vault_create_pepper(f->vault, fixture_actor(f), "live", "pan", &info),
			 PM_OK);
	assert_int_equal(
		vault_hash(f->vault, fixture_actor(f), "live", "pan", &value, 1, hash_of_value),
		PM_OK);
}

static void no_flipped_bit_gives_a_wrong_answer_or_a_wrong_record(void **state)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		uint64_t nth = 0;

		for (bool fired = true; fired; nth++) {
			struct fixture *f = NULL;
			struct value_hash known;

			/* Versions of a pepper are not without end: a vault for each. */
			fixture_setup(state);
			f = *state;
			make_hash(f, &known);
			fired = swept(f, &operations[i], &known, nth);
			fixture_teardown(state);
		}
		assert_true(nth > 1); /* some bit did flip */
		print_message("%s: %u MACs\n", operations[i].name, (unsigned int)nth - 1);
	}
}

/* Whatever is refused is computed twice, the unknown id as well; what is accepted is not. */
static void only_refusals_are_computed_twice(void **state)
{
	struct trial trial;
	struct value_hash known = { "" };

	fixture_setup(state);
	struct fixture *f = *state;
	begin(&trial, f, &known);
	uint64_t begun = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_true(is_valid(&trial, &trial.text));
	uint64_t valid = fake_hsm_macs(f->hsm[LIVE_ENV]);
	/* Its entry's hidden texts are known by now, but for the request id, which has two. */
	assert_false(is_valid(&trial, &trial.wrong));
	uint64_t wrong = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_false(is_valid(&trial, &trial.unknown));
	uint64_t unknown = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_int_equal(valid - begun, 2);
	assert_int_equal(wrong - valid, 2 * 2 + 2);
	assert_int_equal(unknown - wrong, wrong - valid);
	fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_flipped_bit_gives_a_wrong_answer_or_a_wrong_record),
		cmocka_unit_test(only_refusals_are_computed_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
