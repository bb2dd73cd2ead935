/* Runs `peppermint audit export` to the fixture's folder `export`, and looks at what came of it. */
#ifndef TESTS_EXPORT_CHECK_H
#define TESTS_EXPORT_CHECK_H

#include <sys/types.h>

#include "log_vault.h"
#include "tlog/tile.h"

int run_export(struct fixture *f);

/* A path below the export; two of them are valid at a time. */
char *in_export(const struct fixture *f, const char *path);
bool exists(const struct fixture *f, const char *path);
/* The file's bytes; -1 if there is none. */
ssize_t read_file(const struct fixture *f, const char *path, void *to, size_t size);
/* That tile, or the full one, which stands for its partial ones. */
ssize_t read_tile(const struct fixture *f, uint32_t log, int level, uint64_t index, unsigned width,
		  void *to, size_t size);

/* Bundles and leaf tiles are what the vault's entries make them. */
void check_tiles(const struct fixture *f, uint32_t log, uint64_t size);
/* The whole folder of a log, at its checkpoint, which is of that size. */
void check_export(const struct fixture *f, uint32_t log, uint64_t size);

/* All names, sizes and times of the export, in one number. */
unsigned long fingerprint(const struct fixture *f);
/* In the fixture's folder; must succeed. */
void shell(const struct fixture *f, const char *command);

#endif
