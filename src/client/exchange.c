#include "exchange.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "fill.h"

#define PROTOCOL_VERSION 1
#define REQUEST_MAX 65536

/* Answers take a while to travel: the vault is told to give up this much before we do. */
#define MARGIN_MS_MAX 250

char *exchange_text(const char *text)
{
	static char empty[] = "";

	return text ? (char *)(uintptr_t)text : empty;
}

ProtobufCBinaryData exchange_bytes(const void *data, size_t len)
{
	return (ProtobufCBinaryData){ len, (uint8_t *)(uintptr_t)data };
}

bool exchange_pin_fits(size_t len)
{
	return len >= PEPPERMINT_OPERATOR_PIN_MIN && len <= PEPPERMINT_OPERATOR_PIN_MAX;
}

static enum pm_err choose_request_id(struct exchange *x)
{
	const char *given = x->call->request_id;
	char *id = x->call->used_request_id;
	uint8_t random[16];

	if (given) {
		if (strlen(given) > PEPPERMINT_REQUEST_ID_MAX)
			return outcome(x->call, PM_BAD_REQUEST,
				       "the request id is over %d characters",
				       PEPPERMINT_REQUEST_ID_MAX);
		strcpy(id, given);
		return PM_OK;
	}
	if (RAND_bytes(random, sizeof(random)) != 1)
		return outcome(x->call, PM_INTERNAL, "the system's random generator failed");
	hex_encode(bytes_of(random, sizeof(random)), id);
	return PM_OK;
}

static enum pm_err take_wire(struct exchange *x)
{
	enum pm_err err = handle_take(x->handle, x->deadline, &x->wire);

	if (err == PM_BUSY)
		return outcome(x->call, err,
			       "all %zu connections of this handle are in use; retry, or open it "
			       "with more",
			       x->handle->wire_count);
	if (err != PM_OK)
		return outcome(x->call, err, "this program is out of memory");
	return PM_OK;
}

/* One of another length would be counted against its operator. */
static enum pm_err check_pin(struct exchange *x)
{
	size_t len = x->call->pin ? x->call->pin_len : 0;

	if (!x->call->pin || exchange_pin_fits(len))
		return PM_OK;
	return outcome(x->call, PM_BAD_REQUEST,
		       "an operator's PIN has %d to %d bytes; nothing was sent",
		       PEPPERMINT_OPERATOR_PIN_MIN, PEPPERMINT_OPERATOR_PIN_MAX);
}

/* Borrowed from the caller: the request's encoding is the only copy, and lies in the wire's room. */
static void fill_envelope(struct exchange *x)
{
	const struct peppermint_call *call = x->call;
	const char *operator_name =
		call->operator_name ? call->operator_name : x->handle->operator_name;

	x->request = (Peppermint__V1__Request)PEPPERMINT__V1__REQUEST__INIT;
	x->request.version = PROTOCOL_VERSION;
	x->request.request_id = x->call->used_request_id;
	x->request.want_receipt = call->want_receipt;
	x->request.operator_ = exchange_text(operator_name);
	x->request.confirmation = exchange_text(call->confirmation);
	x->request.authorization = exchange_text(call->authorization);
	if (call->pin)
		x->request.pin = exchange_bytes(call->pin, call->pin_len);
}

enum pm_err exchange_begin(struct exchange *x, struct peppermint *handle, enum exchange_kind kind,
			   struct peppermint_call *call)
{
	x->handle = handle;
	x->kind = kind;
	x->call = call ? call : &x->own;
	x->call->message[0] = x->call->subject[0] = x->call->used_request_id[0] = '\0';
	x->call->receipt_log = 0;
	x->call->receipt_index = 0;
	memset(x->call->receipt_leaf, 0, sizeof(x->call->receipt_leaf));
	x->timeout_ms = x->call->timeout_ms ? x->call->timeout_ms : handle->timeout_ms;
	if (x->timeout_ms > PEPPERMINT_TIMEOUT_MS_MAX)
		x->timeout_ms = PEPPERMINT_TIMEOUT_MS_MAX;
	x->deadline = deadline_in_ms(x->timeout_ms);
	TRY(choose_request_id(x));
	TRY(check_pin(x));
	TRY(take_wire(x));
	fill_envelope(x);
	return PM_OK;
}

void exchange_clear(struct exchange *x)
{
	room_empty(&x->wire->room);
}

void exchange_end(struct exchange *x)
{
	if (!x->wire)
		return;
	if (x->unanswered || x->wire->once)
		wire_hang_up(x->wire);
	exchange_clear(x);
	handle_give(x->handle, x->wire);
}

static enum pm_err too_large(struct exchange *x)
{
	return outcome(x->call, PM_TOO_LARGE,
		       "the request is over %d bytes; send fewer items at a time", REQUEST_MAX);
}

enum pm_err exchange_array(struct exchange *x, size_t count, size_t size, void **out)
{
	*out = room_array(&x->wire->room, count, size);
	return *out ? PM_OK : too_large(x);
}

enum pm_err exchange_bad_reply(struct exchange *x, const char *what)
{
	return outcome(x->call, PM_BAD_REPLY, "%s; is it a Peppermint vault at %s?", what,
		       x->handle->socket);
}

/* The vault gets less time than we have, and nothing once we have none. */
static enum pm_err set_deadline(struct exchange *x)
{
	int64_t left = deadline_left_ms(x->deadline);
	int64_t margin = left / 10 < MARGIN_MS_MAX ? left / 10 : MARGIN_MS_MAX;

	if (left == 0)
		return outcome(x->call, PM_DEADLINE_EXCEEDED,
			       "the timeout of %u ms passed before the request was sent; nothing "
			       "changed",
			       x->timeout_ms);
	x->request.deadline_ms = (uint32_t)(left - margin);
	return PM_OK;
}

static enum pm_err send_request(struct exchange *x)
{
	size_t size = peppermint__v1__request__get_packed_size(&x->request);
	uint8_t *packed = size <= REQUEST_MAX ? room_alloc(&x->wire->room, size) : NULL;

	if (!packed)
		return too_large(x);
	peppermint__v1__request__pack(&x->request, packed);
	TRY(wire_send(x->wire, bytes_of(packed, size), x->call));
	x->unanswered = true;
	return PM_OK;
}

static enum pm_err no_answer(struct exchange *x, enum pm_err err)
{
	char why[256];

	if (err == PM_DENIED)
		snprintf(why, sizeof(why),
			 "the vault closes this program's connections: its configuration does not "
			 "name uid %u, it has no room for more connections, or it has ended",
			 (unsigned)geteuid());
	else
		snprintf(why, sizeof(why),
			 "no answer within %u ms: the vault is stopping, overloaded, or waits for "
			 "its HSM; see its log",
			 x->timeout_ms);
	if (x->kind == EXCHANGE_PIN)
		return outcome(x->call, PM_OUTCOME_UNKNOWN,
			       "%s. The PIN may have been tried: see the environment's status "
			       "before it is given again",
			       why);
	if (x->kind == EXCHANGE_CHANGES)
		return outcome(x->call, PM_OUTCOME_UNKNOWN,
			       "%s. The change may have been made: repeat it with request id %s",
			       why, x->call->used_request_id);
	return outcome(x->call, err, "%s", why);
}

static void *decode_alloc(void *room, size_t size)
{
	return room_alloc(room, size);
}

static void decode_free(void *room, void *ptr)
{
	(void)room; /* emptied as a whole */
	(void)ptr;
}

static enum pm_err receive_reply(struct exchange *x)
{
	struct room *room = &x->wire->room;
	ProtobufCAllocator allocator = { decode_alloc, decode_free, room };
	struct bytes answer CLEANUP(wire_release) = { 0 };

	enum pm_err err = wire_receive(x->wire, x->deadline, &answer);
	if (err != PM_OK)
		return no_answer(x, err);
	x->unanswered = false;
	x->reply = peppermint__v1__reply__unpack(&allocator, answer.len, answer.data);
	if (!x->reply)
		return exchange_bad_reply(x, "the answer cannot be decoded");
	return PM_OK;
}

/* Three codes are of programs, not of vaults; numbers we do not know are refusals. */
static bool is_vault_error(Peppermint__V1__Error error)
{
	return error != PEPPERMINT__V1__ERROR__CONFIG &&
	       error != PEPPERMINT__V1__ERROR__UNREACHABLE &&
	       error != PEPPERMINT__V1__ERROR__BAD_REPLY;
}

static enum pm_err refused(struct exchange *x)
{
	enum pm_err err = (enum pm_err)x->reply->error;
	const char *message = x->reply->message;

	if (!is_vault_error(x->reply->error))
		return exchange_bad_reply(x, "the answer holds an error that no vault sends");
	TRY(fill_text(x, x->reply->subject, x->call->subject, sizeof(x->call->subject)));
	TRY(fill_text(x, message[0] ? message : peppermint_error_text(err), x->call->message,
		      sizeof(x->call->message)));
	return err;
}

/* Also of what was refused. One that was not asked for is none. */
static enum pm_err fill_receipt(struct exchange *x)
{
	const Peppermint__V1__Receipt *from = x->reply->receipt;
	struct peppermint_call *to = x->call;

	if (!from || !to->want_receipt)
		return PM_OK;
	if (from->log == 0)
		return exchange_bad_reply(x, "the answer holds a receipt of no log");
	TRY(fill_bytes(x, from->leaf_hash, to->receipt_leaf, sizeof(to->receipt_leaf)));
	to->receipt_log = from->log;
	to->receipt_index = from->index;
	return PM_OK;
}

static enum pm_err check_reply(struct exchange *x)
{
	if (x->reply->version != PROTOCOL_VERSION)
		return exchange_bad_reply(x, "the answer is of another protocol version");
	bool ours = strcmp(x->reply->request_id, x->call->used_request_id) == 0;
	/* A vault that could not read the request has no id to repeat. */
	if (!ours && (x->reply->error == PEPPERMINT__V1__ERROR__OK || x->reply->request_id[0]))
		return exchange_bad_reply(x, "the answer is to another request");
	if (ours)
		TRY(fill_receipt(x));
	if (x->reply->error != PEPPERMINT__V1__ERROR__OK)
		return refused(x);
	if ((int)x->reply->result_case != (int)x->request.call_case)
		return exchange_bad_reply(x, "the answer is to another call");
	return PM_OK;
}

enum pm_err exchange_run(struct exchange *x)
{
	const char *socket = x->handle->socket;

	bool once = x->kind == EXCHANGE_PIN || x->request.pin.len > 0;

	TRY(once ? wire_ready_once(x->wire, socket, x->call)
		 : wire_ready(x->wire, socket, x->call));
	TRY(set_deadline(x));
	TRY(send_request(x));
	TRY(receive_reply(x));
	return check_reply(x);
}
