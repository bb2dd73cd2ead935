#define _GNU_SOURCE
#include "fake_vault.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "vault/audit.h"

struct vault {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum pm_err err;
	const char *held;
	size_t size;
	unsigned entered, left, executed;
	struct fake_asked asked;
	bool receipts;
	struct fake_told told;
	enum pm_err tell_err;
};

static struct vault the_vault = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.changed = PTHREAD_COND_INITIALIZER,
};

static const char *const names[] = { "test", "live" };

struct vault *fake_vault(void)
{
	return &the_vault;
}

void fake_reset(void)
{
	char pins[1024];

	fake_entry_len(100);
	fake_pins(pins);
	fake_why(NULL);
	pthread_mutex_lock(&the_vault.lock);
	the_vault.err = PM_OK;
	the_vault.held = NULL;
	the_vault.size = 1;
	the_vault.entered = the_vault.left = the_vault.executed = 0;
	the_vault.asked = (struct fake_asked){ 0 };
	the_vault.receipts = false;
	the_vault.told = (struct fake_told){ 0 };
	the_vault.tell_err = PM_OK;
	pthread_cond_broadcast(&the_vault.changed);
	pthread_mutex_unlock(&the_vault.lock);
}

void fake_fail(enum pm_err err)
{
	pthread_mutex_lock(&the_vault.lock);
	the_vault.err = err;
	pthread_mutex_unlock(&the_vault.lock);
}

void fake_hold(const char *environment)
{
	pthread_mutex_lock(&the_vault.lock);
	the_vault.held = environment;
	pthread_cond_broadcast(&the_vault.changed);
	pthread_mutex_unlock(&the_vault.lock);
}

void fake_release(void)
{
	fake_hold(NULL);
}

void fake_size(size_t size)
{
	pthread_mutex_lock(&the_vault.lock);
	the_vault.size = size;
	pthread_mutex_unlock(&the_vault.lock);
}

unsigned fake_entered(void)
{
	pthread_mutex_lock(&the_vault.lock);
	unsigned entered = the_vault.entered;
	pthread_mutex_unlock(&the_vault.lock);
	return entered;
}

unsigned fake_left(void)
{
	pthread_mutex_lock(&the_vault.lock);
	unsigned left = the_vault.left;
	pthread_mutex_unlock(&the_vault.lock);
	return left;
}

unsigned fake_executed(void)
{
	pthread_mutex_lock(&the_vault.lock);
	unsigned executed = the_vault.executed;
	pthread_mutex_unlock(&the_vault.lock);
	return executed;
}

void fake_await_entered(unsigned count)
{
	pthread_mutex_lock(&the_vault.lock);
	while (the_vault.entered < count)
		pthread_cond_wait(&the_vault.changed, &the_vault.lock);
	pthread_mutex_unlock(&the_vault.lock);
}

struct fake_asked fake_asked(void)
{
	pthread_mutex_lock(&the_vault.lock);
	struct fake_asked asked = the_vault.asked;
	pthread_mutex_unlock(&the_vault.lock);
	return asked;
}

size_t fake_result_size(struct vault *vault, size_t most)
{
	pthread_mutex_lock(&vault->lock);
	size_t size = vault->size < most ? vault->size : most;
	pthread_mutex_unlock(&vault->lock);
	return size;
}

void fake_give_receipts(bool give)
{
	pthread_mutex_lock(&the_vault.lock);
	the_vault.receipts = give;
	pthread_mutex_unlock(&the_vault.lock);
}

struct fake_told fake_told(void)
{
	pthread_mutex_lock(&the_vault.lock);
	struct fake_told told = the_vault.told;
	pthread_mutex_unlock(&the_vault.lock);
	return told;
}

void fake_await_told(unsigned count)
{
	pthread_mutex_lock(&the_vault.lock);
	while (the_vault.told.refusals + the_vault.told.failures < count)
		pthread_cond_wait(&the_vault.changed, &the_vault.lock);
	pthread_mutex_unlock(&the_vault.lock);
}

void fake_tell_fails(enum pm_err err)
{
	pthread_mutex_lock(&the_vault.lock);
	the_vault.tell_err = err;
	pthread_mutex_unlock(&the_vault.lock);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static bool is_held(const struct vault *vault, const char *environment)
{
	return vault->held && strcmp(vault->held, environment) == 0;
}

static struct fake_asked asked_by(const struct actor *actor)
{
	struct fake_asked asked = { .uid = actor->uid,
				    .gid = actor->gid,
				    .pid = actor->pid,
				    .rpc = actor->rpc,
				    .connection = actor->connection,
				    .deadline = actor->deadline };

	copy(asked.caller, sizeof(asked.caller), actor->caller);
	copy(asked.operator, sizeof(asked.operator), actor->operator_name);
	copy(asked.request_id, sizeof(asked.request_id), actor->request_id);
	copy(asked.confirmation, sizeof(asked.confirmation), actor->confirmation);
	copy(asked.authorization, sizeof(asked.authorization), actor->authorization);
	asked.on_behalf = actor->on_behalf;
	asked.environments = actor->environments;
	snprintf(asked.pin, sizeof(asked.pin), "%.*s", (int)actor->pin.len,
		 actor->pin.len > 0 ? (const char *)actor->pin.data : "");
	return asked;
}

static void give_receipt(struct actor *actor)
{
	actor->receipt = (struct vault_receipt){ .log = FAKE_LOG, .index = FAKE_INDEX };
	memset(actor->receipt.leaf, 0x5a, sizeof(actor->receipt.leaf));
}

/* What every call does: remembers, waits if held, and says how to end. */
enum pm_err fake_enter(struct vault *vault, struct actor *actor, const char *environment,
		       const char *name, int64_t number, size_t count)
{
	const struct timespec until = deadline_timespec(actor->deadline);
	struct fake_asked *asked = &vault->asked;
	int rv = 0;

	pthread_mutex_lock(&vault->lock);
	*asked = asked_by(actor);
	asked->number = number;
	asked->count = count;
	copy(asked->environment, sizeof(asked->environment), environment);
	copy(asked->name, sizeof(asked->name), name);
	vault->entered++;
	pthread_cond_broadcast(&vault->changed);
	while (is_held(vault, environment) && rv == 0)
		rv = pthread_cond_clockwait(&vault->changed, &vault->lock, CLOCK_MONOTONIC, &until);
	enum pm_err err = rv != 0 ? PM_HSM_UNAVAILABLE : vault->err;
	vault->left++;
	if (err == PM_OK)
		vault->executed++;
	if (vault->receipts && err == PM_OK)
		give_receipt(actor);
	pthread_mutex_unlock(&vault->lock);
	if (err == PM_ALREADY_DONE)
		copy(actor->done_subject, sizeof(actor->done_subject), "0123456789ABCDEF");
	return err;
}

/* Entries of the audit log about what was not done. */
static enum pm_err tell(struct actor *actor, unsigned *counter, const char *rpc,
			const char *environment, enum pm_err why, uint64_t missed)
{
	const struct timespec until = deadline_timespec(actor->deadline);
	struct vault *vault = &the_vault;
	struct fake_told *told = &vault->told;
	int rv = 0;

	pthread_mutex_lock(&vault->lock);
	(*counter)++;
	told->actor = asked_by(actor);
	told->why = why;
	copy(told->rpc, sizeof(told->rpc), rpc ? rpc : "NULL");
	copy(told->environment, sizeof(told->environment), environment ? environment : "NULL");
	pthread_cond_broadcast(&vault->changed);
	while (is_held(vault, FAKE_TELLING) && rv == 0)
		rv = pthread_cond_clockwait(&vault->changed, &vault->lock, CLOCK_MONOTONIC, &until);
	enum pm_err err = rv != 0 ? PM_AUDIT_BLOCKED : vault->tell_err;
	if (err == PM_OK)
		told->missed += missed;
	if (vault->receipts && err == PM_OK)
		give_receipt(actor);
	pthread_mutex_unlock(&vault->lock);
	return err;
}

enum pm_err vault_audit_refusal(struct vault *vault, struct actor *actor, const char *rpc,
				const char *environment, enum pm_err why)
{
	return tell(actor, &vault->told.refusals, rpc, environment, why, 0);
}

enum pm_err vault_audit_stranger(struct vault *vault, struct actor *actor, uint64_t missed)
{
	return tell(actor, &vault->told.refusals, NULL, NULL, PM_DENIED, missed);
}

bool vault_audit_tells(enum pm_err why)
{
	return why != PM_BUSY && why != PM_SHUTTING_DOWN && why != PM_NO_MEMORY;
}

enum pm_err vault_audit_failure(struct vault *vault, struct actor *actor, const char *rpc,
				const char *environment, enum pm_err why)
{
	return tell(actor, &vault->told.failures, rpc, environment, why, 0);
}

size_t vault_environment_count(const struct vault *vault)
{
	(void)vault;
	return sizeof(names) / sizeof(names[0]);
}

enum pm_err vault_find_environment(const struct vault *vault, const char *name, size_t *index)
{
	(void)vault;
	for (*index = 0; *index < sizeof(names) / sizeof(names[0]); (*index)++) {
		if (strcmp(names[*index], name) == 0)
			return PM_OK;
	}
	return PM_NOT_FOUND;
}

enum pm_err vault_hash(struct vault *vault, struct actor *actor, const char *environment,
		       const char *pepper, const struct bytes *values, size_t count,
		       struct value_hash *hashes)
{
	TRY(fake_enter(vault, actor, environment, pepper, 0, count));
	for (size_t i = 0; i < count; i++)
		snprintf(hashes[i].text, sizeof(hashes[i].text), "v1:%zu", values[i].len);
	return PM_OK;
}

enum pm_err vault_verify_hash(struct vault *vault, struct actor *actor, const char *environment,
			      const char *pepper, const struct hash_claim *claims, size_t count,
			      struct hash_verdict *verdicts)
{
	TRY(fake_enter(vault, actor, environment, pepper, 0, count));
	for (size_t i = 0; i < count; i++) {
		bool match = claims[i].value.len == claims[i].hash.len;

		verdicts[i] = (struct hash_verdict){ .match = match,
						     .outdated = match,
						     .compromised = match,
						     .reason = match ? PM_REASON_NONE
								     : PM_REASON_MISMATCH };
	}
	return PM_OK;
}

static void fill_pepper(struct pepper_info *info, size_t versions, const char *environment,
			const char *name)
{
	*info = (struct pepper_info){ .count = versions };
	copy(info->environment, sizeof(info->environment), environment);
	copy(info->name, sizeof(info->name), name);
	for (size_t i = 0; i < versions; i++) {
		info->versions[i] = (struct pepper_version){ .version = (uint32_t)i + 1,
							     .state = PEPPER_VERIFY_ONLY,
							     .created_at = 77 };
		memset(info->versions[i].key_id, 0xab, sizeof(info->versions[i].key_id));
		memset(info->versions[i].check_value, 0xcd, sizeof(info->versions[i].check_value));
	}
}

enum pm_err vault_create_pepper(struct vault *vault, struct actor *actor, const char *environment,
				const char *name, struct pepper_info *info)
{
	TRY(fake_enter(vault, actor, environment, name, 0, 0));
	fill_pepper(info, fake_result_size(vault, VAULT_PEPPER_VERSIONS_MAX), environment, name);
	return PM_OK;
}

enum pm_err vault_rotate_pepper(struct vault *vault, struct actor *actor, const char *environment,
				const char *name, struct pepper_info *info)
{
	TRY(fake_enter(vault, actor, environment, name, 0, 0));
	fill_pepper(info, fake_result_size(vault, VAULT_PEPPER_VERSIONS_MAX), environment, name);
	return PM_OK;
}

enum pm_err vault_list_peppers(struct vault *vault, struct actor *actor, const char *environment,
			       struct pepper_info *infos, size_t *count)
{
	TRY(fake_enter(vault, actor, environment, "", 0, 0));
	*count = fake_result_size(vault, VAULT_PEPPERS_MAX);
	for (size_t i = 0; i < *count; i++)
		fill_pepper(&infos[i], 2, environment, "pan");
	return PM_OK;
}

enum pm_err vault_environment_status(struct vault *vault, size_t index,
				     struct environment_info *info)
{
	(void)vault;
	*info = (struct environment_info){
		.state = ENV_SERVING,
		.keys = 5,
		.quarantined = 6,
		.signer_restarts = 7,
		.orphans = 8,
		.warnings = 9,
		.sessions = 10,
		.proven = true,
		.checked_at = 11,
		.token_count = 2,
		.tokens = { { .serial = "first", .state = 1, .active = true },
			    { .label = "clone",
			      .state = 4,
			      .detail = "it lacks pan/v2",
			      .restarts = 12 } }
	};
	copy(info->name, sizeof(info->name), names[index]);
	copy(info->prefix, sizeof(info->prefix), "ak_x_");
	copy(info->token_label, sizeof(info->token_label), "label");
	return PM_OK;
}
