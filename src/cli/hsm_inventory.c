/* hsm inventory --module: what is in a token that no vault uses. */
#include <stdio.h>

#include "base/cleanup.h"
#include "hsm_objects.h"
#include "report.h"

static const struct column object_columns[] = {
	{ "CLASS", "class", false },
	{ "TYPE", "type", false },
	{ "LABEL", "label", false },
	{ "ID", "id", false },
	{ "SENSITIVE", "sensitive", false },
	{ "ALWAYS", "always_sensitive", false },
	{ "EXTRACTABLE", "extractable", false },
	{ "NEVER", "never_extractable", false },
	{ "LOCAL", "local", false },
	{ "SIGN", "sign", false },
	{ "PRIVATE", "private", false },
	{ "MODIFIABLE", "modifiable", false },
	{ "DESTROYABLE", "destroyable", false },
	{ "MECHANISMS", "allowed_mechanisms", false },
	{ "ENFORCED", "enforced", false },
	{ "VERDICT", "verdict", false },
};

static const struct column mechanism_columns[] = {
	{ "MECHANISM", "name", false },           { "ANNOUNCED", "announced", false },
	{ "HARDWARE", "hardware", false },        { "SMALLEST KEY", "min_key_size", false },
	{ "LARGEST KEY", "max_key_size", false },
};

/* Printed when all of it was read, or all that could be. */
struct inventory {
	json_t *objects, *mechanisms;
	size_t ours, faulty;
};

static void inventory_end(struct inventory *inventory)
{
	json_decref(inventory->objects);
	json_decref(inventory->mechanisms);
}

/* Other keys of the token may be as their owners like, and public ones are not judged. */
static void count_key(struct inventory *inventory, const json_t *object)
{
	if (!json_is_true(json_object_get(object, "peppermint")) ||
	    !json_object_get(object, "verdict"))
		return;
	inventory->ours++;
	inventory->faulty += json_array_size(json_object_get(object, "faults")) > 0;
}

static void add_row(void *arg, json_t *message)
{
	struct inventory *inventory = arg;
	json_t *object = json_object_get(message, "object");

	if (object) {
		count_key(inventory, object);
		json_array_append(inventory->objects, object);
	} else {
		json_array_append(inventory->mechanisms, json_object_get(message, "mechanism"));
	}
	json_decref(message);
}

static void print_token(const struct token *token)
{
	static const char *const facts[][2] = {
		{ "token", "label" },         { "serial", "serial" },
		{ "model", "model" },         { "manufacturer", "manufacturer" },
		{ "firmware", "firmware" },   { "hardware", "hardware" },
		{ "certified", "certified" }, { "state", "state" },
	};
	struct table table CLEANUP(table_end) = { 0 };

	for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++)
		table_fact(&table, facts[i][0],
			   json_string_value(json_object_get(token->row, facts[i][1])));
	table_print(&table);
	putchar('\n');
}

static void add_all(struct sheet *sheet, const json_t *rows)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		sheet_row(sheet, json_incref(json_array_get(rows, i)));
}

static void print_mechanisms(const json_t *mechanisms)
{
	struct sheet sheet CLEANUP(sheet_end) = SHEET(SHEET_TABLE, mechanism_columns);

	putchar('\n');
	add_all(&sheet, mechanisms);
	sheet_finish(&sheet, NULL);
	puts("\nAnnounced is not proven: peppermint hsm self-test.");
}

static void print_inventory(const struct session *session, const struct token *token,
			    const struct inventory *inventory, bool complete)
{
	struct sheet sheet CLEANUP(sheet_end) =
		REPORT(session, "hsm-inventory", NULL, object_columns);

	if (sheet.kind == SHEET_TABLE)
		print_token(token);
	add_all(&sheet, inventory->objects);
	sheet_finish(&sheet,
		     json_pack("{s:O, s:O, s:I, s:I, s:b}", "token", token->row, "mechanisms",
			       inventory->mechanisms, "keys_of_vaults", (json_int_t)inventory->ours,
			       "faulty", (json_int_t)inventory->faulty, "complete", (int)complete));
	if (sheet.kind == SHEET_TABLE)
		print_mechanisms(inventory->mechanisms);
	report_remark(&sheet, "%zu of %zu keys of vaults are not as they must be.",
		      inventory->faulty, inventory->ours);
	if (token_is_software(token))
		software_remark(&sheet);
}

static enum status inventory_offline(struct session *session)
{
	struct inventory inventory CLEANUP(inventory_end) = {
		.objects = must_have(json_array()),
		.mechanisms = must_have(json_array()),
	};
	struct slots slots CLEANUP(slots_end) = { 0 };
	int lock CLEANUP(close_fd) = -1;
	struct token *token = NULL;
	enum status status = token_choose(session, &slots, &token, &lock);

	if (status == STATUS_DONE)
		status = token_work(session, token, objects_read, add_row, &inventory);
	if (status == STATUS_DONE || json_array_size(inventory.objects) > 0)
		print_inventory(session, token, &inventory, status == STATUS_DONE);
	return status == STATUS_DONE && inventory.faulty ? STATUS_REFUSED : status;
}

enum status run_hsm_inventory(struct session *session)
{
	return hsm_is_offline(session) ? inventory_offline(session)
				       : run_hsm_inventory_online(session);
}
