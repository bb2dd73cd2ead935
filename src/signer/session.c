#include "session.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"

#define REGAIN_MS 60000
#define RESULT_MAX 64 /* bytes of whatever may be under way, at its end */

size_t session_cap(const struct token *token, size_t asked)
{
	size_t cap = asked < SESSIONS_MAX ? asked : SESSIONS_MAX;

	if (token->max_sessions > 0 && cap > token->max_sessions - 1)
		cap = token->max_sessions - 1;
	return cap > 0 ? cap : 1;
}

/* The token has only one session: nothing can be replaced without losing the login. */
static bool is_single(const struct token *token)
{
	return token->anchor != CK_INVALID_HANDLE && token->work[0] == token->anchor;
}

static bool is_held(const struct token *token, CK_SESSION_HANDLE session)
{
	for (size_t i = 0; i < token->workers; i++) {
		if (token->work[i] == session)
			return true;
	}
	return token->anchor == session;
}

static enum pm_err open_session(const struct token *token, CK_SESSION_HANDLE *out,
				struct failure *failure)
{
	CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
	CK_RV rv = token->p11->C_OpenSession(token->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
					     NULL, &session);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "no session with token %s", token->label);
	/* Two users of one session would sign each other's data. */
	if (session == CK_INVALID_HANDLE || is_held(token, session))
		return failure_set(failure, FAILURE_SESSION,
				   "token %s gave a session that is not a new one", token->label);
	*out = session;
	return PM_OK;
}

/* Whatever the module says of it: it is not used again. */
static void close_session(const struct token *token, CK_SESSION_HANDLE *session)
{
	if (*session != CK_INVALID_HANDLE)
		token->p11->C_CloseSession(*session);
	*session = CK_INVALID_HANDLE;
}

static bool is_alive(const struct token *token, CK_SESSION_HANDLE session, bool *logged_in)
{
	CK_SESSION_INFO info = { 0 };

	if (session == CK_INVALID_HANDLE || token->p11->C_GetSessionInfo(session, &info) != CKR_OK)
		return false;
	*logged_in = info.state == CKS_RW_USER_FUNCTIONS;
	return true;
}

/* Some modules never tell of a login: then only an error can. */
static void believe(struct token *token, bool logged_in)
{
	token->logged_in = token->logged_in && (logged_in || !token->tells_login);
}

/* A session, if need be in place of a worker's. */
static enum pm_err open_with_fewer(struct token *token, CK_SESSION_HANDLE *out,
				   struct failure *failure)
{
	enum pm_err err = open_session(token, out, failure);

	while (err != PM_OK && failure->rv == CKR_SESSION_COUNT && token->workers > 1) {
		close_session(token, &token->work[--token->workers]);
		log_warn("token %s has no more sessions: %zu compute", token->label,
			 token->workers);
		err = open_session(token, out, failure);
	}
	return err;
}

static enum pm_err mend_anchor(struct token *token, struct failure *failure)
{
	const bool single = is_single(token);
	bool logged_in = false;

	if (!(single && token->suspect[0]) && is_alive(token, token->anchor, &logged_in)) {
		believe(token, logged_in);
		return PM_OK;
	}
	close_session(token, &token->anchor);
	token->generation++;
	if (single)
		token->work[0] = CK_INVALID_HANDLE;
	/* With the last session went the login. A token that never tells is asked by logging in. */
	if (single || !token->tells_login)
		token->logged_in = false;
	TRY(open_with_fewer(token, &token->anchor, failure));
	if (single) {
		token->work[0] = token->anchor;
		token->suspect[0] = false;
	}
	if (is_alive(token, token->anchor, &logged_in))
		believe(token, logged_in);
	return PM_OK;
}

/* Whether the token counts a wrong PIN now that it did not count before. */
static bool counts_wrong_pin(struct token *token)
{
	const CK_FLAGS before = token->flags;
	struct failure ignored;

	return token_refresh(token, &ignored) == PM_OK &&
	       (token->flags & ~before &
		(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED)) != 0;
}

/* Some modules call a wrong PIN a general error, which is tried again: the token's flags tell. */
static enum pm_err fail_login(struct token *token, CK_RV rv, struct failure *failure)
{
	token->pin_refused = ckr_class(rv) == FAILURE_PIN || counts_wrong_pin(token);
	if (!token->pin_refused)
		return failure_ck(failure, rv, "cannot log in to token %s", token->label);
	enum pm_err err = failure_set(failure, FAILURE_PIN,
				      "wrong PIN for token %s; correct the PIN file and start "
				      "again; it was not tried again: %s (0x%lx)",
				      token->label, ckr_name(rv), rv);
	failure->rv = ckr_class(rv) == FAILURE_PIN ? rv : CKR_PIN_INCORRECT;
	return err;
}

/* The PIN is in this process's memory only as long as this takes. */
static enum pm_err try_pin(struct token *token, struct failure *failure)
{
	struct pin *pin CLEANUP(pin_freep) = pin_new();

	if (!pin)
		return failure_set(failure, FAILURE_CAPACITY, "the signer is out of memory");
	TRY(pin_read(&token->pin, pin, failure));
	/* Not const in PKCS#11 v2's prototype; the module only reads it. */
	CK_RV rv = token->p11->C_Login(token->anchor, CKU_USER, pin->text, pin->len);
	return rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN ? PM_OK
								: fail_login(token, rv, failure);
}

static enum pm_err log_in(struct token *token, struct failure *failure)
{
	bool told = false;

	if (token->pin_refused)
		return failure_set(failure, FAILURE_PIN,
				   "token %s refused its PIN, which is not tried again",
				   token->label);
	TRY(token_refresh(token, failure));
	TRY(token_check_pin_tries(token, failure));
	TRY(try_pin(token, failure));
	token->logged_in = true;
	token->tells_login = (is_alive(token, token->anchor, &told) && told) || token->tells_login;
	token->generation++; /* logging out took the private objects' handles away */
	return PM_OK;
}

/* The token has no session for worker `i`: those before it go on without. */
static void do_without(struct token *token, size_t i)
{
	while (token->workers > 1 && token->workers > i)
		close_session(token, &token->work[--token->workers]);
	if (i == 0)
		token->work[0] = token->anchor;
	log_info("token %s has no more sessions: %zu compute%s", token->label, token->workers,
		 i == 0 ? ", on the one that carries the login" : "");
}

static enum pm_err renew_worker(struct token *token, size_t i, struct failure *failure)
{
	CK_SESSION_HANDLE *work = &token->work[i];

	close_session(token, work);
	token->suspect[i] = false;
	enum pm_err err = PM_OK;
	if (token->max_sessions == 1)
		do_without(token, i);
	else
		err = i == 0 ? open_with_fewer(token, work, failure)
			     : open_session(token, work, failure);
	if (err == PM_OK || failure->rv != CKR_SESSION_COUNT)
		return err;
	do_without(token, i);
	return PM_OK;
}

enum pm_err session_mend(struct token *token, struct failure *failure)
{
	bool logged_in = false;

	TRY(mend_anchor(token, failure));
	if (!token->logged_in)
		TRY(log_in(token, failure));
	for (size_t i = 0; i < token->workers && !is_single(token); i++) {
		if (token->suspect[i] || !is_alive(token, token->work[i], &logged_in))
			TRY(renew_worker(token, i, failure));
	}
	return PM_OK;
}

void session_regain(struct token *token)
{
	struct failure ignored;

	if (token->workers >= token->workers_max || is_single(token) ||
	    clock_now() < token->regain_at)
		return;
	token->regain_at = deadline_in_ms(REGAIN_MS);
	while (token->workers < token->workers_max &&
	       open_session(token, &token->work[token->workers], &ignored) == PM_OK)
		token->suspect[token->workers++] = false;
}

enum pm_err session_check_login(const struct token *token, struct failure *failure)
{
	CK_SESSION_INFO info = { 0 };

	if (!token->tells_login)
		return PM_OK;
	CK_RV rv = token->p11->C_GetSessionInfo(token->work[0], &info);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GetSessionInfo");
	if (info.state == CKS_RW_USER_FUNCTIONS)
		return PM_OK;
	return failure_set(failure, FAILURE_LOGIN, "token %s has forgotten the login",
			   token->label);
}

/* Ends an operation, whose result goes nowhere, by giving it something to sign or whatever it does. */
static CK_RV finish(const struct token *token, CK_C_Sign transform)
{
	CK_BYTE data = 0, result[RESULT_MAX];
	CK_ULONG len = sizeof(result);
	CK_RV rv = transform(token->work[0], &data, sizeof(data), result, &len);

	secret_wipe(result, sizeof(result));
	return rv;
}

static bool is_over(CK_RV rv)
{
	return rv == CKR_OK || rv == CKR_OPERATION_NOT_INITIALIZED;
}

/* Tokens without ciphers have none under way. */
static bool is_over_if_any(CK_RV rv)
{
	return is_over(rv) || rv == CKR_FUNCTION_NOT_SUPPORTED;
}

static bool finish_operation(const struct token *token)
{
	return is_over(finish(token, token->p11->C_Sign)) &&
	       is_over_if_any(finish(token, token->p11->C_Encrypt)) &&
	       is_over_if_any(finish(token, token->p11->C_Decrypt));
}

static enum pm_err clear_worker(struct token *token, size_t i, struct failure *failure)
{
	if (!is_single(token))
		return renew_worker(token, i, failure);
	if (!finish_operation(token))
		return session_mend(token, failure);
	token->suspect[0] = false;
	return PM_OK;
}

enum pm_err session_clear(struct token *token, struct failure *failure)
{
	enum pm_err err = PM_OK;

	for (size_t i = 0; i < token->workers && err == PM_OK; i++) {
		if (token->suspect[i])
			err = clear_worker(token, i, failure);
	}
	if (err != PM_OK && failure->class == FAILURE_CALLER)
		failure->class = FAILURE_SESSION; /* there is no sound session to go on with */
	return err;
}
