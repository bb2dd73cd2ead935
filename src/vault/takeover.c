#include "takeover.h"

#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "master.h"

enum { NEW_VERSION, OLD_VERSION, VERSIONS };

struct takeover {
	const struct takeover_terms *terms;
	struct master_record versions[VERSIONS];
	struct leaf leaves[VERSIONS];
	size_t version_count; /* 1 for a first version */
	struct store_change changes[2 * VERSIONS + 2 + TAKEOVER_COMPANY_MAX];
	size_t change_count;
};

static void takeover_end(struct takeover *takeover)
{
	for (size_t i = 0; i < VERSIONS; i++)
		leaf_drop(&takeover->leaves[i]);
}

static void add_change(struct takeover *takeover, struct store_change change)
{
	takeover->changes[takeover->change_count++] = change;
}

static enum pm_err add_version(struct environment *env, struct takeover *takeover, size_t which,
			       enum master_state state, int64_t deadline)
{
	struct master_record *version = &takeover->versions[which];

	TRY(master_set_state(env, version, state, deadline));
	add_change(takeover, (struct store_change){ .op = STORE_UPDATE_MASTER, .master = version });
	return PM_OK;
}

/* What the old version was being relieved of, its successor goes on to relieve it of. */
static enum pm_err add_versions(struct environment *env, struct takeover *takeover,
				int64_t deadline)
{
	struct master_record *next = &takeover->versions[NEW_VERSION];
	struct master_record *old = &takeover->versions[OLD_VERSION];
	const struct takeover_terms *terms = takeover->terms;

	bool has_old = environment_master(env, next->purpose, next->name, 0, old) == PM_OK;
	takeover->version_count = has_old ? VERSIONS : 1;
	next->activated_at = clock_unix();
	next->rewrap = has_old && (terms->rewrap || old->rewrap);
	TRY(add_version(env, takeover, NEW_VERSION, MASTER_ACTIVE, deadline));
	if (!has_old)
		return PM_OK;
	old->rewrap = false;
	old->ends_at = terms->compromised ? terms->ends_at : 0;
	return add_version(env, takeover, OLD_VERSION,
			   terms->compromised ? MASTER_COMPROMISED : MASTER_VERIFY_ONLY, deadline);
}

static enum pm_err add_executed(struct environment *env, struct takeover *takeover,
				int64_t deadline)
{
	struct executed_record *executed = takeover->terms->executed;

	TRY(master_seal_executed(env, &takeover->versions[NEW_VERSION], executed, deadline));
	add_change(takeover,
		   (struct store_change){ .op = STORE_INSERT_EXECUTED, .executed = executed });
	return PM_OK;
}

static enum pm_err add_leaf(struct leaf *leaf, struct takeover *takeover)
{
	TRY(leaf_end(leaf));
	add_change(takeover,
		   (struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf->record });
	return PM_OK;
}

static enum pm_err add_own_leaf(struct environment *env, struct takeover *takeover, size_t which,
				enum leaf_type type)
{
	struct leaf *leaf = &takeover->leaves[which];

	master_leaf(leaf, type, NULL, env, &takeover->versions[which]);
	return add_leaf(leaf, takeover);
}

/* The caller's is the last. */
static enum pm_err add_leaves(struct environment *env, struct takeover *takeover)
{
	const struct takeover_terms *terms = takeover->terms;

	if (terms->leaf_tells != TELLS_OF_NEW)
		TRY(add_own_leaf(env, takeover, NEW_VERSION, LEAF_MASTER_ACTIVATE));
	if (takeover->version_count == VERSIONS && terms->leaf_tells != TELLS_OF_OLD)
		TRY(add_own_leaf(env, takeover, OLD_VERSION, LEAF_MASTER_RETIRE));
	if (!terms->leaf)
		return PM_OK;
	if (terms->leaf_tells != TELLS_OF_NEW)
		leaf_number(terms->leaf,
			    terms->leaf_tells == TELLS_OF_OLD ? "successor" : "version",
			    takeover->versions[NEW_VERSION].version);
	return add_leaf(terms->leaf, takeover);
}

enum pm_err takeover_commit(struct environment *env, struct master_record *staged,
			    const struct hsm_object *object, const struct takeover_terms *terms,
			    int64_t deadline)
{
	const struct takeover_company *company = terms->company;
	struct takeover takeover CLEANUP(takeover_end) = {
		.terms = terms,
		.versions = { *staged },
	};

	TRY(add_versions(env, &takeover, deadline));
	if (terms->executed)
		TRY(add_executed(env, &takeover, deadline));
	if (company)
		TRY(company->add(company->arg, &takeover.versions[NEW_VERSION], object,
				 takeover.changes, &takeover.change_count));
	TRY(add_leaves(env, &takeover));
	TRY(audit_commit(env->audit, takeover.changes, takeover.change_count, NULL, deadline));
	*staged = takeover.versions[NEW_VERSION];
	if (takeover.version_count == VERSIONS)
		atomic_store(&env->takeover_at, clock_now());
	return environment_put_masters(env, takeover.versions, takeover.version_count);
}

bool takeover_is_drained(struct environment *env)
{
	int64_t last = atomic_load(&env->takeover_at);

	return last == 0 || clock_now() - last >= TAKEOVER_DRAIN_SECONDS * NS_PER_SECOND;
}
