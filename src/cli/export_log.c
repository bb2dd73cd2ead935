#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "export.h"
#include "files.h"

void export_end(struct export *export)
{
	free(export->bundle.data);
	close_fd(&export->folder);
}

enum status export_older(uint32_t log)
{
	complain("log %" PRIu32 ": the vault's log is older than this export: a backup was "
		 "restored. Keep this export, it is the only trace of what was lost, and export "
		 "into a new folder from now on.",
		 log);
	return STATUS_REFUSED;
}

enum status export_forked(uint32_t log)
{
	complain("log %" PRIu32 ": the vault's entries are others than those of this export: the "
		 "vault's log was altered, or a backup was restored and went on.",
		 log);
	return STATUS_REFUSED;
}

static enum status foreign(const struct export *export)
{
	complain("log %" PRIu32 ": this export is of another log than the vault's %s. Export into "
		 "a folder of its own.",
		 export->log->log, export->log->origin);
	return STATUS_REFUSED;
}

static enum status compare_vkey(const struct export *export)
{
	char line[sizeof(export->log->vkey) + 1] = "";
	size_t len = 0;
	bool found = false;

	if (!file_get(export->folder, "log.vkey", line, sizeof(line) - 1, &len, &found))
		return STATUS_REFUSED;
	line[strcspn(line, "\n")] = '\0';
	return !found || strcmp(line, export->log->vkey) == 0 ? STATUS_DONE : foreign(export);
}

enum status export_compare(const struct export *export)
{
	const struct peppermint_log *log = export->log;
	struct tlog_checkpoint now;
	enum status status = compare_vkey(export);

	if (status != STATUS_DONE || export->had.size == 0)
		return status;
	if (strcmp(export->had.origin, log->origin) != 0)
		return foreign(export);
	if (export->had.size > log->checkpoint_size)
		return export_older(log->log);
	if (export->had.size == log->checkpoint_size &&
	    tlog_checkpoint_parse(bytes_str(log->checkpoint), &now) == PM_OK &&
	    !tlog_hash_equal(&export->had.root, &now.root))
		return export_forked(log->log);
	return STATUS_DONE;
}

/* The vault's newest checkpoint must be signed by the log's key, or nothing is worth exporting. */
static enum status read_goal(struct export *export)
{
	const struct peppermint_log *log = export->log;
	struct bytes note = bytes_str(log->checkpoint);
	struct tlog_key key;

	if (tlog_key_parse(bytes_str(log->vkey), &key) != PM_OK ||
	    tlog_note_verify(note, &key, NULL) != PM_OK ||
	    tlog_checkpoint_parse(note, &export->goal) != PM_OK ||
	    strcmp(export->goal.origin, log->origin) != 0) {
		complain("log %" PRIu32 ": the vault's checkpoint is not signed by the log's key.",
			 log->log);
		return STATUS_REFUSED;
	}
	return STATUS_DONE;
}

static void show_progress(const struct export *export)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\rlog %" PRIu32 ": %" PRIu64 " of %" PRIu64 " entries",
			export->log->log, export->tree.size, export->goal.size);
}

static void clear_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

static enum status take_entry(void *arg, uint32_t log, const struct peppermint_log_entry *entry)
{
	struct export *export = arg;

	if (log != export->log->log || entry->index != export->tree.size) {
		complain("log %" PRIu32 ": the vault tells of entry %" PRIu64
			 " in place of %" PRIu64 ".",
			 export->log->log, entry->index, export->tree.size);
		return STATUS_REFUSED;
	}
	return tiles_append(export, bytes_of(entry->text, entry->len));
}

static enum status page_done(void *arg)
{
	show_progress(arg);
	return STATUS_DONE;
}

/* An entry that the vault itself finds altered (it says which) means a bad log, not a bad vault. */
static enum status fetch_entries(struct export *export)
{
	struct walk walk CLEANUP(walk_end) = {
		.session = export->session,
		.query = { .report = PEPPERMINT_REPORT_EXPORT,
			   .log = export->log->log,
			   .first = export->tree.size },
		.visit = take_entry,
		.page_done = page_done,
		.arg = export,
		.whole = true,
	};

	if (export->tree.size == export->goal.size)
		return STATUS_DONE;
	enum status status = walk_log(&walk, export->goal.size);
	clear_progress();
	return walk.err == PM_STORE_DAMAGED ? STATUS_REFUSED : status;
}

/* What was fetched is taken away again: the next run must not build on it. */
static enum status wrong_root(const struct export *export)
{
	complain("log %" PRIu32 ": its entries do not make the root of its checkpoint at %" PRIu64
		 ": the vault's log was altered. No checkpoint was written.",
		 export->log->log, export->goal.size);
	enum status status = tiles_drop_new(export);
	return status == STATUS_DONE ? STATUS_REFUSED : status;
}

static enum status check_goal(const struct export *export)
{
	struct tlog_hash root;

	tlog_tree_root(&export->tree, &root);
	if (export->tree.size == export->goal.size && tlog_hash_equal(&root, &export->goal.root))
		return STATUS_DONE;
	return wrong_root(export);
}

static enum status put_vkey(const struct export *export)
{
	char line[sizeof(export->log->vkey) + 1];

	int len = snprintf(line, sizeof(line), "%s\n", export->log->vkey);
	return file_put(export->folder, "log.vkey", bytes_of(line, (size_t)len)) ? STATUS_DONE
										 : STATUS_VAULT;
}

/* The checkpoint is the last: whoever reads it finds everything that it covers. */
static enum status put_checkpoint(const struct export *export)
{
	struct bytes note = bytes_str(export->log->checkpoint);

	if (export->kept > 0 && !folder_settle(export->folder))
		return STATUS_VAULT;
	return file_put(export->folder, "checkpoint", note) &&
			       file_remove(export->folder, FILE_GOAL)
		       ? STATUS_DONE
		       : STATUS_VAULT;
}

/* As long as there is no checkpoint, there is nothing that more tiles could contradict. */
static enum status put_goal(const struct export *export)
{
	struct bytes note = bytes_str(export->log->checkpoint);

	return export->had.size == 0 || file_put(export->folder, FILE_GOAL, note) ? STATUS_DONE
										  : STATUS_VAULT;
}

static enum status pruned(const struct export *export)
{
	complain("log %" PRIu32 ": entries below %" PRIu64 " are pruned, and this folder has only "
		 "those below %" PRIu64 ". A pruned log cannot be exported into a new folder: the "
		 "vault does not tell the hashes of what is gone. Go on with the folder of the "
		 "earlier exports: it is the archive.",
		 export->log->log, export->log->minimum, export->tree.size);
	return STATUS_REFUSED;
}

static enum status fetch(struct export *export)
{
	enum status status = tiles_take_up(export);

	if (status != STATUS_DONE)
		return status;
	if (export->tree.size < export->log->minimum)
		return pruned(export);
	status = put_goal(export);
	if (status == STATUS_DONE)
		status = fetch_entries(export);
	return status == STATUS_DONE ? check_goal(export) : status;
}

static enum status publish(struct export *export)
{
	enum status status = tiles_put_partial(export);

	if (status == STATUS_DONE)
		status = put_vkey(export);
	if (status == STATUS_DONE)
		status = tiles_drop_partial(export);
	return status == STATUS_DONE ? put_checkpoint(export) : status;
}

enum status export_run(struct export *export)
{
	enum status status = read_goal(export);

	if (status == STATUS_DONE)
		status = tiles_load(export);
	if (status != STATUS_DONE)
		return status;
	if (export->had.size == export->goal.size && export->had.size > 0)
		return put_checkpoint(export); /* perhaps another witness signed it */
	status = fetch(export);
	return status == STATUS_DONE ? publish(export) : status;
}
