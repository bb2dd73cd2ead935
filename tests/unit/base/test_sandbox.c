#define _GNU_SOURCE
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/secret.h"
#include "test.h"

/* There is no way back out of a sandbox: each test's part inside runs in a child. */
static int in_sandbox(enum sandbox_kind kind, int (*inside)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		bool all_locked = false;
		if (secret_harden_process(&all_locked) != PM_OK || sandbox_enter(kind) != PM_OK)
			_exit(100);
		_exit(inside());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool is_denied(long result)
{
	return result == -1 && errno == EPERM;
}

/* The calls are made with arguments that without the sandbox give another error, or success. */
static int try_denied_calls(void)
{
	struct {
		int nth;
		bool denied;
	} calls[] = {
		{ 1, is_denied(syscall(SYS_ptrace, PTRACE_TRACEME, 0, NULL, NULL)) },
		{ 2, is_denied(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0)) },
		{ 3, is_denied(syscall(SYS_mount, "/nonexistent", "/nonexistent", NULL, 0, NULL)) },
		{ 4, is_denied(syscall(SYS_chroot, "/nonexistent")) },
		{ 5, is_denied(syscall(SYS_unshare, 0)) },
		{ 6, is_denied(syscall(SYS_setns, -1, 0)) },
		{ 7, is_denied(syscall(SYS_bpf, -1, NULL, 0)) },
		{ 8, is_denied(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)) },
		{ 9, is_denied(syscall(SYS_keyctl, -1)) },
		{ 10, is_denied(syscall(SYS_io_uring_setup, 0, NULL)) },
		{ 11, is_denied(syscall(SYS_personality, 0xffffffff)) },
		{ 12, is_denied(syscall(SYS_open_by_handle_at, -1, NULL, 0)) },
		{ 13, is_denied(syscall(SYS_init_module, NULL, 0, "")) },
		{ 14, is_denied(syscall(SYS_clock_settime, -1, NULL)) },
		{ 15, is_denied(syscall(SYS_kexec_load, 0, 0, NULL, -1L)) },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (!calls[i].denied)
			return calls[i].nth;
	}
	return 0;
}

static int try_execve(void)
{
	char *argv[] = { "true", NULL }, *envp[] = { NULL };

	execve("/bin/true", argv, envp);
	if (errno != EPERM)
		return 1;
	execveat(AT_FDCWD, "/bin/true", argv, envp, 0);
	return errno == EPERM ? 42 : 2;
}

static int do_ordinary_things(void)
{
	int fd = open("/dev/null", O_RDWR);
	int pid = fork();

	if (pid == 0)
		_exit(7);
	int status = 0;
	bool reaped = waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7;
	void *memory = malloc(1 << 20);
	free(memory);
	return fd >= 0 && reaped && memory ? 0 : 1;
}

static sem_t entered;
static bool thread_was_denied;

static void *wait_and_try(void *unused)
{
	(void)unused;
	sem_wait(&entered);
	thread_was_denied = is_denied(syscall(SYS_chroot, "/nonexistent"));
	return NULL;
}

/* As a vendor's module does: it has threads before the sandbox is entered. */
static int enter_beside_a_thread(void)
{
	pthread_t thread;

	sem_init(&entered, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    pthread_create(&thread, NULL, wait_and_try, NULL) != 0 ||
	    sandbox_enter(SANDBOX_SIGNER) != PM_OK)
		return 1;
	sem_post(&entered);
	pthread_join(thread, NULL);
	return thread_was_denied ? 0 : 2;
}

static void the_denied_calls_fail(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_SIGNER, try_denied_calls), 0);
	assert_int_equal(in_sandbox(SANDBOX_DAEMON, try_denied_calls), 0);
}

static void the_signer_cannot_run_programs(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_SIGNER, try_execve), 42);
}

static void the_daemon_can_still_run_programs(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_DAEMON, try_execve), 0); /* became /bin/true */
}

static void ordinary_work_goes_on(void **state)
{
	(void)state;
	assert_int_equal(in_sandbox(SANDBOX_SIGNER, do_ordinary_things), 0);
	assert_int_equal(in_sandbox(SANDBOX_DAEMON, do_ordinary_things), 0);
}

static void threads_that_were_there_before_are_in_it_too(void **state)
{
	int status = 0;
	pid_t pid = fork();
	(void)state;

	if (pid == 0)
		_exit(enter_beside_a_thread());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_denied_calls_fail),
		cmocka_unit_test(the_signer_cannot_run_programs),
		cmocka_unit_test(the_daemon_can_still_run_programs),
		cmocka_unit_test(ordinary_work_goes_on),
		cmocka_unit_test(threads_that_were_there_before_are_in_it_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
