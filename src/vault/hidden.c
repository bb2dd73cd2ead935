/* A text as the audit log writes it, so that whoever knows it can look for it. */
#include <string.h>

#include "domain.h"
#include "state.h"
#include "sure.h"
#include "value.h"
#include "vault/audit.h"

/* The versions of the audit key, newest first: they stand in the order of their making. */
static size_t list_versions(struct environment *env,
			    struct master_record versions[VAULT_TEXT_HASHES_MAX])
{
	size_t count = 0;

	pthread_rwlock_rdlock(&env->lock);
	for (size_t i = env->master_count; i-- > 0 && count < VAULT_TEXT_HASHES_MAX;) {
		const struct master_record *master = &env->masters[i];

		if (strcmp(master->purpose, PURPOSE_AUDIT) == 0 &&
		    strcmp(master->name, AUDIT_TEXT_NAME) == 0 && state_in_token(master))
			versions[count++] = *master;
	}
	pthread_rwlock_unlock(&env->lock);
	return count;
}

enum pm_err vault_audit_hash(struct vault *vault, struct actor *actor, const char *environment,
			     const char *text, struct value_hash hashes[VAULT_TEXT_HASHES_MAX],
			     size_t *count)
{
	struct master_record versions[VAULT_TEXT_HASHES_MAX];
	struct hsm_job jobs[VAULT_TEXT_HASHES_MAX];
	uint8_t room[LEAF_COVER_ROOM];
	struct buf covered = BUF(room);
	struct environment *env = NULL;

	TRY(vault_enter(vault, actor, environment, &env));
	leaf_cover(env, text, &covered);
	if (covered.full)
		return PM_TOO_LARGE;
	*count = list_versions(env, versions);
	if (*count == 0)
		return PM_INTERNAL; /* no environment serves without one */
	for (size_t i = 0; i < *count; i++) {
		jobs[i] = (struct hsm_job){ .data = buf_bytes(&covered) };
		memcpy(jobs[i].key.bytes, versions[i].key_id, sizeof(jobs[i].key.bytes));
	}
	TRY(sure_hmac(env, jobs, *count, actor->deadline));
	for (size_t i = 0; i < *count; i++)
		value_hash_format(versions[i].version, jobs[i].mac, hashes[i].text);
	const struct fold_act act = { .type = LEAF_TEXT_HASH, .env = env, .count = 1 };
	return audit_acts(vault->audit, actor, &act, 1);
}
