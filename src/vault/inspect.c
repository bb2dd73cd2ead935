/* A token as it tells of itself now: what it can do, and what stands in it. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "domain.h"
#include "object.h"

static void fill_mechanisms(const struct hsm_inspection *seen, struct token_inspection *out)
{
	for (size_t i = 0; i < seen->mechanism_count && i < HSM_MECHANISMS_MAX; i++) {
		const struct hsm_mechanism *from = &seen->mechanisms[i];
		struct mechanism_info *to = &out->mechanisms[out->mechanism_count++];

		*to = (struct mechanism_info){
			.type = from->type,
			.announced = from->announced,
			.enforced = from->enforced,
			.proof = (int)from->proof, /* vault.proto's numbers are hsm.h's */
		};
		strcpy(to->name, from->name);
	}
}

/* A program on this host's disk, not a module that anybody has certified. */
static bool is_softhsm(const struct hsm_inspection *seen)
{
	return strstr(seen->manufacturer, "SoftHSM") || strstr(seen->model, "SoftHSM");
}

static void fill(const struct hsm_inspection *seen, bool active, struct token_inspection *out)
{
	*out = (struct token_inspection){
		.flags = seen->flags,
		.max_sessions = seen->max_sessions,
		.free_private_memory = seen->free_private_memory,
		.sessions = seen->sessions,
		.active = active,
		.session_copies = seen->session_copies,
		.certified = !is_softhsm(seen),
	};
	strcpy(out->label, seen->label);
	strcpy(out->serial, seen->serial);
	strcpy(out->model, seen->model);
	strcpy(out->manufacturer, seen->manufacturer);
	strcpy(out->firmware, seen->firmware);
	strcpy(out->hardware, seen->hardware);
	fill_mechanisms(seen, out);
}

static enum pm_err list_objects(struct environment *env, struct hsm *token,
				struct object_info *objects, size_t max, size_t *count,
				int64_t deadline)
{
	struct hsm_object *found CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*found));
	size_t used = 0;

	if (!found)
		return PM_NO_MEMORY;
	TRY(object_list(env, token, found, &used, deadline));
	if (used > max)
		return PM_TOO_LARGE;
	for (size_t i = 0; i < used; i++)
		object_info_fill(env, &found[i], &objects[i]);
	*count = used;
	return PM_OK;
}

static enum pm_err inspect(struct environment *env, uint32_t member, struct token_inspection *token,
			   struct object_info *objects, size_t max, size_t *count, int64_t deadline)
{
	struct hsm_inspection seen = { .mechanism_count = 0 };
	struct hsm *hsm = hsm_member(env->hsm, member);
	struct hsm_status status;

	if (!hsm)
		return PM_NOT_FOUND;
	TRY(hsm_inspect(hsm, &seen, deadline));
	hsm_status(env->hsm, &status);
	fill(&seen, member == status.active, token);
	return list_objects(env, hsm, objects, max, count, deadline);
}

enum pm_err vault_inspect(struct vault *vault, struct actor *actor, const char *environment,
			  uint32_t member, struct token_inspection *token,
			  struct object_info *objects, size_t max, size_t *count)
{
	struct environment *env = NULL;

	*count = 0;
	/* What is wrong with a token is seen by looking at it. */
	enum pm_err err = vault_enter(vault, actor, environment, &env);
	if (err != PM_TOKEN_MISMATCH)
		TRY(err);
	TRY(inspect(env, member, token, objects, max, count, actor->deadline));
	const struct fold_act act = { .type = LEAF_TOKEN_READ, .env = env, .count = 1 };
	return audit_acts(vault->audit, actor, &act, 1);
}
