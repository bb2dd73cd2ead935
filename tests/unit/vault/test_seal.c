/* What seals cover: always the same bytes for what was there before, and never the same for two records. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "master_fixture.h"
#include "seal.h"

/* As the first release wrote them. */
static const char old_key[] = "0000001a7065707065726d696e742f76312f7365616c2f6170692d6b65790000"
			      "00046c6976650000001030313233343536373839616263646566000000046163"
			      "6d65000000037061790000000474696c6c0000000a756e69742f616c69636500"
			      "00000378797a0000000000000001000000000000000200000000000000030000"
			      "0000000000040000000200000001000000000000000000000020111111111111"
			      "1111111111111111111111111111111111111111111111111111000000010000"
			      "0001000000000000000500000020222222222222222222222222222222222222"
			      "22222222222222222222222222220000000000000007";
static const char old_master[] = "0000001d7065707065726d696e742f76312f7365616c2f6d61737465722d6b65"
				 "79000000046c69766500000006706570706572000000086170692d6b65797300"
				 "0000010000000200000010333333333333333333333333333333330000000844"
				 "44444444444444000000000000000800000000000000090000000000000002";
static const char old_environment[] =
	"0000001e7065707065726d696e742f76312f7365616c2f656e7669726f6e6d65"
	"6e74000000046c69766500000004323232320000000000000006000000000000"
	"0001";

static struct key_record a_key(void)
{
	struct key_record key = {
		.environment = "live",
		.id = "0123456789abcdef",
		.account = "acme",
		.product = "pay",
		.name = "till",
		.created_by = "unit/alice",
		.tail = "xyz",
		.created_at = 1,
		.expires_at = 2,
		.rotated_at = 3,
		.revoked_at = 4,
		.secrets[SECRET_CURRENT] = { .version = 2, .pepper_version = 1 },
		.secrets[SECRET_PREVIOUS] = { .version = 1, .pepper_version = 1, .not_after = 5 },
		.revision = 7,
	};

	memset(key.secrets[SECRET_CURRENT].mac, 0x11, STORE_MAC_LEN);
	memset(key.secrets[SECRET_PREVIOUS].mac, 0x22, STORE_MAC_LEN);
	return key;
}

static struct master_record a_master(void)
{
	struct master_record master = {
		.environment = "live",
		.purpose = "pepper",
		.name = "api-keys",
		.version = 1,
		.state = MASTER_ACTIVE,
		.created_at = 8,
		.changed_at = 9,
		.revision = 2,
	};

	memset(master.key_id, 0x33, sizeof(master.key_id));
	memset(master.check, 0x44, sizeof(master.check));
	return master;
}

static struct environment_record an_environment(void)
{
	return (struct environment_record){
		.name = "live", .token_serial = "2222", .created_at = 6, .revision = 1
	};
}

/* What the second release put behind it for a secret that was wrapped under versions 2 and 3. */
static const char old_wraps[] = "000000057772617073"
				"00000002000000020000000300000000";

static struct account_record an_account(void)
{
	return (struct account_record){
		.environment = "live",
		.id = "acme",
		.name = "ACME",
		.merchant = "17",
		.status = ACCOUNT_APPROVED,
		.products = "+pay\n",
		.created_by = "unit/alice",
		.created_at = 1,
		.changed_at = 2,
		.revision = 2,
	};
}

static struct operator_record an_operator(void)
{
	return (struct operator_record){
		.environment = "live",
		.id = "alice",
		.name = "Alice",
		.roles = "acme=ADMIN\n",
		.created_by = "unit/alice",
		.created_at = 1,
		.changed_at = 2,
		.revision = 2,
	};
}

static void assert_covers(const struct seal_task *task, const char *hex)
{
	char text[2 * SEAL_ROOM + 1];

	assert_false(task->covered.full);
	hex_encode(buf_bytes(&task->covered), text);
	assert_string_equal(text, hex);
}

static void records_of_the_first_release_cover_what_they_did(void **state)
{
	struct key_record key = a_key();
	struct master_record master = a_master();
	struct environment_record environment = an_environment();
	struct seal_task task;

	(void)state;
	seal_cover_key(&task, &key);
	assert_covers(&task, old_key);
	seal_cover_master(&task, &master);
	assert_covers(&task, old_master);
	seal_cover_environment(&task, &environment);
	assert_covers(&task, old_environment);
}

static void a_wrapped_key_of_the_second_release_covers_what_it_did(void **state)
{
	struct key_record key = a_key();
	char expected[sizeof(old_key) + sizeof(old_wraps)];
	struct seal_task task;

	(void)state;
	key.secrets[SECRET_CURRENT].wraps[0] = 2;
	key.secrets[SECRET_CURRENT].wraps[1] = 3;
	key.secrets[SECRET_CURRENT].wrap_count = 2;
	seal_cover_key(&task, &key);
	strcpy(expected, old_key);
	strcat(expected, old_wraps);
	assert_covers(&task, expected);
}

#define VARIANTS_MAX 64

struct variants {
	struct seal_task tasks[VARIANTS_MAX];
	size_t count;
};

static void add_key(struct variants *variants, struct key_record key)
{
	assert_true(variants->count < VARIANTS_MAX);
	seal_cover_key(&variants->tasks[variants->count++], &key);
}

static void add_master(struct variants *variants, struct master_record master)
{
	assert_true(variants->count < VARIANTS_MAX);
	seal_cover_master(&variants->tasks[variants->count++], &master);
}

static void assert_all_differ(const struct variants *variants)
{
	for (size_t i = 0; i < variants->count; i++) {
		struct bytes a = buf_bytes(&variants->tasks[i].covered);

		assert_false(variants->tasks[i].covered.full);
		for (size_t j = 0; j < i; j++) {
			struct bytes b = buf_bytes(&variants->tasks[j].covered);

			if (a.len == b.len && memcmp(a.data, b.data, a.len) == 0)
				fail_msg("variants %zu and %zu cover the same", j, i);
		}
	}
}

static struct key_record with_wraps(int which, uint32_t first, uint32_t second)
{
	struct key_record key = a_key();
	struct secret_record *secret = &key.secrets[which];

	secret->wraps[secret->wrap_count++] = first;
	if (second != 0)
		secret->wraps[secret->wrap_count++] = second;
	return key;
}

static void no_wrap_can_be_moved_under_a_seal(void **state)
{
	static struct variants variants;
	struct key_record key = with_wraps(SECRET_CURRENT, 2, 0);

	(void)state;
	add_key(&variants, a_key());
	add_key(&variants, key);
	add_key(&variants, with_wraps(SECRET_PREVIOUS, 2, 0));
	add_key(&variants, with_wraps(SECRET_CURRENT, 3, 0));
	add_key(&variants, with_wraps(SECRET_CURRENT, 2, 3));
	add_key(&variants, with_wraps(SECRET_CURRENT, 3, 2));
	add_key(&variants, with_wraps(SECRET_PREVIOUS, 2, 3));
	/* One in each: not the same as two in one. */
	key.secrets[SECRET_PREVIOUS].wraps[0] = 3;
	key.secrets[SECRET_PREVIOUS].wrap_count = 1;
	add_key(&variants, key);
	key.secrets[SECRET_CURRENT].wraps[0] = 3;
	key.secrets[SECRET_PREVIOUS].wraps[0] = 2;
	add_key(&variants, key);
	/* The outermost made the innermost. */
	key = a_key();
	key.secrets[SECRET_CURRENT].pepper_version = 2;
	add_key(&variants, key);
	key.secrets[SECRET_CURRENT].wraps[0] = 1;
	key.secrets[SECRET_CURRENT].wrap_count = 1;
	add_key(&variants, key);
	/* Values that slide into the neighbouring field. */
	key = a_key();
	strcpy(key.account, "acm");
	strcpy(key.product, "epay");
	add_key(&variants, key);
	key = a_key();
	key.revision = 0;
	add_key(&variants, key);
	assert_all_differ(&variants);
}

/* Gives a copy of the record in which one statement has been done, and it alone. */
#define ADD_KEY_WITH(statement)                                                                    \
	do {                                                                                       \
		struct key_record key = a_key();                                                   \
		statement;                                                                         \
		add_key(&variants, key);                                                           \
	} while (0)

static void no_list_or_state_of_a_key_can_be_altered_under_its_seal(void **state)
{
	static struct variants variants;

	(void)state;
	ADD_KEY_WITH((void)0);
	ADD_KEY_WITH(strcpy(key.external_ref, "x"));
	ADD_KEY_WITH(strcpy(key.scopes, "x"));
	ADD_KEY_WITH(strcpy(key.labels, "x"));
	ADD_KEY_WITH(strcpy(key.networks, "x"));
	ADD_KEY_WITH(strcpy(key.import_key, "x"));
	ADD_KEY_WITH(strcpy(key.networks, "xy"));
	ADD_KEY_WITH((strcpy(key.labels, "x"), strcpy(key.networks, "y")));
	ADD_KEY_WITH(key.not_before = 1);
	ADD_KEY_WITH(key.disabled_at = 1);
	ADD_KEY_WITH(key.first_use = true);
	ADD_KEY_WITH(key.first_use_overlap = 1);
	ADD_KEY_WITH(key.last_version = 1);
	ADD_KEY_WITH(key.registered = true);
	ADD_KEY_WITH(key.lookup_version = 1);
	ADD_KEY_WITH(key.lookup[0] = 1);
	ADD_KEY_WITH(key.lookup[STORE_LOOKUP_LEN - 1] = 1);
	ADD_KEY_WITH(key.secrets[SECRET_CURRENT].form = SECRET_TEXT);
	ADD_KEY_WITH(key.secrets[SECRET_PREVIOUS].form = SECRET_TEXT);
	ADD_KEY_WITH(key.secrets[SECRET_CURRENT].form = SECRET_SHA256);
	assert_all_differ(&variants);
}

#define ADD_WITH(type, make, cover, statement)                                                     \
	do {                                                                                       \
		struct type record = make();                                                       \
		statement;                                                                         \
		assert_true(variants.count < VARIANTS_MAX);                                        \
		cover(&variants.tasks[variants.count++], &record);                                 \
	} while (0)
#define ADD_ACCOUNT_WITH(statement)                                                                \
	ADD_WITH(account_record, an_account, seal_cover_account, statement)
#define ADD_OPERATOR_WITH(statement)                                                               \
	ADD_WITH(operator_record, an_operator, seal_cover_operator, statement)

static void no_account_can_be_altered_under_its_seal(void **state)
{
	static struct variants variants;

	(void)state;
	ADD_ACCOUNT_WITH((void)0);
	ADD_ACCOUNT_WITH(strcpy(record.environment, "test"));
	ADD_ACCOUNT_WITH(strcpy(record.id, "x"));
	ADD_ACCOUNT_WITH(strcpy(record.name, "x"));
	ADD_ACCOUNT_WITH(strcpy(record.merchant, "x"));
	ADD_ACCOUNT_WITH(record.status = ACCOUNT_SUSPENDED);
	ADD_ACCOUNT_WITH(strcpy(record.products, "-pay\n"));
	ADD_ACCOUNT_WITH(strcpy(record.first_product, "pay"));
	ADD_ACCOUNT_WITH(strcpy(record.first_key, "0123456789abcdef"));
	ADD_ACCOUNT_WITH(strcpy(record.created_by, "x"));
	ADD_ACCOUNT_WITH(record.created_at = 9);
	ADD_ACCOUNT_WITH(record.changed_at = 9);
	ADD_ACCOUNT_WITH(record.approved_at = 9);
	ADD_ACCOUNT_WITH(record.closed_at = 9);
	ADD_ACCOUNT_WITH(record.closing = true);
	ADD_ACCOUNT_WITH(record.revision = 9);
	assert_all_differ(&variants);
}

static void no_operator_can_be_altered_under_its_seal(void **state)
{
	static struct variants variants;

	(void)state;
	ADD_OPERATOR_WITH((void)0);
	ADD_OPERATOR_WITH(strcpy(record.environment, "test"));
	ADD_OPERATOR_WITH(strcpy(record.id, "x"));
	ADD_OPERATOR_WITH(strcpy(record.name, "x"));
	ADD_OPERATOR_WITH(strcpy(record.roles, "acme=SUPERADMIN\n"));
	ADD_OPERATOR_WITH(record.pin_version = 9);
	ADD_OPERATOR_WITH(record.pin_salt[STORE_SALT_LEN - 1] = 9);
	ADD_OPERATOR_WITH(record.pin_mac[STORE_MAC_LEN - 1] = 9);
	ADD_OPERATOR_WITH(record.pin_set_at = 9);
	ADD_OPERATOR_WITH(record.failures = 9);
	ADD_OPERATOR_WITH(record.locked_until = 9);
	ADD_OPERATOR_WITH(strcpy(record.created_by, "x"));
	ADD_OPERATOR_WITH(record.created_at = 9);
	ADD_OPERATOR_WITH(record.changed_at = 9);
	ADD_OPERATOR_WITH(record.disabled_at = 9);
	ADD_OPERATOR_WITH(record.revision = 9);
	assert_all_differ(&variants);
}

#define FILL(field) memset(field, 'a', sizeof(field) - 1)

static void the_longest_account_and_operator_are_covered_whole(void **state)
{
	struct account_record account = an_account();
	struct operator_record operator_ = an_operator();
	struct seal_task task;

	(void)state;
	FILL(account.environment);
	FILL(account.id);
	FILL(account.name);
	FILL(account.merchant);
	FILL(account.products);
	FILL(account.first_product);
	FILL(account.first_key);
	FILL(account.created_by);
	seal_cover_account(&task, &account);
	assert_false(task.covered.full);
	FILL(operator_.environment);
	FILL(operator_.id);
	FILL(operator_.name);
	FILL(operator_.roles);
	FILL(operator_.created_by);
	seal_cover_operator(&task, &operator_);
	assert_false(task.covered.full);
}

static void the_longest_record_is_covered_whole(void **state)
{
	struct key_record key = a_key();
	struct seal_task task;

	(void)state;
	FILL(key.account);
	FILL(key.product);
	FILL(key.name);
	FILL(key.created_by);
	FILL(key.environment);
	FILL(key.external_ref);
	FILL(key.scopes);
	FILL(key.labels);
	FILL(key.networks);
	FILL(key.import_key);
	for (size_t i = 0; i < SECRETS_PER_KEY; i++)
		key.secrets[i].wrap_count = STORE_WRAPS_MAX;
	seal_cover_key(&task, &key);
	assert_false(task.covered.full);
}

/* Every later field alone, and each with the others' value. */
static void no_state_of_a_master_key_can_be_altered_under_its_seal(void **state)
{
	static struct variants variants;
	struct master_record master = a_master();

	(void)state;
	add_master(&variants, master);
	for (int64_t value = 1; value <= 2; value++) {
		master = a_master();
		master.ends_at = value;
		add_master(&variants, master);
		master = a_master();
		master.destroy_at = value;
		add_master(&variants, master);
		master = a_master();
		master.activated_at = value;
		add_master(&variants, master);
		master = a_master();
		master.prior = (enum master_state)value;
		add_master(&variants, master);
		master = a_master();
		master.changed_at = value;
		add_master(&variants, master);
	}
	master = a_master();
	master.rewrap = true;
	add_master(&variants, master);
	assert_all_differ(&variants);
}

static void a_standby_token_cannot_be_added_or_taken_away(void **state)
{
	struct environment_record one = an_environment(), two = an_environment();
	static struct variants variants;

	(void)state;
	variants.count = 4;
	seal_cover_environment(&variants.tasks[0], &one);
	strcpy(one.standby_serial, "3333");
	seal_cover_environment(&variants.tasks[1], &one);
	strcpy(one.standby_serial, "3334");
	seal_cover_environment(&variants.tasks[2], &one);
	strcpy(two.token_serial, "3333");
	strcpy(two.standby_serial, "2222");
	seal_cover_environment(&variants.tasks[3], &two);
	assert_all_differ(&variants);
}

static enum pm_err check_stored(struct fixture *f, const char *id)
{
	struct key_record record = stored_key(f, id);

	return seal_check_key(live(f), &record, deadline_in_ms(60000));
}

static void a_seal_holds_as_long_as_its_version_vouches(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	master_rotate(f, RECORDS);
	assert_int_equal(check_stored(f, info.id), PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
	master_become(f, RECORDS, 1, MASTER_COMPROMISED);
	assert_int_equal(check_stored(f, info.id), PM_OK);
	master_become(f, RECORDS, 1, MASTER_SUSPENDED);
	assert_int_equal(check_stored(f, info.id), PM_RECORD_QUARANTINED);
	assert_int_equal(fixture_verify(f, "live", text.text).reason, PM_REASON_QUARANTINED);
	master_become(f, RECORDS, 1, MASTER_VERIFY_ONLY);
	assert_true(fixture_verify(f, "live", text.text).valid);
	master_end(f, RECORDS, 1);
	assert_int_equal(check_stored(f, info.id), PM_RECORD_QUARANTINED);
}

/* Or nobody could resume it: its own record, and the environment's, may be sealed under it. */
static void a_suspended_integrity_key_does_not_lock_the_environment(void **state)
{
	struct fixture *f = *state;

	master_rotate(f, RECORDS);
	master_become(f, RECORDS, 1, MASTER_SUSPENDED);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	assert_int_equal(master_get(f, RECORDS, 1).state, MASTER_SUSPENDED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_of_the_first_release_cover_what_they_did),
		cmocka_unit_test(no_wrap_can_be_moved_under_a_seal),
		cmocka_unit_test(the_longest_record_is_covered_whole),
		cmocka_unit_test(a_wrapped_key_of_the_second_release_covers_what_it_did),
		cmocka_unit_test(no_list_or_state_of_a_key_can_be_altered_under_its_seal),
		cmocka_unit_test(no_account_can_be_altered_under_its_seal),
		cmocka_unit_test(no_operator_can_be_altered_under_its_seal),
		cmocka_unit_test(the_longest_account_and_operator_are_covered_whole),
		cmocka_unit_test(no_state_of_a_master_key_can_be_altered_under_its_seal),
		cmocka_unit_test(a_standby_token_cannot_be_added_or_taken_away),
		TEST(a_seal_holds_as_long_as_its_version_vouches),
		TEST(a_suspended_integrity_key_does_not_lock_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
