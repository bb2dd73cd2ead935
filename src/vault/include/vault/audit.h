/*
 * The vault's audit log as others see it: how it is set up, what its state is, and how it is read,
 * proved, cosigned and rotated. Threads, deadlines and errors as in vault.h; besides, every
 * operation of the vault but status may give PM_AUDIT_BLOCKED: the log takes no entries, so nothing
 * is done and nothing answered.
 */
#ifndef VAULT_AUDIT_H
#define VAULT_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "tlog/note.h"
#include "tlog/tile.h"
#include "vault/vault.h"

#define VAULT_WITNESSES_MAX 8
#define VAULT_LOGS_MAX 256
#define VAULT_TEXT_HASHES_MAX 64

struct vault_audit_config {
	const char *origin; /* the logs' name: <origin>/<log number>; kept by the log once made */
	const char *environment; /* whose token signs checkpoints; NULL: the first */
	const char *anchor;      /* path of a file outside the database that holds the newest signed
				    checkpoint: a database older than it is noticed. NULL: none */
	const char *program;     /* of the start's entry: version and the program's SHA-256, hex */
	const char *policy;      /* revision of the configuration, in every entry */
	bool each;               /* successful verifies, hashes and reads: an entry for each; else
				    folded per key, caller and minute */
	uint32_t refusals;       /* refusals that get an entry each, per caller and minute; more are
				    counted in a summary */
	uint32_t keep_months;    /* entries older than this are pruned; at least 12; 0: never */
	bool background;         /* checkpoints and folds by threads of its own; false: by
				    vault_audit_tend only, for tests */
	bool new_log;            /* abandon a log that lost entries and open a new one */
	const struct tlog_key *witnesses; /* copied */
	size_t witness_count;
};

/* What is told of in entries that no caller causes. */
enum pm_err vault_audit_config_read(struct vault *vault, const char *path, const char *policy,
				    bool ok) NODISCARD;

/*
 * A caller without the role or the environment (which may be NULL). PM_OK when it is in the log or
 * counted, here and in the next two.
 */
enum pm_err vault_audit_refusal(struct vault *vault, struct actor *actor, const char *rpc,
				const char *environment, enum pm_err why) NODISCARD;

/*
 * A connection of a uid that the configuration lacks, the actor's; `missed`: of how many before it
 * the log was not told, because they came too fast.
 */
enum pm_err vault_audit_stranger(struct vault *vault, struct actor *actor,
				 uint64_t missed) NODISCARD;

/*
 * A change that was refused or failed with `why`: its entry, before the caller is answered. Nothing
 * for errors that leave no room for one (PM_BUSY, PM_DEADLINE_EXCEEDED, PM_SHUTTING_DOWN …), which
 * vault_audit_tells says without waiting.
 */
enum pm_err vault_audit_failure(struct vault *vault, struct actor *actor, const char *rpc,
				const char *environment, enum pm_err why) NODISCARD;
bool vault_audit_tells(enum pm_err why);

/*
 * One round of what the background threads do: checkpoint, folds that are due, scrub, prune.
 * `deadline` is the checkpoint's; the others have a few seconds each.
 */
enum pm_err vault_audit_tend(struct vault *vault, int64_t deadline) NODISCARD;

enum vault_audit_state { AUDIT_GOOD = 1, AUDIT_UNSIGNED, AUDIT_STUCK, AUDIT_ALTERED };

struct vault_audit_status {
	enum vault_audit_state state;
	char detail[256];
	uint32_t log;
	char origin[TLOG_NAME_MAX + 1];
	uint64_t entries, not_signed, not_witnessed;
	int64_t signed_at;
};

void vault_audit_status(struct vault *vault, struct vault_audit_status *out); /* from memory */

/* Reading. `report` is the number of vault.proto's Report: the log tells it. */

struct vault_log {
	uint32_t log;
	char origin[TLOG_NAME_MAX + 1];
	int state; /* vault.proto's LogState */
	char vkey[TLOG_VKEY_MAX + 1];
	uint64_t entries, minimum;
	int64_t opened_at, closed_at;
	uint64_t checkpoint_size;
	char checkpoint[TLOG_NOTE_MAX + 1];
};

/*
 * The logs, oldest first, at most `max`. `known`: a checkpoint's note from outside,
 * may be empty; PM_CONFLICT if it is ours and this log cannot be its continuation, which from then on
 * is the log's state.
 */
enum pm_err vault_logs(struct vault *vault, struct actor *actor, uint32_t report,
		       struct bytes known, struct vault_log *logs, size_t max,
		       size_t *count) NODISCARD;

struct vault_log_query {
	uint32_t report;
	uint32_t log; /* 0: the newest */
	uint64_t first;
	uint32_t max; /* entries told at most */
	const char *type, *environment, *key_id, *account, *operator_name, *caller; /* "": any */
	int64_t since, until; /* seconds since 1970; 0: no bound */
	bool failures;
};

/* `visit` says no when it has no room for this entry: it is then the next. The entry is lent. */
typedef bool vault_log_visit(void *arg, uint64_t index, struct bytes entry);
struct vault_log_page {
	uint32_t log;
	uint64_t next, size;
};
/* PM_STORE_DAMAGED: an entry in this range was altered; actor->why says so, the log which. */
enum pm_err vault_log_read(struct vault *vault, struct actor *actor,
			   const struct vault_log_query *query, vault_log_visit *visit, void *arg,
			   struct vault_log_page *page) NODISCARD;

struct vault_log_proof {
	uint32_t log;
	size_t entry_len, text_len;
	uint8_t entry[TLOG_ENTRY_MAX];
	uint8_t text[TLOG_NOTE_MAX + 4096]; /* a tlog-proof */
};
/* PM_NOT_FOUND: no such entry, pruned, or not yet under a signed checkpoint. */
enum pm_err vault_log_prove(struct vault *vault, struct actor *actor, uint32_t log, uint64_t index,
			    struct vault_log_proof *out) NODISCARD;

/* PM_DENIED: no line of a configured witness that verifies. PM_CONFLICT: not a checkpoint of ours. */
enum pm_err vault_log_cosign(struct vault *vault, struct actor *actor, uint32_t log,
			     struct bytes note, uint32_t *cosigned) NODISCARD;

enum pm_err vault_log_rotate(struct vault *vault, struct actor *actor,
			     struct vault_log *out) NODISCARD;

/* Under every version of the environment's audit key that is in the token, newest first. */
enum pm_err vault_audit_hash(struct vault *vault, struct actor *actor, const char *environment,
			     const char *text, struct value_hash hashes[VAULT_TEXT_HASHES_MAX],
			     size_t *count) NODISCARD;

/* The keys. */

struct vault_master_key {
	char environment[VAULT_ENVIRONMENT_MAX + 1];
	char purpose[17];
	char name[VAULT_PEPPER_NAME_MAX + 1];
	uint32_t version;
	enum pepper_state state;
	int algorithm; /* vault.proto's Algorithm */
	int64_t created_at, changed_at;
	uint8_t key_id[16];
	uint8_t check_value[8];
	bool read_back;
	bool sensitive, always_sensitive, extractable, never_extractable, local;
};

/* Of all environments that the HSM answers for, records of the others without read_back. */
enum pm_err vault_inventory(struct vault *vault, struct actor *actor, uint32_t report,
			    struct vault_master_key *keys, size_t max, size_t *count) NODISCARD;

/*
 * For a secondary sink: committed entries from a place on, without an entry of its own, because it
 * is the vault's own doing. `log` 0 begins at the open log's end.
 */
enum pm_err vault_log_follow(struct vault *vault, uint32_t *log, uint64_t *next, size_t max,
			     vault_log_visit *visit, void *arg) NODISCARD;

#endif
