#include "fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fault_vfs.h"

/* An imported key: its lookup is its hash's, its id is its own. */
static struct key_record make_imported(unsigned number, unsigned hash)
{
	struct key_record key = make_key(number);

	key.secrets[SECRET_CURRENT].form = SECRET_SHA256;
	key.lookup_version = 1 + hash % 2;
	memset(key.lookup, 0xee, sizeof(key.lookup));
	memcpy(key.lookup, &hash, sizeof(hash));
	return key;
}

static enum pm_err import(struct fixture *f, const struct key_record *keys, size_t count,
			  enum pm_err *outcomes)
{
	struct key_import import = { .keys = keys, .count = count, .outcomes = outcomes };

	return commit_one(f, (struct store_change){ .op = STORE_IMPORT_KEYS, .import = &import });
}

static void assert_counts(struct fixture *f, uint64_t keys, uint64_t first, uint64_t second)
{
	uint64_t count = 0;

	assert_int_equal(store_count_keys(f->store, "live", &count), PM_OK);
	assert_int_equal(count, keys);
	assert_int_equal(store_count_lookups(f->store, "live", 1, &count), PM_OK);
	assert_int_equal(count, first);
	assert_int_equal(store_count_lookups(f->store, "live", 2, &count), PM_OK);
	assert_int_equal(count, second);
	assert_int_equal(store_count_lookups(f->store, "live", 0, &count), PM_OK);
	assert_int_equal(count, first + second);
	assert_int_equal(store_count_lookups(f->store, "live", 3, &count), PM_OK);
	assert_int_equal(count, 0);
}

static void what_is_new_is_imported_and_what_is_known_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct key_record out, keys[] = {
		make_imported(1, 11), make_imported(2, 12), make_imported(3, 11), /* in one call */
		make_imported(4, 14), make_imported(5, 15), make_imported(6, 16),
	};
	enum pm_err outcomes[6];

	strcpy(keys[3].external_ref, "shop");
	strcpy(keys[4].external_ref, "shop"); /* likewise */
	strcpy(keys[5].external_ref, "shop");
	strcpy(keys[5].account, "other");
	assert_int_equal(import(f, keys, 6, outcomes), PM_OK);
	assert_int_equal(outcomes[0], PM_OK);
	assert_int_equal(outcomes[1], PM_OK);
	assert_int_equal(outcomes[2], PM_ALREADY_EXISTS);
	assert_int_equal(outcomes[3], PM_OK);
	assert_int_equal(outcomes[4], PM_CONFLICT); /* it was never imported */
	assert_int_equal(outcomes[5], PM_OK);
	fixture_reopen(f);
	assert_int_equal(store_find_key(f->store, "live", keys[0].lookup, &out), PM_OK);
	assert_same_key(&out, &keys[0]);
	assert_int_equal(store_find_key(f->store, "live", keys[4].lookup, &out), PM_NOT_FOUND);
	assert_int_equal(store_find_key(f->store, "test", keys[0].lookup, &out), PM_NOT_FOUND);
	assert_int_equal(get_key(f, 3, &out), PM_NOT_FOUND);
	assert_counts(f, 4, 3, 1);
	assert_int_equal(import(f, keys, 6, outcomes), PM_OK);
	/* Its own reference is no conflict. */
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(outcomes[i], i == 4 ? PM_CONFLICT : PM_ALREADY_EXISTS);
	assert_counts(f, 4, 3, 1);
}

static void an_import_of_what_is_no_key_of_ours_imports_nothing(void **state)
{
	struct fixture *f = *state;
	static struct key_record keys[STORE_IMPORT_MAX + 1];
	static enum pm_err outcomes[STORE_IMPORT_MAX + 1];

	for (unsigned i = 0; i <= STORE_IMPORT_MAX; i++)
		keys[i] = make_imported(i, i);
	assert_int_equal(import(f, keys, STORE_IMPORT_MAX + 1, outcomes), PM_INTERNAL);
	keys[STORE_IMPORT_MAX - 1].revision = 0;
	assert_int_equal(import(f, keys, STORE_IMPORT_MAX, outcomes), PM_INTERNAL);
	assert_counts(f, 0, 0, 0);
	keys[STORE_IMPORT_MAX - 1].revision = 1;
	assert_int_equal(import(f, keys, STORE_IMPORT_MAX, outcomes), PM_OK);
	assert_counts(f, STORE_IMPORT_MAX, STORE_IMPORT_MAX / 2, STORE_IMPORT_MAX / 2);
	assert_int_equal(import(f, keys, 0, outcomes), PM_OK);
}

/* A plain insert or update that takes what another key has. */
static void lookups_and_references_are_unique_for_every_change(void **state)
{
	struct fixture *f = *state;
	struct key_record first = make_imported(1, 1), second = make_imported(2, 2);
	struct key_record third = make_imported(3, 1);

	strcpy(first.external_ref, "shop");
	assert_int_equal(commit_one(f, insert_key(&first)), PM_OK);
	assert_int_equal(commit_one(f, insert_key(&second)), PM_OK);
	assert_int_equal(commit_one(f, insert_key(&third)), PM_ALREADY_EXISTS);
	memcpy(second.lookup, first.lookup, sizeof(second.lookup));
	second.revision++;
	assert_int_equal(commit_one(f, update_key(&second)), PM_ALREADY_EXISTS);
	second = make_imported(2, 2);
	second.revision++;
	strcpy(second.external_ref, "shop");
	assert_int_equal(commit_one(f, update_key(&second)), PM_ALREADY_EXISTS);
	strcpy(second.account, "other");
	assert_int_equal(commit_one(f, update_key(&second)), PM_OK);
	strcpy(third.environment, "test"); /* where all of it is free */
	assert_int_equal(commit_one(f, insert_key(&third)), PM_OK);
	assert_counts(f, 2, 1, 1);
}

/* As when a key is looked up under a newer version from now on. */
static void lookups_are_counted_by_their_version_as_it_is_now(void **state)
{
	struct fixture *f = *state;
	struct key_record key = make_imported(1, 1), out;

	assert_int_equal(commit_one(f, insert_key(&key)), PM_OK);
	assert_counts(f, 1, 0, 1);
	key.lookup_version = 1;
	key.lookup[15] = 1;
	key.revision++;
	assert_int_equal(commit_one(f, update_key(&key)), PM_OK);
	assert_counts(f, 1, 1, 0);
	assert_int_equal(store_find_key(f->store, "live", key.lookup, &out), PM_OK);
	assert_same_key(&out, &key);
	key.revision += 3;
	key.lookup_version = 2;
	assert_int_equal(commit_one(f, update_key(&key)), PM_CONFLICT);
	assert_counts(f, 1, 1, 0);
}

enum { THREADS = 4, HASHES = 3000, BATCH = 100 };

struct importer {
	pthread_t thread;
	struct fixture *f;
	unsigned number;
	enum pm_err err;
	unsigned imported;
	uint8_t took[HASHES]; /* 1: this one inserted it */
};

/* The same hashes as the others, from another beginning, under ids of its own. */
static void *import_main(void *arg)
{
	struct importer *importer = arg;
	struct key_record *keys = calloc(BATCH, sizeof(*keys));
	enum pm_err outcomes[BATCH];

	importer->err = keys ? PM_OK : PM_NO_MEMORY;
	for (unsigned at = 0; at < HASHES && importer->err == PM_OK; at += BATCH) {
		for (unsigned i = 0; i < BATCH; i++) {
			unsigned hash = (at + i + importer->number * (HASHES / 7)) % HASHES;
			keys[i] = make_imported(hash + (importer->number + 1) * HASHES, hash);
		}
		importer->err = import(importer->f, keys, BATCH, outcomes);
		for (unsigned i = 0; i < BATCH && importer->err == PM_OK; i++) {
			unsigned hash = (at + i + importer->number * (HASHES / 7)) % HASHES;
			importer->took[hash] = outcomes[i] == PM_OK;
			importer->imported += outcomes[i] == PM_OK;
		}
	}
	free(keys);
	return NULL;
}

static void hashes_that_four_threads_import_at_once_are_there_once(void **state)
{
	struct fixture *f = *state;
	static struct importer importers[THREADS];
	unsigned sum = 0;

	for (unsigned i = 0; i < THREADS; i++) {
		importers[i] = (struct importer){ .f = f, .number = i };
		assert_int_equal(
			pthread_create(&importers[i].thread, NULL, import_main, &importers[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(importers[i].thread, NULL);
		assert_int_equal(importers[i].err, PM_OK);
		sum += importers[i].imported;
	}
	assert_int_equal(sum, HASHES);
	assert_counts(f, HASHES, HASHES / 2, HASHES / 2);
	for (unsigned hash = 0; hash < HASHES; hash++) {
		struct key_record out, key = make_imported(0, hash);
		unsigned takers = 0;
		for (unsigned i = 0; i < THREADS; i++)
			takers += importers[i].took[hash];
		assert_int_equal(takers, 1);
		assert_int_equal(store_find_key(f->store, "live", key.lookup, &out), PM_OK);
		unsigned owner = (unsigned)strtoul(out.id, NULL, 10) / HASHES - 1;
		assert_true(owner < THREADS && importers[owner].took[hash]);
	}
	fixture_close(f);
	assert_integrity(f->dir);
}

enum { SWEEP_MAX = 1000, SWEEP_BATCH = 20 };

/* All keys of the n-th batch are there, or none. */
static void assert_batch(struct fixture *f, unsigned nth, enum pm_err err)
{
	struct key_record out;

	for (unsigned i = 0; i < SWEEP_BATCH; i++) {
		struct key_record key = make_imported(0, nth * SWEEP_BATCH + i);
		assert_int_equal(store_find_key(f->store, "live", key.lookup, &out),
				 err == PM_OK ? PM_OK : PM_NOT_FOUND);
	}
}

static void an_import_survives_every_io_error(void **state)
{
	struct fixture *f = *state;
	struct key_record keys[SWEEP_BATCH];
	enum pm_err outcomes[SWEEP_BATCH];
	unsigned nth = 0, failed = 0;
	uint64_t there = 0, count = 0;

	assert_int_equal(commit_key(f, 0), PM_OK);
	assert_int_equal(commit_key(f, 1), PM_OK); /* the writer's own affairs are done by now */
	for (bool fired = true; fired && nth < SWEEP_MAX; nth++) {
		for (unsigned i = 0; i < SWEEP_BATCH; i++) {
			unsigned number = nth * SWEEP_BATCH + i;
			keys[i] = make_imported(number + 10, number);
		}
		fault_vfs_arm((int)nth);
		enum pm_err err = import(f, keys, SWEEP_BATCH, outcomes);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		assert_true(err == PM_OK || err == PM_STORE_UNAVAILABLE);
		failed += err != PM_OK;
		there += err == PM_OK ? SWEEP_BATCH : 0;
		assert_batch(f, nth, err);
		assert_int_equal(store_count_keys(f->store, "live", &count), PM_OK);
		assert_int_equal(count, there + 2);
	}
	assert_true(nth > 3 && nth < SWEEP_MAX);
	assert_true(failed > 0);
	fixture_reopen(f);
	assert_counts(f, there + 2, there / 2, there / 2);
	fixture_close(f);
	assert_integrity(f->dir);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_new_is_imported_and_what_is_known_is_left_out),
		TEST(an_import_of_what_is_no_key_of_ours_imports_nothing),
		TEST(lookups_and_references_are_unique_for_every_change),
		TEST(lookups_are_counted_by_their_version_as_it_is_now),
		TEST(hashes_that_four_threads_import_at_once_are_there_once),
		TEST(an_import_survives_every_io_error),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
