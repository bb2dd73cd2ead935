#include "envelope.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "peppermint/v1/vault.pb-c.h"
#include "vault/vault.h"

static enum pm_err fail(struct wire_fault *fault, enum pm_err err, const char *field,
			const char *what)
{
	*fault = (struct wire_fault){ .field = field, .what = what };
	return err;
}

static bool is_request_id(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	return len <= VAULT_REQUEST_ID_MAX;
}

static int64_t deadline_of(int64_t arrival, uint32_t asked_ms)
{
	int64_t ms = asked_ms == 0 ? ENVELOPE_DEADLINE_DEFAULT_MS : asked_ms;

	if (ms > ENVELOPE_DEADLINE_MAX_MS)
		ms = ENVELOPE_DEADLINE_MAX_MS;
	return arrival + ms * NS_PER_MS;
}

static enum pm_err read_step_up(const Peppermint__V1__Request *head, struct envelope *out,
				struct wire_fault *fault)
{
	if (head->pin.len > VAULT_OPERATOR_PIN_MAX)
		return fail(fault, PM_BAD_REQUEST, "pin", "must be at most 64 bytes");
	out->confirmation = head->confirmation;
	out->authorization = head->authorization;
	out->pin = bytes_of(head->pin.data, head->pin.len);
	return PM_OK;
}

static enum pm_err read_head(const Peppermint__V1__Request *head, struct envelope *out,
			     struct wire_fault *fault)
{
	if (!is_request_id(head->request_id))
		return fail(fault, PM_BAD_REQUEST, "request_id",
			    "must be 1 to 64 printable ASCII characters");
	out->request_id = head->request_id;
	if (head->version != ENVELOPE_VERSION)
		return fail(fault, PM_VERSION_UNSUPPORTED, "version", "must be 1");
	if (strlen(head->operator_) > VAULT_OPERATOR_MAX)
		return fail(fault, PM_BAD_REQUEST, "operator", "must be at most 64 bytes");
	out->operator_name = head->operator_;
	return read_step_up(head, out, fault);
}

enum pm_err envelope_open(struct bytes frame, int64_t arrival, const struct wire_limits *limits,
			  struct arena *arena, struct envelope *out, struct wire_fault *fault)
{
	struct wire_request request = { 0 };
	ProtobufCMessage *message = NULL;

	*out = (struct envelope){ .request_id = "",
				  .operator_name = "",
				  .confirmation = "",
				  .authorization = "",
				  .deadline = arrival };
	TRY(wire_split(frame, arena, &request, fault));
	TRY(wire_open(&peppermint__v1__request__descriptor, request.head, limits, arena, &message,
		      fault));
	const Peppermint__V1__Request *head = (const Peppermint__V1__Request *)message;
	TRY(read_head(head, out, fault));
	if (request.calls == 0)
		return fail(fault, PM_UNKNOWN_RPC, "call", "there is none");
	if (request.calls > 1)
		return fail(fault, PM_BAD_REQUEST, "call", "there is more than one");
	out->deadline = deadline_of(arrival, head->deadline_ms);
	out->want_receipt = head->want_receipt != 0;
	out->call = request.call;
	out->body = request.body;
	return PM_OK;
}
