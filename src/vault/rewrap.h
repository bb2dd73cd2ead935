/*
 * Moving records off older versions of a master key, in the background and a batch at a time, for as
 * long as the active version's record says `rewrap`: of pepper `api-keys` the secrets' MACs are wrapped
 * (HMAC under the active version of the stored MAC); of the integrity key records are sealed anew. It
 * stops at a kill and goes on at the next start: what is left to do is what the records say.
 *
 * Left alone are secrets that verify nothing any more (also because their version was compromised and has
 * ended), rows that do not bear their seal, and secrets
 * that were wrapped as often as a record can say. Two passes go over all keys, the second to find what
 * was under way during the first; where a version is compromised, the last begins when nothing can be
 * under way any more that was computed before the takeover.
 */
#ifndef VAULT_REWRAP_H
#define VAULT_REWRAP_H

#include "environment.h"

struct rewrap; /* how far it is: of each environment, owned by that */
struct vault;

enum pm_err rewrap_new(struct rewrap **out) NODISCARD;
void rewrap_free(struct rewrap *rewrap); /* NULL is allowed */

/* Whether rewrap has anything to do for such a key at all: others have no records in the vault. */
bool rewrap_applies(const char *purpose, const char *name);

/*
 * One batch, if one is due. *more: there is more to do now. When the last is done, the active version's
 * `rewrap` is cleared, with an entry in the audit log. On an error the same batch is due again. By one
 * thread at a time, the vault's own.
 */
enum pm_err rewrap_some(struct environment *env, int64_t deadline, bool *more) NODISCARD;

/* Of the last look: what is left. Any thread. */
uint64_t rewrap_left(struct environment *env, const char *purpose, const char *name);

/* That thread, for all environments. It rests after each batch for half as long as the batch took. */
enum pm_err rewrap_start(struct vault *vault) NODISCARD;
void rewrap_stop(struct vault *vault);

#endif
