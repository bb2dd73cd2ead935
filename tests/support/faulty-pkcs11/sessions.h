/* The sessions that this process has open, by the real module's handles. Any thread may call. */
#ifndef FAULTY_SESSIONS_H
#define FAULTY_SESSIONS_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#define SESSIONS_MAX 4096

/* Before C_OpenSession: whether one more may be open. After it: how it went. */
bool sessions_reserve(CK_ULONG max);
void sessions_opened(CK_SESSION_HANDLE handle, CK_SLOT_ID slot);
void sessions_not_opened(void);

void sessions_closed(CK_SESSION_HANDLE handle);
void sessions_closed_on(CK_SLOT_ID slot);
void sessions_closed_all(void);

/* From now on the sessions that are open do not count, and are known to be forgotten. */
void sessions_forget(void);
bool sessions_forgotten(CK_SESSION_HANDLE handle);

/* One that is open, if there is one. */
bool sessions_any(CK_SESSION_HANDLE *handle, CK_SLOT_ID *slot);
bool sessions_slot(CK_SESSION_HANDLE handle, CK_SLOT_ID *slot);

#endif
