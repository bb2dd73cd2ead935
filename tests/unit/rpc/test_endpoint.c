#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "endpoint.h"

struct fixture {
	char dir[64];
	char path[96];
	int fd;
};

/* A socket file, listened on or left behind. */
static void make_socket(struct fixture *f, int backlog)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, f->path, strlen(f->path));
	f->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(f->fd >= 0);
	assert_return_code(bind(f->fd, (const struct sockaddr *)&address, sizeof(address)), errno);
	if (backlog >= 0)
		assert_return_code(listen(f->fd, backlog), errno);
}

static void nothing_there_is_fine(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(endpoint_clear(f->path), PM_OK);
}

static void a_socket_that_nobody_listens_on_is_removed(void **state)
{
	struct fixture *f = *state;

	make_socket(f, -1);
	assert_int_equal(endpoint_clear(f->path), PM_OK);
	assert_int_equal(access(f->path, F_OK), -1);
}

static void a_socket_that_a_process_listens_on_stays(void **state)
{
	struct fixture *f = *state;

	make_socket(f, 1);
	assert_int_equal(endpoint_clear(f->path), PM_CONFIG);
	assert_int_equal(endpoint_clear(f->path), PM_CONFIG); /* also with a full backlog */
	assert_int_equal(endpoint_clear(f->path), PM_CONFIG);
	assert_int_equal(endpoint_clear(f->path), PM_CONFIG);
	assert_int_equal(access(f->path, F_OK), 0);
}

static void what_is_not_a_socket_stays(void **state)
{
	struct fixture *f = *state;
	int fd = open(f->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(endpoint_clear(f->path), PM_CONFIG);
	assert_int_equal(access(f->path, F_OK), 0);
	unlink(f->path);
	assert_return_code(symlink("/nowhere", f->path), errno);
	assert_int_equal(endpoint_clear(f->path), PM_CONFIG);
}

static void a_path_must_fit_into_an_address(void **state)
{
	char path[110];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[108] = '\0';
	assert_int_equal(endpoint_clear(path), PM_CONFIG);
	path[107] = '\0';
	assert_int_equal(endpoint_clear(path), PM_OK);
	assert_int_equal(endpoint_clear(""), PM_CONFIG);
}

static void admitting_sets_group_and_permissions(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	make_socket(f, 1);
	assert_int_equal(endpoint_admit(f->path, 0660, getgid()), PM_OK);
	assert_return_code(stat(f->path, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_gid, getgid());
	assert_int_equal(endpoint_admit(f->path, 0600, UINT32_MAX), PM_OK);
	assert_return_code(stat(f->path, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_socket_that_is_gone_cannot_be_admitted(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(endpoint_admit(f->path, 0660, UINT32_MAX), PM_CONFIG);
	assert_int_equal(endpoint_admit(f->path, 0660, getgid()), PM_CONFIG);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->fd = -1;
	snprintf(f->dir, sizeof(f->dir), "/tmp/pm-rpc-XXXXXX");
	*state = f;
	if (!mkdtemp(f->dir))
		return -1;
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	if (f->fd >= 0)
		close(f->fd);
	unlink(f->path);
	rmdir(f->dir);
	free(f);
	return 0;
}

int main(void)
{
#define ENDPOINT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ENDPOINT(nothing_there_is_fine),
		ENDPOINT(a_socket_that_nobody_listens_on_is_removed),
		ENDPOINT(a_socket_that_a_process_listens_on_stays),
		ENDPOINT(what_is_not_a_socket_stays),
		ENDPOINT(a_path_must_fit_into_an_address),
		ENDPOINT(admitting_sets_group_and_permissions),
		ENDPOINT(a_socket_that_is_gone_cannot_be_admitted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
