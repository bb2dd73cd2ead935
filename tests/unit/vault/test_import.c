/* Keys of other systems: taken over once, found by their texts, and hashed like ours from then on. */
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "change_fixture.h"
#include "fault.h"
#include "imported.h"

#define INDEX PURPOSE_INDEX, INDEX_NAME

static const uint8_t hmac_key[] = "the other system's key";
#define HMAC_KEY bytes_of(hmac_key, sizeof(hmac_key) - 1)

/* A text, and what the other system kept of it. */
struct legacy {
	char text[64];
	uint8_t value[SHA512_DIGEST_LENGTH];
	struct import_item item;
};

static void legacy_make(struct legacy *legacy, enum import_form form, unsigned int number)
{
	const uint8_t *text = (const uint8_t *)legacy->text;

	snprintf(legacy->text, sizeof(legacy->text), "sk_legacy_%08u_abcdefghijkl", number);
	size_t len = strlen(legacy->text);
	legacy->item = (struct import_item){
		.form = form,
		.hmac_key = form == IMPORT_HMAC_SHA256 ? "legacy" : "",
		.account = "acme",
		.product = "pay",
		.name = "till",
		.external_ref = "",
		.tail = "jkl",
	};
	switch (form) {
	case IMPORT_SHA256:
		SHA256(text, len, legacy->value);
		legacy->item.value = bytes_of(legacy->value, SHA256_DIGEST_LENGTH);
		break;
	case IMPORT_SHA512:
		SHA512(text, len, legacy->value);
		legacy->item.value = bytes_of(legacy->value, SHA512_DIGEST_LENGTH);
		break;
	case IMPORT_HMAC_SHA256:
		HMAC(EVP_sha256(), hmac_key, sizeof(hmac_key) - 1, text, len, legacy->value, NULL);
		legacy->item.value = bytes_of(legacy->value, SHA256_DIGEST_LENGTH);
		break;
	default:
		legacy->item.value = bytes_str(legacy->text);
	}
}

static enum pm_err import(struct fixture *f, const struct import_item *items, size_t count,
			  struct import_outcome *outcomes)
{
	return vault_import_keys(f->vault, fixture_actor(f), "live", items, count, outcomes);
}

static struct import_outcome import_one(struct fixture *f, const struct import_item *item)
{
	struct import_outcome outcome;

	assert_int_equal(import(f, item, 1, &outcome), PM_OK);
	return outcome;
}

static struct import_outcome import_ok(struct fixture *f, const struct legacy *legacy)
{
	struct import_outcome outcome = import_one(f, &legacy->item);

	assert_int_equal(outcome.error, PM_OK);
	return outcome;
}

static void bring_key(struct fixture *f)
{
	struct master_info info;

	assert_int_equal(vault_import_hmac_key(f->vault, fixture_actor(f), "live", "legacy",
					       HMAC_KEY, &info),
			 PM_OK);
}

static const enum import_form forms[] = { IMPORT_SHA256, IMPORT_SHA512, IMPORT_HMAC_SHA256,
					  IMPORT_TEXT };
#define FORMS (sizeof(forms) / sizeof(forms[0]))

static void a_key_of_each_form_verifies_by_its_text_alone(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy[FORMS];

	bring_key(f);
	for (unsigned int i = 0; i < FORMS; i++) {
		legacy_make(&legacy[i], forms[i], i);
		assert_false(fixture_verify(f, "live", legacy[i].text).valid);
		struct import_outcome outcome = import_ok(f, &legacy[i]);
		struct verdict verdict = fixture_verify(f, "live", legacy[i].text);

		assert_true(verdict.valid);
		assert_string_equal(verdict.key_id, outcome.key_id);
		assert_string_equal(verdict.account, "acme");
		assert_false(fixture_verify(f, "test", legacy[i].text).valid);
	}
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (unsigned int i = 0; i < FORMS; i++)
		assert_true(fixture_verify(f, "live", legacy[i].text).valid);
	legacy_make(&legacy[0], IMPORT_TEXT, 99);
	assert_false(fixture_verify(f, "live", legacy[0].text).valid);
}

/* From then on its hash, wherever else it was kept, verifies nothing. */
static void the_first_use_makes_its_text_what_is_hashed(void **state)
{
	struct fixture *f = *state;

	bring_key(f);
	for (unsigned int i = 0; i < FORMS; i++) {
		struct legacy legacy;

		legacy_make(&legacy, forms[i], i);
		struct import_outcome outcome = import_ok(f, &legacy);
		struct key_record before = stored_key(f, outcome.key_id);
		assert_true(fixture_verify(f, "live", legacy.text).valid);
		struct key_record after = stored_key(f, outcome.key_id);

		assert_int_not_equal(before.secrets[SECRET_CURRENT].form, SECRET_OURS);
		assert_int_equal(after.secrets[SECRET_CURRENT].form, SECRET_TEXT);
		assert_memory_equal(after.lookup, before.lookup, sizeof(before.lookup));
		assert_true(fixture_verify(f, "live", legacy.text).valid);
	}
}

static void a_text_is_found_by_the_version_of_the_index_key_that_it_came_under(void **state)
{
	struct fixture *f = *state;
	struct legacy first, second;

	legacy_make(&first, IMPORT_SHA256, 1);
	legacy_make(&second, IMPORT_SHA256, 2);
	import_ok(f, &first);
	change_ok(f, INDEX, 0, MASTER_VERB_ROTATE);
	import_ok(f, &second);
	assert_int_equal(
		stored_key(f, fixture_verify(f, "live", second.text).key_id).lookup_version, 2);
	assert_true(fixture_verify(f, "live", first.text).valid);
	/* And what came under an older one is there as well. */
	assert_int_equal(import_one(f, &first.item).error, PM_ALREADY_EXISTS);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change(f, INDEX, 1, MASTER_VERB_DESTROY), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "1 records need"));
}

static void the_hash_itself_is_no_key(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy;
	char hex[2 * SHA256_DIGEST_LENGTH + 1];

	legacy_make(&legacy, IMPORT_SHA256, 1);
	import_ok(f, &legacy);
	for (size_t i = 0; i < SHA256_DIGEST_LENGTH; i++)
		snprintf(hex + 2 * i, 3, "%02x", legacy.value[i]);
	assert_false(fixture_verify(f, "live", hex).valid);
}

static void nothing_bare_is_stored_or_logged(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy;

	legacy_make(&legacy, IMPORT_SHA256, 1);
	struct import_outcome outcome = import_ok(f, &legacy);
	struct key_record record = stored_key(f, outcome.key_id);
	const uint8_t *bytes = (const uint8_t *)&record;
	for (size_t i = 0; i + 8 <= sizeof(record); i++)
		assert_memory_not_equal(bytes + i, legacy.value, 8);
	legacy_make(&legacy, IMPORT_TEXT, 2);
	import_ok(f, &legacy);
	assert_false(fixture_log_has(f, legacy.text));
	assert_false(fixture_log_has(f, "acme"));
}

static void one_key_is_imported_once_however_it_comes(void **state)
{
	struct fixture *f = *state;
	struct legacy hash, text;
	struct import_outcome outcomes[3];

	legacy_make(&hash, IMPORT_SHA256, 1);
	legacy_make(&text, IMPORT_TEXT, 1);
	const struct import_item items[] = { hash.item, text.item, hash.item };
	assert_int_equal(import(f, items, 3, outcomes), PM_OK);
	assert_int_equal(outcomes[0].error, PM_OK);
	assert_int_equal(outcomes[1].error, PM_ALREADY_EXISTS);
	assert_int_equal(outcomes[2].error, PM_ALREADY_EXISTS);
	assert_string_equal(outcomes[1].key_id, "");
	assert_int_equal(import(f, items, 3, outcomes), PM_OK);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(outcomes[i].error, PM_ALREADY_EXISTS);
	json_t *entry = fixture_newest_entry(f, "key.import");
	assert_int_equal(entry_number(entry, "count"), 0);
	assert_int_equal(entry_number(entry, "exists"), 3);
	json_decref(entry);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void an_external_reference_is_taken_once_in_an_account(void **state)
{
	struct fixture *f = *state;
	struct legacy one, two, three;
	struct import_outcome outcomes[3];

	legacy_make(&one, IMPORT_SHA256, 1);
	legacy_make(&two, IMPORT_SHA256, 2);
	legacy_make(&three, IMPORT_SHA256, 3);
	one.item.external_ref = two.item.external_ref = three.item.external_ref = "ref-1";
	three.item.account = "other";
	const struct import_item items[] = { one.item, two.item, three.item };
	assert_int_equal(import(f, items, 3, outcomes), PM_OK);
	assert_int_equal(outcomes[0].error, PM_OK);
	/* It is not there: whoever counts it among those that are has lost a key. */
	assert_int_equal(outcomes[1].error, PM_CONFLICT);
	assert_int_equal(outcomes[2].error, PM_OK);
	/* Only the commit sees that one: the log is told what did not come of it. */
	size_t before = fixture_count_entries(f, "key.import");
	assert_int_equal(import_one(f, &two.item).error, PM_CONFLICT);
	assert_int_equal(fixture_count_entries(f, "key.import"), before + 2);
	json_t *entry = fixture_newest_entry(f, "key.import");
	assert_int_equal(entry_number(entry, "exists"), 0);
	assert_int_equal(entry_number(entry, "refused"), 1);
	assert_string_equal(entry_text(entry, "err"), "CONFLICT");
	json_decref(entry);
	assert_false(fixture_verify(f, "live", two.text).valid);
	/* What was imported before has its own reference, wherever in the request it stands. */
	const struct import_item again[] = { two.item, one.item };
	assert_int_equal(import(f, again, 2, outcomes), PM_OK);
	assert_int_equal(outcomes[0].error, PM_CONFLICT);
	assert_int_equal(outcomes[1].error, PM_ALREADY_EXISTS);
}

static void what_is_wrong_with_one_keeps_none_of_the_others_out(void **state)
{
	enum { ITEMS = 18 };
	static const char blank[] = "sk_legacy_ with a blank";
	static const char *const scopes[] = { "UPPER" };
	static const char *const networks[] = { "10.0.0.1/8" };
	struct fixture *f = *state;
	struct legacy legacy[ITEMS];
	struct import_item items[ITEMS];
	struct import_outcome outcomes[ITEMS];
	struct key_text ours;
	struct key_info info;
	size_t n = 0;

	fixture_mint(f, &info, &ours);
	for (unsigned int i = 0; i < ITEMS; i++)
		legacy_make(&legacy[i], IMPORT_SHA256, i);
	legacy[n++].item.form = (enum import_form)0;
	legacy[n++].item.form = (enum import_form)9;
	legacy[n++].item.value.len = 31;
	legacy[n++].item.value.len = 33;
	legacy[n++].item.form = IMPORT_SHA512;      /* of 32 bytes */
	legacy[n++].item.form = IMPORT_HMAC_SHA256; /* without a key */
	legacy[n].item.form = IMPORT_HMAC_SHA256;
	legacy[n++].item.hmac_key = "unknown";
	legacy[n++].item.hmac_key = "unknown"; /* of a plain hash */
	legacy[n].item.form = IMPORT_TEXT;
	legacy[n++].item.value = bytes_str("too-short");
	legacy[n].item.form = IMPORT_TEXT;
	legacy[n++].item.value = bytes_str(blank);
	legacy[n].item.form = IMPORT_TEXT;
	legacy[n++].item.value = bytes_str(ours.text);
	legacy[n++].item.account = "";
	legacy[n++].item.tail = "four";
	legacy[n++].item.tail = "a\n";
	legacy[n++].item.created_at = clock_unix() + 100;
	legacy[n].item.scopes = (struct texts){ scopes, 1 };
	n++;
	legacy[n].item.networks = (struct texts){ networks, 1 };
	n++;
	assert_int_equal(n, ITEMS - 1);
	for (size_t i = 0; i < ITEMS; i++)
		items[i] = legacy[i].item;
	assert_int_equal(import(f, items, ITEMS, outcomes), PM_OK);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(outcomes[i].error, PM_BAD_REQUEST);
		assert_non_null(outcomes[i].why);
		assert_string_equal(outcomes[i].key_id, "");
	}
	assert_int_equal(outcomes[n].error, PM_OK);
	assert_true(fixture_verify(f, "live", legacy[n].text).valid);
	json_t *entry = fixture_newest_entry(f, "key.import");
	assert_int_equal(entry_number(entry, "count"), 1);
	assert_int_equal(entry_number(entry, "refused"), n);
	assert_string_equal(entry_text(entry, "first"), outcomes[n].key_id);
	assert_string_equal(entry_text(entry, "last"), outcomes[n].key_id);
	json_decref(entry);
}

static void a_request_of_nothing_or_too_much_is_refused(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy;
	struct import_outcome outcome;

	legacy_make(&legacy, IMPORT_SHA256, 1);
	assert_int_equal(import(f, &legacy.item, 0, &outcome), PM_BAD_REQUEST);
	assert_int_equal(import(f, &legacy.item, VAULT_IMPORT_MAX + 1, &outcome), PM_BAD_REQUEST);
	struct actor *actor = fixture_actor(f);
	actor->request_id = "";
	assert_int_equal(vault_import_keys(f->vault, actor, "live", &legacy.item, 1, &outcome),
			 PM_BAD_REQUEST);
	actor = fixture_actor(f);
	actor->on_behalf = true;
	assert_int_equal(vault_import_keys(f->vault, actor, "live", &legacy.item, 1, &outcome),
			 PM_DENIED);
	assert_int_equal(fixture_count_entries(f, "key.import"), 0);
}

static void what_a_record_says_of_a_key_comes_with_it(void **state)
{
	static const char *const scopes[] = { "pay:write", "pay:read" };
	static const char *const networks[] = { "192.0.2.0/24" };
	static const char *const label_keys[] = { "team" }, *const label_values[] = { "blue" };
	struct fixture *f = *state;
	struct legacy legacy;
	int64_t now = clock_unix();

	legacy_make(&legacy, IMPORT_SHA256, 1);
	legacy.item.external_ref = "ref-1";
	legacy.item.created_at = now - 1000;
	legacy.item.not_before = now + 1000;
	legacy.item.expires_at = now + 2000;
	legacy.item.disabled = true;
	legacy.item.scopes = (struct texts){ scopes, 2 };
	legacy.item.networks = (struct texts){ networks, 1 };
	legacy.item.labels = (struct label_texts){ label_keys, label_values, 1 };
	struct key_record record = stored_key(f, import_ok(f, &legacy).key_id);
	assert_string_equal(record.external_ref, "ref-1");
	assert_int_equal(record.created_at, now - 1000);
	assert_int_equal(record.not_before, now + 1000);
	assert_int_equal(record.expires_at, now + 2000);
	assert_true(record.disabled_at >= now);
	assert_string_equal(record.scopes, "pay:read pay:write");
	assert_string_equal(record.networks, "192.0.2.0/24");
	assert_string_equal(record.labels, "team=blue\n");
	assert_string_equal(record.tail, "jkl");
	assert_false(record.registered);
}

static void an_account_must_be_there_unless_the_policy_lets_any_in(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy;

	f->policy[LIVE_ENV].any_account = false;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	legacy_make(&legacy, IMPORT_SHA256, 1);
	struct import_outcome outcome = import_one(f, &legacy.item);
	assert_int_equal(outcome.error, PM_ACCOUNT_NOT_APPROVED);
	assert_non_null(outcome.why);
	assert_false(fixture_verify(f, "live", legacy.text).valid);
}

static void an_account_that_is_not_approved_brings_its_keys_and_a_closed_one_does_not(void **state)
{
	struct fixture *f = *state;
	struct account_params params = { .environment = "live", .id = "acme" };
	struct account_info info;
	struct key_secret secret;
	struct legacy first, second;

	f->policy[LIVE_ENV].any_account = false;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(vault_create_account(f->vault, fixture_actor(f), &params, &info, &secret),
			 PM_OK);
	legacy_make(&first, IMPORT_SHA256, 1);
	legacy_make(&second, IMPORT_SHA256, 2);
	assert_true(stored_key(f, import_ok(f, &first).key_id).registered);
	assert_false(fixture_verify(f, "live", first.text).valid);
	params.status = VAULT_ACCOUNT_CLOSED;
	assert_int_equal(vault_update_account(f->vault, fixture_actor(f), &params, &info, &secret),
			 PM_OK);
	assert_int_equal(import_one(f, &second.item).error, PM_ACCOUNT_NOT_APPROVED);
}

static void a_repeated_request_imports_nothing_again(void **state)
{
	struct fixture *f = *state;
	struct actor *actor = fixture_actor(f);
	struct import_outcome outcome;
	struct legacy legacy;

	legacy_make(&legacy, IMPORT_SHA256, 1);
	assert_int_equal(vault_import_keys(f->vault, actor, "live", &legacy.item, 1, &outcome),
			 PM_OK);
	assert_int_equal(vault_import_keys(f->vault, actor, "live", &legacy.item, 1, &outcome),
			 PM_ALREADY_DONE);
	assert_int_equal(strlen(actor->done_subject), 64);
	assert_int_equal(fixture_count_entries(f, "key.import"), 1);
}

static uint64_t count_keys(struct fixture *f)
{
	uint64_t count = 0;

	assert_int_equal(store_count_keys(f->store, "live", &count), PM_OK);
	return count;
}

enum { MANY = 300 };

static void make_many(struct legacy legacy[MANY], struct import_item items[MANY])
{
	for (unsigned int i = 0; i < MANY; i++) {
		legacy_make(&legacy[i], IMPORT_SHA256, i);
		items[i] = legacy[i].item;
	}
}

static void whatever_fails_all_are_there_or_none(void **state)
{
	static struct legacy legacy[MANY];
	static struct import_item items[MANY];
	static struct import_outcome outcomes[MANY];
	struct fixture *f = *state;
	bool fired = true;
	int nth = 0;

	make_many(legacy, items);
	for (; fired; nth++) {
		uint64_t before = count_keys(f);

		fault_arm(nth);
		enum pm_err err = import(f, items, MANY, outcomes);
		fired = fault_fired();
		fault_disarm();
		assert_true(before == 0 || before == MANY);
		assert_int_equal(count_keys(f), err == PM_OK ? MANY : before);
		if (err == PM_OK)
			continue;
		fixture_reopen(f);
		assert_int_equal(vault_tend(f->vault), PM_OK);
	}
	assert_true(nth > 3);
	assert_int_equal(count_keys(f), MANY);
	for (size_t i = 0; i < MANY; i += 37)
		assert_true(fixture_verify(f, "live", legacy[i].text).valid);
}

static void interrupted_and_begun_again_nothing_is_lost_or_there_twice(void **state)
{
	static struct legacy legacy[MANY];
	static struct import_item items[MANY];
	static struct import_outcome outcomes[MANY];
	struct fixture *f = *state;

	make_many(legacy, items);
	for (size_t done = 60; done < MANY; done += 60) {
		assert_int_equal(import(f, items, done, outcomes), PM_OK);
		fixture_reopen(f);
		assert_int_equal(vault_tend(f->vault), PM_OK);
	}
	assert_int_equal(import(f, items, MANY, outcomes), PM_OK);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(outcomes[i].error, i < 240 ? PM_ALREADY_EXISTS : PM_OK);
	assert_int_equal(count_keys(f), MANY);
	for (size_t i = 0; i < MANY; i += 37)
		assert_true(fixture_verify(f, "live", legacy[i].text).valid);
}

/* A wrong lookup is a key that nobody finds, and a wrong MAC one that never verifies. */
static void one_flipped_bit_of_the_token_is_kept_nowhere(void **state)
{
	struct fixture *f = *state;
	unsigned int refused = 0;

	for (unsigned int nth = 0; nth < 16; nth++) {
		struct import_outcome outcome;
		struct legacy legacy;

		legacy_make(&legacy, IMPORT_SHA256, nth);
		uint64_t before = count_keys(f);
		fake_hsm_flip(f->hsm[LIVE_ENV], nth);
		enum pm_err err = import(f, &legacy.item, 1, &outcome);
		if (err != PM_OK) {
			assert_int_equal(count_keys(f), before);
			refused++;
			import_ok(f, &legacy);
		}
		/* What comes after the import is perhaps no verdict, but never a wrong one. */
		struct verdict verdict = fixture_verify(f, "live", legacy.text);
		if (verdict.error != PM_OK)
			verdict = fixture_verify(f, "live", legacy.text);
		assert_true(verdict.valid);
	}
	assert_true(refused >= 6);
}

struct importer {
	struct fixture *f;
	const struct import_item *items;
	unsigned int number;
	size_t imported;
};

static void *import_in_parts(void *arg)
{
	struct importer *importer = arg;
	struct import_outcome outcomes[MANY];
	enum { PART = 60 };

	for (unsigned int i = 0; i < MANY; i += PART) {
		char request_id[32];
		struct actor actor = {
			.uid = 1000,
			.caller = "unit",
			.operator_name = "",
			.request_id = request_id,
			.rpc = 56,
			.environments = UINT32_MAX,
			.deadline = deadline_in_ms(60000),
		};

		snprintf(request_id, sizeof(request_id), "part-%u-%u", importer->number, i);
		assert_int_equal(vault_import_keys(importer->f->vault, &actor, "live",
						   importer->items + i, PART, outcomes),
				 PM_OK);
		for (size_t k = 0; k < PART; k++) {
			assert_true(outcomes[k].error == PM_OK ||
				    outcomes[k].error == PM_ALREADY_EXISTS);
			importer->imported += outcomes[k].error == PM_OK;
		}
	}
	return NULL;
}

static void several_at_once_import_each_key_once(void **state)
{
	enum { THREADS = 4 };
	static struct legacy legacy[MANY];
	static struct import_item items[MANY];
	struct fixture *f = *state;
	struct importer importers[THREADS];
	pthread_t threads[THREADS];
	size_t sum = 0;

	make_many(legacy, items);
	for (unsigned int i = 0; i < THREADS; i++) {
		importers[i] = (struct importer){ .f = f, .items = items, .number = i };
		assert_int_equal(pthread_create(&threads[i], NULL, import_in_parts, &importers[i]),
				 0);
	}
	for (size_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		sum += importers[i].imported;
	}
	assert_int_equal(sum, MANY);
	assert_int_equal(count_keys(f), MANY);
	for (size_t i = 0; i < MANY; i += 37)
		assert_true(fixture_verify(f, "live", legacy[i].text).valid);
}

static void an_import_key_is_kept_as_long_as_a_text_is_found_by_it(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy;
	struct key_info info;
	struct key_secret fresh;

	bring_key(f);
	legacy_make(&legacy, IMPORT_HMAC_SHA256, 1);
	struct import_outcome outcome = import_ok(f, &legacy);
	assert_int_equal(change(f, PURPOSE_IMPORT, "legacy", 1, MASTER_VERB_DESTROY), PM_CONFLICT);
	assert_true(fixture_verify(f, "live", legacy.text).valid);
	assert_int_equal(change(f, PURPOSE_IMPORT, "legacy", 1, MASTER_VERB_DESTROY), PM_CONFLICT);
	assert_true(fixture_verify(f, "live", legacy.text).valid);
	const struct rotate_params params = { .environment = "live", .key_id = outcome.key_id };
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &params, &info, &fresh), PM_OK);
	change_ok(f, PURPOSE_IMPORT, "legacy", 1, MASTER_VERB_DESTROY);
	assert_int_equal(import_one(f, &legacy.item).error, PM_BAD_REQUEST);
	/* Nobody finds it by that key's HMAC any more, not even before the key is gone. */
	assert_int_equal(fixture_verify(f, "live", legacy.text).reason, PM_REASON_UNKNOWN_KEY);
	assert_true(fixture_verify(f, "live", fresh.text.text).valid);
}

/* It would be taken for what it looks like before it is looked for among the imported ones. */
static void a_text_that_looks_like_one_of_ours_is_not_imported(void **state)
{
	struct fixture *f = *state;
	char wrong[VAULT_KEY_TEXT_MAX + 1];
	struct legacy legacy;
	struct key_text ours;
	struct key_info info;

	fixture_mint(f, &info, &ours);
	legacy_make(&legacy, IMPORT_TEXT, 1);
	strcpy(wrong, ours.text);
	char *last = &wrong[strlen(wrong) - 1];
	*last = *last == '0' ? '1' : '0';
	legacy.item.value = bytes_str(wrong);
	assert_int_equal(import_one(f, &legacy.item).error, PM_BAD_REQUEST);
	legacy.item.value = bytes_str(ours.text);
	struct import_outcome outcome;
	assert_int_equal(
		vault_import_keys(f->vault, fixture_actor(f), "test", &legacy.item, 1, &outcome),
		PM_OK);
	assert_int_equal(outcome.error, PM_BAD_REQUEST);
}

/* Which stands for all of them. */
static void no_key_comes_under_the_account_that_is_called_asterisk(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy;

	legacy_make(&legacy, IMPORT_SHA256, 1);
	legacy.item.account = "*";
	assert_int_equal(import_one(f, &legacy.item).error, PM_ACCOUNT_NOT_APPROVED);
}

static void an_imported_key_lives_like_any_other(void **state)
{
	struct fixture *f = *state;
	struct legacy legacy;
	struct key_info info;
	struct key_secret fresh;

	legacy_make(&legacy, IMPORT_SHA512, 1);
	struct import_outcome outcome = import_ok(f, &legacy);
	const struct rotate_params params = { .environment = "live",
					      .key_id = outcome.key_id,
					      .overlap = 1000 };
	assert_int_equal(vault_rotate(f->vault, fixture_actor(f), &params, &info, &fresh), PM_OK);
	assert_true(fixture_verify(f, "live", legacy.text).valid);
	assert_true(fixture_verify(f, "live", fresh.text.text).valid);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", outcome.key_id, &info),
			 PM_OK);
	assert_int_equal(fixture_verify(f, "live", legacy.text).reason, PM_REASON_REVOKED);
	assert_int_equal(import_one(f, &legacy.item).error, PM_ALREADY_EXISTS);
}

static void a_row_moved_to_another_keys_lookup_verifies_nothing(void **state)
{
	struct fixture *f = *state;
	struct legacy gone, moved;
	char sql[256], hex[2 * STORE_LOOKUP_LEN + 1];

	legacy_make(&gone, IMPORT_SHA256, 1);
	legacy_make(&moved, IMPORT_SHA256, 2);
	struct key_record record = stored_key(f, import_ok(f, &gone).key_id);
	import_ok(f, &moved);
	for (size_t i = 0; i < STORE_LOOKUP_LEN; i++)
		snprintf(hex + 2 * i, 3, "%02x", record.lookup[i]);
	snprintf(sql, sizeof(sql),
		 "DELETE FROM api_key WHERE id = '%s'; UPDATE api_key SET lookup = x'%s'",
		 record.id, hex);
	fixture_sql(f, sql);
	assert_int_equal(fixture_verify(f, "live", gone.text).reason, PM_REASON_QUARANTINED);
	assert_false(fixture_verify(f, "live", moved.text).valid);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_of_each_form_verifies_by_its_text_alone),
		TEST(the_first_use_makes_its_text_what_is_hashed),
		TEST(a_text_is_found_by_the_version_of_the_index_key_that_it_came_under),
		TEST(the_hash_itself_is_no_key),
		TEST(nothing_bare_is_stored_or_logged),
		TEST(one_key_is_imported_once_however_it_comes),
		TEST(an_external_reference_is_taken_once_in_an_account),
		TEST(what_is_wrong_with_one_keeps_none_of_the_others_out),
		TEST(a_request_of_nothing_or_too_much_is_refused),
		TEST(what_a_record_says_of_a_key_comes_with_it),
		TEST(an_account_must_be_there_unless_the_policy_lets_any_in),
		TEST(an_account_that_is_not_approved_brings_its_keys_and_a_closed_one_does_not),
		TEST(a_repeated_request_imports_nothing_again),
		TEST(whatever_fails_all_are_there_or_none),
		TEST(interrupted_and_begun_again_nothing_is_lost_or_there_twice),
		TEST(one_flipped_bit_of_the_token_is_kept_nowhere),
		TEST(several_at_once_import_each_key_once),
		TEST(an_import_key_is_kept_as_long_as_a_text_is_found_by_it),
		TEST(a_text_that_looks_like_one_of_ours_is_not_imported),
		TEST(no_key_comes_under_the_account_that_is_called_asterisk),
		TEST(an_imported_key_lives_like_any_other),
		TEST(a_row_moved_to_another_keys_lookup_verifies_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
