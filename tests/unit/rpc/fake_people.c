/* The fake vault's accounts, operators and confirmations. */
#include <stdio.h>
#include <string.h>

#include "fake_details.h"
#include "fake_vault.h"

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

static void fill_account(struct account_info *info, const char *environment, const char *id)
{
	*info = (struct account_info){
		.status = VAULT_ACCOUNT_SUSPENDED,
		.product_count = 2,
		.products = { { "loans", false }, { "payments", true } },
		.pending_activation = true,
		.created_at = 1,
		.changed_at = 2,
		.approved_at = 3,
		.closed_at = 4,
	};
	copy(info->environment, sizeof(info->environment), environment);
	copy(info->id, sizeof(info->id), id);
	memset(info->name, 'n', VAULT_NAME_MAX);
	copy(info->merchant, sizeof(info->merchant), "176269832");
	copy(info->first_product, sizeof(info->first_product), "payments");
	copy(info->client_id, sizeof(info->client_id), "0123456789ABCDEF");
	copy(info->created_by, sizeof(info->created_by), "tester/olga");
}

static void note_account(const struct account_params *params)
{
	fake_note_new();
	fake_note("set=%d%d%d name=%s merchant=%s first=%s status=%d recipient=%s",
		  params->set_name, params->set_merchant, params->set_first_product, params->name,
		  params->merchant, params->first_product, (int)params->status, params->recipient);
	for (size_t i = 0; i < params->product_count; i++)
		fake_note(" %c%s", params->products[i].enabled ? '+' : '-',
			  params->products[i].name);
}

static void fill_first(struct key_secret *secret, const char *recipient)
{
	bool sealed = *recipient != '\0';

	copy(secret->text.text, sizeof(secret->text.text), sealed ? "" : FAKE_SECRET);
	copy(secret->sealed, sizeof(secret->sealed), sealed ? "sealed:x25519:AAAA" : "");
}

enum pm_err vault_create_account(struct vault *vault, struct actor *actor,
				 const struct account_params *params, struct account_info *info,
				 struct key_secret *secret)
{
	note_account(params);
	TRY(fake_enter(vault, actor, params->environment, params->id, params->status, 0));
	fill_account(info, params->environment, params->id);
	fill_first(secret, params->recipient);
	return PM_OK;
}

enum pm_err vault_update_account(struct vault *vault, struct actor *actor,
				 const struct account_params *params, struct account_info *info,
				 struct key_secret *secret)
{
	return vault_create_account(vault, actor, params, info, secret);
}

enum pm_err vault_get_account(struct vault *vault, struct actor *actor, const char *environment,
			      const char *id, struct account_info *info)
{
	TRY(fake_enter(vault, actor, environment, id, 0, 0));
	fill_account(info, environment, id);
	return PM_OK;
}

enum pm_err vault_list_accounts(struct vault *vault, struct actor *actor, const char *environment,
				enum vault_account_status status, const char *after,
				struct account_info *infos, size_t max, size_t *count,
				uint64_t *total)
{
	TRY(fake_enter(vault, actor, environment, after, status, max));
	*count = fake_result_size(vault, max);
	*total = 77;
	for (size_t i = 0; i < *count; i++)
		fill_account(&infos[i], environment, "acme");
	return PM_OK;
}

static void fill_operator(struct operator_info *info, const char *environment, const char *id)
{
	*info = (struct operator_info){
		.grant_count = 2,
		.grants = { { "acme", OPERATOR_ADMIN }, { "*", OPERATOR_AUDITOR } },
		.has_pin = true,
		.failures = 2,
		.locked_until = 3,
		.created_at = 4,
		.changed_at = 5,
		.disabled_at = 6,
	};
	copy(info->environment, sizeof(info->environment), environment);
	copy(info->id, sizeof(info->id), id);
	memset(info->name, 'n', VAULT_NAME_MAX);
	copy(info->created_by, sizeof(info->created_by), "tester");
}

enum pm_err vault_create_operator(struct vault *vault, struct actor *actor,
				  const struct operator_params *params, struct operator_info *info)
{
	fake_note_new();
	fake_note("set=%d%d%d name=%s disabled=%d pin=%.*s", params->set_name, params->set_grants,
		  params->set_disabled, params->name, params->disabled, (int)params->new_pin.len,
		  params->new_pin.len > 0 ? (const char *)params->new_pin.data : "");
	for (size_t i = 0; i < params->grant_count; i++)
		fake_note(" %s=%d", params->grants[i].account, (int)params->grants[i].role);
	TRY(fake_enter(vault, actor, params->environment, params->id, 0, 0));
	fill_operator(info, params->environment, params->id);
	return PM_OK;
}

enum pm_err vault_update_operator(struct vault *vault, struct actor *actor,
				  const struct operator_params *params, struct operator_info *info)
{
	return vault_create_operator(vault, actor, params, info);
}

enum pm_err vault_list_operators(struct vault *vault, struct actor *actor, const char *environment,
				 const char *account, const char *after,
				 struct operator_info *infos, size_t max, size_t *count,
				 uint64_t *total, bool *more)
{
	fake_note_new();
	fake_note("after=%s", after);
	TRY(fake_enter(vault, actor, environment, account, 0, max));
	*count = fake_result_size(vault, max);
	*total = 78;
	*more = true;
	for (size_t i = 0; i < *count; i++)
		fill_operator(&infos[i], environment, "olga");
	return PM_OK;
}

enum pm_err vault_change_operator_pin(struct vault *vault, struct actor *actor,
				      const char *environment, struct bytes new_pin)
{
	fake_note_new();
	fake_note("pin=%.*s", (int)new_pin.len, (const char *)new_pin.data);
	return fake_enter(vault, actor, environment, actor->operator_name, 0, 0);
}

enum pm_err vault_confirm(struct vault *vault, struct actor *actor, const char *environment,
			  enum vault_act act, const char *subject, struct confirmation *out)
{
	TRY(fake_enter(vault, actor, environment, subject, act, 0));
	*out = (struct confirmation){ .expires_at = 99, .pin_needed = true };
	copy(out->token, sizeof(out->token), "0123456789abcdefghijkl");
	copy(out->text, sizeof(out->text), "resets the key");
	return PM_OK;
}
