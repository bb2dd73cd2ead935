#define _GNU_SOURCE
#include "room.h"

#include <stdalign.h>
#include <sys/mman.h>

#include "base/secret.h"

enum pm_err room_open(struct room *room)
{
	void *base = mmap(NULL, ROOM_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return PM_NO_MEMORY;
	if (madvise(base, ROOM_SIZE, MADV_DONTDUMP) != 0 ||
	    madvise(base, ROOM_SIZE, MADV_WIPEONFORK) != 0) {
		munmap(base, ROOM_SIZE);
		return PM_NO_MEMORY;
	}
	/* Refused only by RLIMIT_MEMLOCK, which the header tells. */
	(void)mlock2(base, ROOM_SIZE, MLOCK_ONFAULT);
	*room = (struct room){ .base = base };
	return PM_OK;
}

void room_close(struct room *room)
{
	if (!room->base)
		return;
	room_empty(room);
	munmap(room->base, ROOM_SIZE);
	room->base = NULL;
}

void *room_alloc(struct room *room, size_t size)
{
	const size_t unit = alignof(max_align_t);

	if (size > ROOM_SIZE - room->used)
		return NULL;
	void *ptr = room->base + room->used;
	room->used += (size + unit - 1) / unit * unit; /* ROOM_SIZE is a multiple of unit */
	return ptr;
}

void *room_array(struct room *room, size_t count, size_t size)
{
	size_t total = 0;

	return __builtin_mul_overflow(count, size, &total) ? NULL : room_alloc(room, total);
}

void room_empty(struct room *room)
{
	secret_wipe(room->base, room->used);
	room->used = 0;
}
