/* An exported log's checkpoint: whose it is, and who vouches for it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "verify_log.h"

static bool refuse(struct log_check *check, const char *what)
{
	return verify_refuse(check->report, "log %" PRIu32 ": %s", check->found->log, what);
}

static const struct tlog_key *given_key(const struct verify_options *options, const char *origin)
{
	for (size_t i = 0; i < options->key_count; i++) {
		if (strcmp(options->keys[i].name, origin) == 0)
			return &options->keys[i];
	}
	return NULL;
}

/* The log before names it; if it does not, it must have been given. */
static bool find_key(struct log_check *check, const struct successor *next)
{
	const char *origin = check->found->origin;

	if (next) {
		check->key = next->key;
		return (strcmp(next->origin, origin) == 0 && strcmp(next->key.name, origin) == 0) ||
		       refuse(check, "it is not the one that the log before names as the next");
	}
	const struct tlog_key *key = given_key(check->options, origin);
	if (!key)
		return verify_refuse(check->report,
				     "log %" PRIu32 ": its checkpoint is of %s, and no key of that "
				     "name was given",
				     check->found->log, origin);
	check->key = *key;
	return true;
}

/* NAME/<number>, or NAME/<number>-<random> after a log that was given up. */
static bool check_number(struct log_check *check)
{
	const char *last = strrchr(check->found->origin, '/');
	char number[16];
	size_t len = (size_t)snprintf(number, sizeof(number), "/%" PRIu32, check->found->log);

	if (last && strncmp(last, number, len) == 0 && (last[len] == '\0' || last[len] == '-'))
		return true;
	return verify_refuse(check->report, "log %" PRIu32 ": its checkpoint is of %s: another log",
			     check->found->log, check->found->origin);
}

static bool check_signature(struct log_check *check, struct bytes note)
{
	switch (tlog_note_verify(note, &check->key, NULL)) {
	case PM_OK:
		return true;
	case PM_NOT_FOUND:
		return refuse(check, "checkpoint: signature of another key");
	default:
		return refuse(check, "checkpoint: its signature does not verify");
	}
}

static size_t count_lines(struct bytes lines)
{
	size_t count = 0;

	for (size_t i = 0; i < lines.len; i++)
		count += lines.data[i] == '\n';
	return count;
}

static bool check_witnesses(struct log_check *check, struct bytes note)
{
	const struct verify_options *options = check->options;
	struct bytes text, lines;

	if (tlog_note_split(note, &text, &lines) != PM_OK)
		return refuse(check, "checkpoint: it is not a signed note");
	for (size_t i = 0; i < options->witness_count; i++) {
		enum pm_err err = tlog_note_verify(note, &options->witnesses[i], NULL);

		if (err == PM_DENIED)
			return verify_refuse(check->report,
					     "log %" PRIu32 ": checkpoint: the cosignature of %s "
					     "does not verify",
					     check->found->log, options->witnesses[i].name);
		check->found->witnessed += err == PM_OK;
	}
	size_t known = 1 + check->found->witnessed, count = count_lines(lines);
	check->found->unknown = count > known ? count - known : 0;
	return true;
}

/* The key's file is for tools that have no other way to it. Nothing here believes it. */
static bool check_vkey_file(struct log_check *check)
{
	char vkey[TLOG_VKEY_MAX + 2], text[TLOG_VKEY_MAX + 2];
	size_t len = 0;

	if (!verify_read(check, "log.vkey", text, sizeof(text), &len))
		return false;
	tlog_key_format(&check->key, vkey);
	strcat(vkey, "\n");
	return (len == strlen(vkey) && memcmp(text, vkey, len) == 0) ||
	       refuse(check, "log.vkey is not the key that this log must have");
}

/* An export that was ended before it could write its checkpoint: tiles up to there may be here. */
static bool check_goal(struct log_check *check)
{
	uint8_t room[TLOG_NOTE_MAX];
	struct tlog_checkpoint goal;
	size_t len = 0;

	check->goal = check->found->size;
	if (!verify_has(check, FILE_GOAL))
		return true;
	if (!verify_read(check, FILE_GOAL, room, sizeof(room), &len))
		return false;
	struct bytes note = bytes_of(room, len);
	if (tlog_checkpoint_parse(note, &goal) != PM_OK ||
	    strcmp(goal.origin, check->found->origin) != 0 ||
	    tlog_note_verify(note, &check->key, NULL) != PM_OK || goal.size < check->goal)
		return refuse(check, FILE_GOAL " is not a later checkpoint of this log");
	check->goal = goal.size;
	return true;
}

bool verify_checkpoint(struct log_check *check, const struct successor *next)
{
	uint8_t room[TLOG_NOTE_MAX];
	struct tlog_checkpoint checkpoint;
	size_t len = 0;

	if (!verify_read(check, "checkpoint", room, sizeof(room), &len))
		return false;
	struct bytes note = bytes_of(room, len);
	if (tlog_checkpoint_parse(note, &checkpoint) != PM_OK)
		return refuse(check, "checkpoint: it is not one");
	strcpy(check->found->origin, checkpoint.origin);
	check->found->size = checkpoint.size;
	check->found->root = checkpoint.root;
	if (checkpoint.size == 0)
		return refuse(check, "checkpoint: it is of no entries, and a log always has one");
	return find_key(check, next) && check_signature(check, note) && check_number(check) &&
	       check_witnesses(check, note) && check_vkey_file(check) && check_goal(check);
}
