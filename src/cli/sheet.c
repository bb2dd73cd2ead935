#include "sheet.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "when.h"

#define ROWS_AT_ONCE 500 /* of a table: then they are printed, and wider ones come out of line */

void sheet_end(struct sheet *sheet)
{
	table_end(&sheet->table);
}

/* What would steer a terminal becomes a question mark. Valid UTF-8 stays that. */
static void scrub(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
			at[0] = at[1] = '?';
	}
}

static char *number_text(json_int_t number, bool when)
{
	char text[WHEN_LEN];

	if (when && number == 0)
		return must_have(strdup(""));
	if (when)
		format_when(number, text);
	else
		snprintf(text, sizeof(text), "%" JSON_INTEGER_FORMAT, number);
	return must_have(strdup(text));
}

static char *cell_text(const json_t *value, bool when)
{
	if (!value || json_is_null(value))
		return must_have(strdup(""));
	if (json_is_integer(value))
		return number_text(json_integer_value(value), when);
	if (json_is_boolean(value))
		return must_have(strdup(json_is_true(value) ? "yes" : "no"));
	if (json_is_string(value))
		return must_have(strdup(json_string_value(value)));
	return must_have(json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY));
}

static const char *formula_guard(const char *text)
{
	return text[0] && strchr("=+-@\t\r", text[0]) ? "'" : "";
}

void print_csv_cell(const char *text)
{
	if (strcmp(text, "-") == 0)
		return;
	if (!strpbrk(text, ",\"\r\n") && text[0] != ' ') {
		printf("%s%s", formula_guard(text), text);
		return;
	}
	printf("\"%s", formula_guard(text));
	for (; *text; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static void begin_table(struct sheet *sheet)
{
	const char *heads[TABLE_COLUMNS_MAX];
	char now[WHEN_LEN];

	for (size_t i = 0; i < sheet->count; i++)
		heads[i] = sheet->columns[i].head;
	table_head(&sheet->table, heads, sheet->count);
	format_when(clock_unix(), now);
	if (sheet->title)
		printf("%s\nAs of %s\n\n", sheet->title, now);
}

static void begin(struct sheet *sheet)
{
	if (sheet->begun)
		return;
	sheet->begun = true;
	if (sheet->kind == SHEET_TABLE)
		begin_table(sheet);
	else if (sheet->kind == SHEET_CSV)
		for (size_t i = 0; i < sheet->count; i++)
			printf("%s%s", sheet->columns[i].field,
			       i + 1 < sheet->count ? "," : "\r\n");
	else if (sheet->report)
		printf("{\"report\": \"%s\", \"generated_at\": %" PRId64 ", \"rows\": [",
		       sheet->report, clock_unix());
	else
		putchar('[');
}

static void print_cells(struct sheet *sheet, const json_t *row)
{
	for (size_t i = 0; i < sheet->count; i++) {
		const struct column *column = &sheet->columns[i];
		char *text CLEANUP(free_ptr) =
			cell_text(json_object_get(row, column->field), column->when);

		scrub(text);
		if (sheet->kind == SHEET_TABLE) {
			table_cell(&sheet->table, "%s", text);
			continue;
		}
		print_csv_cell(text);
		fputs(i + 1 < sheet->count ? "," : "\r\n", stdout);
	}
}

void sheet_row(struct sheet *sheet, json_t *row)
{
	must_have(row);
	begin(sheet);
	if (sheet->kind == SHEET_JSON) {
		fputs(sheet->rows ? ",\n" : "\n", stdout);
		json_dumpf(row, stdout, 0);
	} else {
		print_cells(sheet, row);
	}
	json_decref(row);
	sheet->rows++;
	if (sheet->rows % ROWS_AT_ONCE == 0)
		sheet_flush(sheet);
}

void sheet_flush(struct sheet *sheet)
{
	if (sheet->kind == SHEET_TABLE && sheet->begun)
		table_print(&sheet->table);
}

static void print_summary(const json_t *summary)
{
	const char *name = NULL;
	json_t *value = NULL;

	/* jansson's iteration takes no const object, but changes none. */
	json_object_foreach((json_t *)(uintptr_t)summary, name, value)
	{
		printf(",\n\"%s\": ", name);
		json_dumpf(value, stdout, JSON_ENCODE_ANY);
	}
}

void sheet_finish(struct sheet *sheet, json_t *summary)
{
	begin(sheet);
	sheet_flush(sheet);
	if (sheet->kind == SHEET_JSON) {
		fputs(sheet->rows ? "\n]" : "]", stdout);
		if (sheet->report) {
			print_summary(summary);
			putchar('}');
		}
		putchar('\n');
	}
	json_decref(summary);
}
