/*
 * The sessions with the token and its login. The anchor is opened first, logged in once, and stays;
 * the work sessions are the others, as many as were asked for and as the token allows, and can be
 * replaced. A login counts for all sessions of the process and dies with the last one, and the
 * objects that a session owns die with it (PKCS#11 v3.0 section 5.6). Called by the main thread
 * while no other uses a session.
 */
#ifndef SIGNER_SESSION_H
#define SIGNER_SESSION_H

#include "token.h"

/*
 * How many work sessions the token may have: `asked` at most, one at least (then, perhaps, the
 * anchor itself).
 */
size_t session_cap(const struct token *token, size_t asked);

/*
 * Makes everything sound: opens what is missing, lost or suspect, logs in if the login is missing or
 * lost, and learns from CKR_SESSION_COUNT to do with fewer work sessions. New handles make a new
 * generation. The PIN is tried once; FAILURE_PIN is final.
 */
enum pm_err session_mend(struct token *token, struct failure *failure) NODISCARD;

/*
 * Work sessions that the token had no room for are tried again, once a minute: who took them may
 * have gone.
 */
void session_regain(struct token *token);

/* FAILURE_LOGIN when the token has forgotten it. */
enum pm_err session_check_login(const struct token *token, struct failure *failure) NODISCARD;

/* Rids suspect work sessions of the operation that they may hold. Not a FAILURE_CALLER. */
enum pm_err session_clear(struct token *token, struct failure *failure) NODISCARD;

#endif
