#define _GNU_SOURCE
#include "base/token_lock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	char serial[17]; /* of a token that nobody else has */
	char path[TOKEN_LOCK_PATH_MAX];
};

static int set_up(void **state)
{
	static struct fixture f;
	static unsigned count;

	snprintf(f.serial, sizeof(f.serial), "test%d.%u", (int)getpid(), count++);
	token_lock_path("maker", "model", f.serial, f.path);
	*state = &f;
	return 0;
}

static int remove_file(void **state)
{
	const struct fixture *f = *state;

	unlink(f->path);
	rmdir(f->path);
	return 0;
}

static enum pm_err take(const struct fixture *f, bool exclusive, int *fd)
{
	return token_lock_take("maker", "model", f->serial, exclusive, fd);
}

static void the_path_tells_tokens_apart(void **state)
{
	char a[TOKEN_LOCK_PATH_MAX], b[TOKEN_LOCK_PATH_MAX];
	(void)state;

	/* printf 'SoftHSM project\0SoftHSM v2\0abc' | sha256sum */
	token_lock_path("SoftHSM project", "SoftHSM v2", "abc", a);
	assert_string_equal(a, "/run/lock/peppermint-token-0457667032381960.lock");
	token_lock_path("ab", "c", "1", a);
	token_lock_path("a", "bc", "1", b);
	assert_string_not_equal(a, b);
	token_lock_path("ab", "c", "2", b);
	assert_string_not_equal(a, b);
}

static void those_who_share_it_exclude_who_wants_it_alone(void **state)
{
	const struct fixture *f = *state;
	int one = -1, two = -1, alone = -1;

	assert_int_equal(take(f, false, &one), PM_OK);
	assert_int_equal(take(f, false, &two), PM_OK);
	assert_int_equal(take(f, true, &alone), PM_CONFLICT);
	close(one);
	assert_int_equal(take(f, true, &alone), PM_CONFLICT);
	close(two);
	assert_int_equal(take(f, true, &alone), PM_OK);
	assert_int_equal(take(f, false, &one), PM_CONFLICT);
	assert_int_equal(take(f, true, &one), PM_CONFLICT);
	close(alone);
}

static void another_user_may_lock_it_whatever_the_umask(void **state)
{
	const struct fixture *f = *state;
	mode_t before = umask(077);
	struct stat st;
	int fd = -1;

	assert_int_equal(take(f, false, &fd), PM_OK);
	umask(before);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	close(fd);
}

static void what_is_not_a_file_is_not_used(void **state)
{
	const struct fixture *f = *state;
	int fd = -1;

	assert_int_equal(symlink("/etc/hostname", f->path), 0);
	assert_int_equal(take(f, false, &fd), PM_STORE_UNAVAILABLE);
	unlink(f->path);
	assert_int_equal(mkfifo(f->path, 0644), 0);
	assert_int_equal(take(f, false, &fd), PM_STORE_UNAVAILABLE);
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0755), 0);
	assert_int_equal(take(f, true, &fd), PM_STORE_UNAVAILABLE);
	assert_int_equal(fd, -1);
}

#define NOBODY 65534

/* In another user's process; the exit status says whether it got the lock. */
static bool another_user_gets_it(const struct fixture *f, bool exclusive)
{
	int status = -1, fd = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(setresuid(NOBODY, NOBODY, NOBODY) == 0 && take(f, exclusive, &fd) == PM_OK
			      ? 0
			      : 1);
	assert_int_equal(waitpid(child, &status, 0), child);
	return status == 0;
}

static void another_user_shares_it_and_cannot_have_it_alone(void **state)
{
	const struct fixture *f = *state;
	int fd = -1;

	if (geteuid() != 0)
		skip();
	assert_int_equal(take(f, false, &fd), PM_OK);
	close(fd);
	assert_true(another_user_gets_it(f, false));
	assert_false(another_user_gets_it(f, true));
}

/* Who may start a process here shall not keep a vault from serving. */
static void a_file_that_anybody_put_there_keeps_no_vault_from_serving(void **state)
{
	const struct fixture *f = *state;
	int theirs = -1, ours = -1;

	if (geteuid() != 0)
		skip();
	assert_int_equal(take(f, true, &theirs), PM_OK);
	assert_int_equal(take(f, false, &ours), PM_CONFLICT);
	assert_int_equal(chmod(f->path, 0666), 0);
	assert_int_equal(take(f, false, &ours), PM_STORE_UNAVAILABLE);
	assert_int_equal(chmod(f->path, 0644), 0);
	assert_int_equal(chown(f->path, NOBODY, NOBODY), 0);
	assert_int_equal(take(f, false, &ours), PM_STORE_UNAVAILABLE);
	assert_int_equal(take(f, true, &ours),
			 PM_CONFLICT); /* but the tools leave the token alone */
	close(theirs);
	assert_int_equal(take(f, false, &ours), PM_OK);
	assert_int_equal(take(f, true, &theirs), PM_CONFLICT);
	close(ours);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_path_tells_tokens_apart),
		TEST(those_who_share_it_exclude_who_wants_it_alone),
		TEST(another_user_may_lock_it_whatever_the_umask),
		TEST(what_is_not_a_file_is_not_used),
		TEST(another_user_shares_it_and_cannot_have_it_alone),
		TEST(a_file_that_anybody_put_there_keeps_no_vault_from_serving),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
