/* No vault, a vault that goes away, and one that does not answer. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fixture.h"

static enum pm_err ask(struct peppermint *vault, struct peppermint_call *call)
{
	struct peppermint_status status;

	return peppermint_get_status(vault, &status, call);
}

static enum pm_err change(struct peppermint *vault, struct peppermint_call *call)
{
	struct peppermint_key key;

	return peppermint_revoke_key(vault, "test", CANNED_ID, &key, call);
}

static void no_socket_is_unreachable_and_the_message_names_it(void **state)
{
	struct fixture *f = *state;
	const struct peppermint_options options = { .socket = "/tmp/peppermint-is-not-here" };
	struct peppermint *vault = NULL;

	assert_ok(peppermint_open(&options, &vault));
	assert_int_equal(ask(vault, &f->call), PM_UNREACHABLE);
	assert_mentions(f->call.message, options.socket);
	assert_int_equal(change(vault, &f->call), PM_UNREACHABLE);
	peppermint_close(vault);
}

static void a_socket_nobody_listens_on_is_unreachable(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(f->socket, sizeof(f->socket), "%s/dead.sock", f->dir);
	strcpy(address.sun_path, f->socket);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	struct peppermint *vault = fixture_open(f, 0, 0);
	assert_int_equal(ask(vault, &f->call), PM_UNREACHABLE);
	peppermint_close(vault);
	close(fd);
}

static void a_socket_without_permission_is_denied(void **state)
{
	struct fixture *f = *state;
	bool root = geteuid() == 0;

	assert_int_equal(chmod(f->socket, 0), 0);
	if (root) /* who may use every socket */
		assert_int_equal(seteuid(65534), 0);
	enum pm_err err = ask(f->vault, &f->call);
	if (root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(err, PM_DENIED);
	assert_mentions(f->call.message, "group");
}

static void the_socket_comes_from_the_environment_when_the_options_name_none(void **state)
{
	struct fixture *f = *state;
	struct peppermint *vault = NULL;

	setenv("PEPPERMINT_SOCKET", f->socket, 1);
	assert_ok(peppermint_open(NULL, &vault));
	unsetenv("PEPPERMINT_SOCKET");
	assert_ok(ask(vault, NULL));
	peppermint_close(vault);
}

static void open_refuses_what_cannot_work(void **state)
{
	char path[200] = "/";
	struct peppermint *vault = NULL;

	(void)state;
	memset(path + 1, 'a', sizeof(path) - 2);
	assert_int_equal(peppermint_open(&(struct peppermint_options){ .socket = path }, &vault),
			 PM_CONFIG);
	assert_null(vault);
	assert_int_equal(peppermint_open(&(struct peppermint_options){ .socket = "" }, &vault),
			 PM_CONFIG);
	assert_int_equal(peppermint_open(&(struct peppermint_options){ .connections = 65 }, &vault),
			 PM_CONFIG);
	assert_int_equal(
		peppermint_open(&(struct peppermint_options){ .operator_name = path }, &vault),
		PM_CONFIG);
	peppermint_close(NULL);
}

static void silence_is_deadline_exceeded_for_what_reads(void **state)
{
	struct fixture *f = *state;

	canned_behave(f->canned, CANNED_SILENCE);
	f->call.timeout_ms = 50;
	assert_int_equal(ask(f->vault, &f->call), PM_DEADLINE_EXCEEDED);
	assert_mentions(f->call.message, "50 ms");
}

static void silence_is_outcome_unknown_for_what_changes(void **state)
{
	struct fixture *f = *state;

	canned_behave(f->canned, CANNED_SILENCE);
	f->call.timeout_ms = 50;
	assert_int_equal(change(f->vault, &f->call), PM_OUTCOME_UNKNOWN);
	assert_mentions(f->call.message, f->call.used_request_id);
}

static void the_call_after_a_silent_one_works(void **state)
{
	struct fixture *f = *state;
	struct peppermint *vault = fixture_open(f, 50, 1);

	canned_behave(f->canned, CANNED_SILENCE);
	assert_int_equal(ask(vault, &f->call), PM_DEADLINE_EXCEEDED);
	canned_behave(f->canned, CANNED_ANSWER);
	f->call.timeout_ms = PEPPERMINT_TIMEOUT_MS_MAX;
	assert_ok(ask(vault, &f->call));
	assert_int_equal(canned_count(f->canned), 2); /* the first was not sent again */
	peppermint_close(vault);
}

static void a_request_id_over_its_length_is_refused_here(void **state)
{
	struct fixture *f = *state;
	char id[PEPPERMINT_REQUEST_ID_MAX + 2] = "";

	memset(id, 'i', sizeof(id) - 1);
	f->call.request_id = id;
	assert_int_equal(change(f->vault, &f->call), PM_BAD_REQUEST);
	assert_int_equal(canned_count(f->canned), 0);
}

static void stop_vault(struct fixture *f)
{
	canned_stop(f->canned);
	f->canned = NULL;
	unlink(f->socket);
	usleep(50 * 1000); /* for nanomsg to see it; no test needs it to be enough */
}

/* An idle connection's end is seen before the next call is sent into it, unless it is too fresh. */
static void a_vault_that_stopped_is_noticed_and_one_that_came_back_is_used(void **state)
{
	struct fixture *f = *state;
	int noticed = 0;

	for (int i = 0; i < 100 && noticed == 0; i++) {
		assert_ok(ask(f->vault, NULL));
		stop_vault(f);
		f->call.timeout_ms = 50;
		noticed += ask(f->vault, &f->call) == PM_UNREACHABLE;
		f->canned = canned_start(f->socket);
	}
	assert_true(noticed > 0);
}

static void a_call_that_was_given_up_is_not_sent_to_a_vault_that_comes_back(void **state)
{
	struct fixture *f = *state;
	const size_t others = 20;

	canned_behave(f->canned, CANNED_SILENCE);
	f->call.timeout_ms = 50;
	assert_int_equal(change(f->vault, &f->call), PM_OUTCOME_UNKNOWN);
	stop_vault(f);
	f->canned = canned_start(f->socket);
	struct peppermint *other = fixture_open(f, PEPPERMINT_TIMEOUT_MS_MAX, 1);
	for (size_t i = 0; i < others; i++) {
		assert_ok(ask(other, NULL));
		usleep(20 * 1000); /* nanomsg connects again every 100 ms */
	}
	assert_int_equal(canned_count(f->canned), others);
	peppermint_close(other);
}

/* What a vault does with a uid that its configuration does not name. */
static void *hang_up_on_all(void *arg)
{
	int listener = *(int *)arg;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return NULL;
		close(fd);
	}
}

/* The fixture's socket from now on. */
static int listen_beside(struct fixture *f)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(f->socket, sizeof(f->socket), "%s/closing.sock", f->dir);
	strcpy(address.sun_path, f->socket);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 8), 0);
	return listener;
}

static void a_vault_that_hangs_up_is_told_from_a_slow_one(void **state)
{
	struct fixture *f = *state;
	int listener = listen_beside(f);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, hang_up_on_all, &listener), 0);
	struct peppermint *vault = fixture_open(f, PEPPERMINT_TIMEOUT_MS_MAX, 0);
	assert_int_equal(ask(vault, &f->call), PM_DENIED);
	assert_mentions(f->call.message, "does not name uid");
	assert_int_equal(change(vault, &f->call), PM_OUTCOME_UNKNOWN);
	assert_mentions(f->call.message, "does not name uid");
	peppermint_close(vault);
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
}

struct crash {
	struct fixture *f;
	int listener;
	struct canned *next;
};

/* A vault that ends in the middle of the first request, and another one that is started then. */
static void *crash(void *arg)
{
	struct crash *crash = arg;
	const uint8_t greeting[8] = { 0, 'S', 'P', 0, 0, 0x31, 0, 0 };
	uint8_t got[8 + 9]; /* a greeting, and a message's head */
	int fd = accept(crash->listener, NULL, NULL);

	while (fd >= 0 && recv(fd, got, 1, MSG_PEEK) != 1) { /* looked whether we listen */
		close(fd);
		fd = accept(crash->listener, NULL, NULL);
	}
	assert_int_equal(send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL), sizeof(greeting));
	assert_int_equal(recv(fd, got, sizeof(got), MSG_WAITALL), sizeof(got));
	close(crash->listener);
	unlink(crash->f->socket);
	close(fd);
	usleep(50 * 1000); /* nanomsg connects again at once, and then every 100 ms */
	crash->next = canned_start(crash->f->socket);
	return NULL;
}

static void a_pin_is_not_sent_again_to_a_vault_that_was_started_again(void **state)
{
	struct fixture *f = *state;
	struct crash crashing = { .f = f, .listener = listen_beside(f) };
	const struct peppermint_value pin = { "271828", 6 };
	struct peppermint *vault = fixture_open(f, PEPPERMINT_TIMEOUT_MS_MAX, 1);
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, crash, &crashing), 0);
	assert_int_equal(peppermint_unseal(vault, "test", &pin, &f->call), PM_OUTCOME_UNKNOWN);
	pthread_join(thread, NULL);
	assert_mentions(f->call.message, "The PIN may have been tried");
	/* The handle's one connection is as any other again. */
	assert_ok(ask(vault, NULL));
	assert_int_equal(canned_count(crashing.next), 1);
	peppermint_close(vault);
	canned_stop(crashing.next);
}

static void an_operators_pin_is_not_sent_again_to_a_vault_that_was_started_again(void **state)
{
	struct fixture *f = *state;
	struct crash crashing = { .f = f, .listener = listen_beside(f) };
	struct peppermint_call call = { .pin = "2718", .pin_len = 4 };
	struct peppermint *vault = fixture_open(f, PEPPERMINT_TIMEOUT_MS_MAX, 1);
	struct peppermint_key key;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, crash, &crashing), 0);
	assert_int_equal(peppermint_revoke_key(vault, "test", CANNED_ID, &key, &call),
			 PM_OUTCOME_UNKNOWN);
	pthread_join(thread, NULL);
	assert_mentions(call.message, call.used_request_id);
	assert_ok(ask(vault, NULL));
	assert_int_equal(canned_count(crashing.next), 1);
	peppermint_close(vault);
	canned_stop(crashing.next);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_socket_is_unreachable_and_the_message_names_it),
		TEST(a_socket_nobody_listens_on_is_unreachable),
		TEST(a_socket_without_permission_is_denied),
		TEST(the_socket_comes_from_the_environment_when_the_options_name_none),
		TEST(open_refuses_what_cannot_work),
		TEST(silence_is_deadline_exceeded_for_what_reads),
		TEST(silence_is_outcome_unknown_for_what_changes),
		TEST(the_call_after_a_silent_one_works),
		TEST(a_request_id_over_its_length_is_refused_here),
		TEST(a_vault_that_stopped_is_noticed_and_one_that_came_back_is_used),
		TEST(a_call_that_was_given_up_is_not_sent_to_a_vault_that_comes_back),
		TEST(a_vault_that_hangs_up_is_told_from_a_slow_one),
		TEST(a_pin_is_not_sent_again_to_a_vault_that_was_started_again),
		TEST(an_operators_pin_is_not_sent_again_to_a_vault_that_was_started_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
