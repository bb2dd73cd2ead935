/*
 * The one commit in which a version of a master key becomes the active one and the version before it
 * stops being that: there is never a moment without an active version, or with two. Inside a change of
 * the environment.
 */
#ifndef VAULT_TAKEOVER_H
#define VAULT_TAKEOVER_H

#include "environment.h"
#include "leaf.h"

/* More that must be in the commit: `add` puts at most TAKEOVER_COMPANY_MAX changes. */
#define TAKEOVER_COMPANY_MAX 2
struct takeover_company {
	enum pm_err (*add)(void *arg, const struct master_record *active,
			   const struct hsm_object *object, struct store_change *changes,
			   size_t *count);
	void *arg;
};

/* All zero: by the vault itself, and the old version becomes VERIFY_ONLY. */
struct takeover_terms {
	bool compromised; /* the old version becomes COMPROMISED instead, with that end */
	int64_t ends_at;
	bool rewrap; /* records of older versions are to be moved to the new one */
	/* Committed with it; subject and seal are set here. */
	struct executed_record *executed;
	/* The caller's, may be NULL: begun and resolved, ended here, the last of the commit. What it
	 * tells of has no other entry; if that is neither, it gets the new "version" here. */
	struct leaf *leaf;
	enum { TELLS_OF_ACT, TELLS_OF_NEW, TELLS_OF_OLD } leaf_tells;
	const struct takeover_company *company;
};

/* `staged` becomes the active version, and is changed to that on success; object: for the company. */
enum pm_err takeover_commit(struct environment *env, struct master_record *staged,
			    const struct hsm_object *object, const struct takeover_terms *terms,
			    int64_t deadline) NODISCARD;

/*
 * Is all that was computed under a version before another took over in the store by now, or nowhere? No
 * request takes longer than TAKEOVER_DRAIN_SECONDS.
 */
#define TAKEOVER_DRAIN_SECONDS 35
bool takeover_is_drained(struct environment *env);

#endif
