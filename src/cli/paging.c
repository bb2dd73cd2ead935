#include "paging.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

struct paging paging_of(const struct options *options, const char *name, struct sheet sheet)
{
	struct paging paging = {
		.name = name,
		.json = options->given & OPT_JSON,
		.all = options->given & OPT_ALL,
		.token = options->page_token,
		.sheet = sheet,
	};

	paging.size = options->page_size ? options->page_size : PEPPERMINT_ACCOUNT_PAGE_MAX;
	return paging;
}

void paging_end(struct paging *paging)
{
	sheet_end(&paging->sheet);
}

bool paging_next(struct paging *paging, const char **token)
{
	if (paging->begun) {
		if (!paging->all || !paging->page.next_page_token[0])
			return false;
		memcpy(paging->next, paging->page.next_page_token, sizeof(paging->next));
		paging->token = paging->next;
	}
	paging->begun = true;
	*token = paging->token;
	return true;
}

void paging_row(struct paging *paging, json_t *row)
{
	must_have(row);
	if (paging->json) {
		if (paging->rows == 0)
			printf("{\"%s\": [\n", paging->name);
		else
			fputs(",\n", stdout);
		json_dumpf(row, stdout, 0);
		json_decref(row);
	} else {
		sheet_row(&paging->sheet, row);
	}
	paging->rows++;
}

void paging_finish(struct paging *paging)
{
	const struct peppermint_page *page = &paging->page;

	if (paging->json) {
		json_t *token CLEANUP(json_end) = json_string(page->next_page_token);

		if (paging->rows == 0)
			printf("{\"%s\": [", paging->name);
		printf("], \"total\": %" PRIu64 ", \"next_page_token\": ", page->total);
		json_dumpf(token, stdout, JSON_ENCODE_ANY);
		puts("}");
		return;
	}
	sheet_finish(&paging->sheet, NULL);
	printf("\nTotal: %" PRIu64 ".", page->total);
	if (page->next_page_token[0])
		printf(" More: --page-token %s, or --all.", page->next_page_token);
	putchar('\n');
}
