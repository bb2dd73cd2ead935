#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "fault_vfs.h"

enum { NOW = 1700000000 };

static struct account_record make_account(unsigned number)
{
	struct account_record account = {
		.environment = "live",
		.name = "Shop",
		.status = ACCOUNT_APPROVED,
		.products = "+payments\n-wallet\n",
		.created_at = NOW,
		.revision = 1,
		.seal = { .version = 1, .mac = { 1, 2 } },
	};

	snprintf(account.id, sizeof(account.id), "account-%03u", number);
	return account;
}

static struct operator_record make_operator(unsigned number)
{
	struct operator_record person = {
		.environment = "live",
		.name = "Alice",
		.roles = "*=ADMIN\n",
		.created_at = NOW,
		.revision = 1,
		.seal = { .version = 1, .mac = { 3, 4 } },
	};

	snprintf(person.id, sizeof(person.id), "person-%03u", number);
	return person;
}

static enum pm_err put_account(struct fixture *f, enum store_op op,
			       const struct account_record *account)
{
	return commit_one(f, (struct store_change){ .op = op, .account = account });
}

static enum pm_err put_operator(struct fixture *f, enum store_op op,
				const struct operator_record *person)
{
	return commit_one(f, (struct store_change){ .op = op, .operator_ = person });
}

#define SAME(field) assert_memory_equal(&have->field, &want->field, sizeof(want->field))

static void assert_same_account(const struct account_record *have,
				const struct account_record *want)
{
	SAME(environment);
	SAME(id);
	SAME(name);
	SAME(merchant);
	SAME(status);
	SAME(products);
	SAME(first_product);
	SAME(first_key);
	SAME(created_by);
	SAME(created_at);
	SAME(changed_at);
	SAME(approved_at);
	SAME(closed_at);
	SAME(closing);
	SAME(revision);
	SAME(seal.version);
	SAME(seal.mac);
}

static void assert_same_operator(const struct operator_record *have,
				 const struct operator_record *want)
{
	SAME(environment);
	SAME(id);
	SAME(name);
	SAME(roles);
	SAME(pin_version);
	SAME(pin_salt);
	SAME(pin_mac);
	SAME(pin_set_at);
	SAME(failures);
	SAME(locked_until);
	SAME(created_by);
	SAME(created_at);
	SAME(changed_at);
	SAME(disabled_at);
	SAME(revision);
	SAME(seal.version);
	SAME(seal.mac);
}

#define FILL(field) memset(field, 'x', sizeof(field) - 1)

static void an_account_with_every_field_at_its_limit_comes_back_the_same(void **state)
{
	struct fixture *f = *state;
	struct account_record out, account = {
		.status = ACCOUNT_CLOSED,
		.created_at = INT64_MAX,
		.changed_at = INT64_MAX - 1,
		.approved_at = INT64_MAX - 2,
		.closed_at = INT64_MAX - 3,
		.closing = true,
		.revision = INT64_MAX,
		.seal = { .version = UINT32_MAX, .mac = { 0xff } },
	};

	FILL(account.environment);
	FILL(account.id);
	FILL(account.name);
	FILL(account.merchant);
	FILL(account.products);
	FILL(account.first_product);
	FILL(account.first_key);
	FILL(account.created_by);
	assert_int_equal(put_account(f, STORE_INSERT_ACCOUNT, &account), PM_OK);
	fixture_reopen(f);
	assert_int_equal(store_get_account(f->store, account.environment, account.id, &out), PM_OK);
	assert_same_account(&out, &account);
	assert_int_equal(put_account(f, STORE_INSERT_ACCOUNT, &account), PM_ALREADY_EXISTS);
	assert_int_equal(store_get_account(f->store, "live", account.id, &out), PM_NOT_FOUND);
}

static void an_operator_with_every_field_at_its_limit_comes_back_the_same(void **state)
{
	struct fixture *f = *state;
	struct operator_record out, person = {
		.pin_version = UINT32_MAX,
		.pin_set_at = INT64_MAX,
		.failures = UINT32_MAX - 1,
		.locked_until = INT64_MAX - 1,
		.created_at = INT64_MAX - 2,
		.changed_at = INT64_MAX - 3,
		.disabled_at = INT64_MAX - 4,
		.revision = INT64_MAX,
		.seal = { .version = UINT32_MAX, .mac = { 0xff } },
	};

	FILL(person.environment);
	FILL(person.id);
	FILL(person.name);
	FILL(person.roles);
	FILL(person.created_by);
	memset(person.pin_salt, 0xfe, sizeof(person.pin_salt));
	memset(person.pin_mac, 0xfd, sizeof(person.pin_mac));
	assert_int_equal(put_operator(f, STORE_INSERT_OPERATOR, &person), PM_OK);
	fixture_reopen(f);
	assert_int_equal(store_get_operator(f->store, person.environment, person.id, &out), PM_OK);
	assert_same_operator(&out, &person);
	assert_int_equal(put_operator(f, STORE_INSERT_OPERATOR, &person), PM_ALREADY_EXISTS);
}

static void accounts_and_operators_change_only_from_the_revision_before(void **state)
{
	struct fixture *f = *state;
	struct account_record account = make_account(1), account_out;
	struct operator_record person = make_operator(1), person_out;

	assert_int_equal(put_account(f, STORE_UPDATE_ACCOUNT, &account), PM_CONFLICT);
	assert_int_equal(put_operator(f, STORE_UPDATE_OPERATOR, &person), PM_CONFLICT);
	assert_int_equal(put_account(f, STORE_INSERT_ACCOUNT, &account), PM_OK);
	assert_int_equal(put_operator(f, STORE_INSERT_OPERATOR, &person), PM_OK);
	account.revision = person.revision = 2;
	account.status = ACCOUNT_SUSPENDED;
	person.failures = 3;
	assert_int_equal(put_account(f, STORE_UPDATE_ACCOUNT, &account), PM_OK);
	assert_int_equal(put_account(f, STORE_UPDATE_ACCOUNT, &account), PM_CONFLICT);
	assert_int_equal(put_operator(f, STORE_UPDATE_OPERATOR, &person), PM_OK);
	assert_int_equal(put_operator(f, STORE_UPDATE_OPERATOR, &person), PM_CONFLICT);
	assert_int_equal(store_get_account(f->store, "live", account.id, &account_out), PM_OK);
	assert_same_account(&account_out, &account);
	assert_int_equal(store_get_operator(f->store, "live", person.id, &person_out), PM_OK);
	assert_same_operator(&person_out, &person);
}

enum { ACCOUNTS = 20 };

/* Every fourth of each status but one; of the closed ones half are closing. */
static void insert_accounts(struct fixture *f)
{
	for (unsigned i = 0; i < ACCOUNTS; i++) {
		struct account_record account = make_account(i * 7 % ACCOUNTS);
		struct operator_record person = make_operator(i * 7 % ACCOUNTS);
		account.status = (enum account_status)(2 + i % 4);
		account.closing = i % 8 == 3;
		person.pin_version = i % 3;
		assert_int_equal(put_account(f, STORE_INSERT_ACCOUNT, &account), PM_OK);
		assert_int_equal(put_operator(f, STORE_INSERT_OPERATOR, &person), PM_OK);
	}
}

static size_t walk_accounts(struct fixture *f, enum account_status status, uint64_t want)
{
	struct account_record page[3];
	char after[STORE_ACCOUNT_MAX + 1] = "";
	size_t count = 0, sum = 0;
	uint64_t total = 0;

	do {
		assert_int_equal(store_list_accounts(f->store, "live", status, after, page, 3,
						     &count, &total),
				 PM_OK);
		assert_int_equal(total, want);
		for (size_t i = 0; i < count; i++) {
			assert_true(strcmp(page[i].id, after) > 0);
			assert_true(status == 0 || page[i].status == status);
			assert_int_equal(page[i].seal.version, 1);
			memcpy(after, page[i].id, sizeof(after));
		}
		sum += count;
	} while (count == 3);
	return sum;
}

static void accounts_and_operators_are_listed_by_id(void **state)
{
	struct fixture *f = *state;
	struct operator_record page[ACCOUNTS];
	size_t count = 0;
	uint64_t total = 0;

	insert_accounts(f);
	assert_int_equal(walk_accounts(f, (enum account_status)0, ACCOUNTS), ACCOUNTS);
	for (unsigned status = ACCOUNT_PENDING; status <= ACCOUNT_CLOSED; status++)
		assert_int_equal(walk_accounts(f, (enum account_status)status, ACCOUNTS / 4),
				 ACCOUNTS / 4);
	assert_int_equal(walk_accounts(f, ACCOUNT_ONBOARDING, 0), 0);
	assert_int_equal(
		store_list_operators(f->store, "live", NULL, page, ACCOUNTS, &count, &total),
		PM_OK);
	assert_int_equal(count, ACCOUNTS);
	assert_int_equal(total, ACCOUNTS);
	for (unsigned i = 0; i < ACCOUNTS; i++)
		assert_string_equal(page[i].id, make_operator(i).id);
	assert_int_equal(
		store_list_operators(f->store, "live", page[17].id, page, 10, &count, &total),
		PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(total, ACCOUNTS);
	assert_int_equal(store_list_operators(f->store, "test", NULL, page, 10, &count, &total),
			 PM_OK);
	assert_int_equal(count, 0);
}

static void accounts_that_are_closing_are_found(void **state)
{
	struct fixture *f = *state;
	char ids[4][STORE_ACCOUNT_MAX + 1];
	struct account_record account;
	size_t count = 0;

	insert_accounts(f);
	assert_int_equal(store_closing_accounts(f->store, "live", ids, 1, &count), PM_OK);
	assert_int_equal(count, 1);
	assert_int_equal(store_closing_accounts(f->store, "live", ids, 4, &count), PM_OK);
	assert_int_equal(count, 3); /* of 3, 11, 19 */
	assert_int_equal(store_get_account(f->store, "live", ids[0], &account), PM_OK);
	account.closing = false;
	account.revision++;
	assert_int_equal(put_account(f, STORE_UPDATE_ACCOUNT, &account), PM_OK);
	assert_int_equal(store_closing_accounts(f->store, "live", ids, 4, &count), PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(store_closing_accounts(f->store, "test", ids, 4, &count), PM_OK);
	assert_int_equal(count, 0);
}

static void pins_are_counted_by_version(void **state)
{
	struct fixture *f = *state;
	struct version_count counts[2];
	size_t count = 0;

	insert_accounts(f);
	assert_int_equal(store_count_pins(f->store, "live", counts, 1, &count), PM_TOO_LARGE);
	assert_int_equal(store_count_pins(f->store, "live", counts, 2, &count), PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(counts[0].version, 1);
	assert_int_equal(counts[0].count, 7);
	assert_int_equal(counts[1].version, 2);
	assert_int_equal(counts[1].count, 6);
}

static void seals_of_accounts_and_operators_are_counted(void **state)
{
	struct fixture *f = *state;
	struct operator_record person = make_operator(100);
	struct seal_group groups[2];
	size_t count = 0;

	insert_accounts(f);
	person.seal.version = 2;
	assert_int_equal(put_operator(f, STORE_INSERT_OPERATOR, &person), PM_OK);
	assert_int_equal(store_group_seals(f->store, "live", groups, 2, &count), PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(groups[0].version, 1);
	assert_int_equal(groups[0].accounts, ACCOUNTS);
	assert_int_equal(groups[0].operators, ACCOUNTS);
	assert_int_equal(groups[0].keys, 0);
	assert_int_equal(groups[1].version, 2);
	assert_int_equal(groups[1].accounts, 0);
	assert_int_equal(groups[1].operators, 1);
}

/* A row that was edited is missed, and hides no other. */
static void assert_account_quarantined(struct fixture *f, const char *edit)
{
	struct account_record out, page[3];
	char sql[160];
	size_t count = 0;
	uint64_t total = 0;

	snprintf(sql, sizeof(sql), "UPDATE account SET %s WHERE id = 'account-002'", edit);
	raw_edit(f, sql);
	assert_int_equal(store_get_account(f->store, "live", "account-002", &out),
			 PM_RECORD_QUARANTINED);
	assert_int_equal(store_list_accounts(f->store, "live", (enum account_status)0, "", page, 3,
					     &count, &total),
			 PM_OK);
	assert_int_equal(count, 3);
	assert_same_account(&page[1],
			    &(struct account_record){ .environment = "live", .id = "account-002" });
	out = make_account(3);
	assert_same_account(&page[2], &out);
}

static void assert_operator_quarantined(struct fixture *f, const char *edit)
{
	struct operator_record out, page[3];
	char sql[160];
	size_t count = 0;
	uint64_t total = 0;

	snprintf(sql, sizeof(sql), "UPDATE operator SET %s WHERE id = 'person-002'", edit);
	raw_edit(f, sql);
	assert_int_equal(store_get_operator(f->store, "live", "person-002", &out),
			 PM_RECORD_QUARANTINED);
	assert_int_equal(store_list_operators(f->store, "live", "", page, 3, &count, &total),
			 PM_OK);
	assert_int_equal(count, 3);
	assert_same_operator(
		&page[1], &(struct operator_record){ .environment = "live", .id = "person-002" });
	out = make_operator(3);
	assert_same_operator(&page[2], &out);
}

static int setup_three(void **state)
{
	fixture_setup(state);
	for (unsigned i = 1; i <= 3; i++) {
		struct account_record account = make_account(i);
		struct operator_record person = make_operator(i);
		assert_int_equal(put_account(*state, STORE_INSERT_ACCOUNT, &account), PM_OK);
		assert_int_equal(put_operator(*state, STORE_INSERT_OPERATOR, &person), PM_OK);
	}
	return 0;
}

static void a_malformed_account_is_quarantined_and_harms_no_other(void **state)
{
	static const char *const edits[] = {
		"name = hex(zeroblob(65))",
		"merchant = hex(zeroblob(17))",
		"status = 0",
		"status = 6",
		"products = hex(zeroblob(1025))",
		"products = hex(zeroblob(2000000))",
		"products = 'a' || char(0) || 'b'",
		"first_product = hex(zeroblob(33))",
		"first_key = hex(zeroblob(9))",
		"created_by = hex(zeroblob(65))",
		"created_at = -1",
		"changed_at = -1",
		"approved_at = -1",
		"closed_at = -9223372036854775808",
		"closing = 2",
		"revision = 0",
		"seal_version = 4294967296",
		"seal_mac = zeroblob(31)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		void *each = NULL;
		setup_three(&each);
		assert_account_quarantined(each, edits[i]);
		fixture_teardown(&each);
	}
}

static void a_malformed_operator_is_quarantined_and_harms_no_other(void **state)
{
	static const char *const edits[] = {
		"name = hex(zeroblob(65))",
		"roles = hex(zeroblob(513))",
		"roles = hex(zeroblob(2000000))",
		"pin_version = -1",
		"pin_salt = zeroblob(15)",
		"pin_mac = zeroblob(33)",
		"pin_set_at = -1",
		"failures = 4294967296",
		"locked_until = -1",
		"created_by = hex(zeroblob(65))",
		"created_at = -1",
		"changed_at = -1",
		"disabled_at = -1",
		"revision = 0",
		"seal_version = -1",
		"seal_mac = zeroblob(0)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		void *each = NULL;
		setup_three(&each);
		assert_operator_quarantined(each, edits[i]);
		fixture_teardown(&each);
	}
}

static struct value_record make_value(uint32_t key_version, uint32_t len)
{
	struct value_record value = {
		.environment = "live",
		.id = "0000000000000001",
		.secret_version = UINT32_MAX,
		.key_version = key_version,
		.sealed_len = len,
	};

	memset(value.sealed, (int)key_version, len);
	return value;
}

static enum pm_err put_value(struct fixture *f, enum store_op op, const struct value_record *value)
{
	return commit_one(f, (struct store_change){ .op = op, .value = value });
}

static void assert_value(struct fixture *f, const struct value_record *want)
{
	struct value_record out, *have = &out;

	assert_int_equal(store_get_value(f->store, "live", want->id, have), PM_OK);
	SAME(environment);
	SAME(id);
	SAME(secret_version);
	SAME(key_version);
	SAME(sealed);
	SAME(sealed_len);
}

static void a_value_replaces_the_one_before_and_can_be_deleted(void **state)
{
	struct fixture *f = *state;
	struct value_record longest = make_value(2, STORE_SEALED_MAX), least = make_value(1, 1);
	struct value_record other = make_value(1, 60), out;
	struct version_count counts[2];
	size_t count = 0;

	memcpy(other.id, "0000000000000002", sizeof(other.id));
	assert_int_equal(put_value(f, STORE_DELETE_VALUE, &longest), PM_OK); /* there is none */
	assert_int_equal(put_value(f, STORE_PUT_VALUE, &longest), PM_OK);
	assert_int_equal(put_value(f, STORE_PUT_VALUE, &other), PM_OK);
	fixture_reopen(f);
	assert_value(f, &longest);
	assert_int_equal(store_count_values(f->store, "live", counts, 2, &count), PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(counts[0].version, 1);
	assert_int_equal(counts[0].count, 1);
	assert_int_equal(counts[1].version, 2);
	assert_int_equal(put_value(f, STORE_PUT_VALUE, &least), PM_OK);
	assert_value(f, &least);
	assert_value(f, &other);
	assert_int_equal(store_count_values(f->store, "live", counts, 1, &count), PM_OK);
	assert_int_equal(counts[0].count, 2);
	assert_int_equal(put_value(f, STORE_DELETE_VALUE, &least), PM_OK);
	assert_int_equal(store_get_value(f->store, "live", least.id, &out), PM_NOT_FOUND);
	assert_value(f, &other);
}

static void a_value_that_could_not_be_loaded_again_is_neither_stored_nor_loaded(void **state)
{
	static const char *const edits[] = { "sealed = x''", "sealed = zeroblob(289)",
					     "sealed = zeroblob(2000000)", "secret_version = -1",
					     "key_version = 4294967296" };
	struct fixture *f = *state;
	struct value_record none = make_value(1, 0), more = make_value(1, 1), good = more, out;
	char sql[96];

	more.sealed_len = STORE_SEALED_MAX + 1;
	assert_int_equal(put_value(f, STORE_PUT_VALUE, &none), PM_INTERNAL);
	assert_int_equal(put_value(f, STORE_PUT_VALUE, &more), PM_INTERNAL);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++) {
		assert_int_equal(put_value(f, STORE_PUT_VALUE, &good), PM_OK);
		snprintf(sql, sizeof(sql), "UPDATE key_value SET %s", edits[i]);
		raw_edit(f, sql);
		assert_int_equal(store_get_value(f->store, "live", good.id, &out),
				 PM_RECORD_QUARANTINED);
	}
}

static struct store_change add_key_uses(const struct key_use_record *use)
{
	return (struct store_change){ .op = STORE_ADD_KEY_USES, .key_use = use };
}

static void use_and_expect(struct fixture *f, uint64_t add, int64_t at, int64_t warned,
			   struct key_use_record want)
{
	struct key_use_record out, more = { .environment = "live",
					    .id = "0000000000000001",
					    .uses = add,
					    .last_at = at,
					    .warned_at = warned };

	assert_int_equal(commit_one(f, add_key_uses(&more)), PM_OK);
	assert_int_equal(store_get_key_use(f->store, "live", more.id, &out), PM_OK);
	assert_true(out.uses == want.uses);
	assert_true(out.last_at == want.last_at);
	assert_true(out.warned_at == want.warned_at);
}

#define USE(sum, last, warned)                                                                     \
	((struct key_use_record){ .uses = (sum), .last_at = (last), .warned_at = (warned) })

static void uses_of_a_key_add_up_and_the_last_warning_stays(void **state)
{
	struct fixture *f = *state;
	struct key_use_record out;

	assert_int_equal(store_get_key_use(f->store, "live", "0000000000000001", &out),
			 PM_NOT_FOUND);
	use_and_expect(f, 2, NOW, 0, USE(2, NOW, 0));
	use_and_expect(f, 0, 0, NOW + 9, USE(2, NOW, NOW + 9));
	use_and_expect(f, 3, NOW - 1, 0, USE(5, NOW, NOW + 9));
	use_and_expect(f, 0, NOW + 1, NOW + 5, USE(5, NOW + 1, NOW + 5));
	fixture_reopen(f);
	use_and_expect(f, INT64_MAX, 0, 0, USE(INT64_MAX, NOW + 1, NOW + 5));
	use_and_expect(f, 1, 0, 0, USE(INT64_MAX, NOW + 1, NOW + 5));
	raw_edit(f, "UPDATE key_use SET last_at = -1");
	assert_int_equal(store_get_key_use(f->store, "live", "0000000000000001", &out),
			 PM_RECORD_QUARANTINED);
}

static void keys_that_are_not_revoked_are_found_by_account(void **state)
{
	struct fixture *f = *state;
	char ids[8][STORE_ID_LEN + 1];
	size_t count = 0;

	for (unsigned i = 0; i < 8; i++) {
		struct key_record key = make_key(i);
		key.revoked_at = i % 4 == 1 ? NOW : 0;
		key.disabled_at = i % 4 == 2 ? NOW : 0;
		if (i % 4 == 3)
			strcpy(key.account, "other");
		assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	}
	assert_int_equal(store_unrevoked_keys(f->store, "live", "acme", ids, 3, &count), PM_OK);
	assert_int_equal(count, 3);
	assert_int_equal(store_unrevoked_keys(f->store, "live", "acme", ids, 8, &count), PM_OK);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++)
		assert_true(strchr("0246", ids[i][STORE_ID_LEN - 1]));
	assert_int_equal(store_unrevoked_keys(f->store, "test", "acme", ids, 8, &count), PM_OK);
	assert_int_equal(count, 0);
}

static void assert_expiring(struct fixture *f, const char *digits)
{
	char ids[8][STORE_ID_LEN + 1];
	size_t count = 0;

	assert_int_equal(store_expiring_keys(f->store, "live", NOW, NOW + 100, ids, 8, &count),
			 PM_OK);
	assert_int_equal(count, strlen(digits));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(ids[i][STORE_ID_LEN - 1], digits[i]);
}

static void keys_that_expire_soon_are_found_until_the_log_was_told(void **state)
{
	static const int64_t ends[] = { 0, NOW, NOW + 99, NOW + 100, NOW + 1, NOW + 50, NOW + 60 };
	struct fixture *f = *state;
	struct key_record key;
	struct key_use_record told = { .environment = "live", .id = "0000000000000005" };

	for (unsigned i = 0; i < 7; i++) {
		key = make_key(i);
		key.expires_at = ends[i];
		key.revoked_at = i == 6 ? NOW : 0;
		assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	}
	assert_expiring(f, "452");
	told.warned_at = NOW + 50;
	assert_int_equal(commit_one(f, add_key_uses(&told)), PM_OK);
	assert_expiring(f, "42");
	key = make_key(5);
	key.expires_at = NOW + 51; /* another end, of which it was not told */
	key.revision = 2;
	assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	assert_expiring(f, "452");
}

enum { SWEEP_MAX = 1000 };

/* The n-th round's records, all or none of which are there. */
static enum pm_err commit_round(struct fixture *f, unsigned nth)
{
	struct account_record account = make_account(nth);
	struct operator_record person = make_operator(nth);
	struct value_record value = make_value(1, 40);
	struct key_use_record use = { .environment = "live", .uses = 1, .last_at = NOW };
	struct store_change changes[] = {
		{ .op = STORE_INSERT_ACCOUNT, .account = &account },
		{ .op = STORE_INSERT_OPERATOR, .operator_ = &person },
		{ .op = STORE_PUT_VALUE, .value = &value },
		add_key_uses(&use),
	};

	snprintf(value.id, sizeof(value.id), "%016u", nth);
	memcpy(use.id, value.id, sizeof(use.id));
	return store_commit(f->store, changes, 4, later());
}

static void assert_round(struct fixture *f, unsigned nth, enum pm_err err)
{
	enum pm_err want = err == PM_OK ? PM_OK : PM_NOT_FOUND;
	struct account_record account;
	struct operator_record person;
	struct value_record value;
	struct key_use_record use;
	char id[STORE_ID_LEN + 1];

	snprintf(id, sizeof(id), "%016u", nth);
	assert_int_equal(store_get_account(f->store, "live", make_account(nth).id, &account), want);
	assert_int_equal(store_get_operator(f->store, "live", make_operator(nth).id, &person),
			 want);
	assert_int_equal(store_get_value(f->store, "live", id, &value), want);
	assert_int_equal(store_get_key_use(f->store, "live", id, &use), want);
}

static void the_new_records_survive_every_io_error(void **state)
{
	static enum pm_err outcomes[SWEEP_MAX];
	struct fixture *f = *state;
	unsigned nth = 0, failed = 0;

	assert_int_equal(commit_key(f, 0), PM_OK);
	assert_int_equal(commit_key(f, 1), PM_OK); /* the writer's own affairs are done by now */
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		fault_vfs_arm((int)nth);
		outcomes[nth] = commit_round(f, nth);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_true(outcomes[nth] == PM_OK || outcomes[nth] == PM_STORE_UNAVAILABLE);
		assert_round(f, nth, outcomes[nth]);
		failed += outcomes[nth] != PM_OK;
	}
	assert_true(failed > 0 && nth < SWEEP_MAX);
	fixture_reopen(f);
	for (unsigned i = 0; i < nth; i++)
		assert_round(f, i, outcomes[i]);
	fixture_close(f);
	assert_integrity(f->dir);
}

/* Each right or an error. */
static unsigned read_all(struct fixture *f)
{
	static struct account_record accounts[ACCOUNTS];
	static struct operator_record operators[ACCOUNTS];
	char ids[ACCOUNTS][STORE_ACCOUNT_MAX + 1];
	char keys[4][STORE_ID_LEN + 1];
	struct version_count versions[3];
	size_t counts[7] = { 0 };
	uint64_t total = 0;
	const enum pm_err errs[] = {
		store_list_accounts(f->store, "live", ACCOUNT_CLOSED, "", accounts, ACCOUNTS,
				    &counts[0], &total),
		store_list_operators(f->store, "live", "", operators, ACCOUNTS, &counts[1], &total),
		store_closing_accounts(f->store, "live", ids, ACCOUNTS, &counts[2]),
		store_count_pins(f->store, "live", versions, 3, &counts[3]),
		store_count_values(f->store, "live", versions, 3, &counts[4]),
		store_unrevoked_keys(f->store, "live", "acme", keys, 4, &counts[5]),
		store_expiring_keys(f->store, "live", NOW, NOW + 100, keys, 4, &counts[6]),
	};
	static const size_t want[] = { ACCOUNTS / 4, ACCOUNTS, 3, 2, 1, 1, 1 };
	unsigned failed = 0;

	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		assert_true(errs[i] == PM_OK || errs[i] == PM_STORE_UNAVAILABLE);
		if (errs[i] == PM_OK)
			assert_int_equal(counts[i], want[i]);
		failed += errs[i] != PM_OK;
	}
	return failed;
}

static void reading_the_new_records_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	struct value_record value = make_value(1, 40);
	struct key_record key = make_key(1);
	unsigned failed = 0;
	int nth = 0;

	insert_accounts(f);
	key.expires_at = NOW + 50;
	assert_int_equal(put_value(f, STORE_PUT_VALUE, &value), PM_OK);
	assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		fixture_reopen(f); /* with nothing in a page cache */
		fault_vfs_arm(nth);
		failed += read_all(f);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_int_equal(read_all(f), 0);
	}
	assert_true(nth < SWEEP_MAX);
	assert_true(failed > 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_account_with_every_field_at_its_limit_comes_back_the_same),
		TEST(an_operator_with_every_field_at_its_limit_comes_back_the_same),
		TEST(accounts_and_operators_change_only_from_the_revision_before),
		TEST(accounts_and_operators_are_listed_by_id),
		TEST(accounts_that_are_closing_are_found),
		TEST(pins_are_counted_by_version),
		TEST(seals_of_accounts_and_operators_are_counted),
		cmocka_unit_test(a_malformed_account_is_quarantined_and_harms_no_other),
		cmocka_unit_test(a_malformed_operator_is_quarantined_and_harms_no_other),
		TEST(a_value_replaces_the_one_before_and_can_be_deleted),
		TEST(a_value_that_could_not_be_loaded_again_is_neither_stored_nor_loaded),
		TEST(uses_of_a_key_add_up_and_the_last_warning_stays),
		TEST(keys_that_are_not_revoked_are_found_by_account),
		TEST(keys_that_expire_soon_are_found_until_the_log_was_told),
		TEST(the_new_records_survive_every_io_error),
		TEST(reading_the_new_records_survives_every_io_error),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
