/* What the commands about master keys share: naming one, reading its versions, showing them. */
#ifndef CLI_MASTER_H
#define CLI_MASTER_H

#include "command.h"
#include "sheet.h"

/* Which key a command is about: NAME for `pepper`, PURPOSE/NAME for `master`. */
struct master_name {
	char purpose[17];
	char name[PEPPERMINT_PEPPER_NAME_MAX + 1];
};
/* STATUS_USAGE after a complaint. */
enum status master_name(const struct session *session, struct master_name *name);

/* Its versions, or all keys' if `name` is NULL. */
struct masters {
	struct peppermint_master all[PEPPERMINT_MASTERS_MAX];
	size_t count;
};
enum pm_err masters_read(struct session *session, const struct master_name *name,
			 struct masters *masters);
/* NULL: there is no such version; 0 is the active one. */
const struct peppermint_master *masters_find(const struct masters *masters, uint32_t version);

json_t *master_json(const struct peppermint_master *master);
/* A table, and below it what is under way; or with --json an array. */
void masters_print(const struct session *session, const struct masters *masters);

/* A change of that key, as the command's options have it but for the verb. */
struct peppermint_master_change master_change(const struct session *session,
					      const struct master_name *name,
					      enum peppermint_master_verb verb);
/* What was done, or would be: its line for people, or with --json all of it. */
void master_print_outcome(const struct session *session,
			  const struct peppermint_master_outcome *outcome);

/*
 * Has older records moved to the active version and waits until that is done, showing how far it is
 * on standard error. STATUS_REFUSED: it goes on without us, or ended before all were moved.
 */
enum status master_rewrap(struct session *session, const struct master_name *name,
			  struct peppermint_master_outcome *outcome);

#endif
