/* The commands that change a key's record and hand out no text. */
#include <stdio.h>
#include <string.h>

#include "key.h"
#include "step_up.h"

static bool is_verb(const struct session *session, const char *verb)
{
	return strcmp(session->command->verb, verb) == 0;
}

/* One of them under way. */
struct change {
	struct key_lists lists; /* of an update */
	struct peppermint_key key;
};

static enum status make_change(struct session *session, enum peppermint_act act,
			       enum pm_err (*make)(struct session *, void *))
{
	struct change change;
	const struct step step = {
		.act = act, .subject = session->argument, .make = make, .what = &change
	};

	if (!is_key_id(session->argument) || !key_lists_read(&session->options, &change.lists))
		return STATUS_USAGE;
	enum status status = step_up(session, &step);
	return status == STATUS_DONE ? key_print(session, &change.key) : status;
}

static enum pm_err revoke(struct session *session, void *what)
{
	struct change *change = what;

	return peppermint_revoke_key(session->vault, session->options.env, session->argument,
				     &change->key, &session->call);
}

static enum pm_err roll_back(struct session *session, void *what)
{
	struct change *change = what;

	return peppermint_rollback_key(session->vault, session->options.env, session->argument,
				       &change->key, &session->call);
}

enum status run_key_change(struct session *session)
{
	return is_verb(session, "revoke") ? make_change(session, PEPPERMINT_ACT_REVOKE, revoke)
					  : make_change(session, PEPPERMINT_ACT_ROTATE, roll_back);
}

static enum pm_err update(struct session *session, void *what)
{
	const struct options *options = &session->options;
	struct change *change = what;
	bool disable = is_verb(session, "disable");
	const struct peppermint_key_update update = {
		.environment = options->env,
		.key_id = session->argument,
		.set_disabled = disable || is_verb(session, "enable"),
		.disabled = disable,
		.set_name = options->given & OPT_NAME,
		.name = options->name,
		.set_not_before = options->given & OPT_NOT_BEFORE,
		.not_before = options->not_before,
		.set_expires_at = options->given & OPT_EXPIRES,
		.expires_at = options->expires_at,
		.set_scopes = options->given & OPT_SCOPE,
		.scopes = change->lists.scopes,
		.set_networks = options->given & OPT_NETWORK,
		.networks = change->lists.networks,
		.set_labels = options->given & OPT_LABEL,
		.labels = change->lists.labels,
		.label_count = change->lists.label_count,
	};

	return peppermint_update_key(session->vault, &update, &change->key, &session->call);
}

enum status run_key_update(struct session *session)
{
	const option_set changes =
		OPT_NAME | OPT_NOT_BEFORE | OPT_EXPIRES | OPT_SCOPE | OPT_LABEL | OPT_NETWORK;

	if (is_verb(session, "update") && !(session->options.given & changes)) {
		complain("what shall be changed? Try: peppermint key update --help.");
		return STATUS_USAGE;
	}
	return make_change(session, PEPPERMINT_ACT_UPDATE, update);
}
