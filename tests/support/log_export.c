#include "log_export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tlog/tile.h"

#define ROWS (TLOG_ROWS_MAX + 1)
#define MUST(condition)                                                                            \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

struct writer {
	const struct log_export *export;
	bool files;
	struct tlog_tree tree;
	struct tlog_hash nodes[ROWS][TLOG_TILE_WIDTH];
	uint64_t counts[ROWS];
	uint8_t room[TLOG_TILE_WIDTH * (TLOG_ENTRY_MAX + 2)];
	struct buf bundle;
};

static void write_file(const struct log_export *export, const char *name, struct bytes content)
{
	char path[512];
	int len = snprintf(path, sizeof(path), "%s/%" PRIu32 "/%s", export->folder, export->log,
			   name);

	MUST(len > 0 && (size_t)len < sizeof(path));
	for (char *slash = path + strlen(export->folder); (slash = strchr(slash + 1, '/'));) {
		*slash = '\0';
		MUST(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	FILE *file = fopen(path, "wb");
	MUST(file && fwrite(content.data, 1, content.len, file) == content.len);
	MUST(fclose(file) == 0);
}

static void write_tile(const struct writer *writer, int level, uint64_t index, unsigned width,
		       struct bytes content)
{
	char path[TLOG_PATH_MAX];
	bool pruned = level <= 0 && TLOG_TILE_WIDTH * (index + 1) <= writer->export->minimum;

	if (!writer->files || pruned)
		return;
	tlog_tile_path(level, index, width, path);
	write_file(writer->export, path, content);
}

static void write_row(struct writer *writer, unsigned row, unsigned width)
{
	write_tile(writer, (int)row, (writer->counts[row] - width) / TLOG_TILE_WIDTH, width,
		   bytes_of(writer->nodes[row], width * sizeof(struct tlog_hash)));
}

static void write_bundle(struct writer *writer, unsigned width)
{
	write_tile(writer, TLOG_BUNDLES, (writer->counts[0] - width) / TLOG_TILE_WIDTH, width,
		   buf_bytes(&writer->bundle));
	writer->bundle.len = 0;
}

static void put_node(struct writer *writer, unsigned row, const struct tlog_hash *node)
{
	writer->nodes[row][writer->counts[row]++ % TLOG_TILE_WIDTH] = *node;
	if (writer->counts[row] % TLOG_TILE_WIDTH != 0)
		return;
	if (row == 0)
		write_bundle(writer, TLOG_TILE_WIDTH);
	write_row(writer, row, TLOG_TILE_WIDTH);
}

static void put_entry(struct writer *writer, struct bytes entry)
{
	struct tlog_hash leaf, above[TLOG_ROWS_MAX];

	MUST(tlog_bundle_put(&writer->bundle, entry) == PM_OK);
	tlog_leaf_hash(entry, &leaf);
	size_t count = tlog_tree_append(&writer->tree, &leaf, above);
	put_node(writer, 0, &leaf);
	for (size_t i = 0; i < count; i++)
		put_node(writer, (unsigned)i + 1, &above[i]);
}

static int print_first(const struct log_export *export, char *out, size_t room)
{
	const char *abandoned = export->abandoned ? "\"abandoned\":true," : "";
	char text[TLOG_TEXT_MAX], *root;

	if (!export->before)
		return snprintf(out, room, "\"prev\":null,%s\"type\":\"log.open\"}", abandoned);
	tlog_checkpoint_format(export->before, text);
	root = strchr(strchr(text, '\n') + 1, '\n') + 1;
	return snprintf(out, room,
			"\"prev\":{\"origin\":\"%s\",\"size\":%" PRIu64
			",\"root\":\"%.44s\"},%s\"type\":\"log.open\"}",
			export->before->origin, export->before->size, root, abandoned);
}

static int print_last(const struct log_export *export, char *out, size_t room)
{
	char vkey[TLOG_VKEY_MAX + 1];

	tlog_key_format(signer_key(export->next), vkey);
	return snprintf(out, room,
			"\"type\":\"log.close\",\"next_origin\":\"%s\",\"next_vkey\":\"%s\"}",
			signer_key(export->next)->name, vkey);
}

static int print_fill(const struct log_export *export, char *out, size_t room, size_t head)
{
	char fill = export->fill ? *export->fill : 'x';
	size_t len = export->entry_len > head + 32 ? export->entry_len - head - 32 : 1;

	MUST(len + 64 < room);
	int start = sprintf(out, "\"type\":\"key.verify\",\"fill\":\"");
	memset(out + start, fill, len);
	return start + (int)len + sprintf(out + start + len, "\"}");
}

static void write_entry(struct writer *writer, uint64_t index)
{
	const struct log_export *export = writer->export;
	char text[TLOG_ENTRY_MAX + 1];
	int head = snprintf(text, sizeof(text), "{\"v\":1,\"seq\":%" PRIu64 ",", index);
	char *out = text + head;
	size_t room = sizeof(text) - (size_t)head;
	int len;

	if (export->odd && index == export->odd_index) {
		put_entry(writer, bytes_str(export->odd));
		return;
	}
	if (index == 0)
		len = print_first(export, out, room);
	else if (export->next && index + 1 == export->size)
		len = print_last(export, out, room);
	else
		len = print_fill(export, out, room, (size_t)head);
	put_entry(writer, bytes_of(text, (size_t)(head + len)));
}

static void write_partial(struct writer *writer)
{
	for (unsigned row = 0; row < ROWS; row++) {
		unsigned width = writer->counts[row] % TLOG_TILE_WIDTH;

		if (width > 0 && row == 0)
			write_bundle(writer, width);
		if (width > 0)
			write_row(writer, row, width);
	}
}

static struct note sign(const struct log_export *export, const struct tlog_checkpoint *end)
{
	char text[TLOG_TEXT_MAX], line[TLOG_LINE_MAX];
	size_t len = tlog_checkpoint_format(end, text);
	struct note note = signer_note(export->signer, bytes_of(text, len));
	struct buf out = { .data = note.data, .cap = sizeof(note.data), .len = note.len };

	if (!export->witness)
		return note;
	struct raw_signature raw = signer_sign(export->witness, bytes_of(text, len), 1760000000);
	MUST(tlog_line_format(signer_key(export->witness), bytes_of(raw.bytes, raw.len), line) ==
	     PM_OK);
	buf_put(&out, bytes_str(line));
	MUST(!out.full);
	note.len = out.len;
	return note;
}

static struct note write_log(const struct log_export *export, bool files,
			     struct tlog_checkpoint *end)
{
	struct writer *writer = calloc(1, sizeof(*writer));

	MUST(writer);
	writer->export = export;
	writer->files = files;
	writer->bundle = (struct buf)BUF(writer->room);
	for (uint64_t i = 0; i < export->size; i++)
		write_entry(writer, i);
	write_partial(writer);
	*end = (struct tlog_checkpoint){ .size = export->size };
	strcpy(end->origin, signer_key(export->signer)->name);
	tlog_tree_root(&writer->tree, &end->root);
	free(writer);
	return sign(export, end);
}

void log_export_write(const struct log_export *export, struct tlog_checkpoint *end)
{
	struct tlog_checkpoint made;
	struct note note = write_log(export, true, &made);
	char vkey[TLOG_VKEY_MAX + 2];

	write_file(export, "checkpoint", note_bytes(&note));
	tlog_key_format(signer_key(export->signer), vkey);
	strcat(vkey, "\n");
	write_file(export, "log.vkey", bytes_str(vkey));
	if (end)
		*end = made;
}

struct note log_export_note(const struct log_export *export)
{
	struct tlog_checkpoint end;

	return write_log(export, false, &end);
}
