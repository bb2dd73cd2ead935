/* Seal, unseal, and a new PIN. */
#include "base/cleanup.h"
#include "exchange.h"

static enum pm_err check_pin(struct exchange *x, const struct peppermint_value *pin)
{
	if (pin->len >= 1 && pin->len <= PEPPERMINT_PIN_MAX)
		return PM_OK;
	return outcome(x->call, PM_BAD_REQUEST, "a PIN has 1 to %d bytes; nothing was sent",
		       PEPPERMINT_PIN_MAX);
}

enum pm_err peppermint_seal(struct peppermint *handle, const char *environment,
			    struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__SealRequest body = PEPPERMINT__V1__SEAL_REQUEST__INIT;

	TRY(exchange_begin(&x, handle, EXCHANGE_CHANGES, call));
	body.environment = exchange_text(environment);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_SEAL;
	x.request.seal = &body;
	return exchange_run(&x);
}

enum pm_err peppermint_unseal(struct peppermint *handle, const char *environment,
			      const struct peppermint_value *pin, struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__UnsealRequest body = PEPPERMINT__V1__UNSEAL_REQUEST__INIT;

	TRY(exchange_begin(&x, handle, EXCHANGE_PIN, call));
	TRY(check_pin(&x, pin));
	body.environment = exchange_text(environment);
	body.pin = exchange_bytes(pin->data, pin->len);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_UNSEAL;
	x.request.unseal = &body;
	return exchange_run(&x);
}

enum pm_err peppermint_change_pin(struct peppermint *handle, const char *environment,
				  const struct peppermint_value *old_pin,
				  const struct peppermint_value *new_pin,
				  struct peppermint_call *call)
{
	struct exchange x CLEANUP(exchange_end) = { 0 };
	Peppermint__V1__ChangePinRequest body = PEPPERMINT__V1__CHANGE_PIN_REQUEST__INIT;

	TRY(exchange_begin(&x, handle, EXCHANGE_PIN, call));
	TRY(check_pin(&x, old_pin));
	TRY(check_pin(&x, new_pin));
	body.environment = exchange_text(environment);
	body.old_pin = exchange_bytes(old_pin->data, old_pin->len);
	body.new_pin = exchange_bytes(new_pin->data, new_pin->len);
	x.request.call_case = PEPPERMINT__V1__REQUEST__CALL_CHANGE_PIN;
	x.request.change_pin = &body;
	return exchange_run(&x);
}
