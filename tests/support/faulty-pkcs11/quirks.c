#include "quirks.h"

#include <stdbool.h>
#include <string.h>

#include "sessions.h"
#include "state.h"

static CK_RV answer_of(const struct numbers *numbers, unsigned long value)
{
	const unsigned long *rv = numbers_find(numbers, value);

	return rv ? *rv : CKR_OK;
}

CK_RV quirks_refuse_mechanism(const struct quirks *quirks, const CK_MECHANISM *mechanism)
{
	if (!mechanism) /* v3.0 cancels with it, and the real module has to judge that */
		return CKR_OK;
	CK_RV rv = answer_of(&quirks->hidden_mechanisms, mechanism->mechanism);
	return rv != CKR_OK ? rv : answer_of(&quirks->feigned_mechanisms, mechanism->mechanism);
}

CK_RV quirks_refuse_template(const struct quirks *quirks, const CK_ATTRIBUTE *attributes,
			     CK_ULONG count)
{
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; attributes && rv == CKR_OK && i < count; i++)
		rv = answer_of(&quirks->refused_attributes, attributes[i].type);
	return rv;
}

CK_RV quirks_refuse_mechanism_info(const struct quirks *quirks, CK_MECHANISM_TYPE type)
{
	return answer_of(&quirks->hidden_mechanisms, type);
}

CK_RV quirks_mechanism_list(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SLOT_ID slot,
			    CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
	CK_RV rv = real->C_GetMechanismList(slot, list, count);
	CK_ULONG kept = 0;

	/* Without a list the count may be too high, which the standard allows. */
	if (rv != CKR_OK || !list)
		return rv;
	for (CK_ULONG i = 0; i < *count; i++) {
		if (!numbers_find(&quirks->hidden_mechanisms, list[i]))
			list[kept++] = list[i];
	}
	*count = kept;
	return CKR_OK;
}

CK_RV quirks_initialize(const struct quirks *quirks, CK_FUNCTION_LIST *real, void *args)
{
	CK_C_INITIALIZE_ARGS given = { 0 };

	if (args)
		given = *(const CK_C_INITIALIZE_ARGS *)args;
	if (quirks->cant_lock && (given.flags & CKF_OS_LOCKING_OK) != 0)
		return CKR_CANT_LOCK;
	if (!quirks->wants_init_args)
		return real->C_Initialize(args);
	if (!given.pReserved || strcmp(given.pReserved, quirks->init_args) != 0)
		return CKR_ARGUMENTS_BAD;
	given.pReserved = NULL;
	return real->C_Initialize(&given);
}

CK_RV quirks_finalize(CK_FUNCTION_LIST *real, void *reserved)
{
	CK_RV rv = real->C_Finalize(reserved);

	if (rv == CKR_OK)
		sessions_closed_all();
	return rv;
}

CK_RV quirks_open_session(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SLOT_ID slot,
			  CK_FLAGS flags, void *application, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *session)
{
	if (!sessions_reserve(quirks->max_sessions))
		return CKR_SESSION_COUNT;
	CK_RV rv = real->C_OpenSession(slot, flags, application, notify, session);
	if (rv == CKR_OK)
		sessions_opened(*session, slot);
	else
		sessions_not_opened();
	return rv;
}

CK_RV quirks_close_session(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session)
{
	CK_RV rv = real->C_CloseSession(session);

	if (rv == CKR_OK)
		sessions_closed(session);
	return rv;
}

CK_RV quirks_close_all_sessions(CK_FUNCTION_LIST *real, CK_SLOT_ID slot)
{
	CK_RV rv = real->C_CloseAllSessions(slot);

	if (rv == CKR_OK)
		sessions_closed_on(slot);
	return rv;
}

static CK_FLAGS flags_of_wrong_pins(CK_ULONG tries, unsigned long wrong)
{
	if (wrong >= tries)
		return CKF_USER_PIN_LOCKED;
	return (wrong > 0 ? CKF_USER_PIN_COUNT_LOW : 0) |
	       (wrong + 1 == tries ? CKF_USER_PIN_FINAL_TRY : 0);
}

static unsigned long wrong_pins(CK_SLOT_ID slot)
{
	unsigned long wrong = *state_wrong_pins(state_open(), slot);

	state_close();
	return wrong;
}

CK_RV quirks_token_info(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SLOT_ID slot,
			CK_TOKEN_INFO *info)
{
	CK_RV rv = real->C_GetTokenInfo(slot, info);

	if (rv != CKR_OK)
		return rv;
	if (quirks->pin_tries > 0) {
		info->flags &= ~(CK_FLAGS)(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY |
					   CKF_USER_PIN_LOCKED);
		info->flags |= flags_of_wrong_pins(quirks->pin_tries, wrong_pins(slot));
	}
	info->flags |= quirks->token_flags;
	if (quirks->tells_max_sessions) {
		info->ulMaxSessionCount = quirks->told_max_sessions;
		info->ulMaxRwSessionCount = quirks->told_max_sessions;
	}
	return CKR_OK;
}

/* Whether a PIN counts, and for which slot. */
static bool counts_pins(const struct quirks *quirks, CK_SESSION_HANDLE session, CK_SLOT_ID *slot)
{
	return quirks->pin_tries > 0 && sessions_slot(session, slot);
}

static void count_pin(CK_SLOT_ID slot, CK_RV rv)
{
	unsigned long *wrong = state_wrong_pins(state_open(), slot);

	if (rv == CKR_PIN_INCORRECT)
		(*wrong)++;
	else if (rv == CKR_OK)
		*wrong = 0;
	state_close();
}

CK_RV quirks_login(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		   CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len)
{
	CK_SLOT_ID slot;

	if (user != CKU_USER || !counts_pins(quirks, session, &slot))
		return real->C_Login(session, user, pin, len);
	if (wrong_pins(slot) >= quirks->pin_tries)
		return CKR_PIN_LOCKED;
	CK_RV rv = real->C_Login(session, user, pin, len);
	count_pin(slot, rv);
	return rv;
}

/* The security officer's way to unlock. */
CK_RV quirks_init_pin(const struct quirks *quirks, CK_FUNCTION_LIST *real,
		      CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG len)
{
	CK_RV rv = real->C_InitPIN(session, pin, len);
	CK_SLOT_ID slot;

	if (rv == CKR_OK && counts_pins(quirks, session, &slot))
		count_pin(slot, CKR_OK);
	return rv;
}

static bool is_officers(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session)
{
	CK_SESSION_INFO info;

	return real->C_GetSessionInfo(session, &info) == CKR_OK &&
	       info.state == CKS_RW_SO_FUNCTIONS;
}

CK_RV quirks_set_pin(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		     CK_UTF8CHAR *old_pin, CK_ULONG old_len, CK_UTF8CHAR *new_pin, CK_ULONG new_len)
{
	CK_SLOT_ID slot;

	if (!counts_pins(quirks, session, &slot) || is_officers(real, session))
		return real->C_SetPIN(session, old_pin, old_len, new_pin, new_len);
	if (wrong_pins(slot) >= quirks->pin_tries)
		return CKR_PIN_LOCKED;
	CK_RV rv = real->C_SetPIN(session, old_pin, old_len, new_pin, new_len);
	count_pin(slot, rv);
	return rv;
}
