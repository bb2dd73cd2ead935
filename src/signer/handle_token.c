#include "base/log.h"
#include "handlers.h"
#include "inspect.h"
#include "mend.h"

void fill_started(const struct signer *signer, Peppermint__Signer__V1__Started *out)
{
	const struct token *token = &signer->token;

	peppermint__signer__v1__started__init(out);
	out->label = (char *)token->label;
	out->manufacturer = (char *)token->manufacturer;
	out->model = (char *)token->model;
	out->serial = (char *)token->serial;
	out->firmware = (char *)token->firmware;
	out->session_copies = signer->keys.copies;
	out->sessions = (uint32_t)token->workers;
	out->proven = signer->proven;
}

static void put_mechanism(const struct mechanism *mechanism, Peppermint__Signer__V1__Mechanism *out)
{
	peppermint__signer__v1__mechanism__init(out);
	out->name = (char *)mechanism->name;
	out->type = mechanism->type;
	out->announced = mechanism->announced;
	out->proof = (uint32_t)mechanism->proof;
	out->enforced = mechanism->enforced;
}

static enum pm_err refresh(void *arg, struct failure *failure)
{
	return token_refresh(arg, failure);
}

/* CK_UNAVAILABLE_INFORMATION is of CK_ULONG's size, the message's of its own. */
static uint64_t or_untold(CK_ULONG bytes)
{
	return bytes == CK_UNAVAILABLE_INFORMATION ? UINT64_MAX : bytes;
}

struct inspection {
	Peppermint__Signer__V1__Inspection message;
	Peppermint__Signer__V1__Started token;
	struct mechanism found[INSPECT_MECHANISMS];
	Peppermint__Signer__V1__Mechanism mechanisms[INSPECT_MECHANISMS];
	Peppermint__Signer__V1__Mechanism *list[INSPECT_MECHANISMS];
};

static void fill_inspection(const struct signer *signer, struct inspection *inspection)
{
	const struct token *token = &signer->token;
	Peppermint__Signer__V1__Inspection *out = &inspection->message;

	peppermint__signer__v1__inspection__init(out);
	fill_started(signer, &inspection->token);
	out->token = &inspection->token;
	out->hardware = (char *)token->hardware;
	out->flags = token->flags;
	out->max_sessions = token->max_sessions;
	out->free_private_memory = or_untold(token->free_private_memory);
	for (size_t i = 0; i < INSPECT_MECHANISMS; i++) {
		put_mechanism(&inspection->found[i], &inspection->mechanisms[i]);
		inspection->list[i] = &inspection->mechanisms[i];
	}
	out->n_mechanisms = INSPECT_MECHANISMS;
	out->mechanisms = inspection->list;
}

enum pm_err handle_inspect(struct signer *signer, Reply *reply)
{
	struct token *token = &signer->token;
	struct inspection *inspection = arena_alloc(signer->arena, sizeof(*inspection));

	if (!inspection)
		return no_memory(signer);
	TRY(mend_run(token, refresh, token, &signer->failure));
	TRY(inspect_mechanisms(token, inspection->found, &signer->failure));
	fill_inspection(signer, inspection);
	reply->inspection = &inspection->message;
	reply->result_case = RESULT(INSPECTION);
	return PM_OK;
}

/* A newline at its end would not be read back by the next login (pin.h). */
static bool is_pin(struct bytes pin)
{
	return pin.len > 0 && pin.len <= PIN_MAX && pin.data[pin.len - 1] != '\n';
}

/* The request is refused; the login stands, and with it the process. */
static enum pm_err refuse_pin(struct failure *failure, CK_RV rv, const char *why)
{
	enum pm_err err = failure_set(failure, FAILURE_CALLER, "the PIN was not changed: %s", why);

	failure->rv = rv;
	return err;
}

/* Never repeated: whether it was done cannot be seen in the token but by trying a PIN. */
static enum pm_err set_pin(struct token *token, struct bytes old_pin, struct bytes new_pin,
			   struct failure *failure)
{
	/* Not const in PKCS#11 v2's prototype; the module only reads them. */
	CK_RV rv = token->p11->C_SetPIN(token->anchor, (CK_UTF8CHAR *)old_pin.data, old_pin.len,
					(CK_UTF8CHAR *)new_pin.data, new_pin.len);

	switch (rv) {
	case CKR_OK:
		return PM_OK;
	case CKR_PIN_INCORRECT:
		return refuse_pin(failure, rv, "the old one is wrong");
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_INVALID:
	case CKR_PIN_TOO_WEAK:
		return refuse_pin(failure, rv, "the token does not take such a new one");
	default:
		return failure_ck(failure, rv, "C_SetPIN");
	}
}

/* For the next lost login. Without it there is no PIN: the old one must not be tried any more. */
static void keep_pin(struct token *token, struct bytes new_pin)
{
	struct failure failure;

	if (pin_keep(&token->pin, new_pin.data, new_pin.len, &failure) == PM_OK)
		return;
	log_warn("%s", failure.detail);
	pin_forget(&token->pin);
}

enum pm_err handle_change_pin(struct signer *signer, const Peppermint__Signer__V1__ChangePin *ask,
			      Reply *reply)
{
	const struct bytes old_pin = bytes_of(ask->old_pin.data, ask->old_pin.len);
	const struct bytes new_pin = bytes_of(ask->new_pin.data, ask->new_pin.len);
	Peppermint__Signer__V1__PinChanged *result = arena_alloc(signer->arena, sizeof(*result));
	struct token *token = &signer->token;
	struct failure *failure = &signer->failure;

	if (!result)
		return no_memory(signer);
	if (!is_pin(old_pin) || !is_pin(new_pin))
		return refuse_pin(failure, CKR_PIN_LEN_RANGE,
				  "a PIN has 1 to 255 bytes and does not end with a newline");
	TRY(mend_run(token, refresh, token, failure));
	if (token_check_pin_tries(token, failure) != PM_OK)
		return refuse_pin(failure, CKR_PIN_LOCKED,
				  "it is locked, or one wrong try more would lock it");
	TRY(set_pin(token, old_pin, new_pin, failure));
	keep_pin(token, new_pin);
	peppermint__signer__v1__pin_changed__init(result);
	reply->pin_changed = result;
	reply->result_case = RESULT(PIN_CHANGED);
	return PM_OK;
}
