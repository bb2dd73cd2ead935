#include "fixture.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 60, THREADS = 4, ACKS_PER_ROUND = 40 };

struct loop {
	struct fixture *f;
	unsigned first;
	int acks;
};

/* Commits until it is killed, and says of each that it was acknowledged. */
static void *loop_main(void *arg)
{
	struct loop *loop = arg;

	for (unsigned number = loop->first;; number += THREADS) {
		if (commit_key(loop->f, number) != PM_OK)
			_exit(1);
		if (write(loop->acks, &number, sizeof(number)) != sizeof(number))
			_exit(1);
	}
	return NULL;
}

static void child_main(struct fixture *f, unsigned base, int acks)
{
	struct loop loops[THREADS];
	pthread_t thread;

	if (store_open(&f->config, &f->store) != PM_OK)
		_exit(1);
	for (unsigned i = 0; i < THREADS; i++) {
		loops[i] = (struct loop){ .f = f, .first = base + i, .acks = acks };
		if (pthread_create(&thread, NULL, loop_main, &loops[i]) != 0)
			_exit(1);
	}
	pause();
	_exit(1);
}

static void assert_whole_or_absent(struct fixture *f, unsigned number)
{
	struct key_record key;
	struct executed_record executed;
	enum pm_err err = get_key(f, number, &key);

	assert_true(err == PM_OK || err == PM_NOT_FOUND);
	assert_int_equal(get_executed(f, number, &executed), err);
}

/* Kills the child after some acknowledgements; returns the highest number it may have reached. */
static unsigned one_round(struct fixture *f, unsigned base, int enough)
{
	struct key_record key;
	unsigned numbers[4096], number = 0, top = base;
	size_t acked = 0;
	int acks[2], status = 0;

	assert_int_equal(pipe(acks), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_main(f, base, acks[1]);
	close(acks[1]);
	while (read(acks[0], &number, sizeof(number)) == sizeof(number)) {
		if (acked < sizeof(numbers) / sizeof(numbers[0]))
			numbers[acked++] = number;
		if (number > top)
			top = number;
		if (acked == (size_t)enough)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	close(acks[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(acked >= (size_t)enough);

	fixture_open(f);
	for (size_t i = 0; i < acked; i++)
		assert_int_equal(get_key(f, numbers[i], &key), PM_OK);
	for (number = base; number <= top + 2 * THREADS; number++)
		assert_whole_or_absent(f, number);
	fixture_close(f);
	return top + 2 * THREADS;
}

static void an_acknowledged_commit_survives_kill_and_no_other_is_half_there(void **state)
{
	struct fixture *f = *state;
	unsigned base = 0;

	for (int round = 0; round < ROUNDS; round++)
		base = one_round(f, base, 1 + round % ACKS_PER_ROUND) + 1;
	assert_integrity(f->dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_acknowledged_commit_survives_kill_and_no_other_is_half_there,
			fixture_setup_unopened, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
