#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "names.h"
#include "sessions.h"
#include "state.h"

#define ATTRIBUTES_MAX 64 /* of one call whose bits are flipped */

static CK_FUNCTION_LIST *real;
static const char *log_path;

/*
 * Held for reading by every real call. Sessions are dropped between calls, because modules do not
 * stand it during one; a dropping is not to wait for ever for threads that take turns.
 */
static pthread_rwlock_t calling = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

void call_setup(CK_FUNCTION_LIST *module)
{
	real = module;
	log_path = getenv("FAULTY_LOG");
	state_setup();
}

/* TIME PID FUNCTION ANSWER, in one write, so that lines of several processes do not mix. */
static void record(const struct call *call, const char *answer)
{
	char line[160];
	struct timespec now;

	if (!log_path)
		return;
	int fd = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	clock_gettime(CLOCK_MONOTONIC, &now);
	int len = snprintf(line, sizeof(line), "%ld.%09ld %d %s %s\n", (long)now.tv_sec,
			   now.tv_nsec, (int)getpid(), call_name(call->id), answer);
	if (fd < 0 || write(fd, line, (size_t)len) != len)
		fprintf(stderr, "faulty-pkcs11: cannot log to %s: %m\n", log_path);
	if (fd >= 0)
		close(fd);
}

static void record_answer(const struct call *call)
{
	const char *name = ckr_name(call->rv);
	char number[32];

	snprintf(number, sizeof(number), "0x%lx", call->rv);
	record(call, name ? name : number);
}

static bool is_due(const struct rule *rule, unsigned long seen)
{
	return seen >= rule->nth && seen - rule->nth < rule->times;
}

/* Counts it, and finds what is to go wrong. False: the rules are not to be understood. */
static bool count_in(struct call *call)
{
	struct state *state = state_open();
	const struct rules *rules = state->rules;
	const bool understood = !rules->broken;

	state->calls[CALL_ANY]++;
	state->calls[call->id]++;
	call->quirks = rules->quirks;
	for (size_t i = 0; i < rules->count; i++) {
		const struct rule *rule = &rules->list[i];

		if ((rule->call != call->id && rule->call != CALL_ANY) ||
		    !is_due(rule, ++state->counts[i].seen))
			continue;
		state->counts[i].fired++;
		call->due[call->due_count++] = rule->fault;
	}
	state_close();
	return understood;
}

static void sleep_ms(unsigned long ms)
{
	struct timespec left = { .tv_sec = (time_t)(ms / 1000),
				 .tv_nsec = (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		continue;
}

static _Noreturn void hang(const struct call *call)
{
	record(call, "hang");
	for (;;)
		pause();
}

static _Noreturn void crash(const struct call *call, unsigned long number)
{
	record(call, "crash");
	signal((int)number, SIG_DFL); /* also where the program handles it */
	raise((int)number);
	abort();
}

static void drop_sessions(void)
{
	CK_SESSION_HANDLE session;
	CK_SLOT_ID slot;

	pthread_rwlock_wrlock(&calling);
	while (sessions_any(&session, &slot)) {
		real->C_CloseAllSessions(slot);
		sessions_closed_on(slot);
	}
	pthread_rwlock_unlock(&calling);
}

static void drop_login(void)
{
	CK_SESSION_HANDLE session;
	CK_SLOT_ID slot;

	pthread_rwlock_wrlock(&calling);
	if (sessions_any(&session, &slot))
		real->C_Logout(session);
	pthread_rwlock_unlock(&calling);
}

/* True: that is the answer. */
static bool strike(struct call *call, const struct fault *fault)
{
	switch (fault->action) {
	case ACTION_RETURN:
		call->rv = fault->argument;
		return true;
	case ACTION_HANG:
		hang(call);
	case ACTION_CRASH:
		crash(call, fault->argument);
	case ACTION_DELAY:
		sleep_ms(fault->argument);
		break;
	case ACTION_DROP_SESSIONS:
		drop_sessions();
		break;
	case ACTION_FORGET_SESSIONS:
		sessions_forget();
		break;
	case ACTION_DROP_LOGIN:
		drop_login();
		break;
	case ACTION_FLIP: /* when there is something to flip */
		break;
	}
	return false;
}

static bool strike_all(struct call *call, bool after)
{
	bool answered = false;

	for (size_t i = 0; i < call->due_count && !answered; i++) {
		if (call->due[i].after == after)
			answered = strike(call, &call->due[i]);
	}
	return answered;
}

bool call_begin(struct call *call, enum call_id id, CK_SESSION_HANDLE session)
{
	call->id = id;
	call->rv = CKR_OK;
	call->due_count = 0;
	if (!count_in(call))
		call->rv = CKR_GENERAL_ERROR;
	else if (strike_all(call, false))
		return false;
	else if (session != NO_SESSION && sessions_forgotten(session))
		call->rv = CKR_SESSION_HANDLE_INVALID;
	return call->rv == CKR_OK;
}

/* C_WaitForSlotEvent may take for ever, and has no session to lose. */
void call_enter(const struct call *call)
{
	if (call->id != CALL_C_WaitForSlotEvent)
		pthread_rwlock_rdlock(&calling);
}

void call_leave(const struct call *call)
{
	if (call->id != CALL_C_WaitForSlotEvent)
		pthread_rwlock_unlock(&calling);
}

static size_t bits_of(const struct block *block)
{
	return block->data ? 8 * block->len : 0;
}

static void flip(const struct block *blocks, size_t length, unsigned long bit)
{
	size_t all = 0;

	for (size_t i = 0; i < length; i++)
		all += bits_of(&blocks[i]);
	bit = all > 0 ? bit % all : 0;
	for (size_t i = 0; i < length; i++) {
		if (bit < bits_of(&blocks[i])) {
			((unsigned char *)blocks[i].data)[bit / 8] ^=
				(unsigned char)(1U << bit % 8);
			return;
		}
		bit -= bits_of(&blocks[i]);
	}
}

bool call_flips(const struct call *call)
{
	bool flips = false;

	for (size_t i = 0; i < call->due_count; i++)
		flips = flips || call->due[i].action == ACTION_FLIP;
	return flips && call->rv == CKR_OK;
}

void call_flip(const struct call *call, const struct block *blocks, size_t length)
{
	for (size_t i = 0; i < call->due_count; i++) {
		if (call->due[i].action == ACTION_FLIP)
			flip(blocks, length, call->due[i].argument);
	}
}

void call_flip_attributes(const struct call *call, const CK_ATTRIBUTE *attributes, CK_ULONG length)
{
	struct block blocks[ATTRIBUTES_MAX];
	size_t i;

	for (i = 0; i < length && i < ATTRIBUTES_MAX; i++)
		blocks[i] = (struct block){ attributes[i].pValue, attributes[i].ulValueLen };
	call_flip(call, blocks, i);
}

CK_RV call_end(struct call *call)
{
	strike_all(call, true);
	record_answer(call);
	return call->rv;
}
