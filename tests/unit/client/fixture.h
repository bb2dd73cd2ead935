/* What the tests of the client share: a canned vault at a socket of its own and a handle to it. */
#ifndef TESTS_CLIENT_FIXTURE_H
#define TESTS_CLIENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "canned.h"
#include "peppermint/client.h"

struct fixture {
	char dir[64];
	char socket[96];
	struct canned *canned;
	struct peppermint *vault;
	struct peppermint_call call;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Another handle to the same socket. */
struct peppermint *fixture_open(struct fixture *f, uint32_t timeout_ms, uint32_t connections);

#define assert_ok(expr) assert_int_equal((expr), PM_OK)
#define assert_mentions(text, part) assert_non_null(strstr((text), (part)))

#endif
