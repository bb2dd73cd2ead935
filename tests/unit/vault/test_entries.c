/* What the audit log tells of operations: everything that it must, and nothing that it must not. */
#include "vault_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "leaf.h"

#define ACCOUNT "MARK-account \"quoted\"\n\"ok\":true,"
#define PRODUCT "MARK-product"
#define NAME "MARK-name \\u0041 {}"
#define OPERATOR "MARK-operator"
#define VALUE "MARK-value 4111111111111111"

static struct actor *marked_actor(struct fixture *f)
{
	struct actor *actor = fixture_actor(f);

	actor->operator_name = OPERATOR;
	actor->connection = 42;
	actor->pid = 4242;
	return actor;
}

static void mint_marked(struct fixture *f, struct key_info *info, struct key_text *text)
{
	const struct mint_params params = {
		.environment = "live", .account = ACCOUNT, .product = PRODUCT, .name = NAME
	};

	assert_int_equal(fixture_mint_text(f->vault, marked_actor(f), &params, info, text), PM_OK);
}

static void rotate_marked(struct fixture *f, const char *id, struct key_text *text)
{
	const struct rotate_params params = { .environment = "live", .key_id = id, .overlap = 60 };
	struct key_info info;

	assert_int_equal(fixture_rotate_text(f->vault, marked_actor(f), &params, &info, text),
			 PM_OK);
}

static struct verdict verify_marked(struct fixture *f, const char *environment, const char *text)
{
	const struct bytes bytes = bytes_str(text);
	struct verdict verdict;

	assert_int_equal(
		fixture_verify_texts(f->vault, marked_actor(f), environment, &bytes, 1, &verdict),
		PM_OK);
	return verdict;
}

static void change_pepper(struct fixture *f, const char *name, bool rotate)
{
	struct pepper_info info;

	assert_int_equal((rotate ? vault_rotate_pepper : vault_create_pepper)(
				 f->vault, marked_actor(f), "live", name, &info),
			 PM_OK);
}

static void hash_and_verify(struct fixture *f)
{
	const struct bytes value = bytes_str(VALUE);
	struct hash_verdict verdict;
	struct value_hash hash;

	assert_int_equal(vault_hash(f->vault, marked_actor(f), "live", "pan", &value, 1, &hash),
			 PM_OK);
	const struct hash_claim claims[] = {
		{ .value = value, .hash = bytes_str(hash.text) },
		{ .value = bytes_str("MARK-other"), .hash = bytes_str(hash.text) },
	};
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(vault_verify_hash(f->vault, marked_actor(f), "live", "pan",
						   &claims[i], 1, &verdict),
				 PM_OK);
}

static void read_all(struct fixture *f, const char *id)
{
	struct pepper_info *peppers = calloc(VAULT_PEPPERS_MAX, sizeof(*peppers));
	struct vault_master_key *keys = calloc(512, sizeof(*keys));
	struct value_hash hashes[VAULT_TEXT_HASHES_MAX];
	struct key_page *page = calloc(1, sizeof(*page));
	const struct list_params params = { .environment = "live",
					    .account = ACCOUNT,
					    .product = "",
					    .page_token = "",
					    .page_size = 10 };
	struct key_info info;
	size_t count = 0;

	assert_int_equal(vault_get(f->vault, marked_actor(f), "live", id, &info), PM_OK);
	assert_int_equal(vault_get(f->vault, marked_actor(f), "live", "MARK-unknown", &info),
			 PM_NOT_FOUND);
	assert_int_equal(vault_list(f->vault, marked_actor(f), &params, page), PM_OK);
	assert_int_equal(vault_list_peppers(f->vault, marked_actor(f), "live", peppers, &count),
			 PM_OK);
	assert_int_equal(vault_inventory(f->vault, marked_actor(f), 2, keys, 512, &count), PM_OK);
	assert_int_equal(
		vault_audit_hash(f->vault, marked_actor(f), "live", ACCOUNT, hashes, &count),
		PM_OK);
	free(peppers);
	free(keys);
	free(page);
}

static void be_refused(struct fixture *f)
{
	struct actor *actor = marked_actor(f);

	assert_int_equal(vault_audit_refusal(f->vault, actor, "MintKey", "live", PM_DENIED), PM_OK);
	assert_int_equal(
		vault_audit_refusal(f->vault, actor, "MintKey", "MARK-environment", PM_DENIED),
		PM_OK);
	actor->caller = "";
	actor->operator_name = "";
	assert_int_equal(vault_audit_stranger(f->vault, actor, 0), PM_OK);
	assert_int_equal(
		vault_audit_failure(f->vault, marked_actor(f), "RotateKey", "live", PM_CONFLICT),
		PM_OK);
}

struct scenario {
	struct key_info info, edited;
	struct key_text first, second, edited_text;
};

/* Everything that callers can do. */
static void do_everything(struct fixture *f, struct scenario *s)
{
	struct key_info info;

	mint_marked(f, &s->info, &s->first);
	mint_marked(f, &s->edited, &s->edited_text);
	assert_true(verify_marked(f, "live", s->first.text).valid);
	change_pepper(f, "api-keys", true);
	assert_true(verify_marked(f, "live", s->first.text).valid); /* and moves it */
	rotate_marked(f, s->info.id, &s->second);
	verify_marked(f, "test", s->first.text);
	verify_marked(f, "live", "MARK-nonsense");
	change_pepper(f, "pan", false);
	hash_and_verify(f);
	read_all(f, s->info.id);
	for (int i = 0; i < 2; i++)
		assert_int_equal(vault_revoke(f->vault, marked_actor(f), "live", s->info.id, &info),
				 PM_OK);
	verify_marked(f, "live", s->second.text);
	fixture_sql(f, "UPDATE api_key SET product = 'MARK-edited' WHERE revoked_at = 0");
	verify_marked(f, "live", s->edited_text.text);
	be_refused(f);
}

static void every_entry_says_who_what_when_and_where(void **state)
{
	static const char *const texts[] = { "ts",   "type", "caller",  "operator",
					     "from", "env",  "request", "policy" };
	struct fixture *f = *state;
	struct scenario s;
	size_t index = 0;
	json_t *entry = NULL;

	do_everything(f, &s);
	json_t *entries = fixture_entries(f, "");
	json_array_foreach(entries, index, entry)
	{
		const json_t *ok = json_object_get(entry, "ok");

		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			assert_true(strlen(entry_text(entry, texts[i])) > 0);
		assert_int_equal(strlen(entry_text(entry, "ts")),
				 strlen("2026-11-21T11:02:15.123456Z"));
		assert_true(entry_number(entry, "uid") >= 0);
		assert_true(entry_number(entry, "pid") > 0);
		assert_true(json_is_boolean(ok));
		if (json_is_false(ok))
			assert_true(strlen(entry_text(entry, "err")) > 0);
		else
			assert_null(json_object_get(entry, "err"));
	}
	assert_true(index > 20);
	json_decref(entries);
}

static void every_operation_has_its_entry(void **state)
{
	static const struct {
		const char *type;
		size_t count;
	} expected[] = {
		{ "key.mint", 2 },       { "key.verify", 1 },  { "key.move", 1 },
		{ "key.rotate", 2 },     { "key.revoke", 2 },  { "key.refuse", 3 },
		{ "key.quarantine", 1 }, { "key.read", 3 },    { "pepper.create", 1 },
		{ "pepper.rotate", 1 },  { "value.hash", 1 },  { "value.verify", 1 },
		{ "value.refuse", 1 },   { "pepper.read", 1 }, { "text.hash", 1 },
		{ "inventory.read", 1 }, { "call.refuse", 2 }, { "call.unknown", 1 },
	};
	struct fixture *f = *state;
	struct scenario s;

	do_everything(f, &s);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		size_t count = fixture_count_entries(f, expected[i].type);

		if (count != expected[i].count)
			fail_msg("%zu entries of %s", count, expected[i].type);
	}
}

static void what_it_acted_on_is_named_if_it_exists(void **state)
{
	static const char *const types[] = { "key.mint",   "key.verify", "key.move",
					     "key.revoke", "key.read",   "key.refuse" };
	struct fixture *f = *state;
	struct scenario s;

	do_everything(f, &s);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		json_t *entries = fixture_entries(f, types[i]);
		size_t index = 0, named = 0;
		json_t *entry = NULL;

		json_array_foreach(entries, index, entry)
		{
			const char *key = json_string_value(json_object_get(entry, "key"));

			named += key && strcmp(key, s.info.id) == 0;
		}
		assert_true(named > 0);
		json_decref(entries);
	}
	json_t *entry = fixture_newest_entry(f, "value.hash");
	assert_string_equal(entry_text(entry, "pepper"), "pan");
	assert_int_equal(entry_number(entry, "version"), 1);
	json_decref(entry);
	entry = fixture_newest_entry(f, "key.quarantine");
	assert_string_equal(entry_text(entry, "key"), s.edited.id);
	assert_string_equal(entry_text(entry, "err"), "RECORD_QUARANTINED");
	json_decref(entry);
	entry = fixture_newest_entry(f, "pepper.rotate");
	assert_int_equal(entry_number(entry, "version"), 2);
	json_decref(entry);
	entry = fixture_newest_entry(f, "inventory.read");
	assert_string_equal(entry_text(entry, "report"), "CRYPTO_INVENTORY");
	json_decref(entry);
}

static void no_secret_and_no_text_of_a_caller_is_in_any_entry(void **state)
{
	struct fixture *f = *state;
	struct scenario s;

	do_everything(f, &s);
	assert_false(fixture_log_has(f, "MARK"));
	assert_false(fixture_log_has(f, "request-"));
	assert_false(fixture_log_has(f, "4111"));
	assert_false(fixture_log_has(f, strrchr(s.first.text, '_') + 1));
	assert_false(fixture_log_has(f, strrchr(s.second.text, '_') + 1));
	assert_false(fixture_log_has(f, strrchr(s.edited_text.text, '_') + 1));
}

/* A quote in an account's name does not make a member of the entry: fixture_entries parses them. */
static void a_text_that_looks_like_json_changes_no_member(void **state)
{
	struct fixture *f = *state;
	struct scenario s;

	do_everything(f, &s);
	json_t *entry = fixture_newest_entry(f, "key.revoke");
	assert_true(json_is_false(json_object_get(entry, "ok")));
	assert_string_equal(entry_text(entry, "err"), "ALREADY_DONE");
	json_decref(entry);
}

static void a_known_text_is_found_by_its_hash(void **state)
{
	struct fixture *f = *state;
	struct value_hash hashes[VAULT_TEXT_HASHES_MAX];
	struct key_info info;
	struct key_text text;
	size_t count = 0;

	mint_marked(f, &info, &text);
	assert_int_equal(
		vault_audit_hash(f->vault, fixture_actor(f), "live", ACCOUNT, hashes, &count),
		PM_OK);
	assert_int_equal(count, 1);
	json_t *entry = fixture_newest_entry(f, "key.mint");
	assert_string_equal(entry_text(entry, "account"), hashes[0].text);
	assert_string_not_equal(entry_text(entry, "product"), hashes[0].text);
	assert_memory_equal(hashes[0].text, "v1:", 3);
	json_decref(entry);
	/* The other environment hides it otherwise. */
	struct value_hash other[VAULT_TEXT_HASHES_MAX];
	assert_int_equal(
		vault_audit_hash(f->vault, fixture_actor(f), "test", ACCOUNT, other, &count),
		PM_OK);
	assert_string_not_equal(other[0].text, hashes[0].text);
}

static void a_mint_for_a_known_account_costs_one_hmac_for_its_entry(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	mint_marked(f, &info, &text);
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);
	mint_marked(f, &info, &text);
	/* The secret's MAC, two seals, and the request id, each of them twice. */
	assert_int_equal(fake_hsm_macs(f->hsm[LIVE_ENV]) - before, 2 * 4);
}

static void a_failed_change_is_told_with_its_key_and_error(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text, fresh;

	mint_marked(f, &info, &text);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	const struct rotate_params rotate = { .environment = "live", .key_id = info.id };
	struct key_info unused;
	struct actor *actor = marked_actor(f);
	assert_int_equal(fixture_rotate_text(f->vault, actor, &rotate, &unused, &fresh),
			 PM_CONFLICT);
	assert_int_equal(vault_audit_failure(f->vault, actor, "RotateKey", "live", PM_CONFLICT),
			 PM_OK);
	assert_true(actor->receipt.log == 1);
	json_t *entry = fixture_newest_entry(f, "key.rotate");
	assert_true(json_is_false(json_object_get(entry, "ok")));
	assert_string_equal(entry_text(entry, "err"), "CONFLICT");
	assert_string_equal(entry_text(entry, "key"), rotate.key_id);
	assert_int_equal(entry_number(entry, "seq"), actor->receipt.index);
	json_decref(entry);
}

static void a_change_that_left_no_room_for_an_entry_gets_none(void **state)
{
	struct fixture *f = *state;
	size_t before = fixture_count_entries(f, "");

	assert_int_equal(
		vault_audit_failure(f->vault, fixture_actor(f), "MintKey", "live", PM_BUSY), PM_OK);
	assert_int_equal(fixture_count_entries(f, ""), before);
}

static void a_refusal_while_the_hsm_is_down_is_told_with_its_texts_left_out(void **state)
{
	struct fixture *f = *state;

	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_STARTING);
	assert_int_equal(vault_audit_failure(f->vault, marked_actor(f), "MintKey", "live",
					     PM_HSM_UNAVAILABLE),
			 PM_OK);
	json_t *entry = fixture_newest_entry(f, "key.mint");
	assert_string_equal(entry_text(entry, "operator"), "hidden");
	assert_string_equal(entry_text(entry, "request"), "hidden");
	assert_string_equal(entry_text(entry, "err"), "HSM_UNAVAILABLE");
	json_decref(entry);
	fake_hsm_set_state(f->hsm[LIVE_ENV], HSM_SERVING);
}

static void a_change_has_the_receipt_of_its_entry(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	mint_marked(f, &info, &text);
	assert_int_equal(f->actor.receipt.log, 1);
	json_t *entry = fixture_newest_entry(f, "key.mint");
	assert_int_equal(entry_number(entry, "seq"), f->actor.receipt.index);
	json_decref(entry);
	change_pepper(f, "email", false);
	entry = fixture_newest_entry(f, "pepper.create");
	assert_int_equal(entry_number(entry, "seq"), f->actor.receipt.index);
	json_decref(entry);
}

static void the_inventory_has_every_key_as_its_token_tells(void **state)
{
	struct fixture *f = *state;
	struct vault_master_key *keys = calloc(512, sizeof(*keys));
	size_t count = 0, read_back = 0;

	fake_hsm_set_state(f->hsm[TEST_ENV], HSM_STARTING);
	assert_int_equal(vault_inventory(f->vault, fixture_actor(f), 2, keys, 512, &count), PM_OK);
	for (size_t i = 0; i < count; i++) {
		bool answers = strcmp(keys[i].environment, "live") == 0;

		assert_int_equal(keys[i].read_back, answers);
		assert_int_equal(keys[i].sensitive, answers);
		assert_false(keys[i].extractable);
		assert_int_equal(keys[i].never_extractable, answers);
		read_back += keys[i].read_back;
	}
	assert_true(read_back >= 3);             /* integrity, api-keys, audit/text */
	assert_true(count - read_back >= 3 + 1); /* and audit/log in the first environment */
	assert_int_equal(vault_inventory(f->vault, fixture_actor(f), 2, keys, 2, &count),
			 PM_TOO_LARGE);
	free(keys);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_entry_says_who_what_when_and_where),
		TEST(every_operation_has_its_entry),
		TEST(what_it_acted_on_is_named_if_it_exists),
		TEST(no_secret_and_no_text_of_a_caller_is_in_any_entry),
		TEST(a_text_that_looks_like_json_changes_no_member),
		TEST(a_known_text_is_found_by_its_hash),
		TEST(a_mint_for_a_known_account_costs_one_hmac_for_its_entry),
		TEST(a_failed_change_is_told_with_its_key_and_error),
		TEST(a_change_that_left_no_room_for_an_entry_gets_none),
		TEST(a_refusal_while_the_hsm_is_down_is_told_with_its_texts_left_out),
		TEST(a_change_has_the_receipt_of_its_entry),
		TEST(the_inventory_has_every_key_as_its_token_tells),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
