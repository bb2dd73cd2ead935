#define _GNU_SOURCE
#include "hsm_module.h"

#include <dlfcn.h>
#include <p11-kit/p11-kit.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

void complain_ck(CK_RV rv, const char *fmt, ...)
{
	char what[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof(what), fmt, args);
	va_end(args);
	complain("%s: %s (0x%lx).", what, p11_kit_strerror(rv), rv);
}

static bool initialize(const struct options *options, CK_FUNCTION_LIST *p11)
{
	/* Not const in PKCS#11's structure; the module only reads it. */
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK,
				      .pReserved = (void *)(uintptr_t)options->init_args };
	CK_RV rv = p11->C_Initialize(&args);

	if (rv == CKR_CANT_LOCK) { /* harmless here: one thread calls */
		args.flags = 0;
		rv = p11->C_Initialize(&args);
	}
	if (rv != CKR_OK)
		complain_ck(rv, "module %s does not initialise", options->module);
	return rv == CKR_OK;
}

bool module_load(const struct options *options, CK_FUNCTION_LIST **p11)
{
	void *library = dlopen(options->module, RTLD_NOW | RTLD_LOCAL);

	if (!library) {
		complain("cannot load the module: %s.", dlerror());
		return false;
	}
	CK_C_GetFunctionList get_list = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
	CK_RV rv = get_list ? get_list(p11) : CKR_FUNCTION_NOT_SUPPORTED;
	if (rv != CKR_OK) {
		complain("%s is no PKCS#11 module: it gives no function list.", options->module);
		return false;
	}
	return initialize(options, *p11);
}

/* Padded with blanks, by some modules with NULs. */
void field_copy(const CK_UTF8CHAR *field, size_t width, char *out)
{
	size_t len = strnlen((const char *)field, width);

	while (len > 0 && field[len - 1] == ' ')
		len--;
	memcpy(out, field, len);
	out[len] = '\0';
}

json_t *text_json(const void *bytes, size_t len)
{
	char text[256];

	if (text_is_clean(bytes_of(bytes, len)))
		return json_stringn(bytes, len);
	if (len > sizeof(text))
		len = sizeof(text);
	for (size_t i = 0; i < len; i++) {
		char c = ((const char *)bytes)[i];

		text[i] = '?';
		if (c >= ' ' && c <= '~')
			text[i] = c;
	}
	return json_stringn(text, len);
}

static bool field_is(const CK_UTF8CHAR *field, size_t width, const char *expected)
{
	char text[64 + 1];

	field_copy(field, width, text);
	return strcmp(text, expected) == 0;
}

/* Slot numbers may change from one load of a module to the next. */
static bool is_still_there(const struct card *card, const struct token *token)
{
	CK_TOKEN_INFO info;
	CK_RV rv = card->p11->C_GetTokenInfo(card->slot, &info);

	if (rv != CKR_OK) {
		complain_ck(rv, "the token in slot %lu cannot be read", card->slot);
		return false;
	}
	if (field_is(info.serialNumber, sizeof(info.serialNumber), token->serial) &&
	    field_is(info.manufacturerID, sizeof(info.manufacturerID), token->manufacturer) &&
	    field_is(info.model, sizeof(info.model), token->model))
		return true;
	complain("there is another token in slot %lu now. Nothing was done.", card->slot);
	return false;
}

enum status card_open(const struct token_job *job, const char *pin, struct card *card)
{
	const struct token *token = job->token;

	card->slot = token->slot;
	if (!module_load(job->options, &card->p11) || !is_still_there(card, token))
		return STATUS_VAULT;
	/* Read and write: some modules give no other sessions. */
	CK_RV rv = card->p11->C_OpenSession(card->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
					    NULL, &card->session);
	if (rv != CKR_OK) {
		complain_ck(rv, "no session with token %s", token->label);
		return STATUS_VAULT;
	}
	/* Not const in PKCS#11's prototype; the module only reads it. */
	rv = card->p11->C_Login(card->session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin,
				strlen(pin));
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return STATUS_DONE;
	complain_ck(rv, "no login to token %s (it was tried once)", token->label);
	return STATUS_VAULT;
}

void card_close(const struct card *card)
{
	card->p11->C_CloseAllSessions(card->slot);
}

enum answer card_announces(const struct card *card, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
	CK_RV rv = card->p11->C_GetMechanismInfo(card->slot, type, info);

	if (rv == CKR_MECHANISM_INVALID)
		return ANSWER_NO;
	return rv == CKR_OK ? ANSWER_YES : ANSWER_UNKNOWN;
}

enum answer card_begins(const struct card *card, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
	CK_SESSION_HANDLE aside = CK_INVALID_HANDLE; /* closed, which ends what was begun in it */
	CK_MECHANISM mechanism = { .mechanism = type };

	if (card->p11->C_OpenSession(card->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
				     &aside) != CKR_OK)
		return ANSWER_UNKNOWN;
	CK_RV rv = card->p11->C_SignInit(aside, &mechanism, key);
	card->p11->C_CloseSession(aside);
	if (rv == CKR_OK)
		return ANSWER_YES;
	return rv == CKR_MECHANISM_INVALID || rv == CKR_KEY_FUNCTION_NOT_PERMITTED ||
			       rv == CKR_KEY_TYPE_INCONSISTENT || rv == CKR_ACTION_PROHIBITED
		       ? ANSWER_NO
		       : ANSWER_UNKNOWN;
}

const char *mechanism_name(CK_MECHANISM_TYPE type)
{
#define NAMED(type)                                                                                \
	{                                                                                          \
		type, #type                                                                        \
	}
	static const struct {
		CK_MECHANISM_TYPE type;
		const char *name;
	} names[] = {
		NAMED(CKM_SHA256_HMAC),
		NAMED(CKM_SHA384_HMAC),
		NAMED(CKM_SHA512_HMAC),
		NAMED(CKM_GENERIC_SECRET_KEY_GEN),
		NAMED(CKM_EC_EDWARDS_KEY_PAIR_GEN),
		NAMED(CKM_EDDSA),
		NAMED(CKM_EC_KEY_PAIR_GEN),
		NAMED(CKM_ECDSA),
		NAMED(CKM_ECDSA_SHA256),
		NAMED(CKM_RSA_PKCS_KEY_PAIR_GEN),
		NAMED(CKM_RSA_PKCS),
		NAMED(CKM_SHA256_RSA_PKCS),
		NAMED(CKM_SHA256_RSA_PKCS_PSS),
	};
#undef NAMED
	static char number[24];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == type)
			return names[i].name;
	}
	snprintf(number, sizeof(number), "0x%lx", type);
	return number;
}
