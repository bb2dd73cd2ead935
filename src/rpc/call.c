#include "call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "callers.h"
#include "refusals.h"
#include "server.h"
#include "strangers.h"
#include "transport.h"
#include "vault/audit.h"

#define ARENA_LIMIT ((size_t)1024 * 1024)
#define ARENA_KEEP ((size_t)32 * 1024)

/* A refusal has this long to get into the audit log, however soon its caller's deadline passes. */
#define ENTRY_MS 2000

enum pm_err call_new(struct rpc *rpc, struct slot *slot, struct call **out)
{
	struct call *call = calloc(1, sizeof(*call));

	if (!call)
		return PM_NO_MEMORY;
	call->rpc = rpc;
	call->slot = slot;
	if (arena_new(ARENA_LIMIT, ARENA_KEEP, &call->arena) != PM_OK) {
		call_free(call);
		return PM_NO_MEMORY;
	}
	*out = call;
	return PM_OK;
}

void call_free(struct call *call)
{
	if (!call)
		return;
	arena_free(call->arena);
	free(call);
}

enum pm_err call_refuse(struct call *call, enum pm_err err, const char *field, const char *what)
{
	call->refused = err;
	snprintf(call->refusal, sizeof(call->refusal), "%s%s%s", field, *field ? ": " : "", what);
	return err;
}

static enum pm_err refuse_fault(struct call *call, enum pm_err err, const struct wire_fault *fault)
{
	return err == PM_OK ? PM_OK : call_refuse(call, err, fault->field, fault->what);
}

static void begin(struct call *call, const struct peer *peer, enum pm_err counted)
{
	call->counted = counted != PM_DENIED;
	call->over_share = counted == PM_BUSY || peer->over_share;
	call->executing = false;
	call->entered = false;
	call->row = NULL;
	call->body = NULL;
	call->environment_name = NULL;
	call->refused = PM_OK;
	call->refusal[0] = '\0';
	peppermint__v1__reply__init(&call->reply);
	call->actor = (struct actor){
		.uid = peer->uid,
		.gid = peer->gid,
		.pid = peer->pid,
		.caller = call->caller.name,
		.connection = peer->connection,
		.environments = call->caller.environments,
	};
}

static enum pm_err open_envelope(struct call *call, struct bytes frame)
{
	struct envelope *envelope = &call->envelope;
	struct wire_fault fault = { "", "" };
	enum pm_err err = envelope_open(frame, clock_now(), &call->rpc->limits, call->arena,
					envelope, &fault);

	call->actor.request_id = envelope->request_id;
	call->actor.operator_name = envelope->operator_name;
	call->actor.confirmation = envelope->confirmation;
	call->actor.authorization = envelope->authorization;
	call->actor.pin = envelope->pin;
	call->actor.rpc = envelope->call;
	call->actor.deadline = envelope->deadline;
	call->job.deadline = envelope->deadline;
	return refuse_fault(call, err, &fault);
}

static enum pm_err find_row(struct call *call)
{
	call->row = dispatch_find(call->envelope.call);
	return call->row ? PM_OK : PM_UNKNOWN_RPC;
}

static bool may_use_all(const struct call *call)
{
	uint32_t all = (uint32_t)((UINT64_C(1) << call->rpc->environments) - 1);

	return (call->caller.environments & all) == all;
}

static enum pm_err allow_caller(struct call *call)
{
	uint32_t roles = (call->caller.roles | ROLE_NONE_NEEDED) & call->row->roles;

	if (roles == 0)
		return PM_DENIED;
	call->actor.on_behalf = roles == ROLE_PORTAL;
	return call->row->scope != SCOPE_VAULT || may_use_all(call) ? PM_OK : PM_DENIED;
}

static enum pm_err within_limits(struct call *call)
{
	if (atomic_load(&call->rpc->closing))
		return PM_SHUTTING_DOWN;
	if (call->over_share)
		return call_refuse(call, PM_BUSY, "",
				   "too many requests of this caller or connection in flight");
	if (call->row->kind == RPC_WRITES && *call->envelope.request_id == '\0')
		return call_refuse(call, PM_BAD_REQUEST, "request_id", "required by this call");
	return PM_OK;
}

static enum pm_err open_body(struct call *call)
{
	ProtobufCMessage *body = NULL;
	struct wire_fault fault = { "", "" };
	struct wire_limits limits = call->rpc->limits;

	/* A partner's report is one value, as large as a message. */
	if (call->row->scope == SCOPE_VAULT)
		limits.bytes = call->rpc->config.message_bytes;
	enum pm_err err = wire_open(call->row->request, call->envelope.body, &limits, call->arena,
				    &body, &fault);

	call->body = body;
	return refuse_fault(call, err, &fault);
}

/* Who has no right to every environment cannot tell a forbidden one from one that is not there. */
static enum pm_err allow_environment(struct call *call)
{
	const struct rpc_request *request = (const struct rpc_request *)(const void *)call->body;
	uint32_t allowed = call->caller.environments;

	if (call->row->scope != SCOPE_ENVIRONMENT && call->row->scope != SCOPE_PIN)
		return PM_OK;
	if (*request->environment == '\0')
		return call_refuse(call, PM_BAD_REQUEST, "environment", "required");
	if (strlen(request->environment) <= VAULT_ENVIRONMENT_MAX)
		call->environment_name = request->environment;
	if (vault_find_environment(call->rpc->vault, request->environment, &call->environment) !=
	    PM_OK) {
		if (!may_use_all(call))
			return PM_DENIED;
		return call_refuse(call, PM_NOT_FOUND, "environment", "there is none by that name");
	}
	return (allowed & (UINT32_C(1) << call->environment)) != 0 ? PM_OK : PM_DENIED;
}

/* Each step passes or says why not. The body is not looked at before the caller may call. */
static enum pm_err admit(struct call *call, struct bytes frame)
{
	TRY(open_envelope(call, frame));
	TRY(find_row(call));
	TRY(allow_caller(call));
	TRY(within_limits(call));
	TRY(open_body(call));
	return allow_environment(call);
}

static void fill_receipt(struct call *call)
{
	struct vault_receipt *from = &call->actor.receipt;
	Peppermint__V1__Receipt *to = &call->receipt;

	if (!call->envelope.want_receipt || from->log == 0)
		return;
	peppermint__v1__receipt__init(to);
	to->log = from->log;
	to->index = from->index;
	to->leaf_hash = (ProtobufCBinaryData){ sizeof(from->leaf), from->leaf };
	call->reply.receipt = to;
}

static void fill_reply(struct call *call, enum pm_err err)
{
	Peppermint__V1__Reply *reply = &call->reply;

	reply->version = ENVELOPE_VERSION;
	/* protobuf-c's strings are not const; packing only reads them. */
	reply->request_id = (char *)(uintptr_t)call->envelope.request_id;
	reply->error = (Peppermint__V1__Error)err;
	fill_receipt(call);
	if (err == PM_OK)
		return;
	reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
	reply->message = call->refusal;
	if (call->refusal[0] == '\0' || call->refused != err)
		reply->message = (char *)(uintptr_t)peppermint_error_text(err);
	if (err == PM_ALREADY_DONE)
		reply->subject = call->actor.done_subject;
}

/* Three errors are only programs' and clients' own. */
static bool is_sent(enum pm_err err)
{
	return err != PM_CONFIG && err != PM_UNREACHABLE && err != PM_BAD_REPLY;
}

/* The reply's bytes, in the arena; empty if there is no memory. May have to change the outcome. */
static struct bytes seal_reply(struct call *call, enum pm_err *err)
{
	if (!is_sent(*err)) {
		log_error("rpc: %s ended in %s", call->row ? call->row->name : "a request",
			  peppermint_error_name(*err));
		*err = PM_INTERNAL;
	}
	fill_reply(call, *err);
	size_t size = peppermint__v1__reply__get_packed_size(&call->reply);
	if (size > call->rpc->config.message_bytes) {
		*err = call_refuse(call, PM_TOO_LARGE, "",
				   "the answer would be too large: ask for less");
		fill_reply(call, *err);
		size = peppermint__v1__reply__get_packed_size(&call->reply);
	}
	uint8_t *room = arena_alloc(call->arena, size);
	if (!room)
		return bytes_of(NULL, 0);
	return bytes_of(room, peppermint__v1__reply__pack(&call->reply, room));
}

/* From here on the call is not ours any more. `reply` is in its arena; empty: none can be given. */
static void give_back(struct call *call, struct bytes reply)
{
	if (reply.len > 0)
		slot_send(call->slot, reply);
	else
		slot_drop(call->slot);
}

static void answer_copy(struct call *call, struct bytes reply)
{
	uint8_t *copy = reply.len > 0 ? arena_alloc(call->arena, reply.len) : NULL;

	if (copy)
		memcpy(copy, reply.data, reply.len);
	give_back(call, bytes_of(copy, copy ? reply.len : 0));
}

static struct call *call_of_ticket(struct replay_ticket *ticket)
{
	return (struct call *)(void *)((uint8_t *)ticket - offsetof(struct call, ticket));
}

/* The token's, or an operator's. */
static bool brings_pin(const struct call *call)
{
	return call->row->scope == SCOPE_PIN || call->envelope.pin.len > 0;
}

/*
 * Only a change that was made is remembered, so that another may be tried again. But a PIN is not
 * to be tried twice because a client's socket sends a request again: whatever came of it is.
 */
static bool is_remembered(const struct call *call, enum pm_err err)
{
	return err == PM_OK || (brings_pin(call) && call->entered);
}

static struct replay *replay_of(const struct call *call)
{
	return call->row->scope == SCOPE_PIN ? call->rpc->pin_replay : call->rpc->replay;
}

/* The repeats of a change get its answer. */
static void end_change(struct call *call, enum pm_err err, struct bytes reply)
{
	struct bytes kept = is_remembered(call, err) ? reply : bytes_of(NULL, 0);
	struct replay_ticket *repeat =
		replay_end(replay_of(call), &call->ticket, kept, clock_now());

	while (repeat) {
		struct call *repeated = call_of_ticket(repeat);

		repeat = repeat->next;
		answer_copy(repeated, reply);
	}
}

static void finish(struct call *call, enum pm_err err)
{
	struct bytes reply = seal_reply(call, &err);

	if (call->executing)
		end_change(call, err, reply);
	give_back(call, reply);
}

static struct workers *workers_of(const struct call *call)
{
	const struct rpc *rpc = call->rpc;

	switch (call->row->scope) {
	case SCOPE_NONE:
		return rpc->pools[POOL_STATUS];
	case SCOPE_VAULT:
		return rpc->pools[POOL_LOG];
	case SCOPE_PIN:
		return call->envelope.call == PEPPERMINT__V1__REQUEST__CALL_SEAL
			       ? rpc->seal_workers[call->environment]
			       : rpc->pin_workers[call->environment];
	default:
		return rpc->workers[call->environment];
	}
}

/*
 * Another person's request, or one with another PIN, is not the same that was answered before. Another
 * confirmation makes no other request of it: who has lost an answer may have used his up.
 */
static enum pm_err fill_ticket(struct call *call, struct replay *replay)
{
	const struct envelope *envelope = &call->envelope;
	const struct bytes parts[] = {
		envelope->body,
		bytes_str(envelope->operator_name),
		bytes_str(envelope->authorization),
		envelope->pin,
	};

	return replay_ticket_fill(replay, &call->ticket, call->actor.uid, envelope->request_id,
				  envelope->call, parts, sizeof(parts) / sizeof(parts[0]));
}

/* On the way to a worker; a repeated change may be answered or parked instead. */
static enum pm_err start(struct call *call)
{
	struct replay *replay = replay_of(call);
	enum replay_step step = REPLAY_EXECUTE;
	struct bytes done = { 0 };

	if (call->row->kind == RPC_WRITES) {
		TRY(fill_ticket(call, replay));
		TRY(replay_begin(replay, &call->ticket, clock_now(), call->arena, &step, &done));
		if (step == REPLAY_PARKED)
			return PM_OK; /* whoever ends the first one answers this one */
		if (step == REPLAY_ANSWER) {
			give_back(call, done);
			return PM_OK;
		}
		call->executing = true;
	}
	return workers_submit(workers_of(call), &call->job);
}

static void grant_time_for_entry(struct call *call)
{
	int64_t least = deadline_in_ms(ENTRY_MS);

	if (call->actor.deadline < least)
		call->actor.deadline = least;
}

/* What is no call of ours has no entry, nor has a reading, unless the right to it is missing. */
static bool is_told(const struct call *call, enum pm_err why)
{
	if (!call->row)
		return false;
	return why == PM_DENIED || (call->row->kind == RPC_WRITES && vault_audit_tells(why));
}

/* On the way to a thread that may wait for the audit log, which is told before the caller is. */
static enum pm_err start_refused(struct call *call, enum pm_err why)
{
	grant_time_for_entry(call);
	call->refused = why;
	call->job.deadline = call->actor.deadline;
	enum pm_err err = workers_submit(call->rpc->pools[POOL_REFUSALS], &call->job);
	if (err != PM_OK)
		refusals_miss(call->rpc);
	return err;
}

void call_receive(struct call *call, const struct peer *peer, struct bytes request)
{
	enum pm_err counted = callers_enter(call->rpc->callers, peer->uid, &call->caller);
	uint8_t *copy = NULL;

	begin(call, peer, counted);
	if (call->counted)
		copy = arena_alloc(call->arena, request.len);
	if (!copy) { /* no memory; far over his share; or no caller any more */
		if (!callers_know(call->rpc->callers, peer->uid))
			strangers_tell(call->rpc, peer);
		slot_drop(call->slot);
		return;
	}
	memcpy(copy, request.data, request.len);
	enum pm_err err = admit(call, bytes_of(copy, request.len));
	if (err == PM_OK)
		err = start(call);
	if (err != PM_OK && is_told(call, err))
		err = start_refused(call, err);
	if (err != PM_OK)
		finish(call, err);
}

static struct call *call_of_job(struct job *job)
{
	return (struct call *)(void *)((uint8_t *)job - offsetof(struct call, job));
}

/* `why`, once the audit log knows it; else that it cannot. */
static enum pm_err tell_failure(struct call *call, enum pm_err why)
{
	enum pm_err told = vault_audit_failure(call->rpc->vault, &call->actor, call->row->name,
					       call->environment_name, why);

	return told == PM_OK ? why : told;
}

static enum pm_err tell_denial(struct call *call)
{
	enum pm_err told = vault_audit_refusal(call->rpc->vault, &call->actor, call->row->name,
					       call->environment_name, PM_DENIED);

	return told == PM_OK ? PM_DENIED : told;
}

static enum pm_err run(struct call *call)
{
	call->entered = true;
	enum pm_err err = call->row->enter(call);
	if (err == PM_OK)
		return PM_OK;
	if (call->refusal[0] == '\0' && call->actor.why)
		err = call_refuse(call, err, "", call->actor.why);
	if (call->row->kind != RPC_WRITES)
		return err;
	grant_time_for_entry(call);
	return tell_failure(call, err);
}

void call_run(struct job *job, enum pm_err err)
{
	struct call *call = call_of_job(job);

	if (err == PM_OK)
		err = run(call);
	finish(call, err);
}

void call_run_refused(struct job *job, enum pm_err err)
{
	struct call *call = call_of_job(job);

	if (err != PM_OK)
		refusals_miss(call->rpc);
	else
		err = call->refused == PM_DENIED ? tell_denial(call)
						 : tell_failure(call, call->refused);
	finish(call, err);
}

void call_over(struct call *call)
{
	if (call->counted)
		callers_leave(call->rpc->callers, call->actor.uid);
	call->counted = false;
	secret_wipe(&call->ticket, sizeof(call->ticket));
	arena_reset(call->arena);
}
