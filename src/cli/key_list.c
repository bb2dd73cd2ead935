#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"
#include "key.h"

static void add_key(struct table *table, const struct peppermint_key *key)
{
	table_cell(table, "%s", key->id);
	table_cell(table, "%s", key_state_name(key->state));
	table_cell(table, "%s", key->account);
	table_cell(table, "%s", key->product);
	table_cell(table, "%s", key->name);
	table_cell(table, "%s", key->masked);
	table_when(table, key->created_at, "-");
	table_when(table, key->expires_at, "never");
}

/* Pages are printed as they come, so that a list of any length takes the memory of one page. */
struct listing {
	struct peppermint_key keys[PEPPERMINT_PAGE_MAX];
	struct peppermint_page page;
	const char *page_token; /* the user's, then `next` */
	char next[PEPPERMINT_TEXT_MAX + 1];
	struct table table;
	uint64_t printed;
	bool json;
};

static void listing_free(struct listing *listing)
{
	table_end(&listing->table);
}

static void listing_begin(struct listing *listing)
{
	static const char *const heads[] = {
		"ID", "STATE", "ACCOUNT", "PRODUCT", "NAME", "ENDS WITH", "CREATED", "EXPIRES",
	};

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
		printf("], \"total\": %" PRIu64 ", \"next_page_token\": ", page->total);
		json_dumpf(token, stdout, JSON_ENCODE_ANY);
		puts("}");
		return;
	}
	printf("\n%" PRIu64 " of %" PRIu64 " keys.", listing->printed, page->total);
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

	do {
		enum pm_err err = list_page(session, &listing);
		if (err != PM_OK)
			return vault_refused(session, err);
		if (listing.printed == 0)
			listing_begin(&listing);
		listing_print(&listing);
		memcpy(listing.next, listing.page.next_page_token, sizeof(listing.next));
		listing.page_token = listing.next;
	} while (options->given & OPT_ALL && listing.next[0]);
	listing_end(&listing);
	return STATUS_DONE;
}
