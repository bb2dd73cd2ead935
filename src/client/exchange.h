/*
 * One call: begin, fill in the request, run, copy the result out, end. It borrows a wire from the
 * handle; the request's parts and the decoded reply lie in that wire's room and vanish at the end.
 */
#ifndef CLIENT_EXCHANGE_H
#define CLIENT_EXCHANGE_H

#include <stdbool.h>

#include "handle.h"
#include "outcome.h"
#include "peppermint/v1/vault.pb-c.h"

enum exchange_kind {
	EXCHANGE_READS,
	EXCHANGE_CHANGES,
	EXCHANGE_PIN, /* of a token; changes, and is sent once: a vault that ends and comes back gets it no more */
};

struct exchange {
	struct peppermint *handle;
	struct peppermint_call *call; /* the caller's, or `own` */
	struct peppermint_call own;
	enum exchange_kind kind;
	uint32_t timeout_ms;
	int64_t deadline;
	struct wire *wire; /* NULL before the beginning */
	bool unanswered;   /* sent, and no answer came: the wire must not be used again */
	Peppermint__V1__Request request;
	const Peppermint__V1__Reply *reply; /* after a successful run, with the call's result */
};

/* For `struct exchange x CLEANUP(exchange_end) = {0};` */
void exchange_end(struct exchange *x);

/* `call` may be NULL. Then set x->request's call_case and the call itself. */
enum pm_err exchange_begin(struct exchange *x, struct peppermint *handle, enum exchange_kind kind,
			   struct peppermint_call *call) NODISCARD;

/* Room for parts of the request. PM_TOO_LARGE when the request outgrows any message. */
enum pm_err exchange_array(struct exchange *x, size_t count, size_t size, void **out) NODISCARD;

/* Sends, waits, and checks everything that is the same for all calls. */
enum pm_err exchange_run(struct exchange *x) NODISCARD;

/* Before another run for a further page: the answer is wiped, and what exchange_array gave. */
void exchange_clear(struct exchange *x);

/* PM_BAD_REPLY, with a message, for a result that a vault would not give. */
enum pm_err exchange_bad_reply(struct exchange *x, const char *what);

/* Parameters as protobuf-c takes them, which does not write to them. */
char *exchange_text(const char *text);
ProtobufCBinaryData exchange_bytes(const void *data, size_t len);

/* Is that a length of an operator's PIN? */
bool exchange_pin_fits(size_t len);

#endif
