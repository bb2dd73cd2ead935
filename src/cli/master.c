/* `master list`, and the versions of master keys for people and programs. */
#include "master.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "pepper.h"
#include "when.h"

static enum status no_name(void)
{
	complain("a master key is named PURPOSE/NAME, such as integrity/records. Try: peppermint "
		 "master list.");
	return STATUS_USAGE;
}

enum status master_name(const struct session *session, struct master_name *name)
{
	const char *text = session->argument;
	const char *slash = strchr(text, '/');
	bool pepper = strcmp(session->command->group, "pepper") == 0;
	const char *last = pepper ? text : slash ? slash + 1 : "";

	*name = (struct master_name){ .purpose = "pepper" };
	if (strlen(last) >= sizeof(name->name)) {
		complain("a key's name has at most %zu bytes.", sizeof(name->name) - 1);
		return STATUS_USAGE;
	}
	strcpy(name->name, last);
	if (pepper)
		return STATUS_DONE;
	if (!slash || slash == text || *last == '\0' ||
	    (size_t)(slash - text) >= sizeof(name->purpose))
		return no_name();
	memset(name->purpose, 0, sizeof(name->purpose));
	memcpy(name->purpose, text, (size_t)(slash - text));
	return STATUS_DONE;
}

enum pm_err masters_read(struct session *session, const struct master_name *name,
			 struct masters *masters)
{
	be_patient(session);
	return peppermint_list_masters(session->vault, session->options.env,
				       name ? name->purpose : "", name ? name->name : "",
				       masters->all, PEPPERMINT_MASTERS_MAX, &masters->count,
				       &session->call);
}

const struct peppermint_master *masters_find(const struct masters *masters, uint32_t version)
{
	for (size_t i = 0; i < masters->count; i++) {
		const struct peppermint_master *master = &masters->all[i];

		if (version == 0 ? master->state == PEPPERMINT_PEPPER_ACTIVE
				 : master->version == version)
			return master;
	}
	return NULL;
}

static void set_number(json_t *row, const char *name, uint64_t number)
{
	json_object_set_new(row, name, json_integer((json_int_t)number));
}

static void set_when(json_t *row, const char *name, int64_t when)
{
	json_object_set_new(row, name, json_integer(when));
}

json_t *master_json(const struct peppermint_master *master)
{
	json_t *row = must_have(json_pack("{s:s, s:s, s:s, s:I, s:s}", "environment",
					  master->environment, "purpose", master->purpose, "name",
					  master->name, "version", (json_int_t)master->version,
					  "state", pepper_state_name(master->state)));

	set_when(row, "created_at", master->created_at);
	set_when(row, "activated_at", master->activated_at);
	set_when(row, "changed_at", master->changed_at);
	set_when(row, "ends_at", master->ends_at);
	set_when(row, "destroy_at", master->destroy_at);
	set_when(row, "make_until", master->make_until);
	set_when(row, "verify_until", master->verify_until);
	set_number(row, "uses", master->uses);
	set_number(row, "uses_max", master->uses_max);
	set_when(row, "last_used_at", master->last_used_at);
	set_number(row, "needed", master->needed);
	set_number(row, "wrapped", master->wrapped);
	set_number(row, "ended", master->ended);
	json_object_set_new(row, "rewrapping", json_boolean(master->rewrapping));
	set_number(row, "rewrap_left", master->rewrap_left);
	return row;
}

static const struct column columns[] = {
	{ "KEY", "key", false },
	{ "VERSION", "version", false },
	{ "STATE", "state", false },
	{ "NEEDED", "needed", false },
	{ "WRAPPED", "wrapped", false },
	{ "ENDED", "ended", false },
	{ "USES", "uses", false },
	{ "LAST USED", "last_used_at", true },
	{ "MAKES UNTIL", "make_until", true },
	{ "VERIFIES UNTIL", "verify_until", true },
};

static json_t *table_row(const struct peppermint_master *master)
{
	json_t *row = master_json(master);
	char key[sizeof(master->purpose) + sizeof(master->name)];

	snprintf(key, sizeof(key), "%s/%s", master->purpose, master->name);
	json_object_set_new(row, "key", json_string(key));
	return row;
}

/* What will happen to a version by itself. */
static void print_prospect(const struct peppermint_master *master)
{
	char when[WHEN_LEN];

	if (master->state == PEPPERMINT_PEPPER_DESTROY_SCHEDULED && master->destroy_at == 0)
		printf("\n%s/%s version %" PRIu32 " is being destroyed.\n", master->purpose,
		       master->name, master->version);
	if (master->state == PEPPERMINT_PEPPER_DESTROY_SCHEDULED && master->destroy_at != 0) {
		format_when(master->destroy_at, when);
		printf("\n%s/%s version %" PRIu32 " is destroyed at %s unless that is cancelled.\n",
		       master->purpose, master->name, master->version, when);
	}
	if (master->state == PEPPERMINT_PEPPER_COMPROMISED && master->ends_at != 0) {
		format_when(master->ends_at, when);
		printf("\n%s/%s version %" PRIu32 " is compromised: what it alone vouches for is "
		       "refused from %s on.\n",
		       master->purpose, master->name, master->version, when);
	}
	if (master->rewrapping)
		printf("\n%s/%s: records are being moved to version %" PRIu32 "; left, when last "
		       "counted: %" PRIu64 ".\n",
		       master->purpose, master->name, master->version, master->rewrap_left);
}

void masters_print(const struct session *session, const struct masters *masters)
{
	bool json = session->options.given & OPT_JSON;
	struct sheet sheet CLEANUP(sheet_end) = SHEET(json ? SHEET_JSON : SHEET_TABLE, columns);

	for (size_t i = 0; i < masters->count; i++)
		sheet_row(&sheet,
			  json ? master_json(&masters->all[i]) : table_row(&masters->all[i]));
	sheet_finish(&sheet, NULL);
	for (size_t i = 0; !json && i < masters->count; i++)
		print_prospect(&masters->all[i]);
}

static enum status print_versions(struct session *session, const struct master_name *name)
{
	struct masters *masters CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*masters)));
	enum pm_err err = masters_read(session, name, masters);

	if (err != PM_OK)
		return vault_refused(session, err);
	if (name && masters->count == 0) {
		complain("%s has no key %s/%s. Try: peppermint master list.", session->options.env,
			 name->purpose, name->name);
		return STATUS_VAULT;
	}
	masters_print(session, masters);
	return STATUS_DONE;
}

enum status run_master_list(struct session *session)
{
	return print_versions(session, NULL);
}

enum status run_master_usage(struct session *session)
{
	struct master_name name;
	enum status status = master_name(session, &name);

	return status == STATUS_DONE ? print_versions(session, &name) : status;
}
