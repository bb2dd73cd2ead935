/* What the reports share: the inventory, the names of keys and algorithms, and a report's form. */
#ifndef CLI_REPORT_H
#define CLI_REPORT_H

#include "audit.h"

#define DAY INT64_C(86400)

/* A table with a title, or with --json {"report", "generated_at", "rows", …}. */
#define REPORT(session, name, title_, columns_)                                                    \
	((struct sheet){ .kind = (session)->options.given & OPT_JSON ? SHEET_JSON : SHEET_TABLE,   \
			 .report = (name),                                                         \
			 .title = (title_),                                                        \
			 .columns = (columns_),                                                    \
			 .count = sizeof(columns_) / sizeof((columns_)[0]) })

/* A line below a report's table; nothing in JSON. */
__attribute__((format(printf, 2, 3))) void report_remark(const struct sheet *sheet, const char *fmt,
							 ...);

/* The inventory, which the caller frees; NULL after a complaint. The log names the report. */
struct peppermint_inventory *inventory_read(struct session *session, enum peppermint_report report);
/* Never NULL: one without a token if the inventory lacks it. */
const struct peppermint_environment *inventory_environment(
	const struct peppermint_inventory *inventory, const char *name);

/* environment/purpose/name/vN, as the token's label has it. */
#define KEY_LABEL_ROOM 128
void key_label(const struct peppermint_master_key *key, char label[KEY_LABEL_ROOM]);
/* Half of a pair. By its name: which algorithm it has only its token tells, when it answers. */
bool key_signs(const struct peppermint_master_key *key);
/* Of a state in which the token must have it. */
bool key_is_live(const struct peppermint_master_key *key);
const char *key_use(const struct peppermint_master_key *key);

/* What is known of an algorithm, for the reports and CycloneDX. */
struct algorithm {
	const char *name, *ref, *standard, *oid;
	const char *primitive, *function; /* CycloneDX's words */
	const char *parameter, *curve;    /* NULL: none */
	int strength;                     /* bits */
};
const struct algorithm *key_algorithm(const struct peppermint_master_key *key);
const struct algorithm *algorithm_merkle(void);
const struct algorithm *algorithm_random(void);

/* SoftHSM is a program, not a module that anybody certified. What a token is, it tells itself. */
enum token_kind {
	TOKEN_UNKNOWN, /* it does not answer */
	TOKEN_SOFTWARE,
	TOKEN_MODULE,
};
enum token_kind token_kind(const struct peppermint_environment *environment);
/* Of all tokens together: what the worst is, software before unknown. */
enum token_kind inventory_kind(const struct peppermint_inventory *inventory);

/* From when on every entry is at hand; now, if there is none. */
enum status log_reach(struct session *session, enum peppermint_report report, int64_t *when);

/* report_cbom.c: the inventory as a CycloneDX 1.6 document. */
enum status print_cbom(const struct peppermint_inventory *inventory);

#endif
