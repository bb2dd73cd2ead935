/*
 * What an operator may in which account, as his record keeps it: lines `account=ROLE`, sorted by account, each
 * account once; `*` is every account. Plain values; no thread rules.
 */
#ifndef VAULT_GRANTS_H
#define VAULT_GRANTS_H

#include "store/store.h"
#include "vault/vault.h"

#define EVERY_ACCOUNT "*"

struct grants {
	size_t count;
	struct grant list[VAULT_GRANTS_MAX];
};

void grants_read(const char *roles, struct grants *out);

/*
 * PM_BAD_REQUEST: no account, one twice, or no such role. PM_TOO_LARGE: over VAULT_GRANTS_MAX, or over
 * STORE_ROLES_MAX bytes. `out` is as it was then.
 */
enum pm_err grants_write(const struct grant *list, size_t count,
			 char out[STORE_ROLES_MAX + 1]) NODISCARD;

/* Roles in that account, its own and those in every account: bits 1 << role. Of "*" only the latter. */
uint32_t grants_in(const struct grants *grants, const char *account);

/* The same in any account. */
uint32_t grants_anywhere(const struct grants *grants);

/*
 * May whoever has `grants` give and take all of `others`, being SUPERADMIN wherever they give a role? Of no
 * grants at all only who is SUPERADMIN of every account: nobody else can say whose operator that is.
 */
bool grants_reach(const struct grants *grants, const struct grants *others);

#endif
