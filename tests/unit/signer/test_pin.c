#define _GNU_SOURCE
#include "pin.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "tmpdir.h"

struct fixture {
	char dir[TMPDIR_MAX];
	char path[TMPDIR_MAX + 8];
	struct pin *pin;
	struct failure failure;
};

static int set_up(void **state)
{
	static struct fixture f;

	tmpdir_make(f.dir);
	snprintf(f.path, sizeof(f.path), "%s/pin", f.dir);
	f.pin = pin_new();
	f.failure = (struct failure){ 0 };
	*state = &f;
	return f.pin ? 0 : -1;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	pin_freep(&f->pin);
	tmpdir_remove(f->dir);
	return 0;
}

static void write_pin(const struct fixture *f, const void *text, size_t len, mode_t mode)
{
	int fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static void assert_pin(const struct fixture *f, const char *text)
{
	assert_int_equal(f->pin->len, strlen(text));
	assert_memory_equal(f->pin->text, text, strlen(text));
}

static enum pm_err read_path(struct fixture *f, const char *path)
{
	struct pin_source source = { .fd = -1 };

	snprintf(source.path, sizeof(source.path), "%s", path);
	return pin_read(&source, f->pin, &f->failure);
}

static enum pm_err read_fd(struct fixture *f, int fd)
{
	struct pin_source source = { .fd = fd };

	return pin_read(&source, f->pin, &f->failure);
}

static void assert_refused(struct fixture *f, const char *why)
{
	assert_int_equal(read_path(f, f->path), PM_SEALED);
	assert_int_equal(f->failure.class, FAILURE_PIN);
	assert_non_null(strstr(f->failure.detail, why));
}

static void a_private_file_gives_its_pin(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234", 4, 0600);
	assert_int_equal(read_path(f, f->path), PM_OK);
	assert_pin(f, "1234");
	write_pin(f, "12345", 5, 0400);
	assert_int_equal(read_path(f, f->path), PM_OK);
	assert_pin(f, "12345");
}

static void one_newline_at_the_end_is_not_part_of_the_pin(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "12 34\n", 6, 0600);
	assert_int_equal(read_path(f, f->path), PM_OK);
	assert_pin(f, "12 34");
	write_pin(f, "1234\n\n", 6, 0600);
	assert_int_equal(read_path(f, f->path), PM_OK);
	assert_pin(f, "1234\n");
}

static void a_file_that_others_may_touch_is_refused(void **state)
{
	static const mode_t open_to_others[] = { 0640, 0604, 0620, 0602, 0610, 0601, 0777 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(open_to_others) / sizeof(open_to_others[0]); i++) {
		write_pin(f, "1234", 4, open_to_others[i]);
		assert_refused(f, "open to others");
	}
}

static void a_file_of_another_user_is_refused(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234", 4, 0600);
	if (geteuid() != 0)
		skip(); /* only root can give a file away */
	assert_int_equal(chown(f->path, 12345, (gid_t)-1), 0);
	assert_refused(f, "belongs to uid 12345");
}

/* user::r-- user:<uid>:r-- group::<group> mask::r-- other::---: its mode reads 0440. */
static void set_acl(const struct fixture *f, uint32_t uid, uint16_t group)
{
	const struct {
		struct posix_acl_xattr_header header;
		struct posix_acl_xattr_entry entries[5];
	} acl = {
		{ htole32(POSIX_ACL_XATTR_VERSION) },
		{ { htole16(ACL_USER_OBJ), htole16(4), htole32(UINT32_MAX) },
		  { htole16(ACL_USER), htole16(4), htole32(uid) },
		  { htole16(ACL_GROUP_OBJ), htole16(group), htole32(UINT32_MAX) },
		  { htole16(ACL_MASK), htole16(4), htole32(UINT32_MAX) },
		  { htole16(ACL_OTHER), htole16(0), htole32(UINT32_MAX) } },
	};
	struct stat st;

	if (setxattr(f->path, "system.posix_acl_access", &acl, sizeof(acl), 0) != 0)
		skip(); /* a file system without them */
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
}

static void a_credential_that_systemd_lets_only_us_read_is_accepted(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234", 4, 0400);
	set_acl(f, geteuid(), 0);
	assert_int_equal(read_path(f, f->path), PM_OK);
	assert_pin(f, "1234");
}

static void a_list_that_lets_others_read_is_refused(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234", 4, 0400);
	set_acl(f, geteuid() + 1, 0);
	assert_refused(f, "open to others");
	set_acl(f, geteuid(), 4);
	assert_refused(f, "open to others");
}

static void a_symbolic_link_is_refused(void **state)
{
	struct fixture *f = *state;
	char link[TMPDIR_MAX + 8];

	write_pin(f, "1234", 4, 0600);
	snprintf(link, sizeof(link), "%s/link", f->dir);
	assert_int_equal(symlink(f->path, link), 0);
	assert_int_equal(read_path(f, link), PM_SEALED);
	assert_non_null(strstr(f->failure.detail, "symbolic link"));
}

static void what_is_not_a_file_is_refused_without_waiting(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_refused(f, "not a regular file");
	unlink(f->path);
	assert_int_equal(mkdir(f->path, 0700), 0);
	assert_refused(f, "not a regular file");
}

static void a_missing_file_is_said_to_be_missing(void **state)
{
	assert_refused(*state, "No such file");
}

static void an_empty_pin_is_refused(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "", 0, 0600);
	assert_refused(f, "no PIN");
	write_pin(f, "\n", 1, 0600);
	assert_refused(f, "no PIN");
}

static void a_pin_of_255_bytes_is_the_longest(void **state)
{
	struct fixture *f = *state;
	char text[PIN_MAX + 2];

	memset(text, '7', sizeof(text));
	write_pin(f, text, PIN_MAX, 0600);
	assert_int_equal(read_path(f, f->path), PM_OK);
	assert_int_equal(f->pin->len, PIN_MAX);
	write_pin(f, text, PIN_MAX + 1, 0600);
	assert_refused(f, "longer than 255");
	write_pin(f, text, PIN_MAX + 2, 0600);
	assert_refused(f, "longer than 255");
}

static void an_inherited_file_can_be_read_again_and_again(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234\n", 5, 0600);
	int fd = open(f->path, O_RDONLY);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(read_fd(f, fd), PM_OK);
		assert_pin(f, "1234");
	}
	close(fd);
}

static void an_inherited_file_is_checked_too(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234", 4, 0644);
	int fd = open(f->path, O_RDONLY);
	assert_int_equal(read_fd(f, fd), PM_SEALED);
	assert_non_null(strstr(f->failure.detail, "open to others"));
	close(fd);
}

/* Returns the end to read from; nobody can write to it any more. */
static int pipe_with(const void *text, size_t len)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, len), len);
	close(ends[1]);
	return ends[0];
}

static void an_inherited_pipe_serves_again_and_again(void **state)
{
	struct fixture *f = *state;
	int fd = pipe_with("1234\n", 5);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(read_fd(f, fd), PM_OK);
		assert_pin(f, "1234");
	}
	close(fd);
}

static void *write_slowly(void *arg)
{
	const int fd = *(int *)arg;

	for (const char *at = "1234567\n"; *at != '\0'; at++) {
		usleep(2000);
		assert_int_equal(write(fd, at, 1), 1);
	}
	close(fd);
	return NULL;
}

static void a_pipe_is_read_when_its_writer_is_done(void **state)
{
	struct fixture *f = *state;
	pthread_t writer;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(pthread_create(&writer, NULL, write_slowly, &ends[1]), 0);
	assert_int_equal(read_fd(f, ends[0]), PM_OK);
	assert_pin(f, "1234567");
	pthread_join(writer, NULL);
	close(ends[0]);
}

static void a_pipe_whose_writer_never_ends_is_refused(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "12", 2), 2);
	assert_int_equal(read_fd(f, ends[0]), PM_SEALED);
	assert_non_null(strstr(f->failure.detail, "cannot read the PIN"));
	close(ends[0]);
	close(ends[1]);
}

static void a_pipe_without_a_pin_or_with_too_long_a_one_is_refused(void **state)
{
	struct fixture *f = *state;
	char text[5000];
	static const size_t lengths[] = { PIN_MAX + 1, PIN_MAX + 2, sizeof(text) };

	memset(text, '7', sizeof(text));
	int fd = pipe_with("", 0);
	assert_int_equal(read_fd(f, fd), PM_SEALED);
	close(fd);
	for (size_t i = 0; i < 3; i++) {
		fd = pipe_with(text, lengths[i]);
		assert_int_equal(read_fd(f, fd), PM_SEALED);
		assert_non_null(strstr(f->failure.detail, "longer than 255"));
		close(fd);
	}
	fd = pipe_with(text, PIN_MAX);
	assert_int_equal(read_fd(f, fd), PM_OK);
	assert_int_equal(f->pin->len, PIN_MAX);
	close(fd);
}

static void a_pin_that_is_kept_replaces_the_source(void **state)
{
	struct fixture *f = *state;
	struct pin_source source = { .fd = -1 };

	write_pin(f, "1234", 4, 0600);
	snprintf(source.path, sizeof(source.path), "%s", f->path);
	assert_int_equal(pin_keep(&source, "another", 7, &f->failure), PM_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pin_read(&source, f->pin, &f->failure), PM_OK);
		assert_pin(f, "another");
	}
	const int first = source.fd;
	assert_int_equal(pin_keep(&source, "a third", 7, &f->failure), PM_OK);
	assert_int_equal(pin_read(&source, f->pin, &f->failure), PM_OK);
	assert_pin(f, "a third");
	assert_int_equal(fcntl(first, F_GETFD), -1); /* nobody can look into it any more */
	pin_forget(&source);
	assert_int_equal(pin_read(&source, f->pin, &f->failure), PM_SEALED);
}

static void without_a_descriptor_there_is_no_pin(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(read_fd(f, -1), PM_SEALED);
	assert_int_equal(f->failure.class, FAILURE_PIN);
}

static void no_refusal_tells_the_pin(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "s3cret", 6, 0644);
	assert_refused(f, "open to others");
	assert_null(strstr(f->failure.detail, "s3cret"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_private_file_gives_its_pin),
		TEST(one_newline_at_the_end_is_not_part_of_the_pin),
		TEST(a_file_that_others_may_touch_is_refused),
		TEST(a_file_of_another_user_is_refused),
		TEST(a_credential_that_systemd_lets_only_us_read_is_accepted),
		TEST(a_list_that_lets_others_read_is_refused),
		TEST(a_symbolic_link_is_refused),
		TEST(what_is_not_a_file_is_refused_without_waiting),
		TEST(a_missing_file_is_said_to_be_missing),
		TEST(an_empty_pin_is_refused),
		TEST(a_pin_of_255_bytes_is_the_longest),
		TEST(an_inherited_file_can_be_read_again_and_again),
		TEST(an_inherited_file_is_checked_too),
		TEST(an_inherited_pipe_serves_again_and_again),
		TEST(a_pipe_is_read_when_its_writer_is_done),
		TEST(a_pipe_whose_writer_never_ends_is_refused),
		TEST(a_pipe_without_a_pin_or_with_too_long_a_one_is_refused),
		TEST(a_pin_that_is_kept_replaces_the_source),
		TEST(without_a_descriptor_there_is_no_pin),
		TEST(no_refusal_tells_the_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
