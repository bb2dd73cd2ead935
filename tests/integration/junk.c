/*
 * What no client of ours sends, thrown at a vault's socket: junk connections and frames (storm),
 * connections that do nothing (idle), and one that asks and never reads (flood). It speaks to the
 * socket itself, below nanomsg, which would refuse to send most of this. Ends with 1 as soon as
 * nobody accepts connections any more.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"

#define HALF_OPEN_MAX 64
#define FRAME_MAX_LEN 4096

/* SP: 00 'S' 'P' 00, then our protocol (REQ is 0x0030), then 00 00. */
static const uint8_t handshake[8] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };

/* Whole requests to be spoilt: Status, VerifyKeys, MintKey, Hash, and ListKeys of `live`. */
static const struct {
	const char *bytes;
	size_t len;
} requests[] = {
#define REQUEST(text)                                                                              \
	{                                                                                          \
		(text), sizeof(text) - 1                                                           \
	}
	REQUEST("\x08\x01\x82\x01\x00"),
	REQUEST("\x08\x01\x12\x02id\x92\x01\x0c\x0a\x04live\x12\x04junk"),
	REQUEST("\x08\x01\x12\x04junk\x8a\x01\x0e\x0a\x04live\x12\x06hacker"),
	REQUEST("\x08\x01\xba\x01\x0f\x0a\x04live\x12\x03pan\x1a\x02hi"),
	REQUEST("\x08\x01\xa2\x01\x06\x0a\x04live"),
};
#define REQUESTS (sizeof(requests) / sizeof(requests[0]))

struct storm {
	const char *path;
	uint64_t random;
	int fd; /* a connection that shook hands, or -1 */
	int half_open[HALF_OPEN_MAX];
	size_t half_open_next;
};

/* splitmix64: the same seed is the same storm. */
static uint64_t next_random(struct storm *s)
{
	uint64_t z = s->random += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

static size_t below(struct storm *s, size_t limit)
{
	return (size_t)(next_random(s) % limit);
}

static void random_bytes(struct storm *s, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)next_random(s);
}

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		fprintf(stderr, "junk: nobody accepts at %s: %s\n", path, strerror(errno));
		exit(1);
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static bool put(int fd, const void *data, size_t len)
{
	return send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static void hang_up(struct storm *s)
{
	close_fd(&s->fd);
	s->fd = -1;
}

/* A connection that shook hands; what came back on it is thrown away. */
static int connected(struct storm *s)
{
	uint8_t unread[4096];

	if (s->fd < 0) {
		s->fd = dial(s->path);
		put(s->fd, handshake, sizeof(handshake));
	}
	while (recv(s->fd, unread, sizeof(unread), MSG_DONTWAIT) > 0)
		;
	return s->fd;
}

static void put_u64(uint8_t out[8], uint64_t value)
{
	for (int i = 0; i < 8; i++)
		out[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* A frame's header says `claimed` bytes, `len` are sent. */
static void put_frame(struct storm *s, uint8_t type, uint64_t claimed, const uint8_t *body,
		      size_t len)
{
	uint8_t frame[9 + FRAME_MAX_LEN] = { type };

	put_u64(frame + 1, claimed);
	memcpy(frame + 9, body, len);
	if (!put(connected(s), frame, 9 + len))
		hang_up(s);
}

static void junk_instead_of_a_handshake(struct storm *s)
{
	uint8_t junk[64];
	int fd CLEANUP(close_fd) = dial(s->path);

	random_bytes(s, junk, sizeof(junk));
	put(fd, junk, 1 + below(s, sizeof(junk)));
}

static void another_protocol(struct storm *s)
{
	uint8_t other[8];
	int fd CLEANUP(close_fd) = dial(s->path);

	memcpy(other, handshake, sizeof(other));
	other[below(s, sizeof(other))] ^= (uint8_t)(1 + below(s, 255));
	put(fd, other, sizeof(other));
	put(fd, requests[0].bytes, requests[0].len);
}

static void half_a_handshake_left_open(struct storm *s)
{
	int *slot = &s->half_open[s->half_open_next++ % HALF_OPEN_MAX];

	close_fd(slot);
	*slot = dial(s->path);
	put(*slot, handshake, below(s, sizeof(handshake)));
}

/* The frame that ends a process that serves with libnanomsg. */
static void another_frame_type(struct storm *s)
{
	uint8_t junk[32];

	random_bytes(s, junk, sizeof(junk));
	put_frame(s, (uint8_t)(2 + below(s, 254)), sizeof(junk), junk, sizeof(junk));
	hang_up(s);
}

static void absurd_length(struct storm *s)
{
	uint8_t junk[32];

	random_bytes(s, junk, sizeof(junk));
	put_frame(s, 1, next_random(s) >> below(s, 47), junk, sizeof(junk));
	hang_up(s);
}

static void truncated_frame(struct storm *s)
{
	uint8_t body[64] = { 0x80, 0, 0, 1 };
	size_t len = 1 + below(s, sizeof(body) - 1);

	put_frame(s, 1, sizeof(body), body, len);
	hang_up(s);
}

static void frame_without_request_id(struct storm *s)
{
	uint8_t junk[64];
	size_t len = below(s, sizeof(junk));

	random_bytes(s, junk, len);
	for (size_t i = 0; i < len; i += 4)
		junk[i] &= 0x7f; /* hops, and never the end of them */
	put_frame(s, 1, len, junk, len);
}

static void random_body(struct storm *s)
{
	uint8_t body[FRAME_MAX_LEN] = { 0x80 };
	size_t len = 4 + below(s, sizeof(body) - 4);

	random_bytes(s, body + 4, len - 4);
	put_frame(s, 1, len, body, len);
}

static void spoilt_request(struct storm *s)
{
	uint8_t body[128] = { 0x80, 0, 0, 7 };
	size_t which = below(s, REQUESTS), len = 4 + requests[which].len;

	memcpy(body + 4, requests[which].bytes, requests[which].len);
	for (size_t n = 1 + below(s, 4); n > 0; n--)
		body[4 + below(s, len - 4)] = (uint8_t)next_random(s);
	if (below(s, 4) == 0)
		len = 4 + below(s, len - 4);
	else
		len += below(s, sizeof(body) - len);
	put_frame(s, 1, len, body, len);
}

static const struct {
	const char *name;
	void (*run)(struct storm *s);
	unsigned int weight; /* of 32 */
} attacks[] = {
	{ "junk instead of a handshake", junk_instead_of_a_handshake, 2 },
	{ "another protocol", another_protocol, 2 },
	{ "half a handshake, left open", half_a_handshake_left_open, 2 },
	{ "another frame type", another_frame_type, 2 },
	{ "absurd length", absurd_length, 2 },
	{ "truncated frame", truncated_frame, 2 },
	{ "frame without request id", frame_without_request_id, 4 },
	{ "random body", random_body, 6 },
	{ "spoilt request", spoilt_request, 10 },
};
#define ATTACKS (sizeof(attacks) / sizeof(attacks[0]))

static size_t pick(struct storm *s)
{
	size_t which = 0, ticket = below(s, 32);

	for (; ticket >= attacks[which].weight; which++)
		ticket -= attacks[which].weight;
	return which;
}

static int run_storm(const char *path, size_t count, uint64_t seed)
{
	struct storm s = { .path = path, .random = seed, .fd = -1 };
	size_t done[ATTACKS] = { 0 };

	for (size_t i = 0; i < HALF_OPEN_MAX; i++)
		s.half_open[i] = -1;
	for (size_t i = 0; i < count; i++) {
		size_t which = pick(&s);
		attacks[which].run(&s);
		done[which]++;
	}
	for (size_t i = 0; i < ATTACKS; i++)
		printf("%8zu  %s\n", done[i], attacks[i].name);
	return 0;
}

/* Says so when the rest of the story may go on, and waits for the end of standard input. */
static int hold(void)
{
	char byte;

	puts("ready");
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

static int run_idle(const char *path, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int fd = dial(path);
		if (i % 2 == 0)
			put(fd, handshake, sizeof(handshake));
	}
	return hold();
}

/* Asks for Status until the vault hangs up or takes no more for a while. */
static int run_flood(const char *path)
{
	static const uint8_t request[] = { 1,    0, 0, 0, 0, 0, 0,    0, 9, /* a frame of 9 bytes */
					   0x80, 0, 0, 9, 8, 1, 0x82, 1, 0 };
	uintmax_t sent = 0;
	int fd CLEANUP(close_fd) = dial(path);

	put(fd, handshake, sizeof(handshake));
	while (put(fd, request, sizeof(request)))
		sent++;
	printf("%ju requests, not one answer read\n", sent);
	return hold();
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[2] : "";
	size_t count = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

	if (strcmp(mode, "storm") == 0 && argc == 5)
		return run_storm(argv[1], count, strtoull(argv[4], NULL, 10));
	if (strcmp(mode, "idle") == 0 && argc == 4)
		return run_idle(argv[1], count);
	if (strcmp(mode, "flood") == 0 && argc == 3)
		return run_flood(argv[1]);
	fputs("usage: junk SOCKET storm COUNT SEED | idle COUNT | flood\n", stderr);
	return 2;
}
