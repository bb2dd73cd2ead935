/* What reading is for: the names of vault.proto's enum Report, as the audit log has them. */
#ifndef VAULT_REPORT_H
#define VAULT_REPORT_H

#include <stdint.h>

/* Static; "UNKNOWN" for a number that this vault does not know. */
const char *report_name(uint32_t report);

#endif
