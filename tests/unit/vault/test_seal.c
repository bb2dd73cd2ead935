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

static void the_longest_record_is_covered_whole(void **state)
{
	struct key_record key = a_key();
	struct seal_task task;

	(void)state;
	memset(key.account, 'a', STORE_ACCOUNT_MAX);
	memset(key.product, 'a', STORE_PRODUCT_MAX);
	memset(key.name, 'a', STORE_NAME_MAX);
	memset(key.created_by, 'a', STORE_ACTOR_MAX);
	memset(key.environment, 'a', STORE_ENVIRONMENT_MAX);
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
		cmocka_unit_test(no_state_of_a_master_key_can_be_altered_under_its_seal),
		cmocka_unit_test(a_standby_token_cannot_be_added_or_taken_away),
		TEST(a_seal_holds_as_long_as_its_version_vouches),
		TEST(a_suspended_integrity_key_does_not_lock_the_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
