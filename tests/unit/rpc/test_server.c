/* The socket and everything that can be done to it, over real connections. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "fake_vault.h"
#include "fixture.h"

static void assert_serves(const struct fixture *f)
{
	Peppermint__V1__Request request = status_request();

	assert_int_equal(ask_once(f, &request), PM_OK);
}

static void a_libnanomsg_client_is_answered(void **state)
{
	assert_serves(*state);
}

static void requests_after_one_another_share_a_connection(void **state)
{
	int s = connect_req(*state);
	Peppermint__V1__Request request = status_request();

	for (int i = 0; i < 100; i++) {
		Peppermint__V1__Reply *reply = ask(s, &request);

		assert_int_equal(reply->error, PM_OK);
		free_reply(reply);
	}
	nn_close(s);
}

/* libnanomsg's raw REQ: requests one after the other, answers told apart by their ids. */
static void send_raw(int s, uint32_t id, struct bytes body)
{
	uint8_t control[NN_CMSG_SPACE(sizeof(size_t) + sizeof(id))] = { 0 };
	struct nn_iovec iov = { .iov_base = (void *)(uintptr_t)body.data, .iov_len = body.len };
	struct nn_msghdr hdr = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };
	struct nn_cmsghdr *cmsg = NN_CMSG_FIRSTHDR(&hdr);
	const uint8_t bytes[] = { 0x80, 0, 0, (uint8_t)id };
	size_t len = sizeof(bytes);

	cmsg->cmsg_len = NN_CMSG_LEN(sizeof(len) + sizeof(bytes));
	cmsg->cmsg_level = PROTO_SP;
	cmsg->cmsg_type = SP_HDR;
	memcpy(NN_CMSG_DATA(cmsg), &len, sizeof(len));
	memcpy(NN_CMSG_DATA(cmsg) + sizeof(len), bytes, sizeof(bytes));
	assert_int_equal(nn_sendmsg(s, &hdr, 0), body.len);
}

static uint32_t receive_raw(int s)
{
	uint8_t control[256];
	void *body = NULL;
	struct nn_iovec iov = { .iov_base = &body, .iov_len = NN_MSG };
	struct nn_msghdr hdr = { .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control) };

	assert_true(nn_recvmsg(s, &hdr, 0) > 0);
	nn_freemsg(body);
	const struct nn_cmsghdr *cmsg = NN_CMSG_FIRSTHDR(&hdr);
	assert_non_null(cmsg);
	return NN_CMSG_DATA(cmsg)[sizeof(size_t) + 3];
}

static void pipelined_requests_of_libnanomsg_all_get_their_own_answers(void **state)
{
	enum { PIPELINED = 16 };
	struct fixture *f = *state;
	Peppermint__V1__Request request = status_request();
	struct bytes body = packed(&request);
	bool answered[PIPELINED] = { false };
	int patience = PATIENCE_MS;
	char url[128];
	int s = nn_socket(AF_SP_RAW, NN_REQ);

	snprintf(url, sizeof(url), "ipc://%s", f->socket);
	nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVTIMEO, &patience, sizeof(patience));
	assert_return_code(nn_connect(s, url), nn_errno());
	for (uint32_t i = 0; i < PIPELINED; i++)
		send_raw(s, i, body);
	for (uint32_t i = 0; i < PIPELINED; i++) {
		uint32_t id = receive_raw(s);

		assert_true(id < PIPELINED && !answered[id]);
		answered[id] = true;
	}
	nn_close(s);
}

static void a_request_that_comes_byte_by_byte_is_answered(void **state)
{
	static const uint8_t bytes[] = { 0, 'S', 'P', 0,    0,    0x30, 0,    0, 1,
					 0, 0,   0,   0,    0,    0,    0,    9, 0x80,
					 1, 2,   3,   0x08, 0x01, 0x82, 0x01, 0 };
	uint8_t room[1024];
	int fd = connect_raw(*state);

	for (size_t i = 0; i < sizeof(bytes); i++)
		send_all(fd, bytes + i, 1);
	assert_int_equal(recv(fd, room, 8, MSG_WAITALL), 8);
	assert_memory_equal(room, "\0SP\0\0\x31\0\0", 8);
	assert_int_equal(recv(fd, room, 13, MSG_WAITALL), 13);
	assert_memory_equal(room + 9, "\x80\1\2\3", 4);
	close(fd);
}

static void an_answer_repeats_all_hops_of_its_request(void **state)
{
	static const uint8_t frame[] = { 1, 0, 0,    0, 0, 0, 0,    0,    13,   0,    0,
					 0, 7, 0x80, 1, 2, 3, 0x08, 0x01, 0x82, 0x01, 0 };
	uint8_t room[1024];
	int fd = connect_sp(*state);

	send_all(fd, frame, sizeof(frame));
	assert_int_equal(recv(fd, room, 17, MSG_WAITALL), 17);
	assert_memory_equal(room + 9, frame + 9, 8);
	close(fd);
}

/* More than a socket's buffer holds: the server writes the answers in pieces. */
static void large_answers_arrive_whole_also_if_they_are_read_late(void **state)
{
	enum { ANSWERS = 16 };
	static uint8_t room[65536];
	struct fixture *f = *state;
	Peppermint__V1__Request request = status_request();
	Peppermint__V1__ListKeysRequest list = PEPPERMINT__V1__LIST_KEYS_REQUEST__INIT;

	f->config.send_timeout_ms = PATIENCE_MS;
	serve_again(f);
	fake_size(100);
	list.environment = "test";
	list.page_size = 100;
	request.call_case = PEPPERMINT__V1__REQUEST__CALL_LIST_KEYS;
	request.list_keys = &list;
	int fd = connect_sp(f);
	for (uint32_t i = 0; i < ANSWERS; i++)
		send_request(fd, i, packed(&request));
	fake_await_entered(ANSWERS);
	size_t total = 0;
	for (int i = 0; i < ANSWERS; i++) {
		size_t len = receive_frame(fd, room, sizeof(room));
		Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);

		assert_non_null(reply);
		assert_int_equal(reply->list_keys->n_keys, 100);
		free_reply(reply);
		total += len;
	}
	assert_true(total > 256 * 1024);
	close(fd);
}

static void more_requests_than_slots_wait_their_turn_and_are_all_answered(void **state)
{
	enum { CONNECTIONS = 8, EACH = 4 };
	struct fixture *f = *state;
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;
	uint8_t room[1024];
	int fds[CONNECTIONS];

	f->config.requests = 1;
	serve_again(f);
	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	for (int i = 0; i < CONNECTIONS; i++) {
		fds[i] = connect_sp(f);
		for (uint32_t j = 0; j < EACH; j++)
			send_request(fds[i], j, packed(&request));
	}
	fake_await_entered(1);
	close(fds[0]); /* may be the one that runs, or the first in the line */
	fake_release();
	for (int i = 1; i < CONNECTIONS; i++) {
		for (int j = 0; j < EACH; j++)
			assert_true(receive_frame(fds[i], room, sizeof(room)) > 0);
		close(fds[i]);
	}
	assert_serves(f);
}

static void a_socket_that_cannot_be_made_is_an_error_of_the_configuration(void **state)
{
	struct fixture *f = *state;
	struct rpc_caller caller = { .name = "tester", .uid = getuid() };
	struct rpc_config config = f->config;
	struct rpc *second = NULL;

	config.socket = "/nonexistent/directory/socket";
	assert_int_equal(rpc_open(fake_vault(), &config, &caller, 1, &second), PM_CONFIG);
	config.socket = "";
	assert_int_equal(rpc_open(fake_vault(), &config, &caller, 1, &second), PM_CONFIG);
	config.socket = f->socket;
	config.workers = 0;
	assert_int_equal(rpc_open(fake_vault(), &config, &caller, 1, &second), PM_CONFIG);
	assert_serves(f);
}

static void the_vault_is_told_the_kernels_word_for_the_caller(void **state)
{
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;

	make_get(&request, &get);
	request.operator_ = "olga";
	request.request_id = "r-1";
	request.deadline_ms = 30000;
	int64_t before = clock_now();
	assert_int_equal(ask_once(*state, &request), PM_OK);
	struct fake_asked asked = fake_asked();
	assert_int_equal(asked.uid, getuid());
	assert_int_equal(asked.gid, getgid());
	assert_int_equal(asked.pid, getpid());
	assert_int_equal(asked.rpc, 19);
	assert_string_equal(asked.caller, "tester");
	assert_string_equal(asked.operator, "olga");
	assert_string_equal(asked.request_id, "r-1");
	assert_true(asked.deadline >= before + 30 * NS_PER_SECOND);
	assert_true(asked.deadline <= clock_now() + 30 * NS_PER_SECOND);
}

static void the_socket_has_the_configured_permissions(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	f->config.socket_mode = 0640;
	f->config.socket_gid = getgid();
	serve_again(f);
	assert_return_code(stat(f->socket, &st), errno);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(st.st_gid, getgid());
}

static void the_socket_is_gone_after_closing(void **state)
{
	struct fixture *f = *state;

	rpc_close(f->rpc, deadline_in_ms(PATIENCE_MS));
	f->rpc = NULL;
	assert_int_equal(access(f->socket, F_OK), -1);
}

static void a_second_server_on_the_same_socket_is_refused(void **state)
{
	struct fixture *f = *state;
	struct rpc_caller caller = { .name = "tester", .uid = getuid() };
	struct rpc *second = NULL;

	assert_int_equal(rpc_open(fake_vault(), &f->config, &caller, 1, &second), PM_CONFIG);
	assert_serves(f);
}

static void junk_closes_its_own_connection_only(void **state)
{
	struct fixture *f = *state;
	uint8_t junk[4096];

	srand(1);
	for (size_t i = 0; i < sizeof(junk); i++)
		junk[i] = (uint8_t)rand();
	int raw = connect_raw(f);
	send_all(raw, junk, sizeof(junk));
	assert_true(is_closed(raw));
	close(raw);

	int shaken = connect_sp(f);
	junk[0] = 7; /* not a frame's type: what aborts a libnanomsg server */
	send_all(shaken, junk, sizeof(junk));
	assert_true(is_closed(shaken));
	close(shaken);
	assert_serves(f);
}

/* nng's own REP listener 1.5.2 never accepts again after one of these. */
static void clients_that_hang_up_during_the_greeting_leave_the_others_served(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < 300; i++) {
		int fd = connect_raw(f);

		send_all(fd, "\0SP\0GARBAGE", i % 12);
		close(fd);
	}
	assert_serves(f);
}

static void another_protocol_than_req_is_closed_and_not_counted(void **state)
{
	static const uint8_t pub[8] = { 0, 'S', 'P', 0, 0, 0x20, 0, 0 };
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 2 * f->config.connections; i++) {
		int fd = connect_raw(f);

		send_all(fd, pub, sizeof(pub));
		assert_true(is_closed(fd));
		close(fd);
	}
	assert_serves(f);
}

static void an_oversize_frame_closes_the_connection(void **state)
{
	struct fixture *f = *state;
	uint8_t *body = calloc(1, f->config.message_bytes + 1);

	int fd = connect_sp(f);
	send_request(fd, 1, bytes_of(body, f->config.message_bytes + 1));
	assert_true(is_closed(fd));
	close(fd);
	fd = connect_sp(f);
	send_all(fd, "\1\xff\xff\xff\xff\xff\xff\xff\xff", 9);
	assert_true(is_closed(fd));
	close(fd);
	free(body);
	assert_serves(f);
}

static void a_truncated_frame_holds_nobody_up(void **state)
{
	struct fixture *f = *state;
	int fd = connect_sp(f);

	send_all(fd, "\1\0\0\0\0\0\0\1\0half", 13);
	assert_serves(f);
	close(fd);
	assert_serves(f);
}

static void a_frame_without_a_request_id_of_sp_closes_the_connection(void **state)
{
	struct fixture *f = *state;
	int fd = connect_sp(f);

	send_all(fd, "\1\0\0\0\0\0\0\0\2hi", 11);
	assert_true(is_closed(fd));
	close(fd);
	assert_serves(f);
}

static void an_empty_request_is_answered(void **state)
{
	struct fixture *f = *state;
	uint8_t room[1024];
	int fd = connect_sp(f);

	send_request(fd, 1, bytes_of("", 0));
	size_t len = receive_frame(fd, room, sizeof(room));
	Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);
	assert_non_null(reply);
	assert_int_equal(reply->error, PM_VERSION_UNSUPPORTED);
	free_reply(reply);
	close(fd);
}

static void a_thousand_idle_connections_leave_the_others_served(void **state)
{
	enum { IDLE = 1000 };
	struct fixture *f = *state;
	int *fds = calloc(IDLE, sizeof(int));
	struct rlimit limit;

	assert_return_code(getrlimit(RLIMIT_NOFILE, &limit), errno);
	assert_true(limit.rlim_cur > 3 * IDLE); /* rpc_open has raised it */
	f->config.connections = IDLE + 8;
	serve_again(f);
	for (int i = 0; i < IDLE; i++)
		fds[i] = connect_sp(f);
	assert_serves(f);
	for (int i = 0; i < IDLE; i++)
		close(fds[i]);
	free(fds);
	assert_serves(f);
}

static void a_connection_too_many_is_closed_and_room_is_made_again(void **state)
{
	struct fixture *f = *state;
	int fds[3];

	f->config.connections = 2;
	serve_again(f);
	Peppermint__V1__Request request = status_request();
	uint8_t room[1024];
	for (int i = 0; i < 2; i++) {
		fds[i] = connect_sp(f);
		send_request(fds[i], 1, packed(&request));
		assert_true(receive_frame(fds[i], room, sizeof(room)) > 0);
	}
	fds[2] = connect_raw(f);
	send_all(fds[2], "\0SP\0\0\x30\0\0", 8);
	assert_true(is_closed(fds[2]));
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	assert_serves(f); /* libnanomsg tries until it is let in */
}

/* Sends until the connection is closed: a client that pipelines and never reads. */
static void flood_until_closed(int fd)
{
	enum { FLOOD = 20000 };
	Peppermint__V1__Request request = status_request();
	struct bytes body = packed(&request);

	for (uint32_t i = 0; i < FLOOD; i++)
		send_request(fd, i, body);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
}

static void a_client_that_never_reads_is_closed_when_far_over_its_share(void **state)
{
	struct fixture *f = *state;

	f->config.send_timeout_ms = 10 * PATIENCE_MS; /* it is not this that closes it */
	serve_again(f);
	int fd = connect_sp(f);
	flood_until_closed(fd);
	assert_serves(f);
	close(fd);
}

static void a_client_that_never_reads_is_closed_when_its_answers_grow_old(void **state)
{
	struct fixture *f = *state;

	f->config.per_connection = f->config.per_caller = 100 * f->config.requests;
	serve_again(f); /* it may take every slot there is */
	int fd = connect_sp(f);
	flood_until_closed(fd);
	for (int i = 0; i < 10; i++)
		assert_serves(f);
	close(fd);
}

static void requests_beyond_a_connections_share_are_busy(void **state)
{
	struct fixture *f = *state;
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;
	uint8_t room[1024];

	f->config.per_connection = 1;
	serve_again(f);
	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	send_request(fd, 1, packed(&request));
	fake_await_entered(1);
	send_request(fd, 2, packed(&request));
	size_t len = receive_frame(fd, room, sizeof(room));
	Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);
	assert_non_null(reply);
	assert_int_equal(reply->error, PM_BUSY);
	free_reply(reply);
	fake_release();
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	assert_int_equal(fake_entered(), 1);
	close(fd);
}

static void requests_beyond_a_callers_share_are_busy(void **state)
{
	struct fixture *f = *state;
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;

	f->config.per_caller = 1;
	serve_again(f);
	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	send_request(fd, 1, packed(&request));
	fake_await_entered(1);
	assert_int_equal(ask_once(f, &request), PM_BUSY);
	fake_release();
	uint8_t room[1024];
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

static void a_hung_environment_leaves_the_other_one_served(void **state)
{
	enum { HUNG = 8 };
	struct fixture *f = *state;
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;

	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	for (uint32_t i = 0; i < HUNG; i++)
		send_request(fd, i, packed(&request));
	fake_await_entered(f->config.workers);
	get.environment = "live";
	assert_int_equal(ask_once(f, &request), PM_OK);
	fake_release();
	uint8_t room[1024];
	for (int i = 0; i < HUNG; i++)
		assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

static void a_full_queue_is_busy(void **state)
{
	struct fixture *f = *state;
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;
	uint8_t room[1024];

	f->config.workers = 1;
	f->config.queue = 1;
	serve_again(f);
	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	send_request(fd, 1, packed(&request)); /* with the worker */
	fake_await_entered(1);
	send_request(fd, 2, packed(&request)); /* in the queue, or next in line for it */
	send_request(fd, 3, packed(&request));
	size_t len = receive_frame(fd, room, sizeof(room));
	Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);
	assert_non_null(reply);
	assert_int_equal(reply->error, PM_BUSY);
	free_reply(reply);
	fake_release();
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

static void what_waits_past_its_deadline_is_told_so_while_all_workers_hang(void **state)
{
	struct fixture *f = *state;
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;
	uint8_t room[1024];

	f->config.workers = 1;
	serve_again(f);
	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	send_request(fd, 1, packed(&request));
	fake_await_entered(1);
	request.deadline_ms = 1;
	assert_int_equal(ask_once(f, &request), PM_DEADLINE_EXCEEDED);
	assert_int_equal(fake_entered(), 1);
	assert_int_equal(fake_left(), 0); /* the worker hangs to this moment */
	fake_release();
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

struct asker {
	const struct fixture *f;
	pthread_t thread;
	enum pm_err err;
	char secret[VAULT_KEY_TEXT_MAX + 1];
};

static void *mint_with_resends(void *arg)
{
	struct asker *asker = arg;
	Peppermint__V1__Request request;
	Peppermint__V1__MintKeyRequest mint;
	int interval = 100;
	int s = connect_req(asker->f);

	nn_setsockopt(s, NN_REQ, NN_REQ_RESEND_IVL, &interval, sizeof(interval));
	make_mint(&request, &mint, "the-same-id");
	request.deadline_ms = 30000;
	Peppermint__V1__Reply *reply = ask(s, &request);
	asker->err = (enum pm_err)reply->error;
	if (reply->result_case == PEPPERMINT__V1__REPLY__RESULT_MINT_KEY)
		strncpy(asker->secret, reply->mint_key->api_key, sizeof(asker->secret) - 1);
	free_reply(reply);
	/* Not closed: libnanomsg 1.1.5 may free a message twice when what was resent is closed. */
	return NULL;
}

static void a_slow_mint_that_is_sent_again_and_again_is_executed_once(void **state)
{
	struct fixture *f = *state;
	struct asker asker = { .f = f };
	Peppermint__V1__Request request;
	Peppermint__V1__MintKeyRequest mint;
	uint8_t room[2048];

	f->config.per_connection = f->config.per_caller = f->config.requests = 160;
	serve_again(f);
	fake_hold("test");
	assert_int_equal(pthread_create(&asker.thread, NULL, mint_with_resends, &asker), 0);
	fake_await_entered(1);
	usleep(450 * 1000); /* lets libnanomsg resend a few times; nothing depends on how often */
	make_mint(&request, &mint, "the-same-id");
	int fd = connect_sp(f);
	send_request(fd, 1, packed(&request));
	send_request(fd, 2, packed(&request));
	fake_release();
	for (int i = 0; i < 2; i++) {
		size_t len = receive_frame(fd, room, sizeof(room));
		Peppermint__V1__Reply *reply = peppermint__v1__reply__unpack(NULL, len, room);

		assert_non_null(reply);
		assert_int_equal(reply->error, PM_OK);
		assert_string_equal(reply->mint_key->api_key, FAKE_SECRET);
		free_reply(reply);
	}
	pthread_join(asker.thread, NULL);
	assert_int_equal(asker.err, PM_OK);
	assert_string_equal(asker.secret, FAKE_SECRET);
	assert_int_equal(fake_executed(), 1);
	assert_int_equal(fake_entered(), 1);
	close(fd);
}

enum { ANSWERED, NOT_GREETED, NOT_ANSWERED, NOT_STARTED };

/* The child connects as another user and reports what became of its request. */
static int ask_as(const struct fixture *f, uid_t uid)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		Peppermint__V1__Request request = status_request();
		uint8_t room[1024];

		if (setuid(uid) != 0)
			_exit(NOT_STARTED);
		int fd = connect_raw(f);
		send_all(fd, "\0SP\0\0\x30\0\0", 8);
		send_request(fd, 1, packed(&request));
		if (recv(fd, room, 8, MSG_WAITALL) != 8)
			_exit(NOT_GREETED);
		_exit(recv(fd, room, 1, 0) == 1 ? ANSWERED : NOT_ANSWERED);
	}
	int status = 0;
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void a_uid_that_is_not_configured_gets_a_closed_connection(void **state)
{
	struct fixture *f = *state;
	const struct rpc_caller callers[] = {
		{ .name = "tester", .uid = getuid(), .roles = ALL_ROLES, .environments = 3 },
		{ .name = "guest", .uid = 4343, .roles = 0, .environments = 0 },
	};

	if (getuid() != 0)
		skip();
	f->config.socket_mode = 0666;
	serve_again(f);
	assert_return_code(chmod(f->dir, 0755), errno);
	assert_int_equal(ask_as(f, 4343), NOT_GREETED);
	assert_int_equal(rpc_set_callers(f->rpc, callers, 2), PM_OK);
	assert_int_equal(ask_as(f, 4343), ANSWERED);
	assert_int_equal(ask_as(f, 4242), NOT_GREETED);
	assert_serves(f);
}

static void a_caller_who_is_removed_is_closed_at_the_next_request(void **state)
{
	struct fixture *f = *state;
	const struct rpc_caller other = { .name = "other", .uid = getuid() + 1 };
	Peppermint__V1__Request request = status_request();
	uint8_t room[1024];
	int fd = connect_sp(f);

	send_request(fd, 1, packed(&request));
	assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	assert_int_equal(rpc_set_callers(f->rpc, &other, 1), PM_OK);
	send_request(fd, 2, packed(&request));
	assert_true(is_closed(fd));
	close(fd);
}

struct closer {
	struct rpc *rpc;
	int64_t deadline;
};

static void *close_server(void *arg)
{
	struct closer *closer = arg;

	rpc_close(closer->rpc, closer->deadline);
	return NULL;
}

static void closing_answers_what_is_in_flight_and_refuses_what_comes(void **state)
{
	struct fixture *f = *state;
	struct closer closer = { f->rpc, deadline_in_ms(PATIENCE_MS) };
	Peppermint__V1__Request request;
	Peppermint__V1__GetKeyRequest get;
	Peppermint__V1__Reply *reply = NULL;
	pthread_t thread;
	uint8_t room[1024];

	make_get(&request, &get);
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	int other = connect_sp(f);
	send_request(fd, 1, packed(&request));
	fake_await_entered(1);
	f->rpc = NULL;
	assert_int_equal(pthread_create(&thread, NULL, close_server, &closer), 0);
	request = status_request();
	int err = PM_OK;
	while (err == PM_OK) { /* until closing has begun */
		send_request(other, 2, packed(&request));
		size_t len = receive_frame(other, room, sizeof(room));
		reply = peppermint__v1__reply__unpack(NULL, len, room);
		assert_non_null(reply);
		err = (int)reply->error;
		free_reply(reply);
	}
	assert_int_equal(err, PM_SHUTTING_DOWN);
	fake_release();
	size_t len = receive_frame(fd, room, sizeof(room));
	reply = peppermint__v1__reply__unpack(NULL, len, room);
	assert_non_null(reply);
	assert_int_equal(reply->error, PM_OK);
	free_reply(reply);
	pthread_join(thread, NULL);
	close(fd);
	close(other);
}

static void closing_past_its_deadline_ends_with_requests_in_every_state(void **state)
{
	struct fixture *f = *state;
	Peppermint__V1__Request request;
	Peppermint__V1__MintKeyRequest mint;
	pthread_t thread;

	f->config.workers = 1;
	f->config.requests = 4;
	serve_again(f);
	struct closer closer = { f->rpc, clock_now() };
	make_mint(&request, &mint, "the-same-id");
	request.deadline_ms = 30000;
	fake_hold("test");
	int fd = connect_sp(f);
	send_request(fd, 1, packed(&request)); /* with the worker */
	send_request(fd, 2, packed(&request)); /* parked on it */
	request.request_id = "another-id";
	for (uint32_t i = 3; i < 8; i++) /* in the queue, parked, waiting for a slot */
		send_request(fd, i, packed(&request));
	fake_await_entered(1);
	f->rpc = NULL;
	assert_int_equal(pthread_create(&thread, NULL, close_server, &closer), 0);
	fake_release();
	pthread_join(thread, NULL);
	assert_true(fake_executed() <= 2);
	assert_true(is_closed(fd));
	close(fd);
}

int main(void)
{
#define SERVED(test) cmocka_unit_test_setup_teardown(test, serve, unserve)
	const struct CMUnitTest tests[] = {
		SERVED(a_libnanomsg_client_is_answered),
		SERVED(requests_after_one_another_share_a_connection),
		SERVED(pipelined_requests_of_libnanomsg_all_get_their_own_answers),
		SERVED(a_request_that_comes_byte_by_byte_is_answered),
		SERVED(an_answer_repeats_all_hops_of_its_request),
		SERVED(large_answers_arrive_whole_also_if_they_are_read_late),
		SERVED(more_requests_than_slots_wait_their_turn_and_are_all_answered),
		SERVED(a_socket_that_cannot_be_made_is_an_error_of_the_configuration),
		SERVED(the_vault_is_told_the_kernels_word_for_the_caller),
		SERVED(the_socket_has_the_configured_permissions),
		SERVED(the_socket_is_gone_after_closing),
		SERVED(a_second_server_on_the_same_socket_is_refused),
		SERVED(junk_closes_its_own_connection_only),
		SERVED(clients_that_hang_up_during_the_greeting_leave_the_others_served),
		SERVED(another_protocol_than_req_is_closed_and_not_counted),
		SERVED(an_oversize_frame_closes_the_connection),
		SERVED(a_truncated_frame_holds_nobody_up),
		SERVED(a_frame_without_a_request_id_of_sp_closes_the_connection),
		SERVED(an_empty_request_is_answered),
		SERVED(a_thousand_idle_connections_leave_the_others_served),
		SERVED(a_connection_too_many_is_closed_and_room_is_made_again),
		SERVED(a_client_that_never_reads_is_closed_when_far_over_its_share),
		SERVED(a_client_that_never_reads_is_closed_when_its_answers_grow_old),
		SERVED(requests_beyond_a_connections_share_are_busy),
		SERVED(requests_beyond_a_callers_share_are_busy),
		SERVED(a_hung_environment_leaves_the_other_one_served),
		SERVED(a_full_queue_is_busy),
		SERVED(what_waits_past_its_deadline_is_told_so_while_all_workers_hang),
		SERVED(a_slow_mint_that_is_sent_again_and_again_is_executed_once),
		SERVED(a_uid_that_is_not_configured_gets_a_closed_connection),
		SERVED(a_caller_who_is_removed_is_closed_at_the_next_request),
		SERVED(closing_answers_what_is_in_flight_and_refuses_what_comes),
		SERVED(closing_past_its_deadline_ends_with_requests_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
