/*
 * Rows of facts for people (a table) and for programs (JSON, CSV). A row is a JSON object; the
 * columns say which of its members a table or CSV shows. Any number of rows takes bounded memory:
 * they are printed as they come.
 */
#ifndef CLI_SHEET_H
#define CLI_SHEET_H

#include "output.h"

enum sheet_kind { SHEET_TABLE, SHEET_JSON, SHEET_CSV };

struct column {
	const char *head;  /* of a table; CSV's heads are the fields */
	const char *field; /* of the row */
	bool when;         /* seconds since 1970; 0 is none */
};

struct sheet {
	enum sheet_kind kind;
	const char *report; /* the report's name; NULL: JSON is a plain array */
	const char *title;  /* above a table; NULL: none */
	const struct column *columns;
	size_t count;
	bool begun;
	size_t rows;
	struct table table;
};
#define SHEET(form, columns_)                                                                      \
	((struct sheet){ .kind = (form),                                                           \
			 .columns = (columns_),                                                    \
			 .count = sizeof(columns_) / sizeof((columns_)[0]) })
void sheet_end(struct sheet *sheet); /* for CLEANUP */

/* Takes the row; it may be NULL when memory ended, which ends the program. */
void sheet_row(struct sheet *sheet, json_t *row);
/* Prints the rows so far: a table waits for some to find its columns' widths. */
void sheet_flush(struct sheet *sheet);
/*
 * The last rows, and the end of JSON: `summary` (taken; may be NULL) is an object whose members
 * follow the rows of a report.
 */
void sheet_finish(struct sheet *sheet, json_t *summary);

/*
 * A cell of CSV (RFC 4180). One that a spreadsheet would take for a formula gets a leading '. `-`,
 * which stands for none in the log, is an empty cell.
 */
void print_csv_cell(const char *text);

#endif
