#include "refusals.h"

#include "base/clock.h"
#include "base/log.h"
#include "server.h"

#define QUIET_MS 60000 /* between two lines */

void refusals_miss(struct rpc *rpc)
{
	atomic_fetch_add(&rpc->refusals_missed, 1);
}

void refusals_end(struct rpc *rpc)
{
	uint64_t missed = atomic_exchange(&rpc->refusals_missed, 0);

	if (missed > 0)
		log_warn("rpc: refused requests that are in no entry of the audit log, which did "
			 "not keep up: %llu",
			 (unsigned long long)missed);
}

void refusals_report(struct rpc *rpc, int64_t now)
{
	if (atomic_load(&rpc->refusals_missed) == 0 || now < rpc->refusals_quiet)
		return;
	rpc->refusals_quiet = now + QUIET_MS * NS_PER_MS;
	refusals_end(rpc);
}
