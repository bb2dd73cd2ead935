/* The audit log's beginning and end. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "history.h"
#include "logbook.h"

#define BEGIN_TIMEOUT_MS 5000
#define END_TIMEOUT_MS 5000

static void audit_free(struct audit *audit)
{
	folds_free(audit->folds);
	for (size_t i = 0; i < VAULT_ENVIRONMENTS_MAX; i++)
		watch_end(&audit->watches[i]);
	for (struct policy *policy = atomic_load(&audit->policy); policy;) {
		struct policy *before = policy->before;
		free(policy);
		policy = before;
	}
	pthread_mutex_destroy(&audit->lock);
	pthread_mutex_destroy(&audit->round);
	pthread_mutex_destroy(&audit->wake_lock);
	pthread_cond_destroy(&audit->wake);
	free(audit->origin);
	free(audit->anchor);
	free(audit->program);
	free(audit);
}

static void audit_freep(struct audit **audit)
{
	if (*audit)
		audit_free(*audit);
}

static enum pm_err copy(const char *text, char **out)
{
	*out = text ? strdup(text) : NULL;
	return *out || !text ? PM_OK : PM_NO_MEMORY;
}

static enum pm_err choose_signer(struct audit *audit, const char *name)
{
	for (size_t i = 0; i < audit->environment_count; i++) {
		if (name && strcmp(audit->environments[i].name, name) != 0)
			continue;
		audit->signer = &audit->environments[i];
		return PM_OK;
	}
	log_error("vault: the audit log is to be signed in environment %s, which does not exist",
		  name);
	return PM_CONFIG;
}

static enum pm_err fill(struct audit *audit, const struct vault_audit_config *config)
{
	uint32_t months = config->keep_months;

	if (config->witness_count > VAULT_WITNESSES_MAX)
		return PM_CONFIG;
	for (size_t i = 0; i < config->witness_count; i++)
		audit->witnesses[audit->witness_count++] = config->witnesses[i];
	audit->keep_months = months == 0 || months >= KEEP_MONTHS_MIN ? months : KEEP_MONTHS_MIN;
	TRY(copy(config->origin, &audit->origin));
	TRY(copy(config->anchor, &audit->anchor));
	TRY(copy(config->program, &audit->program));
	TRY(audit_set_policy(audit, config->policy));
	TRY(choose_signer(audit, config->environment));
	return folds_new(config->each, config->refusals, &audit->folds);
}

enum pm_err audit_set_policy(struct audit *audit, const char *revision)
{
	struct policy *now = atomic_load(&audit->policy);

	if (now && strcmp(now->text, revision) == 0)
		return PM_OK;
	struct policy *next = malloc(sizeof(*next) + strlen(revision) + 1);
	if (!next)
		return PM_NO_MEMORY;
	next->before = now;
	strcpy(next->text, revision);
	atomic_store(&audit->policy, next);
	return PM_OK;
}

const char *audit_policy(struct audit *audit)
{
	return atomic_load(&audit->policy)->text;
}

enum pm_err vault_audit_config_read(struct vault *vault, const char *path, const char *policy,
				    bool ok)
{
	struct audit *audit = vault->audit;

	TRY(audit_admit(audit));

	struct leaf leaf CLEANUP(leaf_drop);
	leaf_begin(&leaf, LEAF_CONFIG_READ, NULL, audit, NULL);
	leaf_text(&leaf, "path", path);
	leaf_text(&leaf, "revision", policy);
	if (!ok)
		leaf_fail(&leaf, PM_CONFIG);
	TRY(audit_append(audit, &leaf, NULL, deadline_in_ms(BEGIN_TIMEOUT_MS)));
	return ok ? audit_set_policy(audit, policy) : PM_OK;
}

struct environment *audit_environment(struct audit *audit)
{
	return audit->signer;
}

static bool is_stop(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	static const char stop[] = "\"type\":\"vault.stop\"";
	bool *found = arg;

	(void)index;
	(void)leaf;
	*found = *found || memmem(entry.data, entry.len, stop, strlen(stop)) != NULL;
	return true;
}

/* The last entry tells how the daemon ended; before the very first log there was nothing. */
static enum pm_err find_clean_stop(struct audit *audit, bool *clean)
{
	struct tlog_tree tree;
	uint32_t log = 0;

	TRY(store_get_tree(audit->store, &log, &tree));
	*clean = log == 1 && tree.size == 1;
	enum pm_err err = store_read_leaves(audit->store, log, tree.size - 1, 1, is_stop, clean);
	return err == PM_STORE_DAMAGED ? PM_OK : err; /* whose name the first round tells */
}

static enum pm_err write_start(struct audit *audit, bool clean, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_VAULT_START, NULL, audit, NULL);
	leaf_text(&leaf, "program", audit->program ? audit->program : "-");
	leaf_flag(&leaf, "clean", clean);
	return audit_append(audit, &leaf, NULL, deadline);
}

enum pm_err audit_begin(struct audit *audit, int64_t deadline)
{
	struct log_record record;
	bool clean = true;

	if (atomic_load(&audit->begun))
		return PM_OK;
	enum pm_err err = store_get_log(audit->store, 0, &record);
	if (err == PM_NOT_FOUND)
		err = logbook_open_first(audit, deadline);
	TRY(err);
	TRY(find_clean_stop(audit, &clean));
	TRY(write_start(audit, clean, deadline));
	atomic_store(&audit->begun, true);
	logbook_note(audit);
	return PM_OK;
}

/* Whoever wants a new log gets it if the old one is not what it was: all of it is read for that. */
static enum pm_err settle_history(struct audit *audit, bool new_log)
{
	TRY(history_check(audit));
	if (!new_log)
		return PM_OK;
	if (!audit_is_lost(audit))
		TRY(scrub_all(audit));
	if (!audit_is_damaged(audit))
		log_warn("vault: audit log: nothing was lost or altered, so it is continued; "
			 "--new-log does nothing");
	else if (logbook_abandon(audit, deadline_in_ms(BEGIN_TIMEOUT_MS)) != PM_OK)
		log_error("vault: audit log: it cannot be given up, either: restore the database");
	return PM_OK;
}

static enum pm_err begin(struct audit *audit, bool new_log)
{
	TRY(settle_history(audit, new_log));
	if (audit_is_lost(audit)) {
		logbook_note(audit);
		return PM_OK;
	}
	enum pm_err err = audit_begin(audit, deadline_in_ms(BEGIN_TIMEOUT_MS));
	if (err == PM_AUDIT_BLOCKED || err == PM_STORE_UNAVAILABLE || err == PM_OUTCOME_UNKNOWN)
		audit_note_stuck(audit, err);
	else
		TRY(err);
	return PM_OK;
}

enum pm_err audit_open(struct store *store, struct environment *environments, size_t count,
		       const struct vault_audit_config *config, struct audit **out)
{
	struct audit *audit CLEANUP(audit_freep) = calloc(1, sizeof(*audit));

	if (!audit)
		return PM_NO_MEMORY;
	audit->store = store;
	audit->environments = environments;
	audit->environment_count = count;
	pthread_mutex_init(&audit->lock, NULL);
	pthread_mutex_init(&audit->round, NULL);
	pthread_mutex_init(&audit->wake_lock, NULL);
	pthread_cond_init(&audit->wake, NULL);
	for (size_t i = 0; i < VAULT_ENVIRONMENTS_MAX; i++)
		watch_init(&audit->watches[i]);
	TRY(fill(audit, config));
	for (size_t i = 0; i < count; i++)
		environments[i].audit = audit;
	TRY(begin(audit, config->new_log));
	if (config->background)
		TRY(audit_start_thread(audit));
	*out = TAKE(audit);
	return PM_OK;
}

static enum pm_err write_stop(struct audit *audit, int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_VAULT_STOP, NULL, audit, NULL);
	return audit_append(audit, &leaf, NULL, deadline);
}

/* Each step has a time of its own, and is done whatever becomes of the others. */
static enum pm_err end(struct audit *audit)
{
	TRY(audit_admit(audit));
	enum pm_err err = audit_flush(audit, true, deadline_in_ms(END_TIMEOUT_MS));
	err = audit_first_error(err, write_stop(audit, deadline_in_ms(END_TIMEOUT_MS)));
	return audit_first_error(err, audit_notarize(audit, deadline_in_ms(END_TIMEOUT_MS)));
}

void audit_close(struct audit *audit)
{
	if (!audit)
		return;
	audit_stop_thread(audit);
	enum pm_err err = end(audit);
	if (err != PM_OK)
		log_warn("vault: the audit log's last entries are not all there, or not signed yet "
			 "(%s)",
			 peppermint_error_name(err));
	audit_free(audit);
}
