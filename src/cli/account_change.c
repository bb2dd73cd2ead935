/* The commands that change accounts and their products. */
#include <stdio.h>
#include <string.h>

#include "account.h"
#include "base/cleanup.h"
#include "new_key.h"
#include "step_up.h"

/* The account, and its first key if there is one. */
static enum status print_changed(struct new_key *made, const struct peppermint_account *account)
{
	bool handed_out = made->secret.text[0] || made->delivery.sealed[0];
	bool record = made->form == NEW_KEY_RECORD;

	if (handed_out) {
		new_key_name(made, account->client_id, "");
		new_key_print(made, "account", record ? account_json(account) : NULL);
	} else if (record) {
		print_json(json_pack("{s:o}", "account", must_have(account_json(account))));
	} else if (made->form != NEW_KEY_TEXT) {
		complain("it is done, and no key was minted.");
	}
	if (made->form == NEW_KEY_TEXT)
		account_print_facts(account);
	return STATUS_DONE;
}

typedef enum pm_err change_account(struct peppermint *handle,
				   const struct peppermint_account_change *change,
				   struct peppermint_account *account,
				   struct peppermint_secret *secret, struct peppermint_call *call);

static enum status make_change(struct session *session, struct peppermint_account_change *change,
			       change_account *make)
{
	struct new_key *made CLEANUP(new_key_freep) = new_key_prepare(&session->options);
	struct peppermint_account account;

	if (!made)
		return STATUS_USAGE;
	change->environment = session->options.env;
	change->id = session->argument;
	change->delivery = &made->delivery;
	enum pm_err err = make(session->vault, change, &account, &made->secret, &session->call);
	return err == PM_OK ? print_changed(made, &account) : vault_refused(session, err);
}

static enum status agree_to_close(const struct session *session,
				  enum peppermint_account_status status)
{
	if (status != PEPPERMINT_ACCOUNT_CLOSED)
		return STATUS_DONE;
	return agree(session, "closing an account revokes all its keys, for good");
}

enum status run_account_create(struct session *session)
{
	const struct options *options = &session->options;
	struct peppermint_product product = { .enabled = true };
	struct peppermint_account_change change = {
		.name = options->name,
		.merchant = options->merchant,
		.first_product = options->first_product,
		.products = &product,
		.product_count = options->product ? 1 : 0,
	};

	if (!account_status_read(options->account_status, &change.status) ||
	    !product_name_read(options->product, &product))
		return STATUS_USAGE;
	return make_change(session, &change, peppermint_create_account);
}

enum status run_account_update(struct session *session)
{
	const struct options *options = &session->options;
	struct peppermint_account_change change = {
		.name = options->name,
		.merchant = options->merchant,
		.first_product = options->first_product,
	};

	if (!(options->given & (OPT_NAME | OPT_MERCHANT | OPT_FIRST_PRODUCT | OPT_STATUS))) {
		complain("what shall be changed? Try: peppermint account update --help.");
		return STATUS_USAGE;
	}
	if (!account_status_read(options->account_status, &change.status))
		return STATUS_USAGE;
	enum status status = agree_to_close(session, change.status);
	return status == STATUS_DONE ? make_change(session, &change, peppermint_update_account)
				     : status;
}

enum status run_account_status(struct session *session)
{
	const char *verb = session->command->verb;
	struct peppermint_account_change change = {
		.status = strcmp(verb, "approve") == 0   ? PEPPERMINT_ACCOUNT_APPROVED
			  : strcmp(verb, "suspend") == 0 ? PEPPERMINT_ACCOUNT_SUSPENDED
							 : PEPPERMINT_ACCOUNT_CLOSED,
	};
	enum status status = agree_to_close(session, change.status);

	return status == STATUS_DONE ? make_change(session, &change, peppermint_update_account)
				     : status;
}

bool product_name_read(const char *name, struct peppermint_product *product)
{
	if (!name)
		return true;
	if (strlen(name) <= PEPPERMINT_PRODUCT_MAX) {
		strcpy(product->name, name);
		return true;
	}
	complain("a product's name has at most %d bytes.", PEPPERMINT_PRODUCT_MAX);
	return false;
}

static void print_products(const struct session *session, const struct peppermint_account *account)
{
	static const char *const heads[] = { "PRODUCT", "ENABLED" };
	struct table table CLEANUP(table_end) = { 0 };

	if (session->options.given & OPT_JSON) {
		print_json(account_json(account));
		return;
	}
	table_head(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < account->product_count; i++) {
		table_cell(&table, "%s", account->products[i].name);
		table_cell(&table, "%s", account->products[i].enabled ? "yes" : "no");
	}
	table_print(&table);
}

enum status run_product_change(struct session *session)
{
	struct peppermint_product product = {
		.enabled = strcmp(session->command->verb, "enable") == 0,
	};
	const struct peppermint_account_change change = {
		.environment = session->options.env,
		.id = session->argument,
		.products = &product,
		.product_count = 1,
	};
	struct peppermint_secret secret CLEANUP(peppermint_secret_wipe) = { "" };
	struct peppermint_account account;

	if (!product_name_read(session->second, &product))
		return STATUS_USAGE;
	enum pm_err err = peppermint_update_account(session->vault, &change, &account, &secret,
						    &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	print_products(session, &account);
	return STATUS_DONE;
}

enum status run_product_list(struct session *session)
{
	struct peppermint_account account;
	enum pm_err err = peppermint_get_account(session->vault, session->options.env,
						 session->argument, &account, &session->call);

	if (err != PM_OK)
		return vault_refused(session, err);
	print_products(session, &account);
	return STATUS_DONE;
}
