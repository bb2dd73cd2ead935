/* Sealing anew the records of accounts and of operators, a batch at a time, when all keys are done. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "base/cleanup.h"
#include "leaf.h"
#include "rewrap_pass.h"
#include "seal.h"

/* One of either kind. */
struct row {
	struct account_record *account;
	struct operator_record *operator_;
	struct store_seal *seal;
	uint64_t *revision;
	const char *id;
};

struct work {
	struct account_record accounts[REWRAP_BATCH_MAX];
	struct operator_record operators[REWRAP_BATCH_MAX];
	struct row rows[REWRAP_BATCH_MAX]; /* as read, and then those that are to change */
	size_t count, chosen_count;
	struct seal_task tasks[REWRAP_BATCH_MAX];
	struct store_change changes[REWRAP_BATCH_MAX + 1];
};

static enum pm_err load_accounts(struct environment *env, const char *after, struct work *work)
{
	uint64_t total = 0;

	TRY(store_list_accounts(env->store, env->name, (enum account_status)0, after,
				work->accounts, REWRAP_BATCH_MAX, &work->count, &total));
	for (size_t i = 0; i < work->count; i++) {
		struct account_record *account = &work->accounts[i];

		work->rows[i] = (struct row){
			.account = account,
			.seal = &account->seal,
			.revision = &account->revision,
			.id = account->id,
		};
	}
	return PM_OK;
}

static enum pm_err load_operators(struct environment *env, const char *after, struct work *work)
{
	uint64_t total = 0;

	TRY(store_list_operators(env->store, env->name, after, work->operators, REWRAP_BATCH_MAX,
				 &work->count, &total));
	for (size_t i = 0; i < work->count; i++) {
		struct operator_record *operator_ = &work->operators[i];

		work->rows[i] = (struct row){
			.operator_ = operator_,
			.seal = &operator_->seal,
			.revision = &operator_->revision,
			.id = operator_->id,
		};
	}
	return PM_OK;
}

static void cover(const struct row *row, struct seal_task *task)
{
	if (row->account)
		seal_cover_account(task, row->account);
	else
		seal_cover_operator(task, row->operator_);
}

/* Those under another version whose seal holds: what was altered outside the vault is not touched. */
static enum pm_err choose(struct environment *env, struct rewrap_pass *pass, struct work *work,
			  int64_t deadline)
{
	size_t wanting = 0;

	for (size_t i = 0; i < work->count; i++) {
		if (work->rows[i].seal->version == 0 ||
		    work->rows[i].seal->version == pass->version)
			continue;
		cover(&work->rows[i], &work->tasks[wanting]);
		work->rows[wanting++] = work->rows[i];
	}
	TRY(seal_check(env, work->tasks, wanting, deadline));
	for (size_t i = 0; i < wanting; i++) {
		const struct row *row = &work->rows[i];

		if (work->tasks[i].holds) {
			work->rows[work->chosen_count++] = *row;
			continue;
		}
		environment_quarantine(env, row->account ? "account" : "operator", row->id);
		pass->altered++;
	}
	return PM_OK;
}

/* All of the batch or nothing: whoever changed one of them meanwhile has won. */
static enum pm_err save(struct environment *env, const struct rewrap_pass *pass, struct work *work,
			int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	size_t count = work->chosen_count;

	for (size_t i = 0; i < count; i++) {
		const struct row *row = &work->rows[i];

		(*row->revision)++;
		cover(row, &work->tasks[i]);
		if (row->account)
			work->changes[i] = (struct store_change){ .op = STORE_UPDATE_ACCOUNT,
								  .account = row->account };
		else
			work->changes[i] = (struct store_change){ .op = STORE_UPDATE_OPERATOR,
								  .operator_ = row->operator_ };
	}
	leaf_begin(&leaf, LEAF_RECORD_RESEAL, NULL, env->audit, env);
	leaf_number(&leaf, "version", pass->version);
	leaf_number(&leaf, "count", (int64_t)count);
	TRY(seal_make(env, work->tasks, count, deadline));
	TRY(leaf_end(&leaf));
	work->changes[count] =
		(struct store_change){ .op = STORE_APPEND_LEAF, .leaf = &leaf.record };
	return audit_commit(env->audit, work->changes, count + 1, NULL, deadline);
}

static enum pm_err change_batch(struct environment *env, struct rewrap_pass *pass,
				struct work *work, int64_t deadline)
{
	TRY(choose(env, pass, work, deadline));
	if (work->chosen_count == 0)
		return PM_OK;
	pass->changed = true;
	enum pm_err err = save(env, pass, work, deadline);
	/* The next pass comes by here again. */
	if (err == PM_CONFLICT)
		return PM_OK;
	TRY(err);
	rewrap_count_moved(pass, work->chosen_count);
	return PM_OK;
}

static void go_past(struct rewrap_pass *pass, const struct work *work, const char *last)
{
	if (work->count > 0) {
		strcpy(pass->after_person, last);
		return;
	}
	pass->after_person[0] = '\0';
	pass->people = pass->people == PEOPLE_ACCOUNTS ? PEOPLE_OPERATORS : PEOPLE_DONE;
}

enum pm_err rewrap_people(struct environment *env, struct rewrap_pass *pass, bool *end,
			  int64_t deadline)
{
	struct work *work CLEANUP(free_ptr) = NULL;
	char last[STORE_ACCOUNT_MAX + 1] = "";

	*end = pass->kind != REWRAP_SEALS || pass->people == PEOPLE_DONE;
	if (*end)
		return PM_OK;
	work = calloc(1, sizeof(*work));
	if (!work)
		return PM_NO_MEMORY;
	if (pass->people == PEOPLE_ACCOUNTS)
		TRY(load_accounts(env, pass->after_person, work));
	else
		TRY(load_operators(env, pass->after_person, work));
	if (work->count > 0)
		strcpy(last, work->rows[work->count - 1].id);
	uint64_t altered = pass->altered;
	enum pm_err err = change_batch(env, pass, work, deadline);
	if (err == PM_OK)
		go_past(pass, work, last);
	else
		pass->altered = altered; /* they are looked at again */
	return err;
}
