/*
 * Holds a vault to its promises: reads hammer's ledger on standard input and asks the vault about
 * every line. An acknowledged mint verifies unless its revoke was asked for; an acknowledged revoke
 * is refused; a mint that got no answer, asked again under its request id, is done once. Ends with
 * 1 and a line for each promise that was broken.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peppermint/client.h"

enum state { ASKED, MINTED, REVOKING, REVOKED };
static const char *const state_names[] = { "mint", "minted", "revoke", "revoked" };

struct entry {
	enum state state;
	unsigned long line;
	char request_id[PEPPERMINT_REQUEST_ID_MAX + 1];
	char key[PEPPERMINT_KEY_TEXT_MAX + 1];
};

struct ledger {
	struct entry *entries;
	size_t count, room;
};

struct tally {
	unsigned long valid, refused, either, repeated, broken;
};

static bool read_state(const char *word, enum state *state)
{
	for (unsigned int i = 0; i < sizeof(state_names) / sizeof(state_names[0]); i++) {
		if (strcmp(word, state_names[i]) == 0) {
			*state = (enum state)i;
			return true;
		}
	}
	return false;
}

static struct entry *new_entry(struct ledger *ledger)
{
	if (ledger->count == ledger->room) {
		ledger->room = ledger->room ? 2 * ledger->room : 4096;
		ledger->entries = realloc(ledger->entries, ledger->room * sizeof(struct entry));
		if (!ledger->entries)
			exit(1);
	}
	return &ledger->entries[ledger->count];
}

/* hammer is killed between lines, never within one: each was one write(). */
static void read_ledger(struct ledger *ledger)
{
	char line[256], word[16];

	for (unsigned long n = 0; fgets(line, sizeof(line), stdin); n++) {
		struct entry *e = new_entry(ledger);

		*e = (struct entry){ .line = n };
		if (sscanf(line, "%15s %64s %82s", word, e->request_id, e->key) == 3 &&
		    read_state(word, &e->state))
			ledger->count++;
	}
}

/* By request id for mints without a key, by key for the others; then in the order of the lines. */
static int by_key(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcmp(a->key, b->key);

	return order ? order : (a->line > b->line) - (a->line < b->line);
}

static int by_request(const void *left, const void *right)
{
	const struct entry *a = left, *b = right;
	int order = strcmp(a->request_id, b->request_id);

	return order ? order : (a->line > b->line) - (a->line < b->line);
}

static void broken(struct tally *tally, const struct entry *e, const char *what)
{
	fprintf(stderr, "reckon: %s: %s %s\n", what, state_names[e->state], e->request_id);
	tally->broken++;
}

static void judge(const struct entry *e, const struct peppermint_verdict *v, struct tally *tally)
{
	bool refused = v->error == PM_OK && v->reason == PM_REASON_REVOKED;

	if (e->state == MINTED && v->valid)
		tally->valid++;
	else if (e->state == REVOKED && refused)
		tally->refused++;
	else if (e->state == REVOKING && (v->valid || refused))
		tally->either++;
	else
		broken(tally, e, v->valid ? "verifies" : peppermint_reason_name(v->reason));
}

static void check_keys(struct peppermint *vault, const char *environment,
		       struct entry *const *entries, size_t count, struct tally *tally)
{
	const char *keys[PEPPERMINT_BATCH_MAX];
	static struct peppermint_verdict verdicts[PEPPERMINT_BATCH_MAX];

	for (size_t i = 0; i < count; i++)
		keys[i] = entries[i]->key;
	enum pm_err err = peppermint_verify_keys(vault, environment, keys, count, verdicts, NULL);
	for (size_t i = 0; i < count; i++) {
		if (err != PM_OK)
			broken(tally, entries[i], peppermint_error_name(err));
		else
			judge(entries[i], &verdicts[i], tally);
	}
}

/* The last line about a key says what must be true of it. */
static void check_promises(struct peppermint *vault, const char *environment, struct ledger *ledger,
			   struct tally *tally)
{
	struct entry *batch[PEPPERMINT_BATCH_MAX];
	size_t waiting = 0;

	qsort(ledger->entries, ledger->count, sizeof(struct entry), by_key);
	for (size_t i = 0; i < ledger->count; i++) {
		struct entry *e = &ledger->entries[i];
		bool last = i + 1 == ledger->count || strcmp(e[0].key, e[1].key) != 0;

		if (e->state != ASKED && last)
			batch[waiting++] = e;
		if (waiting > 0 && (waiting == 256 || i + 1 == ledger->count)) {
			check_keys(vault, environment, batch, waiting, tally);
			waiting = 0;
		}
	}
}

static void repeat_mint(struct peppermint *vault, const char *environment, const struct entry *e,
			struct tally *tally)
{
	struct peppermint_mint mint = { .environment = environment, .account = e->request_id };
	struct peppermint_key_filter mine = { .environment = environment,
					      .account = e->request_id };
	struct peppermint_call call = { .request_id = e->request_id };
	struct peppermint_secret secret;
	struct peppermint_key key;
	struct peppermint_page page = { 0 };

	enum pm_err err = peppermint_mint_key(vault, &mint, &key, &secret, &call);
	if (err != PM_OK && err != PM_ALREADY_DONE)
		broken(tally, e, peppermint_error_name(err));
	else if (peppermint_list_keys(vault, &mine, &key, 1, &page, NULL) != PM_OK ||
		 page.total != 1)
		broken(tally, e, "not exactly one key of that mint");
	else
		tally->repeated++;
}

/* A request id whose only line is the asking: hammer or the vault was gone before the answer. */
static void check_unanswered(struct peppermint *vault, const char *environment,
			     struct ledger *ledger, struct tally *tally)
{
	qsort(ledger->entries, ledger->count, sizeof(struct entry), by_request);
	for (size_t i = 0; i < ledger->count; i++) {
		const struct entry *e = &ledger->entries[i];
		bool last = i + 1 == ledger->count || strcmp(e[0].request_id, e[1].request_id) != 0;

		if (e->state == ASKED && last)
			repeat_mint(vault, environment, e, tally);
	}
}

int main(int argc, char **argv)
{
	struct peppermint_options options = { .timeout_ms = PEPPERMINT_TIMEOUT_MS_MAX };
	struct peppermint *vault = NULL;
	struct ledger ledger = { 0 };
	struct tally tally = { 0 };

	if (argc != 3) {
		fputs("usage: reckon SOCKET ENVIRONMENT < LEDGER\n", stderr);
		return 2;
	}
	options.socket = argv[1];
	if (peppermint_open(&options, &vault) != PM_OK)
		return 1;
	read_ledger(&ledger);
	check_promises(vault, argv[2], &ledger, &tally);
	check_unanswered(vault, argv[2], &ledger, &tally);
	printf("%lu valid, %lu revoked, %lu either, %lu repeated, %lu broken\n", tally.valid,
	       tally.refused, tally.either, tally.repeated, tally.broken);
	peppermint_close(vault);
	free(ledger.entries);
	return tally.broken == 0 && tally.valid + tally.refused > 0 ? 0 : 1;
}
