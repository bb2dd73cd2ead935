#include "tlog/merkle.h"

#include <string.h>

#include "sha256.h"

#define LEAF_PREFIX 0x00
#define NODE_PREFIX 0x01
#define ROW_COUNT (TLOG_ROWS_MAX + 1)

void tlog_leaf_hash(struct bytes entry, struct tlog_hash *out)
{
	static const uint8_t prefix = LEAF_PREFIX;

	sha256_two(bytes_of(&prefix, 1), entry, out->bytes);
}

void tlog_node_hash(const struct tlog_hash *left, const struct tlog_hash *right,
		    struct tlog_hash *out)
{
	uint8_t room[1 + TLOG_HASH_LEN];

	room[0] = NODE_PREFIX;
	memcpy(room + 1, left->bytes, TLOG_HASH_LEN);
	sha256_two(bytes_of(room, sizeof(room)), bytes_of(right->bytes, TLOG_HASH_LEN), out->bytes);
}

bool tlog_hash_equal(const struct tlog_hash *a, const struct tlog_hash *b)
{
	return memcmp(a->bytes, b->bytes, TLOG_HASH_LEN) == 0;
}

/* Adding one to the size in binary: each carry joins two perfect subtrees into one. */
size_t tlog_tree_append(struct tlog_tree *tree, const struct tlog_hash *leaf,
			struct tlog_hash out[TLOG_ROWS_MAX])
{
	struct tlog_hash node = *leaf;
	unsigned level = 0;
	size_t rows = 0;

	for (; tree->size >> level & 1; level++) {
		tlog_node_hash(&tree->peaks[level], &node, &node);
		if ((level + 1) % TLOG_ROW_LEVELS == 0)
			out[rows++] = node;
	}
	tree->peaks[level] = node;
	tree->size++;
	return rows;
}

void tlog_tree_root(const struct tlog_tree *tree, struct tlog_hash *root)
{
	bool any = false;

	for (unsigned level = 0; tree->size >> level; level++) {
		if (!(tree->size >> level & 1))
			continue;
		if (any)
			tlog_node_hash(&tree->peaks[level], root, root);
		else
			*root = tree->peaks[level];
		any = true;
	}
	if (!any)
		sha256_two(bytes_of(NULL, 0), bytes_of(NULL, 0), root->bytes);
}

struct tlog_hash tlog_perfect_root(struct tlog_hash *nodes, size_t count)
{
	for (; count > 1; count /= 2) {
		for (size_t i = 0; i < count / 2; i++)
			tlog_node_hash(&nodes[2 * i], &nodes[2 * i + 1], &nodes[i]);
	}
	return nodes[0];
}

/* The peaks of the levels 8 × row to 8 × row + 7: what the row's last, partial tile holds. */
static enum pm_err load_row(struct tlog_tree *tree, unsigned row, tlog_read *read, void *arg)
{
	struct tlog_hash nodes[TLOG_ROW];
	uint64_t length = tree->size >> (TLOG_ROW_LEVELS * row);
	size_t count = length % TLOG_ROW, used = 0;

	if (count == 0)
		return PM_OK;
	TRY(read(arg, row, length - count, count, nodes));
	for (unsigned level = TLOG_ROW_LEVELS; level-- > 0;) {
		size_t width = (size_t)1 << level;

		if (!(count & width))
			continue;
		tree->peaks[TLOG_ROW_LEVELS * row + level] = tlog_perfect_root(nodes + used, width);
		used += width;
	}
	return PM_OK;
}

enum pm_err tlog_tree_load(uint64_t size, tlog_read *read, void *arg, struct tlog_tree *out)
{
	if (size > TLOG_SIZE_MAX)
		return PM_TOO_LARGE;
	*out = (struct tlog_tree){ .size = size };
	for (unsigned row = 0; row < ROW_COUNT; row++)
		TRY(load_row(out, row, read, arg));
	return PM_OK;
}
