#include "token.h"

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

/* What names a token stands in front of its numbers, and the flags behind it. */
static bool is_same(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b)
{
	return memcmp(a, b, offsetof(CK_TOKEN_INFO, flags)) == 0 && a->flags == b->flags;
}

/*
 * Asked twice: one wrong bit in an answer would make an environment's right token the wrong one,
 * or its PIN locked, which only people can settle.
 */
static CK_RV read_info(const struct token *token, CK_SLOT_ID slot, CK_TOKEN_INFO *out)
{
	CK_TOKEN_INFO again;
	CK_RV rv = token->p11->C_GetTokenInfo(slot, out);

	if (rv != CKR_OK)
		return rv;
	rv = token->p11->C_GetTokenInfo(slot, &again);
	if (rv != CKR_OK)
		return rv;
	return is_same(out, &again) ? CKR_OK : CKR_GENERAL_ERROR;
}

static CK_ULONG or_no_limit(CK_ULONG count)
{
	return count == CK_UNAVAILABLE_INFORMATION || count == CK_EFFECTIVELY_INFINITE ? 0 : count;
}

static void take_info(struct token *token, const CK_TOKEN_INFO *info)
{
	copy_trimmed(token->label, info->label, sizeof(info->label));
	copy_trimmed(token->manufacturer, info->manufacturerID, sizeof(info->manufacturerID));
	copy_trimmed(token->model, info->model, sizeof(info->model));
	copy_trimmed(token->serial, info->serialNumber, sizeof(info->serialNumber));
	snprintf(token->firmware, sizeof(token->firmware), "%u.%u", info->firmwareVersion.major,
		 info->firmwareVersion.minor);
	snprintf(token->hardware, sizeof(token->hardware), "%u.%u", info->hardwareVersion.major,
		 info->hardwareVersion.minor);
	token->flags = info->flags;
	token->max_sessions = or_no_limit(info->ulMaxRwSessionCount);
	token->free_private_memory = info->ulFreePrivateMemory;
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
	CK_RV rv = read_info(token, slot, &info);

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
	take_info(token, &info);
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

enum pm_err token_open(struct token *token, const struct module *module, const char *uri,
		       struct failure *failure)
{
	P11KitUri *parsed CLEANUP(free_uri) = p11_kit_uri_new();
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX;

	token->p11 = module->p11;
	if (!parsed)
		return failure_set(failure, FAILURE_CAPACITY, "out of memory");
	TRY(parse_uri(uri, parsed, failure));
	/* Slots without a token too: some modules forget to set CKF_TOKEN_PRESENT. */
	CK_RV rv = token->p11->C_GetSlotList(CK_FALSE, slots, &count);
	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GetSlotList");
	if (count > SLOTS_MAX)
		return failure_ck(failure, CKR_GENERAL_ERROR, "C_GetSlotList gave %lu slots",
				  count);
	struct search search = { .uri = parsed };
	for (CK_ULONG i = 0; i < count; i++)
		look_into(token, slots[i], &search);
	return judge(&search, uri, failure);
}

enum pm_err token_refresh(struct token *token, struct failure *failure)
{
	struct token now = { 0 };
	CK_TOKEN_INFO info;
	CK_RV rv = read_info(token, token->slot, &info);

	if (rv != CKR_OK)
		return failure_ck(failure, rv, "C_GetTokenInfo of token %s", token->label);
	take_info(&now, &info);
	if (strcmp(now.serial, token->serial) != 0 || strcmp(now.model, token->model) != 0 ||
	    strcmp(now.manufacturer, token->manufacturer) != 0)
		return failure_set(failure, FAILURE_MODULE,
				   "token %s (serial %s) was replaced by %s (serial %s)",
				   token->label, token->serial, now.label, now.serial);
	take_info(token, &info);
	return PM_OK;
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

enum pm_err token_has_mechanism(const struct token *token, CK_MECHANISM_TYPE type, bool *out,
				struct failure *failure)
{
	CK_MECHANISM_INFO info;
	CK_RV rv = token->p11->C_GetMechanismInfo(token->slot, type, &info);

	*out = rv == CKR_OK;
	if (rv != CKR_OK && ckr_class(rv) != FAILURE_CALLER)
		return failure_ck(failure, rv, "C_GetMechanismInfo of 0x%lx", type);
	return PM_OK;
}
