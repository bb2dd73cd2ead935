/*
 * The entries of an exported log and the tree over them. Each bundle's entries are hashed and held
 * against its tile; each full tile's root goes into the row above, whose tiles are held against what
 * came up. Where entries were pruned, the tiles of the first row above the leaves are taken as they
 * are, and the root vouches for them.
 */
#include <inttypes.h>
#include <string.h>

#include "verify_log.h"

static bool refuse_leaf(struct log_check *check, uint64_t index, const char *what, const char *path)
{
	return verify_refuse(check->report, "leaf %" PRIu64 " of log %" PRIu32 ": %s %s", index,
			     check->found->log, what, path);
}

/*
 * The path of a tile or bundle, and how wide it is: where a partial one is not there, the full one
 * that grew out of it stands for it. An export that was ended may have dropped it.
 */
static unsigned find_tile(const struct log_check *check, int level, uint64_t index, unsigned width,
			  char path[TLOG_PATH_MAX])
{
	char full[TLOG_PATH_MAX];

	tlog_tile_path(level, index, width, path);
	if (width == TLOG_TILE_WIDTH || verify_has(check, path))
		return width;
	tlog_tile_path(level, index, TLOG_TILE_WIDTH, full);
	if (!verify_has(check, full))
		return width;
	strcpy(path, full);
	return TLOG_TILE_WIDTH;
}

/* The hashes of a tile: the file has exactly as many as it is wide. */
static bool read_tile(struct log_check *check, unsigned row, uint64_t index, unsigned width,
		      struct tlog_hash nodes[TLOG_TILE_WIDTH], char path[TLOG_PATH_MAX])
{
	size_t must = find_tile(check, (int)row, index, width, path) * sizeof(nodes[0]), len = 0;

	if (!verify_read(check, path, nodes, TLOG_TILE_WIDTH * sizeof(nodes[0]), &len))
		return false;
	return len == must || verify_refuse(check->report,
					    "log %" PRIu32 ": %s is %zu bytes long, and must be "
					    "%zu",
					    check->found->log, path, len, must);
}

/* The last tile of a row, full or not, as it came up from below. */
static bool check_tile(struct log_check *check, unsigned row, unsigned width)
{
	char path[TLOG_PATH_MAX];
	uint64_t index = (check->counts[row] - width) / TLOG_TILE_WIDTH;

	if (!read_tile(check, row, index, width, check->tile, path))
		return false;
	for (size_t i = 0; i < width; i++) {
		if (!tlog_hash_equal(&check->tile[i], &check->nodes[row][i]))
			return verify_refuse(check->report,
					     "log %" PRIu32
					     ": %s does not match the tiles below it, at hash %zu",
					     check->found->log, path, i);
	}
	return true;
}

/* One more node of a row, and of the rows above that it makes full. Leaves were checked before. */
static bool push(struct log_check *check, unsigned row, struct tlog_hash node)
{
	for (;; row++) {
		check->nodes[row][check->counts[row]++ % TLOG_TILE_WIDTH] = node;
		if (check->counts[row] % TLOG_TILE_WIDTH != 0)
			return true;
		if (row > 0 && !check_tile(check, row, TLOG_TILE_WIDTH))
			return false;
		node = tlog_perfect_root(check->nodes[row], TLOG_TILE_WIDTH);
	}
}

/* tlog_read: the right edge lies in the tiles that are not full. */
static enum pm_err read_edge(void *arg, unsigned row, uint64_t first, size_t count,
			     struct tlog_hash *out)
{
	const struct log_check *check = arg;

	if (first + count != check->counts[row] || first % TLOG_TILE_WIDTH != 0)
		return PM_NOT_FOUND;
	memcpy(out, check->nodes[row], count * sizeof(*out));
	return PM_OK;
}

static bool has_root(struct log_check *check, const struct tlog_checkpoint *checkpoint)
{
	struct tlog_tree tree;
	struct tlog_hash root;

	if (tlog_tree_load(checkpoint->size, read_edge, check, &tree) != PM_OK)
		return false;
	tlog_tree_root(&tree, &root);
	return tlog_hash_equal(&root, &checkpoint->root);
}

/* With `size` leaves in the tree: is this where the older checkpoint was made? */
static bool check_since(struct log_check *check, uint64_t size)
{
	const struct tlog_checkpoint *since = check->since;

	if (!since || since->size != size)
		return true;
	check->report->consistent = has_root(check, since);
	return check->report->consistent ||
	       verify_refuse(check->report,
			     "log %" PRIu32
			     " is not consistent with the older checkpoint: the first "
			     "%" PRIu64 " leaves were others then",
			     check->found->log, size);
}

static bool check_leaf(struct log_check *check, uint64_t index, struct bytes entry,
		       const char *tile_path)
{
	struct tlog_hash leaf;

	if (!verify_entry(check, index, entry))
		return false;
	tlog_leaf_hash(entry, &leaf);
	check->report->entries++;
	check->report->bytes += entry.len;
	if (!tlog_hash_equal(&leaf, &check->tile[index % TLOG_TILE_WIDTH]))
		return refuse_leaf(check, index, "its bytes do not match", tile_path);
	return push(check, 0, leaf) && check_since(check, index + 1);
}

static bool missing(struct log_check *check, uint64_t index, const char *path)
{
	uint64_t size = check->found->size;

	if (index + 1 == size)
		return verify_refuse(check->report,
				     "log %" PRIu32 ": the last leaf is missing: the checkpoint "
				     "says %" PRIu64 ", the bundles hold %" PRIu64,
				     check->found->log, size, index);
	return refuse_leaf(check, index, "it is missing at the end of", path);
}

static bool check_bundle(struct log_check *check, uint64_t tile, unsigned width)
{
	char path[TLOG_PATH_MAX], tile_path[TLOG_PATH_MAX];
	uint64_t first = TLOG_TILE_WIDTH * tile;
	unsigned found = find_tile(check, TLOG_BUNDLES, tile, width, path);
	struct bytes rest, entry;

	if (!verify_read_bundle(check, path, &rest) ||
	    !read_tile(check, 0, tile, width, check->tile, tile_path))
		return false;
	for (uint64_t i = first; i < first + width; i++) {
		enum pm_err err = tlog_bundle_next(&rest, &entry);

		if (err == PM_NOT_FOUND)
			return missing(check, i, path);
		if (err != PM_OK || entry.len > TLOG_ENTRY_MAX)
			return refuse_leaf(check, i, "its length is impossible in", path);
		if (!check_leaf(check, i, entry, tile_path))
			return false;
	}
	return rest.len == 0 || found > width ||
	       refuse_leaf(check, first + width, "there is no such leaf, but bytes for it in",
			   path);
}

static bool refuse_older(struct log_check *check, const char *path)
{
	return verify_refuse(check->report,
			     "log %" PRIu32 ": %s does not match the tile that grew out of it",
			     check->found->log, path);
}

static bool check_older_bundle(struct log_check *check, uint64_t index, unsigned width)
{
	char path[TLOG_PATH_MAX];
	struct bytes rest, entry;
	struct tlog_hash leaf;

	tlog_tile_path(TLOG_BUNDLES, index, width, path);
	if (!verify_read_bundle(check, path, &rest))
		return false;
	for (unsigned i = 0; i < width; i++) {
		if (tlog_bundle_next(&rest, &entry) != PM_OK)
			return refuse_older(check, path);
		tlog_leaf_hash(entry, &leaf);
		if (!tlog_hash_equal(&leaf, &check->tile[i]))
			return refuse_older(check, path);
	}
	return rest.len == 0 || refuse_older(check, path);
}

bool verify_older_tile(struct log_check *check, int level, uint64_t index, unsigned width,
		       unsigned now)
{
	char path[TLOG_PATH_MAX];
	struct tlog_hash older[TLOG_TILE_WIDTH];
	unsigned row = level == TLOG_BUNDLES ? 0 : (unsigned)level;

	if (!read_tile(check, row, index, now, check->tile, path))
		return false;
	if (level == TLOG_BUNDLES)
		return check_older_bundle(check, index, width);
	return read_tile(check, row, index, width, older, path) &&
	       (memcmp(older, check->tile, width * sizeof(older[0])) == 0 ||
		refuse_older(check, path));
}

/* The row above the leaves, up to the first entry that is there. */
static bool take_pruned(struct log_check *check)
{
	uint64_t end = check->found->minimum / TLOG_TILE_WIDTH;
	uint64_t nodes = check->found->size / TLOG_TILE_WIDTH;
	struct tlog_hash tile[TLOG_TILE_WIDTH];
	char path[TLOG_PATH_MAX];

	for (uint64_t i = 0; i < end; i++) {
		size_t at = i % TLOG_TILE_WIDTH;
		unsigned width =
			nodes - i < TLOG_TILE_WIDTH ? (unsigned)(nodes - i) : TLOG_TILE_WIDTH;

		if (at == 0 && !read_tile(check, 1, i / TLOG_TILE_WIDTH, width, tile, path))
			return false;
		if (!push(check, 1, tile[at]) || !check_since(check, TLOG_TILE_WIDTH * (i + 1)))
			return false;
	}
	check->counts[0] = check->found->minimum;
	return true;
}

static bool check_edge(struct log_check *check)
{
	const struct tlog_checkpoint end = { .size = check->found->size,
					     .root = check->found->root };

	for (unsigned row = 1; row < VERIFY_ROWS; row++) {
		unsigned width = check->counts[row] % TLOG_TILE_WIDTH;

		if (width > 0 && !check_tile(check, row, width))
			return false;
	}
	return has_root(check, &end) ||
	       verify_refuse(check->report,
			     "log %" PRIu32 ": its entries make another root than the checkpoint's",
			     check->found->log);
}

/* An older checkpoint that no step came by lies among what was pruned. */
static bool check_was_consistent(struct log_check *check)
{
	if (!check->since || check->report->consistent)
		return true;
	return verify_refuse(check->report,
			     "log %" PRIu32 ": the older checkpoint's %" PRIu64
			     " leaves end among pruned ones: nothing can be said of it",
			     check->found->log, check->since->size);
}

bool verify_entries(struct log_check *check)
{
	uint64_t size = check->found->size;
	unsigned last_width;
	uint64_t count = tlog_tile_count(TLOG_BUNDLES, size, &last_width);

	if (!check_since(check, 0) || !take_pruned(check))
		return false;
	for (uint64_t tile = check->found->minimum / TLOG_TILE_WIDTH; tile < count; tile++) {
		if (!check_bundle(check, tile, tile + 1 < count ? TLOG_TILE_WIDTH : last_width))
			return false;
		if (check->options->progress)
			check->options->progress(check->options->arg, check->found->log,
						 check->counts[0], size);
	}
	return check_edge(check) && check_was_consistent(check);
}
