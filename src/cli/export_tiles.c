#include "export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "files.h"

#define TILE_BYTES ((size_t)TLOG_TILE_WIDTH * TLOG_HASH_LEN)
#define BUNDLE_BYTES ((size_t)TLOG_TILE_WIDTH * (2 + TLOG_ENTRY_MAX))

/* Tiles of row `level` that a tree of that size has in full. Bundles are like row 0. */
static uint64_t full_tiles(int level, uint64_t size)
{
	unsigned row = level == TLOG_BUNDLES ? 0 : (unsigned)level;

	return size >> (8 * (row + 1));
}

/* A row's tile as a log of that size has it: the full one if there is one, as the format allows. */
static bool read_tile(int folder, unsigned row, uint64_t index, unsigned width,
		      struct tlog_hash nodes[TLOG_TILE_WIDTH])
{
	char path[TLOG_PATH_MAX];
	bool found = false;
	size_t len = 0;

	tlog_tile_path((int)row, index, TLOG_TILE_WIDTH, path);
	if (!file_get(folder, path, nodes, TILE_BYTES, &len, &found))
		return false;
	if (!found && width < TLOG_TILE_WIDTH) {
		tlog_tile_path((int)row, index, width, path);
		if (!file_get(folder, path, nodes, TILE_BYTES, &len, &found))
			return false;
	}
	if (found && len >= (size_t)width * TLOG_HASH_LEN)
		return true;
	complain("%s of the export is %s: it is damaged. Export into a new folder.", path,
		 found ? "cut off" : "missing");
	return false;
}

/* tlog_read over the files of the checkpoint that the folder has. */
static enum pm_err read_row(void *arg, unsigned row, uint64_t first, size_t count,
			    struct tlog_hash *out)
{
	const struct export *export = arg;
	uint64_t nodes = export->had.size >> (8 * row);
	struct tlog_hash tile[TLOG_TILE_WIDTH];

	while (count > 0) {
		uint64_t index = first / TLOG_TILE_WIDTH;
		size_t from = first % TLOG_TILE_WIDTH;
		size_t take = TLOG_TILE_WIDTH - from < count ? TLOG_TILE_WIDTH - from : count;
		bool full = index < nodes / TLOG_TILE_WIDTH;
		unsigned width = full ? TLOG_TILE_WIDTH : (unsigned)(nodes % TLOG_TILE_WIDTH);

		if (from + take > width || !read_tile(export->folder, row, index, width, tile))
			return PM_NOT_FOUND;
		memcpy(out, tile + from, take * sizeof(*out));
		out += take;
		first += take;
		count -= take;
	}
	return PM_OK;
}

static enum status damaged(const struct export *export)
{
	complain("log %" PRIu32 ": the tiles of this export do not make its checkpoint's root: it "
		 "is damaged. Export into a new folder.",
		 export->log->log);
	return STATUS_REFUSED;
}

/* Rows above the leaves are as long at the checkpoint as at the last full tile below it. */
static bool load_rows(struct export *export)
{
	for (unsigned row = 1; row < EXPORT_ROWS; row++) {
		uint64_t nodes = export->had.size >> (8 * row);
		size_t count = nodes % TLOG_TILE_WIDTH;

		export->rows[row].count = count;
		if (count > 0 &&
		    read_row(export, row, nodes - count, count, export->rows[row].nodes) != PM_OK)
			return false;
	}
	return true;
}

enum status tiles_load(struct export *export)
{
	uint64_t full = export->had.size - export->had.size % TLOG_TILE_WIDTH;
	struct tlog_tree tree;
	struct tlog_hash root;

	export->bundle =
		(struct buf){ .data = must_have(malloc(BUNDLE_BYTES)), .cap = BUNDLE_BYTES };
	if (tlog_tree_load(export->had.size, read_row, export, &tree) != PM_OK)
		return STATUS_REFUSED;
	tlog_tree_root(&tree, &root);
	if (export->had.size > 0 && !tlog_hash_equal(&root, &export->had.root))
		return damaged(export);
	if (!load_rows(export) || tlog_tree_load(full, read_row, export, &export->tree) != PM_OK)
		return STATUS_REFUSED;
	return STATUS_DONE;
}

static enum status put(const struct export *export, int level, uint64_t index, unsigned width,
		       struct bytes content)
{
	char path[TLOG_PATH_MAX];

	tlog_tile_path(level, index, width, path);
	return file_put(export->folder, path, content) ? STATUS_DONE : STATUS_VAULT;
}

/* On its way the tree passes the checkpoint that the folder has. There it must have that root. */
static enum status check_had(const struct export *export)
{
	struct tlog_hash root;

	if (export->tree.size != export->had.size)
		return STATUS_DONE;
	tlog_tree_root(&export->tree, &root);
	return tlog_hash_equal(&root, &export->had.root) ? STATUS_DONE
							 : export_forked(export->log->log);
}

/* A row that has a tile's width goes into its file, and begins anew. */
static enum status put_full(struct export *export, unsigned row)
{
	struct export_row *nodes = &export->rows[row];
	uint64_t index = full_tiles((int)row, export->tree.size) - 1;

	nodes->count = 0;
	if (row == 0 && export->again)
		return STATUS_DONE;
	return put(export, (int)row, index, TLOG_TILE_WIDTH, bytes_of(nodes->nodes, TILE_BYTES));
}

static enum status put_bundle(struct export *export)
{
	struct bytes content = buf_bytes(&export->bundle);

	export->bundle.len = 0;
	if (export->again)
		return STATUS_DONE;
	return put(export, TLOG_BUNDLES, full_tiles(TLOG_BUNDLES, export->tree.size) - 1,
		   TLOG_TILE_WIDTH, content);
}

enum status tiles_append(struct export *export, struct bytes entry)
{
	struct tlog_hash leaf, parents[TLOG_ROWS_MAX];

	if (tlog_bundle_put(&export->bundle, entry) != PM_OK) {
		complain("log %" PRIu32 ": entry %" PRIu64 " is longer than an entry is.",
			 export->log->log, export->tree.size);
		return STATUS_REFUSED;
	}
	tlog_leaf_hash(entry, &leaf);
	export->rows[0].nodes[export->rows[0].count++] = leaf;
	size_t count = tlog_tree_append(&export->tree, &leaf, parents);
	for (size_t i = 0; i < count; i++)
		export->rows[i + 1].nodes[export->rows[i + 1].count++] = parents[i];
	enum status status = check_had(export);
	if (status == STATUS_DONE && export->rows[0].count == TLOG_TILE_WIDTH)
		status = put_bundle(export);
	for (unsigned row = 0; row < EXPORT_ROWS && status == STATUS_DONE; row++) {
		if (export->rows[row].count == TLOG_TILE_WIDTH)
			status = put_full(export, row);
	}
	return status;
}

/* Does the bundle hold exactly the entries of the tile? */
static bool fits_tile(struct bytes bundle, const struct tlog_hash tile[TLOG_TILE_WIDTH])
{
	struct bytes entry;
	struct tlog_hash leaf;

	for (size_t i = 0; i < TLOG_TILE_WIDTH; i++) {
		if (tlog_bundle_next(&bundle, &entry) != PM_OK)
			return false;
		tlog_leaf_hash(entry, &leaf);
		if (!tlog_hash_equal(&leaf, &tile[i]))
			return false;
	}
	return bundle.len == 0;
}

/* The next full bundle and its tile, if a run before wrote both. */
static bool find_full(const struct export *export, uint8_t *room, struct bytes *bundle)
{
	uint64_t index = full_tiles(TLOG_BUNDLES, export->tree.size);
	struct tlog_hash tile[TLOG_TILE_WIDTH];
	char path[TLOG_PATH_MAX];
	bool found = false;
	size_t len = 0;

	if (export->tree.size + TLOG_TILE_WIDTH > export->goal.size)
		return false;
	tlog_tile_path(0, index, TLOG_TILE_WIDTH, path);
	if (!file_get(export->folder, path, tile, sizeof(tile), &len, &found) || !found ||
	    len != sizeof(tile))
		return false;
	tlog_tile_path(TLOG_BUNDLES, index, TLOG_TILE_WIDTH, path);
	if (!file_get(export->folder, path, room, BUNDLE_BYTES, &len, &found) || !found)
		return false;
	*bundle = bytes_of(room, len);
	return fits_tile(*bundle, tile);
}

enum status tiles_take_up(struct export *export)
{
	uint8_t *room CLEANUP(free_ptr) = must_have(malloc(BUNDLE_BYTES));
	enum status status = STATUS_DONE;
	struct bytes bundle, entry;

	export->again = true;
	while (status == STATUS_DONE && find_full(export, room, &bundle)) {
		while (status == STATUS_DONE && tlog_bundle_next(&bundle, &entry) == PM_OK)
			status = tiles_append(export, entry);
		export->kept += TLOG_TILE_WIDTH;
	}
	export->again = false;
	return status;
}

enum status tiles_put_partial(struct export *export)
{
	enum status status = STATUS_DONE;
	uint64_t size = export->tree.size;

	if (export->rows[0].count > 0)
		status = put(export, TLOG_BUNDLES, full_tiles(TLOG_BUNDLES, size),
			     (unsigned)export->rows[0].count, buf_bytes(&export->bundle));
	for (unsigned row = 0; row < EXPORT_ROWS && status == STATUS_DONE; row++) {
		const struct export_row *nodes = &export->rows[row];

		if (nodes->count > 0)
			status = put(export, (int)row, full_tiles((int)row, size),
				     (unsigned)nodes->count,
				     bytes_of(nodes->nodes, nodes->count * TLOG_HASH_LEN));
	}
	return status;
}

/* Runs over the tiles that are full now and were not at the checkpoint before. */
static enum status for_new_tiles(const struct export *export, bool (*each)(int folder, char *path))
{
	char path[TLOG_PATH_MAX];

	for (int level = TLOG_BUNDLES; level < EXPORT_ROWS; level++) {
		uint64_t end = full_tiles(level, export->tree.size);

		for (uint64_t i = full_tiles(level, export->had.size); i < end; i++) {
			tlog_tile_path(level, i, TLOG_TILE_WIDTH, path);
			if (!each(export->folder, path))
				return STATUS_VAULT;
		}
	}
	return STATUS_DONE;
}

static bool drop_partial(int folder, char *path)
{
	strcat(path, ".p");
	return folder_remove(folder, path);
}

static bool drop_full(int folder, char *path)
{
	return file_remove(folder, path);
}

enum status tiles_drop_partial(const struct export *export)
{
	return for_new_tiles(export, drop_partial);
}

enum status tiles_drop_new(const struct export *export)
{
	return for_new_tiles(export, drop_full);
}
