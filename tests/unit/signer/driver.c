#define _GNU_SOURCE
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define FRAME_MAX (128 * 1024)

const char *driver_env[4];

static void become_signer(int link, int pin_fd, const struct soft_token *token,
			  const struct module_faults *faults)
{
	const char *env[MODULE_FAULTS_ENV + 6] = { token->env };
	char *argv[] = { "peppermint-signer", "live", NULL };
	size_t count = 1;

	for (size_t i = 0; i < MODULE_FAULTS_ENV; i++)
		env[count++] = faults->env[i];
	for (size_t i = 0; i < 4 && driver_env[i]; i++)
		env[count++] = driver_env[i];
	int lifted_link = fcntl(link, F_DUPFD, 10);
	int lifted_pin = pin_fd >= 0 ? fcntl(pin_fd, F_DUPFD, 10) : -1;
	close(4);
	dup2(lifted_link, 3);
	if (lifted_pin >= 0)
		dup2(lifted_pin, 4);
	execve(SIGNER_PROGRAM, argv, (char *const *)env);
	_exit(127);
}

void driver_spawn(struct driver *driver, const struct soft_token *token, const char *rules,
		  int pin_fd)
{
	struct module_faults faults;
	int ends[2];

	module_faults_make(&faults, token);
	module_faults_set(&faults, rules ? rules : "");
	module_faults_forget(&faults);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		become_signer(ends[1], pin_fd, token, &faults);
	close(ends[1]);
	*driver = (struct driver){ .pid = pid, .fd = ends[0], .faults = faults };
}

int driver_wait(struct driver *driver)
{
	int status = 0;

	assert_int_equal(waitpid(driver->pid, &status, 0), driver->pid);
	driver->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void drop_reply(struct driver *driver)
{
	if (driver->reply)
		peppermint__signer__v1__signer_reply__free_unpacked(driver->reply, NULL);
	driver->reply = NULL;
}

void driver_end(struct driver *driver)
{
	drop_reply(driver);
	if (driver->fd > 0)
		close(driver->fd);
	driver->fd = 0;
	if (driver->pid > 0)
		driver_wait(driver);
}

void driver_send(struct driver *driver, const void *frame, size_t len)
{
	assert_int_equal(send(driver->fd, frame, len, MSG_NOSIGNAL), len);
}

const Reply *driver_ask(struct driver *driver, Request *request)
{
	uint8_t *frame = malloc(FRAME_MAX);

	assert_non_null(frame);
	request->id = ++driver->last_id;
	assert_true(peppermint__signer__v1__signer_request__get_packed_size(request) <= FRAME_MAX);
	driver_send(driver, frame, peppermint__signer__v1__signer_request__pack(request, frame));
	ssize_t len = recv(driver->fd, frame, FRAME_MAX, 0);
	assert_true(len > 0);
	drop_reply(driver);
	driver->reply = peppermint__signer__v1__signer_reply__unpack(NULL, (size_t)len, frame);
	free(frame);
	assert_non_null(driver->reply);
	assert_int_equal(driver->reply->id, request->id);
	return driver->reply;
}

bool driver_hung_up(struct driver *driver)
{
	uint8_t byte;
	ssize_t got = recv(driver->fd, &byte, 1, 0);

	return got == 0 || (got < 0 && errno == ECONNRESET);
}

static char *or_else(const char *text, const char *otherwise)
{
	return (char *)(text ? text : otherwise);
}

const Reply *driver_start(struct driver *driver, const struct soft_token *token,
			  struct driver_start with)
{
	Peppermint__Signer__V1__Start start = PEPPERMINT__SIGNER__V1__START__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	start.environment = or_else(with.environment, "live");
	start.module = or_else(with.module, FAULTY_MODULE);
	start.token_uri = or_else(with.uri, token->uri);
	start.pin_file = or_else(with.pin_file, token->pin_file);
	start.init_args = or_else(with.init_args, "");
	start.sessions = with.sessions;
	request.op_case = OP(START);
	request.start = &start;
	return driver_ask(driver, &request);
}

void driver_serve(struct driver *driver, const struct soft_token *token, const char *rules)
{
	driver_spawn(driver, token, rules, NO_PIN_FD);
	const Reply *reply = driver_start(driver, token, (struct driver_start){ 0 });
	assert_null(reply->failure);
	assert_int_equal(reply->result_case, PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_STARTED);
}

const Reply *driver_hmac_batch(struct driver *driver, HmacItem *items, size_t count)
{
	Peppermint__Signer__V1__HmacBatch batch = PEPPERMINT__SIGNER__V1__HMAC_BATCH__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;
	HmacItem **list = calloc(count + 1, sizeof(HmacItem *));

	assert_non_null(list);
	for (size_t i = 0; i < count; i++)
		list[i] = &items[i];
	batch.n_items = count;
	batch.items = list;
	request.op_case = OP(HMAC);
	request.hmac = &batch;
	const Reply *reply = driver_ask(driver, &request);
	free(list);
	return reply;
}

const uint8_t *driver_hmac(struct driver *driver, const uint8_t id[16], const void *data,
			   size_t len)
{
	HmacItem item = PEPPERMINT__SIGNER__V1__HMAC_ITEM__INIT;

	item.key_id = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)id };
	item.data = (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)data };
	const Reply *reply = driver_hmac_batch(driver, &item, 1);
	assert_null(reply->failure);
	assert_int_equal(reply->hmac->n_macs, 1);
	const Peppermint__Signer__V1__Mac *mac = reply->hmac->macs[0];
	assert_int_equal(mac->failure, mac->mac.len == 0 ? FAILURE(CALLER) : FAILURE(NONE));
	assert_true(mac->mac.len == 0 || mac->mac.len == 32);
	return mac->mac.len > 0 ? mac->mac.data : NULL;
}

const Reply *driver_generate(struct driver *driver, const uint8_t id[16], const char *label)
{
	Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	generate.key_id = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)id };
	generate.label = (char *)label;
	request.op_case = OP(GENERATE);
	request.generate = &generate;
	return driver_ask(driver, &request);
}

const Reply *driver_generate_pair(struct driver *driver, const uint8_t id[16], const char *label)
{
	Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	generate.key_id = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)id };
	generate.label = (char *)label;
	request.op_case = OP(GENERATE_PAIR);
	request.generate_pair = &generate;
	return driver_ask(driver, &request);
}

const Reply *driver_generate_aes(struct driver *driver, const uint8_t id[16], const char *label)
{
	Peppermint__Signer__V1__Generate generate = PEPPERMINT__SIGNER__V1__GENERATE__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	generate.key_id = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)id };
	generate.label = (char *)label;
	request.op_case = OP(GENERATE_AES);
	request.generate_aes = &generate;
	return driver_ask(driver, &request);
}

static ProtobufCBinaryData lend(struct bytes bytes)
{
	return (ProtobufCBinaryData){ .len = bytes.len, .data = (uint8_t *)bytes.data };
}

const Reply *driver_import(struct driver *driver, const uint8_t id[16], const char *label,
			   struct bytes value)
{
	Peppermint__Signer__V1__Import import = PEPPERMINT__SIGNER__V1__IMPORT__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	import.key_id = lend(bytes_of(id, 16));
	import.label = (char *)label;
	import.value = lend(value);
	request.op_case = OP(IMPORT);
	request.import = &import;
	return driver_ask(driver, &request);
}

static Peppermint__Signer__V1__Cipher cipher_of(const uint8_t id[16], const char *iv,
						struct bytes aad, struct bytes data)
{
	Peppermint__Signer__V1__Cipher cipher = PEPPERMINT__SIGNER__V1__CIPHER__INIT;

	cipher.key_id = lend(bytes_of(id, 16));
	cipher.iv = lend(bytes_str(iv));
	cipher.aad = lend(aad);
	cipher.data = lend(data);
	return cipher;
}

const Reply *driver_encrypt(struct driver *driver, const uint8_t id[16], const char *iv,
			    struct bytes aad, struct bytes plain)
{
	Peppermint__Signer__V1__Cipher cipher = cipher_of(id, iv, aad, plain);
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	request.op_case = OP(ENCRYPT);
	request.encrypt = &cipher;
	return driver_ask(driver, &request);
}

const Reply *driver_decrypt(struct driver *driver, const uint8_t id[16], const char *iv,
			    struct bytes aad, struct bytes sealed)
{
	Peppermint__Signer__V1__Cipher cipher = cipher_of(id, iv, aad, sealed);
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	request.op_case = OP(DECRYPT);
	request.decrypt = &cipher;
	return driver_ask(driver, &request);
}

const Reply *driver_sign(struct driver *driver, const uint8_t id[16],
			 Peppermint__Signer__V1__Algorithm algorithm, const void *data, size_t len)
{
	Peppermint__Signer__V1__Sign sign = PEPPERMINT__SIGNER__V1__SIGN__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	sign.key_id = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)id };
	sign.algorithm = algorithm;
	sign.data = (ProtobufCBinaryData){ .len = len, .data = (uint8_t *)data };
	request.op_case = OP(SIGN);
	request.sign = &sign;
	return driver_ask(driver, &request);
}

const Reply *driver_list(struct driver *driver, const char *prefix)
{
	Peppermint__Signer__V1__List list = PEPPERMINT__SIGNER__V1__LIST__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	list.label_prefix = (char *)prefix;
	request.op_case = OP(LIST);
	request.list = &list;
	return driver_ask(driver, &request);
}

const Reply *driver_destroy(struct driver *driver, const uint8_t id[16], const char *label)
{
	Peppermint__Signer__V1__Destroy destroy = PEPPERMINT__SIGNER__V1__DESTROY__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	destroy.key_id = (ProtobufCBinaryData){ .len = 16, .data = (uint8_t *)id };
	destroy.label = (char *)label;
	request.op_case = OP(DESTROY);
	request.destroy = &destroy;
	return driver_ask(driver, &request);
}

const Reply *driver_inspect(struct driver *driver)
{
	Peppermint__Signer__V1__Inspect inspect = PEPPERMINT__SIGNER__V1__INSPECT__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	request.op_case = OP(INSPECT);
	request.inspect = &inspect;
	return driver_ask(driver, &request);
}

const Reply *driver_change_pin(struct driver *driver, const char *old_pin, const char *new_pin)
{
	Peppermint__Signer__V1__ChangePin change = PEPPERMINT__SIGNER__V1__CHANGE_PIN__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	change.old_pin =
		(ProtobufCBinaryData){ .len = strlen(old_pin), .data = (uint8_t *)old_pin };
	change.new_pin =
		(ProtobufCBinaryData){ .len = strlen(new_pin), .data = (uint8_t *)new_pin };
	request.op_case = OP(CHANGE_PIN);
	request.change_pin = &change;
	return driver_ask(driver, &request);
}

const Reply *driver_random(struct driver *driver, uint32_t len)
{
	Peppermint__Signer__V1__Random random = PEPPERMINT__SIGNER__V1__RANDOM__INIT;
	Request request = PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__INIT;

	random.length = len;
	request.op_case = OP(RANDOM);
	request.random = &random;
	return driver_ask(driver, &request);
}

static int count_in(const char *at, const char *end, struct bytes bytes)
{
	int count = 0;

	while ((at = memmem(at, (size_t)(end - at), bytes.data, bytes.len))) {
		count++;
		at++;
	}
	return count;
}

int driver_copies(const struct driver *driver, struct bytes bytes)
{
	char path[64], line[512];
	unsigned long from, to;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)driver->pid);
	int mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)driver->pid);
	FILE *maps = fopen(path, "r");
	if (mem < 0 || !maps)
		return -1;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx rw", &from, &to) != 2 || !strstr(line, " rw"))
			continue;
		char *copy = malloc(to - from);
		assert_non_null(copy);
		ssize_t got = pread(mem, copy, to - from, (off_t)from);
		count += count_in(copy, copy + (got > 0 ? got : 0), bytes);
		free(copy);
	}
	fclose(maps);
	close(mem);
	return count;
}
