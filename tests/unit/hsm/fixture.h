/* A directory shared with the fake signer, and an hsm that runs it. */
#ifndef TESTS_UNIT_HSM_FIXTURE_H
#define TESTS_UNIT_HSM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include "base/clock.h"
#include "hsm/hsm.h"
#include "tmpdir.h"

#define PATIENCE_MS 60000 /* for what must happen at some time; then the test fails */

struct fixture {
	char directory[TMPDIR_MAX];
	struct hsm_config config;
	struct hsm *hsm; /* NULL until fixture_open */
	/* NULL until fixture_add_standby: its directory, and its hsm_member once it is open. */
	struct fixture *standby;
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Before fixture_open: a second token, whose MACs are not the first one's. */
void fixture_add_standby(struct fixture *f);
void fixture_open(struct fixture *f);
void fixture_close(struct fixture *f);

/* A file in the directory. */
void fixture_write(const struct fixture *f, const char *name, const char *text);
void fixture_remove(const struct fixture *f, const char *name);
char *fixture_read(const struct fixture *f, const char *name);   /* freed by the caller */
size_t fixture_lines(const struct fixture *f, const char *name); /* 0: there is no such file */
size_t fixture_starts(const struct fixture *f);

struct hsm_status fixture_status(const struct fixture *f);
/* Waits until the hsm serves in a later generation, or is in that state. */
void fixture_await_generation(const struct fixture *f, uint64_t generation);
void fixture_await_state(const struct fixture *f, enum hsm_state state);

struct hsm_id key_named(const char *name);
/* Whether the job was answered with the MAC that OpenSSL computes. */
bool mac_is_right(const struct hsm_job *job);
/* The same of the standby's. */
bool mac_is_standbys(const struct hsm_job *job);
/* One HMAC with that key; its error, be it the call's or the job's. PM_BAD_REPLY: a wrong MAC. */
enum pm_err hmac_once(const struct fixture *f, const char *key, int64_t ms);

#endif
