/*
 * Texts that were found in public: whose they are, and what becomes of those keys. A report may be made
 * again: whatever was done is then told as it is. Each key is changed by itself, so that one that cannot
 * be looked at keeps nothing from the others; the request counts as executed once all were.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "change.h"
#include "fresh.h"
#include "imported.h"
#include "leak.h"
#include "leaks.h"
#include "verify_batch.h"

_Static_assert(LEAK_ITEMS_MAX == VAULT_LEAKS_MAX, "a verdict for each");

struct reporting {
	struct vault *vault;
	struct actor *actor;
	enum pm_err states[VAULT_ENVIRONMENTS_MAX]; /* PM_OK: in service */
	struct environment *home;                   /* the first that is */
	struct batch *batch;                        /* for one token at a time */
};

static void report_free(struct leak_report **report)
{
	if (*report)
		secret_free(*report, sizeof(**report));
}

static enum pm_err begin(struct reporting *reporting)
{
	struct vault *vault = reporting->vault;

	TRY(audit_admit(vault->audit));
	for (size_t i = 0; i < vault->environment_count; i++) {
		struct environment *env = &vault->environments[i];

		reporting->states[i] = environment_enter(env, reporting->actor->deadline);
		if (reporting->states[i] == PM_OK && !reporting->home)
			reporting->home = env;
	}
	if (!reporting->home)
		return PM_HSM_UNAVAILABLE;
	return request_begin(reporting->home, reporting->actor);
}

static const char *const actions[] = {
	[LEAK_NONE] = "NONE",
	[LEAK_REPORTED] = "REPORTED",
	[LEAK_DISABLED] = "DISABLED",
	[LEAK_REVOKED] = "REVOKED",
};

/* A key's text as it was found. */
struct finding {
	uint32_t version; /* of the secret that it is */
	enum leak_action action;
};

/* Does that secret verify nothing any more, with or without us? */
static bool is_dead(const struct key_change *change, uint32_t version)
{
	const struct key_record *record = &change->record;

	if (record->expires_at != 0 && change->now >= record->expires_at)
		return true;
	for (int i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &record->secrets[i];

		if (secret->version == version)
			return secret->not_after != 0 && change->now >= secret->not_after;
	}
	return true;
}

/* What is to be true of the key in the end; NONE where that would harm its owner and nobody else. */
static enum leak_action decide(const struct key_change *change, uint32_t version)
{
	enum leak_action policy = change->env->policy.on_leak;

	if (change->record.revoked_at != 0)
		return LEAK_REVOKED;
	if (is_dead(change, version))
		return LEAK_NONE;
	return policy == LEAK_NONE ? LEAK_REVOKED : policy;
}

/* False: it is like that. */
static bool apply(struct key_change *change, enum leak_action action)
{
	struct key_record *record = &change->record;
	int64_t *at = action == LEAK_REVOKED ? &record->revoked_at : &record->disabled_at;

	if ((action != LEAK_REVOKED && action != LEAK_DISABLED) || *at != 0)
		return false;
	*at = change->now;
	record->revision++;
	return true;
}

static enum pm_err commit(struct key_change *change, bool changed, struct leaf *leaf)
{
	struct store_change changes[3];
	struct fresh_value value;
	struct seal_task task;
	size_t count = 0;

	seal_cover_key(&task, &change->record);
	TRY(seal_make_with_leaf(change->env, &task, changed, leaf, change->actor->deadline));
	TRY(leaf_end(leaf));
	if (changed)
		changes[count++] =
			(struct store_change){ STORE_UPDATE_KEY, .key = &change->record };
	/* A revoked key's text is shown to nobody any more. */
	fresh_forget(&change->record, &value);
	if (changed && change->record.revoked_at != 0)
		changes[count++] = value.change;
	changes[count++] = (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf->record };
	return audit_commit(change->env->audit, changes, count, &change->actor->receipt,
			    change->actor->deadline);
}

static enum pm_err act_once(struct key_change *change, void *arg)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	struct finding *finding = arg;

	finding->action = decide(change, finding->version);
	bool changed = apply(change, finding->action);
	leaf_begin(&leaf, LEAF_KEY_LEAK, change->actor, change->env->audit, change->env);
	leaf_text(&leaf, "key", change->key_id);
	leaf_text(&leaf, "action", actions[finding->action]);
	return commit(change, changed, &leaf);
}

static bool is_known(const struct item *item)
{
	return item->reason != PM_REASON_UNKNOWN_KEY && item->reason != PM_REASON_WRONG_SECRET;
}

/* The one item of the batch, found and made sure of. PM_NOT_FOUND: no key has that text. */
static enum pm_err prove(struct reporting *reporting, struct environment *env)
{
	struct batch *batch = reporting->batch;
	struct item *item = &batch->items[0];
	int64_t deadline = reporting->actor->deadline;
	struct key_record decoy;

	verify_add(batch);
	TRY(verify_make_decoy(env, &decoy));
	verify_prove(env, &decoy, batch, deadline);
	TRY(item->err);
	if (verify_is_unsure(item))
		return PM_HSM_UNAVAILABLE;
	if (item->reason == PM_REASON_QUARANTINED)
		return PM_RECORD_QUARANTINED;
	return is_known(item) ? PM_OK : PM_NOT_FOUND;
}

static enum pm_err act(struct reporting *reporting, struct environment *env,
		       struct leak_verdict *verdict)
{
	const struct item *item = &reporting->batch->items[0];
	struct finding finding = { .version = item->record->secrets[item->secret].version };
	struct key_change change = {
		.env = env,
		.actor = reporting->actor,
		.key_id = item->key.id,
	};

	verdict->known = true;
	strcpy(verdict->environment, env->name);
	strcpy(verdict->key_id, item->key.id);
	reporting->actor->why = NULL;
	TRY(change_run(&change, act_once, &finding));
	verdict->action = finding.action;
	return PM_OK;
}

/*
 * PM_NOT_FOUND: it is no key of that environment. One that does not serve is asked for what it might
 * have, which is not found out.
 */
static enum pm_err report_in(struct reporting *reporting, size_t i, struct bytes text,
			     struct leak_verdict *verdict)
{
	struct environment *env = &reporting->vault->environments[i];
	struct item *item = &reporting->batch->items[0];

	enum pm_reason reason = verify_take_text(reporting->vault, env, text, item);
	bool may_be_imported = reason == PM_REASON_MALFORMED && imported_is_text(text);
	if (reporting->states[i] != PM_OK)
		return reason == PM_REASON_NONE || may_be_imported ? reporting->states[i]
								   : PM_NOT_FOUND;
	if (reason != PM_REASON_NONE)
		return PM_NOT_FOUND;
	TRY(prove(reporting, env));
	return act(reporting, env, verdict);
}

/*
 * In every environment, since an imported text may be a key in several of them: the verdict is that of the
 * first where it is known, and says so if it was not found out in one, or not done.
 */
static void report_token(struct reporting *reporting, const char *token,
			 struct leak_verdict *verdict)
{
	struct batch *batch = reporting->batch;
	struct bytes text = bytes_str(token);
	enum pm_err failed = PM_OK;

	*verdict = (struct leak_verdict){ .known = false };
	for (size_t i = 0; i < reporting->vault->environment_count; i++) {
		struct leak_verdict here = { .known = false };
		enum pm_err err = report_in(reporting, i, text, &here);

		secret_wipe(&batch->items[0], sizeof(batch->items[0]));
		batch->count = 0;
		if (!verdict->known && here.known)
			*verdict = here;
		if (err != PM_OK && (err != PM_NOT_FOUND || here.known))
			failed = err;
	}
	verdict->error = failed;
}

/* What is not found out is to be reported again, under the same request id if that is how it comes. */
static enum pm_err finish(struct reporting *reporting, const char *key_id,
			  const struct leak_verdict *verdicts, size_t count)
{
	struct executed_record executed;
	const struct store_change change = { .op = STORE_INSERT_EXECUTED, .executed = &executed };
	struct environment *env = reporting->home;
	struct seal_task task;

	for (size_t i = 0; i < count; i++) {
		if (verdicts[i].error != PM_OK)
			return PM_OK;
	}
	request_record(env, reporting->actor, key_id, &executed);
	seal_cover_executed(&task, &executed);
	TRY(seal_make(env, &task, 1, reporting->actor->deadline));
	return audit_commit(env->audit, &change, 1, NULL, reporting->actor->deadline);
}

static enum pm_err report_all(struct reporting *reporting, const struct leak_report *report,
			      const char *key_id, struct leak_verdict verdicts[VAULT_LEAKS_MAX])
{
	TRY(begin(reporting));
	for (size_t i = 0; i < report->count; i++)
		report_token(reporting, report->items[i].token, &verdicts[i]);
	return finish(reporting, key_id, verdicts, report->count);
}

enum pm_err vault_report_leaks(struct vault *vault, struct actor *actor, const char *key_id,
			       struct bytes payload, struct bytes signature,
			       struct leak_verdict verdicts[VAULT_LEAKS_MAX], size_t *count)
{
	struct leak_report *report CLEANUP(report_free) = NULL;
	struct rows *rows CLEANUP(free_ptr) = NULL;
	struct reporting reporting = { .vault = vault, .actor = actor };

	*count = 0;
	if (actor->on_behalf)
		return PM_DENIED;
	TRY(leaks_verify(vault->leaks, key_id, payload, signature));
	report = secret_alloc(sizeof(*report));
	rows = malloc(sizeof(*rows));
	if (!report || !rows)
		return PM_NO_MEMORY;
	TRY(leak_parse(payload, report));
	reporting.batch = scratch_take(&vault->scratch);
	if (!reporting.batch)
		return PM_NO_MEMORY;
	reporting.batch->rows = rows;
	enum pm_err err = report_all(&reporting, report, key_id, verdicts);
	scratch_give(&vault->scratch, reporting.batch, offsetof(struct batch, items[1]));
	TRY(err);
	*count = report->count;
	return PM_OK;
}
