/*
 * The vault on the wire: one nanomsg REP socket (served by nng), callers identified by the kernel,
 * and for each request open envelope → who → may → limits → open body → handler → reply → wipe.
 * Owns the socket, its threads, the workers of each environment and the memory of all requests; the
 * vault is lent to it.
 */
#ifndef RPC_RPC_H
#define RPC_RPC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct vault;
struct rpc;

enum role {
	ROLE_VERIFIER = 1,  /* verify keys */
	ROLE_ISSUER = 2,    /* mint, rotate, revoke, read keys */
	ROLE_HASHER = 4,    /* hash values and verify hashes */
	ROLE_CUSTODIAN = 8, /* master keys, orphans, seal and PIN; rotate the audit log */
	ROLE_AUDITOR = 16,  /* read keys, master keys, tokens and the audit log */
	ROLE_PORTAL = 32,   /* what an issuer may and accounts, but on somebody's behalf only */
	ROLE_STAFF = 64,    /* accounts, products, operators, imports, leak reports */
};

#define RPC_CALLER_NAME_MAX 63
#define RPC_CALLERS_MAX 256

struct rpc_caller {
	char name[RPC_CALLER_NAME_MAX + 1];
	uint32_t uid;
	uint32_t roles;        /* enum role, or-ed */
	uint32_t environments; /* bit i: the vault's environment i */
};

struct rpc_config {
	const char *socket;      /* path; an existing socket nobody listens on is replaced */
	uint32_t socket_mode;    /* permission bits */
	uint32_t socket_gid;     /* group of the socket, or UINT32_MAX to leave it */
	const char *version;     /* the daemon's, for Status */
	size_t message_bytes;    /* a longer frame closes its connection */
	uint32_t requests;       /* in flight, all connections together */
	uint32_t per_connection; /* in flight; beyond it BUSY, beyond twice it the connection is
				    closed */
	uint32_t per_caller;     /* in flight on all his connections; likewise */
	uint32_t connections;    /* open at a time; more are closed at once */
	uint32_t batch;          /* items of one request's list */
	uint32_t workers;        /* threads per environment */
	uint32_t queue; /* requests that wait for an environment's workers; beyond it BUSY */
	uint32_t send_timeout_ms; /* an unread reply this old closes its connection */
	size_t replay_bytes;      /* locked memory for answers to repeated request ids */
	uint32_t replay_seconds;  /* how long such an answer is kept */
	/* for Status: entries that the audit log's secondary sink did not take; lent, may be NULL */
	const atomic_uint_fast64_t *sink_dropped;
};

/* Listens and serves. PM_CONFIG, logged in one line, if the socket cannot be made. */
enum pm_err rpc_open(struct vault *vault, const struct rpc_config *config,
		     const struct rpc_caller *callers, size_t count, struct rpc **out) NODISCARD;

/*
 * Whether rpc_set_callers would take them: PM_BUSY while too many requests of former callers are in
 * flight. Once PM_OK, that stays so until others are set.
 */
enum pm_err rpc_check_callers(struct rpc *rpc, const struct rpc_caller *callers,
			      size_t count) NODISCARD;

/* Replaces the callers; a request already past its check goes on. */
enum pm_err rpc_set_callers(struct rpc *rpc, const struct rpc_caller *callers,
			    size_t count) NODISCARD;

/*
 * Takes no more requests (they get SHUTTING_DOWN), waits for those in flight and their replies
 * until the deadline, then closes everything and wipes.
 */
void rpc_close(struct rpc *rpc, int64_t deadline);

#endif
