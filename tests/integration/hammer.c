/*
 * Load, and a ledger of what the vault promised: every thread mints keys, verifies them and revokes
 * each second one, and writes a line before it asks and a line when the vault said yes. reckon
 *reads the ledger later. The lines, on standard output, each one write():
 *
 *	mint REQUEST-ID -           about to ask
 *	minted REQUEST-ID KEY       acknowledged
 *	revoke REQUEST-ID KEY       about to ask
 *	revoked REQUEST-ID KEY      acknowledged
 *
 * and, when the time is over, `error NAME COUNT` and `done COUNT`. A verdict that breaks a promise
 * ends it with 1 at once. A key's account is its mint's request id, so that a mint that was
 *executed twice shows in the database.
 */
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
#define ERRORS_MAX 64

struct load {
	struct peppermint *vault;
	const char *environment, *run;
	time_t end;
	_Atomic unsigned long done, errors[ERRORS_MAX];
};

struct worker {
	struct load *load;
	unsigned int number;
	unsigned int keys;
};

static void ledger(const char *what, const char *request_id, const char *key)
{
	char line[256];
	int len = snprintf(line, sizeof(line), "%s %s %s\n", what, request_id, key);

	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		_exit(1);
}

/* True when it was done; else it is counted, and there is a pause: the vault may be starting. */
static bool went_well(struct load *load, enum pm_err err)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	if (err == PM_OK) {
		load->done++;
		return true;
	}
	load->errors[(unsigned int)err % ERRORS_MAX]++;
	nanosleep(&pause, NULL);
	return false;
}

static void must_be(struct load *load, const char *key, bool valid)
{
	struct peppermint_verdict verdict;
	enum pm_err err =
		peppermint_verify_key(load->vault, load->environment, key, &verdict, NULL);

	if (!went_well(load, err == PM_OK ? verdict.error : err) || verdict.valid == valid)
		return;
	fprintf(stderr, "hammer: a key is %s, and must not be: %s\n",
		verdict.valid ? "valid" : "refused", peppermint_reason_name(verdict.reason));
	_exit(1);
}

static void end_key(struct load *load, const char *id, const char *key, const char *request_id)
{
	struct peppermint_call call = { .request_id = request_id };
	struct peppermint_key record;

	ledger("revoke", request_id, key);
	if (!went_well(load,
		       peppermint_revoke_key(load->vault, load->environment, id, &record, &call)))
		return;
	ledger("revoked", request_id, key);
	must_be(load, key, false);
}

static void live_one_life(struct worker *w)
{
	char mint_id[48], revoke_id[48];
	struct peppermint_mint mint = { .environment = w->load->environment, .account = mint_id };
	struct peppermint_call call = { .request_id = mint_id };
	struct peppermint_key record;
	struct peppermint_secret secret;

	snprintf(mint_id, sizeof(mint_id), "m-%s-%u-%u", w->load->run, w->number, w->keys);
	snprintf(revoke_id, sizeof(revoke_id), "r-%s-%u-%u", w->load->run, w->number, w->keys);
	ledger("mint", mint_id, "-");
	if (!went_well(w->load,
		       peppermint_mint_key(w->load->vault, &mint, &record, &secret, &call)))
		return;
	ledger("minted", mint_id, secret.text);
	must_be(w->load, secret.text, true);
	if (w->keys % 2 == 1)
		end_key(w->load, record.id, secret.text, revoke_id);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (; time(NULL) < w->load->end; w->keys++)
		live_one_life(w);
	return NULL;
}

static void summarise(struct load *load)
{
	for (unsigned int i = 0; i < ERRORS_MAX; i++) {
		if (load->errors[i] > 0)
			printf("error %s %lu\n", peppermint_error_name((enum pm_err)i),
			       load->errors[i]);
	}
	printf("done %lu\n", load->done);
}

int main(int argc, char **argv)
{
	struct peppermint_options options = { .connections = PEPPERMINT_CONNECTIONS_MAX };
	struct load load = { 0 };
	struct worker workers[THREADS_MAX];
	pthread_t threads[THREADS_MAX];
	unsigned long count = argc == 6 ? strtoul(argv[4], NULL, 10) : 0;

	if (count == 0 || count > THREADS_MAX) {
		fputs("usage: hammer SOCKET ENVIRONMENT RUN THREADS SECONDS\n", stderr);
		return 2;
	}
	options.socket = argv[1];
	load.environment = argv[2];
	load.run = argv[3];
	load.end = time(NULL) + strtol(argv[5], NULL, 10);
	if (peppermint_open(&options, &load.vault) != PM_OK)
		return 1;
	for (unsigned int i = 0; i < count; i++) {
		workers[i] = (struct worker){ .load = &load, .number = i };
		if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
			return 1;
	}
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	summarise(&load);
	peppermint_close(load.vault);
	return 0;
}
