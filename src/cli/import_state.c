#define _GNU_SOURCE
#include "import_state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <libgen.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "output.h"

#define FORMAT 1
#define STATE_MAX 4096

static bool failed(const char *what, const char *path)
{
	complain("cannot %s %s: %s.", what, path, strerror(errno));
	return false;
}

static void digest_hex(const struct import_state *state, char hex[65])
{
	hex_encode(bytes_of(state->digest, sizeof(state->digest)), hex);
}

/* The path with something behind it. */
static const char *beside(const struct import_state *state, const char *suffix,
			  char path[IMPORT_PATH_MAX + 16])
{
	snprintf(path, IMPORT_PATH_MAX + 16, "%s%s", state->path, suffix);
	return path;
}

static bool get_number(const json_t *json, const char *name, uint64_t *to)
{
	const json_t *value = json_object_get(json, name);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*to = (uint64_t)json_integer_value(value);
	return true;
}

static bool has_text(const json_t *json, const char *name, const char *text)
{
	const char *value = json_string_value(json_object_get(json, name));

	return value && strcmp(value, text) == 0;
}

static bool get_numbers(const json_t *json, struct import_state *state)
{
	state->finished = json_is_true(json_object_get(json, "finished"));
	return get_number(json, "run", &state->run) && get_number(json, "batch", &state->batch) &&
	       get_number(json, "offset", &state->offset) &&
	       get_number(json, "line", &state->line) && get_number(json, "lines", &state->lines) &&
	       get_number(json, "imported", &state->imported) &&
	       get_number(json, "existed", &state->existed) &&
	       get_number(json, "refused", &state->refusals) &&
	       get_number(json, "refused_bytes", &state->refused_len);
}

/* *ours: it is of this content in this environment. */
static bool parse(struct import_state *state, const char *text, size_t len, bool *ours)
{
	json_t *json CLEANUP(json_end) = json_loadb(text, len, 0, NULL);
	char hex[65];
	uint64_t format = 0;

	digest_hex(state, hex);
	*ours = has_text(json, "sha256", hex) && has_text(json, "environment", state->environment);
	if (get_number(json, "format", &format) && format == FORMAT &&
	    (!*ours || get_numbers(json, state)))
		return true;
	complain("%s is no state of an import. Remove it, or name another with --state.",
		 state->path);
	return false;
}

static void begin(struct import_state *state, uint64_t run)
{
	state->run = run;
	state->finished = false;
	state->batch = state->offset = state->line = 0;
	state->lines = state->imported = state->existed = state->refusals = 0;
	state->refused_len = 0;
}

static bool read_state(struct import_state *state)
{
	char text[STATE_MAX];
	int fd CLEANUP(close_fd) = open(state->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool ours = false;

	begin(state, 1);
	if (fd < 0)
		return errno == ENOENT || failed("open", state->path);
	ssize_t len = read(fd, text, sizeof(text));
	if (len < 0)
		return failed("read", state->path);
	if (!parse(state, text, (size_t)len, &ours))
		return false;
	if (!ours)
		complain("%s is of another content or environment: beginning at the first line.",
			 state->path);
	if (state->finished)
		begin(state, state->run + 1);
	return true;
}

/* Its lock is the import's. What it has beyond the state was put down after that was written. */
static bool open_refused(struct import_state *state)
{
	char path[IMPORT_PATH_MAX + 16];
	int fd CLEANUP(close_fd) = open(beside(state, ".refused", path),
					O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return failed("open", path);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		complain("another import writes to %s. Wait for it.", path);
		return false;
	}
	state->refused = fdopen(fd, "r+");
	if (!state->refused)
		return failed("open", path);
	take_fd(&fd);
	return true;
}

static bool rewind_refused(struct import_state *state)
{
	int fd = fileno(state->refused);
	off_t end = lseek(fd, 0, SEEK_END);

	if (end < (off_t)state->refused_len) {
		complain("%s.refused lacks lines that %s counts. Remove both.", state->path,
			 state->path);
		return false;
	}
	return (ftruncate(fd, (off_t)state->refused_len) == 0 &&
		fseeko(state->refused, (off_t)state->refused_len, SEEK_SET) == 0) ||
	       failed("write", state->path);
}

bool import_state_open(struct import_state *state, const char *path, const char *environment,
		       const uint8_t digest[32])
{
	if (strlen(path) >= sizeof(state->path)) {
		complain("the state's path is too long.");
		return false;
	}
	strcpy(state->path, path);
	state->environment = environment;
	memcpy(state->digest, digest, sizeof(state->digest));
	/* Before anything is sent: the run's number must outlive it. */
	return open_refused(state) && read_state(state) && rewind_refused(state) &&
	       import_state_save(state);
}

void import_state_close(struct import_state *state)
{
	close_file(&state->refused);
}

void import_state_prefix(const struct import_state *state, char prefix[IMPORT_PREFIX])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	char text[256], hex[65];

	digest_hex(state, hex);
	int len = snprintf(text, sizeof(text), "%s %" PRIu64 " %.64s", hex, state->run,
			   state->environment);
	SHA256((const unsigned char *)text, (size_t)len, digest);
	hex_encode(bytes_of(digest, (IMPORT_PREFIX - 1) / 2), prefix);
}

static json_t *state_json(const struct import_state *state)
{
	char hex[65];

	digest_hex(state, hex);
	return json_pack("{s:i, s:s, s:s, s:I, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
			 "format", FORMAT, "sha256", hex, "environment", state->environment, "run",
			 (json_int_t)state->run, "finished", (int)state->finished, "batch",
			 (json_int_t)state->batch, "offset", (json_int_t)state->offset, "line",
			 (json_int_t)state->line, "lines", (json_int_t)state->lines, "imported",
			 (json_int_t)state->imported, "existed", (json_int_t)state->existed,
			 "refused", (json_int_t)state->refusals, "refused_bytes",
			 (json_int_t)state->refused_len);
}

static bool sync_folder(const char *path)
{
	char *copy CLEANUP(free_ptr) = must_have(strdup(path));
	int fd CLEANUP(close_fd) = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fsync(fd) == 0;
}

static bool write_new(const char *path, const char *text)
{
	int fd CLEANUP(close_fd) =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	size_t len = strlen(text);

	return fd >= 0 && write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
}

bool import_state_save(struct import_state *state)
{
	char unfinished[IMPORT_PATH_MAX + 16];
	json_t *json CLEANUP(json_end) = must_have(state_json(state));
	char *text CLEANUP(free_ptr) = must_have(json_dumps(json, JSON_INDENT(2)));

	/* What could not be put down once has left a batch half counted. */
	if (ferror(state->refused) || fflush(state->refused) != 0 ||
	    fsync(fileno(state->refused)) != 0 ||
	    !write_new(beside(state, ".unfinished", unfinished), text) ||
	    rename(unfinished, state->path) != 0 || !sync_folder(state->path))
		return failed("write", state->path);
	state->saved_at = clock_now();
	return true;
}

/* What the vault says, or what is wrong with the line itself. */
static bool put_refusal(struct import_state *state, uint64_t line, const char *reason)
{
	json_t *json CLEANUP(json_end) =
		must_have(json_pack("{s:I, s:s}", "line", (json_int_t)line, "reason", reason));
	char *text CLEANUP(free_ptr) = must_have(json_dumps(json, JSON_COMPACT));

	state->refusals++;
	state->refused_len += strlen(text) + 1;
	return fprintf(state->refused, "%s\n", text) > 0 || failed("write", state->path);
}

static bool put_outcome(struct import_state *state, uint64_t line,
			const struct peppermint_import_outcome *outcome)
{
	char reason[PEPPERMINT_TEXT_MAX + 64];

	if (outcome->error == PM_OK) {
		state->imported++;
		return true;
	}
	if (outcome->error == PM_ALREADY_EXISTS) {
		state->existed++;
		return true;
	}
	snprintf(reason, sizeof(reason), "%s: %s", peppermint_error_name(outcome->error),
		 outcome->message[0] ? outcome->message : peppermint_error_text(outcome->error));
	return put_refusal(state, line, reason);
}

bool import_state_add(struct import_state *state, const struct import_batch *batch)
{
	size_t key = 0, fault = 0;

	/* In the order of the file: both lists are. */
	while (key < batch->count || fault < batch->fault_count) {
		bool is_fault =
			key == batch->count || (fault < batch->fault_count &&
						batch->faults[fault].line < batch->lines[key]);
		bool good = is_fault ? put_refusal(state, batch->faults[fault].line,
						   batch->faults[fault].reason)
				     : put_outcome(state, batch->lines[key], &batch->outcomes[key]);
		if (!good)
			return false;
		key += !is_fault;
		fault += is_fault;
	}
	state->lines += batch->line_count;
	state->batch = batch->number + 1;
	state->offset = batch->end_offset;
	state->line = batch->end_line;
	return clock_now() - state->saved_at < NS_PER_SECOND || import_state_save(state);
}

bool import_state_report(struct import_state *state, const char *file, FILE *to)
{
	json_t *name CLEANUP(json_end) = json_string(file);
	char hex[65], line[1024];
	bool first = true;

	digest_hex(state, hex);
	fputs("{\"file\": ", to);
	json_dumpf(name ? name : json_null(), to, JSON_ENCODE_ANY);
	fprintf(to,
		", \"sha256\": \"%s\", \"environment\": \"%s\", \"lines\": %" PRIu64
		", \"imported\": %" PRIu64 ", \"existed\": %" PRIu64 ", \"refused\": %" PRIu64
		", \"refusals\": [",
		hex, state->environment, state->lines, state->imported, state->existed,
		state->refusals);
	if (fseeko(state->refused, 0, SEEK_SET) != 0)
		return failed("read", state->path);
	while (fgets(line, sizeof(line), state->refused)) {
		line[strcspn(line, "\n")] = '\0';
		fprintf(to, "%s%s", first ? "\n" : ",\n", line);
		first = false;
	}
	fputs("]}\n", to);
	return !ferror(state->refused) || failed("read", state->path);
}
