#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "command.h"
#include "pepper.h"

const char *pepper_state_name(enum peppermint_pepper_state state)
{
	switch (state) {
	case PEPPERMINT_PEPPER_STAGED:
		return "STAGED";
	case PEPPERMINT_PEPPER_ACTIVE:
		return "ACTIVE";
	case PEPPERMINT_PEPPER_VERIFY_ONLY:
		return "VERIFY_ONLY";
	case PEPPERMINT_PEPPER_DESTROYED:
		return "DESTROYED";
	case PEPPERMINT_PEPPER_SUSPENDED:
		return "SUSPENDED";
	case PEPPERMINT_PEPPER_COMPROMISED:
		return "COMPROMISED";
	case PEPPERMINT_PEPPER_DESTROY_SCHEDULED:
		return "DESTROY_SCHEDULED";
	case PEPPERMINT_PEPPER_STATE_UNKNOWN:
		break;
	}
	return "UNKNOWN";
}

/* The two names by which a key is known in the token, in hex. */
struct version_hex {
	char key_id[2 * sizeof(((struct peppermint_pepper_version *)NULL)->key_id) + 1];
	char check_value[2 * sizeof(((struct peppermint_pepper_version *)NULL)->check_value) + 1];
};

static struct version_hex version_hex(const struct peppermint_pepper_version *version)
{
	struct version_hex hex = { "", "" };

	hex_encode(bytes_of(version->key_id, sizeof(version->key_id)), hex.key_id);
	hex_encode(bytes_of(version->check_value, sizeof(version->check_value)), hex.check_value);
	return hex;
}

static json_t *version_json(const struct peppermint_pepper_version *version)
{
	struct version_hex hex = version_hex(version);

	return json_pack("{s:I, s:s, s:I, s:s, s:s}", "version", (json_int_t)version->version,
			 "state", pepper_state_name(version->state), "created_at",
			 (json_int_t)version->created_at, "key_id", hex.key_id, "check_value",
			 hex.check_value);
}

static json_t *pepper_json(const struct peppermint_pepper *pepper)
{
	json_t *versions = json_array();

	for (size_t i = 0; i < pepper->version_count; i++)
		json_array_append_new(versions, version_json(&pepper->versions[i]));
	return json_pack("{s:s, s:s, s:o}", "environment", pepper->environment, "name",
			 pepper->name, "versions", versions);
}

static void add_pepper(struct table *table, const struct peppermint_pepper *pepper)
{
	for (size_t i = 0; i < pepper->version_count; i++) {
		const struct peppermint_pepper_version *version = &pepper->versions[i];
		struct version_hex hex = version_hex(version);

		table_cell(table, "%s", pepper->name);
		table_cell(table, "v%" PRIu32, version->version);
		table_cell(table, "%s", pepper_state_name(version->state));
		table_when(table, version->created_at, "-");
		table_cell(table, "%s", hex.key_id);
		table_cell(table, "%s", hex.check_value);
	}
}

static void print_peppers(const struct peppermint_pepper *peppers, size_t count)
{
	static const char *const heads[] = {
		"PEPPER", "VERSION", "STATE", "CREATED", "TOKEN OBJECT", "CHECK VALUE",
	};
	struct table table CLEANUP(table_end) = { 0 };

	table_head(&table, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < count; i++)
		add_pepper(&table, &peppers[i]);
	table_print(&table);
}

enum status run_pepper_list(struct session *session)
{
	struct peppermint_pepper peppers[PEPPERMINT_PEPPERS_MAX];
	size_t count = 0;

	enum pm_err err = peppermint_list_peppers(session->vault, session->options.env, peppers,
						  PEPPERMINT_PEPPERS_MAX, &count, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	if (!(session->options.given & OPT_JSON)) {
		print_peppers(peppers, count);
		return STATUS_DONE;
	}
	json_t *json = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(json, pepper_json(&peppers[i]));
	print_json(json);
	return STATUS_DONE;
}

static enum status print_pepper(const struct session *session,
				const struct peppermint_pepper *pepper)
{
	if (session->options.given & OPT_JSON)
		print_json(pepper_json(pepper));
	else
		print_peppers(pepper, 1);
	return STATUS_DONE;
}

enum status run_pepper_create(struct session *session)
{
	struct peppermint_pepper pepper;

	be_patient(session);
	enum pm_err err = peppermint_create_pepper(session->vault, session->options.env,
						   session->argument, &pepper, &session->call);
	return err == PM_OK ? print_pepper(session, &pepper) : vault_refused(session, err);
}

enum status run_pepper_rotate(struct session *session)
{
	struct peppermint_pepper pepper;

	if (session->options.given & OPT_DRY_RUN)
		return run_master_change(session);
	be_patient(session);
	enum pm_err err = peppermint_rotate_pepper(session->vault, session->options.env,
						   session->argument, &pepper, &session->call);
	return err == PM_OK ? print_pepper(session, &pepper) : vault_refused(session, err);
}
