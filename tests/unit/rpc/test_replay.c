/* At most once: parking, answering again, conflicts, time, room, and wiping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "replay.h"

#define MEMORY 4096
#define SECONDS 120
#define START INT64_C(5000000000)

/* The linker's --wrap: where the answers are. */
void *__real_secret_alloc(size_t size);
void *__wrap_secret_alloc(size_t size);

static uint8_t *ring;

void *__wrap_secret_alloc(size_t size)
{
	return ring = __real_secret_alloc(size);
}

struct fixture {
	struct replay *replay;
	struct arena *arena;
	struct replay_ticket ticket;
	enum replay_step step;
	struct bytes answer;
	int64_t now;
};

static struct replay_ticket ticket_for(struct fixture *f, uint32_t uid, const char *id,
				       const char *content)
{
	const struct bytes part = bytes_str(content);
	struct replay_ticket ticket;

	assert_int_equal(replay_ticket_fill(f->replay, &ticket, uid, id, 17, &part, 1), PM_OK);
	return ticket;
}

static enum pm_err begin(struct fixture *f, struct replay_ticket *ticket)
{
	f->answer = bytes_of(NULL, 0);
	return replay_begin(f->replay, ticket, f->now, f->arena, &f->step, &f->answer);
}

static void execute(struct fixture *f, const char *id, const char *answer)
{
	struct replay_ticket ticket = ticket_for(f, 1, id, "content");

	assert_int_equal(begin(f, &ticket), PM_OK);
	assert_int_equal(f->step, REPLAY_EXECUTE);
	assert_null(replay_end(f->replay, &ticket, bytes_str(answer), f->now));
}

/* What asking again gives: the answer, or NULL if it would be executed. */
static const char *again(struct fixture *f, const char *id)
{
	static char text[MEMORY];
	struct replay_ticket ticket = ticket_for(f, 1, id, "content");

	assert_int_equal(begin(f, &ticket), PM_OK);
	if (f->step == REPLAY_EXECUTE) {
		assert_null(replay_end(f->replay, &ticket, bytes_of(NULL, 0), f->now));
		return NULL;
	}
	assert_int_equal(f->step, REPLAY_ANSWER);
	snprintf(text, sizeof(text), "%.*s", (int)f->answer.len, (const char *)f->answer.data);
	return text;
}

static void a_first_request_is_executed(void **state)
{
	struct fixture *f = *state;

	assert_null(again(f, "new"));
}

static void a_repeat_gets_the_same_answer_and_is_not_executed(void **state)
{
	struct fixture *f = *state;

	execute(f, "id", "the secret");
	assert_string_equal(again(f, "id"), "the secret");
	assert_string_equal(again(f, "id"), "the secret");
}

static void other_ids_and_other_callers_are_other_requests(void **state)
{
	struct fixture *f = *state;

	execute(f, "id", "the secret");
	assert_null(again(f, "id2"));
	struct replay_ticket theirs = ticket_for(f, 2, "id", "content");
	assert_int_equal(begin(f, &theirs), PM_OK);
	assert_int_equal(f->step, REPLAY_EXECUTE);
	replay_end(f->replay, &theirs, bytes_of(NULL, 0), f->now);
}

static void another_content_or_call_under_the_same_id_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	struct replay_ticket running = ticket_for(f, 1, "id", "content");
	struct replay_ticket other = ticket_for(f, 1, "id", "other content");
	const struct bytes content = bytes_str("content");
	struct replay_ticket call;

	assert_int_equal(replay_ticket_fill(f->replay, &call, 1, "id", 18, &content, 1), PM_OK);
	assert_int_equal(begin(f, &running), PM_OK);
	assert_int_equal(begin(f, &other), PM_CONFLICT); /* while it runs */
	assert_int_equal(begin(f, &call), PM_CONFLICT);
	replay_end(f->replay, &running, bytes_str("done"), f->now);
	assert_int_equal(begin(f, &other), PM_CONFLICT); /* and afterwards */
	assert_int_equal(begin(f, &call), PM_CONFLICT);
}

static void expect_other(struct fixture *f, const char *first, const char *second)
{
	const struct bytes parts[] = { bytes_str(first), bytes_str(second) };
	struct replay_ticket other;

	assert_int_equal(replay_ticket_fill(f->replay, &other, 1, "id", 17, parts, 2), PM_OK);
	assert_int_equal(begin(f, &other), PM_CONFLICT);
}

static void parts_that_join_to_the_same_text_are_another_content(void **state)
{
	const struct bytes parts[] = { bytes_str("ab"), bytes_str("c") };
	struct fixture *f = *state;
	struct replay_ticket running;

	assert_int_equal(replay_ticket_fill(f->replay, &running, 1, "id", 17, parts, 2), PM_OK);
	assert_int_equal(begin(f, &running), PM_OK);
	expect_other(f, "a", "bc");
	expect_other(f, "abc", "");
	expect_other(f, "", "abc");
	expect_other(f, "ab", "");
	expect_other(f, "c", "ab");
	assert_null(replay_end(f->replay, &running, bytes_of(NULL, 0), f->now));
}

static void repeats_while_it_runs_are_parked_and_handed_out_at_its_end(void **state)
{
	struct fixture *f = *state;
	struct replay_ticket first = ticket_for(f, 1, "id", "content");
	struct replay_ticket repeats[3];
	size_t count = 0;

	assert_int_equal(begin(f, &first), PM_OK);
	for (size_t i = 0; i < 3; i++) {
		repeats[i] = ticket_for(f, 1, "id", "content");
		assert_int_equal(begin(f, &repeats[i]), PM_OK);
		assert_int_equal(f->step, REPLAY_PARKED);
	}
	struct replay_ticket *parked = replay_end(f->replay, &first, bytes_str("done"), f->now);
	for (; parked; parked = parked->next) {
		assert_true(parked >= repeats && parked < repeats + 3);
		count++;
	}
	assert_int_equal(count, 3);
	assert_string_equal(again(f, "id"), "done");
}

static void after_a_failure_the_same_id_is_executed_again(void **state)
{
	struct fixture *f = *state;
	struct replay_ticket first = ticket_for(f, 1, "id", "content");
	struct replay_ticket repeat = ticket_for(f, 1, "id", "content");

	assert_int_equal(begin(f, &first), PM_OK);
	assert_int_equal(begin(f, &repeat), PM_OK);
	assert_ptr_equal(replay_end(f->replay, &first, bytes_of(NULL, 0), f->now), &repeat);
	assert_int_equal(replay_count(f->replay), 0);
	assert_null(again(f, "id"));
}

static void two_changes_at_a_time_end_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct replay_ticket a = ticket_for(f, 1, "a", "content");
	struct replay_ticket b = ticket_for(f, 1, "b", "content");
	struct replay_ticket c = ticket_for(f, 1, "c", "content");

	assert_int_equal(begin(f, &a), PM_OK);
	assert_int_equal(begin(f, &b), PM_OK);
	assert_int_equal(begin(f, &c), PM_OK);
	assert_null(replay_end(f->replay, &b, bytes_str("B"), f->now));
	assert_null(replay_end(f->replay, &c, bytes_str("C"), f->now));
	assert_null(replay_end(f->replay, &a, bytes_str("A"), f->now));
	assert_string_equal(again(f, "a"), "A");
	assert_string_equal(again(f, "b"), "B");
	assert_string_equal(again(f, "c"), "C");
}

static void an_answer_is_kept_for_its_time_and_not_longer(void **state)
{
	struct fixture *f = *state;

	execute(f, "id", "the secret");
	f->now = START + SECONDS * NS_PER_SECOND - 1;
	assert_string_equal(again(f, "id"), "the secret");
	f->now++;
	assert_null(again(f, "id"));
}

static void an_old_answer_goes_even_if_nobody_asks(void **state)
{
	struct fixture *f = *state;

	execute(f, "id", "the secret");
	replay_sweep(f->replay, START + SECONDS * NS_PER_SECOND - 1);
	assert_int_equal(replay_count(f->replay), 1);
	replay_sweep(f->replay, START + SECONDS * NS_PER_SECOND);
	assert_int_equal(replay_count(f->replay), 0);
}

static void an_answer_that_has_gone_has_left_nothing_behind(void **state)
{
	static const uint8_t nothing[MEMORY];
	struct fixture *f = *state;

	execute(f, "id", "the secret");
	assert_memory_not_equal(ring, nothing, MEMORY);
	replay_sweep(f->replay, START + SECONDS * NS_PER_SECOND);
	assert_memory_equal(ring, nothing, MEMORY);
}

static void when_room_is_short_the_oldest_answers_go_first(void **state)
{
	struct fixture *f = *state;
	char answer[301], id[16];

	memset(answer, 'x', sizeof(answer));
	answer[300] = '\0';
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		execute(f, id, answer);
	}
	size_t kept = replay_count(f->replay);
	assert_in_range(kept, 5, MEMORY / 300);
	for (int i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "%d", i);
		const char *found = again(f, id);
		if ((size_t)i >= 1000 - kept)
			assert_string_equal(found, answer);
		else
			assert_null(found);
	}
}

/* Against a plain list as the model: answers of every size, going round and round in the ring. */
static void the_ring_keeps_what_it_says_it_keeps(void **state)
{
	enum { ROUNDS = 5000 };
	struct fixture *f = *state;
	static char answers[ROUNDS][16];
	static char long_answer[MEMORY];
	char id[16];

	srand(3);
	for (int i = 0; i < ROUNDS; i++) {
		int len = rand() % 900;

		memset(long_answer, 'a' + i % 26, sizeof(long_answer));
		long_answer[len + 1] = '\0';
		snprintf(answers[i], sizeof(answers[i]), "%d:%c", len + 1, 'a' + i % 26);
		snprintf(id, sizeof(id), "%d", i);
		execute(f, id, long_answer);
		size_t kept = replay_count(f->replay);
		assert_true(kept >= 1);
		int which = i - rand() % (int)kept;
		snprintf(id, sizeof(id), "%d", which);
		const char *found = again(f, id);
		assert_non_null(found);
		char seen[32];
		snprintf(seen, sizeof(seen), "%zu:%c", strlen(found), found[0]);
		assert_string_equal(seen, answers[which]);
		snprintf(id, sizeof(id), "%d", i - (int)kept);
		assert_null(again(f, id));
		arena_reset(f->arena);
	}
}

static void an_answer_larger_than_the_memory_is_not_kept(void **state)
{
	struct fixture *f = *state;
	static char answer[MEMORY + 1];

	memset(answer, 'x', MEMORY);
	execute(f, "id", answer);
	assert_int_equal(replay_count(f->replay), 0);
	assert_null(again(f, "id"));
}

/* Whoever reads a ticket, or another vault's, cannot try PINs on it. */
static void a_content_is_known_by_a_keyed_digest_only(void **state)
{
	struct fixture *f = *state;
	struct replay *other = NULL;
	const struct bytes pin = bytes_str("271828");
	struct replay_ticket theirs;
	uint8_t plain[REPLAY_DIGEST_LEN];

	struct replay_ticket ours = ticket_for(f, 1, "id", "271828");
	struct replay_ticket again = ticket_for(f, 1, "id", "271828");
	assert_memory_equal(ours.content, again.content, REPLAY_DIGEST_LEN);
	SHA256((const uint8_t *)"271828", 6, plain);
	assert_memory_not_equal(ours.content, plain, REPLAY_DIGEST_LEN);
	assert_int_equal(replay_new(MEMORY, SECONDS, &other), PM_OK);
	assert_int_equal(replay_ticket_fill(other, &theirs, 1, "id", 17, &pin, 1), PM_OK);
	assert_memory_not_equal(ours.content, theirs.content, REPLAY_DIGEST_LEN);
	replay_free(other);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->now = START;
	*state = f;
	return replay_new(MEMORY, SECONDS, &f->replay) == PM_OK &&
			       arena_new(1024 * 1024, 16384, &f->arena) == PM_OK
		       ? 0
		       : -1;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	replay_free(f->replay);
	arena_free(f->arena);
	free(f);
	return 0;
}

int main(void)
{
#define REPLAY(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		REPLAY(a_first_request_is_executed),
		REPLAY(a_repeat_gets_the_same_answer_and_is_not_executed),
		REPLAY(other_ids_and_other_callers_are_other_requests),
		REPLAY(another_content_or_call_under_the_same_id_is_a_conflict),
		REPLAY(parts_that_join_to_the_same_text_are_another_content),
		REPLAY(repeats_while_it_runs_are_parked_and_handed_out_at_its_end),
		REPLAY(after_a_failure_the_same_id_is_executed_again),
		REPLAY(two_changes_at_a_time_end_in_any_order),
		REPLAY(an_answer_is_kept_for_its_time_and_not_longer),
		REPLAY(an_old_answer_goes_even_if_nobody_asks),
		REPLAY(an_answer_that_has_gone_has_left_nothing_behind),
		REPLAY(when_room_is_short_the_oldest_answers_go_first),
		REPLAY(the_ring_keeps_what_it_says_it_keeps),
		REPLAY(an_answer_larger_than_the_memory_is_not_kept),
		REPLAY(a_content_is_known_by_a_keyed_digest_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
