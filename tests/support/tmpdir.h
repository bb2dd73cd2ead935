/* A directory that a test makes for itself and takes away with all that is in it. */
#ifndef SUPPORT_TMPDIR_H
#define SUPPORT_TMPDIR_H

#define TMPDIR_MAX 64

/* Aborts the test program when there is none to be had. */
void tmpdir_make(char path[TMPDIR_MAX]);
void tmpdir_remove(const char *path);

#endif
