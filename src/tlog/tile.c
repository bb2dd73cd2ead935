#include "tlog/tile.h"

#include <stdio.h>

#include "tlog/merkle.h"

#define GROUPS_MAX 7 /* of three digits, in 64 bits */
#define INDEX_MAX 34 /* all but the last with "x" before and "/" behind them, and a NUL */
#define LENGTH_LEN 2

/* "x001/x234/067" */
static void format_index(uint64_t index, char out[INDEX_MAX])
{
	unsigned groups[GROUPS_MAX];
	size_t count = 0, len = 0;

	do {
		groups[count++] = (unsigned)(index % 1000);
		index /= 1000;
	} while (index > 0);
	while (count-- > 0)
		len += (size_t)snprintf(out + len, INDEX_MAX - len, count > 0 ? "x%03u/" : "%03u",
					groups[count]);
}

void tlog_tile_path(int level, uint64_t index, unsigned width, char out[TLOG_PATH_MAX])
{
	char kind[8] = "entries", number[INDEX_MAX], partial[16] = "";

	if (level != TLOG_BUNDLES)
		snprintf(kind, sizeof(kind), "%d", level);
	if (width < TLOG_TILE_WIDTH)
		snprintf(partial, sizeof(partial), ".p/%u", width);
	format_index(index, number);
	snprintf(out, TLOG_PATH_MAX, "tile/%s/%s%s", kind, number, partial);
}

uint64_t tlog_tile_count(int level, uint64_t size, unsigned *last_width)
{
	unsigned shift = level == TLOG_BUNDLES ? 0 : TLOG_ROW_LEVELS * (unsigned)level;
	uint64_t nodes = shift < 64 ? size >> shift : 0;
	unsigned over = (unsigned)(nodes % TLOG_TILE_WIDTH);

	*last_width = nodes > 0 && over == 0 ? TLOG_TILE_WIDTH : over;
	return nodes / TLOG_TILE_WIDTH + (over > 0);
}

enum pm_err tlog_bundle_put(struct buf *bundle, struct bytes entry)
{
	const uint8_t length[LENGTH_LEN] = { (uint8_t)(entry.len >> 8), (uint8_t)entry.len };

	if (bundle->full || entry.len > TLOG_ENTRY_MAX ||
	    bundle->cap - bundle->len < LENGTH_LEN + entry.len)
		return PM_TOO_LARGE;
	buf_put(bundle, bytes_of(length, LENGTH_LEN));
	buf_put(bundle, entry);
	return PM_OK;
}

enum pm_err tlog_bundle_next(struct bytes *rest, struct bytes *entry)
{
	if (rest->len == 0)
		return PM_NOT_FOUND;
	if (rest->len < LENGTH_LEN)
		return PM_BAD_REQUEST;
	size_t len = (size_t)rest->data[0] << 8 | rest->data[1];
	if (len > rest->len - LENGTH_LEN)
		return PM_BAD_REQUEST;
	*entry = bytes_of(rest->data + LENGTH_LEN, len);
	*rest = bytes_of(entry->data + len, rest->len - LENGTH_LEN - len);
	return PM_OK;
}
