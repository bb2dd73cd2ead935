/*
 * Every function of CK_FUNCTION_LIST, PKCS#11 v2.40 section 3.6, in its order, and the shape of its
 * wrapper (wrap.h). Names in rules and counters, the wrappers and the function list all come from
 * here.
 */
#ifndef FAULTY_CALLS_H
#define FAULTY_CALLS_H

#include <p11-kit/pkcs11.h>

#define CALLS(X)                                                                                   \
	X(C_Initialize, INITIALIZE)                                                                \
	X(C_Finalize, FINALIZE)                                                                    \
	X(C_GetInfo, GET_INFO)                                                                     \
	X(C_GetFunctionList, GET_FUNCTION_LIST)                                                    \
	X(C_GetSlotList, GET_SLOT_LIST)                                                            \
	X(C_GetSlotInfo, GET_SLOT_INFO)                                                            \
	X(C_GetTokenInfo, GET_TOKEN_INFO)                                                          \
	X(C_GetMechanismList, GET_MECHANISM_LIST)                                                  \
	X(C_GetMechanismInfo, GET_MECHANISM_INFO)                                                  \
	X(C_InitToken, INIT_TOKEN)                                                                 \
	X(C_InitPIN, INIT_PIN)                                                                     \
	X(C_SetPIN, SET_PIN)                                                                       \
	X(C_OpenSession, OPEN_SESSION)                                                             \
	X(C_CloseSession, CLOSE_SESSION)                                                           \
	X(C_CloseAllSessions, CLOSE_ALL_SESSIONS)                                                  \
	X(C_GetSessionInfo, GET_SESSION_INFO)                                                      \
	X(C_GetOperationState, FINISH)                                                             \
	X(C_SetOperationState, SET_OPERATION_STATE)                                                \
	X(C_Login, LOGIN)                                                                          \
	X(C_Logout, ON_SESSION)                                                                    \
	X(C_CreateObject, CREATE_OBJECT)                                                           \
	X(C_CopyObject, COPY_OBJECT)                                                               \
	X(C_DestroyObject, ON_OBJECT)                                                              \
	X(C_GetObjectSize, GET_OBJECT_SIZE)                                                        \
	X(C_GetAttributeValue, GET_ATTRIBUTE_VALUE)                                                \
	X(C_SetAttributeValue, SET_ATTRIBUTE_VALUE)                                                \
	X(C_FindObjectsInit, FIND_OBJECTS_INIT)                                                    \
	X(C_FindObjects, FIND_OBJECTS)                                                             \
	X(C_FindObjectsFinal, ON_SESSION)                                                          \
	X(C_EncryptInit, START)                                                                    \
	X(C_Encrypt, TRANSFORM)                                                                    \
	X(C_EncryptUpdate, TRANSFORM)                                                              \
	X(C_EncryptFinal, FINISH)                                                                  \
	X(C_DecryptInit, START)                                                                    \
	X(C_Decrypt, TRANSFORM)                                                                    \
	X(C_DecryptUpdate, TRANSFORM)                                                              \
	X(C_DecryptFinal, FINISH)                                                                  \
	X(C_DigestInit, DIGEST_INIT)                                                               \
	X(C_Digest, TRANSFORM)                                                                     \
	X(C_DigestUpdate, ABSORB)                                                                  \
	X(C_DigestKey, ON_OBJECT)                                                                  \
	X(C_DigestFinal, FINISH)                                                                   \
	X(C_SignInit, START)                                                                       \
	X(C_Sign, TRANSFORM)                                                                       \
	X(C_SignUpdate, ABSORB)                                                                    \
	X(C_SignFinal, FINISH)                                                                     \
	X(C_SignRecoverInit, START)                                                                \
	X(C_SignRecover, TRANSFORM)                                                                \
	X(C_VerifyInit, START)                                                                     \
	X(C_Verify, VERIFY)                                                                        \
	X(C_VerifyUpdate, ABSORB)                                                                  \
	X(C_VerifyFinal, ABSORB)                                                                   \
	X(C_VerifyRecoverInit, START)                                                              \
	X(C_VerifyRecover, TRANSFORM)                                                              \
	X(C_DigestEncryptUpdate, TRANSFORM)                                                        \
	X(C_DecryptDigestUpdate, TRANSFORM)                                                        \
	X(C_SignEncryptUpdate, TRANSFORM)                                                          \
	X(C_DecryptVerifyUpdate, TRANSFORM)                                                        \
	X(C_GenerateKey, GENERATE_KEY)                                                             \
	X(C_GenerateKeyPair, GENERATE_KEY_PAIR)                                                    \
	X(C_WrapKey, WRAP_KEY)                                                                     \
	X(C_UnwrapKey, UNWRAP_KEY)                                                                 \
	X(C_DeriveKey, DERIVE_KEY)                                                                 \
	X(C_SeedRandom, ABSORB)                                                                    \
	X(C_GenerateRandom, GENERATE_RANDOM)                                                       \
	X(C_GetFunctionStatus, ON_SESSION)                                                         \
	X(C_CancelFunction, ON_SESSION)                                                            \
	X(C_WaitForSlotEvent, WAIT_FOR_SLOT_EVENT)

#define CALL_ID(name, shape) CALL_##name,
enum call_id { CALLS(CALL_ID) CALLS_COUNT, CALL_ANY = CALLS_COUNT };
#undef CALL_ID

#endif
