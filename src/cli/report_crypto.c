/* report crypto-inventory: PCI DSS 12.3.3. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "pepper.h"
#include "report.h"

static const struct column columns[] = {
	{ "WHAT", "what", false },         { "ALGORITHM", "algorithm", false },
	{ "BITS", "strength", false },     { "STATE", "state", false },
	{ "PURPOSE", "purpose", false },   { "WHERE", "where", false },
	{ "STANDARD", "standard", false }, { "TRANSPORT", "transport", false },
};

static json_t *row(const char *what, const struct algorithm *algorithm, const char *state,
		   const char *purpose, const char *where, const char *transport)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s, s:s}", "what", what, "algorithm",
			 algorithm->name, "strength", algorithm->strength, "state", state,
			 "purpose", purpose, "where", where, "standard", algorithm->standard,
			 "transport", transport);
}

static json_t *key_row(const struct peppermint_inventory *inventory,
		       const struct peppermint_master_key *key)
{
	const struct peppermint_environment *token =
		inventory_environment(inventory, key->environment);
	char label[KEY_LABEL_ROOM];
	char where[3 * PEPPERMINT_TEXT_MAX + 64];

	key_label(key, label);
	if (!token->token_serial[0]) /* not once since the vault started */
		snprintf(where, sizeof(where), "token of %s, which does not answer",
			 key->environment);
	else
		snprintf(where, sizeof(where), "token %s (%s, serial %s)", token->token_label,
			 token->token_model, token->token_serial);
	return row(label, key_algorithm(key), pepper_state_name(key->state), key_use(key), where,
		   "PKCS#11, in peppermint-signer only");
}

/* What no token does. The sockets are named because an inventory that is silent on them is none. */
static void add_program_rows(struct sheet *sheet)
{
	static const struct algorithm none = { .name = "none", .standard = "-" };

	sheet_row(sheet, row("audit log's tree", algorithm_merkle(), "ACTIVE",
			     "makes a change of any entry show", "peppermintd, OpenSSL",
			     "in the process"));
	sheet_row(sheet,
		  row("random numbers", algorithm_random(), "ACTIVE", "secrets and ids of API keys",
		      "peppermintd, OpenSSL", "seeded by the kernel and the tokens"));
	sheet_row(sheet, row("callers' socket", &none, "ACTIVE",
			     "requests and answers; the kernel tells the caller's uid",
			     "peppermintd", "Unix socket on this host, not encrypted"));
	sheet_row(sheet, row("signers' sockets", &none, "ACTIVE",
			     "inputs and results of HMACs and signatures, and the PIN",
			     "peppermintd, peppermint-signer", "socketpair, not encrypted"));
}

static enum status print_rows(const struct session *session,
			      const struct peppermint_inventory *inventory, bool json)
{
	struct sheet sheet CLEANUP(sheet_end) =
		REPORT(session, "crypto-inventory",
		       "Inventory of keys and algorithms in use (PCI DSS 12.3.3)", columns);

	if (json)
		sheet.kind = SHEET_JSON;
	for (size_t i = 0; i < inventory->key_count; i++)
		sheet_row(&sheet, key_row(inventory, &inventory->keys[i]));
	add_program_rows(&sheet);
	sheet_finish(&sheet, NULL);
	return STATUS_DONE;
}

enum status run_report_crypto_inventory(struct session *session)
{
	const char *format = session->options.format ? session->options.format : "table";
	bool json = strcmp(format, "json") == 0;
	bool cbom = strcmp(format, "cbom") == 0;

	if (!json && !cbom && strcmp(format, "table") != 0) {
		complain("--format is table, json or cbom.");
		return STATUS_USAGE;
	}
	struct peppermint_inventory *inventory CLEANUP(free_ptr) =
		inventory_read(session, PEPPERMINT_REPORT_CRYPTO_INVENTORY);
	if (!inventory)
		return STATUS_VAULT;
	return cbom ? print_cbom(inventory) : print_rows(session, inventory, json);
}
