#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "test.h"

#define STEP 16384

static void what_it_hands_out_is_zero_and_aligned(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;

	(void)state;
	assert_ok(arena_new(4 * STEP, STEP, &arena));
	for (size_t size = 1; size < 100; size++) {
		uint8_t *ptr = arena_alloc(arena, size);
		assert_non_null(ptr);
		assert_int_equal((uintptr_t)ptr % alignof(max_align_t), 0);
		assert_all_zero(ptr, size);
		memset(ptr, 0xaa, size);
	}
}

static void it_holds_its_limit_and_not_a_byte_more(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;

	(void)state;
	assert_ok(arena_new(4 * STEP, STEP, &arena));
	uint8_t *all = arena_alloc(arena, 4 * STEP);
	assert_non_null(all);
	memset(all, 0xaa, 4 * STEP);
	assert_null(arena_alloc(arena, 1));
	assert_null(arena_alloc(arena, SIZE_MAX));
}

static void an_array_whose_size_overflows_is_refused(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;

	(void)state;
	assert_ok(arena_new(STEP, STEP, &arena));
	assert_null(arena_array(arena, SIZE_MAX / 2 + 2, 2));
	assert_null(arena_array(arena, SIZE_MAX, SIZE_MAX));
	assert_non_null(arena_array(arena, 8, 8));
}

static void a_text_gets_its_nul(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;

	(void)state;
	assert_ok(arena_new(STEP, STEP, &arena));
	assert_string_equal(arena_text(arena, bytes_of("mintleaf", 4)), "mint");
	assert_string_equal(arena_text(arena, bytes_of(NULL, 0)), "");
}

static void emptying_wipes_what_was_kept(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;

	(void)state;
	assert_ok(arena_new(4 * STEP, STEP, &arena));
	uint8_t *first = arena_alloc(arena, 100);
	memset(first, 0xaa, 100);
	arena_reset(arena);
	assert_all_zero(first, 100); /* it is within what stays locked and readable */
	assert_ptr_equal(arena_alloc(arena, 100), first);
}

static void what_it_grew_by_is_zero_again_after_emptying(void **state)
{
	struct arena *arena CLEANUP(arena_freep) = NULL;

	(void)state;
	assert_ok(arena_new(8 * STEP, STEP, &arena));
	for (int round = 0; round < 3; round++) {
		uint8_t *ptr = arena_alloc(arena, 6 * STEP);
		assert_non_null(ptr);
		assert_all_zero(ptr, 6 * STEP);
		memset(ptr, 0xaa, 6 * STEP);
		arena_reset(arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_hands_out_is_zero_and_aligned),
		cmocka_unit_test(it_holds_its_limit_and_not_a_byte_more),
		cmocka_unit_test(an_array_whose_size_overflows_is_refused),
		cmocka_unit_test(a_text_gets_its_nul),
		cmocka_unit_test(emptying_wipes_what_was_kept),
		cmocka_unit_test(what_it_grew_by_is_zero_again_after_emptying),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
