#define _GNU_SOURCE
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Every order and filter against a model that sorts all keys in memory: random keys, with many that
 * tie in every column.
 */
enum { KEYS = 500, PAGE = 7, NOW = 1700000000, SORTS = KEYS_BY_USES + 1 };

static struct key_record keys[KEYS];
static struct key_use_record used[KEYS];

static unsigned draw(unsigned below)
{
	static uint64_t seed = 20260917;

	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (unsigned)(seed >> 33) % below;
}

static void draw_text(char *out, size_t size, const char *what, unsigned below)
{
	unsigned which = draw(below);

	memset(out, 0, size);
	if (which != 0)
		snprintf(out, size, "%s-%u", what, which);
}

static int64_t draw_time(unsigned never)
{
	return draw(never) == 0 ? NOW - 5 + (int64_t)draw(10) : 0;
}

static struct key_record draw_key(unsigned number)
{
	struct key_record key = make_key(number);

	/* Ids in no order. */
	snprintf(key.id, sizeof(key.id), "%08x%08x", number * 2654435761u, number);
	snprintf(key.account, sizeof(key.account), "account-%u", draw(3));
	snprintf(key.product, sizeof(key.product), "product-%u", draw(3));
	snprintf(key.tail, sizeof(key.tail), "%03u", draw(4));
	draw_text(key.created_by, sizeof(key.created_by), "caller", 4);
	draw_text(key.name, sizeof(key.name), draw(2) ? "Name" : "name", 5);
	draw_text(key.labels, sizeof(key.labels), "team=Red", 4);
	if (draw(2))
		snprintf(key.external_ref, sizeof(key.external_ref), "Ref%u", number);
	key.created_at = NOW - (int64_t)draw(10);
	key.not_before = draw_time(2);
	key.expires_at = draw_time(2);
	key.disabled_at = draw_time(4);
	key.revoked_at = draw_time(5);
	return key;
}

static void commit_drawn(struct fixture *f)
{
	for (unsigned i = 0; i < KEYS; i++) {
		keys[i] = draw_key(i);
		assert_int_equal(commit_one(f, insert_key(&keys[i])), PM_OK);
		used[i] = (struct key_use_record){ .environment = "live" };
		memcpy(used[i].id, keys[i].id, sizeof(used[i].id));
		if (draw(2))
			continue;
		used[i].uses = 1 + draw(3);
		used[i].last_at = NOW - (int64_t)draw(4);
		assert_int_equal(commit_one(f, (struct store_change){ .op = STORE_ADD_KEY_USES,
								      .key_use = &used[i] }),
				 PM_OK);
	}
}

static int64_t start_of(const struct key_record *key)
{
	return key->not_before != 0 ? key->not_before : key->created_at;
}

static uint32_t state_of(const struct key_record *key)
{
	if (key->revoked_at != 0)
		return KEYS_REVOKED;
	if (key->expires_at != 0 && key->expires_at <= NOW)
		return KEYS_EXPIRED;
	if (key->disabled_at != 0)
		return KEYS_DISABLED;
	return start_of(key) > NOW ? KEYS_NOT_YET : KEYS_ACTIVE;
}

static int compare_numbers(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_by(enum key_sort sort, unsigned a, unsigned b)
{
	const struct key_record *x = &keys[a], *y = &keys[b];
	int state = compare_numbers(state_of(x), state_of(y));

	switch (sort) {
	case KEYS_BY_START:
		return compare_numbers(start_of(x), start_of(y));
	case KEYS_BY_CREATED:
		return compare_numbers(x->created_at, y->created_at);
	case KEYS_BY_EXPIRES:
		return compare_numbers(x->expires_at ? x->expires_at : INT64_MAX,
				       y->expires_at ? y->expires_at : INT64_MAX);
	case KEYS_BY_NAME:
		return strcmp(x->name, y->name);
	case KEYS_BY_REFERENCE:
		return strcmp(x->external_ref, y->external_ref);
	case KEYS_BY_STATE:
		return state ? state : compare_numbers(start_of(x), start_of(y));
	case KEYS_BY_PRODUCT:
		return strcmp(x->product, y->product);
	case KEYS_BY_TAIL:
		return strcmp(x->tail, y->tail);
	case KEYS_BY_CREATOR:
		return strcmp(x->created_by, y->created_by);
	case KEYS_BY_LAST_USED:
		return compare_numbers(used[a].last_at, used[b].last_at);
	case KEYS_BY_USES:
		return compare_numbers((int64_t)used[a].uses, (int64_t)used[b].uses);
	default:
		return 0;
	}
}

static const struct key_filter *sorted_by;

static int compare(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;
	int order = compare_by(sorted_by->sort, x, y);

	if (order == 0)
		order = strcmp(keys[x].id, keys[y].id);
	return sorted_by->descending ? -order : order;
}

static bool has_text(const struct key_record *key, const char *text)
{
	return !text || strcasestr(key->id, text) || strcasestr(key->name, text) ||
	       strcasestr(key->external_ref, text) || strcasestr(key->labels, text);
}

static bool matches(const struct key_record *key, const struct key_filter *filter)
{
	if (filter->account && strcmp(key->account, filter->account) != 0)
		return false;
	if (filter->product && strcmp(key->product, filter->product) != 0)
		return false;
	if (filter->states != 0 && !(filter->states & state_of(key)))
		return false;
	if (filter->expires_before != 0 &&
	    (key->expires_at <= NOW || key->expires_at >= filter->expires_before))
		return false;
	return has_text(key, filter->text);
}

static size_t model(const struct key_filter *filter, unsigned out[KEYS])
{
	size_t count = 0;

	for (unsigned i = 0; i < KEYS; i++) {
		if (matches(&keys[i], filter))
			out[count++] = i;
	}
	sorted_by = filter;
	qsort(out, count, sizeof(*out), compare);
	return count;
}

/* All pages; returns how many keys there were. */
static size_t assert_listed(struct fixture *f, struct key_filter filter)
{
	struct key_record page[PAGE];
	struct key_use_record uses[PAGE];
	struct key_listing listing;
	char position[STORE_POSITION_MAX + 1] = "";
	unsigned want[KEYS];
	size_t count = model(&filter, want), at = 0;

	filter.position = position;
	do {
		assert_int_equal(store_list_keys(f->store, &filter, page, uses, PAGE, &listing),
				 PM_OK);
		assert_int_equal(listing.total, count);
		assert_false(listing.total_is_least);
		for (size_t i = 0; i < listing.count; i++, at++) {
			assert_true(at < count);
			assert_same_key(&page[i], &keys[want[at]]);
			assert_true(uses[i].uses == used[want[at]].uses);
			assert_true(uses[i].last_at == used[want[at]].last_at);
		}
		memcpy(position, listing.next, sizeof(position));
	} while (*position);
	assert_int_equal(at, count);
	return count;
}

static int setup_drawn(void **state)
{
	fixture_setup(state);
	commit_drawn(*state);
	return 0;
}

/* Filters that each order is tried with: each meets some keys and not all. */
static struct key_filter filter_of(unsigned number)
{
	static const struct key_filter filters[] = {
		{ .states = 0 },
		{ .product = "product-1" },
		{ .states = KEYS_ACTIVE },
		{ .states = KEYS_NOT_YET | KEYS_DISABLED },
		{ .states = KEYS_EXPIRED },
		{ .states = KEYS_REVOKED, .product = "product-2" },
		{ .states = KEYS_DISABLED | KEYS_EXPIRED | KEYS_REVOKED },
		{ .states = KEYS_ACTIVE | KEYS_NOT_YET | KEYS_DISABLED | KEYS_EXPIRED },
		{ .states = KEYS_DISABLED },
		{ .states = KEYS_ACTIVE | KEYS_EXPIRED, .product = "product-0" },
		{ .text = "TEAM=red-1" },
		{ .text = "name-3", .states = KEYS_ACTIVE },
		{ .text = "ref1" },
		{ .expires_before = NOW + 3 },
		{ .expires_before = NOW + 3, .states = KEYS_DISABLED },
	};

	if (number >= sizeof(filters) / sizeof(filters[0]))
		return (struct key_filter){ 0 };
	struct key_filter filter = filters[number];
	filter.environment = "live";
	filter.now = NOW;
	return filter;
}

static void an_account_is_listed_in_every_order_as_the_model_has_it(void **state)
{
	struct fixture *f = *state;

	for (unsigned number = 0; filter_of(number).environment; number++) {
		size_t sum = 0;
		for (unsigned i = 0; i < 2 * SORTS; i++) {
			struct key_filter filter = filter_of(number);
			filter.account = "account-1";
			filter.sort = (enum key_sort)(i / 2);
			filter.descending = i % 2;
			sum += assert_listed(f, filter);
		}
		assert_true(sum > 0 && sum % (2 * (size_t)SORTS) == 0);
	}
}

static void an_environment_is_listed_in_its_orders_as_the_model_has_it(void **state)
{
	static const enum key_sort sorts[] = { KEYS_BY_START, KEYS_BY_EXPIRES, KEYS_BY_ID };
	struct fixture *f = *state;

	for (unsigned number = 0; filter_of(number).environment; number++) {
		for (unsigned i = 0; i < 6; i++) {
			struct key_filter filter = filter_of(number);
			filter.sort = sorts[i / 2];
			filter.descending = i % 2;
			assert_true(assert_listed(f, filter) > 0);
		}
	}
}

/* Another account, product, state, name, reference, start and end. */
static void change_some(struct fixture *f)
{
	for (unsigned i = 0; i < KEYS; i += 3) {
		struct key_record key = draw_key(i);
		memcpy(key.id, keys[i].id, sizeof(key.id));
		key.revision = keys[i].revision + 1;
		keys[i] = key;
		assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	}
}

static void lists_and_totals_follow_every_update(void **state)
{
	struct fixture *f = *state;
	struct key_record stale = keys[1];

	change_some(f);
	stale.revoked_at = stale.revoked_at ? 0 : NOW;
	stale.revision += 5;
	assert_int_equal(commit_one(f, update_key(&stale)), PM_CONFLICT); /* counts nothing */
	for (unsigned number = 0; filter_of(number).environment; number++) {
		struct key_filter filter = filter_of(number);
		assert_listed(f, filter);
		filter.account = "account-0";
		for (unsigned sort = 0; sort < SORTS; sort++) {
			filter.sort = (enum key_sort)sort;
			assert_listed(f, filter);
		}
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_drawn, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_account_is_listed_in_every_order_as_the_model_has_it),
		TEST(an_environment_is_listed_in_its_orders_as_the_model_has_it),
		TEST(lists_and_totals_follow_every_update),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
