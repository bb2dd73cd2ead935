#define _GNU_SOURCE
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "when.h"

#define STDOUT_ROOM 4096

static void *stdout_room;

void complain(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fputs("peppermint: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
	va_end(args);
}

bool output_open(void)
{
	stdout_room = secret_alloc(STDOUT_ROOM);
	return stdout_room && setvbuf(stdout, stdout_room, _IOFBF, STDOUT_ROOM) == 0;
}

bool output_close(void)
{
	bool written = fflush(stdout) == 0 && !ferror(stdout);

	if (!written)
		complain("cannot write the result: %s.", strerror(errno));
	secret_wipe(stdout_room, STDOUT_ROOM); /* stays stdout's, so it stays mapped */
	return written;
}

/* From then on everything printed goes nowhere, so that output_close finds no fault. */
static void print_to_nobody(void)
{
	int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nowhere >= 0 && dup2(nowhere, STDOUT_FILENO) >= 0)
		clearerr(stdout);
	close(nowhere);
}

bool output_flush(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	if (errno == EPIPE)
		print_to_nobody();
	return false;
}

void *must_have(void *memory)
{
	if (!memory) {
		complain("out of memory.");
		exit(STATUS_VAULT);
	}
	return memory;
}

static void add_cell(struct table *table, char *text)
{
	if (table->count == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->cells =
			must_have(reallocarray(table->cells, table->room, sizeof(*table->cells)));
	}
	table->cells[table->count++] = text;
}

void table_head(struct table *table, const char *const *heads, size_t columns)
{
	table->columns = columns;
	for (size_t i = 0; i < columns; i++)
		add_cell(table, must_have(strdup(heads[i])));
}

void table_cell(struct table *table, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	int len = vasprintf(&text, fmt, args);
	va_end(args);
	add_cell(table, must_have(len < 0 ? NULL : text));
}

void table_when(struct table *table, int64_t when, const char *never)
{
	char text[WHEN_LEN];

	format_when(when, text);
	table_cell(table, "%s", when ? text : never);
}

void table_fact(struct table *table, const char *label, const char *value)
{
	table->columns = 2;
	if (value[0] == '\0')
		return;
	table_cell(table, "%s", label);
	table_cell(table, "%s", value);
}

/* Characters, not bytes: UTF-8's continuation bytes take no place. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static const char *shown(const char *cell)
{
	return cell[0] ? cell : "-";
}

static void measure(struct table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		size_t *widest = &table->width[i % table->columns];
		size_t width = text_width(shown(table->cells[i]));

		if (width > *widest)
			*widest = width;
	}
}

static void print_cell(const struct table *table, size_t i)
{
	size_t column = i % table->columns;
	const char *text = shown(table->cells[i]);

	if (column + 1 == table->columns)
		printf("%s\n", text);
	else
		printf("%s%*s", text, (int)(table->width[column] - text_width(text) + 2), "");
}

static void drop_cells(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	table->count = 0;
}

void table_print(struct table *table)
{
	measure(table);
	for (size_t i = 0; i < table->count; i++)
		print_cell(table, i);
	drop_cells(table);
}

void table_end(struct table *table)
{
	drop_cells(table);
	free(table->cells);
}

void print_json(json_t *json)
{
	json_dumpf(must_have(json), stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(json);
}

void json_end(json_t **json)
{
	json_decref(*json);
}
