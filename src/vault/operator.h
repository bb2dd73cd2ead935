/*
 * Operators as the rest of the vault sees them: persons on whose behalf callers act. A record is read as
 * committed each time; only the proof that its seal holds is remembered (sealed.h). Any thread.
 */
#ifndef VAULT_OPERATOR_H
#define VAULT_OPERATOR_H

#include "domain.h"
#include "grants.h"

/* The checked record. PM_NOT_FOUND; PM_RECORD_QUARANTINED, logged. */
enum pm_err operator_load(struct environment *env, const char *id, struct operator_record *out,
			  int64_t deadline) NODISCARD;

/* A change that nobody asked for by itself: the next revision, sealed, committed. PM_CONFLICT. */
enum pm_err operator_save(struct environment *env, struct operator_record *record,
			  int64_t deadline) NODISCARD;

/*
 * Seals and commits a change, what was executed, and the leaf that tells of it (begun by the caller, ended
 * here), all or none. `op` is STORE_INSERT_OPERATOR or STORE_UPDATE_OPERATOR.
 */
enum pm_err operator_commit(struct environment *env, struct actor *actor, enum store_op op,
			    struct operator_record *record, struct leaf *leaf) NODISCARD;

void operator_info_fill(const struct operator_record *record, struct operator_info *info);

/* Who makes a record: CALLER, or CALLER/OPERATOR. */
void operator_maker(const struct actor *actor, char out[STORE_ACTOR_MAX + 1]);

#endif
