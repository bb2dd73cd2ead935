#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "command.h"
#include "key.h"
#include "list_options.h"

/* As merchant portals show them; a key without a start begins when it is made. */
static void add_key(struct table *table, const struct peppermint_key *key)
{
	table_cell(table, "%s", key->id);
	table_cell(table, "%s", key->external_reference);
	table_cell(table, "%s", key->masked);
	table_when(table, key->not_before ? key->not_before : key->created_at, "-");
	table_when(table, key->expires_at, "never");
	table_cell(table, "%s", key_state_name(key->state));
	table_cell(table, "%s", key->name);
	table_cell(table, "%s", key->account);
	table_cell(table, "%s", key->product);
	table_when(table, key->last_used_at, "-");
}

/* Pages are printed as they come, so that a list of any length takes the memory of one page. */
struct listing {
	struct peppermint_key keys[PEPPERMINT_PAGE_MAX];
	struct peppermint_page page;
	const char *page_token; /* the user's, then `next` */
	char next[PEPPERMINT_TEXT_MAX + 1];
	enum peppermint_key_state states[KEY_STATES];
	size_t state_count;
	enum peppermint_key_sort sort;
	int64_t expires_before; /* the same for all pages */
	struct table table;
	uint64_t printed;
	bool json, begun;
};

static void listing_free(struct listing *listing)
{
	table_end(&listing->table);
}

static void listing_begin(struct listing *listing)
{
	static const char *const heads[] = {
		"ID",    "REFERENCE", "ENDS WITH", "START",   "END",
		"STATE", "NAME",      "ACCOUNT",   "PRODUCT", "LAST USED",
	};

	listing->begun = true;
	if (listing->json)
		fputs("{\"keys\": [", stdout);
	else
		table_head(&listing->table, heads, sizeof(heads) / sizeof(heads[0]));
}

static void listing_print(struct listing *listing)
{
	for (size_t i = 0; i < listing->page.count; i++, listing->printed++) {
		if (!listing->json) {
			add_key(&listing->table, &listing->keys[i]);
			continue;
		}
		if (listing->printed > 0)
			fputs(",", stdout);
		print_json(key_json(&listing->keys[i]));
	}
	if (!listing->json)
		table_print(&listing->table);
}

static void listing_end(const struct listing *listing)
{
	const struct peppermint_page *page = &listing->page;

	if (listing->json) {
		json_t *token CLEANUP(json_end) = json_string(page->next_page_token);
		printf("], \"total\": %" PRIu64 ", \"total_is_least\": %s, \"next_page_token\": ",
		       page->total, page->total_is_least ? "true" : "false");
		json_dumpf(token, stdout, JSON_ENCODE_ANY);
		puts("}");
		return;
	}
	printf("\nTotal: %s%" PRIu64, page->total_is_least ? "at least " : "", page->total);
	if (listing->printed != page->total)
		printf(", of which %" PRIu64 " are shown", listing->printed);
	putchar('.');
	if (page->next_page_token[0])
		printf(" More: --page-token %s, or --all.", page->next_page_token);
	putchar('\n');
}

static enum pm_err list_page(struct session *session, struct listing *listing)
{
	const struct options *options = &session->options;
	bool all = options->given & OPT_ALL;
	const struct peppermint_key_filter filter = {
		.environment = options->env,
		.account = options->account,
		.product = options->product,
		.page_token = listing->page_token,
		.states = listing->states,
		.state_count = listing->state_count,
		.text = options->text,
		.sort = listing->sort,
		.ascending = options->given & OPT_ASCENDING,
		.expires_before = listing->expires_before,
	};
	size_t size = options->page_size ? options->page_size : all ? PEPPERMINT_PAGE_MAX : 50;

	return peppermint_list_keys(session->vault, &filter, listing->keys, size, &listing->page,
				    &session->call);
}

enum status run_key_list(struct session *session)
{
	const struct options *options = &session->options;
	struct listing listing CLEANUP(listing_free) = {
		.json = options->given & OPT_JSON,
		.page_token = options->page_token,
	};

	if (!list_states(options->state, listing.states, &listing.state_count) ||
	    !list_sort(options->sort, &listing.sort))
		return STATUS_USAGE;
	if (options->given & OPT_EXPIRING)
		listing.expires_before = clock_unix() + options->expiring;
	do {
		enum pm_err err = list_page(session, &listing);
		if (err != PM_OK)
			return vault_refused(session, err);
		if (!listing.begun)
			listing_begin(&listing);
		listing_print(&listing);
		memcpy(listing.next, listing.page.next_page_token, sizeof(listing.next));
		listing.page_token = listing.next;
	} while (options->given & OPT_ALL && listing.next[0]);
	listing_end(&listing);
	return STATUS_DONE;
}
