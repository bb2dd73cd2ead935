#include "strangers.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "server.h"
#include "vault/audit.h"

#define ENTRY_MS 5000
#define QUIET_MS 60000 /* between two lines of ours */

struct stranger {
	struct job job; /* first: stranger_run gets this back */
	struct rpc *rpc;
	struct peer peer;
};

void strangers_tell(struct rpc *rpc, const struct peer *peer)
{
	struct stranger *stranger = calloc(1, sizeof(*stranger));

	if (!stranger)
		return;
	*stranger = (struct stranger){ .job.deadline = deadline_in_ms(ENTRY_MS),
				       .rpc = rpc,
				       .peer = *peer };
	if (workers_submit(rpc->pools[POOL_STRANGERS], &stranger->job) != PM_OK)
		free(stranger);
}

static enum pm_err tell(const struct stranger *stranger)
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

	return vault_audit_refusal(stranger->rpc->vault, &actor, NULL, NULL, PM_DENIED);
}

/* Seldom, for the same reason; and by the pool's one thread only. */
static void report(const struct stranger *stranger, enum pm_err err)
{
	int64_t now = clock_now();

	if (now < stranger->rpc->strangers_quiet)
		return;
	stranger->rpc->strangers_quiet = now + QUIET_MS * NS_PER_MS;
	log_warn("rpc: a connection of uid %u is not in the audit log: %s", stranger->peer.uid,
		 peppermint_error_name(err));
}

void stranger_run(struct job *job, enum pm_err err)
{
	struct stranger *stranger = (struct stranger *)(void *)job;

	if (err == PM_OK) {
		err = tell(stranger);
		if (err != PM_OK)
			report(stranger, err);
	}
	free(stranger);
}
