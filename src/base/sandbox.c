#include "base/sandbox.h"

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

enum { FOR_ALL, FOR_SIGNER };

static const struct {
	int number;
	int who;
} denied[] = {
	/* running programs */
	{ SCMP_SYS(execve), FOR_SIGNER },
	{ SCMP_SYS(execveat), FOR_SIGNER },
	/* other processes */
	{ SCMP_SYS(ptrace), FOR_ALL },
	{ SCMP_SYS(process_vm_readv), FOR_ALL },
	{ SCMP_SYS(process_vm_writev), FOR_ALL },
	{ SCMP_SYS(process_madvise), FOR_ALL },
	{ SCMP_SYS(pidfd_getfd), FOR_ALL },
	{ SCMP_SYS(kcmp), FOR_ALL },
	{ SCMP_SYS(perf_event_open), FOR_ALL },
	/* file systems and namespaces */
	{ SCMP_SYS(mount), FOR_ALL },
	{ SCMP_SYS(umount2), FOR_ALL },
	{ SCMP_SYS(mount_setattr), FOR_ALL },
	{ SCMP_SYS(move_mount), FOR_ALL },
	{ SCMP_SYS(open_tree), FOR_ALL },
	{ SCMP_SYS(fsopen), FOR_ALL },
	{ SCMP_SYS(fsconfig), FOR_ALL },
	{ SCMP_SYS(fsmount), FOR_ALL },
	{ SCMP_SYS(fspick), FOR_ALL },
	{ SCMP_SYS(pivot_root), FOR_ALL },
	{ SCMP_SYS(chroot), FOR_ALL },
	{ SCMP_SYS(setns), FOR_ALL },
	{ SCMP_SYS(unshare), FOR_ALL },
	{ SCMP_SYS(open_by_handle_at), FOR_ALL },
	{ SCMP_SYS(fanotify_init), FOR_ALL },
	{ SCMP_SYS(swapon), FOR_ALL },
	{ SCMP_SYS(swapoff), FOR_ALL },
	{ SCMP_SYS(acct), FOR_ALL },
	{ SCMP_SYS(quotactl), FOR_ALL },
	{ SCMP_SYS(quotactl_fd), FOR_ALL },
	/* the kernel: its code, its keys, and the parts of it most often broken */
	{ SCMP_SYS(kexec_load), FOR_ALL },
	{ SCMP_SYS(kexec_file_load), FOR_ALL },
	{ SCMP_SYS(init_module), FOR_ALL },
	{ SCMP_SYS(finit_module), FOR_ALL },
	{ SCMP_SYS(delete_module), FOR_ALL },
	{ SCMP_SYS(bpf), FOR_ALL },
	{ SCMP_SYS(userfaultfd), FOR_ALL },
	{ SCMP_SYS(io_uring_setup), FOR_ALL },
	{ SCMP_SYS(io_uring_enter), FOR_ALL },
	{ SCMP_SYS(io_uring_register), FOR_ALL },
	{ SCMP_SYS(keyctl), FOR_ALL },
	{ SCMP_SYS(add_key), FOR_ALL },
	{ SCMP_SYS(request_key), FOR_ALL },
	{ SCMP_SYS(syslog), FOR_ALL },
	{ SCMP_SYS(personality), FOR_ALL },
	{ SCMP_SYS(modify_ldt), FOR_ALL },
	{ SCMP_SYS(iopl), FOR_ALL },
	{ SCMP_SYS(ioperm), FOR_ALL },
	/* the machine */
	{ SCMP_SYS(reboot), FOR_ALL },
	{ SCMP_SYS(sethostname), FOR_ALL },
	{ SCMP_SYS(setdomainname), FOR_ALL },
	{ SCMP_SYS(settimeofday), FOR_ALL },
	{ SCMP_SYS(clock_settime), FOR_ALL },
	{ SCMP_SYS(adjtimex), FOR_ALL },
	{ SCMP_SYS(clock_adjtime), FOR_ALL },
};

static void release(scmp_filter_ctx *filter)
{
	seccomp_release(*filter);
}

static int deny_all(scmp_filter_ctx filter, enum sandbox_kind kind)
{
	for (size_t i = 0; i < sizeof(denied) / sizeof(denied[0]); i++) {
		if (denied[i].who == FOR_SIGNER && kind != SANDBOX_SIGNER)
			continue;
		int rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), denied[i].number, 0);
		if (rc != 0)
			return rc;
	}
	return 0;
}

enum pm_err sandbox_enter(enum sandbox_kind kind)
{
	scmp_filter_ctx filter CLEANUP(release) = seccomp_init(SCMP_ACT_ALLOW);

	if (!filter) {
		log_error("sandbox: out of memory");
		return PM_NO_MEMORY;
	}
	int rc = deny_all(filter, kind);
	/* All threads, those too that a module has started meanwhile. */
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	if (rc == 0)
		rc = seccomp_load(filter);
	if (rc == 0)
		return PM_OK;
	log_error("sandbox: seccomp: %s", strerror(-rc));
	return PM_INTERNAL;
}
