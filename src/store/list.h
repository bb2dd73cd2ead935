/* A page of keys in the making: see store_list_keys. */
#ifndef STORE_LIST_H
#define STORE_LIST_H

#include "position.h"
#include "readers.h"

struct list {
	struct reader *reader;
	const struct key_filter *filter;
	const struct position *after; /* NULL: from the first */
	struct key_record *out;
	struct key_use_record *uses;
	size_t max;
	struct key_listing *listing;
};

/* Puts the key at that place into the page, which is not full. */
enum pm_err list_put(struct list *list, const struct position *position) NODISCARD;

/* There are more keys; the next page is to begin after that place. */
void list_continue(struct list *list, const struct position *position);

/* In sorted.c: a page and the total of a list that no index is in the order of. */
enum pm_err list_sorted(struct list *list) NODISCARD;

/* In totals.c: the total, as the filter alone tells it. */
enum pm_err list_total(struct list *list) NODISCARD;
enum pm_err total_of_account(struct reader *reader, const struct key_filter *filter,
			     uint64_t *total) NODISCARD;

#endif
