#include "request.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/clock.h"
#include "seal.h"

static enum pm_err check_seal(struct environment *env, struct executed_record *record,
			      int64_t deadline)
{
	struct seal_task task;

	seal_cover_executed(&task, record);
	enum pm_err err = seal_check_one(env, &task, deadline);
	if (err == PM_RECORD_QUARANTINED)
		environment_quarantine(env, "request", record->request_id);
	return err;
}

enum pm_err request_begin(struct environment *env, struct actor *actor)
{
	struct executed_record done;

	if (actor->request_id[0] == '\0') {
		actor->why = "request_id: required for a call that changes anything";
		return PM_BAD_REQUEST;
	}
	enum pm_err err = store_get_executed(env->store, actor->uid, actor->request_id, &done);
	if (err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	/* A request of another environment is sealed by that one's key, and is no less done. */
	if (strcmp(done.environment, env->name) == 0)
		TRY(check_seal(env, &done, actor->deadline));
	strcpy(actor->done_subject, done.subject);
	return PM_ALREADY_DONE;
}

void request_record(const struct environment *env, const struct actor *actor, const char *subject,
		    struct executed_record *out)
{
	*out = (struct executed_record){
		.uid = actor->uid,
		.rpc = actor->rpc,
		.at = clock_unix(),
	};
	snprintf(out->environment, sizeof(out->environment), "%s", env->name);
	snprintf(out->request_id, sizeof(out->request_id), "%s", actor->request_id);
	snprintf(out->subject, sizeof(out->subject), "%s", subject);
}

enum pm_err request_commit_key(struct environment *env, struct actor *actor, enum store_op op,
			       struct key_record *key, const struct store_change *also,
			       struct leaf *leaf)
{
	struct executed_record executed;
	struct store_change changes[] = {
		{ .op = op, .key = key },
		{ .op = STORE_INSERT_EXECUTED, .executed = &executed },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf->record },
		{ 0 },
	};
	struct seal_task tasks[2];

	request_record(env, actor, key->id, &executed);
	seal_cover_executed(&tasks[0], &executed);
	seal_cover_key(&tasks[1], key);
	TRY(seal_make_with_leaf(env, tasks, 2, leaf, actor->deadline));
	TRY(leaf_end(leaf));
	if (also)
		changes[3] = *also;
	return audit_commit(env->audit, changes, also ? 4 : 3, &actor->receipt, actor->deadline);
}

enum pm_err request_commit(struct environment *env, struct actor *actor, const char *subject,
			   struct leaf *leaf)
{
	struct executed_record executed;
	const struct store_change changes[] = {
		{ .op = STORE_INSERT_EXECUTED, .executed = &executed },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf->record },
	};
	struct seal_task task;

	request_record(env, actor, subject, &executed);
	seal_cover_executed(&task, &executed);
	TRY(seal_make_with_leaf(env, &task, 1, leaf, actor->deadline));
	TRY(leaf_end(leaf));
	return audit_commit(env->audit, changes, 2, &actor->receipt, actor->deadline);
}
