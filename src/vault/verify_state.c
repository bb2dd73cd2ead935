/*
 * Judging a key whose secret is proven: by its account, by its own state and by what the request wants.
 * Accounts are read only now, and so cost those nothing that present an unknown id or a wrong
 * secret: neither can be told from the other by what its account is.
 */
#include <string.h>

#include "account.h"
#include "base/clock.h"
#include "base/log.h"
#include "network.h"
#include "scope.h"
#include "verify_batch.h"

/* Of rows that others keep changing under our hands. */
#define RELOADS 3

static bool is_proven(const struct item *item)
{
	return item->err == PM_OK && item->reason == PM_REASON_NONE;
}

/* Each account once, however many of the batch's keys are its. */
static size_t place_account(struct rows *rows, const char *id)
{
	size_t i = 0;

	while (i < rows->account_count && strcmp(rows->accounts[i].id, id) != 0)
		i++;
	if (i == rows->account_count)
		rows->accounts[rows->account_count++].id = id;
	return i;
}

static void read_account(struct environment *env, struct rows *rows, size_t i)
{
	struct account_row *row = &rows->accounts[i];
	enum pm_err err = store_get_account(env->store, env->name, row->id, &row->record);

	row->found = err == PM_OK ? FOUND : err == PM_NOT_FOUND ? MISSING : DAMAGED;
	row->err = err == PM_NOT_FOUND || err == PM_RECORD_QUARANTINED ? PM_OK : err;
	/* One that is not there has no seal, which costs the token nothing. */
	if (row->found != FOUND)
		row->record = (struct account_record){ .revision = 0 };
	seal_cover_account(&rows->account_seals[i], &row->record);
}

/* Reads those again whose seal does not hold: they may have been sealed anew meanwhile. */
static bool read_doubted(struct environment *env, struct rows *rows)
{
	bool any = false;

	for (size_t i = 0; i < rows->account_count; i++) {
		const struct account_row *row = &rows->accounts[i];
		const uint64_t revision = row->record.revision;

		if (row->found != FOUND || rows->account_seals[i].holds)
			continue;
		read_account(env, rows, i);
		any = any || row->found != FOUND || row->record.revision != revision;
	}
	return any;
}

static enum pm_err check_accounts(struct environment *env, struct rows *rows, int64_t deadline)
{
	bool again = rows->account_count > 0;

	for (int i = 0; i <= RELOADS && again; i++) {
		TRY(seal_check_known(env, rows->account_seals, rows->account_count, deadline));
		again = read_doubted(env, rows);
	}
	return PM_OK;
}

static void load_accounts(struct environment *env, struct batch *batch, int64_t deadline)
{
	struct rows *rows = batch->rows;

	rows->account_count = 0;
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (is_proven(item))
			item->account = place_account(rows, item->record->account);
	}
	for (size_t i = 0; i < rows->account_count; i++)
		read_account(env, rows, i);
	enum pm_err err = check_accounts(env, rows, deadline);
	for (size_t i = 0; err != PM_OK && i < rows->account_count; i++)
		rows->accounts[i].err = err;
}

/* The account's row was altered or taken away outside the vault. */
static bool is_spoilt(const struct environment *env, const struct batch *batch,
		      const struct item *item)
{
	const struct account_row *row = &batch->rows->accounts[item->account];

	if (row->found == MISSING && item->record->registered)
		log_error("vault: account %s of %s, which has keys, is not there any more", row->id,
			  env->name);
	return row->found == MISSING
		       ? item->record->registered
		       : row->found == DAMAGED || !batch->rows->account_seals[item->account].holds;
}

bool verify_is_ended(const struct item *item, int64_t now)
{
	const int64_t not_after = item->record->secrets[item->secret].not_after;

	/* A previous one has no end only as long as the one that replaces it was not used. */
	if (not_after == 0)
		return item->secret == SECRET_PREVIOUS && !item->record->first_use;
	return now >= not_after;
}

static enum pm_reason judge_times(const struct item *item, int64_t now)
{
	const struct key_record *record = item->record;

	if (record->disabled_at != 0)
		return PM_REASON_DISABLED;
	if (now < record->not_before)
		return PM_REASON_NOT_YET;
	if (record->expires_at != 0 && now >= record->expires_at)
		return PM_REASON_EXPIRED;
	return verify_is_ended(item, now) ? PM_REASON_SUPERSEDED : PM_REASON_NONE;
}

static enum pm_reason judge_request(const struct item *item, const struct account_record *account)
{
	const struct key_record *record = item->record;
	const struct presented *wanted = item->presented;

	if (item->user[0] && strcmp(item->user, account_user(account, record)) != 0)
		return PM_REASON_WRONG_MERCHANT;
	if (wanted->product && wanted->product[0] && strcmp(wanted->product, record->product) != 0)
		return PM_REASON_WRONG_PRODUCT;
	if (!scope_list_covers(record->scopes, wanted->scopes.items, wanted->scopes.count))
		return PM_REASON_SCOPE_MISSING;
	if (!network_list_allows(record->networks, wanted->address))
		return PM_REASON_ADDRESS_DENIED;
	return PM_REASON_NONE;
}

static enum pm_reason judge(const struct environment *env, const struct batch *batch,
			    const struct item *item, int64_t now)
{
	const struct account_row *row = &batch->rows->accounts[item->account];
	const struct account_record *account = row->found == FOUND ? &row->record : NULL;

	if (is_spoilt(env, batch, item))
		return PM_REASON_QUARANTINED;
	enum pm_reason reason = account_judge(account, item->record);
	if (reason == PM_REASON_NONE)
		reason = judge_times(item, now);
	return reason == PM_REASON_NONE ? judge_request(item, account) : reason;
}

void verify_judge_state(struct environment *env, struct batch *batch, int64_t deadline)
{
	load_accounts(env, batch, deadline);
	const int64_t now = clock_unix();
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!is_proven(item))
			continue;
		item->err = batch->rows->accounts[item->account].err;
		if (item->err == PM_OK)
			item->reason = judge(env, batch, item, now);
	}
}
