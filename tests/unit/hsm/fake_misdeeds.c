#define _GNU_SOURCE
#include "fake_misdeeds.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET 3
#define FRAME_MAX (512 * 1024)

static char directory[512];
static size_t padding; /* 140000, or none */

static void send_bytes(const void *data, size_t len)
{
	if (send(SOCKET, data, len, MSG_NOSIGNAL) < 0)
		exit(0);
}

void send_reply(const Reply *reply)
{
	static const uint8_t unknown_field[] = { 0xa2, 0x06, 0xe0, 0xc5,
						 0x08 }; /* 100: 140000 bytes */
	static uint8_t frame[FRAME_MAX];

	if (peppermint__signer__v1__signer_reply__get_packed_size(reply) > FRAME_MAX / 4)
		exit(9);
	size_t len = peppermint__signer__v1__signer_reply__pack(reply, frame);
	if (padding > 0) {
		memcpy(frame + len, unknown_field, sizeof(unknown_field));
		len += sizeof(unknown_field) + padding;
	}
	send_bytes(frame, len);
}

void set_directory(const char *path)
{
	snprintf(directory, sizeof(directory), "%s", path);
}

FILE *open_in_directory(const char *name, const char *mode)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return fopen(path, mode);
}

void send_failure(uint64_t id, Peppermint__Signer__V1__FailureClass class, uint64_t ck_rv,
		  const char *detail)
{
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	Failure failure = PEPPERMINT__SIGNER__V1__FAILURE__INIT;

	failure.class_ = class;
	failure.ck_rv = ck_rv;
	failure.detail = (char *)detail;
	reply.id = id;
	reply.failure = &failure;
	send_reply(&reply);
	if (class != FAILURE(CALLER) && class != FAILURE(CAPACITY))
		exit(1);
}

bool read_line(const char *name, char *out, int cap)
{
	FILE *file = open_in_directory(name, "r");

	out[0] = '\0';
	if (!file)
		return false;
	if (!fgets(out, cap, file))
		out[0] = '\0';
	fclose(file);
	out[strcspn(out, "\n")] = '\0';
	return true;
}

void add_line(const char *name, const char *text)
{
	FILE *file = open_in_directory(name, "a");

	if (!file)
		exit(9);
	fprintf(file, "%s\n", text);
	fclose(file);
}

/* Misdeeds. Each returns whether the request was dealt with. */

static bool die(uint64_t id)
{
	(void)id;
	raise(SIGKILL);
	return true;
}

static bool leave(uint64_t id)
{
	(void)id;
	exit(3);
}

static bool hang(uint64_t id)
{
	(void)id;
	while (pause() != 0)
		continue;
	return true;
}

static bool say_garbage(uint64_t id)
{
	(void)id;
	send_bytes("\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	return true;
}

/* The proper answer, and after it a field that no one knows and that makes it too long. */
static bool say_too_much(uint64_t id)
{
	(void)id;
	padding = 140000;
	return false;
}

static bool say_nothing_in_particular(uint64_t id)
{
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	reply.id = id;
	send_reply(&reply);
	return true;
}

static bool say_random(uint64_t id)
{
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	uint8_t three[3] = { 1, 2, 3 };

	reply.id = id;
	reply.result_case = RESULT(RANDOM);
	reply.random = (ProtobufCBinaryData){ sizeof(three), three };
	send_reply(&reply);
	return true;
}

/* The request is answered properly as well. */
static bool speak_first(uint64_t id)
{
	send_failure(id, FAILURE(CALLER), 0, "twice");
	return false;
}

static bool lose_session(uint64_t id)
{
	send_failure(id, FAILURE(SESSION), 0xb3, "the session was lost");
	return true;
}

static bool lose_login(uint64_t id)
{
	send_failure(id, FAILURE(LOGIN), 0x101, "the login was lost");
	return true;
}

static bool lose_handle(uint64_t id)
{
	send_failure(id, FAILURE(HANDLE), 0x82, "the handle was lost");
	return true;
}

static bool lose_device(uint64_t id)
{
	send_failure(id, FAILURE(MODULE), 0x30, "the device does not answer");
	return true;
}

static bool lose_token(uint64_t id)
{
	send_failure(id, FAILURE(SETUP), 0, "there is no such token");
	return true;
}

static bool be_full(uint64_t id)
{
	send_failure(id, FAILURE(CAPACITY), 0xb1, "the device is full");
	return true;
}

static bool be_full_and_end(uint64_t id)
{
	send_failure(id, FAILURE(CAPACITY), 0x2, "no memory");
	exit(1);
}

static bool be_locked(uint64_t id)
{
	send_failure(id, FAILURE(PIN), 0xa4, "the PIN is locked");
	return true;
}

static bool refuse_request(uint64_t id)
{
	send_failure(id, FAILURE(CALLER), 0xd1, "the token cannot do that");
	return true;
}

static bool wait_at_gate(uint64_t id)
{
	FILE *go = NULL;

	(void)id;
	add_line("gate", "here");
	while (!(go = open_in_directory("go", "r")))
		usleep(1000);
	fclose(go);
	return false;
}

static const struct {
	const char *word;
	bool (*act)(uint64_t id);
} misdeeds[] = {
	{ "die", die },
	{ "exit", leave },
	{ "hang", hang },
	{ "garbage", say_garbage },
	{ "long", say_too_much },
	{ "empty", say_nothing_in_particular },
	{ "random", say_random },
	{ "twice", speak_first },
	{ "session", lose_session },
	{ "login", lose_login },
	{ "handle", lose_handle },
	{ "module", lose_device },
	{ "setup", lose_token },
	{ "no-room", be_full },
	{ "last-room", be_full_and_end },
	{ "locked", be_locked },
	{ "refuse", refuse_request },
	{ "gate", wait_at_gate },
};

bool begins_with(const void *data, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

bool misbehave(uint64_t id, const void *data, size_t len)
{
	for (size_t i = 0; i < sizeof(misdeeds) / sizeof(misdeeds[0]); i++) {
		if (begins_with(data, len, misdeeds[i].word))
			return misdeeds[i].act(id);
	}
	return false;
}
