/* The verbs that change a version's state, of peppers and of other master keys. */
#include <stdio.h>
#include <string.h>

#include "master.h"

static const struct {
	const char *word;
	enum peppermint_master_verb verb;
} verbs[] = {
	{ "rotate", PEPPERMINT_MASTER_ROTATE },         { "activate", PEPPERMINT_MASTER_ACTIVATE },
	{ "suspend", PEPPERMINT_MASTER_SUSPEND },       { "resume", PEPPERMINT_MASTER_RESUME },
	{ "compromise", PEPPERMINT_MASTER_COMPROMISE }, { "destroy", PEPPERMINT_MASTER_DESTROY },
	{ "cancel", PEPPERMINT_MASTER_CANCEL },
};

/* The command's own; the table of commands has no other that comes here. */
static enum peppermint_master_verb verb_of(const struct command *command)
{
	size_t i = 0;

	while (strcmp(verbs[i].word, command->verb) != 0)
		i++;
	return verbs[i].verb;
}

struct peppermint_master_change master_change(const struct session *session,
					      const struct master_name *name,
					      enum peppermint_master_verb verb)
{
	const struct options *options = &session->options;

	return (struct peppermint_master_change){
		.environment = options->env,
		.purpose = name->purpose,
		.name = name->name,
		.version = options->key_version,
		.verb = verb,
		.after_seconds = options->after,
		.dry_run = options->given & OPT_DRY_RUN,
		.force = options->given & OPT_FORCE,
	};
}

static json_t *version_or_null(const struct peppermint_master *master)
{
	return master->version != 0 ? master_json(master) : json_null();
}

void master_print_outcome(const struct session *session,
			  const struct peppermint_master_outcome *outcome)
{
	bool dry_run = session->options.given & OPT_DRY_RUN;

	if (session->options.given & OPT_JSON)
		print_json(json_pack("{s:b, s:s, s:I, s:o, s:o}", "dry_run", (int)dry_run, "text",
				     outcome->text, "affected", (json_int_t)outcome->affected,
				     "before", version_or_null(&outcome->before), "after",
				     version_or_null(&outcome->after)));
	else
		printf("%s%s\n", dry_run ? "Nothing was changed. " : "", outcome->text);
}

enum status run_master_change(struct session *session)
{
	struct peppermint_master_outcome outcome;
	struct master_name name;
	enum status status = master_name(session, &name);

	if (status != STATUS_DONE)
		return status;
	const struct peppermint_master_change change =
		master_change(session, &name, verb_of(session->command));
	be_patient(session);
	enum pm_err err =
		peppermint_change_master(session->vault, &change, &outcome, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	master_print_outcome(session, &outcome);
	return STATUS_DONE;
}
