/* The `hsm` commands that a running vault carries out. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "hsm.h"
#include "hsm_pins.h"
#include "hsm_token.h"
#include "orphan.h"
#include "report.h"

static enum status needs_environment(const struct session *session)
{
	const struct options *options = &session->options;

	if (options->given & (OPT_TOKEN | OPT_INIT_ARGS | OPT_LAST_TRY)) {
		complain("--token, --init-args and --last-try go with --module: a running vault "
			 "knows its token. Nothing was done.");
		return STATUS_USAGE;
	}
	if (options->given & OPT_ENV)
		return STATUS_DONE;
	complain("%s %s needs --env E, or --module PATH for a token that no vault uses. Try: "
		 "peppermint hsm %s --help.",
		 session->command->group, session->command->verb, session->command->verb);
	return STATUS_USAGE;
}

enum status run_hsm_change_pin_online(struct session *session)
{
	const char *environment = session->options.env;
	struct pins *pins CLEANUP(pins_freep) = pins_new();
	enum status status = pins ? needs_environment(session) : STATUS_VAULT;

	const struct pins_asked asked = { .given = "PIN",
					  .wanted = "new PIN",
					  .environment = environment };
	if (status == STATUS_DONE)
		status = pins_read(&asked, pins);
	if (status != STATUS_DONE)
		return status;
	const struct peppermint_value given = { pins->given, strlen(pins->given) };
	const struct peppermint_value wanted = { pins->wanted, strlen(pins->wanted) };
	be_patient(session);
	enum pm_err err =
		peppermint_change_pin(session->vault, environment, &given, &wanted, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	if (session->options.given & OPT_JSON)
		print_json(json_pack("{s:s, s:b}", "environment", environment, "changed", 1));
	else
		printf("%s has its new PIN. Write it into the environment's pin_file as well, if "
		       "it has one.\n",
		       environment);
	return STATUS_DONE;
}

static const struct column object_columns[] = {
	{ "LABEL", "label", false },
	{ "ID", "id", false },
	{ "ALGORITHM", "algorithm", false },
	{ "STATE", "state", false },
	{ "SENSITIVE", "sensitive", false },
	{ "ALWAYS", "always_sensitive", false },
	{ "EXTRACTABLE", "extractable", false },
	{ "NEVER", "never_extractable", false },
	{ "LOCAL", "local", false },
	{ "PRIVATE", "private", false },
	{ "MODIFIABLE", "modifiable", false },
	{ "DESTROYABLE", "destroyable", false },
	{ "RESTRICTED", "restricted", false },
	{ "VERDICT", "verdict", false },
};

static const struct column mechanism_columns[] = {
	{ "MECHANISM", "name", false },
	{ "ANNOUNCED", "announced", false },
	{ "PROVEN", "proven", false },
	{ "ENFORCED", "enforced", false },
};

/* false is a wrong answer; one that was not asked for is unknown. */
static json_t *proof_json(enum peppermint_proof proof)
{
	return proof == PEPPERMINT_PROOF_NOT_TRIED ? json_null()
						   : json_boolean(proof == PEPPERMINT_PROOF_GOOD);
}

static json_t *mechanism_json(const struct peppermint_mechanism *mechanism)
{
	return json_pack("{s:s, s:I, s:b, s:o, s:b}", "name", mechanism->name, "type",
			 (json_int_t)mechanism->type, "announced", (int)mechanism->announced,
			 "proven", proof_json(mechanism->proof), "enforced",
			 (int)mechanism->enforced);
}

static json_t *mechanisms_json(const struct peppermint_token *token)
{
	json_t *mechanisms = json_array();

	for (size_t i = 0; i < token->mechanism_count; i++)
		json_array_append_new(mechanisms, mechanism_json(&token->mechanisms[i]));
	return mechanisms;
}

static json_t *memory_json(const struct peppermint_token *token)
{
	return token->free_private_memory == UINT64_MAX
		       ? json_null()
		       : json_integer((json_int_t)token->free_private_memory);
}

static const char *certified_text(const struct peppermint_token *token)
{
	return token->not_certified ? "NOT CERTIFIED" : "see its certificate";
}

static json_t *token_json(const struct peppermint_token *token)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I, s:o, s:b}",
			 "label", token->label, "serial", token->serial, "model", token->model,
			 "manufacturer", token->manufacturer, "firmware", token->firmware,
			 "hardware", token->hardware, "certified", certified_text(token), "active",
			 (int)token->active, "flags", (json_int_t)token->flags, "sessions",
			 (json_int_t)token->sessions, "max_sessions",
			 (json_int_t)token->max_sessions, "free_private_memory", memory_json(token),
			 "session_copies", (int)token->session_copies);
}

static void fact_of_number(struct table *table, const char *label, uint64_t number)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	table_fact(table, label, text);
}

static void print_token(const struct peppermint_token *token)
{
	struct table table CLEANUP(table_end) = { 0 };

	table_fact(&table, "token", token->label);
	table_fact(&table, "serial", token->serial);
	table_fact(&table, "model", token->model);
	table_fact(&table, "manufacturer", token->manufacturer);
	table_fact(&table, "firmware", token->firmware);
	table_fact(&table, "hardware", token->hardware);
	table_fact(&table, "certified", certified_text(token));
	table_fact(&table, "active", token->active ? "yes" : "no, the other one computes");
	table_cell(&table, "%s", "flags");
	table_cell(&table, "0x%" PRIx64, token->flags);
	fact_of_number(&table, "sessions", token->sessions);
	if (token->max_sessions)
		fact_of_number(&table, "at most", token->max_sessions);
	if (token->free_private_memory != UINT64_MAX)
		fact_of_number(&table, "free bytes", token->free_private_memory);
	table_fact(&table, "keys used as", token->session_copies ? "session objects" : "they are");
	table_print(&table);
	putchar('\n');
}

static void print_mechanisms(const struct peppermint_token *token)
{
	struct sheet sheet CLEANUP(sheet_end) = SHEET(SHEET_TABLE, mechanism_columns);

	putchar('\n');
	for (size_t i = 0; i < token->mechanism_count; i++)
		sheet_row(&sheet, mechanism_json(&token->mechanisms[i]));
	sheet_finish(&sheet, NULL);
}

static enum status print_inventory(const struct session *session,
				   const struct peppermint_token *token)
{
	struct sheet sheet CLEANUP(sheet_end) =
		REPORT(session, "hsm-inventory", NULL, object_columns);
	size_t faulty = 0, orphans = 0;

	if (sheet.kind == SHEET_TABLE)
		print_token(token);
	for (size_t i = 0; i < token->object_count; i++) {
		const struct peppermint_object *object = &token->objects[i];

		faulty += object_fault(object)[0] != '\0';
		orphans += object_is_orphan(object);
		sheet_row(&sheet, object_json(object));
	}
	sheet_finish(&sheet, json_pack("{s:o, s:o, s:I, s:I, s:I}", "token", token_json(token),
				       "mechanisms", mechanisms_json(token), "keys_of_vaults",
				       (json_int_t)token->object_count, "faulty",
				       (json_int_t)faulty, "orphans", (json_int_t)orphans));
	if (sheet.kind == SHEET_TABLE)
		print_mechanisms(token);
	report_remark(&sheet, "%zu of %zu keys of vaults are not as they must be.", faulty,
		      token->object_count);
	if (orphans)
		report_remark(&sheet,
			      "%zu are orphans: no record names them. To settle one: peppermint "
			      "hsm adopt or hsm destroy-orphan.",
			      orphans);
	if (token->not_certified)
		software_remark(&sheet);
	return faulty ? STATUS_REFUSED : STATUS_DONE;
}

enum status run_hsm_inventory_online(struct session *session)
{
	struct peppermint_token *token CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*token)));
	const struct options *options = &session->options;
	enum status status = needs_environment(session);

	if (status != STATUS_DONE)
		return status;
	be_patient(session);
	enum pm_err err = peppermint_inspect_token(session->vault, options->env,
						   options->token_index, token, &session->call);
	return err == PM_OK ? print_inventory(session, token) : vault_refused(session, err);
}
