/* `hsm adopt` and `hsm destroy-orphan`: what no record names in a token. */
#include "orphan.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "pepper.h"

void object_id(const struct peppermint_object *object, char hex[OBJECT_ID_HEX])
{
	hex_encode(bytes_of(object->key_id, sizeof(object->key_id)), hex);
}

bool object_is_orphan(const struct peppermint_object *object)
{
	return object->version == 0;
}

/* What was brought in is as it must be with less: the vault says so. */
static bool is_import(const struct peppermint_object *object)
{
	return object->sound && object->sensitive && !object->extractable &&
	       strstr(object->label, "/import/") != NULL;
}

const char *object_fault(const struct peppermint_object *object)
{
	if (is_import(object))
		return "";
	if (!object->sensitive || !object->always_sensitive)
		return "NOT ALWAYS SENSITIVE";
	if (object->extractable || !object->never_extractable)
		return "EXTRACTABLE";
	if (!object->local)
		return "NOT MADE IN THE TOKEN";
	return object->sound ? "" : "NOT AS THE VAULT MAKES THEM";
}

static const char *algorithm_name(enum peppermint_algorithm algorithm)
{
	switch (algorithm) {
	case PEPPERMINT_HMAC_SHA256:
		return "HMAC-SHA-256";
	case PEPPERMINT_ED25519:
		return "Ed25519";
	case PEPPERMINT_ECDSA_P256:
		return "ECDSA P-256";
	case PEPPERMINT_AES256_GCM:
		return "AES-256-GCM";
	case PEPPERMINT_ALGORITHM_UNKNOWN:
		break;
	}
	return "other";
}

static const char *verdict(const struct peppermint_object *object)
{
	const char *fault = object_fault(object);

	if (fault[0])
		return fault;
	return object_is_orphan(object) ? "ORPHAN" : "good";
}

static void set_flag(json_t *row, const char *name, bool value)
{
	json_object_set_new(row, name, json_boolean(value));
}

json_t *object_json(const struct peppermint_object *object)
{
	bool orphan = object_is_orphan(object);
	char id[OBJECT_ID_HEX];

	object_id(object, id);
	json_t *row = must_have(json_pack("{s:s, s:s, s:s, s:s}", "label", object->label, "id", id,
					  "algorithm", algorithm_name(object->algorithm), "verdict",
					  verdict(object)));
	json_object_set_new(row, "version",
			    orphan ? json_null() : json_integer((json_int_t)object->version));
	json_object_set_new(row, "state",
			    orphan ? json_null() : json_string(pepper_state_name(object->state)));
	set_flag(row, "orphan", orphan);
	set_flag(row, "sensitive", object->sensitive);
	set_flag(row, "always_sensitive", object->always_sensitive);
	set_flag(row, "extractable", object->extractable);
	set_flag(row, "never_extractable", object->never_extractable);
	set_flag(row, "local", object->local);
	set_flag(row, "sign", object->sign);
	set_flag(row, "private", object->is_private);
	set_flag(row, "modifiable", object->modifiable);
	set_flag(row, "destroyable", object->destroyable);
	set_flag(row, "restricted", object->restricted);
	set_flag(row, "sound", object->sound);
	return row;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* 32 hexadecimal digits, as the inventory prints them. */
static enum status read_id(const char *text, uint8_t id[16])
{
	bool good = strlen(text) == 32;

	for (size_t i = 0; good && i < 16; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		good = high >= 0 && low >= 0;
		if (good)
			id[i] = (uint8_t)(high << 4 | low);
	}
	if (good)
		return STATUS_DONE;
	complain("KEY_ID must be 32 hexadecimal digits. `hsm inventory --env` shows them.");
	return STATUS_USAGE;
}

static enum pm_err settle(struct session *session, const uint8_t id[16], bool adopt, bool dry_run,
			  struct peppermint_object *object)
{
	be_patient(session);
	return peppermint_settle_orphan(session->vault, session->options.env, id, adopt, dry_run,
					object, &session->call);
}

static enum status print_settled(const struct session *session, const char *done,
				 const struct peppermint_object *object)
{
	bool dry_run = session->options.given & OPT_DRY_RUN;

	if (session->options.given & OPT_JSON)
		print_json(json_pack("{s:b, s:o}", "dry_run", (int)dry_run, "object",
				     object_json(object)));
	else if (dry_run)
		printf("Nothing was changed. %s would be %s.\n", object->label, done);
	else
		printf("%s was %s.\n", object->label, done);
	return STATUS_DONE;
}

static enum status settle_and_print(struct session *session, const uint8_t id[16], bool adopt)
{
	struct peppermint_object object;
	bool dry_run = session->options.given & OPT_DRY_RUN;
	enum pm_err err = settle(session, id, adopt, dry_run, &object);

	if (err != PM_OK)
		return vault_refused(session, err);
	return print_settled(session, adopt ? "given a record" : "destroyed", &object);
}

enum status run_hsm_adopt(struct session *session)
{
	uint8_t id[16];
	enum status status = read_id(session->argument, id);

	return status == STATUS_DONE ? settle_and_print(session, id, true) : status;
}

/* Its label, said once more: a mistyped id destroys nothing. The look has a request id of its own. */
static enum status confirm(struct session *session, const uint8_t id[16])
{
	const struct options *options = &session->options;
	struct peppermint_object object;

	if (!(options->given & OPT_LABEL)) {
		complain("this destroys a key for good. Repeat its label with --label, as `hsm "
			 "inventory --env %s` shows it; or look with --dry-run.",
			 options->env);
		return STATUS_USAGE;
	}
	session->call.request_id = NULL;
	enum pm_err err = settle(session, id, false, true, &object);
	session->call.request_id = options->request_id;
	if (err != PM_OK)
		return vault_refused(session, err);
	if (strcmp(object.label, options->labels.at[0]) == 0)
		return STATUS_DONE;
	complain("that object's label is %s. Nothing was destroyed.", object.label);
	return STATUS_USAGE;
}

enum status run_hsm_destroy_orphan(struct session *session)
{
	uint8_t id[16];
	enum status status = read_id(session->argument, id);

	if (status == STATUS_DONE && !(session->options.given & OPT_DRY_RUN))
		status = confirm(session, id);
	return status == STATUS_DONE ? settle_and_print(session, id, false) : status;
}
