/* What account.c and account_change.c share. */
#ifndef VAULT_ACCOUNT_INFO_H
#define VAULT_ACCOUNT_INFO_H

#include "account.h"

void account_info_fill(const struct account_record *record, struct account_info *info);

/* May an account become `to`? The same status is no change, and CLOSED is final. */
bool account_may_become(enum account_status from, enum account_status to);

#endif
