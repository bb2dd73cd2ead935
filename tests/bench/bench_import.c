/*
 * How fast hashes of another system are imported: the vault alone, over the real signer and SoftHSM,
 * beside what the signer makes of HMACs in the same run.
 *
 *   bench_import SIGNER COUNT THREADS
 *
 * Built without sanitizers (preset release), or the figures mean nothing.
 */
#include <openssl/sha.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "hsm/hsm.h"
#include "soft_token.h"
#include "store/store.h"
#include "vault/audit.h"
#include "vault/vault.h"

#define HMACS_OF_ONE 6 /* lookup, MAC and seal, each computed twice */
#define HMAC_ROUNDS 200
#define HMAC_JOBS 512
#define PATIENCE_MS 600000

static struct vault *vault;
static atomic_size_t next, imported;
static size_t total;

static void check(enum pm_err err, const char *what)
{
	if (err == PM_OK)
		return;
	fprintf(stderr, "bench_import: %s: %s\n", what, peppermint_error_name(err));
	exit(1);
}

static void make_item(size_t number, uint8_t hash[SHA256_DIGEST_LENGTH], struct import_item *item)
{
	SHA256((const uint8_t *)&number, sizeof(number), hash);
	*item = (struct import_item){
		.form = IMPORT_SHA256,
		.value = bytes_of(hash, SHA256_DIGEST_LENGTH),
		.hmac_key = "",
		.account = "acme",
		.product = "payments",
		.name = "imported",
		.external_ref = "",
		.tail = "xyz",
	};
}

static void *import(void *arg)
{
	uint8_t hashes[VAULT_IMPORT_MAX][SHA256_DIGEST_LENGTH];
	struct import_item items[VAULT_IMPORT_MAX];
	static _Thread_local struct import_outcome outcomes[VAULT_IMPORT_MAX];

	(void)arg;
	for (;;) {
		size_t first = atomic_fetch_add(&next, VAULT_IMPORT_MAX), count = 0;
		char request_id[32];
		struct actor actor = {
			.caller = "bench",
			.operator_name = "",
			.request_id = request_id,
			.rpc = 56,
			.environments = UINT32_MAX,
			.deadline = deadline_in_ms(PATIENCE_MS),
		};

		if (first >= total)
			return NULL;
		snprintf(request_id, sizeof(request_id), "part-%zu", first);
		for (; count < VAULT_IMPORT_MAX && first + count < total; count++)
			make_item(first + count, hashes[count], &items[count]);
		check(vault_import_keys(vault, &actor, "bench", items, count, outcomes), "import");
		for (size_t i = 0; i < count; i++)
			check(outcomes[i].error, "an item");
		atomic_fetch_add(&imported, count);
	}
}

static double run(size_t threads)
{
	pthread_t ids[16];
	int64_t begin = clock_now();

	for (size_t i = 0; i < threads; i++)
		pthread_create(&ids[i], NULL, import, NULL);
	for (size_t i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return (double)(clock_now() - begin) / NS_PER_SECOND;
}

/* What the signer can do with frames as long. */
static double hmac_rate(struct hsm *hsm)
{
	static struct hsm_job jobs[HMAC_JOBS];
	static const uint8_t data[160];
	struct hsm_object object;
	struct hsm_id id = { { 1 } };

	check(hsm_generate(hsm, &id, "peppermint/bench/bench", &object,
			   deadline_in_ms(PATIENCE_MS)),
	      "generate");
	int64_t begin = clock_now();
	for (int round = 0; round < HMAC_ROUNDS; round++) {
		for (size_t i = 0; i < HMAC_JOBS; i++)
			jobs[i] = (struct hsm_job){ id, .data = bytes_of(data, sizeof(data)) };
		check(hsm_hmac(hsm, jobs, HMAC_JOBS, deadline_in_ms(PATIENCE_MS)), "hmac");
	}
	return (double)HMAC_ROUNDS * HMAC_JOBS * NS_PER_SECOND / (double)(clock_now() - begin);
}

static void open_all(const struct soft_token *token, const char *signer, struct store **store,
		     struct hsm **hsm)
{
	const struct hsm_config hsm_config = {
		.environment = "bench",
		.signer = signer,
		.module = SOFT_TOKEN_MODULE,
		.token_uri = token->uri,
		.pin_file = token->pin_file,
		.pin_fd = -1,
		.module_env = token->env,
		.call_timeout_ms = 60000,
		.reload_ms = 100,
	};
	const struct store_config store_config = {
		.dir = token->dir, .queue = 64, .batch = 64, .readers = 4, .keep_executed_days = 7
	};
	const struct vault_audit_config audit = {
		.origin = "bench.example/audit", .program = "bench", .policy = "1", .refusals = 60
	};

	check(hsm_open(&hsm_config, hsm), "hsm");
	check(store_open(&store_config, store), "store");
	const struct vault_environment environment = {
		.name = "bench", .prefix = "ak_", .hsm = *hsm, .policy = { .any_account = true }
	};
	check(vault_open(*store, &environment, 1, &audit, &vault), "vault");
	check(vault_tend(vault), "attach");
}

static double processor_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* Once the signer has ended. */
static void print_usage(void)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	printf("processor time: %.1f s here, %.1f s in the signer (and making the token); peak "
	       "memory "
	       "%ld KiB\n",
	       processor_seconds(&self), processor_seconds(&children), self.ru_maxrss);
}

int main(int argc, char **argv)
{
	struct soft_token token;
	struct store *store = NULL;
	struct hsm *hsm = NULL;

	if (argc != 4 || atoi(argv[3]) < 1 || atoi(argv[3]) > 16) {
		fprintf(stderr, "usage: bench_import SIGNER COUNT THREADS\n");
		return 2;
	}
	total = strtoull(argv[2], NULL, 10);
	soft_token_make(&token, "bench");
	open_all(&token, argv[1], &store, &hsm);
	printf("HMACs alone: %9.0f/s\n", hmac_rate(hsm));
	double seconds = run(strtoull(argv[3], NULL, 10));
	printf("imported %zu in %.1f s: %9.0f/s, %9.0f HMACs/s\n", atomic_load(&imported), seconds,
	       (double)total / seconds, (double)total * HMACS_OF_ONE / seconds);
	vault_close(vault);
	store_close(store);
	hsm_close(hsm);
	print_usage();
	soft_token_remove(&token);
	return 0;
}
