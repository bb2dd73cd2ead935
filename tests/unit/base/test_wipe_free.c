/* Linked with pm_wipe_free: glibc gives a block that was just freed to the next who asks for one.
 */
#include <stdlib.h>

#include "test.h"

#define SIZE ((size_t)1000)

static uint8_t *new_secret(size_t size)
{
	uint8_t *ptr = malloc(size);

	assert_non_null(ptr);
	memset(ptr, 0xaa, size);
	return ptr;
}

/* The block at `address` again; its bytes are as they were left. */
static uint8_t *take_again(uintptr_t address, size_t size)
{
	uint8_t *ptr = malloc(size);

	assert_int_equal((uintptr_t)ptr, address);
	return ptr;
}

static void a_freed_block_is_wiped(void **state)
{
	uint8_t *secret = new_secret(SIZE);
	uintptr_t address = (uintptr_t)secret;

	(void)state;
	free(secret);
	uint8_t *again CLEANUP(free_ptr) = take_again(address, SIZE);
	assert_all_zero(again + 16, SIZE - 16); /* the first 16 are glibc's list of free blocks */
}

static void a_block_that_realloc_leaves_is_wiped(void **state)
{
	uint8_t *secret = new_secret(SIZE);
	uintptr_t address = (uintptr_t)secret;

	(void)state;
	uint8_t *moved CLEANUP(free_ptr) = realloc(secret, 100 * SIZE);
	assert_non_null(moved);
	assert_int_not_equal((uintptr_t)moved, address);
	assert_int_equal(moved[0], 0xaa);
	assert_int_equal(moved[SIZE - 1], 0xaa);
	uint8_t *again CLEANUP(free_ptr) = take_again(address, SIZE);
	assert_all_zero(again + 16, SIZE - 16);
}

static void realloc_to_nothing_wipes_and_frees(void **state)
{
	uint8_t *secret = new_secret(SIZE);
	uintptr_t address = (uintptr_t)secret;

	(void)state;
	assert_null(realloc(secret, 0));
	uint8_t *again CLEANUP(free_ptr) = take_again(address, SIZE);
	assert_all_zero(again + 16, SIZE - 16);
}

static void realloc_keeps_what_fits_whichever_way_it_goes(void **state)
{
	uint8_t *bytes CLEANUP(free_ptr) = NULL;

	(void)state;
	for (size_t size = 1; size < 100000; size = size * 3 + 1) {
		bytes = realloc(bytes, size);
		assert_non_null(bytes);
		memset(bytes + size / 3, 0x55, size - size / 3);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0x55);
	}
	for (size_t size = 80000; size > 0; size /= 7) {
		bytes = realloc(bytes, size);
		assert_non_null(bytes);
		for (size_t i = 0; i < size; i++)
			assert_int_equal(bytes[i], 0x55);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_freed_block_is_wiped),
		cmocka_unit_test(a_block_that_realloc_leaves_is_wiped),
		cmocka_unit_test(realloc_to_nothing_wipes_and_frees),
		cmocka_unit_test(realloc_keeps_what_fits_whichever_way_it_goes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
