#include <pthread.h>
#include <stdio.h>

#include "names.h"
#include "probe.h"

#define THREADS 4
#define ROUNDS 100

/* In the list's order. */
#define EVERY(X)                                                                                   \
	X(C_Initialize, NULL)                                                                      \
	X(C_Finalize, NULL)                                                                        \
	X(C_GetInfo, NULL)                                                                         \
	X(C_GetFunctionList, NULL)                                                                 \
	X(C_GetSlotList, 0, NULL, NULL)                                                            \
	X(C_GetSlotInfo, 0, NULL)                                                                  \
	X(C_GetTokenInfo, 0, NULL)                                                                 \
	X(C_GetMechanismList, 0, NULL, NULL)                                                       \
	X(C_GetMechanismInfo, 0, 0, NULL)                                                          \
	X(C_InitToken, 0, NULL, 0, NULL)                                                           \
	X(C_InitPIN, 0, NULL, 0)                                                                   \
	X(C_SetPIN, 0, NULL, 0, NULL, 0)                                                           \
	X(C_OpenSession, 0, 0, NULL, NULL, NULL)                                                   \
	X(C_CloseSession, 0)                                                                       \
	X(C_CloseAllSessions, 0)                                                                   \
	X(C_GetSessionInfo, 0, NULL)                                                               \
	X(C_GetOperationState, 0, NULL, NULL)                                                      \
	X(C_SetOperationState, 0, NULL, 0, 0, 0)                                                   \
	X(C_Login, 0, 0, NULL, 0)                                                                  \
	X(C_Logout, 0)                                                                             \
	X(C_CreateObject, 0, NULL, 0, NULL)                                                        \
	X(C_CopyObject, 0, 0, NULL, 0, NULL)                                                       \
	X(C_DestroyObject, 0, 0)                                                                   \
	X(C_GetObjectSize, 0, 0, NULL)                                                             \
	X(C_GetAttributeValue, 0, 0, NULL, 0)                                                      \
	X(C_SetAttributeValue, 0, 0, NULL, 0)                                                      \
	X(C_FindObjectsInit, 0, NULL, 0)                                                           \
	X(C_FindObjects, 0, NULL, 0, NULL)                                                         \
	X(C_FindObjectsFinal, 0)                                                                   \
	X(C_EncryptInit, 0, NULL, 0)                                                               \
	X(C_Encrypt, 0, NULL, 0, NULL, NULL)                                                       \
	X(C_EncryptUpdate, 0, NULL, 0, NULL, NULL)                                                 \
	X(C_EncryptFinal, 0, NULL, NULL)                                                           \
	X(C_DecryptInit, 0, NULL, 0)                                                               \
	X(C_Decrypt, 0, NULL, 0, NULL, NULL)                                                       \
	X(C_DecryptUpdate, 0, NULL, 0, NULL, NULL)                                                 \
	X(C_DecryptFinal, 0, NULL, NULL)                                                           \
	X(C_DigestInit, 0, NULL)                                                                   \
	X(C_Digest, 0, NULL, 0, NULL, NULL)                                                        \
	X(C_DigestUpdate, 0, NULL, 0)                                                              \
	X(C_DigestKey, 0, 0)                                                                       \
	X(C_DigestFinal, 0, NULL, NULL)                                                            \
	X(C_SignInit, 0, NULL, 0)                                                                  \
	X(C_Sign, 0, NULL, 0, NULL, NULL)                                                          \
	X(C_SignUpdate, 0, NULL, 0)                                                                \
	X(C_SignFinal, 0, NULL, NULL)                                                              \
	X(C_SignRecoverInit, 0, NULL, 0)                                                           \
	X(C_SignRecover, 0, NULL, 0, NULL, NULL)                                                   \
	X(C_VerifyInit, 0, NULL, 0)                                                                \
	X(C_Verify, 0, NULL, 0, NULL, 0)                                                           \
	X(C_VerifyUpdate, 0, NULL, 0)                                                              \
	X(C_VerifyFinal, 0, NULL, 0)                                                               \
	X(C_VerifyRecoverInit, 0, NULL, 0)                                                         \
	X(C_VerifyRecover, 0, NULL, 0, NULL, NULL)                                                 \
	X(C_DigestEncryptUpdate, 0, NULL, 0, NULL, NULL)                                           \
	X(C_DecryptDigestUpdate, 0, NULL, 0, NULL, NULL)                                           \
	X(C_SignEncryptUpdate, 0, NULL, 0, NULL, NULL)                                             \
	X(C_DecryptVerifyUpdate, 0, NULL, 0, NULL, NULL)                                           \
	X(C_GenerateKey, 0, NULL, NULL, 0, NULL)                                                   \
	X(C_GenerateKeyPair, 0, NULL, NULL, 0, NULL, 0, NULL, NULL)                                \
	X(C_WrapKey, 0, NULL, 0, 0, NULL, NULL)                                                    \
	X(C_UnwrapKey, 0, NULL, 0, NULL, 0, NULL, 0, NULL)                                         \
	X(C_DeriveKey, 0, NULL, 0, NULL, 0, NULL)                                                  \
	X(C_SeedRandom, 0, NULL, 0)                                                                \
	X(C_GenerateRandom, 0, NULL, 0)                                                            \
	X(C_GetFunctionStatus, 0)                                                                  \
	X(C_CancelFunction, 0)                                                                     \
	X(C_WaitForSlotEvent, 0, NULL, NULL)

#define ONE(...) +1
_Static_assert(offsetof(CK_FUNCTION_LIST, C_Initialize) + (0 EVERY(ONE)) * sizeof(CK_C_Finalize) ==
		       sizeof(CK_FUNCTION_LIST),
	       "every function of the list is here");

void probe_every_function(CK_FUNCTION_LIST *p11)
{
#define CALL(name, ...) printf("%s %s\n", #name, ckr_name(p11->name(__VA_ARGS__)));
	EVERY(CALL)
#undef CALL
}

struct thread {
	pthread_t id;
	CK_FUNCTION_LIST *p11;
	CK_SLOT_ID slot;
	unsigned failed;
};

static void *use(void *arg)
{
	struct thread *thread = arg;
	CK_FUNCTION_LIST *p11 = thread->p11;
	CK_SESSION_HANDLE session;
	CK_BYTE bytes[16];

	for (int i = 0; i < ROUNDS; i++) {
		thread->failed += p11->C_OpenSession(thread->slot, CKF_SERIAL_SESSION, NULL, NULL,
						     &session) != CKR_OK;
		thread->failed += p11->C_GenerateRandom(session, bytes, sizeof(bytes)) != CKR_OK;
		thread->failed += p11->C_CloseSession(session) != CKR_OK;
	}
	return NULL;
}

unsigned probe_threads(CK_FUNCTION_LIST *p11, CK_SLOT_ID slot)
{
	struct thread threads[THREADS];
	unsigned failed = 0;

	for (int i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){ .p11 = p11, .slot = slot };
		if (pthread_create(&threads[i].id, NULL, use, &threads[i]) != 0)
			return ROUNDS;
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i].id, NULL);
		failed += threads[i].failed;
	}
	return failed;
}
