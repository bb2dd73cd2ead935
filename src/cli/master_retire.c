/* `pepper retire`: a version ends in order, so that nothing is lost with it. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "master.h"

struct retirement {
	struct session *session;
	struct master_name name;
	uint32_t version;
	struct masters *masters;
	const struct peppermint_master *master; /* that version, when last looked at */
};

static enum status look(struct retirement *r)
{
	enum pm_err err = masters_read(r->session, &r->name, r->masters);

	if (err != PM_OK)
		return vault_refused(r->session, err);
	r->master = masters_find(r->masters, r->version);
	if (r->master)
		return STATUS_DONE;
	complain("%s has no version %" PRIu32 ". Try: peppermint pepper usage.", r->name.name,
		 r->version);
	return STATUS_VAULT;
}

/* What each step says goes to standard error: the result is the version as it is at the end. */
static enum status step(struct retirement *r, enum peppermint_master_verb verb)
{
	struct session *session = r->session;
	struct peppermint_master_change change = master_change(session, &r->name, verb);
	struct peppermint_master_outcome outcome;

	if (verb == PEPPERMINT_MASTER_ROTATE)
		change.version = 0;
	if (verb == PEPPERMINT_MASTER_DESTROY)
		change.after_seconds = session->options.destroy_after;
	be_patient(session);
	enum pm_err err =
		peppermint_change_master(session->vault, &change, &outcome, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	fprintf(stderr, "%s\n", outcome.text);
	return STATUS_DONE;
}

static enum status rotate_away(struct retirement *r)
{
	if (r->master->state != PEPPERMINT_PEPPER_ACTIVE)
		return STATUS_DONE;
	enum status status = step(r, PEPPERMINT_MASTER_ROTATE);
	if (status != STATUS_DONE || r->session->options.given & OPT_DRY_RUN)
		return status;
	status = look(r);
	if (status == STATUS_DONE && r->master->state == PEPPERMINT_PEPPER_ACTIVE) {
		complain("the next version is staged: bring it to the standby token, activate it, "
			 "and run this again.");
		return STATUS_REFUSED;
	}
	return status;
}

/* What this version alone vouches for; wrapped records have a newer one for that. */
static bool has_records(const struct peppermint_master *master)
{
	return master->needed > master->wrapped;
}

static enum status rewrap(struct retirement *r)
{
	struct peppermint_master_outcome outcome = { 0 };

	if (!has_records(r->master))
		return STATUS_DONE;
	enum status status = master_rewrap(r->session, &r->name, &outcome);
	if (outcome.text[0])
		fprintf(stderr, "%s\n", outcome.text);
	return status;
}

static enum status still_needed(const struct retirement *r)
{
	complain("%" PRIu64 " API keys still need %s version %" PRIu32 " (wrapped: %" PRIu64
		 "). Each stops needing it when it is used, revoked "
		 "or expires. Run this again then.",
		 r->master->needed, r->name.name, r->version, r->master->wrapped);
	return STATUS_REFUSED;
}

/* A dry run has not rotated, so the vault cannot be asked about what would come next. */
static enum status foretell(const struct retirement *r)
{
	if (has_records(r->master))
		fprintf(stderr, "Then %" PRIu64 " records would move to the new version.\n",
			r->master->needed - r->master->wrapped);
	if (r->master->needed > 0)
		return still_needed(r);
	if (r->session->options.given & OPT_DESTROY_AFTER)
		fprintf(stderr,
			"Then version %" PRIu32 " would be destroyed, %" PRIu32
			" s later, if the vault finds nothing against it.\n",
			r->version, r->session->options.destroy_after);
	return STATUS_DONE;
}

static enum status destroy(struct retirement *r)
{
	if (r->master->needed > 0)
		return still_needed(r);
	if (!(r->session->options.given & OPT_DESTROY_AFTER))
		return STATUS_DONE;
	return step(r, PEPPERMINT_MASTER_DESTROY);
}

static enum status retire(struct retirement *r)
{
	bool dry_run = r->session->options.given & OPT_DRY_RUN;
	enum status status = look(r);

	if (status == STATUS_DONE)
		status = rotate_away(r);
	if (status == STATUS_DONE && dry_run && r->master->state == PEPPERMINT_PEPPER_ACTIVE)
		return foretell(r);
	if (status == STATUS_DONE)
		status = rewrap(r);
	if (status == STATUS_DONE && !dry_run)
		status = look(r);
	return status == STATUS_DONE ? destroy(r) : status;
}

static void print_version(struct retirement *r)
{
	if (look(r) != STATUS_DONE)
		return;
	r->masters->all[0] = *r->master;
	r->masters->count = 1;
	masters_print(r->session, r->masters);
}

enum status run_pepper_retire(struct session *session)
{
	struct masters *masters CLEANUP(free_ptr) = must_have(calloc(1, sizeof(*masters)));
	struct retirement r = { .session = session,
				.version = session->options.key_version,
				.masters = masters };
	enum status status = master_name(session, &r.name);

	if (status != STATUS_DONE)
		return status;
	status = retire(&r);
	if (status == STATUS_DONE || status == STATUS_REFUSED)
		print_version(&r);
	return status;
}
