/* The ways in which the sweeps make the n-th call fail, and what a vault may answer then. */
#ifndef FAULT_KINDS_H
#define FAULT_KINDS_H

#include <stdbool.h>

#include "base/err.h"
#include "fault.h"
#include "fault_vfs.h"

struct fault_kind {
	void (*arm)(int nth);
	void (*disarm)(void);
	bool (*fired)(void);
	enum pm_err expected[2];
};

static const struct fault_kind fault_kinds[] = {
	{ fault_arm, fault_disarm, fault_fired, { PM_HSM_UNAVAILABLE } },
	/*
	 * What cannot be read is one thing, and a change that cannot be kept with its entry
	 * another.
	 */
	{ fault_vfs_arm,
	  fault_vfs_disarm,
	  fault_vfs_fired,
	  { PM_AUDIT_BLOCKED, PM_STORE_UNAVAILABLE } },
	{ fault_vfs_arm_full,
	  fault_vfs_disarm,
	  fault_vfs_fired,
	  { PM_AUDIT_BLOCKED, PM_STORE_UNAVAILABLE } },
};
#define FAULT_KINDS (sizeof(fault_kinds) / sizeof(fault_kinds[0]))

static inline bool fault_is_told(enum pm_err err, const struct fault_kind *kind)
{
	return err != PM_OK &&
	       (err == kind->expected[0] || err == kind->expected[1] || err == PM_OUTCOME_UNKNOWN);
}

#endif
