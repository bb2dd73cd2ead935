/*
 * What the audit log costs the store.
 *
 *   bench_append DIR rates SECONDS    a key and its request id, with and without a leaf, by turns
 *   bench_append DIR growth MILLIONS  the time of each million leaves, and of a start after them
 *
 * DIR must exist and be empty. Built without sanitizers (preset release), or the figures mean
 * nothing.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "store/store.h"

#define LEAF_LEN 350
#define THREADS_MAX 64
#define ROUNDS 5
#define MILLION 1000000

static struct store *store;
static atomic_uint next_number = 1;

static void must(enum pm_err err, const char *doing)
{
	if (err == PM_OK)
		return;
	fprintf(stderr, "bench_append: %s: %s\n", doing, peppermint_error_name(err));
	exit(1);
}

static int64_t far(void)
{
	return deadline_in_ms(60000);
}

static void open_store(const char *dir)
{
	struct store_config config = {
		.dir = dir, .queue = 1024, .batch = 64, .readers = 2, .keep_executed_days = 7
	};

	must(store_open(&config, &store), "opening");
}

static void open_first_log(void)
{
	struct log_record log = {
		.log = 1, .origin = "bench.example", .state = LOG_OPEN, .revision = 1
	};
	struct log_opening opening = {
		.record = &log,
		.open_text = bytes_str("\"op\":\"log.open\"}"),
	};
	struct store_change change = { .op = STORE_OPEN_LOG, .opening = &opening };

	must(store_commit(store, &change, 1, far()), "opening a log");
}

static struct bytes leaf_text(unsigned number, char text[LEAF_LEN + 1])
{
	int len = snprintf(text, LEAF_LEN, "\"op\":\"key.create\",\"key\":\"%016u\",\"who\":\"",
			   number);

	memset(text + len, 'x', (size_t)(LEAF_LEN - len));
	memcpy(text + LEAF_LEN - 2, "\"}", 3);
	return bytes_of(text, LEAF_LEN);
}

/* Ids in no order, as real ones are. */
static void fill(unsigned number, struct key_record *key, struct executed_record *executed)
{
	*key = (struct key_record){
		.environment = "live", .account = "acme", .product = "payments", .revision = 1
	};
	*executed = (struct executed_record){ .environment = "live", .uid = 1000 };
	executed->at = clock_unix();
	snprintf(key->id, sizeof(key->id), "%08x%08x", number * 2654435761u, number);
	snprintf(executed->request_id, sizeof(executed->request_id), "%08x-%08x",
		 number * 2246822519u, number);
}

static void commit_mint(bool with_leaf)
{
	unsigned number = atomic_fetch_add(&next_number, 1);
	struct key_record key;
	struct executed_record executed;
	struct store_receipt receipt;
	char text[LEAF_LEN + 1];
	struct leaf_record leaf = { .text = leaf_text(number, text), .receipt = &receipt };
	struct store_change changes[] = {
		{ .op = STORE_INSERT_EXECUTED, .executed = &executed },
		{ .op = STORE_INSERT_KEY, .key = &key },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf },
	};

	fill(number, &key, &executed);
	must(store_commit(store, changes, with_leaf ? 3 : 2, far()), "committing");
}

struct worker {
	pthread_t thread;
	bool with_leaf;
	int64_t until;
	unsigned commits;
};

static void *worker_main(void *arg)
{
	struct worker *worker = arg;

	while (clock_now() < worker->until) {
		commit_mint(worker->with_leaf);
		worker->commits++;
	}
	return NULL;
}

/* Commits a second, and microseconds of processor time each (less shaken by what else runs). */
struct figures {
	double rate[ROUNDS], cpu[ROUNDS];
};

static void run_round(unsigned threads, bool with_leaf, int64_t ms, size_t round,
		      struct figures *out)
{
	struct worker workers[THREADS_MAX];
	int64_t begin = clock_now();
	clock_t cpu = clock();
	double commits = 0;

	for (unsigned i = 0; i < threads; i++) {
		workers[i] =
			(struct worker){ .with_leaf = with_leaf, .until = begin + ms * NS_PER_MS };
		if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0)
			must(PM_NO_MEMORY, "starting a thread");
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		commits += workers[i].commits;
	}
	out->rate[round] = commits * 1e9 / (double)(clock_now() - begin);
	out->cpu[round] = (double)(clock() - cpu) * (1e6 / CLOCKS_PER_SEC) / commits;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(values[0]), compare);
	return values[ROUNDS / 2];
}

static void measure_rates(int64_t ms)
{
	static const unsigned threads[] = { 1, 8, 64 };

	for (size_t t = 0; t < sizeof(threads) / sizeof(threads[0]); t++) {
		struct figures without, with;
		for (size_t round = 0; round < ROUNDS; round++) {
			run_round(threads[t], false, ms, round, &without);
			run_round(threads[t], true, ms, round, &with);
		}
		printf("%2u threads: %6.0f commits/s, with a leaf %6.0f: ratio %.2f; "
		       "processor %.0f us each, with a leaf %.0f us\n",
		       threads[t], median(without.rate), median(with.rate),
		       median(with.rate) / median(without.rate), median(without.cpu),
		       median(with.cpu));
	}
}

static void append_commit(unsigned first)
{
	static char texts[STORE_CHANGES_MAX][LEAF_LEN + 1];
	static struct leaf_record leaves[STORE_CHANGES_MAX];
	static struct store_change changes[STORE_CHANGES_MAX];

	for (unsigned i = 0; i < STORE_CHANGES_MAX; i++) {
		leaves[i] = (struct leaf_record){ .text = leaf_text(first + i, texts[i]) };
		changes[i] = (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaves[i] };
	}
	must(store_commit(store, changes, STORE_CHANGES_MAX, far()), "appending");
}

static double seconds_since(int64_t begin)
{
	return (double)(clock_now() - begin) / 1e9;
}

static bool count_entry(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	uint64_t *count = arg;

	(void)index;
	(void)entry;
	(void)leaf;
	(*count)++;
	return true;
}

static void measure_growth(const char *dir, unsigned millions)
{
	uint64_t count = 0;

	for (unsigned m = 0; m < millions; m++) {
		int64_t begin = clock_now();
		clock_t cpu = clock();
		for (unsigned n = 0; n < MILLION; n += STORE_CHANGES_MAX)
			append_commit(m * MILLION + n);
		printf("million %2u: %.2f us a leaf, %.2f us of processor time\n", m + 1,
		       seconds_since(begin), (double)(clock() - cpu) / CLOCKS_PER_SEC);
		fflush(stdout);
	}
	store_close(store);
	int64_t begin = clock_now();
	open_store(dir);
	printf("start: %.2f s\n", seconds_since(begin));
	begin = clock_now();
	must(store_read_leaves(store, 0, 0, SIZE_MAX, count_entry, &count), "reading");
	printf("reading %llu: %.2f us a leaf\n", (unsigned long long)count,
	       seconds_since(begin) * 1e6 / (double)count);
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: bench_append DIR rates SECONDS | growth MILLIONS\n");
		return 2;
	}
	open_store(argv[1]);
	open_first_log();
	if (strcmp(argv[2], "rates") == 0)
		measure_rates(1000 * strtoll(argv[3], NULL, 10) / (2 * ROUNDS));
	else
		measure_growth(argv[1], (unsigned)strtoul(argv[3], NULL, 10));
	store_close(store);
	return 0;
}
