/* audit export: every log into a folder of its own. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit.h"
#include "base/cleanup.h"
#include "export.h"
#include "files.h"

#define NAME_ROOM 16

/* What the folder has from before: the checkpoints by log, and the newest one's note. */
struct holding {
	struct tlog_checkpoint had[PEPPERMINT_LOGS_MAX + 1]; /* [0] unused; size 0: none */
	uint32_t newest;
	char note[PEPPERMINT_NOTE_MAX + 1];
};

static const char *log_name(uint32_t log, char name[NAME_ROOM])
{
	snprintf(name, NAME_ROOM, "%" PRIu32, log);
	return name;
}

static enum status hold_log(struct holding *holding, int folder, uint32_t log)
{
	char note[PEPPERMINT_NOTE_MAX + 1];
	size_t len = 0;
	bool found = false;

	if (!file_get(folder, "checkpoint", note, PEPPERMINT_NOTE_MAX, &len, &found))
		return STATUS_REFUSED;
	if (!found)
		return STATUS_DONE;
	if (tlog_checkpoint_parse(bytes_of(note, len), &holding->had[log]) != PM_OK) {
		complain("log %" PRIu32 ": the checkpoint of this export is damaged. Export into a "
			 "new folder.",
			 log);
		return STATUS_REFUSED;
	}
	holding->newest = log;
	memcpy(holding->note, note, len);
	holding->note[len] = '\0';
	return STATUS_DONE;
}

static enum status hold(struct holding *holding, int top)
{
	enum status status = STATUS_DONE;
	char name[NAME_ROOM];

	for (uint32_t log = 1; log <= PEPPERMINT_LOGS_MAX && status == STATUS_DONE; log++) {
		bool found = false;
		int folder CLEANUP(close_fd) = folder_find(top, log_name(log, name), &found);

		if (folder >= 0)
			status = hold_log(holding, folder, log);
		else if (found)
			status = STATUS_REFUSED;
	}
	return status;
}

static enum status compare_log(const struct holding *holding, int top,
			       const struct peppermint_log *log)
{
	struct export export CLEANUP(export_end) = { .log = log, .had = holding->had[log->log] };
	char name[NAME_ROOM];
	bool found = false;

	export.folder = folder_find(top, log_name(log->log, name), &found);
	return export.folder >= 0 ? export_compare(&export) : STATUS_DONE;
}

/* Before anything is changed: every log of the folder goes on in the vault. */
static enum status compare(const struct holding *holding, int top, const struct logs *logs)
{
	bool told[PEPPERMINT_LOGS_MAX + 1] = { false };

	for (size_t i = 0; i < logs->count; i++) {
		const struct peppermint_log *log = &logs->all[i];

		if (log->log == 0 || log->log > PEPPERMINT_LOGS_MAX) {
			complain("the vault tells of a log %" PRIu32 ".", log->log);
			return STATUS_VAULT;
		}
		told[log->log] = true;
		enum status status = compare_log(holding, top, log);
		if (status != STATUS_DONE)
			return status;
	}
	for (uint32_t log = 1; log <= PEPPERMINT_LOGS_MAX; log++) {
		if (holding->had[log].size > 0 && !told[log])
			return export_older(log);
	}
	return STATUS_DONE;
}

/* The vault is told what the folder has: if it lost entries, it will not sign over them. */
static enum status ask_for_logs(struct session *session, const struct holding *holding,
				struct logs *logs)
{
	logs->all = must_have(calloc(PEPPERMINT_LOGS_MAX, sizeof(*logs->all)));
	enum pm_err err =
		peppermint_list_logs(session->vault, PEPPERMINT_REPORT_EXPORT, holding->note,
				     logs->all, PEPPERMINT_LOGS_MAX, &logs->count, &session->call);
	if (err == PM_CONFLICT && holding->newest > 0)
		return export_older(holding->newest);
	return err == PM_OK ? STATUS_DONE : vault_refused(session, err);
}

static enum status export_one(struct session *session, int top, const struct holding *holding,
			      const struct peppermint_log *log, struct sheet *sheet)
{
	struct export *export CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*export)));
	char name[NAME_ROOM];

	if (!log->checkpoint[0]) {
		complain("log %" PRIu32 " has no signed checkpoint yet: left for the next export.",
			 log->log);
		return STATUS_DONE;
	}
	export->session = session;
	export->log = log;
	export->had = holding->had[log->log];
	export->folder = folder_make(top, log_name(log->log, name));
	enum status status = export->folder >= 0 ? export_run(export) : STATUS_VAULT;
	if (status == STATUS_DONE)
		sheet_row(sheet,
			  json_pack("{s:I, s:s, s:I, s:I, s:s}", "log", (json_int_t)log->log,
				    "origin", log->origin, "size", (json_int_t) export->goal.size,
				    "new", (json_int_t)(export->goal.size - export->had.size),
				    "state", log_state_name(log->state)));
	else
		unlinkat(top, name, AT_REMOVEDIR); /* only if nothing was put into it */
	export_end(export);
	return status;
}

/* A bad log does not keep the others from their export; a full disk does. */
static enum status export_all(struct session *session, int top, const struct holding *holding,
			      const struct logs *logs, struct sheet *sheet)
{
	enum status worst = STATUS_DONE;

	for (size_t i = 0; i < logs->count && worst != STATUS_VAULT; i++) {
		enum status status = export_one(session, top, holding, &logs->all[i], sheet);
		if (status > worst)
			worst = status;
	}
	return worst;
}

static const struct column columns[] = {
	{ "LOG", "log", false },      { "ORIGIN", "origin", false }, { "STATE", "state", false },
	{ "ENTRIES", "size", false }, { "NEW", "new", false },
};

enum status run_audit_export(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) =
		SHEET(session->options.given & OPT_JSON ? SHEET_JSON : SHEET_TABLE, columns);
	struct holding *holding CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*holding)));
	struct logs logs CLEANUP(logs_end) = { 0 };

	umask(027); /* auditors' tools run in the group */
	int top CLEANUP(close_fd) = folder_open(session->argument);
	if (top < 0)
		return STATUS_USAGE;
	enum status status = hold(holding, top);
	if (status == STATUS_DONE)
		status = ask_for_logs(session, holding, &logs);
	if (status == STATUS_DONE)
		status = compare(holding, top, &logs);
	if (status != STATUS_DONE)
		return status;
	status = export_all(session, top, holding, &logs, &sheet);
	sheet_finish(&sheet, NULL);
	return status;
}
