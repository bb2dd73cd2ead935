/*
 * One call's memory: the request, its encoding, and the decoded answer, all of which may hold
 * secrets. Bounded, out of core dumps and forked children, locked as far as the limits allow
 * (unlike base's arena, which insists: a library cannot ask that of every program), and wiped when
 * emptied. Belongs to one wire, so to one thread at a time.
 */
#ifndef CLIENT_ROOM_H
#define CLIENT_ROOM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Enough for the largest request (64 KiB and 512 items), its encoding, and an answer of 64 KiB:
 * decoding adds about 100 bytes an item. Pages that are not touched cost nothing.
 */
#define ROOM_SIZE ((size_t)512 * 1024)

struct room {
	uint8_t *base; /* NULL until opened */
	size_t used;
};

enum pm_err room_open(struct room *room) NODISCARD;
void room_close(struct room *room);

/* Aligned for any type, zeroed; NULL when it does not fit. Valid until the room is emptied. */
void *room_alloc(struct room *room, size_t size);
void *room_array(struct room *room, size_t count, size_t size); /* NULL on overflow too */

/* Wipes everything that was handed out. */
void room_empty(struct room *room);

#endif
