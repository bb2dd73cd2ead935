/*
 * Which rows were found to bear their seal: a bounded, keyed set of (what the seal covers, the seal),
 * so that a record that is read with each request need not go to the HSM each time. It holds proof of
 * equality and nothing else: a row that was changed in any way is another one. Forgotten when the
 * token, or what an integrity version may vouch for, changes. Any thread.
 */
#ifndef VAULT_SEALED_H
#define VAULT_SEALED_H

#include "seal.h"

struct sealed;

enum pm_err sealed_new(struct sealed **out) NODISCARD;
void sealed_free(struct sealed *sealed); /* NULL is allowed */

bool sealed_knows(struct sealed *sealed, const struct seal_task *task);
void sealed_learn(struct sealed *sealed, const struct seal_task *task);
void sealed_forget(struct sealed *sealed);

#endif
