/* What reading one key and listing many have in common. */
#ifndef VAULT_LOOKUP_H
#define VAULT_LOOKUP_H

#include "domain.h"

/* An altered record's fields mean nothing: only what it was asked for by is told. */
void key_info_altered(const struct environment *env, const char *id, struct key_info *info);

/* That a key was read, or, with NULL, a list. */
enum pm_err lookup_tell(struct environment *env, struct actor *actor, const char *key_id) NODISCARD;

#endif
