/* What the tests of base share. */
#ifndef TESTS_UNIT_BASE_TEST_H
#define TESTS_UNIT_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"

#define assert_ok(expr) assert_int_equal((expr), PM_OK)

#define assert_all_zero(ptr, size)                                                                 \
	do {                                                                                       \
		const volatile uint8_t *zero_ = (const volatile uint8_t *)(ptr);                   \
		for (size_t at_ = 0; at_ < (size_t)(size); at_++)                                  \
			assert_int_equal(zero_[at_], 0);                                           \
	} while (0)

#endif
