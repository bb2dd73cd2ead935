#include "change_fixture.h"

#include "base/clock.h"

enum pm_err change_as(struct fixture *f, struct master_params params, struct master_outcome *out)
{
	params.environment = "live";
	return vault_change_master(f->vault, fixture_actor(f), &params, out);
}

enum pm_err change(struct fixture *f, const char *purpose, const char *name, uint32_t version,
		   enum master_verb verb)
{
	struct master_outcome outcome;

	return change_as(f,
			 (struct master_params){ .purpose = purpose,
						 .name = name,
						 .version = version,
						 .verb = verb,
						 .force = verb == MASTER_VERB_DESTROY },
			 &outcome);
}

void change_ok(struct fixture *f, const char *purpose, const char *name, uint32_t version,
	       enum master_verb verb)
{
	assert_int_equal(change(f, purpose, name, version, verb), PM_OK);
}

void change_make_pan(struct fixture *f, uint32_t versions)
{
	struct pepper_info info;

	assert_int_equal(vault_create_pepper(f->vault, fixture_actor(f), "live", "pan", &info),
			 PM_OK);
	for (uint32_t i = 1; i < versions; i++)
		change_ok(f, PAN, 0, MASTER_VERB_ROTATE);
	assert_int_equal(change_state(f, PAN, versions), MASTER_ACTIVE);
}

enum master_state change_state(struct fixture *f, const char *purpose, const char *name,
			       uint32_t version)
{
	return master_get(f, purpose, name, version).state;
}

enum pm_err change_tend(struct fixture *f)
{
	struct environment *env = live(f);

	atomic_store(&env->check_at, 0);
	atomic_store(&env->tend_at, 0);
	atomic_store(&env->destroy_at, 0);
	atomic_store(&env->takeover_at, 0);
	pthread_rwlock_wrlock(&env->lock);
	for (size_t i = 0; i < ENV_TOKENS_MAX; i++)
		env->tokens[i].check_at = 0;
	pthread_rwlock_unlock(&env->lock);
	return vault_tend(f->vault);
}

void change_due(struct fixture *f, const char *purpose, const char *name, uint32_t version)
{
	struct master_record record = master_get(f, purpose, name, version);

	assert_int_equal(record.state, MASTER_DESTROY_SCHEDULED);
	record.destroy_at = clock_unix() - 1;
	master_put(f, &record);
}
