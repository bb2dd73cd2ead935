/* The fake vault's API keys. */
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fake_details.h"
#include "fake_vault.h"

static struct {
	pthread_mutex_t lock;
	char text[4096];
} noted = { .lock = PTHREAD_MUTEX_INITIALIZER };

void fake_details(char text[4096])
{
	pthread_mutex_lock(&noted.lock);
	memcpy(text, noted.text, sizeof(noted.text));
	pthread_mutex_unlock(&noted.lock);
}

void fake_note_new(void)
{
	pthread_mutex_lock(&noted.lock);
	noted.text[0] = '\0';
	pthread_mutex_unlock(&noted.lock);
}

__attribute__((format(printf, 1, 2))) void fake_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	pthread_mutex_lock(&noted.lock);
	size_t used = strlen(noted.text);
	vsnprintf(noted.text + used, sizeof(noted.text) - used, fmt, args);
	pthread_mutex_unlock(&noted.lock);
	va_end(args);
}

void fake_note_texts(const char *name, struct texts texts)
{
	fake_note("%s=", name);
	for (size_t i = 0; i < texts.count; i++)
		fake_note("%s,", texts.items[i]);
	fake_note(" ");
}

void fake_note_labels(struct label_texts labels)
{
	for (size_t i = 0; i < labels.count; i++)
		fake_note("label %s=%s ", labels.keys[i], labels.values[i]);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* The longest record there can be. */
static void fill_key(struct key_info *info, const char *environment, const char *id)
{
	*info = (struct key_info){
		.state = KEY_ACTIVE,
		.created_at = 1,
		.expires_at = 2,
		.rotated_at = 3,
		.overlap_until = 4,
		.revoked_at = 5,
		.secret_version = 6,
		.pepper_version = 7,
		.not_before = 8,
		.disabled_at = 9,
		.last_used_at = 10,
		.use_count = 11,
		.first_use_pending = true,
		.imported = true,
		.recoverable = true,
	};
	copy(info->environment, sizeof(info->environment), environment);
	copy(info->id, sizeof(info->id), id);
	memset(info->account, 'a', VAULT_ACCOUNT_MAX);
	memset(info->product, 'p', VAULT_PRODUCT_MAX);
	memset(info->name, 'n', VAULT_NAME_MAX);
	memset(info->external_ref, 'r', VAULT_REFERENCE_MAX);
	copy(info->masked, sizeof(info->masked), "*****xyz");
	copy(info->created_by, sizeof(info->created_by), "tester/olga");
	copy(info->scopes, sizeof(info->scopes), "payments.read payments.write");
	copy(info->labels, sizeof(info->labels), "region=eu\nteam=tills = 7\n");
	copy(info->networks, sizeof(info->networks), "10.0.0.0/8 2001:db8::/32");
}

static void fill_secret(struct key_secret *secret, const char *recipient)
{
	bool sealed = recipient && *recipient;

	copy(secret->text.text, sizeof(secret->text.text), sealed ? "" : FAKE_SECRET);
	copy(secret->sealed, sizeof(secret->sealed), sealed ? "sealed:x25519:AAAA" : "");
	copy(secret->merchant, sizeof(secret->merchant), "176269832");
}

enum pm_err vault_mint(struct vault *vault, struct actor *actor, const struct mint_params *params,
		       struct key_info *info, struct key_secret *secret)
{
	fake_note_new();
	fake_note("product=%s name=%s ref=%s not_before=%" PRId64 " disabled=%d recoverable=%d "
		  "recipient=%s ",
		  params->product, params->name, params->external_ref, params->not_before,
		  params->disabled, params->recoverable, params->recipient);
	fake_note_texts("scopes", params->scopes);
	fake_note_texts("networks", params->networks);
	fake_note_labels(params->labels);
	TRY(fake_enter(vault, actor, params->environment, params->account, params->expires_at, 0));
	fill_key(info, params->environment, "0123456789ABCDEF");
	fill_secret(secret, params->recipient);
	return PM_OK;
}

enum pm_err vault_rotate(struct vault *vault, struct actor *actor,
			 const struct rotate_params *params, struct key_info *info,
			 struct key_secret *secret)
{
	fake_note_new();
	fake_note("first_use=%d recoverable=%d recipient=%s", params->first_use,
		  params->recoverable, params->recipient);
	TRY(fake_enter(vault, actor, params->environment, params->key_id, params->overlap,
		       params->force));
	fill_key(info, params->environment, params->key_id);
	fill_secret(secret, params->recipient);
	return PM_OK;
}

enum pm_err vault_reset(struct vault *vault, struct actor *actor,
			const struct rotate_params *params, struct key_info *info,
			struct key_secret *secret)
{
	fake_note_new();
	fake_note("reset recoverable=%d recipient=%s", params->recoverable, params->recipient);
	TRY(fake_enter(vault, actor, params->environment, params->key_id, params->overlap,
		       params->force));
	fill_key(info, params->environment, params->key_id);
	fill_secret(secret, params->recipient);
	return PM_OK;
}

enum pm_err vault_rollback(struct vault *vault, struct actor *actor, const char *environment,
			   const char *key_id, struct key_info *info)
{
	TRY(fake_enter(vault, actor, environment, key_id, 0, 0));
	fill_key(info, environment, key_id);
	return PM_OK;
}

enum pm_err vault_update(struct vault *vault, struct actor *actor,
			 const struct update_params *params, struct key_info *info)
{
	fake_note_new();
	fake_note("set=%d%d%d%d%d%d%d disabled=%d name=%s not_before=%" PRId64
		  " expires_at=%" PRId64 " ",
		  params->set_disabled, params->set_name, params->set_not_before,
		  params->set_expires_at, params->set_scopes, params->set_labels,
		  params->set_networks, params->disabled, params->name, params->not_before,
		  params->expires_at);
	fake_note_texts("scopes", params->scopes);
	fake_note_texts("networks", params->networks);
	fake_note_labels(params->labels);
	TRY(fake_enter(vault, actor, params->environment, params->key_id, 0, 0));
	fill_key(info, params->environment, params->key_id);
	return PM_OK;
}

enum pm_err vault_revoke(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, struct key_info *info)
{
	TRY(fake_enter(vault, actor, environment, key_id, 0, 0));
	fill_key(info, environment, key_id);
	return PM_OK;
}

enum pm_err vault_get(struct vault *vault, struct actor *actor, const char *environment,
		      const char *key_id, struct key_info *info)
{
	TRY(fake_enter(vault, actor, environment, key_id, 0, 0));
	fill_key(info, environment, key_id);
	return PM_OK;
}

enum pm_err vault_reveal(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, const char *recipient, struct key_secret *secret)
{
	TRY(fake_enter(vault, actor, environment, key_id, 0, 0));
	fill_secret(secret, recipient);
	return PM_OK;
}

enum pm_err vault_list(struct vault *vault, struct actor *actor, const struct list_params *params,
		       struct key_page *page)
{
	fake_note_new();
	fake_note("product=%s text=%s states=%x sort=%d ascending=%d before=%" PRId64 " token=%s",
		  params->product, params->text, params->states, (int)params->sort,
		  params->ascending, params->expires_before, params->page_token);
	TRY(fake_enter(vault, actor, params->environment, params->account,
		       (int64_t)params->page_size, 0));
	page->count = fake_result_size(vault, params->page_size);
	for (size_t i = 0; i < page->count; i++)
		fill_key(&page->keys[i], params->environment, "0123456789ABCDEF");
	page->total = 1234;
	page->total_is_least = true;
	copy(page->next_page_token, sizeof(page->next_page_token), "next-page");
	return PM_OK;
}

static void note_presented(const struct presented *presented)
{
	fake_note("[key=%.*s address=%s product=%s ", (int)presented->key.len,
		  presented->key.len > 0 ? (const char *)presented->key.data : "",
		  presented->address ? presented->address : "NULL",
		  presented->product ? presented->product : "NULL");
	for (size_t i = 0; i < presented->header_count; i++)
		fake_note("header=%s ", presented->headers[i]);
	fake_note_texts("scopes", presented->scopes);
	fake_note("]");
}

/* Good is the key `good`, or the header `Bearer good`. */
static bool is_good(const struct presented *presented)
{
	if (presented->header_count == 1)
		return strcmp(presented->headers[0], "Bearer good") == 0;
	return presented->key.len == 4 && memcmp(presented->key.data, "good", 4) == 0;
}

static void fill_detail(struct verdict_detail *detail)
{
	copy(detail->external_ref, sizeof(detail->external_ref), "order-7");
	copy(detail->scopes, sizeof(detail->scopes), "payments.read payments.write");
	copy(detail->labels, sizeof(detail->labels), "team=tills\n");
}

enum pm_err vault_verify(struct vault *vault, struct actor *actor, const char *environment,
			 const struct presented *presented, size_t count, struct verdict *verdicts,
			 struct verdict_detail *details)
{
	fake_note_new();
	fake_note("%s", details ? "details " : "");
	TRY(fake_enter(vault, actor, environment, "", 0, count));
	for (size_t i = 0; i < count; i++) {
		struct verdict *verdict = &verdicts[i];

		note_presented(&presented[i]);
		*verdict = (struct verdict){ .reason = PM_REASON_WRONG_SECRET };
		if (!is_good(&presented[i]))
			continue;
		*verdict = (struct verdict){
			.valid = true, .expires_at = 8, .secret_expires_at = 9, .compromised = true
		};
		copy(verdict->key_id, sizeof(verdict->key_id), "0123456789ABCDEF");
		memset(verdict->account, 'a', VAULT_ACCOUNT_MAX);
		memset(verdict->product, 'p', VAULT_PRODUCT_MAX);
		if (details)
			fill_detail(&details[i]);
	}
	return PM_OK;
}

enum pm_err vault_verify_secret(struct vault *vault, struct actor *actor, const char *environment,
				const char *key_id, struct bytes text, bool *match)
{
	TRY(fake_enter(vault, actor, environment, key_id, 0, text.len));
	*match = text.len == 4 && memcmp(text.data, "good", 4) == 0;
	return PM_OK;
}

enum pm_err vault_import_keys(struct vault *vault, struct actor *actor, const char *environment,
			      const struct import_item *items, size_t count,
			      struct import_outcome *outcomes)
{
	fake_note_new();
	TRY(fake_enter(vault, actor, environment, "", 0, count));
	for (size_t i = 0; i < count; i++) {
		fake_note("[form=%d value=%zu hmac_key=%s account=%s product=%s name=%s ref=%s "
			  "tail=%s times=%" PRId64 ",%" PRId64 ",%" PRId64 " disabled=%d ",
			  (int)items[i].form, items[i].value.len, items[i].hmac_key,
			  items[i].account, items[i].product, items[i].name, items[i].external_ref,
			  items[i].tail, items[i].created_at, items[i].not_before,
			  items[i].expires_at, items[i].disabled);
		fake_note_texts("scopes", items[i].scopes);
		fake_note_labels(items[i].labels);
		fake_note("]");
		outcomes[i] = (struct import_outcome){ .error = PM_OK };
		snprintf(outcomes[i].key_id, sizeof(outcomes[i].key_id), "key%u",
			 (unsigned)i % 1000);
	}
	return PM_OK;
}

enum pm_err vault_report_leaks(struct vault *vault, struct actor *actor, const char *key_id,
			       struct bytes payload, struct bytes signature,
			       struct leak_verdict verdicts[VAULT_LEAKS_MAX], size_t *count)
{
	TRY(fake_enter(vault, actor, "", key_id, (int64_t)payload.len, signature.len));
	*count = fake_result_size(vault, VAULT_LEAKS_MAX);
	for (size_t i = 0; i < *count; i++) {
		verdicts[i] = (struct leak_verdict){ .known = true, .action = LEAK_REVOKED };
		copy(verdicts[i].environment, sizeof(verdicts[i].environment), "live");
		copy(verdicts[i].key_id, sizeof(verdicts[i].key_id), "0123456789ABCDEF");
	}
	return PM_OK;
}
