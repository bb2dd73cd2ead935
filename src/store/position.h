/*
 * A place in a list of keys, as the text that a client holds between two pages. It tells of one row
 * where it stands, so what is after it does not depend on whether the row is still there.
 */
#ifndef STORE_POSITION_H
#define STORE_POSITION_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#define POSITION_TEXT_MAX 128 /* bytes of the longest value that keys are sorted by */

/* Places compare by these in turn; a list whose sort has no number or text leaves that empty. */
struct position {
	uint32_t segment; /* which of the sort's parts, from 0 */
	int64_t number;
	char text[POSITION_TEXT_MAX + 1];
	char id[STORE_ID_LEN + 1];
};

#define POSITION_SEGMENTS_MAX 9 /* one digit */

int position_compare(const struct position *a, const struct position *b);

void position_format(const struct position *position, const struct key_filter *filter,
		     char out[STORE_POSITION_MAX + 1]);

/* PM_BAD_REQUEST: not what formatting a place of a list with that filter and sort gives. */
enum pm_err position_parse(const char *text, const struct key_filter *filter,
			   struct position *out) NODISCARD;

/* 1 to 16 of 0-9, A-Z, a-z. */
bool position_is_id(const char *text, size_t len);

#endif
