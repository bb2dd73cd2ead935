/*
 * A throw-away SoftHSM token in a directory of its own, for tests of processes that load the real
 * module. SoftHSM stays out of the (sanitized) test process: tools run beside it. What cannot be
 * made aborts the test program.
 */
#ifndef SUPPORT_SOFT_TOKEN_H
#define SUPPORT_SOFT_TOKEN_H

#include <stddef.h>

#include "tmpdir.h"

#define SOFT_TOKEN_MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define SOFT_TOKEN_PIN "pin-of-a-test"

struct soft_token {
	char dir[TMPDIR_MAX]; /* a test may put files of its own here */
	char env[160];        /* SOFTHSM2_CONF=…: what the module needs in its environment */
	char label[33];
	char serial[17];
	char uri[128];      /* names this token by label and serial */
	char pin_file[128]; /* mode 0600, with SOFT_TOKEN_PIN */
};

void soft_token_make(struct soft_token *token, const char *label);
void soft_token_remove(const struct soft_token *token);

/* One more token in the same place, that the same module sees. */
void soft_token_add(const struct soft_token *token, const char *label);

/*
 * Runs a program that sees the token; argv ends with NULL. What it prints, to both descriptors, is
 * in `out` (cut to fit). Returns its exit status, or -1 if a signal ended it.
 */
int soft_token_run(const struct soft_token *token, const char *const argv[], char *out, size_t cap);

/* pkcs11-tool, logged in to the token; argv's words come after that and end with NULL. */
int soft_token_tool(const struct soft_token *token, const char *const argv[], char *out,
		    size_t cap);

#endif
