#include "audit_fixture.h"

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

/* Short enough to be written to a pipe at once. */
struct ack {
	unsigned number;
	struct store_receipt receipt;
};

/* Commits until it is killed, and says of each that it was acknowledged. */
static void *loop_main(void *arg)
{
	struct loop *loop = arg;

	struct ack ack = { .number = loop->first };

	for (;; ack.number += THREADS) {
		if (commit_audited(loop->f, ack.number, &ack.receipt) != PM_OK)
			_exit(1);
		if (write(loop->acks, &ack, sizeof(ack)) != sizeof(ack))
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

/* Whose leaves are in the log, from `base` on. */
struct told {
	unsigned base;
	bool of[8192];
};

static bool note_told(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct told *told = arg;
	char text[TLOG_ENTRY_MAX + 1];
	unsigned number = 0;

	(void)index;
	(void)leaf;
	memcpy(text, entry.data, entry.len);
	text[entry.len] = '\0';
	const char *id = strstr(text, "\"key\":\"");
	if (!id || sscanf(id, "\"key\":\"%u", &number) != 1 || number < told->base)
		return true;
	assert_true(number - told->base < sizeof(told->of));
	assert_false(told->of[number - told->base]); /* once */
	told->of[number - told->base] = true;
	return true;
}

static void assert_whole_or_absent(struct fixture *f, unsigned number, const struct told *told)
{
	struct key_record key;
	struct executed_record executed;
	enum pm_err err = get_key(f, number, &key);

	assert_true(err == PM_OK || err == PM_NOT_FOUND);
	assert_int_equal(get_executed(f, number, &executed), err);
	assert_int_equal(told->of[number - told->base], err == PM_OK);
}

static void assert_acked(struct fixture *f, const struct ack *ack)
{
	struct key_record key;
	struct reading reading = { 0 };
	char id[32];

	assert_int_equal(get_key(f, ack->number, &key), PM_OK);
	assert_int_equal(read_leaves(f, ack->receipt.log, ack->receipt.index, 1, &reading), PM_OK);
	snprintf(id, sizeof(id), "%016u", ack->number);
	assert_non_null(strstr(reading.last, id));
}

static void assert_after_kill(struct fixture *f, unsigned base, unsigned top,
			      const struct ack *acks, size_t acked)
{
	static struct told told;

	told = (struct told){ .base = base };
	fixture_open(f);
	assert_tree_is_of_rows(f);
	assert_int_equal(store_read_leaves(f->store, 1, 0, SIZE_MAX, note_told, &told), PM_OK);
	for (size_t i = 0; i < acked; i++)
		assert_acked(f, &acks[i]);
	for (unsigned number = base; number <= top; number++)
		assert_whole_or_absent(f, number, &told);
	fixture_close(f);
}

/* Kills the child after some acknowledgements; returns the highest number it may have reached. */
static unsigned one_round(struct fixture *f, unsigned base, int enough)
{
	static struct ack acks[4096];
	struct ack ack;
	unsigned top = base;
	size_t acked = 0;
	int pipes[2], status = 0;

	assert_int_equal(pipe(pipes), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		child_main(f, base, pipes[1]);
	close(pipes[1]);
	while (read(pipes[0], &ack, sizeof(ack)) == sizeof(ack)) {
		if (acked < sizeof(acks) / sizeof(acks[0]))
			acks[acked++] = ack;
		if (ack.number > top)
			top = ack.number;
		if (acked == (size_t)enough)
			assert_int_equal(kill(child, SIGKILL), 0);
	}
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(acked >= (size_t)enough);
	assert_after_kill(f, base, top + 2 * THREADS, acks, acked);
	return top + 2 * THREADS;
}

static void an_acknowledged_commit_survives_kill_and_no_other_is_half_there(void **state)
{
	struct fixture *f = *state;
	unsigned base = 0;

	fixture_open(f);
	assert_int_equal(commit_log(f, 1), PM_OK);
	fixture_close(f);
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
