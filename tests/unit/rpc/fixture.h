/*
 * A served socket over the fake vault, and two kinds of clients: libnanomsg's REQ, as services use
 * it, and bare bytes on the unix socket, as nobody should.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "peppermint/v1/vault.pb-c.h"
#include "rpc/rpc.h"

#define PATIENCE_MS 60000 /* for what must happen: a bound, never a measure */

#define ALL_ROLES                                                                                  \
	(ROLE_VERIFIER | ROLE_ISSUER | ROLE_HASHER | ROLE_CUSTODIAN | ROLE_AUDITOR | ROLE_STAFF)
#define ALL_ENVIRONMENTS 3u

struct fixture {
	char dir[64];
	char socket[96];
	struct rpc_config config;
	struct rpc *rpc;
};

/* As cmocka's setup and teardown; the caller of this process's uid has every role. */
int serve(void **state);
int unserve(void **state);

/* Stops, and serves again with the fixture's config as the test has changed it. */
void serve_again(struct fixture *f);
void set_caller(struct fixture *f, uint32_t roles, uint32_t environments);

/* libnanomsg */
int connect_req(const struct fixture *f);
Peppermint__V1__Reply *ask(int socket, const Peppermint__V1__Request *request);
Peppermint__V1__Reply *ask_bytes(int socket, struct bytes request);
void free_reply(Peppermint__V1__Reply *reply);

/* One request on a connection of its own; returns the reply's error. */
enum pm_err ask_once(const struct fixture *f, const Peppermint__V1__Request *request);

/* Bytes */
int connect_raw(const struct fixture *f);                  /* without a handshake */
int connect_sp(const struct fixture *f);                   /* with that of a REQ */
void send_all(int fd, const void *data, size_t len);       /* as long as the peer listens */
void send_request(int fd, uint32_t id, struct bytes body); /* one SP frame */
size_t receive_frame(int fd, uint8_t *room, size_t size);  /* a reply's body, after its id */
bool is_closed(int fd);                                    /* by the server, sooner or later */

/* What our own log says from here on, instead of to the terminal. */
struct captured {
	int file, before;
};
struct captured capture_log(void);
void captured_await(const struct captured *captured, const char *words);
void captured_end(struct captured *captured, char text[4096]);

/* Packed into static memory, valid until the next. */
struct bytes packed(const Peppermint__V1__Request *request);

/* Requests, complete but for what the test changes. */
Peppermint__V1__Request status_request(void);
void make_mint(Peppermint__V1__Request *request, Peppermint__V1__MintKeyRequest *mint,
	       char *request_id);
void make_get(Peppermint__V1__Request *request, Peppermint__V1__GetKeyRequest *get);

#endif
