/* A key's record: how it is shown, and the commands that only look at it. */
#include "key.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
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
	case PEPPERMINT_KEY_NOT_YET:
		return "NOT_YET";
	case PEPPERMINT_KEY_DISABLED:
		return "DISABLED";
	case PEPPERMINT_KEY_STATE_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

/* A list of words as JSON has it. */
static json_t *words_json(const char *text)
{
	json_t *words = must_have(json_array());

	while (*text) {
		size_t len = strcspn(text, " ");

		json_array_append_new(words, must_have(json_stringn(text, len)));
		text += len + (text[len] == ' ');
	}
	return words;
}

static json_t *labels_json(const struct peppermint_key *key)
{
	json_t *labels = must_have(json_object());

	for (size_t i = 0; i < key->label_count; i++)
		json_object_set_new(labels, key->labels[i].key,
				    must_have(json_string(key->labels[i].value)));
	return labels;
}

/* null where it has none. */
static json_t *reference_json(const struct peppermint_key *key)
{
	return key->external_reference[0] ? json_string(key->external_reference) : json_null();
}

json_t *key_json(const struct peppermint_key *key)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:I, s:I, s:b, s:b, s:b, s:o, s:o, s:o}",
		"id", key->id, "environment", key->environment, "account", key->account, "product",
		key->product, "name", key->name, "external_reference",
		must_have(reference_json(key)), "state", key_state_name(key->state), "masked",
		key->masked, "created_by", key->created_by, "created_at",
		(json_int_t)key->created_at, "expires_at", (json_int_t)key->expires_at,
		"rotated_at", (json_int_t)key->rotated_at, "overlap_until",
		(json_int_t)key->overlap_until, "revoked_at", (json_int_t)key->revoked_at,
		"secret_version", (json_int_t)key->secret_version, "pepper_version",
		(json_int_t)key->pepper_version, "not_before", (json_int_t)key->not_before,
		"disabled_at", (json_int_t)key->disabled_at, "last_used_at",
		(json_int_t)key->last_used_at, "use_count", (json_int_t)key->use_count,
		"first_use_pending", (int)key->first_use_pending, "imported", (int)key->imported,
		"recoverable", (int)key->recoverable, "scopes", words_json(key->scopes), "networks",
		words_json(key->networks), "labels", labels_json(key));
}

static void when_fact(struct table *table, const char *label, int64_t when, const char *never)
{
	char text[WHEN_LEN];

	format_when(when, text);
	table_fact(table, label, when ? text : never);
}

static void lists_facts(struct table *table, const struct peppermint_key *key)
{
	table_fact(table, "Scopes", key->scopes);
	table_fact(table, "Networks", key->networks);
	for (size_t i = 0; i < key->label_count; i++) {
		char label[sizeof(struct peppermint_label) + 1];

		snprintf(label, sizeof(label), "%s=%s", key->labels[i].key, key->labels[i].value);
		table_fact(table, i == 0 ? "Labels" : "", label);
	}
}

void key_print_facts(const struct peppermint_key *key)
{
	struct table table CLEANUP(table_end) = { 0 };
	char versions[48], uses[24];

	snprintf(versions, sizeof(versions), "%" PRIu32 " (pepper version %" PRIu32 ")",
		 key->secret_version, key->pepper_version);
	snprintf(uses, sizeof(uses), "%" PRIu64, key->use_count);
	table_fact(&table, "Key id", key->id);
	table_fact(&table, "Reference", key->external_reference);
	table_fact(&table, "State", key_state_name(key->state));
	table_fact(&table, "Environment", key->environment);
	table_fact(&table, "Account", key->account);
	table_fact(&table, "Product", key->product);
	table_fact(&table, "Name", key->name);
	lists_facts(&table, key);
	table_fact(&table, "Ends with", key->masked);
	table_fact(&table, "Secret version", versions);
	table_fact(&table, "Not used yet", key->first_use_pending ? "the new secret" : "");
	table_fact(&table, "Imported", key->imported ? "yes" : "");
	table_fact(&table, "Recoverable", key->recoverable ? "yes" : "");
	table_fact(&table, "Created by", key->created_by);
	when_fact(&table, "Created", key->created_at, "");
	when_fact(&table, "Starts", key->not_before, "");
	when_fact(&table, "Expires", key->expires_at, "never");
	when_fact(&table, "Rotated", key->rotated_at, "");
	when_fact(&table, "Old secret until", key->overlap_until, "");
	when_fact(&table, "Disabled", key->disabled_at, "");
	when_fact(&table, "Revoked", key->revoked_at, "");
	when_fact(&table, "Last used", key->last_used_at, "");
	table_fact(&table, "Uses", key->use_count ? uses : "");
	table_print(&table);
}

enum status key_print(const struct session *session, const struct peppermint_key *key)
{
	if (session->options.given & OPT_JSON)
		print_json(key_json(key));
	else
		key_print_facts(key);
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

enum status run_key_show(struct session *session)
{
	struct peppermint_key key;

	if (!is_key_id(session->argument))
		return STATUS_USAGE;
	enum pm_err err = peppermint_get_key(session->vault, session->options.env,
					     session->argument, &key, &session->call);
	return err == PM_OK ? key_print(session, &key) : vault_refused(session, err);
}
