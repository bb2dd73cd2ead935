/*
 * Taking an environment into service after its signer has (re)started: is this the token that this
 * database belongs to, and is every master key in it the one it was? An environment that is new on
 * both sides is provisioned. Nothing is ever deleted here; what does not fit together is refused and
 * said, until it is found right when it is looked at again (upkeep.c). All of it inside a change of the
 * environment.
 */
#ifndef VAULT_ATTACH_H
#define VAULT_ATTACH_H

#include "environment.h"

/*
 * PM_TOKEN_MISMATCH: for good, as far as this token is concerned. The text says what is wrong and
 * what to do; it is logged, and kept for Status.
 */
__attribute__((format(printf, 2, 3))) enum pm_err attach_refuse(struct environment *env,
								const char *fmt, ...) NODISCARD;

/* provision.c: the integrity key, and the record that ties this database to this token. */
enum pm_err attach_provision(struct environment *env, int64_t deadline) NODISCARD;

bool attach_is_integrity(const struct master_record *record);

/* The masters as the database has them now; nothing of them is checked yet. */
enum pm_err attach_load_masters(struct environment *env) NODISCARD;

/* What came of checking that generation: in force from now on. */
void attach_settle(struct environment *env, uint64_t generation, enum pm_err verdict);

#endif
