/* The pair that signs checkpoints: made at first, and again with a log of its own at each rotation. */
#include <stdio.h>
#include <string.h>

#include "attach.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "logbook.h"
#include "master.h"

static enum pm_err set_key(struct log_record *log, const struct master_record *master,
			   const struct hsm_object *object)
{
	struct tlog_key key;

	TRY(notary_key(log->origin, object, &key));
	tlog_key_format(&key, log->vkey);
	log->key_version = master->version;
	return PM_OK;
}

/* For takeover_company: the open log gets the key that was just made. */
static enum pm_err add_key(void *arg, const struct master_record *active,
			   const struct hsm_object *object, struct store_change *changes,
			   size_t *count)
{
	struct log_record *log = arg;

	TRY(set_key(log, active, object));
	log->revision++;
	changes[(*count)++] = (struct store_change){ .op = STORE_UPDATE_LOG, .log = log };
	return PM_OK;
}

/* A log that was opened instead of a lost one goes on with the key that there is. */
static enum pm_err use_key(struct environment *env, struct log_record *log,
			   const struct master_record *active, int64_t deadline)
{
	const struct store_change change = { .op = STORE_UPDATE_LOG, .log = log };
	struct hsm_object object;

	TRY(master_public(env, active, &object, deadline));
	TRY(set_key(log, active, &object));
	log->revision++;
	return audit_commit(env->audit, &change, 1, NULL, deadline);
}

static enum pm_err check_key(struct environment *env, const struct log_record *log,
			     int64_t deadline)
{
	struct log_record expected = *log;
	struct master_record master;
	struct hsm_object object;

	if (environment_master(env, PURPOSE_AUDIT, AUDIT_LOG_NAME, log->key_version, &master) !=
	    PM_OK)
		return attach_refuse(env,
				     "audit log %s is signed by a key of another environment: set "
				     "`environment` of [audit] back to that",
				     log->origin);
	TRY(master_public(env, &master, &object, deadline));
	TRY(set_key(&expected, &master, &object));
	if (strcmp(expected.vkey, log->vkey) == 0)
		return PM_OK;
	return attach_refuse(
		env,
		"the verifier key of audit log %s was altered in the database: restore "
		"it from a backup",
		log->origin);
}

enum pm_err logbook_have_key(struct environment *env, int64_t deadline)
{
	struct master_record active;
	struct log_record log;
	const struct takeover_company company = { .add = add_key, .arg = &log };
	struct master_making making = {
		.purpose = PURPOSE_AUDIT,
		.name = AUDIT_LOG_NAME,
		.terms.company = &company,
	};

	TRY(store_get_log(env->store, 0, &log));
	if (log.key_version != 0)
		return check_key(env, &log, deadline);
	if (environment_master(env, PURPOSE_AUDIT, AUDIT_LOG_NAME, 0, &active) == PM_OK)
		return use_key(env, &log, &active, deadline);
	return master_make(env, &making, deadline);
}

/* A rotation: the old log's last entry and the new log's first, whose key is only known when made. */
struct rotation {
	struct log_record next;
	struct log_opening opening;
	struct leaf close, open;
};

static void rotation_end(struct rotation *rotation)
{
	leaf_drop(&rotation->close);
	leaf_drop(&rotation->open);
}

static enum pm_err add_opening(void *arg, const struct master_record *active,
			       const struct hsm_object *object, struct store_change *changes,
			       size_t *count)
{
	struct rotation *rotation = arg;

	TRY(set_key(&rotation->next, active, object));
	leaf_text(&rotation->close, "next_origin", rotation->next.origin);
	leaf_text(&rotation->close, "next_vkey", rotation->next.vkey);
	TRY(leaf_end(&rotation->close));
	TRY(leaf_end(&rotation->open));
	rotation->opening = (struct log_opening){
		.record = &rotation->next,
		.close_text = rotation->close.record.text,
		.open_text = rotation->open.record.text,
	};
	changes[(*count)++] =
		(struct store_change){ .op = STORE_OPEN_LOG, .opening = &rotation->opening };
	return PM_OK;
}

static void begin_rotation(struct audit *audit, const struct log_record *log,
			   struct rotation *rotation)
{
	leaf_begin(&rotation->close, LEAF_LOG_CLOSE, NULL, audit, NULL);
	logbook_begin_leaf(&rotation->open, audit, &rotation->next);
	leaf_text(&rotation->close, "origin", log->origin);
}

/* Inside a change of the environment. */
static enum pm_err rotate(struct audit *audit, struct actor *actor, struct vault_log *out)
{
	struct rotation rotation CLEANUP(rotation_end) = { .next = { .log = 0 } };
	const struct takeover_company company = { .add = add_opening, .arg = &rotation };
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct environment *env = audit->signer;
	struct executed_record executed;
	struct log_record log;
	struct master_making making = {
		.purpose = PURPOSE_AUDIT,
		.name = AUDIT_LOG_NAME,
		.terms = { .executed = &executed, .leaf = &leaf, .company = &company },
	};

	TRY(request_begin(env, actor));
	TRY(store_get_log(audit->store, 0, &log));
	if (log.log == VAULT_LOGS_MAX) {
		actor->why = "there are 256 logs already, which is the most";
		return PM_TOO_LARGE;
	}
	TRY(logbook_describe_new(audit, log.log + 1, "", &rotation.next));
	begin_rotation(audit, &log, &rotation);
	leaf_begin(&leaf, LEAF_LOG_ROTATE, actor, audit, NULL);
	leaf_text(&leaf, "closed", log.origin);
	leaf_text(&leaf, "opened", rotation.next.origin);
	leaf_resolve(&leaf, actor->deadline);
	request_record(env, actor, "", &executed);
	TRY(master_make(env, &making, actor->deadline));
	audit_receipt(&leaf.receipt, &actor->receipt);
	/* Not read again: it is done, and reading could fail. */
	logbook_describe_record(&rotation.next, out);
	out->entries = actor->receipt.index + 1; /* its own is the last */
	return PM_OK;
}

enum pm_err vault_log_rotate(struct vault *vault, struct actor *actor, struct vault_log *out)
{
	struct environment *env = NULL;

	TRY(vault_enter(vault, actor, vault->audit->signer->name, &env));
	TRY(environment_begin_change(env, actor->deadline));
	enum pm_err err = rotate(vault->audit, actor, out);
	environment_end_change(env);
	TRY(err);
	logbook_note(vault->audit);
	log_info("vault: audit log %s is open, under a key of its own", out->origin);
	return PM_OK;
}
