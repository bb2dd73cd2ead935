/* report custodians: PCI DSS 3.6.1, 3.7.8. */
#include <string.h>

#include "base/cleanup.h"
#include "report.h"

static const struct column columns[] = {
	{ "CALLER", "caller", false },
	{ "UID", "uid", false },
	{ "CUSTODIAN", "custodian", false },
	{ "ROLES", "roles", false },
	{ "ENVIRONMENTS", "environments", false },
};

/* Is it one of the words? */
static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = words; (at = strstr(at, word)); at += len) {
		bool begins = at == words || at[-1] == ' ';

		if (begins && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

enum status run_report_custodians(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) = REPORT(
		session, "custodians",
		"Who may do what, and who has custody of keys (PCI DSS 3.6.1, 3.7.8)", columns);
	struct peppermint_inventory *inventory CLEANUP(free_ptr) =
		inventory_read(session, PEPPERMINT_REPORT_CUSTODIANS);
	size_t custodians = 0;

	if (!inventory)
		return STATUS_VAULT;
	for (size_t i = 0; i < inventory->caller_count; i++) {
		const struct peppermint_caller *caller = &inventory->callers[i];
		bool custodian = has_word(caller->roles, "custodian");

		custodians += custodian;
		sheet_row(&sheet,
			  json_pack("{s:s, s:I, s:b, s:s, s:s}", "caller", caller->name, "uid",
				    (json_int_t)caller->uid, "custodian", (int)custodian, "roles",
				    caller->roles, "environments", caller->environments));
	}
	sheet_finish(&sheet, json_pack("{s:I}", "custodians", (json_int_t)custodians));
	report_remark(&sheet,
		      "%zu of %zu callers may create and rotate keys. No caller, and not the vault "
		      "either, can read one.",
		      custodians, inventory->caller_count);
	return STATUS_DONE;
}
