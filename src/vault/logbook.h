/* Logs are opened, given up, rotated and described. */
#ifndef VAULT_LOGBOOK_H
#define VAULT_LOGBOOK_H

#include "audit_state.h"
#include "domain.h"

/* Opens log 1. */
enum pm_err logbook_open_first(struct audit *audit, int64_t deadline) NODISCARD;

/*
 * Gives up a log that lost entries and opens the next, whose first entry says what was lost. Its name
 * is one that no lost log can have had.
 */
enum pm_err logbook_abandon(struct audit *audit, int64_t deadline) NODISCARD;

/* rotate.c: the pair that signs checkpoints is there and is the open log's; inside a change of the
 * environment whose token signs. PM_TOKEN_MISMATCH: refused, and said why. */
enum pm_err logbook_have_key(struct environment *env, int64_t deadline) NODISCARD;

/* A log that is about to be opened, and its first entry, which is not ended yet. */
enum pm_err logbook_describe_new(const struct audit *audit, uint32_t number, const char *suffix,
				 struct log_record *out) NODISCARD;
void logbook_begin_leaf(struct leaf *leaf, struct audit *audit, const struct log_record *record);

/*
 * What the open log is called and how far the logs are signed, for Status. What cannot be read now
 * is read in the notary's next round.
 */
void logbook_note(struct audit *audit);

/* The first tells what is in the record, without entries and checkpoint; never fails. */
void logbook_describe_record(const struct log_record *record, struct vault_log *out);
enum pm_err logbook_describe(struct audit *audit, const struct log_record *record,
			     struct vault_log *out) NODISCARD;

#endif
