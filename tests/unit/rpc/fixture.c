#define _GNU_SOURCE
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_vault.h"

/* libnanomsg loses a message that is under way when its socket is closed; we do not. */
const char *__lsan_default_suppressions(void);

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:libnanomsg.so\n"; /* the module: a symbol needs a symbolizer */
}

static const struct rpc_config ordinary = {
	.socket_mode = 0600,
	.socket_gid = UINT32_MAX,
	.version = "1.2.3-test",
	.message_bytes = 65536,
	.requests = 64,
	.per_connection = 16,
	.per_caller = 48,
	.connections = 64,
	.batch = 512,
	.workers = 2,
	.queue = 32,
	.send_timeout_ms = 500,
	.replay_bytes = 65536,
	.replay_seconds = 120,
};

static void start(struct fixture *f)
{
	struct rpc_caller caller = {
		.name = "tester",
		.uid = getuid(),
		.roles = ALL_ROLES,
		.environments = ALL_ENVIRONMENTS,
	};

	assert_int_equal(rpc_open(fake_vault(), &f->config, &caller, 1, &f->rpc), PM_OK);
}

static void stop(struct fixture *f)
{
	fake_release();
	rpc_close(f->rpc, deadline_in_ms(PATIENCE_MS));
	f->rpc = NULL;
}

int serve(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	fake_reset();
	snprintf(f->dir, sizeof(f->dir), "/tmp/pm-rpc-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->socket, sizeof(f->socket), "%s/socket", f->dir);
	f->config = ordinary;
	f->config.socket = f->socket;
	start(f);
	*state = f;
	return 0;
}

int unserve(void **state)
{
	struct fixture *f = *state;

	if (f->rpc)
		stop(f);
	unlink(f->socket);
	rmdir(f->dir);
	free(f);
	return 0;
}

void serve_again(struct fixture *f)
{
	stop(f);
	start(f);
}

void set_caller(struct fixture *f, uint32_t roles, uint32_t environments)
{
	struct rpc_caller caller = {
		.name = "tester", .uid = getuid(), .roles = roles, .environments = environments
	};

	assert_int_equal(rpc_set_callers(f->rpc, &caller, 1), PM_OK);
}

int connect_req(const struct fixture *f)
{
	char url[128];
	int patience = PATIENCE_MS;
	int s = nn_socket(AF_SP, NN_REQ);

	assert_true(s >= 0);
	snprintf(url, sizeof(url), "ipc://%s", f->socket);
	assert_return_code(
		nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &patience, sizeof(patience)),
		nn_errno());
	assert_return_code(nn_connect(s, url), nn_errno());
	return s;
}

Peppermint__V1__Reply *ask_bytes(int s, struct bytes request)
{
	void *answer = NULL;

	assert_int_equal(nn_send(s, request.data, request.len, 0), request.len);
	int len = nn_recv(s, &answer, NN_MSG, 0);
	assert_return_code(len, nn_errno());
	Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, (size_t)len, answer);
	assert_non_null(reply);
	nn_freemsg(answer);
	return reply;
}

Peppermint__V1__Reply *ask(int s, const Peppermint__V1__Request *request)
{
	return ask_bytes(s, packed(request));
}

void free_reply(Peppermint__V1__Reply *reply)
{
	peppermint__v1__reply__free_unpacked(reply, NULL);
}

enum pm_err ask_once(const struct fixture *f, const Peppermint__V1__Request *request)
{
	int s = connect_req(f);
	Peppermint__V1__Reply *reply = ask(s, request);
	enum pm_err err = (enum pm_err)reply->error;

	assert_int_equal(reply->result_case, err == PM_OK ? (int)request->call_case
							  : PEPPERMINT__V1__REPLY__RESULT__NOT_SET);
	assert_int_equal(*reply->message == '\0', err == PM_OK);
	free_reply(reply);
	nn_close(s);
	return err;
}

int connect_raw(const struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	memcpy(address.sun_path, f->socket, strlen(f->socket));
	assert_return_code(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static bool await(int fd, short event)
{
	struct pollfd poll_fd = { .fd = fd, .events = event };

	return poll(&poll_fd, 1, PATIENCE_MS) == 1;
}

static size_t receive_all(int fd, void *room, size_t len)
{
	size_t got = 0;

	while (got < len && await(fd, POLLIN)) {
		ssize_t n = recv(fd, (uint8_t *)room + got, len - got, 0);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got;
}

int connect_sp(const struct fixture *f)
{
	static const uint8_t req[8] = { 0, 'S', 'P', 0, 0, 0x30, 0, 0 };
	uint8_t theirs[8];
	int fd = connect_raw(f);

	send_all(fd, req, sizeof(req));
	assert_int_equal(receive_all(fd, theirs, sizeof(theirs)), sizeof(theirs));
	return fd;
}

void send_all(int fd, const void *data, size_t len)
{
	const uint8_t *at = data;

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0)
			return;
		at += n;
		len -= (size_t)n;
	}
}

void send_request(int fd, uint32_t id, struct bytes body)
{
	uint8_t head[13];
	struct buf buf = BUF(head);

	buf_put(&buf, bytes_of("\1", 1));
	buf_put_u64(&buf, body.len + sizeof(uint32_t));
	buf_put_u32(&buf, id | UINT32_C(0x80000000));
	send_all(fd, head, sizeof(head));
	send_all(fd, body.data, body.len);
}

size_t receive_frame(int fd, uint8_t *room, size_t size)
{
	uint8_t head[13];
	size_t len = 0;

	if (receive_all(fd, head, sizeof(head)) != sizeof(head))
		return 0;
	for (size_t i = 1; i <= sizeof(uint64_t); i++)
		len = len << 8 | head[i];
	len -= sizeof(uint32_t);
	assert_true(len <= size);
	assert_int_equal(receive_all(fd, room, len), len);
	return len;
}

bool is_closed(int fd)
{
	uint8_t rest[4096];

	while (await(fd, POLLIN)) {
		ssize_t n = recv(fd, rest, sizeof(rest), 0);

		if (n <= 0)
			return true;
	}
	return false;
}

struct captured capture_log(void)
{
	struct captured captured = { .file = memfd_create("log", MFD_CLOEXEC),
				     .before = dup(STDERR_FILENO) };

	assert_true(captured.file >= 0 && captured.before >= 0);
	assert_true(dup2(captured.file, STDERR_FILENO) >= 0);
	return captured;
}

static void read_captured(const struct captured *captured, char text[4096])
{
	ssize_t len = pread(captured->file, text, 4095, 0);

	assert_true(len >= 0);
	text[len] = '\0';
}

void captured_await(const struct captured *captured, const char *words)
{
	int64_t deadline = deadline_in_ms(PATIENCE_MS);
	char text[4096] = "";

	for (; !strstr(text, words); read_captured(captured, text)) {
		assert_true(clock_now() < deadline);
		usleep(1000);
	}
}

void captured_end(struct captured *captured, char text[4096])
{
	dup2(captured->before, STDERR_FILENO);
	read_captured(captured, text);
	close(captured->file);
	close(captured->before);
}

struct bytes packed(const Peppermint__V1__Request *request)
{
	static uint8_t room[256 * 1024];

	assert_true(peppermint__v1__request__get_packed_size(request) <= sizeof(room));
	return bytes_of(room, peppermint__v1__request__pack(request, room));
}

Peppermint__V1__Request status_request(void)
{
	static Peppermint__V1__StatusRequest status = PEPPERMINT__V1__STATUS_REQUEST__INIT;
	Peppermint__V1__Request request = PEPPERMINT__V1__REQUEST__INIT;

	request.version = 1;
	request.call_case = PEPPERMINT__V1__REQUEST__CALL_STATUS;
	request.status = &status;
	return request;
}

void make_mint(Peppermint__V1__Request *request, Peppermint__V1__MintKeyRequest *mint,
	       char *request_id)
{
	peppermint__v1__mint_key_request__init(mint);
	mint->environment = "test";
	mint->account = "acme";
	peppermint__v1__request__init(request);
	request->version = 1;
	request->request_id = request_id;
	request->call_case = PEPPERMINT__V1__REQUEST__CALL_MINT_KEY;
	request->mint_key = mint;
}

void make_get(Peppermint__V1__Request *request, Peppermint__V1__GetKeyRequest *get)
{
	peppermint__v1__get_key_request__init(get);
	get->environment = "test";
	get->key_id = "0123456789ABCDEF";
	peppermint__v1__request__init(request);
	request->version = 1;
	request->call_case = PEPPERMINT__V1__REQUEST__CALL_GET_KEY;
	request->get_key = get;
}
