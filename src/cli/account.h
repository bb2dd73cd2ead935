/* What the commands of accounts and of products show of an account. */
#ifndef CLI_ACCOUNT_H
#define CLI_ACCOUNT_H

#include "command.h"

json_t *account_json(const struct peppermint_account *account);
void account_print_facts(const struct peppermint_account *account);

/* A status by its name; 0 if none is given. False after a complaint. */
bool account_status_read(const char *text, enum peppermint_account_status *status);
const char *account_status_name(enum peppermint_account_status status);

/* NULL leaves it as it is. False after a complaint. */
bool product_name_read(const char *name, struct peppermint_product *product);

#endif
