/* Exports made, tampered with and checked: what the verifier's tests share. */
#ifndef TESTS_UNIT_CLI_VERIFY_FIXTURE_H
#define TESTS_UNIT_CLI_VERIFY_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "log_export.h"
#include "tlog/tile.h"
#include "tmpdir.h"
#include "verify.h"

#define NAME "vault.example/audit/"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
	char folder[TMPDIR_MAX];
	struct signer *logs[4], *witness;
	struct verify_options options;
	struct tlog_key keys[2], witness_key;
	struct verify_report report;
};

int set_up(void **state);
int tear_down(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Log 1 of that size, signed by logs[0], with nothing special about it. */
struct log_export first_log(struct fixture *f, uint64_t size);
void write_first(struct fixture *f, uint64_t size);

/* The verdict; the report is in the fixture. */
bool check(struct fixture *f);
void assert_good(struct fixture *f);
void assert_fault(struct fixture *f, const char *fault);
void assert_fault_has(struct fixture *f, const char *part);

/* The files of the export, by their paths in it. A path stands until the next but one is asked for. */
const char *path_of(const struct fixture *f, const char *name);
struct content {
	uint8_t data[65536];
	size_t len;
};
struct content get(const struct fixture *f, const char *name);
void put(const struct fixture *f, const char *name, const void *data, size_t len);
void put_note(struct fixture *f, const char *name, const struct note *note);
void add(struct fixture *f, const char *name, const char *text);
void restart(struct fixture *f); /* with an empty folder */

#endif
