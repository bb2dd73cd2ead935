#include "fault_vfs.h"

#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>

enum mode { ONCE_IOERR, ONCE_FULL, FROM_THEN_ON };

static sqlite3_vfs *disk; /* the real one */
static sqlite3_vfs fault_vfs;
static atomic_int calls_left = INT_MAX;
static atomic_int mode;
static atomic_bool fired;

/* A file of ours: our methods, and behind it, in the same memory, the file of the real VFS. */
struct fault_file {
	sqlite3_file base;
	sqlite3_file real[];
};

static sqlite3_file *real_file(sqlite3_file *file)
{
	return ((struct fault_file *)file)->real;
}

static void arm(int nth, enum mode how)
{
	atomic_store(&fired, false);
	atomic_store(&mode, how);
	atomic_store(&calls_left, nth);
}

void fault_vfs_arm(int nth)
{
	arm(nth, ONCE_IOERR);
}

void fault_vfs_arm_full(int nth)
{
	arm(nth, ONCE_FULL);
}

void fault_vfs_arm_from(int nth)
{
	arm(nth, FROM_THEN_ON);
}

void fault_vfs_disarm(void)
{
	atomic_store(&calls_left, INT_MAX);
}

bool fault_vfs_fired(void)
{
	return atomic_load(&fired);
}

static atomic_bool is_full;

void fault_vfs_fill(void)
{
	atomic_store(&is_full, true);
}

void fault_vfs_free_space(void)
{
	atomic_store(&is_full, false);
}

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_moved = PTHREAD_COND_INITIALIZER;
static enum gate { GATE_OPEN, GATE_CLOSED, GATE_HOLDS } gate;

static void gate_set(enum gate state)
{
	pthread_mutex_lock(&gate_lock);
	gate = state;
	pthread_cond_broadcast(&gate_moved);
	pthread_mutex_unlock(&gate_lock);
}

void fault_vfs_hold(void)
{
	gate_set(GATE_CLOSED);
}

void fault_vfs_release(void)
{
	gate_set(GATE_OPEN);
}

void fault_vfs_wait_held(void)
{
	pthread_mutex_lock(&gate_lock);
	while (gate != GATE_HOLDS)
		pthread_cond_wait(&gate_moved, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
}

static void gate_pass(void)
{
	pthread_mutex_lock(&gate_lock);
	if (gate == GATE_CLOSED) {
		gate = GATE_HOLDS;
		pthread_cond_broadcast(&gate_moved);
	}
	while (gate != GATE_OPEN)
		pthread_cond_wait(&gate_moved, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
}

static bool fails(void)
{
	int left = atomic_load(&calls_left);

	if (left == INT_MAX) /* disarmed */
		return false;
	left = atomic_fetch_sub(&calls_left, 1);
	if (left > 0 || (left < 0 && atomic_load(&mode) != FROM_THEN_ON))
		return false;
	atomic_store(&fired, true);
	return true;
}

static int fault_close(sqlite3_file *file)
{
	return real_file(file)->pMethods->xClose(real_file(file));
}

static int fault_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
	if (fails())
		return SQLITE_IOERR_READ;
	return real_file(file)->pMethods->xRead(real_file(file), out, len, at);
}

static int fault_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 at)
{
	if (atomic_load(&is_full))
		return SQLITE_FULL;
	if (fails())
		return atomic_load(&mode) == ONCE_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	return real_file(file)->pMethods->xWrite(real_file(file), data, len, at);
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	if (fails())
		return SQLITE_IOERR_TRUNCATE;
	return real_file(file)->pMethods->xTruncate(real_file(file), size);
}

/* Nothing reaches the disk itself: no test pulls the plug, and the real sync is slow. */
static int fault_sync(sqlite3_file *file, int flags)
{
	(void)file;
	(void)flags;
	gate_pass();
	return fails() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int fault_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_file(file)->pMethods->xFileSize(real_file(file), size);
}

static int fault_lock(sqlite3_file *file, int level)
{
	return real_file(file)->pMethods->xLock(real_file(file), level);
}

static int fault_unlock(sqlite3_file *file, int level)
{
	return real_file(file)->pMethods->xUnlock(real_file(file), level);
}

static int fault_check_lock(sqlite3_file *file, int *out)
{
	return real_file(file)->pMethods->xCheckReservedLock(real_file(file), out);
}

static int fault_control(sqlite3_file *file, int op, void *arg)
{
	return real_file(file)->pMethods->xFileControl(real_file(file), op, arg);
}

static int fault_sector_size(sqlite3_file *file)
{
	return real_file(file)->pMethods->xSectorSize(real_file(file));
}

static int fault_characteristics(sqlite3_file *file)
{
	return real_file(file)->pMethods->xDeviceCharacteristics(real_file(file));
}

static int fault_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	if (fails())
		return SQLITE_IOERR_SHMMAP;
	return real_file(file)->pMethods->xShmMap(real_file(file), region, size, extend, out);
}

static int fault_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
	if ((flags & SQLITE_SHM_LOCK) && fails())
		return SQLITE_IOERR_SHMLOCK;
	return real_file(file)->pMethods->xShmLock(real_file(file), offset, count, flags);
}

static void fault_shm_barrier(sqlite3_file *file)
{
	real_file(file)->pMethods->xShmBarrier(real_file(file));
}

static int fault_shm_unmap(sqlite3_file *file, int remove)
{
	return real_file(file)->pMethods->xShmUnmap(real_file(file), remove);
}

/* Version 2: without xFetch, that is without memory-mapped files. */
static const sqlite3_io_methods fault_methods = {
	.iVersion = 2,
	.xClose = fault_close,
	.xRead = fault_read,
	.xWrite = fault_write,
	.xTruncate = fault_truncate,
	.xSync = fault_sync,
	.xFileSize = fault_file_size,
	.xLock = fault_lock,
	.xUnlock = fault_unlock,
	.xCheckReservedLock = fault_check_lock,
	.xFileControl = fault_control,
	.xSectorSize = fault_sector_size,
	.xDeviceCharacteristics = fault_characteristics,
	.xShmMap = fault_shm_map,
	.xShmLock = fault_shm_lock,
	.xShmBarrier = fault_shm_barrier,
	.xShmUnmap = fault_shm_unmap,
};

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
		      int *out_flags)
{
	(void)vfs;
	file->pMethods = NULL;
	if (fails())
		return SQLITE_CANTOPEN;
	real_file(file)->pMethods = NULL;
	int rc = disk->xOpen(disk, name, real_file(file), flags, out_flags);
	if (real_file(file)->pMethods)
		file->pMethods = &fault_methods;
	return rc;
}

void fault_vfs_register(void)
{
	if (disk)
		return;
	disk = sqlite3_vfs_find(NULL);
	fault_vfs = *disk;
	fault_vfs.pNext = NULL;
	fault_vfs.zName = "fault";
	fault_vfs.szOsFile = disk->szOsFile + (int)sizeof(struct fault_file);
	fault_vfs.xOpen = fault_open;
	if (sqlite3_vfs_register(&fault_vfs, 1) != SQLITE_OK)
		abort();
}
