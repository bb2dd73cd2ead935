#define _GNU_SOURCE
#include "sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "vault/audit.h"

#define BATCH_ENTRIES 64
#define BATCH_BYTES ((size_t)8 * TLOG_ENTRY_MAX)
#define IDLE_MS 200       /* between looks at a log that had nothing new */
#define PATIENCE_MS 200   /* for the socket to take one entry */
#define LAST_BATCHES 16   /* at the end */
#define COMPLAIN_MS 60000 /* at most so often */

_Static_assert(sizeof(((struct sockaddr_un *)NULL)->sun_path) == SINK_PATH_MAX + 1, "a path fits");

/* Entries are copied out of the store before any is sent: no reader of it waits for a socket. */
struct batch {
	size_t count, used;
	bool full; /* there may be more */
	size_t lens[BATCH_ENTRIES];
	uint8_t room[BATCH_BYTES];
};

struct sink {
	struct vault *vault;
	struct sockaddr_un address;
	pthread_t thread;
	pthread_mutex_t lock; /* with `wake`: nobody misses that `stopping` was set */
	pthread_cond_t wake;
	atomic_bool stopping;
	atomic_uint_fast64_t dropped;

	/* the thread's own */
	uint32_t log;
	uint64_t next;
	int fd;              /* connected; -1: not */
	int last_errno;      /* why an entry was left out; 0: it was altered */
	bool willing;        /* the socket took the last entry: the next one is worth a wait */
	uint64_t complained; /* of so many entries */
	int64_t complain_at;
	struct batch batch;
};

static bool take(void *arg, uint64_t index, struct bytes entry)
{
	struct batch *batch = arg;

	(void)index;
	batch->full = batch->count == BATCH_ENTRIES || entry.len > BATCH_BYTES - batch->used;
	if (batch->full)
		return false;
	memcpy(batch->room + batch->used, entry.data, entry.len);
	batch->lens[batch->count++] = entry.len;
	batch->used += entry.len;
	return true;
}

/*
 * An entry that was altered is not told by the log, and never will be: it counts as left out, so
 * that those behind it are sent.
 */
static void fetch(struct sink *sink)
{
	struct batch *batch = &sink->batch;

	batch->count = batch->used = 0;
	batch->full = false;
	enum pm_err err =
		vault_log_follow(sink->vault, &sink->log, &sink->next, BATCH_ENTRIES, take, batch);
	batch->full = batch->full || batch->count == BATCH_ENTRIES;
	if (err != PM_STORE_DAMAGED || batch->count > 0 || sink->log == 0)
		return;
	sink->next++;
	sink->last_errno = 0;
	atomic_fetch_add(&sink->dropped, 1);
}

static void disconnect(struct sink *sink)
{
	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
}

static bool is_connected(struct sink *sink)
{
	if (sink->fd >= 0)
		return true;
	sink->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sink->fd >= 0 &&
	    connect(sink->fd, (const struct sockaddr *)&sink->address, sizeof(sink->address)) == 0)
		return true;
	sink->last_errno = errno;
	disconnect(sink);
	return false;
}

/* Room in the socket, waited for until the deadline; not at all if it was in vain the last time. */
static bool has_room(const struct sink *sink, int64_t deadline)
{
	struct pollfd fd = { .fd = sink->fd, .events = POLLOUT };

	if (!sink->willing || atomic_load(&sink->stopping))
		return false;
	return poll(&fd, 1, (int)deadline_left_ms(deadline)) > 0;
}

static bool send_parts(struct sink *sink, struct bytes head, struct bytes entry)
{
	const struct iovec parts[] = {
		{ .iov_base = (void *)(uintptr_t)head.data, .iov_len = head.len },
		{ .iov_base = (void *)(uintptr_t)entry.data, .iov_len = entry.len },
	};
	const struct msghdr message = { .msg_iov = (struct iovec *)(uintptr_t)parts,
					.msg_iovlen = 2 };
	int64_t deadline = deadline_in_ms(PATIENCE_MS);
	bool reconnected = sink->fd < 0;

	while (is_connected(sink)) {
		if (sendmsg(sink->fd, &message, MSG_NOSIGNAL) >= 0)
			return true;
		sink->last_errno = errno;
		if (errno == EINTR)
			continue;
		if (errno == EAGAIN && has_room(sink, deadline))
			continue;
		if (sink->last_errno == EAGAIN)
			return false;
		/* Whoever listened is gone; somebody else may listen there now. */
		disconnect(sink);
		if (reconnected)
			return false;
		reconnected = true;
	}
	return false;
}

/*
 * What syslog(3) writes to /dev/log: <priority>time name[pid]: text. An entry is flat JSON of the
 * vault's, in whose texts a quote is escaped, so these bytes stand nowhere but in a failure's.
 */
static bool send_entry(struct sink *sink, struct bytes entry)
{
	static const char failure[] = "\"ok\":false";
	bool failed = memmem(entry.data, entry.len, failure, strlen(failure)) != NULL;
	char when[sizeof("Nov 21 11:02:32")], head[64];
	time_t now = clock_unix();
	struct tm local;

	strftime(when, sizeof(when), "%b %e %T", localtime_r(&now, &local));
	snprintf(head, sizeof(head),
		 "<%d>%s peppermintd[%d]: ", LOG_AUTHPRIV | (failed ? LOG_NOTICE : LOG_INFO), when,
		 (int)getpid());
	return send_parts(sink, bytes_str(head), entry);
}

static void send_batch(struct sink *sink)
{
	const struct batch *batch = &sink->batch;
	const uint8_t *entry = batch->room;

	for (size_t i = 0; i < batch->count; i++) {
		sink->willing = send_entry(sink, bytes_of(entry, batch->lens[i]));
		entry += batch->lens[i];
		if (!sink->willing)
			atomic_fetch_add(&sink->dropped, 1);
	}
}

static const char *reason(int error)
{
	if (error == 0)
		return "they were altered";
	return error == EAGAIN ? "nobody reads there in time" : strerror(error);
}

static void complain(struct sink *sink)
{
	uint64_t dropped = atomic_load(&sink->dropped);

	if (dropped == sink->complained || clock_now() < sink->complain_at)
		return;
	log_warn("audit: %llu more entries are not in the copy at %s: %s",
		 (unsigned long long)(dropped - sink->complained), sink->address.sun_path,
		 reason(sink->last_errno));
	sink->complained = dropped;
	sink->complain_at = deadline_in_ms(COMPLAIN_MS);
}

static void idle(struct sink *sink)
{
	struct timespec until = deadline_timespec(deadline_in_ms(IDLE_MS));

	pthread_mutex_lock(&sink->lock);
	while (!atomic_load(&sink->stopping)) {
		if (pthread_cond_clockwait(&sink->wake, &sink->lock, CLOCK_MONOTONIC, &until) != 0)
			break;
	}
	pthread_mutex_unlock(&sink->lock);
}

static void send_next(struct sink *sink)
{
	fetch(sink);
	send_batch(sink);
	complain(sink);
}

static void *follow(void *arg)
{
	struct sink *sink = arg;

	while (!atomic_load(&sink->stopping)) {
		send_next(sink);
		if (!sink->batch.full)
			idle(sink);
	}
	for (int i = 0; i < LAST_BATCHES; i++) {
		send_next(sink);
		if (!sink->batch.full)
			break;
	}
	return NULL;
}

static void release(struct sink *sink)
{
	disconnect(sink);
	pthread_cond_destroy(&sink->wake);
	pthread_mutex_destroy(&sink->lock);
	free(sink);
}

enum pm_err sink_open(struct vault *vault, const char *path, struct sink **out)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink) {
		log_error("out of memory");
		return PM_NO_MEMORY;
	}
	sink->vault = vault;
	sink->address.sun_family = AF_UNIX;
	memcpy(sink->address.sun_path, path, strnlen(path, SINK_PATH_MAX));
	pthread_mutex_init(&sink->lock, NULL);
	pthread_cond_init(&sink->wake, NULL);
	sink->fd = -1;
	sink->willing = true;
	tzset();
	/* Here and not in the thread: what comes after the opening is in the copy. */
	fetch(sink);
	int rc = pthread_create(&sink->thread, NULL, follow, sink);
	if (rc != 0) {
		log_error("audit: no thread for the copy: %s", strerror(rc));
		release(sink);
		return PM_NO_MEMORY;
	}
	*out = sink;
	return PM_OK;
}

void sink_close(struct sink *sink)
{
	if (!sink)
		return;
	pthread_mutex_lock(&sink->lock);
	atomic_store(&sink->stopping, true);
	pthread_cond_broadcast(&sink->wake);
	pthread_mutex_unlock(&sink->lock);
	pthread_join(sink->thread, NULL);
	release(sink);
}

const atomic_uint_fast64_t *sink_dropped(const struct sink *sink)
{
	return &sink->dropped;
}
