/* Every call there and back: what the vault reads, and what the program gets. */
#include <string.h>

#include "fixture.h"

static void release(Peppermint__V1__Request *request)
{
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void every_request_carries_version_id_deadline_and_operator(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;
	struct peppermint_call call = { .request_id = "my-id",
					.operator_name = "ann",
					.timeout_ms = 4000 };

	assert_ok(peppermint_get_status(f->vault, &status, &call));
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->version, 1);
	assert_string_equal(request->request_id, "my-id");
	assert_string_equal(request->operator_, "ann");
	assert_in_range(request->deadline_ms, 1, 4000);
	assert_string_equal(call.used_request_id, "my-id");
	assert_string_equal(call.message, "");
	release(request);
}

static void the_library_makes_another_request_id_for_each_call(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;
	struct peppermint_call first = { 0 };
	struct peppermint_call second = { 0 };

	assert_ok(peppermint_get_status(f->vault, &status, &first));
	assert_ok(peppermint_get_status(f->vault, &status, &second));
	assert_int_equal(strlen(first.used_request_id), 32);
	assert_string_not_equal(first.used_request_id, second.used_request_id);
}

static void status_tells_of_every_environment(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;

	assert_ok(peppermint_get_status(f->vault, &status, NULL));
	assert_string_equal(status.version, "9.9.9");
	assert_int_equal(status.uptime_seconds, 61);
	assert_int_equal(status.environment_count, 2);
	assert_string_equal(status.environments[0].name, "test");
	assert_int_equal(status.environments[0].state, PEPPERMINT_ENVIRONMENT_SERVING);
	assert_int_equal(status.environments[1].state, PEPPERMINT_ENVIRONMENT_HSM_SEALED);
	assert_mentions(status.environments[1].detail, "PIN");
	assert_int_equal(status.environments[1].keys, 4);
}

static void status_tells_of_the_audit_log(void **state)
{
	struct fixture *f = *state;
	struct peppermint_status status;

	assert_ok(peppermint_get_status(f->vault, &status, NULL));
	assert_int_equal(status.audit.state, PEPPERMINT_AUDIT_GOOD);
	assert_string_equal(status.audit.detail, "");
	assert_int_equal(status.audit.log, CANNED_LOG);
	assert_string_equal(status.audit.origin, "vault.example/2");
	assert_int_equal(status.audit.entries, CANNED_ENTRIES);
	assert_int_equal(status.audit.not_signed, 1);
	assert_int_equal(status.audit.not_witnessed, 2);
	assert_int_equal(status.audit.sink_dropped, 3);
	assert_int_equal(status.audit.signed_at, 1767225600);
}

static void a_receipt_comes_when_it_is_wanted(void **state)
{
	static const uint8_t none[32], leaf[32] = { 0x5a, [31] = 0xa5 };
	struct fixture *f = *state;
	struct peppermint_call call = { .want_receipt = true };
	struct peppermint_key key;

	assert_ok(peppermint_revoke_key(f->vault, "test", CANNED_ID, &key, &call));
	assert_int_equal(call.receipt_log, CANNED_LOG);
	assert_int_equal(call.receipt_index, CANNED_ENTRIES - 1);
	assert_memory_equal(call.receipt_leaf, leaf, 32);
	/* Also of a refusal. */
	assert_int_equal(peppermint_get_key(f->vault, "test", "nobody", &key, &call), PM_NOT_FOUND);
	assert_int_equal(call.receipt_log, CANNED_LOG);
	/* And the last one's is not taken for this one's. */
	call.want_receipt = false;
	assert_ok(peppermint_revoke_key(f->vault, "test", CANNED_ID, &key, &call));
	assert_int_equal(call.receipt_log, 0);
	assert_int_equal(call.receipt_index, 0);
	assert_memory_equal(call.receipt_leaf, none, 32);
}

static void mint_hands_over_the_record_and_the_secret(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_mint mint = {
		.environment = "test",
		.account = "acme",
		.product = "payments",
		.name = "till",
		.expires_at = 1900000000,
	};
	struct peppermint_key key;
	struct peppermint_secret secret;

	assert_ok(peppermint_mint_key(f->vault, &mint, &key, &secret, &f->call));
	assert_string_equal(secret.text, CANNED_KEY);
	assert_string_equal(key.id, CANNED_ID);
	assert_string_equal(key.account, "acme");
	assert_string_equal(key.product, "payments");
	assert_string_equal(key.name, "till");
	assert_int_equal(key.expires_at, 1900000000);
	assert_int_equal(key.state, PEPPERMINT_KEY_ACTIVE);
	peppermint_secret_wipe(&secret);
	assert_string_equal(secret.text, "");
}

static void verify_keeps_the_order_of_the_keys(void **state)
{
	struct fixture *f = *state;
	const char *const keys[] = { "wrong", CANNED_KEY, "", CANNED_OLD_KEY, CANNED_DOWN_KEY };
	struct peppermint_verdict v[5];

	assert_ok(peppermint_verify_keys(f->vault, "test", keys, 5, v, NULL));
	assert_false(v[0].valid);
	assert_int_equal(v[0].reason, PM_REASON_WRONG_SECRET);
	assert_string_equal(v[0].message, PEPPERMINT_PUBLIC_REFUSAL);
	assert_true(v[1].valid);
	assert_string_equal(v[1].key_id, CANNED_ID);
	assert_string_equal(v[1].account, "acme");
	assert_int_equal(v[1].expires_at, CANNED_EXPIRES);
	assert_int_equal(v[2].reason, PM_REASON_MISSING);
	assert_true(v[3].valid);
	assert_int_equal(v[3].secret_expires_at, 1800000000);
	assert_true(v[3].compromised);
	assert_false(v[1].compromised);
	assert_false(v[4].valid);
	assert_int_equal(v[4].error, PM_HSM_UNAVAILABLE);
}

static void text_that_the_protocol_cannot_carry_is_refused_as_malformed(void **state)
{
	struct fixture *f = *state;
	char long_text[PEPPERMINT_TEXT_MAX + 2];
	const char *const keys[] = { long_text, "\xff\xfe", "\x1b[2J", CANNED_KEY };
	struct peppermint_verdict v[4];

	memset(long_text, 'a', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	assert_ok(peppermint_verify_keys(f->vault, "test", keys, 4, v, NULL));
	for (size_t i = 0; i < 3; i++) {
		assert_false(v[i].valid);
		assert_int_equal(v[i].reason, PM_REASON_MALFORMED);
	}
	assert_true(v[3].valid);
}

static void a_full_batch_fits_and_a_larger_one_is_the_vaults_to_refuse(void **state)
{
	struct fixture *f = *state;
	static const char *keys[PEPPERMINT_BATCH_MAX + 1];
	static struct peppermint_verdict v[PEPPERMINT_BATCH_MAX + 1];

	for (size_t i = 0; i < PEPPERMINT_BATCH_MAX + 1; i++)
		keys[i] = CANNED_KEY;
	assert_ok(peppermint_verify_keys(f->vault, "test", keys, PEPPERMINT_BATCH_MAX, v, NULL));
	for (size_t i = 0; i < PEPPERMINT_BATCH_MAX; i++)
		assert_true(v[i].valid);
	assert_int_equal(peppermint_verify_keys(f->vault, "test", keys, PEPPERMINT_BATCH_MAX + 1, v,
						&f->call),
			 PM_TOO_LARGE);
	assert_mentions(f->call.message, "512");
	assert_false(v[0].valid);
}

static void a_request_over_a_message_is_not_sent(void **state)
{
	struct fixture *f = *state;
	static char value[16384];
	const struct peppermint_value values[5] = {
		{ value, sizeof(value) }, { value, sizeof(value) }, { value, sizeof(value) },
		{ value, sizeof(value) }, { value, sizeof(value) },
	};
	struct peppermint_value_hash hashes[5];

	assert_int_equal(
		peppermint_hash_values(f->vault, "test", "email", values, 5, hashes, &f->call),
		PM_TOO_LARGE);
	assert_int_equal(canned_count(f->canned), 0);
	assert_ok(peppermint_hash_values(f->vault, "test", "email", values, 3, hashes, &f->call));
}

static void get_key_fills_in_the_record(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	assert_ok(peppermint_get_key(f->vault, "test", CANNED_ID, &key, NULL));
	assert_string_equal(key.masked, "*****def");
	assert_string_equal(key.created_by, "portal/ann");
	assert_string_equal(key.name, "Müller’s till");
	assert_int_equal(key.created_at, 1767225600);
	assert_int_equal(key.secret_version, 1);
	assert_int_equal(key.pepper_version, 2);
}

static void a_refusal_brings_the_vaults_own_words(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	assert_int_equal(peppermint_get_key(f->vault, "test", "nobody", &key, &f->call),
			 PM_NOT_FOUND);
	assert_string_equal(f->call.message, "no key has that id");
	assert_string_equal(key.id, "");
}

static void list_walks_through_all_pages(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key keys[3];
	struct peppermint_page page = { 0 };
	char token[PEPPERMINT_TEXT_MAX + 1] = "";
	size_t seen = 0;

	do {
		const struct peppermint_key_filter filter = { .environment = "test",
							      .account = "acme",
							      .page_token = token };
		assert_ok(peppermint_list_keys(f->vault, &filter, keys, 3, &page, NULL));
		assert_int_equal(page.total, CANNED_KEYS);
		seen += page.count;
		strcpy(token, page.next_page_token);
	} while (token[0]);
	assert_int_equal(seen, CANNED_KEYS);
	assert_int_equal(page.count, CANNED_KEYS % 3);
}

static void list_without_room_is_refused_here(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_key_filter filter = { .environment = "test" };
	struct peppermint_page page;

	assert_int_equal(peppermint_list_keys(f->vault, &filter, NULL, 0, &page, NULL),
			 PM_BAD_REQUEST);
	assert_int_equal(canned_count(f->canned), 0);
}

static void rotate_sends_overlap_and_force(void **state)
{
	struct fixture *f = *state;
	struct peppermint_rotation rotation = { .environment = "test",
						.key_id = CANNED_ID,
						.overlap_seconds = 77 };
	struct peppermint_secret secret;
	struct peppermint_key key;

	assert_int_equal(peppermint_rotate_key(f->vault, &rotation, &key, &secret, NULL),
			 PM_CONFLICT);
	assert_string_equal(secret.text, "");
	rotation.force = true;
	assert_ok(peppermint_rotate_key(f->vault, &rotation, &key, &secret, NULL));
	assert_int_equal(key.secret_version, 2);
	assert_int_equal(key.overlap_until - key.rotated_at, 77);
	assert_string_equal(secret.text, CANNED_KEY);
}

static void revoke_shows_the_revoked_record(void **state)
{
	struct fixture *f = *state;
	struct peppermint_key key;

	assert_ok(peppermint_revoke_key(f->vault, "test", CANNED_ID, &key, NULL));
	assert_int_equal(key.state, PEPPERMINT_KEY_REVOKED);
	assert_int_equal(key.revoked_at, 1767225720);
}

static void values_are_bytes_and_keep_their_order(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_value values[] = { { "\0\n", 2 }, { "\xff", 1 } };
	struct peppermint_value_hash hashes[2];

	assert_ok(peppermint_hash_values(f->vault, "test", "email", values, 2, hashes, NULL));
	assert_string_equal(hashes[0].text, "v2:2-00");
	assert_string_equal(hashes[1].text, "v2:1-ff");
}

static void verify_hashes_tells_match_outdated_and_mismatch(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_hash_claim claims[] = {
		{ { "match", 5 }, CANNED_HASH },
		{ { "match", 5 }, CANNED_OLD_HASH },
		{ { "other", 5 }, CANNED_HASH },
	};
	struct peppermint_hash_verdict v[3];

	assert_ok(peppermint_verify_hashes(f->vault, "test", "email", claims, 3, v, NULL));
	assert_true(v[0].match && !v[0].outdated);
	assert_true(v[1].match && v[1].outdated);
	assert_false(v[2].match);
	assert_int_equal(v[2].reason, PM_REASON_MISMATCH);
}

static void peppers_are_listed_with_their_versions(void **state)
{
	struct fixture *f = *state;
	struct peppermint_pepper peppers[2];
	size_t count = 0;

	assert_ok(peppermint_list_peppers(f->vault, "test", peppers, 2, &count, NULL));
	assert_int_equal(count, 1);
	assert_string_equal(peppers[0].name, "email");
	assert_int_equal(peppers[0].version_count, 2);
	assert_int_equal(peppers[0].versions[0].state, PEPPERMINT_PEPPER_VERIFY_ONLY);
	assert_int_equal(peppers[0].versions[1].state, PEPPERMINT_PEPPER_ACTIVE);
	assert_int_equal(peppers[0].versions[1].key_id[15], 0xff);
}

static void more_peppers_than_room_is_too_large_and_tells_how_many(void **state)
{
	struct fixture *f = *state;
	size_t count = 0;

	assert_int_equal(peppermint_list_peppers(f->vault, "test", NULL, 0, &count, NULL),
			 PM_TOO_LARGE);
	assert_int_equal(count, 1);
}

static void peppers_are_created_and_rotated_by_name(void **state)
{
	struct fixture *f = *state;
	struct peppermint_pepper pepper;

	assert_ok(peppermint_create_pepper(f->vault, "test", "pan", &pepper, NULL));
	assert_string_equal(pepper.name, "pan");
	assert_int_equal(pepper.version_count, 1);
	assert_ok(peppermint_rotate_pepper(f->vault, "test", "pan", &pepper, NULL));
	assert_int_equal(pepper.version_count, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_request_carries_version_id_deadline_and_operator),
		TEST(the_library_makes_another_request_id_for_each_call),
		TEST(status_tells_of_every_environment),
		TEST(status_tells_of_the_audit_log),
		TEST(a_receipt_comes_when_it_is_wanted),
		TEST(mint_hands_over_the_record_and_the_secret),
		TEST(verify_keeps_the_order_of_the_keys),
		TEST(text_that_the_protocol_cannot_carry_is_refused_as_malformed),
		TEST(a_full_batch_fits_and_a_larger_one_is_the_vaults_to_refuse),
		TEST(a_request_over_a_message_is_not_sent),
		TEST(get_key_fills_in_the_record),
		TEST(a_refusal_brings_the_vaults_own_words),
		TEST(list_walks_through_all_pages),
		TEST(list_without_room_is_refused_here),
		TEST(rotate_sends_overlap_and_force),
		TEST(revoke_shows_the_revoked_record),
		TEST(values_are_bytes_and_keep_their_order),
		TEST(verify_hashes_tells_match_outdated_and_mismatch),
		TEST(peppers_are_listed_with_their_versions),
		TEST(more_peppers_than_room_is_too_large_and_tells_how_many),
		TEST(peppers_are_created_and_rotated_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
