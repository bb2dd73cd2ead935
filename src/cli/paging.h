/*
 * Lists that come in pages, as tables or as one JSON object. Rows are JSON objects, printed as they
 * come, so that a list of any length takes the memory of one page.
 */
#ifndef CLI_PAGING_H
#define CLI_PAGING_H

#include "command.h"
#include "sheet.h"

struct paging {
	const char *name; /* of the rows, in JSON */
	bool json, all, begun;
	size_t size; /* to ask for */
	const char *token;
	char next[PEPPERMINT_TEXT_MAX + 1];
	struct peppermint_page page; /* the answer's */
	uint64_t rows;
	struct sheet sheet;
};

/* `sheet` has the columns of the table. */
struct paging paging_of(const struct options *options, const char *name, struct sheet sheet);
void paging_end(struct paging *paging); /* for CLEANUP */

/* Whether there is a page to ask for, and by which token. */
bool paging_next(struct paging *paging, const char **token);
/* A row of the page, taken. */
void paging_row(struct paging *paging, json_t *row);
void paging_finish(struct paging *paging);

#endif
