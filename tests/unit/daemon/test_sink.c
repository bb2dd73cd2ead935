/* The copy of the audit log in syslog: a real datagram socket, and a log that is an array. */
#define _GNU_SOURCE
#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "fault.h"
#include "tmpdir.h"
#include "vault/audit.h"

#define NEVER_MS 30000
#define LOG_ENTRIES 4096
#define NONE UINT64_MAX

/* The log: what vault_log_follow, below, tells. */
static struct {
	pthread_mutex_t lock;
	char entries[LOG_ENTRIES][96];
	size_t count;
	const char *long_one; /* instead of every entry that is empty */
	uint64_t altered;     /* the entry that does not have its hash */
	enum pm_err err;      /* instead of any entry */
	uint64_t asked;       /* how often */
} book = { .lock = PTHREAD_MUTEX_INITIALIZER, .altered = NONE };

static enum pm_err tell(uint32_t *log, uint64_t *next, size_t max, vault_log_visit *visit,
			void *arg)
{
	if (book.err != PM_OK)
		return book.err;
	if (*log == 0) {
		*log = 1;
		*next = book.count;
	}
	for (; max > 0 && *next < book.count; max--, (*next)++) {
		const char *entry = book.entries[*next];

		if (*next == book.altered)
			return PM_STORE_DAMAGED;
		if (!visit(arg, *next, bytes_str(*entry ? entry : book.long_one)))
			break;
	}
	return PM_OK;
}

enum pm_err vault_log_follow(struct vault *vault, uint32_t *log, uint64_t *next, size_t max,
			     vault_log_visit *visit, void *arg)
{
	(void)vault;
	pthread_mutex_lock(&book.lock);
	book.asked++;
	enum pm_err err = tell(log, next, max, visit, arg);
	pthread_mutex_unlock(&book.lock);
	return err;
}

static void write_entry(const char *entry)
{
	pthread_mutex_lock(&book.lock);
	assert_true(book.count < LOG_ENTRIES);
	snprintf(book.entries[book.count++], sizeof(book.entries[0]), "%s", entry);
	pthread_mutex_unlock(&book.lock);
}

static void set_error(enum pm_err err)
{
	pthread_mutex_lock(&book.lock);
	book.err = err;
	pthread_mutex_unlock(&book.lock);
}

static uint64_t times_asked(void)
{
	pthread_mutex_lock(&book.lock);
	uint64_t asked = book.asked;
	pthread_mutex_unlock(&book.lock);
	return asked;
}

/* The calls of the socket, each of which can fail: linked with --wrap. Not those of this file. */
static atomic_bool faulty;

int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);
int __real_connect(int fd, const struct sockaddr *address, socklen_t len);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

static bool fails(int error)
{
	if (!atomic_load(&faulty) || !fault_now())
		return false;
	errno = error;
	return true;
}

int __wrap_socket(int domain, int type, int protocol)
{
	return fails(EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	return fails(ECONNREFUSED) ? -1 : __real_connect(fd, address, len);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return fails(ENOBUFS) ? -1 : __real_sendmsg(fd, message, flags);
}

struct fixture {
	char dir[TMPDIR_MAX];
	char path[TMPDIR_MAX + 16];
	int syslog; /* -1: nobody listens */
	struct sink *sink;
	char datagram[16384];
};

static void listen_there(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", f->path);
	unlink(f->path);
	f->syslog = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_true(f->syslog >= 0);
	assert_int_equal(bind(f->syslog, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void stop_listening(struct fixture *f)
{
	close_fd(&f->syslog);
	f->syslog = -1;
}

static void open_sink(struct fixture *f)
{
	assert_int_equal(sink_open(NULL, f->path, &f->sink), PM_OK);
}

static uint64_t dropped(const struct fixture *f)
{
	return atomic_load(sink_dropped(f->sink));
}

static void wait_dropped(const struct fixture *f, uint64_t more_than)
{
	int64_t never = deadline_in_ms(NEVER_MS);

	while (dropped(f) <= more_than) {
		assert_true(clock_now() < never);
		usleep(1000);
	}
}

/* What the next datagram says behind its head, which must be right. */
static const char *receive(struct fixture *f, unsigned priority)
{
	struct pollfd fd = { .fd = f->syslog, .events = POLLIN };
	char head[32], month[4];
	unsigned day, hour, minute, second;
	int pid = 0, text = 0;

	assert_int_equal(poll(&fd, 1, NEVER_MS), 1);
	ssize_t len = recv(f->syslog, f->datagram, sizeof(f->datagram) - 1, 0);
	assert_true(len > 0);
	f->datagram[len] = '\0';
	snprintf(head, sizeof(head), "<%u>", priority);
	assert_memory_equal(f->datagram, head, strlen(head));
	assert_int_equal(sscanf(f->datagram + strlen(head),
				"%3s %2u %2u:%2u:%2u peppermintd[%d]: %n", month, &day, &hour,
				&minute, &second, &pid, &text),
			 6);
	assert_true(text > 0);
	assert_int_equal(pid, getpid());
	return f->datagram + strlen(head) + text;
}

static void is_silent(const struct fixture *f)
{
	struct pollfd fd = { .fd = f->syslog, .events = POLLIN };

	assert_int_equal(poll(&fd, 1, 0), 0);
}

static void an_entry_is_one_datagram_as_it_is(void **state)
{
	struct fixture *f = *state;

	open_sink(f);
	write_entry("{\"v\":1,\"seq\":0,\"ok\":true}");
	write_entry("{\"v\":1,\"seq\":1,\"ok\":true}");
	assert_string_equal(receive(f, 86), "{\"v\":1,\"seq\":0,\"ok\":true}");
	assert_string_equal(receive(f, 86), "{\"v\":1,\"seq\":1,\"ok\":true}");
	assert_int_equal(dropped(f), 0);
}

static void a_failure_is_a_notice(void **state)
{
	struct fixture *f = *state;

	open_sink(f);
	write_entry("{\"ok\":false,\"err\":\"DENIED\"}");
	write_entry("{\"ok\":true,\"name\":\"\\\"ok\\\":false\"}");
	assert_string_equal(receive(f, 85), "{\"ok\":false,\"err\":\"DENIED\"}");
	assert_string_equal(receive(f, 86), "{\"ok\":true,\"name\":\"\\\"ok\\\":false\"}");
}

static void it_begins_at_the_end_of_the_log(void **state)
{
	struct fixture *f = *state;

	write_entry("before");
	open_sink(f);
	write_entry("after");
	assert_string_equal(receive(f, 86), "after");
}

static void the_longest_entry_is_whole(void **state)
{
	struct fixture *f = *state;
	char entry[TLOG_ENTRY_MAX + 1];

	memset(entry, 'x', TLOG_ENTRY_MAX);
	entry[TLOG_ENTRY_MAX] = '\0';
	book.long_one = entry;
	open_sink(f);
	for (int i = 0; i < 20; i++) /* more than it takes out of the log at once */
		write_entry("");
	for (int i = 0; i < 20; i++)
		assert_string_equal(receive(f, 86), entry);
}

/* More than the socket holds and than one batch: the rest is left out, and nobody waits for long. */
static void a_socket_that_nobody_reads_holds_up_nothing(void **state)
{
	struct fixture *f = *state;
	char entry[32];

	open_sink(f);
	for (int i = 0; i < 1000; i++) {
		snprintf(entry, sizeof(entry), "%d", i);
		write_entry(entry);
	}
	wait_dropped(f, 0);
	assert_string_equal(receive(f, 86), "0");
	sink_close(f->sink);
	f->sink = NULL;
}

static void who_reads_again_gets_what_comes_then(void **state)
{
	struct fixture *f = *state;
	struct pollfd fd = { .fd = f->syslog, .events = POLLIN };
	uint64_t received = 0;

	open_sink(f);
	for (int i = 0; i < 1000; i++)
		write_entry("flood");
	wait_dropped(f, 100);
	while (received + dropped(f) < 1000) {
		if (poll(&fd, 1, 1) == 0)
			continue;
		assert_string_equal(receive(f, 86), "flood");
		received++;
	}
	write_entry("late");
	assert_string_equal(receive(f, 86), "late");
}

static void a_socket_may_come_later(void **state)
{
	struct fixture *f = *state;

	stop_listening(f);
	unlink(f->path);
	open_sink(f);
	write_entry("lost");
	wait_dropped(f, 0);
	listen_there(f);
	write_entry("found");
	assert_string_equal(receive(f, 86), "found");
	assert_int_equal(dropped(f), 1);
}

static void a_socket_may_be_replaced(void **state)
{
	struct fixture *f = *state;

	open_sink(f);
	write_entry("to the first");
	assert_string_equal(receive(f, 86), "to the first");
	stop_listening(f);
	listen_there(f);
	write_entry("to the second");
	assert_string_equal(receive(f, 86), "to the second");
	assert_int_equal(dropped(f), 0);
}

static void an_altered_entry_is_left_out_and_those_behind_it_are_not(void **state)
{
	struct fixture *f = *state;

	book.altered = 1;
	open_sink(f);
	write_entry("one");
	write_entry("two, altered");
	write_entry("three");
	assert_string_equal(receive(f, 86), "one");
	assert_string_equal(receive(f, 86), "three");
	assert_int_equal(dropped(f), 1);
}

static void a_log_that_cannot_be_read_is_asked_again(void **state)
{
	struct fixture *f = *state;

	open_sink(f);
	set_error(PM_STORE_UNAVAILABLE);
	write_entry("patience");
	uint64_t asked = times_asked();
	while (times_asked() < asked + 2)
		usleep(1000);
	is_silent(f);
	set_error(PM_OK);
	assert_string_equal(receive(f, 86), "patience");
	assert_int_equal(dropped(f), 0);
}

/* No log at the opening: there is no place to begin yet, and nothing to leave out. */
static void a_log_that_is_not_there_yet_is_waited_for(void **state)
{
	struct fixture *f = *state;

	set_error(PM_STORE_DAMAGED);
	open_sink(f);
	uint64_t asked = times_asked();
	while (times_asked() < asked + 2)
		usleep(1000);
	assert_int_equal(dropped(f), 0);
	set_error(PM_OK);
	while (times_asked() < asked + 4)
		usleep(1000);
	write_entry("first");
	assert_string_equal(receive(f, 86), "first");
}

static void closing_sends_what_is_there(void **state)
{
	struct fixture *f = *state;

	open_sink(f);
	write_entry("last");
	sink_close(f->sink);
	f->sink = NULL;
	assert_string_equal(receive(f, 86), "last");
	is_silent(f);
}

static void it_complains_once_a_minute(void **state)
{
	struct fixture *f = *state;
	int file CLEANUP(close_fd) = memfd_create("log", 0);
	int saved CLEANUP(close_fd) = dup(STDERR_FILENO);
	char text[2048], line[256];

	stop_listening(f);
	unlink(f->path);
	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	open_sink(f);
	for (uint64_t i = 0; i < 3; i++) {
		write_entry("lost");
		wait_dropped(f, i);
		uint64_t asked = times_asked();
		while (times_asked() == asked)
			usleep(1000);
	}
	sink_close(f->sink);
	f->sink = NULL;
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	ssize_t len = pread(file, text, sizeof(text) - 1, 0);
	assert_true(len >= 0);
	text[len] = '\0';
	snprintf(line, sizeof(line),
		 "<4>peppermint: audit: 1 more entries are not in the copy at %s: No such file or "
		 "directory\n",
		 f->path);
	assert_string_equal(text, line);
}

/* None is lost without being counted, and none is there twice. */
static void whatever_call_fails_an_entry_is_there_or_counted(void **state)
{
	struct fixture *f = *state;
	int nth = 0;

	for (;; nth++) {
		fault_arm(nth);
		atomic_store(&faulty, true);
		open_sink(f);
		write_entry("one");
		write_entry("two");
		write_entry("three");
		uint64_t received = 0;
		while (received + dropped(f) < 3) {
			struct pollfd fd = { .fd = f->syslog, .events = POLLIN };
			if (poll(&fd, 1, 1) == 1)
				received +=
					recv(f->syslog, f->datagram, sizeof(f->datagram), 0) > 0;
		}
		sink_close(f->sink);
		f->sink = NULL;
		is_silent(f);
		atomic_store(&faulty, false);
		if (!fault_fired())
			break;
	}
	assert_true(nth >= 5);
	fault_disarm();
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	tmpdir_make(f->dir);
	snprintf(f->path, sizeof(f->path), "%s/log", f->dir);
	book.count = 0;
	book.altered = NONE;
	book.err = PM_OK;
	listen_there(f);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	sink_close(f->sink);
	close_fd(&f->syslog);
	tmpdir_remove(f->dir);
	free(f);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_is_one_datagram_as_it_is),
		TEST(a_failure_is_a_notice),
		TEST(it_begins_at_the_end_of_the_log),
		TEST(the_longest_entry_is_whole),
		TEST(a_socket_that_nobody_reads_holds_up_nothing),
		TEST(who_reads_again_gets_what_comes_then),
		TEST(a_socket_may_come_later),
		TEST(a_socket_may_be_replaced),
		TEST(an_altered_entry_is_left_out_and_those_behind_it_are_not),
		TEST(a_log_that_cannot_be_read_is_asked_again),
		TEST(a_log_that_is_not_there_yet_is_waited_for),
		TEST(closing_sends_what_is_there),
		TEST(it_complains_once_a_minute),
		TEST(whatever_call_fails_an_entry_is_there_or_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
