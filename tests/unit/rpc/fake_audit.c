/* The fake vault's audit log and inventory: what vault/audit.h has of calls. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fake_vault.h"
#include "vault/audit.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct fake_query last_query;
static size_t entry_len = 100;

struct fake_query fake_query(void)
{
	pthread_mutex_lock(&lock);
	struct fake_query query = last_query;
	pthread_mutex_unlock(&lock);
	return query;
}

void fake_entry_len(size_t len)
{
	pthread_mutex_lock(&lock);
	entry_len = len;
	pthread_mutex_unlock(&lock);
}

void vault_audit_status(struct vault *vault, struct vault_audit_status *out)
{
	(void)vault;
	*out = (struct vault_audit_status){ .state = AUDIT_UNSIGNED,
					    .detail = "no token",
					    .log = FAKE_LOG,
					    .origin = "vault.example/3",
					    .entries = 7,
					    .not_signed = 6,
					    .not_witnessed = 5,
					    .signed_at = 4 };
}

static void fill_log(struct vault_log *log, uint32_t number)
{
	*log = (struct vault_log){ .log = number,
				   .state = 1,
				   .vkey = "vault.example/1+3388d9c8+AQ",
				   .entries = 9,
				   .minimum = 8,
				   .opened_at = 7,
				   .closed_at = 6,
				   .checkpoint_size = 5,
				   .checkpoint = "vault.example/1\n5\nroot\n\n— line\n" };
	snprintf(log->origin, sizeof(log->origin), "vault.example/%u", (unsigned)number);
}

enum pm_err vault_logs(struct vault *vault, struct actor *actor, uint32_t report,
		       struct bytes known, struct vault_log *logs, size_t max, size_t *count)
{
	TRY(fake_enter(vault, actor, "", "", report, known.len));
	*count = fake_result_size(vault, max);
	for (size_t i = 0; i < *count; i++)
		fill_log(&logs[i], (uint32_t)i + 1);
	return PM_OK;
}

static size_t remember(const struct vault_log_query *query)
{
	pthread_mutex_lock(&lock);
	last_query = (struct fake_query){ .report = query->report,
					  .log = query->log,
					  .max = query->max,
					  .first = query->first,
					  .since = query->since,
					  .until = query->until,
					  .failures = query->failures };
	snprintf(last_query.texts, sizeof(last_query.texts), "%s %s %s %s %s %s", query->type,
		 query->environment, query->key_id, query->account, query->operator_name,
		 query->caller);
	size_t len = entry_len;
	pthread_mutex_unlock(&lock);
	return len;
}

enum pm_err vault_log_read(struct vault *vault, struct actor *actor,
			   const struct vault_log_query *query, vault_log_visit *visit, void *arg,
			   struct vault_log_page *page)
{
	uint8_t entry[TLOG_ENTRY_MAX];
	uint32_t told = 0;

	TRY(fake_enter(vault, actor, "", "", (int64_t)query->first, query->max));
	*page = (struct vault_log_page){ .log = FAKE_LOG,
					 .next = query->first,
					 .size = fake_result_size(vault, SIZE_MAX) };
	size_t len = remember(query);
	for (; page->next < page->size && told < query->max; page->next++, told++) {
		memset(entry, 'a' + (int)(page->next % 26), len); /* only lent */
		if (!visit(arg, page->next, bytes_of(entry, len)))
			break;
	}
	return PM_OK;
}

enum pm_err vault_log_prove(struct vault *vault, struct actor *actor, uint32_t log, uint64_t index,
			    struct vault_log_proof *out)
{
	TRY(fake_enter(vault, actor, "", "", (int64_t)index, log));
	out->log = FAKE_LOG;
	out->entry_len = TLOG_ENTRY_MAX;
	memset(out->entry, 'e', TLOG_ENTRY_MAX);
	out->text_len = sizeof(out->text);
	memset(out->text, 'p', sizeof(out->text));
	return PM_OK;
}

enum pm_err vault_log_cosign(struct vault *vault, struct actor *actor, uint32_t log,
			     struct bytes note, uint32_t *cosigned)
{
	TRY(fake_enter(vault, actor, "", "", log, note.len));
	*cosigned = 2;
	return PM_OK;
}

enum pm_err vault_log_rotate(struct vault *vault, struct actor *actor, struct vault_log *out)
{
	TRY(fake_enter(vault, actor, "", "", 0, 0));
	fill_log(out, FAKE_LOG + 1);
	return PM_OK;
}

enum pm_err vault_audit_hash(struct vault *vault, struct actor *actor, const char *environment,
			     const char *text, struct value_hash hashes[VAULT_TEXT_HASHES_MAX],
			     size_t *count)
{
	TRY(fake_enter(vault, actor, environment, text, 0, 0));
	*count = fake_result_size(vault, VAULT_TEXT_HASHES_MAX);
	for (size_t i = 0; i < *count; i++)
		snprintf(hashes[i].text, sizeof(hashes[i].text), "v%zu:hash", *count - i);
	return PM_OK;
}

enum pm_err vault_inventory(struct vault *vault, struct actor *actor, uint32_t report,
			    struct vault_master_key *keys, size_t max, size_t *count)
{
	TRY(fake_enter(vault, actor, "", "", report, max));
	*count = fake_result_size(vault, max);
	for (size_t i = 0; i < *count; i++) {
		keys[i] = (struct vault_master_key){ .environment = "live",
						     .purpose = "pepper",
						     .name = "api-keys",
						     .version = (uint32_t)i + 1,
						     .state = PEPPER_ACTIVE,
						     .algorithm = 1,
						     .created_at = 11,
						     .changed_at = 12,
						     .read_back = i == 0,
						     .sensitive = true,
						     .always_sensitive = true,
						     .never_extractable = true,
						     .local = true };
		memset(keys[i].key_id, 0xab, sizeof(keys[i].key_id));
		memset(keys[i].check_value, 0xcd, sizeof(keys[i].check_value));
	}
	return PM_OK;
}
