/* Reports of keys that were found in public: whose they are, and what the policy makes of them. */
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "fault.h"

#define SOURCE "scanner-1"

/* A source of reports that is configured, and its last report. */
struct scanner {
	EVP_PKEY *key;
	char pem[512];
	char payload[65536];
	char signature[256];
	struct leak_verdict verdicts[VAULT_LEAKS_MAX];
	size_t count;
};

static struct scanner scanner;

static void scanner_make(struct fixture *f)
{
	BIO *bio = BIO_new(BIO_s_mem());

	scanner.key = EVP_EC_gen("P-256");
	assert_non_null(scanner.key);
	assert_int_equal(PEM_write_bio_PUBKEY(bio, scanner.key), 1);
	int len = BIO_read(bio, scanner.pem, sizeof(scanner.pem) - 1);
	assert_true(len > 0);
	scanner.pem[len] = '\0';
	BIO_free(bio);
	const struct vault_leak_source source = { SOURCE, scanner.pem };
	assert_int_equal(vault_set_leak_sources(f->vault, &source, 1), PM_OK);
}

static int setup(void **state)
{
	fixture_setup(state);
	scanner_make(*state);
	return 0;
}

static int teardown(void **state)
{
	EVP_PKEY_free(scanner.key);
	return fixture_teardown(state);
}

static void reopen(struct fixture *f)
{
	const struct vault_leak_source source = { SOURCE, scanner.pem };

	fixture_reopen(f);
	assert_int_equal(vault_set_leak_sources(f->vault, &source, 1), PM_OK);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

static void sign(void)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[128];
	size_t len = sizeof(der);

	assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, scanner.key), 1);
	assert_int_equal(EVP_DigestSign(ctx, der, &len, (const uint8_t *)scanner.payload,
					strlen(scanner.payload)),
			 1);
	EVP_EncodeBlock((uint8_t *)scanner.signature, der, (int)len);
	EVP_MD_CTX_free(ctx);
}

static void write_report(const char *const *tokens, size_t count)
{
	size_t at = 0;

	at += (size_t)snprintf(scanner.payload, sizeof(scanner.payload), "[");
	for (size_t i = 0; i < count; i++)
		at += (size_t)snprintf(scanner.payload + at, sizeof(scanner.payload) - at,
				       "%s{\"token\":\"%s\",\"type\":\"key\",\"url\":"
				       "\"https://code.example/1\",\"source\":\"content\"}",
				       i == 0 ? "" : ",", tokens[i]);
	snprintf(scanner.payload + at, sizeof(scanner.payload) - at, "]");
	sign();
}

static enum pm_err send_as(struct fixture *f, struct actor *actor, const char *source)
{
	return vault_report_leaks(f->vault, actor, source, bytes_str(scanner.payload),
				  bytes_str(scanner.signature), scanner.verdicts, &scanner.count);
}

static enum pm_err report(struct fixture *f, const char *const *tokens, size_t count)
{
	write_report(tokens, count);
	return send_as(f, fixture_actor(f), SOURCE);
}

static struct leak_verdict report_one(struct fixture *f, const char *token)
{
	assert_int_equal(report(f, &token, 1), PM_OK);
	assert_int_equal(scanner.count, 1);
	return scanner.verdicts[0];
}

static void use_policy(struct fixture *f, enum leak_action action)
{
	f->policy[LIVE_ENV].on_leak = action;
	reopen(f);
}

static void assert_log_says(struct fixture *f, const char *key_id, const char *action)
{
	json_t *entry = fixture_newest_entry(f, "key.leak");

	assert_string_equal(entry_text(entry, "key"), key_id);
	assert_string_equal(entry_text(entry, "action"), action);
	json_decref(entry);
}

static void a_leaked_key_is_revoked_unless_the_policy_says_otherwise(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	struct leak_verdict verdict = report_one(f, text.text);
	assert_true(verdict.known);
	assert_int_equal(verdict.error, PM_OK);
	assert_int_equal(verdict.action, LEAK_REVOKED);
	assert_string_equal(verdict.environment, "live");
	assert_string_equal(verdict.key_id, info.id);
	assert_int_equal(fixture_verify(f, "live", text.text).reason, PM_REASON_REVOKED);
	assert_log_says(f, info.id, "REVOKED");
	assert_false(fixture_log_has(f, text.text));
}

static void a_policy_may_disable_or_only_tell(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	use_policy(f, LEAK_REPORTED);
	fixture_mint(f, &info, &text);
	assert_int_equal(report_one(f, text.text).action, LEAK_REPORTED);
	assert_log_says(f, info.id, "REPORTED");
	assert_true(fixture_verify(f, "live", text.text).valid);
	use_policy(f, LEAK_DISABLED);
	assert_int_equal(report_one(f, text.text).action, LEAK_DISABLED);
	assert_log_says(f, info.id, "DISABLED");
	assert_int_equal(fixture_verify(f, "live", text.text).reason, PM_REASON_DISABLED);
	assert_int_equal(stored_key(f, info.id).revoked_at, 0);
	use_policy(f, LEAK_REVOKED);
	assert_int_equal(report_one(f, text.text).action, LEAK_REVOKED);
	assert_int_equal(fixture_verify(f, "live", text.text).reason, PM_REASON_REVOKED);
}

static void a_second_report_says_what_it_is_now_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	report_one(f, text.text);
	struct key_record before = stored_key(f, info.id);
	struct leak_verdict verdict = report_one(f, text.text);
	assert_true(verdict.known);
	assert_int_equal(verdict.action, LEAK_REVOKED);
	assert_int_equal(stored_key(f, info.id).revision, before.revision);
	assert_int_equal(fixture_count_entries(f, "key.leak"), 2);
}

static void a_repeated_request_is_done_already(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	const char *tokens[] = { text.text };
	write_report(tokens, 1);
	struct actor *actor = fixture_actor(f);
	assert_int_equal(send_as(f, actor, SOURCE), PM_OK);
	assert_int_equal(send_as(f, actor, SOURCE), PM_ALREADY_DONE);
	assert_string_equal(actor->done_subject, SOURCE);
	actor->request_id = "";
	assert_int_equal(send_as(f, actor, SOURCE), PM_BAD_REQUEST);
	actor = fixture_actor(f);
	actor->on_behalf = true;
	assert_int_equal(send_as(f, actor, SOURCE), PM_DENIED);
}

static void what_is_no_key_is_not_known_and_its_neighbours_are_dealt_with(void **state)
{
	struct fixture *f = *state;
	struct key_info info, other;
	struct key_text text, text2, wrong;

	fixture_mint(f, &info, &text);
	fixture_mint(f, &other, &text2);
	fixture_craft(&wrong, info.id); /* a good id, and no secret of it */
	char typo[VAULT_KEY_TEXT_MAX + 1];
	strcpy(typo, text2.text);
	typo[strlen(typo) - 1] = typo[strlen(typo) - 1] == '0' ? '1' : '0';
	const char *tokens[] = { "nothing", wrong.text, text.text, typo, "ak_live_" };
	assert_int_equal(report(f, tokens, 5), PM_OK);
	assert_int_equal(scanner.count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(scanner.verdicts[i].known, i == 2);
		assert_int_equal(scanner.verdicts[i].error, PM_OK);
	}
	assert_string_equal(scanner.verdicts[2].key_id, info.id);
	assert_true(fixture_verify(f, "live", text2.text).valid);
	assert_int_equal(fixture_count_entries(f, "key.leak"), 1);
}

static void who_signs_otherwise_is_refused_and_nothing_is_done(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	const char *tokens[] = { text.text };
	write_report(tokens, 1);
	assert_int_equal(send_as(f, fixture_actor(f), "scanner-2"), PM_DENIED);
	assert_int_equal(send_as(f, fixture_actor(f), ""), PM_DENIED);
	scanner.payload[strlen(scanner.payload) - 1] = ' ';
	assert_int_equal(send_as(f, fixture_actor(f), SOURCE), PM_DENIED);
	write_report(tokens, 1);
	for (size_t i = 12; i < 80; i += 9) {
		char kept = scanner.signature[i];

		scanner.signature[i] = kept == 'A' ? 'B' : 'A';
		assert_int_equal(send_as(f, fixture_actor(f), SOURCE), PM_DENIED);
		scanner.signature[i] = kept;
	}
	assert_true(fixture_verify(f, "live", text.text).valid);
	assert_int_equal(fixture_count_entries(f, "key.leak"), 0);
	assert_int_equal(vault_set_leak_sources(f->vault, NULL, 0), PM_OK);
	assert_int_equal(send_as(f, fixture_actor(f), SOURCE), PM_DENIED);
}

static void a_source_must_have_a_name_and_a_key(void **state)
{
	struct fixture *f = *state;
	struct vault_leak_source sources[] = { { SOURCE, scanner.pem }, { "other", "no key" } };
	struct vault_leak_source twice[] = { { SOURCE, scanner.pem }, { SOURCE, scanner.pem } };
	struct vault_leak_source nameless = { "", scanner.pem };
	struct key_info info;
	struct key_text text;

	assert_int_equal(vault_set_leak_sources(f->vault, sources, 2), PM_CONFIG);
	assert_int_equal(vault_set_leak_sources(f->vault, twice, 2), PM_CONFIG);
	assert_int_equal(vault_set_leak_sources(f->vault, &nameless, 1), PM_CONFIG);
	/* Those from before are still in force. */
	fixture_mint(f, &info, &text);
	assert_true(report_one(f, text.text).known);
}

static void an_old_secret_is_known_and_does_the_new_one_no_harm(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text first;
	struct key_secret second;

	fixture_mint(f, &info, &first);
	struct rotate_params params = { .environment = "live", .key_id = info.id, .overlap = 0 };
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &params, &info, &second), PM_OK);
	struct leak_verdict verdict = report_one(f, first.text);
	assert_true(verdict.known);
	assert_int_equal(verdict.action, LEAK_NONE);
	assert_true(fixture_verify(f, "live", second.text.text).valid);
	/* One that is still good is a good reason. */
	params.overlap = 1000;
	struct key_secret third;
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &params, &info, &third), PM_OK);
	assert_int_equal(report_one(f, second.text.text).action, LEAK_REVOKED);
	assert_false(fixture_verify(f, "live", third.text.text).valid);
}

static struct import_outcome import_text(struct fixture *f, const char *environment,
					 const char *text)
{
	struct import_outcome outcome;
	const struct import_item item = {
		.form = IMPORT_TEXT,
		.value = bytes_str(text),
		.hmac_key = "",
		.account = "acme",
		.product = "",
		.name = "",
		.external_ref = "",
		.tail = "",
	};

	assert_int_equal(
		vault_import_keys(f->vault, fixture_actor(f), environment, &item, 1, &outcome),
		PM_OK);
	assert_int_equal(outcome.error, PM_OK);
	return outcome;
}

static void an_imported_key_is_acted_on_in_every_environment_that_has_it(void **state)
{
	static const char text[] = "sk_other_system_0123456789";
	struct fixture *f = *state;

	import_text(f, "live", text);
	import_text(f, "test", text);
	assert_true(fixture_verify(f, "test", text).valid);
	struct leak_verdict verdict = report_one(f, text);
	assert_true(verdict.known);
	assert_int_equal(verdict.error, PM_OK);
	assert_int_equal(verdict.action, LEAK_REVOKED);
	assert_int_equal(fixture_verify(f, "live", text).reason, PM_REASON_REVOKED);
	assert_int_equal(fixture_verify(f, "test", text).reason, PM_REASON_REVOKED);
	assert_int_equal(fixture_count_entries(f, "key.leak"), 2);
}

static void an_imported_key_is_found_by_its_text(void **state)
{
	static const char text[] = "sk_other_system_0123456789";
	struct fixture *f = *state;
	struct import_outcome outcome;
	uint8_t hash[SHA256_DIGEST_LENGTH] = { 0 };
	const struct import_item item = {
		.form = IMPORT_SHA256,
		.value = bytes_of(hash, sizeof(hash)),
		.hmac_key = "",
		.account = "acme",
		.product = "",
		.name = "",
		.external_ref = "",
		.tail = "",
	};

	SHA256((const uint8_t *)text, strlen(text), hash);
	assert_int_equal(vault_import_keys(f->vault, fixture_actor(f), "live", &item, 1, &outcome),
			 PM_OK);
	struct leak_verdict verdict = report_one(f, text);
	assert_true(verdict.known);
	assert_string_equal(verdict.key_id, outcome.key_id);
	assert_int_equal(fixture_verify(f, "live", text).reason, PM_REASON_REVOKED);
	/* It was no use of it. */
	assert_int_equal(stored_key(f, outcome.key_id).secrets[SECRET_CURRENT].form, SECRET_SHA256);
}

static void what_an_environment_without_its_hsm_has_is_an_error_and_not_unknown(void **state)
{
	struct fixture *f = *state;
	const struct mint_params params = {
		.environment = "test", .account = "acme", .product = "pay", .name = "till"
	};
	struct key_secret secret;
	struct key_info info, live_info;
	struct key_text text;

	fixture_mint(f, &live_info, &text);
	assert_int_equal(vault_mint(f->vault, fixture_actor(f), &params, &info, &secret), PM_OK);
	fake_hsm_fall(f->hsm[TEST_ENV], HSM_CAUSE_DEVICE);
	const char *tokens[] = { secret.text.text, text.text };
	write_report(tokens, 2);
	struct actor *actor = fixture_actor(f);
	assert_int_equal(send_as(f, actor, SOURCE), PM_OK);
	assert_false(scanner.verdicts[0].known);
	assert_int_equal(scanner.verdicts[0].error, PM_HSM_UNAVAILABLE);
	assert_int_equal(scanner.verdicts[1].action, LEAK_REVOKED);
	/* So it may be asked again, under the same id. */
	fake_hsm_restart(f->hsm[TEST_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	actor->deadline = deadline_in_ms(60000);
	assert_int_equal(send_as(f, actor, SOURCE), PM_OK);
	assert_int_equal(scanner.verdicts[0].action, LEAK_REVOKED);
	assert_int_equal(scanner.verdicts[1].action, LEAK_REVOKED);
	assert_int_equal(send_as(f, actor, SOURCE), PM_ALREADY_DONE);
}

static void whatever_fails_no_leaked_key_is_called_unknown(void **state)
{
	struct fixture *f = *state;
	bool fired = true;
	int nth = 0;

	for (; fired; nth++) {
		struct key_info info;
		struct key_text text;

		fixture_mint(f, &info, &text);
		const char *tokens[] = { text.text };
		write_report(tokens, 1);
		struct actor *actor = fixture_actor(f);
		fault_arm(nth);
		enum pm_err err = send_as(f, actor, SOURCE);
		fired = fault_fired();
		fault_disarm();
		if (err == PM_OK && scanner.verdicts[0].error == PM_OK) {
			assert_true(scanner.verdicts[0].known);
			assert_true(stored_key(f, info.id).revoked_at != 0);
			continue;
		}
		reopen(f);
		actor->deadline = deadline_in_ms(60000);
		assert_int_equal(send_as(f, actor, SOURCE), PM_OK);
		assert_int_equal(scanner.verdicts[0].action, LEAK_REVOKED);
		assert_true(stored_key(f, info.id).revoked_at != 0);
	}
	assert_true(nth > 3);
}

static void a_hundred_tokens_are_answered_in_their_order(void **state)
{
	static char texts[VAULT_LEAKS_MAX][VAULT_KEY_TEXT_MAX + 1];
	static const char *tokens[VAULT_LEAKS_MAX];
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	for (size_t i = 0; i < VAULT_LEAKS_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "not-a-key-%zu", i);
		tokens[i] = i == 77 ? text.text : texts[i];
	}
	assert_int_equal(report(f, tokens, VAULT_LEAKS_MAX), PM_OK);
	assert_int_equal(scanner.count, VAULT_LEAKS_MAX);
	for (size_t i = 0; i < VAULT_LEAKS_MAX; i++)
		assert_int_equal(scanner.verdicts[i].known, i == 77);
	snprintf(scanner.payload, sizeof(scanner.payload), "{}");
	sign();
	assert_int_equal(send_as(f, fixture_actor(f), SOURCE), PM_BAD_REQUEST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_leaked_key_is_revoked_unless_the_policy_says_otherwise),
		TEST(a_policy_may_disable_or_only_tell),
		TEST(a_second_report_says_what_it_is_now_and_changes_nothing),
		TEST(a_repeated_request_is_done_already),
		TEST(what_is_no_key_is_not_known_and_its_neighbours_are_dealt_with),
		TEST(who_signs_otherwise_is_refused_and_nothing_is_done),
		TEST(a_source_must_have_a_name_and_a_key),
		TEST(an_old_secret_is_known_and_does_the_new_one_no_harm),
		TEST(an_imported_key_is_found_by_its_text),
		TEST(an_imported_key_is_acted_on_in_every_environment_that_has_it),
		TEST(what_an_environment_without_its_hsm_has_is_an_error_and_not_unknown),
		TEST(whatever_fails_no_leaked_key_is_called_unknown),
		TEST(a_hundred_tokens_are_answered_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
