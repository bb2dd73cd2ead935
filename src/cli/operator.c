/* `operator …`: the people on whose behalf portals act. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "hsm_pins.h"
#include "paging.h"
#include "step_up.h"

static const struct {
	const char *name;
	enum peppermint_role role;
} roles[] = {
	{ "SUPERADMIN", PEPPERMINT_ROLE_SUPERADMIN },
	{ "ADMIN", PEPPERMINT_ROLE_ADMIN },
	{ "VIEWER", PEPPERMINT_ROLE_VIEWER },
	{ "AUDITOR", PEPPERMINT_ROLE_AUDITOR },
};
#define ROLE_COUNT (sizeof(roles) / sizeof(roles[0]))

static const char *role_name(enum peppermint_role role)
{
	for (size_t i = 0; i < ROLE_COUNT; i++) {
		if (roles[i].role == role)
			return roles[i].name;
	}
	return "UNKNOWN";
}

/* The account and the role that the options name. False after a complaint. */
static bool read_grant(const struct options *options, struct peppermint_grant *grant)
{
	grant->role = PEPPERMINT_ROLE_UNKNOWN;
	for (size_t i = 0; options->role && i < ROLE_COUNT; i++) {
		if (strcasecmp(roles[i].name, options->role) == 0)
			grant->role = roles[i].role;
	}
	if (options->role && grant->role == PEPPERMINT_ROLE_UNKNOWN) {
		complain("--role must be superadmin, admin, viewer or auditor.");
		return false;
	}
	if (strlen(options->account) > PEPPERMINT_ACCOUNT_MAX) {
		complain("an account's id has at most %d bytes.", PEPPERMINT_ACCOUNT_MAX);
		return false;
	}
	strcpy(grant->account, options->account);
	return true;
}

static json_t *grants_json(const struct peppermint_operator *person)
{
	json_t *grants = must_have(json_array());

	for (size_t i = 0; i < person->grant_count; i++)
		json_array_append_new(grants,
				      json_pack("{s:s, s:s}", "account", person->grants[i].account,
						"role", role_name(person->grants[i].role)));
	return grants;
}

static json_t *operator_json(const struct peppermint_operator *person)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:b, s:I, s:I, s:I, s:I, s:I, s:s}", "environment",
			 person->environment, "id", person->id, "name", person->name, "grants",
			 grants_json(person), "has_pin", (int)person->has_pin, "locked_until",
			 (json_int_t)person->locked_until, "failures", (json_int_t)person->failures,
			 "created_at", (json_int_t)person->created_at, "changed_at",
			 (json_int_t)person->changed_at, "disabled_at",
			 (json_int_t)person->disabled_at, "created_by", person->created_by);
}

/* `acme:ADMIN bolt:VIEWER`. */
static json_t *grants_text(const struct peppermint_operator *person)
{
	char text[PEPPERMINT_GRANTS_MAX * (PEPPERMINT_ACCOUNT_MAX + 16)] = "";
	size_t used = 0;

	for (size_t i = 0; i < person->grant_count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s:%s",
					 used ? " " : "", person->grants[i].account,
					 role_name(person->grants[i].role));
	return json_string(text);
}

/* The columns of a table want the roles as a text. */
static json_t *operator_row(const struct peppermint_operator *person, bool json)
{
	json_t *row = must_have(operator_json(person));

	if (!json)
		json_object_set_new(row, "grants", must_have(grants_text(person)));
	return row;
}

static const struct column columns[] = {
	{ "OPERATOR", "id", false },
	{ "NAME", "name", false },
	{ "ROLES", "grants", false },
	{ "PIN", "has_pin", false },
	{ "LOCKED UNTIL", "locked_until", true },
	{ "DISABLED", "disabled_at", true },
	{ "CHANGED", "changed_at", true },
};

static enum status print_operator(const struct session *session,
				  const struct peppermint_operator *person)
{
	struct sheet sheet CLEANUP(sheet_end) = SHEET(SHEET_TABLE, columns);

	if (session->options.given & OPT_JSON) {
		print_json(operator_json(person));
		return STATUS_DONE;
	}
	sheet_row(&sheet, operator_row(person, false));
	sheet_finish(&sheet, NULL);
	return STATUS_DONE;
}

/* One change under way. */
struct operator_work {
	struct peppermint_operator_change change;
	struct peppermint_operator person;
	enum pm_err (*make)(struct peppermint *handle,
			    const struct peppermint_operator_change *change,
			    struct peppermint_operator *person, struct peppermint_call *call);
};

static enum pm_err make_work(struct session *session, void *what)
{
	struct operator_work *work = what;

	return work->make(session->vault, &work->change, &work->person, &session->call);
}

static enum status do_work(struct session *session, struct operator_work *work)
{
	work->change.environment = session->options.env;
	work->change.id = session->argument;
	if (!work->make)
		work->make = peppermint_update_operator;
	const struct step step = { .act = PEPPERMINT_ACT_OPERATORS,
				   .subject = session->argument,
				   .make = make_work,
				   .what = work };
	enum status status = step_up(session, &step);
	return status == STATUS_DONE ? print_operator(session, &work->person) : status;
}

enum status run_operator_create(struct session *session)
{
	const struct options *options = &session->options;
	struct peppermint_grant grant;
	struct operator_work work = { .make = peppermint_create_operator };

	if (!options->account != !options->role) {
		complain("--account and --role belong together: the role in that account.");
		return STATUS_USAGE;
	}
	if (options->account && !read_grant(options, &grant))
		return STATUS_USAGE;
	work.change.name = options->name;
	work.change.grants = &grant;
	work.change.grant_count = options->account ? 1 : 0;
	return do_work(session, &work);
}

enum status run_operator_update(struct session *session)
{
	struct operator_work work = { .change.name = session->options.name };

	return do_work(session, &work);
}

enum status run_operator_disable(struct session *session)
{
	struct operator_work work = {
		.change.set_disabled = true,
		.change.disabled = strcmp(session->command->verb, "disable") == 0,
	};

	return do_work(session, &work);
}

static enum pm_err refuse(struct session *session, enum pm_err err, const char *why)
{
	snprintf(session->call.message, sizeof(session->call.message), "%s", why);
	return err;
}

/* There is no call for one operator: they are few, so all are looked through. */
static enum pm_err find_operator(struct session *session, struct peppermint_operator *found)
{
	static struct peppermint_operator people[PEPPERMINT_ACCOUNT_PAGE_MAX];
	char token[PEPPERMINT_TEXT_MAX + 1] = "";
	struct peppermint_call call = { .authorization = session->call.authorization,
					.timeout_ms = session->call.timeout_ms };
	struct peppermint_page page;

	do {
		const struct peppermint_operator_filter filter = { .environment =
									   session->options.env,
								   .page_token = token };
		enum pm_err err = peppermint_list_operators(
			session->vault, &filter, people, PEPPERMINT_ACCOUNT_PAGE_MAX, &page, &call);

		if (err != PM_OK)
			return refuse(session, err, call.message);
		for (size_t i = 0; i < page.count; i++) {
			if (strcmp(people[i].id, session->argument) == 0) {
				*found = people[i];
				return PM_OK;
			}
		}
		memcpy(token, page.next_page_token, sizeof(token));
	} while (token[0]);
	return refuse(session, PM_NOT_FOUND, "no operator has that id");
}

/* Replaces the role in that account, or adds or (UNKNOWN) removes it. */
static enum pm_err change_grants(struct session *session, const struct peppermint_grant *grant,
				 struct peppermint_operator *person)
{
	size_t at = 0;

	while (at < person->grant_count && strcmp(person->grants[at].account, grant->account) != 0)
		at++;
	bool there = at < person->grant_count;
	if (grant->role == PEPPERMINT_ROLE_UNKNOWN) {
		if (!there)
			return refuse(session, PM_NOT_FOUND,
				      "that operator has no role in that account");
		person->grants[at] = person->grants[--person->grant_count];
		return PM_OK;
	}
	if (at == PEPPERMINT_GRANTS_MAX)
		return refuse(session, PM_CONFLICT, "an operator has roles in at most 16 accounts");
	person->grants[at] = *grant;
	person->grant_count += !there;
	return PM_OK;
}

/* One role under way, to be made part of the others. */
struct grant_work {
	struct peppermint_grant grant;
	struct peppermint_operator person;
};

/*
 * The vault takes all roles at once, so they are read right before, and again after a person took the time
 * for a PIN.
 */
static enum pm_err make_grant(struct session *session, void *what)
{
	struct grant_work *work = what;
	struct peppermint_operator before;

	TRY(find_operator(session, &before));
	TRY(change_grants(session, &work->grant, &before));
	const struct peppermint_operator_change change = {
		.environment = session->options.env,
		.id = session->argument,
		.set_grants = true,
		.grants = before.grants,
		.grant_count = before.grant_count,
	};
	return peppermint_update_operator(session->vault, &change, &work->person, &session->call);
}

enum status run_operator_grant(struct session *session)
{
	struct grant_work work;
	const struct step step = { .act = PEPPERMINT_ACT_OPERATORS,
				   .subject = session->argument,
				   .make = make_grant,
				   .what = &work };

	if (!read_grant(&session->options, &work.grant))
		return STATUS_USAGE;
	enum status status = step_up(session, &step);
	return status == STATUS_DONE ? print_operator(session, &work.person) : status;
}

/* The new PIN of that operator, behind the old one if that is to be given. */
static enum status read_pins(const char *given, const char *operator_name, struct pins *pins)
{
	const struct pins_asked asked = { .given = given,
					  .wanted = "new PIN",
					  .operator_name = operator_name,
					  .min = PEPPERMINT_OPERATOR_PIN_MIN,
					  .max = PEPPERMINT_OPERATOR_PIN_MAX };

	return pins ? pins_read(&asked, pins) : STATUS_VAULT;
}

/* Standard input has the new PIN; the acting operator's own comes from where step_up says. */
enum status run_operator_set_pin(struct session *session)
{
	struct pins *pins CLEANUP(pins_freep) = pins_new();
	enum status status = read_pins(NULL, session->argument, pins);

	if (status != STATUS_DONE)
		return status;
	struct operator_work work = {
		.change.new_pin = pins->wanted,
		.change.new_pin_len = strlen(pins->wanted),
	};
	return do_work(session, &work);
}

enum status run_operator_change_pin(struct session *session)
{
	struct pins *pins CLEANUP(pins_freep) = pins_new();
	enum status status = read_pins("PIN", session->options.operator_name, pins);

	if (status != STATUS_DONE)
		return status;
	session->call.pin = pins->given;
	session->call.pin_len = strlen(pins->given);
	enum pm_err err =
		peppermint_change_operator_pin(session->vault, session->options.env, pins->wanted,
					       strlen(pins->wanted), &session->call);
	session->call.pin = NULL;
	if (err != PM_OK)
		return vault_refused(session, err);
	if (session->options.given & OPT_JSON)
		print_json(json_pack("{s:s, s:b}", "operator", session->options.operator_name,
				     "changed", 1));
	else
		puts("The PIN is changed.");
	return STATUS_DONE;
}

enum status run_operator_list(struct session *session)
{
	static struct peppermint_operator people[PEPPERMINT_ACCOUNT_PAGE_MAX];
	struct paging paging CLEANUP(paging_end) =
		paging_of(&session->options, "operators", SHEET(SHEET_TABLE, columns));
	struct peppermint_operator_filter filter = { .environment = session->options.env,
						     .account = session->options.account };

	while (paging_next(&paging, &filter.page_token)) {
		enum pm_err err = peppermint_list_operators(
			session->vault, &filter, people, paging.size, &paging.page, &session->call);
		if (err != PM_OK)
			return vault_refused(session, err);
		for (size_t i = 0; i < paging.page.count; i++)
			paging_row(&paging, operator_row(&people[i], paging.json));
	}
	paging_finish(&paging);
	return STATUS_DONE;
}
