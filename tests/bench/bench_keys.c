/*
 * What a million keys cost the store.
 *
 *   bench_keys DIR import THOUSANDS THREADS plain|near|rich   keys into one account, 512 a commit
 *   bench_keys DIR lists                                 pages of it, first, middle and last
 *
 * plain: ids and lookups are all that differs. near: and the ids of a commit begin alike. rich: names, references, ends, products and states
 * too. DIR must exist; an import adds to what is there. Built without sanitizers (preset
 * release), or the figures mean nothing.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/store.h"

#define THREADS_MAX 16
#define STEP 100000
#define PAGE 50
#define PAGES 20 /* after the first */

static struct store *store;
static const char *dir;
static bool rich, near_ids;
static unsigned goal;
static atomic_uint done, next_step = STEP;
static _Atomic int64_t step_began;
static int64_t base_time;

static void must(enum pm_err err, const char *doing)
{
	if (err == PM_OK)
		return;
	fprintf(stderr, "bench_keys: %s: %s\n", doing, peppermint_error_name(err));
	exit(1);
}

static int64_t far(void)
{
	return deadline_in_ms(60000);
}

static void open_store(void)
{
	struct store_config config = {
		.dir = dir, .queue = 1024, .batch = 64, .readers = 2, .keep_executed_days = 7
	};
	int64_t began = clock_now();

	must(store_open(&config, &store), "opening");
	printf("opened in %.0f ms\n", (double)(clock_now() - began) / (double)NS_PER_MS);
}

static long mib(const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0 ? (long)(st.st_size >> 20) : 0;
}

/* splitmix64: the same keys in each run, in no order. */
static uint64_t scatter(uint64_t seed)
{
	seed += UINT64_C(0x9e3779b97f4a7c15);
	seed = (seed ^ seed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	seed = (seed ^ seed >> 27) * UINT64_C(0x94d049bb133111eb);
	return seed ^ seed >> 31;
}

static void enrich(struct key_record *key, unsigned number)
{
	uint64_t dice = scatter(number * UINT64_C(977));

	snprintf(key->name, sizeof(key->name), "key of shop %u", (unsigned)(dice % 1000000));
	snprintf(key->external_ref, sizeof(key->external_ref), "ref-%08x", number);
	snprintf(key->product, sizeof(key->product), "product-%u", (unsigned)(dice >> 20) % 5);
	if (dice >> 32 & 1)
		key->expires_at = base_time - 864000 + (int64_t)((dice >> 33) % 31536000);
	if ((dice >> 8) % 100 < 2)
		key->disabled_at = base_time;
	else if ((dice >> 8) % 100 < 7)
		key->revoked_at = base_time;
}

static void fill(struct key_record *key, unsigned number)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint64_t id = scatter(number), high = scatter(id), low = scatter(high);

	*key = (struct key_record){ .environment = "live",
				    .account = "acme",
				    .product = "payments",
				    .created_by = "importer/alice",
				    .tail = "xyz",
				    .created_at = clock_unix(),
				    .lookup_version = 1,
				    .revision = 1,
				    .seal = { .version = 1 } };
	if (near_ids)
		high = (high & ~UINT64_C(0xffffffffffff)) |
		       (scatter(number / STORE_IMPORT_MAX) & UINT64_C(0xffffffffffff));
	for (size_t i = 0; i < STORE_ID_LEN; i++)
		key->id[i] = letters[(i < 8 ? high >> (8 * i) : low >> (8 * (i - 8))) % 62];
	memcpy(key->lookup, &id, sizeof(id));
	memcpy(key->lookup + sizeof(id), &low, sizeof(low));
	key->secrets[SECRET_CURRENT] =
		(struct secret_record){ .version = 1, .form = SECRET_SHA256, .pepper_version = 1 };
	memcpy(key->secrets[SECRET_CURRENT].mac, &high, sizeof(high));
	memcpy(key->seal.mac, &low, sizeof(low));
	if (rich)
		enrich(key, number);
}

static void report(unsigned sum)
{
	unsigned step = next_step;

	if (sum < step || !atomic_compare_exchange_strong(&next_step, &step, step + STEP))
		return;
	int64_t now = clock_now();
	double seconds = (double)(now - atomic_exchange(&step_began, now)) / 1e9;
	printf("%8u keys: %6.0f keys/s, database %ld MiB, WAL %ld MiB\n", sum, STEP / seconds,
	       mib("peppermint.db"), mib("peppermint.db-wal"));
	fflush(stdout);
}

static void *import_main(void *arg)
{
	struct key_record *keys = calloc(STORE_IMPORT_MAX, sizeof(*keys));
	enum pm_err outcomes[STORE_IMPORT_MAX];
	struct key_import import = { .keys = keys,
				     .count = STORE_IMPORT_MAX,
				     .outcomes = outcomes };
	struct store_change change = { .op = STORE_IMPORT_KEYS, .import = &import };
	atomic_uint *next = arg;
	unsigned first = 0;

	while (keys && (first = atomic_fetch_add(next, STORE_IMPORT_MAX)) < goal) {
		for (unsigned i = 0; i < STORE_IMPORT_MAX; i++)
			fill(&keys[i], first + i);
		must(store_commit(store, &change, 1, far()), "importing");
		for (unsigned i = 0; i < STORE_IMPORT_MAX; i++)
			must(outcomes[i], "importing a key");
		report(atomic_fetch_add(&done, STORE_IMPORT_MAX) + STORE_IMPORT_MAX);
	}
	free(keys);
	return NULL;
}

static void import(unsigned threads)
{
	pthread_t thread[THREADS_MAX];
	atomic_uint next = 0;
	uint64_t there = 0;
	int64_t began = clock_now();

	must(store_count_keys(store, "live", &there), "counting");
	next = (unsigned)there;
	goal += (unsigned)there;
	step_began = began;
	for (unsigned i = 0; i < threads; i++) {
		if (pthread_create(&thread[i], NULL, import_main, &next) != 0)
			exit(1);
	}
	for (unsigned i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	double seconds = (double)(clock_now() - began) / 1e9;
	printf("%u keys in %.1f s: %.0f keys/s\n", done, seconds, done / seconds);
}

struct view {
	const char *name;
	struct key_filter filter;
};

static double page(struct key_filter *filter, char *next, struct key_listing *listing)
{
	static struct key_record keys[PAGE];
	static struct key_use_record uses[PAGE];
	int64_t began = clock_now();

	filter->position = next;
	must(store_list_keys(store, filter, keys, uses, PAGE, listing), "listing");
	double ms = (double)(clock_now() - began) / (double)NS_PER_MS;
	memcpy(next, listing->next, sizeof(listing->next));
	return ms;
}

/* From one end and from the other: an index is in no hurry in the middle. */
static void list(const struct view *view, bool descending, const char *sort)
{
	struct key_filter filter = view->filter;
	struct key_listing listing;
	char next[STORE_POSITION_MAX + 1] = "";
	double worst = 0, sum = 0;
	unsigned pages = 0, empty = 0;

	filter.descending = descending;
	double first = page(&filter, next, &listing);
	uint64_t total = listing.total;
	bool least = listing.total_is_least;
	size_t count = listing.count;
	for (; *next && pages < PAGES; pages++) {
		double ms = page(&filter, next, &listing);
		worst = ms > worst ? ms : worst;
		sum += ms;
		empty += listing.count == 0;
	}
	printf("%-10s %-4s %-12s first %6.1f ms (%2zu keys), then %3u pages, mean %6.1f ms, worst "
	       "%6.1f ms, %u empty; total %s%lu\n",
	       sort, descending ? "desc" : "asc", view->name, first, count, pages,
	       pages ? sum / pages : 0, worst, empty, least ? ">= " : "", (unsigned long)total);
	fflush(stdout);
}

static void list_all(void)
{
	static const char *const sorts[] = { "start",     "created", "expires", "name",
					     "reference", "id",      "state" };
	static const struct view views[] = {
		{ "all", { .states = 0 } },
		{ "active", { .states = KEYS_ACTIVE } },
		{ "expired", { .states = KEYS_EXPIRED } },
		{ "disabled", { .states = KEYS_DISABLED } },
		{ "product", { .product = "product-3" } },
		{ "text", { .text = "SHOP 77" } },
		{ "rare text", { .text = "ref-0007a120" } },
		{ "no text", { .text = "nowhere" } },
		{ "soon", { .expires_before = INT64_MAX } },
	};

	for (size_t sort = 0; sort < sizeof(sorts) / sizeof(sorts[0]); sort++) {
		for (size_t i = 0; i < 2 * sizeof(views) / sizeof(views[0]); i++) {
			struct view view = views[i / 2];
			view.filter.environment = "live";
			view.filter.account = "acme";
			view.filter.sort = (enum key_sort)sort;
			view.filter.now = clock_unix();
			if (view.filter.expires_before != 0)
				view.filter.expires_before = view.filter.now + 7 * 86400;
			list(&view, i % 2, sorts[sort]);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc < 3) {
		fprintf(stderr, "bench_keys DIR import THOUSANDS THREADS plain|near|rich\n"
				"bench_keys DIR lists\n");
		return 2;
	}
	dir = argv[1];
	base_time = clock_unix();
	open_store();
	if (argc == 6) {
		goal = (unsigned)atoi(argv[3]) * 1000;
		rich = strcmp(argv[5], "rich") == 0;
		near_ids = strcmp(argv[5], "near") == 0;
		unsigned threads = (unsigned)atoi(argv[4]);
		import(threads < THREADS_MAX ? threads : THREADS_MAX);
	} else {
		list_all();
	}
	store_close(store);
	return 0;
}
