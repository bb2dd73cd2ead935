/* report cryptoperiods and report attestation: the keys in the tokens. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "master.h"
#include "pepper.h"
#include "report.h"

#define YEAR (365 * DAY)

/*
 * NIST SP 800-57 part 1 rev. 5, table 1. Symmetric authentication keys: made use of by their
 * originator for at most 2 years, by a recipient for at most 3 years beyond. Private signature
 * keys: 1 to 3 years; what they signed may be verified for longer.
 */
#define SYMMETRIC_ORIGINATOR (2 * YEAR)
#define SYMMETRIC_RECIPIENT (3 * YEAR)
#define SIGNATURE_ORIGINATOR (3 * YEAR)

struct period {
	int64_t makes, verifies; /* until then; 0: no end */
};

/* Verifying is counted from when it made its last hash, signatures are of use for as long as logs. */
static struct period period_by_standard(const struct peppermint_master_key *key)
{
	int64_t makes =
		key->created_at + (key_signs(key) ? SIGNATURE_ORIGINATOR : SYMMETRIC_ORIGINATOR);
	int64_t ended = makes;

	if (key->state == PEPPERMINT_PEPPER_VERIFY_ONLY && key->changed_at < ended)
		ended = key->changed_at;
	return (struct period){ makes, key_signs(key) ? 0 : ended + SYMMETRIC_RECIPIENT };
}

/* What the vault itself enforces, of each environment that tells. */
struct periods {
	struct masters environments[PEPPERMINT_ENVIRONMENTS_MAX];
	bool all; /* of them tell */
};

static struct periods *periods_read(struct session *session,
				    const struct peppermint_inventory *inventory)
{
	struct periods *periods = must_have(calloc(1, sizeof(*periods)));

	periods->all = true;
	be_patient(session);
	for (size_t i = 0; i < inventory->environment_count; i++) {
		struct masters *masters = &periods->environments[i];

		if (peppermint_list_masters(session->vault, inventory->environments[i].name, NULL,
					    NULL, masters->all, PEPPERMINT_MASTERS_MAX,
					    &masters->count, &session->call) == PM_OK)
			continue;
		masters->count = 0;
		periods->all = false;
	}
	return periods;
}

static bool is_of(const struct peppermint_master *master, const struct peppermint_master_key *key)
{
	return master->version == key->version && strcmp(master->name, key->name) == 0 &&
	       strcmp(master->purpose, key->purpose) == 0 &&
	       strcmp(master->environment, key->environment) == 0;
}

static struct period period_of(const struct periods *periods,
			       const struct peppermint_master_key *key)
{
	for (size_t i = 0; i < PEPPERMINT_ENVIRONMENTS_MAX; i++) {
		const struct masters *masters = &periods->environments[i];

		for (size_t j = 0; j < masters->count; j++) {
			const struct peppermint_master *master = &masters->all[j];

			if (is_of(master, key))
				return (struct period){ master->make_until, master->verify_until };
		}
	}
	return period_by_standard(key);
}

static bool is_overdue(const struct peppermint_master_key *key, const struct period *period,
		       int64_t now)
{
	int64_t until = key->state == PEPPERMINT_PEPPER_ACTIVE ? period->makes : period->verifies;

	return key_is_live(key) && until != 0 && now > until;
}

static const struct column period_columns[] = {
	{ "KEY", "key", false },
	{ "ALGORITHM", "algorithm", false },
	{ "STATE", "state", false },
	{ "CREATED", "created_at", true },
	{ "DAYS", "age_days", false },
	{ "MAKES UNTIL", "originator_until", true },
	{ "VERIFIES UNTIL", "recipient_until", true },
	{ "DUE", "due", false },
};

static json_t *period_row(const struct peppermint_master_key *key, const struct period *period,
			  int64_t now, bool overdue)
{
	bool live = key_is_live(key);
	char label[KEY_LABEL_ROOM];

	key_label(key, label);
	return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:b, s:s}", "key", label, "algorithm",
			 key_algorithm(key)->name, "state", pepper_state_name(key->state),
			 "created_at", (json_int_t)key->created_at, "age_days",
			 (json_int_t)((now - key->created_at) / DAY), "originator_until",
			 (json_int_t)(live ? period->makes : 0), "recipient_until",
			 (json_int_t)(live ? period->verifies : 0), "overdue", (int)overdue, "due",
			 overdue ? "OVERDUE"
			 : live  ? "in time"
				 : "");
}

static const char how_to_replace[] =
	" A pepper is replaced by peppermint pepper rotate, the key that signs the audit log by "
	"peppermint audit rotate, others by peppermint master rotate.";

enum status run_report_cryptoperiods(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) = REPORT(
		session, "cryptoperiods",
		"Cryptoperiods (PCI DSS 3.7.4, NIST SP 800-57 part 1 rev. 5)", period_columns);
	struct peppermint_inventory *inventory CLEANUP(free_ptr) =
		inventory_read(session, PEPPERMINT_REPORT_CRYPTOPERIODS);
	int64_t now = clock_unix();
	size_t overdue = 0;

	if (!inventory)
		return STATUS_VAULT;
	struct periods *periods CLEANUP(free_ptr) = periods_read(session, inventory);
	for (size_t i = 0; i < inventory->key_count; i++) {
		const struct peppermint_master_key *key = &inventory->keys[i];
		struct period period = period_of(periods, key);
		bool late = is_overdue(key, &period, now);

		overdue += late;
		sheet_row(&sheet, period_row(key, &period, now, late));
	}
	sheet_finish(&sheet, json_pack("{s:I}", "overdue", (json_int_t)overdue));
	report_remark(&sheet,
		      "By the standard a symmetric key makes hashes for at most 2 years and "
		      "verifies them for 3 more; a signing key signs for at most 3.\n%s%zu of %zu "
		      "keys are overdue.%s",
		      periods->all ? ""
				   : "Not all environments tell their periods: the standard's "
				     "stand for those.\n",
		      overdue, inventory->key_count, overdue ? how_to_replace : "");
	return overdue ? STATUS_REFUSED : STATUS_DONE;
}

static const struct column attestation_columns[] = {
	{ "KEY", "key", false },
	{ "STATE", "state", false },
	{ "IN TOKEN", "read_back", false },
	{ "SENSITIVE", "sensitive", false },
	{ "ALWAYS", "always_sensitive", false },
	{ "EXTRACTABLE", "extractable", false },
	{ "NEVER", "never_extractable", false },
	{ "LOCAL", "local", false },
	{ "TOKEN", "token", false },
	{ "SERIAL", "serial", false },
	{ "MODEL", "model", false },
	{ "CERTIFIED", "certified", false },
	{ "VERDICT", "verdict", false },
};

/* "" is as it must be. Of keys that no token need have, nothing is asked. */
static const char *fault_of(const struct peppermint_master_key *key)
{
	if (!key_is_live(key))
		return "";
	if (!key->read_back)
		return "NOT READ BACK";
	/* What another system made and gave was outside, which cannot be otherwise. */
	if (strcmp(key->purpose, "import") == 0)
		return key->sensitive && !key->extractable ? "" : "EXTRACTABLE";
	if (!key->sensitive || !key->always_sensitive)
		return "NOT ALWAYS SENSITIVE";
	if (key->extractable || !key->never_extractable)
		return "EXTRACTABLE";
	return key->local ? "" : "NOT MADE IN THE TOKEN";
}

/* An attribute of a key that was not read back is not false but unknown. */
static void set_attribute(json_t *row, const struct peppermint_master_key *key, const char *name,
			  bool value)
{
	json_object_set_new(row, name, key->read_back ? json_boolean(value) : json_null());
}

static const char *certified_text(enum token_kind kind)
{
	switch (kind) {
	case TOKEN_SOFTWARE:
		return "NOT CERTIFIED";
	case TOKEN_MODULE:
		return "see its certificate";
	case TOKEN_UNKNOWN:
		break;
	}
	return "unknown";
}

static json_t *certified_json(enum token_kind kind)
{
	return kind == TOKEN_UNKNOWN ? json_null() : json_boolean(kind == TOKEN_MODULE);
}

static json_t *attestation_row(const struct peppermint_master_key *key,
			       const struct peppermint_environment *token)
{
	const char *fault = fault_of(key);
	char label[KEY_LABEL_ROOM];

	key_label(key, label);
	json_t *row = must_have(
		json_pack("{s:s, s:s, s:b, s:s, s:s, s:s, s:s, s:s, s:b}", "key", label, "state",
			  pepper_state_name(key->state), "read_back", (int)key->read_back, "token",
			  token->token_label, "serial", token->token_serial, "model",
			  token->token_model, "certified", certified_text(token_kind(token)),
			  "verdict", fault[0] ? fault : "good", "good", (int)(fault[0] == '\0')));
	set_attribute(row, key, "sensitive", key->sensitive);
	set_attribute(row, key, "always_sensitive", key->always_sensitive);
	set_attribute(row, key, "extractable", key->extractable);
	set_attribute(row, key, "never_extractable", key->never_extractable);
	set_attribute(row, key, "local", key->local);
	return row;
}

enum status run_report_attestation(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) = REPORT(
		session, "attestation", "What the tokens say of each key now (PCI DSS 3.6.1.2)",
		attestation_columns);
	struct peppermint_inventory *inventory CLEANUP(free_ptr) =
		inventory_read(session, PEPPERMINT_REPORT_ATTESTATION);
	size_t faults = 0;

	if (!inventory)
		return STATUS_VAULT;
	enum token_kind kind = inventory_kind(inventory);
	for (size_t i = 0; i < inventory->key_count; i++) {
		const struct peppermint_master_key *key = &inventory->keys[i];

		faults += fault_of(key)[0] != '\0';
		sheet_row(&sheet,
			  attestation_row(key, inventory_environment(inventory, key->environment)));
	}
	sheet_finish(&sheet, json_pack("{s:I, s:o}", "faults", (json_int_t)faults, "certified",
				       certified_json(kind)));
	report_remark(&sheet, "%zu of %zu keys are not as they must be.", faults,
		      inventory->key_count);
	if (kind == TOKEN_SOFTWARE)
		report_remark(&sheet,
			      "NOT CERTIFIED: SoftHSM is a program for tests. Its keys lie in "
			      "files, which no standard counts as a secure device.");
	return faults ? STATUS_REFUSED : STATUS_DONE;
}
