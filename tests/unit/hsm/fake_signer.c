/*
 * A signer for tests: it speaks the protocol, computes HMACs with OpenSSL, and misbehaves when the
 * first key, the label or the prefix of a request begins with one of the words below, or does as
 * that word says where an answer is made. `module` is a
 * directory shared with the test: each start adds a line to its file "starts", its file "refuse"
 * says how Start fails, and the word "gate" waits until its file "go" is there.
 *
 * The HMAC key of an id is the id itself; its signature is the id four times, with the data's first
 * byte in front.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peppermint/v1/signer.pb-c.h"

#define SOCKET 3
#define FRAME_MAX (512 * 1024)
#define ITEMS_MAX 1024
#define MAC_LEN 32
#define OBJECTS_MAX 600

#define FAILURE(name) PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_##name
#define OP(name) PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_##name
#define ALGORITHM(name) PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##name
#define RESULT(name) PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_##name

typedef Peppermint__Signer__V1__SignerRequest Request;
typedef Peppermint__Signer__V1__SignerReply Reply;
typedef Peppermint__Signer__V1__Failure Failure;
typedef Peppermint__Signer__V1__Mac Mac;
typedef Peppermint__Signer__V1__Object Object;

static char directory[512];
static size_t padding; /* 140000, or none */
extern char **environ;

static void send_bytes(const void *data, size_t len)
{
	if (send(SOCKET, data, len, MSG_NOSIGNAL) < 0)
		exit(0);
}

static void send_reply(const Reply *reply)
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

static FILE *open_in_directory(const char *name, const char *mode)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return fopen(path, mode);
}

static void send_failure(uint64_t id, Peppermint__Signer__V1__FailureClass class, uint64_t ck_rv,
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
	if (class != FAILURE(CALLER))
		exit(1);
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
	{ "locked", lose_login },
	{ "refuse", refuse_request },
	{ "gate", wait_at_gate },
};

static bool begins_with(const void *data, size_t len, const char *word)
{
	return len >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

static bool misbehave(uint64_t id, const void *data, size_t len)
{
	for (size_t i = 0; i < sizeof(misdeeds) / sizeof(misdeeds[0]); i++) {
		if (begins_with(data, len, misdeeds[i].word))
			return misdeeds[i].act(id);
	}
	return false;
}

static void send_macs(const Request *request)
{
	static uint8_t room[ITEMS_MAX][MAC_LEN];
	static Mac macs[ITEMS_MAX];
	static Mac *list[ITEMS_MAX];
	Peppermint__Signer__V1__Macs batch = PEPPERMINT__SIGNER__V1__MACS__INIT;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	const Peppermint__Signer__V1__HmacBatch *asked = request->hmac;

	if (asked->n_items == 0 || asked->n_items > ITEMS_MAX)
		exit(9);
	ProtobufCBinaryData first = asked->items[0]->key_id;
	if (misbehave(request->id, first.data, first.len))
		return;
	for (size_t i = 0; i < asked->n_items; i++) {
		const Peppermint__Signer__V1__HmacItem *item = asked->items[i];

		list[i] = &macs[i];
		peppermint__signer__v1__mac__init(&macs[i]);
		if (begins_with(item->key_id.data, item->key_id.len, "unknown")) {
			macs[i].failure = FAILURE(CALLER);
			continue;
		}
		HMAC(EVP_sha256(), item->key_id.data, (int)item->key_id.len, item->data.data,
		     item->data.len, room[i], NULL);
		macs[i].mac = (ProtobufCBinaryData){ MAC_LEN, room[i] };
		if (begins_with(item->key_id.data, item->key_id.len, "short"))
			macs[i].mac.len--;
		if (begins_with(item->key_id.data, item->key_id.len, "item-failure")) {
			macs[i].mac.len = 0;
			macs[i].failure = FAILURE(MODULE);
		}
	}
	batch.n_macs = asked->n_items - (begins_with(first.data, first.len, "few") ? 1 : 0);
	batch.macs = list;
	reply.id = request->id + (begins_with(first.data, first.len, "wrong-id") ? 1 : 0);
	reply.result_case = RESULT(HMAC);
	reply.hmac = &batch;
	send_reply(&reply);
}

/* A public key of the length that its algorithm has, unless the label says otherwise. */
static void make_public(Object *object, const char *label)
{
	static uint8_t room[200] = { 0x77 };
	size_t len = object->algorithm == ALGORITHM(ED25519) ? 32 : 91;

	if (begins_with(label, strlen(label), "p256")) {
		object->algorithm = ALGORITHM(ECDSA_P256);
		len = 91;
	}
	if (begins_with(label, strlen(label), "crossed"))
		len = 91;
	if (begins_with(label, strlen(label), "no-public"))
		len = 0;
	if (begins_with(label, strlen(label), "too-much-public"))
		len = sizeof(room);
	object->public_key = (ProtobufCBinaryData){ len, room };
}

static void send_object(const Request *request, const Peppermint__Signer__V1__Generate *asked,
			bool pair)
{
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	Object object = PEPPERMINT__SIGNER__V1__OBJECT__INIT;
	uint8_t other[16] = "other";

	if (misbehave(request->id, asked->label, strlen(asked->label)))
		return;
	if (begins_with(asked->label, strlen(asked->label), "taken")) {
		send_failure(request->id, FAILURE(CALLER), 0, "an object has that id");
		return;
	}
	object.key_id = asked->key_id;
	if (begins_with(asked->label, strlen(asked->label), "other"))
		object.key_id = (ProtobufCBinaryData){ sizeof(other), other };
	object.label = asked->label;
	object.sensitive = object.always_sensitive = object.never_extractable = 1;
	object.local = object.sign = 1;
	if (begins_with(asked->label, strlen(asked->label), "other-kind"))
		pair = !pair;
	object.algorithm = pair ? ALGORITHM(ED25519) : ALGORITHM(HMAC_SHA256);
	if (pair)
		make_public(&object, asked->label);
	reply.id = request->id;
	reply.result_case = RESULT(OBJECT);
	reply.object = &object;
	send_reply(&reply);
}

static void send_objects(const Request *request)
{
	static Object objects[OBJECTS_MAX];
	static Object *list[OBJECTS_MAX];
	static char labels[OBJECTS_MAX][64];
	static uint8_t key_id[16];
	const char *prefix = request->list->label_prefix;
	Peppermint__Signer__V1__Objects all = PEPPERMINT__SIGNER__V1__OBJECTS__INIT;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	if (misbehave(request->id, prefix, strlen(prefix)))
		return;
	if (strcmp(prefix, "many") == 0) {
		send_failure(request->id, FAILURE(CALLER), 0, "more than 512 objects");
		return;
	}
	all.n_objects = strcmp(prefix, "full") == 0     ? 512
			: strcmp(prefix, "over") == 0   ? 513
			: strcmp(prefix, "nobody") == 0 ? 0
							: 1;
	for (size_t i = 0; i < all.n_objects; i++) {
		peppermint__signer__v1__object__init(&objects[i]);
		snprintf(labels[i], sizeof(labels[i]), "%.40s/%zu", prefix, i);
		objects[i].key_id = (ProtobufCBinaryData){ sizeof(key_id), key_id };
		objects[i].label = labels[i];
		objects[i].algorithm = ALGORITHM(HMAC_SHA256);
		list[i] = &objects[i];
	}
	all.objects = list;
	reply.id = request->id;
	reply.result_case = RESULT(LIST);
	reply.list = &all;
	send_reply(&reply);
}

static void send_signature(const Request *request)
{
	const Peppermint__Signer__V1__Sign *asked = request->sign;
	const ProtobufCBinaryData key = asked->key_id;
	uint8_t room[65] = { 0 };
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	if (misbehave(request->id, key.data, key.len))
		return;
	if (begins_with(key.data, key.len, "unknown")) {
		send_failure(request->id, FAILURE(CALLER), 0, "no such key");
		return;
	}
	if (key.len != 16)
		exit(9);
	for (size_t i = 0; i < 64; i += 16)
		memcpy(room + i, key.data, 16);
	if (asked->data.len > 0)
		room[0] = asked->data.data[0];
	reply.id = request->id;
	reply.result_case = RESULT(SIGNATURE);
	reply.signature = (ProtobufCBinaryData){ begins_with(key.data, key.len, "short")  ? 63
						 : begins_with(key.data, key.len, "wide") ? 65
											  : 64,
						 room };
	send_reply(&reply);
}

static void send_random(const Request *request)
{
	uint8_t room[1024];
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	if (request->random->length > sizeof(room))
		exit(9);
	RAND_bytes(room, (int)request->random->length);
	reply.id = request->id;
	reply.result_case = RESULT(RANDOM);
	reply.random = (ProtobufCBinaryData){ request->random->length, room };
	send_reply(&reply);
}

/* What this process was given, for the test to look at: words of its environment, descriptors. */
static void report_surroundings(void)
{
	FILE *file = open_in_directory("surroundings", "w");
	char pin[16] = "";

	if (!file)
		exit(9);
	for (char **word = environ; *word; word++)
		fprintf(file, "env %s\n", *word);
	for (int fd = 0; fd < 64; fd++) {
		if (fcntl(fd, F_GETFD) >= 0 && fd != fileno(file))
			fprintf(file, "fd %d\n", fd);
	}
	if (pread(4, pin, sizeof(pin) - 1, 0) > 0)
		fprintf(file, "pin %s\n", pin);
	fclose(file);
}

static void note_start(void)
{
	FILE *file = open_in_directory("starts", "a");

	if (!file)
		exit(9);
	fprintf(file, "%d\n", (int)getpid());
	fclose(file);
}

static void refuse_start(uint64_t id, const char *how)
{
	if (strcmp(how, "pin") == 0)
		send_failure(id, FAILURE(PIN), 0xa0, "the PIN was refused; it is not tried again");
	if (strcmp(how, "setup") == 0)
		send_failure(id, FAILURE(SETUP), 0, "there is no such token");
	if (strcmp(how, "module") == 0)
		send_failure(id, FAILURE(MODULE), 0x30, "the device does not answer");
	misbehave(id, how, strlen(how));
}

static void send_started(const Request *request)
{
	Peppermint__Signer__V1__Started started = PEPPERMINT__SIGNER__V1__STARTED__INIT;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	char how[32] = "";

	snprintf(directory, sizeof(directory), "%s", request->start->module);
	note_start();
	report_surroundings();
	FILE *refuse = open_in_directory("refuse", "r");
	if (refuse) {
		if (fscanf(refuse, "%31s", how) != 1)
			exit(9);
		fclose(refuse);
		refuse_start(request->id, how);
	}
	started.label = (char *)"fake token                      ";
	started.manufacturer = (char *)"peppermint\n\xff                     ";
	started.model = (char *)"v1              ";
	started.serial = (char *)"0123456789abcdef";
	started.firmware = (char *)"255.255 and more";
	reply.id = request->id;
	reply.result_case = RESULT(STARTED);
	reply.started = &started;
	send_reply(&reply);
}

static void answer(const Request *request)
{
	switch (request->op_case) {
	case OP(START):
		send_started(request);
		break;
	case OP(HMAC):
		send_macs(request);
		break;
	case OP(GENERATE):
		send_object(request, request->generate, false);
		break;
	case OP(GENERATE_PAIR):
		send_object(request, request->generate_pair, true);
		break;
	case OP(SIGN):
		send_signature(request);
		break;
	case OP(LIST):
		send_objects(request);
		break;
	case OP(RANDOM):
		send_random(request);
		break;
	default:
		exit(9);
	}
}

int main(void)
{
	static uint8_t frame[FRAME_MAX];

	for (;;) {
		ssize_t len = recv(SOCKET, frame, sizeof(frame), 0);
		if (len <= 0)
			return 0;
		Request *request =
			peppermint__signer__v1__signer_request__unpack(NULL, (size_t)len, frame);
		if (!request)
			return 9;
		answer(request);
		peppermint__signer__v1__signer_request__free_unpacked(request, NULL);
	}
}
