/*
 * Files that are wholly there or not at all, even if the machine stops: written beside, synced,
 * renamed, and their folder synced. Paths are relative to an open folder, in which nobody else may
 * write. Each complains itself.
 */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* What a killed program may leave: half a file, and the checkpoint that an export was on its way to. */
#define FILE_UNFINISHED ".unfinished" /* one name, so that it is one file, for the next run */
#define FILE_GOAL ".goal"

/* A folder for one writer at a time: made if it is not there (0750), locked. -1 after a complaint. */
int folder_open(const char *path);
/* The folder of that path as it is. -1 after a complaint. */
int folder_find_path(const char *path);
/* Below another; -1 with *found false if it is not there, which is not complained about. */
int folder_find(int folder, const char *name, bool *found);
int folder_make(int folder, const char *name);

/* Mode 0640, in folders with 0750, which are made. */
bool file_put(int folder, const char *path, struct bytes content);
/* Up to `size` bytes; longer is a complaint. *found false if there is none: that is true, too. */
bool file_get(int folder, const char *path, void *to, size_t size, size_t *len, bool *found);
/* Both are good if it is not there. A folder goes with the files in it. */
bool file_remove(int folder, const char *path);
bool folder_remove(int folder, const char *path);

/* Whatever was renamed or written in the folder's file system before, by whomever, is durable. */
bool folder_settle(int folder);

/* A file that a person named: everything in it, at most `size` bytes. */
bool file_read(const char *path, void *to, size_t size, size_t *len);

#endif
