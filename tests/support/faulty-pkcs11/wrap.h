/*
 * The shapes of PKCS#11's functions. A shape is a macro that defines the wrapper of a function of
 * its name:
 *
 *   WRAP(name, parameters, session, refused, made, flipped)
 *
 *   session   the handle among the parameters, or NO_SESSION
 *   refused   the CK_RV with which the token's quirks refuse, or CKR_OK
 *   made      the real call
 *   flipped   where the output is, if the call succeeded and a bit of it is to flip
 */
#ifndef FAULTY_WRAP_H
#define FAULTY_WRAP_H

#include "call.h"
#include "quirks.h"

#define WRAP(name, parameters, session, refused, made, flipped)                                    \
	static CK_RV faulty_##name parameters                                                      \
	{                                                                                          \
		struct call call;                                                                  \
                                                                                                   \
		if (call_begin(&call, CALL_##name, session)) {                                     \
			call.rv = refused;                                                         \
			if (call.rv == CKR_OK) {                                                   \
				call_enter(&call);                                                 \
				call.rv = made;                                                    \
				call_leave(&call);                                                 \
				if (call_flips(&call))                                             \
					flipped;                                                   \
			}                                                                          \
		}                                                                                  \
		return call_end(&call);                                                            \
	}

#define NO_OUTPUT (void)0
#define OUTPUT(data, len) call_flip(&call, &(struct block){ data, len }, 1)
#define OUTPUT_OF(pointer) OUTPUT(pointer, sizeof(*pointer))

#define NOT_REFUSED CKR_OK
#define MECHANISM_REFUSED quirks_refuse_mechanism(&call.quirks, mechanism)
#define TEMPLATE_REFUSED(attributes, count) quirks_refuse_template(&call.quirks, attributes, count)

/* clang-format takes parameters for expressions here. */
/* clang-format off */

#define INITIALIZE(name)                                                                           \
	WRAP(name, (void *args), NO_SESSION, NOT_REFUSED,                                          \
	     quirks_initialize(&call.quirks, real, args), NO_OUTPUT)

#define FINALIZE(name)                                                                             \
	WRAP(name, (void *reserved), NO_SESSION, NOT_REFUSED, quirks_finalize(real, reserved),     \
	     NO_OUTPUT)

#define GET_INFO(name)                                                                             \
	WRAP(name, (CK_INFO *info), NO_SESSION, NOT_REFUSED, real->name(info), OUTPUT_OF(info))

#define GET_FUNCTION_LIST(name)                                                                    \
	WRAP(name, (CK_FUNCTION_LIST **out), NO_SESSION, NOT_REFUSED, give_list(out), NO_OUTPUT)

#define GET_SLOT_LIST(name)                                                                        \
	WRAP(name, (CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count), NO_SESSION,             \
	     NOT_REFUSED, real->name(present, slots, count),                                       \
	     OUTPUT(slots, *count * sizeof(*slots)))

#define GET_SLOT_INFO(name)                                                                        \
	WRAP(name, (CK_SLOT_ID slot, CK_SLOT_INFO *info), NO_SESSION, NOT_REFUSED,                 \
	     real->name(slot, info), OUTPUT_OF(info))

#define GET_TOKEN_INFO(name)                                                                       \
	WRAP(name, (CK_SLOT_ID slot, CK_TOKEN_INFO *info), NO_SESSION, NOT_REFUSED,                \
	     quirks_token_info(&call.quirks, real, slot, info), OUTPUT_OF(info))

#define GET_MECHANISM_LIST(name)                                                                   \
	WRAP(name, (CK_SLOT_ID slot, CK_MECHANISM_TYPE *types, CK_ULONG *count), NO_SESSION,       \
	     NOT_REFUSED, quirks_mechanism_list(&call.quirks, real, slot, types, count),           \
	     OUTPUT(types, *count * sizeof(*types)))

#define GET_MECHANISM_INFO(name)                                                                   \
	WRAP(name, (CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info),             \
	     NO_SESSION, quirks_refuse_mechanism_info(&call.quirks, type),                         \
	     real->name(slot, type, info), OUTPUT_OF(info))

#define INIT_TOKEN(name)                                                                           \
	WRAP(name, (CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG len, CK_UTF8CHAR *label),          \
	     NO_SESSION, NOT_REFUSED, real->name(slot, pin, len, label), NO_OUTPUT)

#define INIT_PIN(name)                                                                             \
	WRAP(name, (CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG len), session,           \
	     NOT_REFUSED, quirks_init_pin(&call.quirks, real, session, pin, len), NO_OUTPUT)

#define SET_PIN(name)                                                                              \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_UTF8CHAR *old_pin, CK_ULONG old_len,                   \
	      CK_UTF8CHAR *new_pin, CK_ULONG new_len),                                             \
	     session, NOT_REFUSED,                                                                 \
	     quirks_set_pin(&call.quirks, real, session, old_pin, old_len, new_pin, new_len),      \
	     NO_OUTPUT)

#define OPEN_SESSION(name)                                                                         \
	WRAP(name,                                                                                 \
	     (CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,                \
	      CK_SESSION_HANDLE *session),                                                         \
	     NO_SESSION, NOT_REFUSED,                                                              \
	     quirks_open_session(&call.quirks, real, slot, flags, application, notify, session),   \
	     OUTPUT_OF(session))

#define CLOSE_SESSION(name)                                                                        \
	WRAP(name, (CK_SESSION_HANDLE session), session, NOT_REFUSED,                              \
	     quirks_close_session(real, session), NO_OUTPUT)

#define CLOSE_ALL_SESSIONS(name)                                                                   \
	WRAP(name, (CK_SLOT_ID slot), NO_SESSION, NOT_REFUSED,                                     \
	     quirks_close_all_sessions(real, slot), NO_OUTPUT)

#define GET_SESSION_INFO(name)                                                                     \
	WRAP(name, (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), session, NOT_REFUSED,       \
	     real->name(session, info), OUTPUT_OF(info))

#define SET_OPERATION_STATE(name)                                                                  \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG len,                             \
	      CK_OBJECT_HANDLE encryptor, CK_OBJECT_HANDLE authenticator),                         \
	     session, NOT_REFUSED, real->name(session, state, len, encryptor, authenticator),      \
	     NO_OUTPUT)

#define LOGIN(name)                                                                                \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len),       \
	     session, NOT_REFUSED, quirks_login(&call.quirks, real, session, user, pin, len),      \
	     NO_OUTPUT)

/* C_Logout, C_FindObjectsFinal, … */
#define ON_SESSION(name)                                                                           \
	WRAP(name, (CK_SESSION_HANDLE session), session, NOT_REFUSED, real->name(session),         \
	     NO_OUTPUT)

#define CREATE_OBJECT(name)                                                                        \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count,                     \
	      CK_OBJECT_HANDLE *object),                                                           \
	     session, TEMPLATE_REFUSED(wanted, count), real->name(session, wanted, count, object), \
	     OUTPUT_OF(object))

#define COPY_OBJECT(name)                                                                          \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *change,            \
	      CK_ULONG count, CK_OBJECT_HANDLE *copy),                                             \
	     session, TEMPLATE_REFUSED(change, count),                                             \
	     real->name(session, object, change, count, copy), OUTPUT_OF(copy))

/* C_DestroyObject, C_DigestKey */
#define ON_OBJECT(name)                                                                            \
	WRAP(name, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), session, NOT_REFUSED,     \
	     real->name(session, object), NO_OUTPUT)

#define GET_OBJECT_SIZE(name)                                                                      \
	WRAP(name, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG *size), session,  \
	     NOT_REFUSED, real->name(session, object, size), OUTPUT_OF(size))

#define GET_ATTRIBUTE_VALUE(name)                                                                  \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *attributes,        \
	      CK_ULONG count),                                                                     \
	     session, NOT_REFUSED,                                                                 \
	     quirks_attributes(&call.quirks, real, session, object, attributes, count),            \
	     call_flip_attributes(&call, attributes, count))

#define SET_ATTRIBUTE_VALUE(name)                                                                  \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *change,            \
	      CK_ULONG count),                                                                     \
	     session, TEMPLATE_REFUSED(change, count), real->name(session, object, change, count), \
	     NO_OUTPUT)

#define FIND_OBJECTS_INIT(name)                                                                    \
	WRAP(name, (CK_SESSION_HANDLE session, CK_ATTRIBUTE *match, CK_ULONG count), session,      \
	     NOT_REFUSED, real->name(session, match, count), NO_OUTPUT)

#define FIND_OBJECTS(name)                                                                         \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *found, CK_ULONG max,                    \
	      CK_ULONG *count),                                                                    \
	     session, NOT_REFUSED, real->name(session, found, max, count),                         \
	     OUTPUT(found, *count * sizeof(*found)))

/* C_SignInit, C_EncryptInit, … */
#define START(name)                                                                                \
	WRAP(name, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),     \
	     session, MECHANISM_REFUSED, real->name(session, mechanism, key), NO_OUTPUT)

#define DIGEST_INIT(name)                                                                          \
	WRAP(name, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism), session,                  \
	     MECHANISM_REFUSED, real->name(session, mechanism), NO_OUTPUT)

/* C_Sign, C_Encrypt, C_DecryptUpdate, … */
#define TRANSFORM(name)                                                                            \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out,               \
	      CK_ULONG *out_len),                                                                  \
	     session, NOT_REFUSED, real->name(session, in, in_len, out, out_len),                  \
	     OUTPUT(out, *out_len))

/* C_SignUpdate, C_SeedRandom, C_VerifyFinal, … */
#define ABSORB(name)                                                                               \
	WRAP(name, (CK_SESSION_HANDLE session, CK_BYTE *in, CK_ULONG in_len), session,             \
	     NOT_REFUSED, real->name(session, in, in_len), NO_OUTPUT)

/* C_SignFinal, C_EncryptFinal, … */
#define FINISH(name)                                                                               \
	WRAP(name, (CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG *out_len), session,          \
	     NOT_REFUSED, real->name(session, out, out_len), OUTPUT(out, *out_len))

#define VERIFY(name)                                                                               \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG data_len, CK_BYTE *signature,     \
	      CK_ULONG signature_len),                                                             \
	     session, NOT_REFUSED, real->name(session, data, data_len, signature, signature_len),  \
	     NO_OUTPUT)

#define GENERATE_KEY(name)                                                                         \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *wanted,            \
	      CK_ULONG count, CK_OBJECT_HANDLE *key),                                              \
	     session, first_of(MECHANISM_REFUSED, TEMPLATE_REFUSED(wanted, count)),                \
	     real->name(session, mechanism, wanted, count, key), OUTPUT_OF(key))

#define GENERATE_KEY_PAIR(name)                                                                    \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public_wanted,     \
	      CK_ULONG public_count, CK_ATTRIBUTE *private_wanted, CK_ULONG private_count,         \
	      CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key),                        \
	     session,                                                                              \
	     first_of(MECHANISM_REFUSED,                                                           \
		      first_of(TEMPLATE_REFUSED(public_wanted, public_count),                      \
			       TEMPLATE_REFUSED(private_wanted, private_count))),                  \
	     real->name(session, mechanism, public_wanted, public_count, private_wanted,           \
			private_count, public_key, private_key),                                   \
	     call_flip(&call,                                                                      \
		       (struct block[]){ { public_key, sizeof(*public_key) },                      \
					 { private_key, sizeof(*private_key) } },                  \
		       2))

#define WRAP_KEY(name)                                                                             \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping,       \
	      CK_OBJECT_HANDLE key, CK_BYTE *wrapped, CK_ULONG *len),                              \
	     session, MECHANISM_REFUSED,                                                           \
	     real->name(session, mechanism, wrapping, key, wrapped, len), OUTPUT(wrapped, *len))

#define UNWRAP_KEY(name)                                                                           \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE unwrapping,     \
	      CK_BYTE *wrapped, CK_ULONG len, CK_ATTRIBUTE *wanted, CK_ULONG count,                \
	      CK_OBJECT_HANDLE *key),                                                              \
	     session, first_of(MECHANISM_REFUSED, TEMPLATE_REFUSED(wanted, count)),                \
	     real->name(session, mechanism, unwrapping, wrapped, len, wanted, count, key),         \
	     OUTPUT_OF(key))

#define DERIVE_KEY(name)                                                                           \
	WRAP(name,                                                                                 \
	     (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base,           \
	      CK_ATTRIBUTE *wanted, CK_ULONG count, CK_OBJECT_HANDLE *key),                        \
	     session, first_of(MECHANISM_REFUSED, TEMPLATE_REFUSED(wanted, count)),                \
	     real->name(session, mechanism, base, wanted, count, key), OUTPUT_OF(key))

#define GENERATE_RANDOM(name)                                                                      \
	WRAP(name, (CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG len), session, NOT_REFUSED,  \
	     real->name(session, out, len), OUTPUT(out, len))

#define WAIT_FOR_SLOT_EVENT(name)                                                                  \
	WRAP(name, (CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved), NO_SESSION, NOT_REFUSED,    \
	     real->name(flags, slot, reserved), OUTPUT_OF(slot))

/* clang-format on */

#endif
