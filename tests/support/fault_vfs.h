/*
 * A failing disk below SQLite: an SQLite VFS in front of the default one. It counts every read,
 * write, sync, truncation, opening and shared-memory call of the process, and fails the one it is
 * armed for, without doing it. Syncs never reach the real disk. Any thread.
 */
#ifndef SUPPORT_FAULT_VFS_H
#define SUPPORT_FAULT_VFS_H

#include <stdbool.h>

/* Makes it the default VFS: before anything is opened that is to fail. */
void fault_vfs_register(void);

void fault_vfs_arm(int nth);      /* the call after `nth` others fails once: I/O error */
void fault_vfs_arm_full(int nth); /* likewise, but a write says that the disk is full */
void fault_vfs_arm_from(int nth); /* every call after `nth` others fails */
void fault_vfs_disarm(void);
bool fault_vfs_fired(void); /* since it was armed */

/* Until there is space again every write says that the disk is full; all else works. */
void fault_vfs_fill(void);
void fault_vfs_free_space(void);

/*
 * Stops time at the disk: after fault_vfs_hold the next sync waits for fault_vfs_release, and
 * fault_vfs_wait_held returns when it does.
 */
void fault_vfs_hold(void);
void fault_vfs_wait_held(void);
void fault_vfs_release(void);

#endif
