/*
 * A stand-in for a vault that has audit logs: real Merkle logs with real Ed25519 checkpoints in
 * memory, served on a nanomsg REP socket by a thread of its own. What a real vault would never let
 * happen to its logs, tests do to these.
 */
#ifndef TESTS_LOG_VAULT_H
#define TESTS_LOG_VAULT_H

#include "run_cli.h"
#include "tlog/note.h"

#define LOG_ORIGIN "vault.example/audit"
#define LOG_KEY_ID "AAAABBBBCCCCDDDD"
#define LOG_TIME INT64_C(1767225600) /* 2026-01-01T00:00:00Z, of the first entry; one each second */

struct log_vault;

/* A fixture whose socket is a log vault's, with one empty log. */
int log_fixture_setup(void **state);
int log_fixture_teardown(void **state);
#define LOG_TEST(name)                                                                             \
	cmocka_unit_test_setup_teardown(name, log_fixture_setup, log_fixture_teardown)

/* All act on the newest log. */

/* An entry: `members` are JSON members that follow the ones every entry has; NULL: it is a mint. */
void log_append(const char *type, const char *members);
void log_append_at(int64_t when, const char *type, const char *members);
void log_fill(size_t count); /* mints */
void log_sign(void);         /* a checkpoint of all entries so far */
void log_rotate(void);
void log_abandon(void); /* what it lost, nobody knows; the next one is empty */
/* Yesterday's database: the entries from `size` on are gone, and it is signed. */
void log_restore(uint64_t size);
/* An entry that is signed is told differently from now on. */
void log_alter(uint64_t index);
void log_prune(uint64_t minimum);
uint64_t log_size(void);
const char *log_vkey(uint32_t log);
const char *log_entry(uint32_t log, uint64_t index);

void log_answer_max(size_t entries);  /* of one answer */
void log_hang_after(size_t requests); /* answers so many more requests, and then none */
void log_refuse_entry(uint64_t index, Peppermint__V1__Error error); /* a read that reaches it */
void log_damage(uint64_t first, uint64_t end); /* these entries of any log, as the vault tells it */

/* The last requests of each kind: release with peppermint__v1__request__free_unpacked. */
Peppermint__V1__Request *log_last(Peppermint__V1__Request__CallCase call);
size_t log_requests(void);

/* From now on `live` tells of its keys' periods: pan's first version has these. */
void log_tell_periods(int64_t make_until, int64_t verify_until);
/* Changes what GetInventory tells. */
void log_tweak_inventory(void (*tweak)(Peppermint__V1__GetInventoryReply *reply));

#endif
