/*
 * The vendor's module, as PKCS#11 has it, for workers (hsm_work.h) only. It is initialised and
 * never finalised: the worker's end does that. Each function complains itself.
 */
#ifndef CLI_HSM_MODULE_H
#define CLI_HSM_MODULE_H

#include <p11-kit/pkcs11.h>

#include "hsm_token.h"
#include "hsm_work.h"

/* `what: the code's meaning (0x…).` */
__attribute__((format(printf, 2, 3))) void complain_ck(CK_RV rv, const char *fmt, ...);

/* As --module and --init-args say. */
bool module_load(const struct options *options, CK_FUNCTION_LIST **p11);

/* A field of CK_SLOT_INFO and its like, without the padding. `out` holds width + 1. */
void field_copy(const CK_UTF8CHAR *field, size_t width, char *out);
/* Bytes of a token as text: what is no clean UTF-8 becomes question marks. */
json_t *text_json(const void *bytes, size_t len);

/* A login and a session with the token that was chosen, and with no other one. */
struct card {
	CK_FUNCTION_LIST *p11;
	CK_SLOT_ID slot;
	CK_SESSION_HANDLE session;
};
enum status card_open(const struct token_job *job, const char *pin, struct card *card);
/* Sessions that a process leaves behind count against some HSMs' limits. */
void card_close(const struct card *card);

/* Whether the token lists the mechanism; that it works is another matter. */
enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };
enum answer card_announces(const struct card *card, CK_MECHANISM_TYPE type,
			   CK_MECHANISM_INFO *info);

/* Whether signing could be begun with the key; unknown if something else was in the way. */
enum answer card_begins(const struct card *card, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key);

/* "CKM_SHA256_HMAC", or its number. Static storage, until the next call. */
const char *mechanism_name(CK_MECHANISM_TYPE type);

#endif
