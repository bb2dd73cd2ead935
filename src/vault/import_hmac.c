/* The key with which another system hashed its API keys, into the token. */
#include "base/cleanup.h"
#include "domain.h"
#include "imported.h"
#include "master.h"
#include "masters.h"

/* Inside a change of the environment. */
static enum pm_err import_hmac_key(struct environment *env, struct actor *actor, const char *name,
				   struct bytes value, struct master_record *out)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct executed_record executed;
	struct master_making making = {
		.purpose = PURPOSE_IMPORT,
		.name = name,
		.value = value,
		.terms = { .executed = &executed, .leaf = &leaf },
	};

	TRY(request_begin(env, actor));
	if (imported_hmac_key(env, name, out) == PM_OK)
		return PM_ALREADY_EXISTS;
	if (imported_hmac_keys(env) >= IMPORTED_KEYS_MAX) {
		actor->why = "there are 16 such keys already, which is the most";
		return PM_TOO_LARGE;
	}
	leaf_begin(&leaf, LEAF_IMPORT_KEY, actor, env->audit, env);
	leaf_text(&leaf, "name", name);
	leaf_resolve(&leaf, actor->deadline);
	request_record(env, actor, "", &executed);
	TRY(master_make(env, &making, actor->deadline));
	audit_receipt(&leaf.receipt, &actor->receipt);
	*out = making.made;
	return PM_OK;
}

enum pm_err vault_import_hmac_key(struct vault *vault, struct actor *actor, const char *environment,
				  const char *name, struct bytes value, struct master_info *out)
{
	const struct usage unused = { .version = 0 };
	struct environment *env = NULL;
	struct master_record made;

	if (actor->on_behalf)
		return PM_DENIED;
	if (!master_is_name(name) || value.len < HSM_IMPORT_MIN || value.len > HSM_IMPORT_MAX) {
		actor->why = master_is_name(name)
				     ? "value: 16 to 64 bytes"
				     : "name: 1 to 32 of a-z 0-9 -, beginning with a letter";
		return PM_BAD_REQUEST;
	}
	TRY(vault_enter(vault, actor, environment, &env));
	TRY(environment_begin_change(env, actor->deadline));
	enum pm_err err = import_hmac_key(env, actor, name, value, &made);
	environment_end_change(env);
	TRY(err);
	master_info_fill(env, &made, &unused, out);
	return PM_OK;
}
