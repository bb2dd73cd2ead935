/*
 * The files of a tiled log (C2SP tlog-tiles): their paths below the log's folder, how wide the last
 * one of each kind is, and the inside of entry bundles. No input or output.
 */
#ifndef TLOG_TILE_H
#define TLOG_TILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define TLOG_TILE_WIDTH 256
#define TLOG_PATH_MAX 64
#define TLOG_ENTRY_MAX 8192 /* bytes of our entries; the format allows 65,535 */
#define TLOG_BUNDLES (-1)   /* the level that stands for entry bundles */

/*
 * tile/<level>/<index>[.p/<width>], or tile/entries/… for level TLOG_BUNDLES; the index in groups of
 * three digits, all but the last with an x before it. width 1 to 256; 256 is a full tile.
 */
void tlog_tile_path(int level, uint64_t index, unsigned width, char out[TLOG_PATH_MAX]);

/* How many tiles of the level a tree of that size has, and how wide the last one is (0: none). */
uint64_t tlog_tile_count(int level, uint64_t size, unsigned *last_width);

/* Appends one entry: its length in two bytes, big-endian, and itself. PM_TOO_LARGE. */
enum pm_err tlog_bundle_put(struct buf *bundle, struct bytes entry) NODISCARD;
/* Takes the first entry off `*rest`. PM_NOT_FOUND at the end, PM_BAD_REQUEST if it is cut off. */
enum pm_err tlog_bundle_next(struct bytes *rest, struct bytes *entry) NODISCARD;

#endif
