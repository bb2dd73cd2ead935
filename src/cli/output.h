/*
 * What people and programs read: aligned tables and JSON on standard output, complaints on standard
 * error. Texts that come from the vault were checked by libpeppermint: no control characters.
 */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The exit status; the README and the help text name them. */
enum status {
	STATUS_DONE = 0,
	STATUS_REFUSED = 1, /* a key, a hash or a log is not valid, or a report found something */
	STATUS_USAGE = 2,
	STATUS_VAULT = 3,    /* the vault said no or is not there */
	STATUS_NOBODY_READS, /* never the program's: what was asked is done as far as it is wanted */
};

/* `peppermint: what is wrong. What to do next.` on standard error. */
__attribute__((format(printf, 1, 2))) void complain(const char *fmt, ...);

/* Standard output goes through locked memory, which output_close wipes. */
bool output_open(void);
/* False after a complaint when something could not be written. */
bool output_close(void);

/*
 * Sends on what was printed so far. False: nobody reads it any more, and nothing more needs to be
 * printed (which is no fault: `| head` does that). SIGPIPE must be ignored.
 */
bool output_flush(void);

/* What malloc, strdup … gave; ends the program when that is NULL. */
void *must_have(void *memory);

/* Rows of cells, printed with aligned columns. Ends the program when memory ends. */
#define TABLE_COLUMNS_MAX 16
struct table {
	size_t columns;
	size_t width[TABLE_COLUMNS_MAX]; /* the widest so far; only grows */
	char **cells;
	size_t count, room;
};
void table_head(struct table *table, const char *const *heads, size_t columns);
__attribute__((format(printf, 2, 3))) void table_cell(struct table *table, const char *fmt, ...);
void table_when(struct table *table, int64_t when, const char *never);
/* A label and its value; rows with an empty value are left out. The table has two columns. */
void table_fact(struct table *table, const char *label, const char *value);
void table_print(struct table *table); /* and empties it: more rows may follow */
void table_end(struct table *table);   /* for CLEANUP */

/* Prints and releases; `json` may be NULL when memory ended. A newline follows. */
void print_json(json_t *json);
void json_end(json_t **json); /* for CLEANUP */

#endif
