#include "strangers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "server.h"
#include "vault/audit.h"

#define ENTRY_MS 5000
#define WAIT_MS 60000  /* for another stranger, whose entry says how many were missed */
#define QUIET_MS 60000 /* between two lines of ours */

struct stranger {
	struct job job; /* first: stranger_run gets this back */
	struct rpc *rpc;
	struct peer peer;
};

static void miss(struct rpc *rpc, const struct peer *last, uint64_t count)
{
	struct missed *missed = &rpc->missed;

	pthread_mutex_lock(&missed->lock);
	if (missed->count == 0)
		missed->since = clock_now();
	missed->count += count;
	missed->last = *last;
	pthread_mutex_unlock(&missed->lock);
}

static uint64_t take_missed(struct rpc *rpc)
{
	struct missed *missed = &rpc->missed;

	pthread_mutex_lock(&missed->lock);
	uint64_t count = missed->count;
	missed->count = 0;
	pthread_mutex_unlock(&missed->lock);
	return count;
}

/* One is out of the number then: it is to have the entry that says the rest. */
static bool take_last_missed(struct rpc *rpc, int64_t now, struct peer *last)
{
	struct missed *missed = &rpc->missed;

	pthread_mutex_lock(&missed->lock);
	bool due = missed->count > 0 && now - missed->since >= WAIT_MS * NS_PER_MS;
	if (due) {
		missed->count--;
		missed->since = now;
		*last = missed->last;
	}
	pthread_mutex_unlock(&missed->lock);
	return due;
}

void strangers_tell(struct rpc *rpc, const struct peer *peer)
{
	struct stranger *stranger = calloc(1, sizeof(*stranger));

	if (!stranger) {
		miss(rpc, peer, 1);
		return;
	}
	*stranger = (struct stranger){ .job.deadline = deadline_in_ms(ENTRY_MS),
				       .rpc = rpc,
				       .peer = *peer };
	if (workers_submit(rpc->pools[POOL_STRANGERS], &stranger->job) != PM_OK)
		stranger_run(&stranger->job, PM_BUSY);
}

void strangers_catch_up(struct rpc *rpc, int64_t now)
{
	struct peer last;

	if (take_last_missed(rpc, now, &last))
		strangers_tell(rpc, &last);
}

static enum pm_err tell(const struct stranger *stranger, uint64_t missed)
{
	struct actor actor = {
		.uid = stranger->peer.uid,
		.gid = stranger->peer.gid,
		.pid = stranger->peer.pid,
		.caller = "",
		.operator_name = "",
		.request_id = "",
		.deadline = stranger->job.deadline,
		.connection = stranger->peer.connection,
	};

	return vault_audit_stranger(stranger->rpc->vault, &actor, missed);
}

/* Seldom, for the same reason; and by the pool's one thread only. */
static void report(struct rpc *rpc, uint64_t missed, enum pm_err err)
{
	int64_t now = clock_now();

	if ((missed == 0 && err == PM_OK) || now < rpc->strangers_quiet)
		return;
	rpc->strangers_quiet = now + QUIET_MS * NS_PER_MS;
	if (err == PM_OK)
		log_warn("rpc: connections of unknown uids come too fast for an entry each in the "
			 "audit log; of so many it has the number only: %llu",
			 (unsigned long long)missed);
	else
		log_warn("rpc: connections of unknown uids that are not in the audit log yet: %llu "
			 "(%s)",
			 (unsigned long long)missed + 1, peppermint_error_name(err));
}

void stranger_run(struct job *job, enum pm_err err)
{
	struct stranger *stranger = (struct stranger *)(void *)job;
	struct rpc *rpc = stranger->rpc;
	uint64_t missed = 0;

	if (err == PM_OK) {
		missed = take_missed(rpc);
		err = tell(stranger, missed);
		report(rpc, missed, err);
	}
	if (err != PM_OK)
		miss(rpc, &stranger->peer, missed + 1);
	free(stranger);
}

void strangers_end(struct rpc *rpc)
{
	uint64_t missed = take_missed(rpc);

	if (missed > 0)
		log_warn("rpc: connections of unknown uids that are in no entry of the audit log: "
			 "%llu",
			 (unsigned long long)missed);
}
