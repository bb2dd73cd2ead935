/* Versions of master keys as callers see them. */
#ifndef VAULT_MASTERS_H
#define VAULT_MASTERS_H

#include "environment.h"
#include "usage.h"

/* `usage` is that version's line. */
void master_info_fill(struct environment *env, const struct master_record *master,
		      const struct usage *usage, struct master_info *out);

#endif
