#include "call_kind.h"

#include "base/log.h"

/* CKR_… of PKCS#11 v3.1, 3.5: those that say more than that the token does not do it. */
enum {
	RV_ACTION_PROHIBITED = 0x1b,
	RV_ENCRYPTED_DATA_INVALID = 0x40,
	RV_PIN_INCORRECT = 0xa0,
	RV_PIN_INVALID = 0xa1,
	RV_PIN_LEN_RANGE = 0xa2,
	RV_PIN_TOO_WEAK = 0x1b8,
};

bool call_makes_key(enum call_kind kind)
{
	return kind == CALL_GENERATE || kind == CALL_GENERATE_PAIR || kind == CALL_GENERATE_AES ||
	       kind == CALL_IMPORT;
}

bool call_changes_token(enum call_kind kind)
{
	return call_makes_key(kind) || kind == CALL_DESTROY || kind == CALL_CHANGE_PIN;
}

/*
 * What the signer's own judgements mean: lengths are checked before a call is queued, so there is
 * one for each kind of call.
 */
static enum pm_err judgement(enum call_kind kind)
{
	switch (kind) {
	case CALL_GENERATE:
	case CALL_GENERATE_PAIR:
	case CALL_GENERATE_AES:
	case CALL_IMPORT:
		return PM_ALREADY_EXISTS;
	case CALL_LIST:
		return PM_TOO_LARGE;
	case CALL_SIGN:
	case CALL_ENCRYPT:
	case CALL_DECRYPT:
		return PM_NOT_FOUND;
	case CALL_DESTROY:
		return PM_CONFLICT;
	default:
		return PM_HSM_UNAVAILABLE;
	}
}

/* A locked PIN, or one that another wrong try would lock, is not tried: that is in the log. */
static enum pm_err refusal_of_pin(uint64_t ck_rv)
{
	switch (ck_rv) {
	case RV_PIN_INCORRECT:
		return PM_DENIED;
	case RV_PIN_INVALID:
	case RV_PIN_LEN_RANGE:
	case RV_PIN_TOO_WEAK:
		return PM_BAD_REQUEST;
	default:
		return PM_HSM_UNAVAILABLE;
	}
}

/* Of a destroy: the label is another's, or the token keeps the object. */
static bool is_judgement(enum call_kind kind, const struct reply *reply)
{
	return reply->fault == FAULT_CALLER &&
	       (reply->ck_rv == 0 ||
		(kind == CALL_DESTROY && reply->ck_rv == RV_ACTION_PROHIBITED));
}

/* So the signer says, whatever its token calls it. */
static bool is_wrong_ciphertext(enum call_kind kind, const struct reply *reply)
{
	return kind == CALL_DECRYPT && reply->fault == FAULT_CALLER &&
	       reply->ck_rv == RV_ENCRYPTED_DATA_INVALID;
}

/*
 * The call was refused. A caller's fault changed nothing, and the module's refusals are about what
 * the token cannot; where capacity ran out, an object may have been made or destroyed before.
 */
enum pm_err call_refusal(enum call_kind kind, const struct reply *reply)
{
	enum pm_err err = PM_HSM_UNAVAILABLE;

	if (reply->fault == FAULT_CAPACITY && call_changes_token(kind))
		err = PM_OUTCOME_UNKNOWN;
	else if (kind == CALL_CHANGE_PIN)
		err = refusal_of_pin(reply->ck_rv);
	else if (is_wrong_ciphertext(kind, reply))
		err = PM_BAD_REQUEST;
	else if (is_judgement(kind, reply))
		err = judgement(kind);
	if (err != PM_ALREADY_EXISTS && err != PM_TOO_LARGE)
		log_warn("hsm: the signer refused a call: %s", reply->detail);
	return err;
}
