#include "token.h"

#include <dlfcn.h>
#include <p11-kit/uri.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

#define SLOTS_MAX 256

static void free_uri(P11KitUri **uri)
{
	p11_kit_uri_free(*uri);
}

/* Fixed-width fields are padded with blanks, by some modules with NULs. */
static void copy_trimmed(char *out, const CK_UTF8CHAR *field, size_t width)
{
	size_t len = strnlen((const char *)field, width);

	while (len > 0 && field[len - 1] == ' ')
		len--;
	memcpy(out, field, len);
	out[len] = '\0';
}

static enum pm_err initialize(CK_FUNCTION_LIST *p11, const char *path, struct failure *failure)
{
	/* Never NULL: SoftHSM takes that as "no locking", also for the threads of its own. */
	CK_C_INITIALIZE_ARGS args = { .flags = CKF_OS_LOCKING_OK };
	CK_RV rv = p11->C_Initialize(&args);

	if (rv == CKR_CANT_LOCK) { /* harmless here: one thread calls */
		args.flags = 0;
		rv = p11->C_Initialize(&args);
	}
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "module %s does not initialise", path);
	return PM_OK;
}

static enum pm_err load(struct token *token, const char *path, struct failure *failure)
{
	/* A bare name would be looked for wherever the loader looks. */
	if (path[0] != '/')
		return failure_set(failure, FAILURE_SETUP,
				   "module '%s' is not an absolute path; correct `module` in this "
				   "environment's section",
				   path);
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return failure_set(failure, FAILURE_SETUP,
				   "cannot load module %s; correct `module` in this environment's "
				   "section",
				   dlerror());
	CK_C_GetFunctionList get_list = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
	if (!get_list)
		return failure_set(failure, FAILURE_SETUP,
				   "%s is not a PKCS#11 module: it has no C_GetFunctionList", path);
	CK_RV rv = get_list(&token->p11);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GetFunctionList of module %s", path);
	return initialize(token->p11, path, failure);
}

static enum pm_err parse_uri(const char *text, P11KitUri *uri, struct failure *failure)
{
	int rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_TOKEN, uri);

	/* The text stays out of the messages: it may hold the very PIN that it must not hold. */
	if (rc != P11_KIT_URI_OK)
		return failure_set(failure, FAILURE_SETUP,
				   "the token's URI is not a PKCS#11 URI (RFC 7512): %s",
				   p11_kit_uri_message(rc));
	if (p11_kit_uri_get_pin_value(uri) || p11_kit_uri_get_pin_source(uri))
		return failure_set(failure, FAILURE_SETUP,
				   "the token's URI carries a pin-value or pin-source; remove it "
				   "and use `pin_file`");
	if (p11_kit_uri_any_unrecognized(uri))
		return failure_set(failure, FAILURE_SETUP,
				   "the token's URI has attributes that do not describe a token; "
				   "use token, serial, manufacturer and model");
	return PM_OK;
}

struct search {
	P11KitUri *uri;
	size_t matches;
	size_t uninitialised; /* would have matched */
	CK_RV unreadable;     /* why some slot could not be asked, or CKR_OK */
};

static void look_into(struct token *token, CK_SLOT_ID slot, struct search *search)
{
	CK_TOKEN_INFO info;
	CK_RV rv = token->p11->C_GetTokenInfo(slot, &info);

	if (rv == CKR_TOKEN_NOT_PRESENT)
		return;
	if (rv != CKR_OK) {
		search->unreadable = rv;
		return;
	}
	if (!p11_kit_uri_match_token_info(search->uri, &info))
		return;
	if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) {
		search->uninitialised++;
		return;
	}
	search->matches++;
	token->slot = slot;
	token->flags = info.flags;
	copy_trimmed(token->label, info.label, sizeof(info.label));
	copy_trimmed(token->manufacturer, info.manufacturerID, sizeof(info.manufacturerID));
	copy_trimmed(token->model, info.model, sizeof(info.model));
	copy_trimmed(token->serial, info.serialNumber, sizeof(info.serialNumber));
	snprintf(token->firmware, sizeof(token->firmware), "%u.%u", info.firmwareVersion.major,
		 info.firmwareVersion.minor);
}

static enum pm_err judge(const struct search *search, const char *uri, struct failure *failure)
{
	if (search->matches == 1)
		return PM_OK;
	if (search->matches > 1)
		return failure_set(failure, FAILURE_SETUP,
				   "%zu tokens match %s; add serial=… to name one", search->matches,
				   uri);
	/* A token that does not answer now may well be the one: that mends itself. */
	if (search->unreadable != CKR_OK)
		return failure_ck(failure, search->unreadable,
				  "no token matches %s, but one could not be read", uri);
	enum pm_err err = failure_set(failure, FAILURE_SETUP,
				      search->uninitialised > 0
					      ? "the token that matches %s is not initialised"
					      : "no token matches %s; check `token` and that the "
						"module sees it (pkcs11-tool -L)",
				      uri);
	failure->rv = CKR_TOKEN_NOT_PRESENT;
	return err;
}

static enum pm_err find_token(struct token *token, const char *uri, struct failure *failure)
{
	P11KitUri *parsed CLEANUP(free_uri) = p11_kit_uri_new();
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;

	if (!parsed)
		return failure_set(failure, FAILURE_CAPACITY, "out of memory");
	TRY(parse_uri(uri, parsed, failure));
	/* Slots without a token too: some modules forget to set CKF_TOKEN_PRESENT. */
	CK_RV rv = token->p11->C_GetSlotList(CK_FALSE, slots, &count);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GetSlotList");
	struct search search = { .uri = parsed };
	for (CK_ULONG i = 0; i < count; i++)
		look_into(token, slots[i], &search);
	return judge(&search, uri, failure);
}

static enum pm_err check_mechanisms(const struct token *token, struct failure *failure)
{
	static const struct {
		CK_MECHANISM_TYPE type;
		const char *name;
	} needed[] = {
		{ CKM_SHA256_HMAC, "CKM_SHA256_HMAC" },
		{ CKM_GENERIC_SECRET_KEY_GEN, "CKM_GENERIC_SECRET_KEY_GEN" },
	};
	CK_MECHANISM_INFO info;

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		CK_RV rv = token->p11->C_GetMechanismInfo(token->slot, needed[i].type, &info);

		if (rv != CKR_OK)
			return failure_ck(failure, rv,
					  "token %s has no %s; it cannot keep HMAC keys",
					  token->label, needed[i].name);
	}
	return PM_OK;
}

enum pm_err token_has_mechanism(const struct token *token, CK_MECHANISM_TYPE type, bool *out,
				struct failure *failure)
{
	CK_MECHANISM_INFO info;
	CK_RV rv = token->p11->C_GetMechanismInfo(token->slot, type, &info);

	*out = rv == CKR_OK;
	if (rv != CKR_OK && rv != CKR_MECHANISM_INVALID)
		return failure_ck(failure, rv, "C_GetMechanismInfo of 0x%lx", type);
	return PM_OK;
}

enum pm_err token_open(struct token *token, const char *path, const char *uri,
		       struct failure *failure)
{
	TRY(load(token, path, failure));
	TRY(find_token(token, uri, failure));
	return check_mechanisms(token, failure);
}

enum pm_err token_check_pin_tries(const struct token *token, struct failure *failure)
{
	if (token->flags & CKF_USER_PIN_LOCKED)
		return failure_set(failure, FAILURE_PIN,
				   "the user PIN of token %s is locked; have its security officer "
				   "set a new one",
				   token->label);
	if (token->flags & CKF_USER_PIN_FINAL_TRY)
		return failure_set(failure, FAILURE_PIN,
				   "one more wrong PIN locks token %s; not tried: log in by hand "
				   "once (pkcs11-tool --login --test) to reset its counter",
				   token->label);
	if (token->flags & CKF_USER_PIN_COUNT_LOW)
		log_warn("a wrong PIN was given to token %s since its last login", token->label);
	return PM_OK;
}

static enum pm_err open_session(const struct token *token, CK_SESSION_HANDLE *session,
				struct failure *failure)
{
	CK_RV rv = token->p11->C_OpenSession(token->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL,
					     NULL, session);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "no session with token %s", token->label);
	return PM_OK;
}

enum pm_err token_login(struct token *token, const struct pin *pin, struct failure *failure)
{
	TRY(open_session(token, &token->anchor, failure));
	/* Not const in PKCS#11 v2's prototype; the module only reads it. */
	CK_RV rv = token->p11->C_Login(token->anchor, CKU_USER, (CK_UTF8CHAR *)pin->text, pin->len);
	if (ckr_class(rv) == FAILURE_PIN)
		return failure_ck(failure, rv,
				  "wrong PIN for token %s; correct the PIN file and start again; "
				  "it was not tried again",
				  token->label);
	if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
		return failure_ck(failure, rv, "cannot log in to token %s", token->label);
	return open_session(token, &token->work, failure);
}

enum pm_err token_renew_work(struct token *token, struct failure *failure)
{
	CK_RV rv = token->p11->C_CloseSession(token->work);

	if (rv == CKR_OK && open_session(token, &token->work, failure) == PM_OK)
		return PM_OK;
	/* Whatever the module says of it: there is no sound session to go on with. */
	return failure_set(failure, FAILURE_SESSION,
			   "no fresh session with token %s after a refused call", token->label);
}
