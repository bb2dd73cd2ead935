/* Showing a recoverable key's text again. */
#include <string.h>

#include "base/cleanup.h"
#include "change.h"
#include "fresh.h"
#include "shown.h"

static enum pm_err open_text(struct key_change *change, struct key_secret *secret)
{
	enum pm_err err =
		shown_open(change->env, &change->record, &secret->text, change->actor->deadline);

	if (err == PM_RECORD_QUARANTINED)
		return change_tell_altered(change);
	if (err == PM_CONFLICT)
		change->actor->why = "the master key that keeps the text is suspended, or past its "
				     "end";
	if (err != PM_NOT_FOUND)
		return err;
	change->actor->why = "the key's secret was not made recoverable";
	return PM_CONFLICT;
}

/* Nobody hears of the text before the log does. */
static enum pm_err tell(struct key_change *change)
{
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_KEY_REVEAL, change->actor, change->env->audit, change->env);
	leaf_text(&leaf, "key", change->record.id);
	leaf_number(&leaf, "secret_version", change->record.secrets[SECRET_CURRENT].version);
	return request_commit(change->env, change->actor, change->record.id, &leaf);
}

static enum pm_err reveal(struct vault *vault, struct actor *actor, const char *environment,
			  const char *key_id, const struct fresh_terms *terms,
			  struct key_secret *secret)
{
	struct key_change change;

	TRY(change_begin(&change, vault, actor, environment, key_id));
	TRY(fresh_check(change.env, actor, terms));
	TRY(change_authorize(&change, vault, ACT_REVEAL));
	TRY(change_load(&change));
	TRY(change_needs_unrevoked(&change));
	TRY(open_text(&change, secret));
	strcpy(secret->merchant, change.facts.user);
	TRY(fresh_hand_over(terms->recipient, secret));
	return tell(&change);
}

enum pm_err vault_reveal(struct vault *vault, struct actor *actor, const char *environment,
			 const char *key_id, const char *recipient, struct key_secret *secret)
{
	const struct fresh_terms terms = { .recoverable = true, .recipient = recipient };

	*secret = (struct key_secret){ .text = { "" } };
	enum pm_err err = reveal(vault, actor, environment, key_id, &terms, secret);
	if (err != PM_OK)
		key_secret_wipe(secret);
	return err;
}
