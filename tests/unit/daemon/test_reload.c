/* In which order a reload does what it does, over a vault and a socket of our own. */
#define _GNU_SOURCE
#include "daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "hsm/hsm.h"
#include "program.h"
#include "sink.h"
#include "store/store.h"
#include "vault/audit.h"

#define WHOLE                                                                                      \
	"[daemon]\nsocket = /s\nstate_dir = /d\n"                                                  \
	"[environment test]\nkey_prefix = ak_test_\nmodule = /m\n"                                 \
	"token = pkcs11:token=t\npin_file = /p\n"
#define CALLER "[caller a]\nroles = issuer\nuid = 7\n"

/* What the daemon has, and what it did since the test began. */
static struct {
	char policy[SETTINGS_REVISION_LEN + 1]; /* that entries name */
	size_t callers;                         /* that may call */
	enum pm_err fits, log_takes;
	char steps[256];
	/* Of the last ones that were opened; its texts are the settings'. */
	struct hsm_config hsm;
	struct vault_environment environment;
} now;

static void note(const char *step)
{
	strcat(now.steps, now.steps[0] ? ", " : "");
	strcat(now.steps, step);
}

enum pm_err vault_audit_config_read(struct vault *vault, const char *path, const char *policy,
				    bool ok)
{
	(void)vault;
	(void)path;
	if (now.log_takes != PM_OK)
		return now.log_takes;
	note(ok ? "told" : "told that it failed");
	if (ok)
		strcpy(now.policy, policy);
	return PM_OK;
}

enum pm_err rpc_check_callers(struct rpc *rpc, const struct rpc_caller *callers, size_t count)
{
	(void)rpc;
	(void)callers;
	(void)count;
	return now.fits;
}

enum pm_err rpc_set_callers(struct rpc *rpc, const struct rpc_caller *callers, size_t count)
{
	TRY(rpc_check_callers(rpc, callers, count));
	note("set");
	now.callers = count;
	return PM_OK;
}

enum pm_err rpc_open(struct vault *vault, const struct rpc_config *config,
		     const struct rpc_caller *callers, size_t count, struct rpc **out)
{
	(void)vault;
	(void)config;
	(void)callers;
	now.callers = count;
	*out = NULL;
	return PM_OK;
}

/* The rest of what a daemon opens does nothing here. */

enum pm_err __wrap_secret_harden_process(bool *all_locked);
enum pm_err __wrap_secret_harden_process(bool *all_locked)
{
	*all_locked = true;
	return PM_OK;
}

enum pm_err __wrap_sandbox_enter(enum sandbox_kind kind);
enum pm_err __wrap_sandbox_enter(enum sandbox_kind kind)
{
	(void)kind;
	return PM_OK;
}

enum pm_err program_describe(const char *version, char out[PROGRAM_TEXT_MAX + 1])
{
	(void)version;
	out[0] = '\0';
	return PM_OK;
}

enum pm_err store_open(const struct store_config *config, struct store **out)
{
	(void)config;
	*out = NULL;
	return PM_OK;
}

void store_close(struct store *store)
{
	(void)store;
}

enum pm_err hsm_open(const struct hsm_config *config, struct hsm **out)
{
	now.hsm = *config;
	*out = NULL;
	return PM_OK;
}

void hsm_close(struct hsm *hsm)
{
	(void)hsm;
}

enum pm_err vault_open(struct store *store, const struct vault_environment *environments,
		       size_t count, const struct vault_audit_config *audit, struct vault **out)
{
	(void)store;
	(void)audit;
	now.environment = environments[count - 1];
	*out = NULL;
	return PM_OK;
}

enum pm_err vault_set_leak_sources(struct vault *vault, const struct vault_leak_source *sources,
				   size_t count)
{
	(void)vault;
	(void)sources;
	(void)count;
	return PM_OK;
}

void vault_close(struct vault *vault)
{
	(void)vault;
}

enum pm_err vault_tend(struct vault *vault)
{
	(void)vault;
	return PM_OK;
}

enum environment_state vault_environment_state(struct vault *vault, size_t index)
{
	(void)vault;
	(void)index;
	return ENV_SERVING;
}

void vault_audit_status(struct vault *vault, struct vault_audit_status *out)
{
	(void)vault;
	*out = (struct vault_audit_status){ .origin = "vault.example/1" };
}

enum pm_err sink_open(struct vault *vault, const char *path, struct sink **out)
{
	(void)vault;
	(void)path;
	*out = NULL;
	return PM_OK;
}

void sink_close(struct sink *sink)
{
	(void)sink;
}

const atomic_uint_fast64_t *sink_dropped(const struct sink *sink)
{
	(void)sink;
	return NULL;
}

void rpc_close(struct rpc *rpc, int64_t deadline)
{
	(void)rpc;
	(void)deadline;
}

struct fixture {
	char path[64];
	char revision[SETTINGS_REVISION_LEN + 1]; /* at start */
	struct settings settings;
	struct daemon *daemon;
};

static void write_config(const struct fixture *f, const char *text)
{
	FILE *file = fopen(f->path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct config_fault fault;

	assert_non_null(f);
	memset(&now, 0, sizeof(now));
	strcpy(f->path, "/tmp/peppermint-reload-XXXXXX");
	int fd = mkstemp(f->path);
	assert_true(fd >= 0);
	close(fd);
	write_config(f, WHOLE);
	assert_int_equal(settings_load(f->path, &f->settings, &fault), PM_OK);
	const struct daemon_start start = { .config_path = f->path, .settings = &f->settings };
	assert_int_equal(daemon_open(&start, &f->daemon), PM_OK);
	strcpy(f->revision, f->settings.revision);
	assert_string_equal(now.policy, f->revision);
	now.steps[0] = '\0';
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	daemon_close(f->daemon, clock_now());
	unlink(f->path);
	free(f);
	return 0;
}

static void new_callers_are_told_to_the_log_before_they_may_call(void **state)
{
	struct fixture *f = *state;

	write_config(f, WHOLE CALLER);
	daemon_reload(f->daemon);
	assert_string_equal(now.steps, "told, set");
	assert_int_equal(now.callers, 1);
	assert_string_not_equal(now.policy, f->revision);
}

static void entries_after_a_reload_that_failed_name_the_revision_that_is_in_force(void **state)
{
	struct fixture *f = *state;

	write_config(f, WHOLE CALLER);
	now.fits = PM_BUSY;
	daemon_reload(f->daemon);
	assert_string_equal(now.steps, "told that it failed");
	assert_int_equal(now.callers, 0);
	assert_string_equal(now.policy, f->revision);
}

static void a_faulty_file_is_told_and_changes_nothing(void **state)
{
	struct fixture *f = *state;

	write_config(f, WHOLE CALLER "nonsense\n");
	daemon_reload(f->daemon);
	assert_string_equal(now.steps, "told that it failed");
	assert_int_equal(now.callers, 0);
	assert_string_equal(now.policy, f->revision);
}

static void without_an_entry_nothing_changes(void **state)
{
	struct fixture *f = *state;

	write_config(f, WHOLE CALLER);
	now.log_takes = PM_AUDIT_BLOCKED;
	daemon_reload(f->daemon);
	assert_string_equal(now.steps, "");
	assert_int_equal(now.callers, 0);
	assert_string_equal(now.policy, f->revision);
}

static void restart(struct fixture *f, const char *text)
{
	struct config_fault fault;
	const struct daemon_start start = { .config_path = f->path, .settings = &f->settings };

	daemon_close(f->daemon, clock_now());
	f->daemon = NULL;
	write_config(f, text);
	assert_int_equal(settings_load(f->path, &f->settings, &fault), PM_OK);
	assert_int_equal(daemon_open(&start, &f->daemon), PM_OK);
}

static void an_environment_without_a_pin_is_opened_without_one(void **state)
{
	struct fixture *f = *state;

	assert_string_equal(now.hsm.pin_file, "/p");
	assert_int_equal(now.hsm.pin_fd, -1);
	restart(f, "[daemon]\nsocket = /s\nstate_dir = /d\n"
		   "[environment test]\nkey_prefix = ak_test_\nmodule = /m\n"
		   "token = pkcs11:token=t\n");
	assert_null(now.hsm.pin_file);
	assert_int_equal(now.hsm.pin_fd, -1);
	assert_null(now.hsm.init_args);
	assert_null(now.hsm.standby_uri);
	assert_null(now.hsm.standby_module);
	assert_null(now.hsm.standby_module_env);
	assert_null(now.hsm.standby_pin_file);
}

static void what_the_file_says_of_tokens_and_keys_is_passed_on(void **state)
{
	struct fixture *f = *state;

	restart(f, "[keys]\npepper_days = 101\npepper_verify_days = 102\npepper_uses = 103\n"
		   "internal_days = 104\ninternal_verify_days = 105\ninternal_uses = 106\n"
		   "warn_days = 7\nrotate = auto\n" WHOLE
		   "init_args = i\nsessions = 8\nreload_seconds = 9\ncheck_minutes = 10\n"
		   "standby_token = pkcs11:token=s\nstandby_module = /sm\n"
		   "standby_module_env = S=1\nstandby_pin_file = /sp\n");
	assert_string_equal(now.hsm.init_args, "i");
	assert_int_equal(now.hsm.sessions, 8);
	assert_int_equal(now.hsm.reload_ms, 9000);
	assert_string_equal(now.hsm.standby_uri, "pkcs11:token=s");
	assert_string_equal(now.hsm.standby_module, "/sm");
	assert_string_equal(now.hsm.standby_module_env, "S=1");
	assert_string_equal(now.hsm.standby_pin_file, "/sp");
	const struct vault_environment *environment = &now.environment;
	assert_int_equal(environment->check_minutes, 10);
	assert_int_equal(environment->peppers.make_days, 101);
	assert_int_equal(environment->peppers.verify_days, 102);
	assert_int_equal(environment->peppers.make_uses, 103);
	assert_int_equal(environment->peppers.warn_days, 7);
	assert_true(environment->peppers.rotate);
	assert_int_equal(environment->internals.make_days, 104);
	assert_int_equal(environment->internals.verify_days, 105);
	assert_int_equal(environment->internals.make_uses, 106);
	assert_int_equal(environment->internals.warn_days, 7);
	assert_true(environment->internals.rotate);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(new_callers_are_told_to_the_log_before_they_may_call),
		TEST(entries_after_a_reload_that_failed_name_the_revision_that_is_in_force),
		TEST(a_faulty_file_is_told_and_changes_nothing),
		TEST(without_an_entry_nothing_changes),
		TEST(an_environment_without_a_pin_is_opened_without_one),
		TEST(what_the_file_says_of_tokens_and_keys_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
