/* `import` and `import hmac-key`. */
#include "import.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "files.h"
#include "master.h"

#define HMAC_KEY_MIN 16
#define HMAC_KEY_MAX 64

uint32_t import_jobs(const struct command *command, const struct options *options)
{
	if (!(command->takes & OPT_JOBS))
		return 1;
	return options->jobs ? options->jobs : IMPORT_JOBS;
}

static bool failed(const char *path)
{
	complain("cannot write %s: %s.", path, strerror(errno));
	return false;
}

/*
 * Before anything is sent: a report that cannot be written is noticed after a second and not after hours.
 * What is there stays until there is a report, and the imported file stays what it is.
 */
static bool open_report(const struct session *session, const struct reader *reader, FILE **file)
{
	const char *path = session->options.report;
	struct stat report, imported;

	if (!path)
		return true;
	*file = fopen(path, "ae");
	if (!*file || fstat(fileno(*file), &report) != 0 || fstat(reader->fd, &imported) != 0)
		return failed(path);
	if (report.st_dev != imported.st_dev || report.st_ino != imported.st_ino)
		return true;
	complain("%s is the file to import. Name another for the report.", path);
	return false;
}

static bool write_report(const struct session *session, struct import_state *state, FILE *file)
{
	const char *path = session->options.report;

	if (!file)
		return import_state_report(state, session->argument, stdout);
	/* A pipe or a device has nothing to be cut off. */
	if (ftruncate(fileno(file), 0) != 0 && errno != EINVAL)
		return failed(path);
	if (!import_state_report(state, session->argument, file))
		return false;
	if (fflush(file) != 0 || ferror(file))
		return failed(path);
	printf("%" PRIu64 " lines: %" PRIu64 " imported, %" PRIu64 " existed before, %" PRIu64
	       " refused; see %s\n",
	       state->lines, state->imported, state->existed, state->refusals, path);
	return true;
}

static bool open_state(const struct session *session, struct reader *reader,
		       struct import_state *state)
{
	const struct options *options = &session->options;
	char path[IMPORT_PATH_MAX];
	uint8_t digest[32];

	snprintf(path, sizeof(path), "%s.state", session->argument);
	if (!reader_open(reader, session->argument) || !reader_digest(reader, digest))
		return false;
	return import_state_open(state, options->state ? options->state : path, options->env,
				 digest) &&
	       reader_seek(reader, state->offset, state->line);
}

/* Whoever wrote to it meanwhile has to know that not all of it was imported. */
static enum status check_unchanged(struct reader *reader, const struct import_state *state)
{
	uint8_t digest[32];

	if (!reader_digest(reader, digest))
		return STATUS_USAGE;
	if (memcmp(digest, state->digest, sizeof(digest)) == 0)
		return STATUS_DONE;
	complain("%s was changed meanwhile: import it again.", reader->path);
	return STATUS_USAGE;
}

enum status run_import(struct session *session)
{
	struct reader reader CLEANUP(reader_close) = { .fd = -1 };
	struct import_state state CLEANUP(import_state_close) = { .refused = NULL };
	FILE *report CLEANUP(close_file) = NULL;

	if (strlen(session->argument) + strlen(".state") >= IMPORT_PATH_MAX) {
		complain("the file's path is too long.");
		return STATUS_USAGE;
	}
	if (!open_state(session, &reader, &state) || !open_report(session, &reader, &report))
		return STATUS_USAGE;
	be_patient(session);
	enum status status = import_all(session, &reader, &state);
	if (status != STATUS_DONE) {
		complain("%" PRIu64 " lines are done. The same command goes on from there.",
			 state.lines);
		return status;
	}
	if (!write_report(session, &state, report))
		return STATUS_VAULT;
	status = check_unchanged(&reader, &state);
	if (status != STATUS_DONE)
		return status;
	return state.refusals > 0 ? STATUS_REFUSED : STATUS_DONE;
}

static void free_value(char **value)
{
	secret_free(*value, HMAC_KEY_MAX);
}

enum status run_import_hmac_key(struct session *session)
{
	const struct options *options = &session->options;
	char *value CLEANUP(free_value) = secret_alloc(HMAC_KEY_MAX);
	struct peppermint_value bytes = { .data = value };
	struct peppermint_master key;

	if (!value) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return STATUS_VAULT;
	}
	if (!file_read(options->value_file, value, HMAC_KEY_MAX, &bytes.len))
		return STATUS_USAGE;
	if (bytes.len < HMAC_KEY_MIN) {
		complain("%s has %zu bytes: the key must have %d to %d, and nothing else is in the "
			 "file.",
			 options->value_file, bytes.len, HMAC_KEY_MIN, HMAC_KEY_MAX);
		return STATUS_USAGE;
	}
	be_patient(session);
	enum pm_err err = peppermint_import_hmac_key(
		session->vault, options->env, session->argument, &bytes, &key, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	if (options->given & OPT_JSON)
		print_json(master_json(&key));
	else
		printf("%s is in the token of %s. Lines of an import name it as hmac_key.\n",
		       key.name, key.environment);
	return STATUS_DONE;
}
