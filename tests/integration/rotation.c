/*
 * Clients that verify while the pepper under all keys is rotated away:
 *
 *	rotation SOCKET ENVIRONMENT KEYS THREADS FILE
 *
 * mints KEYS keys and prints `minted`; then THREADS verify them all, round after round, until FILE is
 * there. Every line it prints after a full round is `round N: R keys/s`. A false refusal ends it with 1
 * at once; an error (none is expected either) is counted and ends it with 1 at the end.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "peppermint/client.h"

#define THREADS_MAX 64
#define KEYS_MAX 1000000
#define BATCH 64

struct load {
	struct peppermint *vault;
	const char *environment, *end_file;
	struct peppermint_secret *keys;
	size_t count;
	unsigned int threads;
	_Atomic unsigned long minted, verified, errors;
	_Atomic bool failed, stop;
};

struct worker {
	struct load *load;
	unsigned int number;
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *mint(void *arg)
{
	const struct worker *w = arg;
	struct load *load = w->load;
	const struct peppermint_mint params = { .environment = load->environment,
						.account = "rotation" };
	struct peppermint_key record;

	for (size_t i = w->number; i < load->count && !load->failed; i += load->threads) {
		enum pm_err err =
			peppermint_mint_key(load->vault, &params, &record, &load->keys[i], NULL);
		if (err != PM_OK) {
			fprintf(stderr, "rotation: mint: %s\n", peppermint_error_name(err));
			load->failed = true;
		}
		load->minted++;
	}
	return NULL;
}

static void verify_batch(struct load *load, size_t first, size_t count)
{
	struct peppermint_verdict verdicts[BATCH];
	struct peppermint_call call = { .timeout_ms = 10000 };
	const char *texts[BATCH];

	for (size_t i = 0; i < count; i++)
		texts[i] = load->keys[first + i].text;
	enum pm_err err = peppermint_verify_keys(load->vault, load->environment, texts, count,
						 verdicts, &call);
	if (err != PM_OK) {
		fprintf(stderr, "rotation: verify: %s %s\n", peppermint_error_name(err),
			call.message);
		load->errors++;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (verdicts[i].error != PM_OK) {
			load->errors++;
			continue;
		}
		if (!verdicts[i].valid) {
			fprintf(stderr, "rotation: FALSE REFUSAL: %s\n",
				peppermint_reason_name(verdicts[i].reason));
			load->failed = true;
		}
		load->verified++;
	}
}

/* Each thread has its share of the keys, so a round of all is one verify of each key. */
static void *verify(void *arg)
{
	const struct worker *w = arg;
	struct load *load = w->load;
	const size_t share = (load->count + load->threads - 1) / load->threads;
	const size_t first = w->number * share;
	const size_t end = first + share < load->count ? first + share : load->count;

	while (!load->stop && !load->failed) {
		for (size_t at = first; at < end && !load->stop && !load->failed; at += BATCH)
			verify_batch(load, at, end - at < BATCH ? end - at : BATCH);
	}
	return NULL;
}

static bool run(struct load *load, void *(*work)(void *), bool (*watch)(struct load *))
{
	struct worker workers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];

	for (unsigned int i = 0; i < load->threads; i++) {
		workers[i] = (struct worker){ .load = load, .number = i };
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			return false;
	}
	bool good = watch(load);
	load->stop = true;
	for (unsigned int i = 0; i < load->threads; i++)
		pthread_join(threads[i], NULL);
	load->stop = false;
	return good && !load->failed;
}

static bool await_minted(struct load *load)
{
	while (load->minted < load->count && !load->failed)
		usleep(10000);
	return true;
}

static bool await_end(struct load *load)
{
	unsigned long round = 0;
	double began = now();

	while (access(load->end_file, F_OK) != 0 && !load->failed) {
		usleep(20000);
		if (load->verified < (round + 1) * load->count)
			continue;
		round = load->verified / load->count;
		printf("round %lu: %.0f keys/s so far\n", round,
		       (double)load->verified / (now() - began));
		fflush(stdout);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct peppermint_options options = { .connections = PEPPERMINT_CONNECTIONS_MAX };
	static struct load load;

	if (argc != 6) {
		fputs("usage: rotation SOCKET ENVIRONMENT KEYS THREADS FILE\n", stderr);
		return 2;
	}
	options.socket = argv[1];
	load.environment = argv[2];
	load.count = strtoul(argv[3], NULL, 10);
	load.threads = (unsigned int)strtoul(argv[4], NULL, 10);
	load.end_file = argv[5];
	if (load.count == 0 || load.count > KEYS_MAX || load.threads == 0 ||
	    load.threads > THREADS_MAX)
		return 2;
	load.keys = calloc(load.count, sizeof(*load.keys));
	if (!load.keys || peppermint_open(&options, &load.vault) != PM_OK)
		return 1;
	double began = now();
	if (!run(&load, mint, await_minted))
		return 1;
	printf("minted %zu keys in %.1f s\n", load.count, now() - began);
	fflush(stdout);
	if (!run(&load, verify, await_end))
		return 1;
	printf("verified %lu, errors %lu, false refusals 0\n", load.verified, load.errors);
	peppermint_close(load.vault);
	free(load.keys);
	return load.errors == 0 ? 0 : 1;
}
