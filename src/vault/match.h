/*
 * Looking for entries by the bytes they must have. Our writer is canonical and escapes quotes inside
 * of texts, so `"key":"0Ab…"` stands in an entry if and only if that is its member. Plain values.
 */
#ifndef VAULT_MATCH_H
#define VAULT_MATCH_H

#include "environment.h"

/* When an entry was written, to the second: texts that compare as times do. */
#define ENTRY_SECOND_LEN 19
struct bytes entry_second(struct bytes entry); /* empty: it has none */
void entry_second_format(int64_t seconds, char out[ENTRY_SECOND_LEN + 1]);

#define MATCH_PARTS_MAX 8
#define MATCH_TEXT_MAX 256

/* Any of these texts has to be in the entry. */
struct match_part {
	size_t count;
	char (*texts)[MATCH_TEXT_MAX];
};

struct match {
	struct match_part parts[MATCH_PARTS_MAX]; /* all of them */
	size_t part_count;
	char since[ENTRY_SECOND_LEN + 1], until[ENTRY_SECOND_LEN + 1]; /* "": no bound */
};

void match_end(struct match *match);

/* "" is anything. PM_BAD_REQUEST: no entry could have such a member. */
enum pm_err match_add(struct match *match, const char *field, const char *text) NODISCARD;
/* A type, or the beginning of one up to its dot. */
enum pm_err match_add_type(struct match *match, const char *type) NODISCARD;
/* Any of those. */
enum pm_err match_add_hashes(struct match *match, const char *field,
			     const struct value_hash *hashes, size_t count) NODISCARD;
enum pm_err match_add_failure(struct match *match) NODISCARD;

bool match_entry(const struct match *match, struct bytes entry);

#endif
