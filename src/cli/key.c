#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"
#include "key.h"
#include "when.h"

const char *key_state_name(enum peppermint_key_state state)
{
	switch (state) {
	case PEPPERMINT_KEY_ACTIVE:
		return "ACTIVE";
	case PEPPERMINT_KEY_EXPIRED:
		return "EXPIRED";
	case PEPPERMINT_KEY_REVOKED:
		return "REVOKED";
	case PEPPERMINT_KEY_QUARANTINED:
		return "QUARANTINED";
	case PEPPERMINT_KEY_STATE_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

json_t *key_json(const struct peppermint_key *key)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "id",
		key->id, "environment", key->environment, "account", key->account, "product",
		key->product, "name", key->name, "state", key_state_name(key->state), "masked",
		key->masked, "created_by", key->created_by, "created_at",
		(json_int_t)key->created_at, "expires_at", (json_int_t)key->expires_at,
		"rotated_at", (json_int_t)key->rotated_at, "overlap_until",
		(json_int_t)key->overlap_until, "revoked_at", (json_int_t)key->revoked_at,
		"secret_version", (json_int_t)key->secret_version, "pepper_version",
		(json_int_t)key->pepper_version);
}

static void when_fact(struct table *table, const char *label, int64_t when, const char *never)
{
	char text[WHEN_LEN];

	format_when(when, text);
	table_fact(table, label, when ? text : never);
}

static void print_key_facts(const struct peppermint_key *key)
{
	struct table table CLEANUP(table_end) = { 0 };
	char versions[48];

	snprintf(versions, sizeof(versions), "%" PRIu32 " (pepper version %" PRIu32 ")",
		 key->secret_version, key->pepper_version);
	table_fact(&table, "Key id", key->id);
	table_fact(&table, "State", key_state_name(key->state));
	table_fact(&table, "Environment", key->environment);
	table_fact(&table, "Account", key->account);
	table_fact(&table, "Product", key->product);
	table_fact(&table, "Name", key->name);
	table_fact(&table, "Ends with", key->masked);
	table_fact(&table, "Secret version", versions);
	table_fact(&table, "Created by", key->created_by);
	when_fact(&table, "Created", key->created_at, "");
	when_fact(&table, "Expires", key->expires_at, "never");
	when_fact(&table, "Rotated", key->rotated_at, "");
	when_fact(&table, "Old secret until", key->overlap_until, "");
	when_fact(&table, "Revoked", key->revoked_at, "");
	table_print(&table);
}

static enum status print_key(const struct session *session, const struct peppermint_key *key)
{
	if (session->options.given & OPT_JSON)
		print_json(key_json(key));
	else
		print_key_facts(key);
	return STATUS_DONE;
}

/* The secret goes straight into stdout's locked buffer, by no cell of a table. */
static enum status print_new_key(const struct session *session, const struct peppermint_key *key,
				 const struct peppermint_secret *secret)
{
	if (session->options.given & OPT_QUIET) {
		printf("%s\n", secret->text);
		return STATUS_DONE;
	}
	if (session->options.given & OPT_JSON) {
		print_json(json_pack("{s:o, s:s}", "key", key_json(key), "api_key", secret->text));
		return STATUS_DONE;
	}
	printf("API key:  %s\n\nThis is shown once. Store it now.\n\n", secret->text);
	print_key_facts(key);
	return STATUS_DONE;
}

bool is_key_id(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (!isalnum((unsigned char)text[i])) {
			len = 0;
			break;
		}
	}
	if (len == PEPPERMINT_KEY_ID_LEN)
		return true;
	complain("ID is the %d letters and digits between a key's prefix and its second part, not "
		 "the key. What stands in a command line is no secret any more; if that was a key, "
		 "rotate it.",
		 PEPPERMINT_KEY_ID_LEN);
	return false;
}

enum status run_key_mint(struct session *session)
{
	const struct options *options = &session->options;
	const struct peppermint_mint mint = {
		.environment = options->env,
		.account = options->account,
		.product = options->product,
		.name = options->name,
		.expires_at = options->expires_at,
	};
	struct peppermint_secret secret CLEANUP(peppermint_secret_wipe) = { "" };
	struct peppermint_key key;

	enum pm_err err = peppermint_mint_key(session->vault, &mint, &key, &secret, &session->call);
	return err == PM_OK ? print_new_key(session, &key, &secret) : vault_refused(session, err);
}

enum status run_key_rotate(struct session *session)
{
	const struct options *options = &session->options;
	const struct peppermint_rotation rotation = {
		.environment = options->env,
		.key_id = session->argument,
		.overlap_seconds = options->overlap,
		.force = options->given & OPT_FORCE,
	};
	struct peppermint_secret secret CLEANUP(peppermint_secret_wipe) = { "" };
	struct peppermint_key key;

	if (!is_key_id(session->argument))
		return STATUS_USAGE;
	enum pm_err err =
		peppermint_rotate_key(session->vault, &rotation, &key, &secret, &session->call);
	return err == PM_OK ? print_new_key(session, &key, &secret) : vault_refused(session, err);
}

enum status run_key_revoke(struct session *session)
{
	struct peppermint_key key;

	if (!is_key_id(session->argument))
		return STATUS_USAGE;
	enum pm_err err = peppermint_revoke_key(session->vault, session->options.env,
						session->argument, &key, &session->call);
	return err == PM_OK ? print_key(session, &key) : vault_refused(session, err);
}

enum status run_key_show(struct session *session)
{
	struct peppermint_key key;

	if (!is_key_id(session->argument))
		return STATUS_USAGE;
	enum pm_err err = peppermint_get_key(session->vault, session->options.env,
					     session->argument, &key, &session->call);
	return err == PM_OK ? print_key(session, &key) : vault_refused(session, err);
}
