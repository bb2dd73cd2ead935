/* An account: how it is shown, and the commands that only look. */
#include "account.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "paging.h"
#include "when.h"

static const struct {
	const char *name;
	enum peppermint_account_status status;
} statuses[] = {
	{ "ONBOARDING", PEPPERMINT_ACCOUNT_ONBOARDING },
	{ "PENDING", PEPPERMINT_ACCOUNT_PENDING },
	{ "APPROVED", PEPPERMINT_ACCOUNT_APPROVED },
	{ "SUSPENDED", PEPPERMINT_ACCOUNT_SUSPENDED },
	{ "CLOSED", PEPPERMINT_ACCOUNT_CLOSED },
};
#define STATUS_COUNT (sizeof(statuses) / sizeof(statuses[0]))

const char *account_status_name(enum peppermint_account_status status)
{
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		if (statuses[i].status == status)
			return statuses[i].name;
	}
	return "UNKNOWN";
}

bool account_status_read(const char *text, enum peppermint_account_status *status)
{
	*status = PEPPERMINT_ACCOUNT_STATUS_UNKNOWN;
	if (!text)
		return true;
	for (size_t i = 0; i < STATUS_COUNT; i++) {
		if (strcasecmp(statuses[i].name, text) == 0)
			*status = statuses[i].status;
	}
	if (*status != PEPPERMINT_ACCOUNT_STATUS_UNKNOWN)
		return true;
	complain("--status must be onboarding, pending, approved, suspended or closed.");
	return false;
}

static json_t *products_json(const struct peppermint_account *account)
{
	json_t *products = must_have(json_array());

	for (size_t i = 0; i < account->product_count; i++)
		json_array_append_new(products,
				      json_pack("{s:s, s:b}", "name", account->products[i].name,
						"enabled", (int)account->products[i].enabled));
	return products;
}

json_t *account_json(const struct peppermint_account *account)
{
	json_t *client_id = account->client_id[0] ? json_string(account->client_id) : json_null();

	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b, s:s, s:I, s:I, s:I, s:I, s:o}",
		"environment", account->environment, "id", account->id, "name", account->name,
		"status", account_status_name(account->status), "merchant", account->merchant,
		"first_product", account->first_product, "client_id", must_have(client_id),
		"pending_activation", (int)account->pending_activation, "created_by",
		account->created_by, "created_at", (json_int_t)account->created_at, "changed_at",
		(json_int_t)account->changed_at, "approved_at", (json_int_t)account->approved_at,
		"closed_at", (json_int_t)account->closed_at, "products", products_json(account));
}

static void when_fact(struct table *table, const char *label, int64_t when)
{
	char text[WHEN_LEN];

	format_when(when, text);
	table_fact(table, label, when ? text : "");
}

void account_print_facts(const struct peppermint_account *account)
{
	struct table table CLEANUP(table_end) = { 0 };

	table_fact(&table, "Account", account->id);
	table_fact(&table, "Environment", account->environment);
	table_fact(&table, "Name", account->name);
	table_fact(&table, "Status", account_status_name(account->status));
	table_fact(&table, "Merchant", account->merchant);
	table_fact(&table, "First product", account->first_product);
	table_fact(&table, "Client id",
		   account->pending_activation ? "PENDING_ACTIVATION" : account->client_id);
	for (size_t i = 0; i < account->product_count; i++) {
		char text[PEPPERMINT_PRODUCT_MAX + 16];

		snprintf(text, sizeof(text), "%s (%s)", account->products[i].name,
			 account->products[i].enabled ? "enabled" : "disabled");
		table_fact(&table, i == 0 ? "Products" : "", text);
	}
	table_fact(&table, "Created by", account->created_by);
	when_fact(&table, "Created", account->created_at);
	when_fact(&table, "Changed", account->changed_at);
	when_fact(&table, "Approved", account->approved_at);
	when_fact(&table, "Closed", account->closed_at);
	table_print(&table);
}

enum status run_account_show(struct session *session)
{
	struct peppermint_account account;
	enum pm_err err = peppermint_get_account(session->vault, session->options.env,
						 session->argument, &account, &session->call);

	if (err != PM_OK)
		return vault_refused(session, err);
	if (session->options.given & OPT_JSON)
		print_json(account_json(&account));
	else
		account_print_facts(&account);
	return STATUS_DONE;
}

/* As a row of the list: how many products it may use, and the whole of it for programs. */
static json_t *row_of(const struct peppermint_account *account)
{
	json_t *row = must_have(account_json(account));
	size_t enabled = 0;

	for (size_t i = 0; i < account->product_count; i++)
		enabled += account->products[i].enabled;
	json_object_set_new(row, "products_enabled", json_integer((json_int_t)enabled));
	return row;
}

enum status run_account_list(struct session *session)
{
	static const struct column columns[] = {
		{ "ACCOUNT", "id", false },
		{ "NAME", "name", false },
		{ "STATUS", "status", false },
		{ "CLIENT ID", "client_id", false },
		{ "ENABLED", "products_enabled", false },
		{ "CREATED", "created_at", true },
		{ "CHANGED", "changed_at", true },
	};
	struct peppermint_account accounts[PEPPERMINT_ACCOUNT_PAGE_MAX];
	struct paging paging CLEANUP(paging_end) = paging_of(
		&session->options, "accounts",
		SHEET(session->options.given & OPT_JSON ? SHEET_JSON : SHEET_TABLE, columns));
	struct peppermint_account_filter filter = { .environment = session->options.env };

	if (!account_status_read(session->options.account_status, &filter.status))
		return STATUS_USAGE;
	while (paging_next(&paging, &filter.page_token)) {
		enum pm_err err =
			peppermint_list_accounts(session->vault, &filter, accounts, paging.size,
						 &paging.page, &session->call);
		if (err != PM_OK)
			return vault_refused(session, err);
		for (size_t i = 0; i < paging.page.count; i++)
			paging_row(&paging, row_of(&accounts[i]));
	}
	paging_finish(&paging);
	return STATUS_DONE;
}
