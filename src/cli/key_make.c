/* The commands that hand out a key's text: `key mint`, `rotate`, `reset` and `reveal`. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "key.h"
#include "new_key.h"
#include "step_up.h"

/* One of them under way. */
struct making {
	struct new_key *made;
	const struct key_lists *lists; /* of a mint */
	struct peppermint_key key;
};

static enum status print_made(struct making *making)
{
	struct new_key *made = making->made;
	const struct peppermint_key *key = &making->key;

	new_key_name(made, key->id, key->external_reference);
	/* Basic's user name, if the vault did not tell one, is the account. */
	if (!made->delivery.merchant[0])
		strcpy(made->delivery.merchant, key->account);
	new_key_print(made, "key", made->form == NEW_KEY_RECORD ? key_json(key) : NULL);
	if (made->form == NEW_KEY_TEXT)
		key_print_facts(key);
	return STATUS_DONE;
}

static enum pm_err mint(struct session *session, void *what)
{
	const struct options *options = &session->options;
	struct making *making = what;
	const struct peppermint_mint mint = {
		.environment = options->env,
		.account = options->account,
		.product = options->product,
		.name = options->name,
		.external_reference = options->ref,
		.scopes = making->lists->scopes,
		.networks = making->lists->networks,
		.labels = making->lists->labels,
		.label_count = making->lists->label_count,
		.not_before = options->not_before,
		.expires_at = options->expires_at,
		.disabled = options->given & OPT_DISABLED,
		.recoverable = options->given & OPT_RECOVERABLE,
		.delivery = &making->made->delivery,
	};

	return peppermint_mint_key(session->vault, &mint, &making->key, &making->made->secret,
				   &session->call);
}

enum status run_key_mint(struct session *session)
{
	const struct options *options = &session->options;
	struct new_key *made CLEANUP(new_key_freep) = new_key_prepare(options);
	char subject[PEPPERMINT_ACCOUNT_MAX + 1 + PEPPERMINT_PRODUCT_MAX + 1];
	struct key_lists lists;

	if (!made || !key_lists_read(options, &lists))
		return STATUS_USAGE;
	snprintf(subject, sizeof(subject), "%s/%s", options->account,
		 options->product ? options->product : "");
	struct making making = { .made = made, .lists = &lists };
	const struct step step = {
		.act = PEPPERMINT_ACT_MINT, .subject = subject, .make = mint, .what = &making
	};
	enum status status = step_up(session, &step);
	return status == STATUS_DONE ? print_made(&making) : status;
}

static enum pm_err rotate(struct session *session, void *what)
{
	const struct options *options = &session->options;
	struct making *making = what;
	const struct peppermint_rotation rotation = {
		.environment = options->env,
		.key_id = session->argument,
		.overlap_seconds = options->overlap,
		.force = options->given & OPT_FORCE,
		.first_use = options->given & OPT_FIRST_USE,
		.recoverable = options->given & OPT_RECOVERABLE,
		.delivery = &making->made->delivery,
	};

	return peppermint_rotate_key(session->vault, &rotation, &making->key, &making->made->secret,
				     &session->call);
}

static enum pm_err reset(struct session *session, void *what)
{
	struct making *making = what;
	const struct peppermint_reset reset = {
		.environment = session->options.env,
		.key_id = session->argument,
		.recoverable = session->options.given & OPT_RECOVERABLE,
		.delivery = &making->made->delivery,
	};

	return peppermint_reset_secret(session->vault, &reset, &making->key, &making->made->secret,
				       &session->call);
}

/* Its record is not part of the answer, and is wanted beside the text. */
static enum pm_err reveal(struct session *session, void *what)
{
	struct making *making = what;
	struct peppermint_call look = { .authorization = session->call.authorization,
					.timeout_ms = session->call.timeout_ms };
	enum pm_err err = peppermint_reveal_key(session->vault, session->options.env,
						session->argument, &making->made->delivery,
						&making->made->secret, &session->call);

	if (err != PM_OK)
		return err;
	err = peppermint_get_key(session->vault, session->options.env, session->argument,
				 &making->key, &look);
	if (err != PM_OK)
		memcpy(session->call.message, look.message, sizeof(look.message));
	return err;
}

/* Of the key that the argument names. */
static enum status make_again(struct session *session, enum peppermint_act act,
			      enum pm_err (*make)(struct session *, void *))
{
	if (!is_key_id(session->argument))
		return STATUS_USAGE;
	struct new_key *made CLEANUP(new_key_freep) = new_key_prepare(&session->options);
	if (!made)
		return STATUS_USAGE;
	struct making making = { .made = made };
	const struct step step = { .act = act,
				   .subject = session->argument,
				   .always = act == PEPPERMINT_ACT_RESET,
				   .make = make,
				   .what = &making };
	enum status status = step_up(session, &step);
	return status == STATUS_DONE ? print_made(&making) : status;
}

enum status run_key_rotate(struct session *session)
{
	return make_again(session, PEPPERMINT_ACT_ROTATE, rotate);
}

enum status run_key_reset(struct session *session)
{
	return make_again(session, PEPPERMINT_ACT_RESET, reset);
}

enum status run_key_reveal(struct session *session)
{
	return make_again(session, PEPPERMINT_ACT_REVEAL, reveal);
}
