/*
 * A signer for tests: it speaks the protocol, computes HMACs with OpenSSL, and misbehaves when the
 * first key, the label, the prefix or the new PIN of a request begins with one of the words of
 * fake_misdeeds.c, or as a word says where an answer is made. `module` is a directory shared with the
 * test: each start adds a line to its file "starts", its file "refuse" says how Start fails, and the
 * word "gate" waits until its file "go" is there. Where the directory has a file "pin", that is the
 * token's PIN: each login adds a line to its file "logins", and a changed PIN is written there. A file "twist" makes it another token's directory: its MACs
 * differ in their first byte by what the file holds.
 *
 * The HMAC key of an id is the id itself; its signature is the id four times, with the data's first
 * byte in front.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_cipher.h"
#include "fake_misdeeds.h"

#define SOCKET 3
#define FRAME_MAX (512 * 1024)
#define ITEMS_MAX 1024
#define MAC_LEN 32
#define OBJECTS_MAX 600

#define OP(name) PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_##name
#define ALGORITHM(name) PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##name

typedef Peppermint__Signer__V1__SignerRequest Request;
typedef Peppermint__Signer__V1__Mac Mac;
typedef Peppermint__Signer__V1__Object Object;

extern char **environ;

static void send_macs(const Request *request)
{
	static uint8_t room[ITEMS_MAX][MAC_LEN];
	static Mac macs[ITEMS_MAX];
	static Mac *list[ITEMS_MAX];
	Peppermint__Signer__V1__Macs batch = PEPPERMINT__SIGNER__V1__MACS__INIT;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	const Peppermint__Signer__V1__HmacBatch *asked = request->hmac;

	char twist[8];

	if (asked->n_items == 0 || asked->n_items > ITEMS_MAX)
		exit(9);
	read_line("twist", twist, sizeof(twist));
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
		room[i][0] ^= (uint8_t)twist[0];
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
			Peppermint__Signer__V1__Algorithm algorithm)
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
		algorithm = algorithm == ALGORITHM(HMAC_SHA256) ? ALGORITHM(ED25519)
								: ALGORITHM(HMAC_SHA256);
	object.algorithm = algorithm;
	if (algorithm == ALGORITHM(ED25519))
		make_public(&object, asked->label);
	reply.id = request->id;
	reply.result_case = RESULT(OBJECT);
	reply.object = &object;
	send_reply(&reply);
}

/* Its value must be the id twice. */
static void send_imported(const Request *request)
{
	Peppermint__Signer__V1__Import *asked = request->import;
	Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;

	if (asked->key_id.len != 16 || asked->value.len != 32 ||
	    memcmp(asked->value.data, asked->key_id.data, 16) != 0 ||
	    memcmp(asked->value.data + 16, asked->key_id.data, 16) != 0)
		exit(9);
	generate.key_id = asked->key_id;
	generate.label = asked->label;
	send_object(request, &generate, ALGORITHM(HMAC_SHA256));
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
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	add_line("starts", pid);
}

static void refuse_start(uint64_t id, const char *how)
{
	if (strcmp(how, "pin") == 0)
		send_failure(id, FAILURE(PIN), 0xa0, "the PIN was refused; it is not tried again");
	misbehave(id, how, strlen(how));
}

/* As the real one does: what is in the pipe stays there. */
static void read_pipe(char *pin, size_t cap)
{
	int ends[2];

	if (pipe(ends) != 0 || tee(4, ends[1], cap - 1, SPLICE_F_NONBLOCK) < 0)
		return;
	close(ends[1]);
	if (read(ends[0], pin, cap - 1) < 0)
		exit(9);
	close(ends[0]);
}

static void read_pin(const char *path, char pin[257])
{
	FILE *file = *path ? fopen(path, "r") : NULL;

	memset(pin, 0, 257);
	if (!*path)
		read_pipe(pin, 257);
	else if (file && !fgets(pin, 257, file))
		exit(9);
	if (file)
		fclose(file);
}

static void log_in(uint64_t id, const char *path)
{
	char right[257], pin[257];

	if (!read_line("pin", right, sizeof(right)))
		return;
	read_pin(path, pin);
	add_line("logins", strcmp(pin, right) == 0 ? "right" : "wrong");
	if (strcmp(pin, right) != 0)
		send_failure(id, FAILURE(PIN), 0xa0, "the PIN was refused; it is not tried again");
}

static void fill_token(Peppermint__Signer__V1__Started *started)
{
	static char serial[17];

	if (!read_line("serial", serial, sizeof(serial)))
		strcpy(serial, "0123456789abcdef");
	started->label = (char *)"fake token                      ";
	started->manufacturer = (char *)"peppermint\n\xff                     ";
	started->model = (char *)"v1              ";
	started->serial = serial;
	started->firmware = (char *)"255.255 and more";
	started->proven = 1;
}

static void send_started(const Request *request)
{
	Peppermint__Signer__V1__Started started = PEPPERMINT__SIGNER__V1__STARTED__INIT;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	char how[32] = "", given[600];

	set_directory(request->start->module);
	note_start();
	report_surroundings();
	snprintf(given, sizeof(given), "%s %u", request->start->init_args,
		 request->start->sessions);
	add_line("given", given);
	if (read_line("refuse", how, sizeof(how)))
		refuse_start(request->id, how);
	log_in(request->id, request->start->pin_file);
	fill_token(&started);
	started.sessions = request->start->sessions;
	reply.id = request->id;
	reply.result_case = RESULT(STARTED);
	reply.started = &started;
	send_reply(&reply);
}

static void send_destroyed(const Request *request)
{
	const char *label = request->destroy->label;
	Peppermint__Signer__V1__Destroyed destroyed = PEPPERMINT__SIGNER__V1__DESTROYED__INIT;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	if (request->destroy->key_id.len != 16)
		exit(9);
	if (misbehave(request->id, label, strlen(label)))
		return;
	if (begins_with(label, strlen(label), "unlike")) {
		send_failure(request->id, FAILURE(CALLER), 0x1b, "another label");
		return;
	}
	destroyed.objects = 2;
	reply.id = request->id;
	reply.result_case = RESULT(DESTROYED);
	reply.destroyed = &destroyed;
	send_reply(&reply);
}

/* The file "inspect" says how it fails. */
static void send_inspection(const Request *request)
{
	Peppermint__Signer__V1__Inspection inspection = PEPPERMINT__SIGNER__V1__INSPECTION__INIT;
	Peppermint__Signer__V1__Started token = PEPPERMINT__SIGNER__V1__STARTED__INIT;
	Peppermint__Signer__V1__Mechanism mechanism = PEPPERMINT__SIGNER__V1__MECHANISM__INIT;
	Peppermint__Signer__V1__Mechanism *list[] = { &mechanism };
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	char how[32];

	if (read_line("inspect", how, sizeof(how)) && misbehave(request->id, how, strlen(how)))
		return;
	fill_token(&token);
	token.sessions = 3;
	token.session_copies = 1;
	mechanism.name = (char *)"CKM_SHA256_HMAC";
	mechanism.type = 0x251;
	mechanism.announced = mechanism.enforced = 1;
	mechanism.proof = 1;
	inspection.token = &token;
	inspection.hardware = (char *)"1.0 ";
	inspection.flags = 0x40d;
	inspection.max_sessions = 8;
	inspection.free_private_memory = UINT64_MAX;
	inspection.n_mechanisms = 1;
	inspection.mechanisms = list;
	reply.id = request->id;
	reply.result_case = RESULT(INSPECTION);
	reply.inspection = &inspection;
	send_reply(&reply);
}

static void change_pin(const Request *request)
{
	const ProtobufCBinaryData old = request->change_pin->old_pin;
	const ProtobufCBinaryData new = request->change_pin->new_pin;
	Peppermint__Signer__V1__PinChanged changed = PEPPERMINT__SIGNER__V1__PIN_CHANGED__INIT;
	Reply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	char right[257];
	FILE *file = NULL;

	if (misbehave(request->id, new.data, new.len))
		return;
	if (!read_line("pin", right, sizeof(right)) || old.len != strlen(right) ||
	    memcmp(old.data, right, old.len) != 0) {
		send_failure(request->id, FAILURE(CALLER), 0xa0, "the old one is wrong");
		return;
	}
	if (new.len < 4) {
		send_failure(request->id, FAILURE(CALLER), 0xa2, "it is too short");
		return;
	}
	file = open_in_directory("pin", "w");
	if (!file || fwrite(new.data, 1, new.len, file) != new.len)
		exit(9);
	fclose(file);
	reply.id = request->id;
	reply.result_case = RESULT(PIN_CHANGED);
	reply.pin_changed = &changed;
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
		send_object(request, request->generate, ALGORITHM(HMAC_SHA256));
		break;
	case OP(GENERATE_PAIR):
		send_object(request, request->generate_pair, ALGORITHM(ED25519));
		break;
	case OP(GENERATE_AES):
		send_object(request, request->generate_aes, ALGORITHM(AES256_GCM));
		break;
	case OP(IMPORT):
		send_imported(request);
		break;
	case OP(ENCRYPT):
		fake_encrypt(request);
		break;
	case OP(DECRYPT):
		fake_decrypt(request);
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
	case OP(DESTROY):
		send_destroyed(request);
		break;
	case OP(INSPECT):
		send_inspection(request);
		break;
	case OP(CHANGE_PIN):
		change_pin(request);
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
