#define _GNU_SOURCE
#include "pin.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
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

static void assert_refused(struct fixture *f, const char *why)
{
	assert_int_equal(pin_read_file(f->path, f->pin, &f->failure), PM_SEALED);
	assert_int_equal(f->failure.class, FAILURE_PIN);
	assert_non_null(strstr(f->failure.detail, why));
}

static void a_private_file_gives_its_pin(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234", 4, 0600);
	assert_int_equal(pin_read_file(f->path, f->pin, &f->failure), PM_OK);
	assert_pin(f, "1234");
	write_pin(f, "12345", 5, 0400);
	assert_int_equal(pin_read_file(f->path, f->pin, &f->failure), PM_OK);
	assert_pin(f, "12345");
}

static void one_newline_at_the_end_is_not_part_of_the_pin(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "12 34\n", 6, 0600);
	assert_int_equal(pin_read_file(f->path, f->pin, &f->failure), PM_OK);
	assert_pin(f, "12 34");
	write_pin(f, "1234\n\n", 6, 0600);
	assert_int_equal(pin_read_file(f->path, f->pin, &f->failure), PM_OK);
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
	assert_int_equal(pin_read_file(f->path, f->pin, &f->failure), PM_OK);
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
	assert_int_equal(pin_read_file(link, f->pin, &f->failure), PM_SEALED);
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
	assert_int_equal(pin_read_file(f->path, f->pin, &f->failure), PM_OK);
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
		assert_int_equal(pin_read_fd(fd, f->pin, &f->failure), PM_OK);
		assert_pin(f, "1234");
	}
	close(fd);
}

static void an_inherited_file_is_checked_too(void **state)
{
	struct fixture *f = *state;

	write_pin(f, "1234", 4, 0644);
	int fd = open(f->path, O_RDONLY);
	assert_int_equal(pin_read_fd(fd, f->pin, &f->failure), PM_SEALED);
	assert_non_null(strstr(f->failure.detail, "open to others"));
	close(fd);
}

static void an_inherited_pipe_is_read_to_its_end(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "12", 2), 2);
	assert_int_equal(write(ends[1], "34\n", 3), 3);
	close(ends[1]);
	assert_int_equal(pin_read_fd(ends[0], f->pin, &f->failure), PM_OK);
	assert_pin(f, "1234");
	close(ends[0]);
}

static void without_a_descriptor_there_is_no_pin(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(pin_read_fd(-1, f->pin, &f->failure), PM_SEALED);
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
		TEST(an_inherited_pipe_is_read_to_its_end),
		TEST(without_a_descriptor_there_is_no_pin),
		TEST(no_refusal_tells_the_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
