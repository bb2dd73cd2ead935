/*
 * Accounts as the rest of the vault sees them: may keys be minted for one, may they verify? A record is
 * read as committed each time; only the proof that its seal holds is remembered (sealed.h). Any thread.
 */
#ifndef VAULT_ACCOUNT_H
#define VAULT_ACCOUNT_H

#include "domain.h"

/*
 * The checked record. PM_NOT_FOUND; PM_RECORD_QUARANTINED, told as such.
 */
enum pm_err account_load(struct environment *env, const char *id, struct account_record *out,
			 int64_t deadline) NODISCARD;

/* Minting for that account and product: PM_ACCOUNT_NOT_APPROVED, PM_PRODUCT_NOT_ENABLED. *registered: there
 * is such an account (false only where the policy lets any in). `account` may be NULL; else its record. */
enum pm_err account_admits(struct environment *env, const char *account, const char *product,
			   bool *registered, struct account_record *record,
			   int64_t deadline) NODISCARD;

/*
 * Why keys of that product of the account verify nothing now, or PM_REASON_NONE. `account` is the
 * checked record, or NULL where there is none, which is a reason if the key is `registered`.
 */
enum pm_reason account_judge(const struct account_record *account, const struct key_record *key);

/* The user name of Basic authentication: the merchant, or the account's id. */
const char *account_user(const struct account_record *account, const struct key_record *key);

/* Revokes keys of closed accounts, some at a time; from vault_tend. */
void account_tend(struct environment *env, int64_t deadline);

#endif
