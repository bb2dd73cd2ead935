/*
 * What the token is like while the rules say so: around the real functions, once a call's own
 * faults have let it pass.
 */
#ifndef FAULTY_QUIRKS_H
#define FAULTY_QUIRKS_H

#include <p11-kit/pkcs11.h>

#include "rules.h"

/* The CK_RV that refuses, or CKR_OK. */
CK_RV quirks_refuse_mechanism(const struct quirks *quirks, const CK_MECHANISM *mechanism);
CK_RV quirks_refuse_template(const struct quirks *quirks, const CK_ATTRIBUTE *attributes,
			     CK_ULONG count);
CK_RV quirks_refuse_mechanism_info(const struct quirks *quirks, CK_MECHANISM_TYPE type);

/* These make the real call. */
CK_RV quirks_initialize(const struct quirks *quirks, CK_FUNCTION_LIST *real, void *args);
CK_RV quirks_finalize(CK_FUNCTION_LIST *real, void *reserved);
CK_RV quirks_token_info(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SLOT_ID slot,
			CK_TOKEN_INFO *info);
CK_RV quirks_mechanism_list(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SLOT_ID slot,
			    CK_MECHANISM_TYPE *list, CK_ULONG *count);
CK_RV quirks_open_session(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SLOT_ID slot,
			  CK_FLAGS flags, void *application, CK_NOTIFY notify,
			  CK_SESSION_HANDLE *session);
CK_RV quirks_close_session(CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session);
CK_RV quirks_close_all_sessions(CK_FUNCTION_LIST *real, CK_SLOT_ID slot);
CK_RV quirks_login(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		   CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len);
CK_RV quirks_init_pin(const struct quirks *quirks, CK_FUNCTION_LIST *real,
		      CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG len);
CK_RV quirks_set_pin(const struct quirks *quirks, CK_FUNCTION_LIST *real, CK_SESSION_HANDLE session,
		     CK_UTF8CHAR *old_pin, CK_ULONG old_len, CK_UTF8CHAR *new_pin,
		     CK_ULONG new_len);
CK_RV quirks_attributes(const struct quirks *quirks, CK_FUNCTION_LIST *real,
			CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
			CK_ATTRIBUTE *attributes, CK_ULONG count);

#endif
