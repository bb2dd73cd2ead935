#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "command.h"
#include "token_status.h"

static const char *state_name(enum peppermint_environment_state state)
{
	switch (state) {
	case PEPPERMINT_ENVIRONMENT_SERVING:
		return "SERVING";
	case PEPPERMINT_ENVIRONMENT_HSM_DOWN:
		return "HSM_DOWN";
	case PEPPERMINT_ENVIRONMENT_HSM_SEALED:
		return "HSM_SEALED";
	case PEPPERMINT_ENVIRONMENT_REFUSING:
		return "REFUSING";
	case PEPPERMINT_ENVIRONMENT_STATE_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

static json_t *environment_json(const struct peppermint_environment *e)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, "
		"s:I, s:o}",
		"name", e->name, "key_prefix", e->key_prefix, "state", state_name(e->state),
		"detail", e->detail, "token_label", e->token_label, "token_serial", e->token_serial,
		"token_model", e->token_model, "token_manufacturer", e->token_manufacturer, "keys",
		(json_int_t)e->keys, "quarantined", (json_int_t)e->quarantined, "signer_restarts",
		(json_int_t)e->signer_restarts, "orphaned_objects", (json_int_t)e->orphaned_objects,
		"key_warnings", (json_int_t)e->key_warnings, "sessions", (json_int_t)e->sessions,
		"proven", (int)e->proven, "checked_at", (json_int_t)e->checked_at, "tokens",
		tokens_json(e));
}

static const char *audit_state_name(enum peppermint_audit_state state)
{
	switch (state) {
	case PEPPERMINT_AUDIT_GOOD:
		return "GOOD";
	case PEPPERMINT_AUDIT_UNSIGNED:
		return "UNSIGNED";
	case PEPPERMINT_AUDIT_STUCK:
		return "STUCK";
	case PEPPERMINT_AUDIT_ALTERED:
		return "ALTERED";
	case PEPPERMINT_AUDIT_STATE_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

static json_t *audit_json(const struct peppermint_audit_status *audit)
{
	return json_pack("{s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:I}", "state",
			 audit_state_name(audit->state), "detail", audit->detail, "log",
			 (json_int_t)audit->log, "origin", audit->origin, "entries",
			 (json_int_t)audit->entries, "unsigned", (json_int_t)audit->not_signed,
			 "unwitnessed", (json_int_t)audit->not_witnessed, "signed_at",
			 (json_int_t)audit->signed_at, "sink_dropped",
			 (json_int_t)audit->sink_dropped);
}

static void print_as_json(const struct peppermint_status *status)
{
	json_t *environments = json_array();

	for (size_t i = 0; i < status->environment_count; i++)
		json_array_append_new(environments, environment_json(&status->environments[i]));
	print_json(json_pack("{s:s, s:I, s:o, s:o}", "version", status->version, "uptime_seconds",
			     (json_int_t)status->uptime_seconds, "environments", environments,
			     "audit", audit_json(&status->audit)));
}

static void add_environment(struct table *table, const struct peppermint_environment *e)
{
	table_cell(table, "%s", e->name);
	table_cell(table, "%s", state_name(e->state));
	table_cell(table, "%s", e->key_prefix);
	table_cell(table, "%s", e->token_label);
	table_cell(table, "%s", e->token_serial);
	table_cell(table, "%" PRIu64, e->keys);
	table_cell(table, "%" PRIu64, e->quarantined);
	table_cell(table, "%" PRIu32, e->signer_restarts);
	table_cell(table, "%" PRIu32, e->orphaned_objects);
	table_cell(table, "%" PRIu32, e->key_warnings);
}

static void print_audit(const struct peppermint_audit_status *audit)
{
	static const char *const heads[] = {
		"AUDIT LOG", "STATE", "ENTRIES", "UNSIGNED", "UNWITNESSED", "LAST CHECKPOINT",
	};
	struct table table CLEANUP(table_end) = { 0 };

	putchar('\n');
	table_head(&table, heads, sizeof(heads) / sizeof(heads[0]));
	table_cell(&table, "%s", audit->origin);
	table_cell(&table, "%s", audit_state_name(audit->state));
	table_cell(&table, "%" PRIu64, audit->entries);
	table_cell(&table, "%" PRIu64, audit->not_signed);
	table_cell(&table, "%" PRIu64, audit->not_witnessed);
	table_when(&table, audit->signed_at, "none yet");
	table_print(&table);
	if (audit->detail[0])
		printf("\naudit log: %s\n", audit->detail);
	if (audit->sink_dropped)
		printf("\naudit log: the secondary sink missed %" PRIu64 " entries since start\n",
		       audit->sink_dropped);
}

static void print_environments(const struct peppermint_status *status)
{
	static const char *const heads[] = {
		"ENVIRONMENT", "STATE",       "PREFIX",   "TOKEN",   "SERIAL",
		"KEYS",        "QUARANTINED", "RESTARTS", "ORPHANS", "WARNINGS",
	};
	struct table table CLEANUP(table_end) = { 0 };

	table_head(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < status->environment_count; i++)
		add_environment(&table, &status->environments[i]);
	table_print(&table);
	for (size_t i = 0; i < status->environment_count; i++) {
		const struct peppermint_environment *e = &status->environments[i];

		if (e->detail[0])
			printf("\n%s: %s\n", e->name, e->detail);
		print_remedies(e);
	}
}

static void print_as_table(const struct peppermint_status *status)
{
	printf("peppermintd %s, up for %" PRIu64 " seconds\n\n", status->version,
	       status->uptime_seconds);
	print_environments(status);
	print_audit(&status->audit);
}

enum status run_status(struct session *session)
{
	struct peppermint_status status;
	enum pm_err err = peppermint_get_status(session->vault, &status, &session->call);

	if (err != PM_OK)
		return vault_refused(session, err);
	if (session->options.given & OPT_JSON)
		print_as_json(&status);
	else
		print_as_table(&status);
	return STATUS_DONE;
}
