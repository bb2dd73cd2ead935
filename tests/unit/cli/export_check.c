#define _GNU_SOURCE
#include "export_check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUNDLE_MAX (TLOG_TILE_WIDTH * (2 + TLOG_ENTRY_MAX))

char *in_export(const struct fixture *f, const char *path)
{
	static char rooms[2][256]; /* rename takes two */
	static size_t turn;
	char *full = rooms[turn++ % 2];

	snprintf(full, sizeof(rooms[0]), "%s/export/%s", f->dir, path);
	return full;
}

int run_export(struct fixture *f)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s/export", f->dir);
	return run(f, "audit", "export", folder);
}

/* The file's bytes, or -1 if there is none. */
ssize_t read_file(const struct fixture *f, const char *path, void *to, size_t size)
{
	int fd = open(in_export(f, path), O_RDONLY);

	if (fd < 0)
		return -1;
	ssize_t len = read(fd, to, size);
	close(fd);
	return len;
}

bool exists(const struct fixture *f, const char *path)
{
	return access(in_export(f, path), F_OK) == 0;
}

/* A full tile stands for its partial ones. */
ssize_t read_tile(const struct fixture *f, uint32_t log, int level, uint64_t index, unsigned width,
		  void *to, size_t size)
{
	char path[TLOG_PATH_MAX + 16], tile[TLOG_PATH_MAX];

	tlog_tile_path(level, index, TLOG_TILE_WIDTH, tile);
	snprintf(path, sizeof(path), "%u/%s", log, tile);
	if (width < TLOG_TILE_WIDTH && !exists(f, path)) {
		tlog_tile_path(level, index, width, tile);
		snprintf(path, sizeof(path), "%u/%s", log, tile);
	}
	return read_file(f, path, to, size);
}

/* Every tile that the format asks for is there, and is what the vault's entries make it. */
void check_tiles(const struct fixture *f, uint32_t log, uint64_t size)
{
	static uint8_t bundle[BUNDLE_MAX];
	struct tlog_hash tile[TLOG_TILE_WIDTH];
	struct tlog_hash leaf;
	unsigned last = 0;
	uint64_t count = tlog_tile_count(TLOG_BUNDLES, size, &last);

	for (uint64_t i = 0; i < count; i++) {
		unsigned width = i + 1 < count || last == 0 ? TLOG_TILE_WIDTH : last;
		ssize_t len = read_tile(f, log, TLOG_BUNDLES, i, width, bundle, sizeof(bundle));
		struct bytes rest = bytes_of(bundle, len > 0 ? (size_t)len : 0), entry;

		assert_true(read_tile(f, log, 0, i, width, tile, sizeof(tile)) >= 32 * (int)width);
		for (unsigned j = 0; j < width; j++) {
			const char *text = log_entry(log, i * TLOG_TILE_WIDTH + j);

			assert_int_equal(tlog_bundle_next(&rest, &entry), PM_OK);
			assert_int_equal(entry.len, strlen(text));
			assert_memory_equal(entry.data, text, entry.len);
			tlog_leaf_hash(entry, &leaf);
			assert_true(tlog_hash_equal(&leaf, &tile[j]));
		}
		assert_true(rest.len == 0 || width < TLOG_TILE_WIDTH);
	}
}

static void check_upper_tiles(const struct fixture *f, uint32_t log, uint64_t size)
{
	struct tlog_hash tile[TLOG_TILE_WIDTH], parents[TLOG_ROWS_MAX], leaf;
	struct tlog_tree tree = { 0 };
	uint64_t nodes = size / TLOG_TILE_WIDTH;

	if (nodes == 0)
		return;
	unsigned width = (unsigned)(nodes % TLOG_TILE_WIDTH);
	assert_true(nodes < TLOG_TILE_WIDTH);
	assert_true(read_tile(f, log, 1, 0, width, tile, sizeof(tile)) >= 32 * (int)width);
	for (uint64_t i = 0; i < nodes * TLOG_TILE_WIDTH; i++) {
		tlog_leaf_hash(bytes_str(log_entry(log, i)), &leaf);
		if (tlog_tree_append(&tree, &leaf, parents) > 0)
			assert_true(tlog_hash_equal(&parents[0], &tile[i / TLOG_TILE_WIDTH]));
	}
}

/* The whole folder of a log, at the checkpoint that the vault signed last. */
void check_export(const struct fixture *f, uint32_t log, uint64_t size)
{
	char text[TLOG_NOTE_MAX + 1] = "", path[32];
	struct tlog_checkpoint checkpoint;
	struct tlog_key key;

	snprintf(path, sizeof(path), "%u/log.vkey", log);
	ssize_t len = read_file(f, path, text, sizeof(text) - 1);
	assert_true(len > 0 && text[len - 1] == '\n');
	text[len - 1] = '\0';
	assert_string_equal(text, log_vkey(log));
	assert_int_equal(tlog_key_parse(bytes_str(text), &key), PM_OK);
	snprintf(path, sizeof(path), "%u/checkpoint", log);
	len = read_file(f, path, text, sizeof(text));
	assert_true(len > 0);
	assert_int_equal(tlog_note_verify(bytes_of(text, (size_t)len), &key, NULL), PM_OK);
	assert_int_equal(tlog_checkpoint_parse(bytes_of(text, (size_t)len), &checkpoint), PM_OK);
	assert_int_equal(checkpoint.size, size);
	check_tiles(f, log, size);
	check_upper_tiles(f, log, size);
	snprintf(path, sizeof(path), "%u/.unfinished", log);
	assert_false(exists(f, path));
}

/* All of the folder's names, sizes and bytes, in one number. */
unsigned long fingerprint(const struct fixture *f)
{
	char command[256];
	unsigned long sum = 0;

	snprintf(command, sizeof(command),
		 "cd %s/export && find . -exec stat -c '%%n %%s %%y' {} + | sort | cksum", f->dir);
	FILE *pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_int_equal(fscanf(pipe, "%lu", &sum), 1);
	pclose(pipe);
	return sum;
}

void shell(const struct fixture *f, const char *command)
{
	char text[256];

	snprintf(text, sizeof(text), "cd %s && %s", f->dir, command);
	assert_int_equal(system(text), 0);
}
