#include "trees.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

struct tlog_hash numbered_leaf(uint64_t i)
{
	uint8_t room[8];
	struct buf number = BUF(room);
	struct tlog_hash leaf;

	buf_put_u64(&number, i);
	tlog_leaf_hash(buf_bytes(&number), &leaf);
	return leaf;
}

void rows_make(struct rows *rows, uint64_t size)
{
	*rows = (struct rows){ .fail_at = SIZE_MAX };
	for (size_t row = 0; row <= TLOG_ROWS_MAX; row++) {
		rows->counts[row] = (size_t)(size >> (8 * row));
		rows->nodes[row] = calloc(rows->counts[row] + 1, sizeof(struct tlog_hash));
		if (!rows->nodes[row])
			abort();
	}
	for (uint64_t i = 0; i < size; i++)
		rows->nodes[0][i] = numbered_leaf(i);
	for (size_t row = 1; row <= TLOG_ROWS_MAX; row++) {
		const struct rows below = { .nodes = { rows->nodes[row - 1] } };

		for (size_t i = 0; i < rows->counts[row]; i++)
			rows->nodes[row][i] = naive_root(&below, 256 * i, 256 * (i + 1));
	}
}

void rows_free(struct rows *rows)
{
	for (size_t row = 0; row <= TLOG_ROWS_MAX; row++)
		free(rows->nodes[row]);
}

enum pm_err rows_read(void *arg, unsigned row, uint64_t first, size_t count, struct tlog_hash *out)
{
	struct rows *rows = arg;

	if (rows->fail_at-- == 0)
		return PM_STORE_DAMAGED;
	if (row > TLOG_ROWS_MAX || first > rows->counts[row] || count > rows->counts[row] - first)
		return PM_NOT_FOUND;
	memcpy(out, rows->nodes[row] + first, count * sizeof(*out));
	return PM_OK;
}

struct tlog_hash naive_root(const struct rows *rows, uint64_t first, uint64_t end)
{
	uint64_t k = 1;
	struct tlog_hash left, right, root;

	if (end - first == 1)
		return rows->nodes[0][first];
	while (2 * k < end - first)
		k *= 2;
	left = naive_root(rows, first, first + k);
	right = naive_root(rows, first + k, end);
	tlog_node_hash(&left, &right, &root);
	return root;
}
