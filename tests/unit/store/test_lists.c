#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault_vfs.h"

enum { NOW = 1700000000 };

/* More keys than a list sorts or looks at; in one account, imported, so 512 a commit. */
enum { MANY = STORE_LIST_WALK + 3000, PAGE = 1000 };

static struct key_record make_one_of_many(unsigned number)
{
	struct key_record key = make_key(number);

	snprintf(key.id, sizeof(key.id), "%08x%08x", number * 2654435761u, number);
	key.lookup_version = 1;
	memset(key.lookup, 0, sizeof(key.lookup));
	memcpy(key.lookup, &number, sizeof(number));
	memset(key.name, 0, sizeof(key.name));
	if (number % 3 != 0)
		snprintf(key.name, sizeof(key.name), "name %u", number % 1000);
	if (number % 4 != 0)
		snprintf(key.external_ref, sizeof(key.external_ref), "ref-%u", number);
	if (number % 5 != 0)
		key.expires_at = NOW + 1 + number % 2000;
	if (number % 100 == 7)
		key.revoked_at = NOW;
	if (number % 100 == 9)
		key.disabled_at = NOW;
	key.created_at = NOW - 2000 + number % 1000;
	return key;
}

static int setup_many(void **state)
{
	static struct key_record keys[STORE_IMPORT_MAX];
	static enum pm_err outcomes[STORE_IMPORT_MAX];
	struct key_import import = { .keys = keys, .outcomes = outcomes };
	struct key_record other = make_key(1);

	fixture_setup(state);
	struct fixture *f = *state;
	for (unsigned first = 0; first < MANY; first += (unsigned)import.count) {
		unsigned left = MANY - first;
		import.count = left < STORE_IMPORT_MAX ? left : STORE_IMPORT_MAX;
		for (unsigned i = 0; i < import.count; i++)
			keys[i] = make_one_of_many(first + i);
		assert_int_equal(commit_one(f, (struct store_change){ .op = STORE_IMPORT_KEYS,
								      .import = &import }),
				 PM_OK);
	}
	strcpy(other.account, "other");
	assert_int_equal(commit_one(f, insert_key(&other)), PM_OK);
	return 0;
}

static int64_t number_of(enum key_sort sort, const struct key_record *key)
{
	switch (sort) {
	case KEYS_BY_START:
	case KEYS_BY_CREATED:
		return key->created_at;
	case KEYS_BY_EXPIRES:
		return key->expires_at != 0 ? key->expires_at : INT64_MAX;
	case KEYS_BY_STATE:
		return key->revoked_at != 0 ? 2 : key->disabled_at != 0;
	default:
		return 0;
	}
}

static const char *text_of(enum key_sort sort, const struct key_record *key)
{
	if (sort == KEYS_BY_NAME)
		return key->name;
	return sort == KEYS_BY_REFERENCE ? key->external_ref : "";
}

/* By what the list is sorted by, and then by what its ties are. */
static int compare_keys(enum key_sort sort, const struct key_record *a, const struct key_record *b)
{
	int64_t x = number_of(sort, a), y = number_of(sort, b);
	int order = strcmp(text_of(sort, a), text_of(sort, b));

	if (x != y)
		return x < y ? -1 : 1;
	if (order == 0 && sort == KEYS_BY_STATE && a->created_at != b->created_at)
		order = a->created_at < b->created_at ? -1 : 1;
	return order != 0 ? order : strcmp(a->id, b->id);
}

static void assert_whole(struct fixture *f, enum key_sort sort, bool descending)
{
	static struct key_record page[PAGE], last;
	static struct key_use_record uses[PAGE];
	struct key_listing listing;
	char position[STORE_POSITION_MAX + 1] = "";
	struct key_filter filter = { .environment = "live",
				     .account = "acme",
				     .now = NOW,
				     .sort = sort,
				     .descending = descending,
				     .position = position };
	size_t sum = 0;

	do {
		assert_int_equal(store_list_keys(f->store, &filter, page, uses, PAGE, &listing),
				 PM_OK);
		assert_int_equal(listing.total, MANY);
		for (size_t i = 0; i < listing.count; i++) {
			int order = sum + i > 0 ? compare_keys(sort, &last, &page[i]) : 0;
			assert_true(sum + i == 0 || (descending ? order > 0 : order < 0));
			last = page[i];
		}
		sum += listing.count;
		memcpy(position, listing.next, sizeof(position));
	} while (*position);
	assert_int_equal(sum, MANY); /* in a strict order, so each of them once */
}

static void a_large_account_is_listed_whole_in_every_order_that_it_has(void **state)
{
	for (unsigned i = 0; i <= 2 * KEYS_BY_STATE + 1; i++)
		assert_whole(*state, (enum key_sort)(i / 2), i % 2);
}

static enum pm_err list_few(struct fixture *f, const struct key_filter *filter,
			    struct key_listing *listing)
{
	static struct key_record page[5];
	struct key_use_record uses[5];

	return store_list_keys(f->store, filter, page, uses, 5, listing);
}

static void a_large_account_has_no_order_that_needs_sorting(void **state)
{
	struct fixture *f = *state;
	struct key_filter filter = { .environment = "live", .now = NOW };
	struct key_listing listing;

	for (unsigned sort = KEYS_BY_PRODUCT; sort <= KEYS_BY_USES; sort++) {
		filter.sort = (enum key_sort)sort;
		filter.account = "acme";
		assert_int_equal(list_few(f, &filter, &listing), PM_TOO_LARGE);
		filter.account = "other";
		assert_int_equal(list_few(f, &filter, &listing), PM_OK);
		assert_int_equal(listing.count, 1);
		filter.account = NULL;
		assert_int_equal(list_few(f, &filter, &listing), PM_BAD_REQUEST);
	}
	filter.sort = KEYS_BY_NAME;
	assert_int_equal(list_few(f, &filter, &listing), PM_BAD_REQUEST);
	filter.sort = KEYS_BY_USES + 1;
	assert_int_equal(list_few(f, &filter, &listing), PM_BAD_REQUEST);
}

/* Goes on until the last page; how many keys there were. */
static size_t follow(struct fixture *f, struct key_filter filter, unsigned *pages)
{
	struct key_listing listing = { 0 };
	char position[STORE_POSITION_MAX + 1] = "";
	size_t sum = 0;

	filter.position = position;
	*pages = 0;
	do {
		assert_int_equal(list_few(f, &filter, &listing), PM_OK);
		sum += listing.count;
		(*pages)++;
		memcpy(position, listing.next, sizeof(position));
	} while (*position);
	return sum;
}

static void a_page_does_not_look_at_everything_for_what_hardly_anything_has(void **state)
{
	struct fixture *f = *state;
	struct key_filter filter = {
		.environment = "live", .account = "acme", .now = NOW, .text = "nowhere"
	};
	struct key_listing listing;

	for (unsigned sort = KEYS_BY_START; sort <= KEYS_BY_STATE; sort++) {
		unsigned pages = 0;
		filter.sort = (enum key_sort)sort;
		filter.text = "nowhere";
		assert_int_equal(list_few(f, &filter, &listing), PM_OK);
		assert_int_equal(listing.count, 0);
		assert_int_equal(listing.total, 0);
		assert_true(listing.total_is_least);
		assert_string_not_equal(listing.next, "");
		assert_int_equal(follow(f, filter, &pages), 0);
		assert_true(pages > 1 && pages < MANY / 100);
		filter.text = "REF-22999"; /* one key */
		assert_int_equal(follow(f, filter, &pages), 1);
	}
}

static void assert_total(struct fixture *f, struct key_filter filter, uint64_t total)
{
	struct key_listing listing;

	filter.environment = "live";
	filter.account = "acme";
	filter.now = NOW;
	assert_int_equal(list_few(f, &filter, &listing), PM_OK);
	assert_int_equal(listing.total, total);
	assert_false(listing.total_is_least);
}

static void totals_of_a_large_account_are_exact_where_states_are_all_that_is_asked(void **state)
{
	struct fixture *f = *state;

	assert_total(f, (struct key_filter){ .states = 0 }, MANY);
	assert_total(f, (struct key_filter){ .states = KEYS_REVOKED }, MANY / 100);
	assert_total(f, (struct key_filter){ .states = KEYS_DISABLED }, MANY / 100);
	assert_total(f, (struct key_filter){ .states = KEYS_ACTIVE }, MANY - 2 * (MANY / 100));
	assert_total(f, (struct key_filter){ .states = KEYS_EXPIRED }, 0);
	assert_total(f, (struct key_filter){ .product = "payments" }, MANY);
	assert_total(f, (struct key_filter){ .product = "wallet" }, 0);
}

enum { FEW = 60 };

static int setup_few(void **state)
{
	fixture_setup(state);
	for (unsigned i = 0; i < FEW; i++) {
		struct key_record key = make_one_of_many(i);
		assert_int_equal(commit_one(*state, insert_key(&key)), PM_OK);
	}
	return 0;
}

/* Every order of the account, and those of the environment. */
static struct key_filter filter_of(unsigned number)
{
	static const enum key_sort of_all[] = { KEYS_BY_START, KEYS_BY_EXPIRES, KEYS_BY_ID };
	struct key_filter filter = { .environment = "live", .now = NOW, .descending = number % 2 };

	if (number < 6) {
		filter.sort = of_all[number / 2];
		return filter;
	}
	filter.account = "acme";
	filter.sort = (enum key_sort)(number / 2 - 3);
	return filter;
}

enum { FILTERS = 6 + 2 * (KEYS_BY_USES + 1) };

static void a_place_in_another_list_is_refused(void **state)
{
	struct fixture *f = *state;
	struct key_listing listing[FILTERS], other;

	for (unsigned i = 0; i < FILTERS; i++) {
		struct key_filter filter = filter_of(i);
		assert_int_equal(list_few(f, &filter, &listing[i]), PM_OK);
		assert_string_not_equal(listing[i].next, "");
	}
	for (unsigned i = 0; i < FILTERS * FILTERS; i++) {
		struct key_filter filter = filter_of(i / FILTERS);
		filter.position = listing[i % FILTERS].next;
		assert_int_equal(list_few(f, &filter, &other),
				 i / FILTERS == i % FILTERS ? PM_OK : PM_BAD_REQUEST);
	}
	struct key_filter filter = filter_of(6);
	filter.position = listing[6].next;
	filter.text = "x";
	assert_int_equal(list_few(f, &filter, &other), PM_BAD_REQUEST);
	filter.text = NULL;
	filter.states = KEYS_ACTIVE;
	assert_int_equal(list_few(f, &filter, &other), PM_BAD_REQUEST);
	filter.states = 0;
	filter.environment = "test";
	assert_int_equal(list_few(f, &filter, &other), PM_BAD_REQUEST);
}

static void assert_harmless(struct fixture *f, struct key_filter filter, const char *position)
{
	struct key_listing listing;

	filter.position = position;
	enum pm_err err = list_few(f, &filter, &listing);
	assert_true(err == PM_OK || err == PM_BAD_REQUEST);
}

static void a_place_that_was_tampered_with_harms_nothing(void **state)
{
	static const char others[] = "0f9-.z\x80\x01 ";
	struct fixture *f = *state;
	struct key_listing listing;
	char position[4096];

	for (unsigned i = 0; i < FILTERS; i++) {
		struct key_filter filter = filter_of(i);
		assert_int_equal(list_few(f, &filter, &listing), PM_OK);
		size_t len = strlen(listing.next);
		for (size_t at = 0; at < len * sizeof(others); at++) {
			strcpy(position, listing.next);
			position[at / sizeof(others)] = others[at % sizeof(others)];
			assert_harmless(f, filter, position); /* cut off there as well */
		}
		for (size_t more = 1; more < sizeof(position) - len; more *= 2) {
			strcpy(position, listing.next);
			memset(position + len, 'A', more);
			position[len + more] = '\0';
			assert_harmless(f, filter, position);
		}
		filter.position = "x";
		assert_int_equal(list_few(f, &filter, &listing), PM_BAD_REQUEST);
	}
}

/* What another thread does to keys of odd numbers, while the even ones stay where they are. */
struct changer {
	pthread_t thread;
	struct fixture *f;
	atomic_bool stop;
	atomic_int err; /* enum pm_err */
	atomic_uint rounds;
};

static enum pm_err change_one(struct changer *changer, unsigned number, unsigned round)
{
	struct key_record key = make_one_of_many(number);

	key.revision = round + 1;
	key.lookup_version = 0;
	memset(key.lookup, 0, sizeof(key.lookup));
	snprintf(key.name, sizeof(key.name), "name %u", (number + round * 7) % 1000);
	snprintf(key.external_ref, sizeof(key.external_ref), "ref-%u-%u", round, number);
	key.expires_at = (number + round) % 3 ? NOW + 1 + (number * 31 + round) % 2000 : 0;
	key.not_before = NOW - 3000 + (number * 17 + round) % 3000;
	key.disabled_at = round % 2;
	return commit_one(changer->f, round == 0 ? insert_key(&key) : update_key(&key));
}

static void *change_main(void *arg)
{
	struct changer *changer = arg;

	for (unsigned round = 0; !changer->stop && changer->err == PM_OK; round++) {
		for (unsigned i = 1; i < 2 * FEW && changer->err == PM_OK; i += 2)
			changer->err = (int)change_one(changer, i, round);
		changer->rounds = round + 1;
	}
	return NULL;
}

static int setup_even(void **state)
{
	fixture_setup(state);
	for (unsigned i = 0; i < 2 * FEW; i += 2) {
		struct key_record key = make_one_of_many(i);
		assert_int_equal(commit_one(*state, insert_key(&key)), PM_OK);
	}
	return 0;
}

/* Pages of five: each key that stays is told once. */
static void assert_told_once(struct fixture *f, struct key_filter filter)
{
	struct key_record page[5];
	struct key_use_record uses[5];
	struct key_listing listing;
	char position[STORE_POSITION_MAX + 1] = "";
	unsigned told[2 * FEW] = { 0 };

	filter.position = position;
	do {
		assert_int_equal(store_list_keys(f->store, &filter, page, uses, 5, &listing),
				 PM_OK);
		for (size_t i = 0; i < listing.count; i++)
			told[strtoul(page[i].id + 8, NULL, 16) % (2 * (size_t)FEW)]++;
		memcpy(position, listing.next, sizeof(position));
	} while (*position);
	for (unsigned i = 0; i < 2 * FEW; i += 2)
		assert_int_equal(told[i], 1);
}

static void what_stays_in_its_place_is_told_once_whatever_else_changes(void **state)
{
	struct fixture *f = *state;
	struct changer changer = { .f = f };

	assert_int_equal(pthread_create(&changer.thread, NULL, change_main, &changer), 0);
	for (unsigned i = 0; (changer.rounds < 3 || i < FILTERS) && changer.err == PM_OK; i++)
		assert_told_once(f, filter_of(i % FILTERS));
	changer.stop = true;
	pthread_join(changer.thread, NULL);
	assert_int_equal(changer.err, PM_OK);
}

static void listing_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	unsigned failed = 0;
	int nth = 0;

	for (bool fired = true; fired && nth < 1000; nth++) {
		struct key_listing listing;
		fixture_reopen(f); /* with nothing in a page cache */
		fault_vfs_arm(nth);
		for (unsigned i = 0; i < FILTERS; i++) {
			struct key_filter filter = filter_of(i);
			enum pm_err err = list_few(f, &filter, &listing);
			assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
			if (err == PM_OK)
				assert_int_equal(listing.total, FEW);
			failed += err != PM_OK;
		}
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		struct key_filter filter = filter_of(0);
		assert_int_equal(list_few(f, &filter, &listing), PM_OK);
		assert_int_equal(listing.count, 5);
	}
	assert_true(nth < 1000);
	assert_true(failed > 3);
}

int main(void)
{
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_large_account_is_listed_whole_in_every_order_that_it_has, setup_many),
		TEST(a_large_account_has_no_order_that_needs_sorting, setup_many),
		TEST(a_page_does_not_look_at_everything_for_what_hardly_anything_has, setup_many),
		TEST(totals_of_a_large_account_are_exact_where_states_are_all_that_is_asked,
		     setup_many),
		TEST(a_place_in_another_list_is_refused, setup_few),
		TEST(a_place_that_was_tampered_with_harms_nothing, setup_few),
		TEST(what_stays_in_its_place_is_told_once_whatever_else_changes, setup_even),
		TEST(listing_survives_every_io_error, setup_few),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
