/* audit logs, audit rotate, audit cosign: the logs themselves. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "files.h"
#include "tlog/note.h"
#include "when.h"

const char *log_state_name(enum peppermint_log_state state)
{
	switch (state) {
	case PEPPERMINT_LOG_OPEN:
		return "OPEN";
	case PEPPERMINT_LOG_CLOSED:
		return "CLOSED";
	case PEPPERMINT_LOG_ABANDONED:
		return "ABANDONED";
	case PEPPERMINT_LOG_STATE_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

json_t *log_json(const struct peppermint_log *log)
{
	return json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:s}", "log",
			 (json_int_t)log->log, "state", log_state_name(log->state), "origin",
			 log->origin, "vkey", log->vkey, "entries", (json_int_t)log->entries,
			 "minimum", (json_int_t)log->minimum, "checkpoint_size",
			 (json_int_t)log->checkpoint_size, "opened_at", (json_int_t)log->opened_at,
			 "closed_at", (json_int_t)log->closed_at, "checkpoint", log->checkpoint);
}

static const struct column log_columns[] = {
	{ "LOG", "log", false },         { "STATE", "state", false },
	{ "ORIGIN", "origin", false },   { "ENTRIES", "entries", false },
	{ "OLDEST", "minimum", false },  { "SIGNED", "checkpoint_size", false },
	{ "OPENED", "opened_at", true }, { "CLOSED", "closed_at", true },
};

/* A verifier key is long: below the table, ready to be copied. */
static void print_vkeys(const struct logs *logs)
{
	for (size_t i = 0; i < logs->count; i++)
		printf("\nVerifier key of log %" PRIu32 ":\n%s\n", logs->all[i].log,
		       logs->all[i].vkey[0] ? logs->all[i].vkey : "none yet");
}

static void print_newest_checkpoint(const struct logs *logs)
{
	if (logs->count == 0 || !logs->all[logs->count - 1].checkpoint[0])
		return;
	printf("\nNewest checkpoint:\n%s", logs->all[logs->count - 1].checkpoint);
}

enum status run_audit_logs(struct session *session)
{
	bool json = session->options.given & OPT_JSON;
	struct sheet sheet CLEANUP(sheet_end) = SHEET(json ? SHEET_JSON : SHEET_TABLE, log_columns);
	struct logs logs CLEANUP(logs_end) = { 0 };
	enum status status = logs_read(session, PEPPERMINT_REPORT_NONE, &logs);

	if (status != STATUS_DONE)
		return status;
	for (size_t i = 0; i < logs.count; i++)
		sheet_row(&sheet, log_json(&logs.all[i]));
	sheet_finish(&sheet, NULL);
	if (!json) {
		print_vkeys(&logs);
		print_newest_checkpoint(&logs);
	}
	return STATUS_DONE;
}

void print_log(const struct session *session, const struct peppermint_log *log)
{
	struct table table CLEANUP(table_end) = { 0 };
	char number[16];

	if (session->options.given & OPT_JSON) {
		print_json(log_json(log));
		return;
	}
	snprintf(number, sizeof(number), "%" PRIu32, log->log);
	table_fact(&table, "Log", number);
	table_fact(&table, "State", log_state_name(log->state));
	table_fact(&table, "Origin", log->origin);
	table_fact(&table, "Verifier key", log->vkey);
	table_print(&table);
}

enum status run_audit_rotate(struct session *session)
{
	struct peppermint_log *log CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*log)));
	enum pm_err err = peppermint_rotate_log(session->vault, log, &session->call);

	if (err != PM_OK)
		return vault_refused(session, err);
	print_log(session, log);
	return STATUS_DONE;
}

/* Origins are NAME/<log number>. 0, which is the newest log, if this one is not. */
static uint32_t log_of_note(struct bytes note)
{
	struct tlog_checkpoint checkpoint;
	uint32_t log = 0;

	if (tlog_checkpoint_parse(note, &checkpoint) != PM_OK)
		return 0;
	const char *slash = strrchr(checkpoint.origin, '/');
	return slash && parse_number(slash + 1, 1, UINT32_MAX, &log) ? log : 0;
}

enum status run_audit_cosign(struct session *session)
{
	const struct options *options = &session->options;
	char note[PEPPERMINT_NOTE_MAX + 1];
	size_t len = 0;
	uint32_t cosigned = 0;

	if (!file_read(session->argument, note, PEPPERMINT_NOTE_MAX, &len))
		return STATUS_USAGE;
	note[len] = '\0';
	if (memchr(note, '\0', len)) {
		complain("%s is no signed note: it holds a NUL byte.", session->argument);
		return STATUS_USAGE;
	}
	uint32_t log = options->given & OPT_LOG ? options->log : log_of_note(bytes_of(note, len));
	enum pm_err err =
		peppermint_add_cosignature(session->vault, log, note, &cosigned, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	if (options->given & OPT_JSON)
		print_json(json_pack("{s:I}", "cosigned", (json_int_t)cosigned));
	else
		printf("The checkpoint is cosigned by %" PRIu32 " witness%s.\n", cosigned,
		       cosigned == 1 ? "" : "es");
	return STATUS_DONE;
}
