/*
 * What the tests of the audit log share, on top of vault_fixture: rounds, states, notes, backups of
 * the database, and a record of every checkpoint that the token was ever given to sign.
 */
#ifndef VAULT_LOG_FIXTURE_H
#define VAULT_LOG_FIXTURE_H

#include "vault_fixture.h"

#include "audit_state.h"

struct audit *log_audit(struct fixture *f);

enum pm_err log_round(struct fixture *f); /* audit_notarize */
void log_sign(struct fixture *f);         /* the same; asserts that all is signed then */
struct vault_audit_status log_status(struct fixture *f);
void log_assert_state(struct fixture *f, enum vault_audit_state state, const char *word);
void log_mint(struct fixture *f);
enum pm_err log_try_mint(struct fixture *f);
/* The newest signed checkpoint of that log, 0: the newest; asserts that its signature is good. */
struct checkpoint_record log_newest(struct fixture *f, uint32_t log);

/* Closes vault and store; fixture_reopen opens them again. */
void log_close(struct fixture *f);
void log_backup(struct fixture *f);
/* Closes, and puts the database that was backed up in place of the present one. */
void log_restore(struct fixture *f);

/* Every text that hsm_sign was given, since log_forget_signed; asserts on two roots for one size. */
void log_forget_signed(void);
size_t log_assert_no_fork(void);

#endif
