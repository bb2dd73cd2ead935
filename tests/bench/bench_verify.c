/*
 * How fast an export is checked, beside what SHA-256 alone takes in the same run.
 *
 *   bench_verify DIR ENTRIES   makes an export of one log in DIR, if there is none, and checks it
 *
 * DIR must exist. Built without sanitizers (preset release), or the figures mean nothing.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log_export.h"
#include "verify.h"

#define NAME "bench.example/audit/1"
#define ENTRY_LEN 350
#define HASHES 2000000

static double processor_seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* In a child, so that its memory is not counted. */
static void make(const char *folder, uint64_t entries, struct signer *signer)
{
	const struct log_export export = { .folder = folder,
					   .log = 1,
					   .size = entries,
					   .entry_len = ENTRY_LEN,
					   .signer = signer };
	struct stat st;
	char path[4096];
	int status = 0;

	snprintf(path, sizeof(path), "%s/1", folder);
	if (stat(path, &st) == 0)
		return;
	pid_t child = fork();
	if (child == 0) {
		log_export_write(&export, NULL);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
		fprintf(stderr, "bench_verify: cannot make the export\n");
		exit(1);
	}
}

static double hash_rate(size_t len)
{
	EVP_MD *md = EVP_MD_fetch(NULL, "SHA256", NULL);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t block[512] = { 0 }, digest[32];
	double begin = processor_seconds();

	for (int i = 0; i < HASHES; i++) {
		EVP_DigestInit_ex2(ctx, md, NULL);
		EVP_DigestUpdate(ctx, block, len);
		EVP_DigestFinal_ex(ctx, digest, NULL);
	}
	double rate = HASHES / (processor_seconds() - begin);
	EVP_MD_CTX_free(ctx);
	EVP_MD_free(md);
	return rate;
}

static int measure(const char *folder, const struct tlog_key *key, bool strict)
{
	static struct verify_report report;
	const struct verify_options options = { .keys = key, .key_count = 1, .strict = strict };
	struct timespec from, to;
	double begin = processor_seconds();

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (!verify_export(folder, &options, &report)) {
		fprintf(stderr, "bench_verify: %s\n", report.fault);
		return 1;
	}
	double used = processor_seconds() - begin;
	clock_gettime(CLOCK_MONOTONIC, &to);
	double passed =
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	printf("%-7s %9.0f entries/s, %9.0f per second of processor time, mean %.0f bytes\n",
	       strict ? "strict" : "verify", (double)report.entries / passed,
	       (double)report.entries / used, (double)report.bytes / (double)report.entries);
	return 0;
}

int main(int argc, char **argv)
{
	struct rusage usage;

	if (argc != 3) {
		fprintf(stderr, "usage: bench_verify DIR ENTRIES\n");
		return 2;
	}
	struct signer *signer = signer_from_seed(NAME, TLOG_ED25519, 0);
	make(argv[1], strtoull(argv[2], NULL, 10), signer);
	printf("SHA-256 alone: %9.0f/s of %d bytes, %9.0f/s of a node's 65\n",
	       hash_rate(ENTRY_LEN + 1), ENTRY_LEN + 1, hash_rate(65));
	int failed = measure(argv[1], signer_key(signer), false) ||
		     measure(argv[1], signer_key(signer), true);
	getrusage(RUSAGE_SELF, &usage);
	printf("peak memory: %ld KiB\n", usage.ru_maxrss);
	signer_free(&signer);
	return failed;
}
