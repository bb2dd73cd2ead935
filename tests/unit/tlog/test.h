/* What the tests of tlog share. */
#ifndef TESTS_UNIT_TLOG_TEST_H
#define TESTS_UNIT_TLOG_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"

#define assert_ok(expr) assert_int_equal((expr), PM_OK)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
