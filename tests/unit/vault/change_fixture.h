/* Changing master keys of environment `live` as custodians do, and letting time pass. */
#ifndef UNIT_CHANGE_FIXTURE_H
#define UNIT_CHANGE_FIXTURE_H

#include "master_fixture.h"

/* A pepper that others keep the hashes of, so that no record needs it. */
#define PAN PURPOSE_PEPPER, "pan"

enum pm_err change_as(struct fixture *f, struct master_params params, struct master_outcome *out);

/* By name of the key, with the default times; force, dry_run: not. */
enum pm_err change(struct fixture *f, const char *purpose, const char *name, uint32_t version,
		   enum master_verb verb);
void change_ok(struct fixture *f, const char *purpose, const char *name, uint32_t version,
	       enum master_verb verb);

/* The pepper `pan`, with that many versions, the last of them active. */
void change_make_pan(struct fixture *f, uint32_t versions);

enum master_state change_state(struct fixture *f, const char *purpose, const char *name,
			       uint32_t version);
/* A version's record says that its time to be destroyed is over. */
void change_due(struct fixture *f, const char *purpose, const char *name, uint32_t version);

/* vault_tend, with everything due that it does from time to time. */
enum pm_err change_tend(struct fixture *f);

#endif
