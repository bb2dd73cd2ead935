#define _GNU_SOURCE
#include "settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define DAEMON "[daemon]\nsocket = /s\nstate_dir = /d\n"
#define TEST_ENV                                                                                   \
	"[environment test]\nkey_prefix = ak_test_\nmodule = /m\n"                                 \
	"token = pkcs11:token=t\npin_file = /p\n"
#define LIVE_ENV                                                                                   \
	"[environment live]\nkey_prefix = ak_live_\nmodule = /m\n"                                 \
	"token = pkcs11:token=l\npin_fd = 3\n"
#define WHOLE DAEMON TEST_ENV LIVE_ENV

struct fixture {
	struct settings settings, other;
	struct rpc_caller callers[RPC_CALLERS_MAX];
	struct config_fault fault;
};

static void accept(struct fixture *f, const char *text)
{
	if (settings_parse(bytes_str(text), &f->settings, &f->fault) != PM_OK)
		fail_msg("line %u: %s", f->fault.line, f->fault.text);
}

static void refuse(struct fixture *f, const char *text, unsigned line, const char *why)
{
	assert_int_equal(settings_parse(bytes_str(text), &f->settings, &f->fault), PM_CONFIG);
	assert_string_equal(f->fault.text, why);
	assert_int_equal(f->fault.line, line);
}

static void the_least_configuration_has_every_default(void **state)
{
	struct fixture *f = *state;

	accept(f, DAEMON TEST_ENV);
	const struct settings *s = &f->settings;
	assert_string_equal(s->daemon.socket, "/s");
	assert_int_equal(s->daemon.socket_mode, 0660);
	assert_false(s->daemon.socket_group.given);
	assert_string_equal(s->daemon.state_dir, "/d");
	assert_string_equal(s->daemon.signer, SIGNER_PATH);
	assert_int_equal(s->limits.message_bytes, 65536);
	assert_int_equal(s->limits.requests, 256);
	assert_int_equal(s->limits.per_connection, 64);
	assert_int_equal(s->limits.per_caller, 120);
	assert_int_equal(s->limits.connections, 2048);
	assert_int_equal(s->limits.batch, 512);
	assert_int_equal(s->limits.workers, 8);
	assert_int_equal(s->limits.queue, 256);
	assert_int_equal(s->limits.send_timeout_ms, 2000);
	assert_int_equal(s->limits.replay_bytes, 2097152);
	assert_int_equal(s->limits.replay_seconds, 120);
	assert_int_equal(s->limits.hsm_timeout_ms, 10000);
	assert_string_equal(s->audit.environment, "");
	assert_string_equal(s->audit.anchor, "/d/audit-checkpoint");
	assert_int_equal(s->audit.acts, ACTS_FOLDED);
	assert_int_equal(s->audit.refusals_per_minute, 60);
	assert_int_equal(s->audit.keep_months, 0);
	assert_int_equal(s->audit.sink, SINK_NONE);
	assert_string_equal(s->audit.sink_socket, "/dev/log");
	assert_int_equal(s->witness_count, 0);
	assert_int_equal(s->environment_count, 1);
	assert_string_equal(s->environments[0].pin_file, "/p");
	assert_false(s->environments[0].pin_fd.given);
	assert_string_equal(s->environments[0].init_args, "");
	assert_int_equal(s->environments[0].sessions, 1);
	assert_int_equal(s->environments[0].reload_seconds, 30);
	assert_int_equal(s->environments[0].check_minutes, 5);
	assert_string_equal(s->environments[0].standby_token, "");
	assert_int_equal(s->environments[0].production, true);
	assert_int_equal(s->environments[0].any_account, false);
	assert_int_equal(s->environments[0].generate_reference, false);
	assert_int_equal(s->environments[0].recoverable, false);
	assert_int_equal(s->environments[0].cross_environment, false);
	assert_int_equal(s->environments[0].step_up, 1 << ACT_MINT | 1 << ACT_ROTATE |
							     1 << ACT_RESET | 1 << ACT_REVOKE |
							     1 << ACT_REVEAL | 1 << ACT_OPERATORS);
	assert_int_equal(s->environments[0].on_leak, LEAK_REVOKED);
	assert_int_equal(s->environments[0].expiry_warn_days, 7);
	assert_string_equal(s->environments[0].mask, "*****");
	assert_int_equal(s->leak_source_count, 0);
	assert_int_equal(s->keys.pepper_days, 730);
	assert_int_equal(s->keys.pepper_verify_days, 1095);
	assert_int_equal(s->keys.pepper_uses, 0);
	assert_int_equal(s->keys.internal_days, 730);
	assert_int_equal(s->keys.internal_verify_days, 1095);
	assert_int_equal(s->keys.internal_uses, 0);
	assert_int_equal(s->keys.warn_days, 30);
	assert_int_equal(s->keys.rotate, ROTATE_MANUAL);
	assert_int_equal(s->caller_count, 0);
}

static void limits_are_held_at_both_ends(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *name;
		uint32_t min, max;
	} limits[] = { { "message_bytes", 4096, 1048576 },
		       { "workers", 1, 64 },
		       { "batch", 1, 512 } };
	char text[512], why[128];

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const uint32_t wrong[] = { limits[i].min - 1, limits[i].max + 1 };
		const uint32_t right[] = { limits[i].min, limits[i].max };

		for (size_t j = 0; j < 2; j++) {
			snprintf(text, sizeof(text), "[limits]\n%s = %u\n" DAEMON TEST_ENV,
				 limits[i].name, right[j]);
			accept(f, text);
			snprintf(text, sizeof(text), "[limits]\n%s = %u\n" DAEMON TEST_ENV,
				 limits[i].name, wrong[j]);
			snprintf(why, sizeof(why),
				 "setting '%s' in [limits] must be a number from %u to %u",
				 limits[i].name, limits[i].min, limits[i].max);
			refuse(f, text, 2, why);
		}
	}
}

static void a_policy_is_as_the_platform_wants_it(void **state)
{
	struct fixture *f = *state;
	static const char policy[] = "production = no\naccounts = any\n"
				     "external_references = generated\nrecoverable = yes\n"
				     "cross_environment = yes\nstep_up = revoke  mint\n"
				     "on_leak = disable\nexpiry_warn_days = 30\nmask = ....\n";
	char text[1024];

	snprintf(text, sizeof(text), "%s%s%s", DAEMON, TEST_ENV, policy);
	accept(f, text);
	const struct environment_settings *environment = &f->settings.environments[0];
	assert_false(environment->production);
	assert_true(environment->any_account);
	assert_true(environment->generate_reference);
	assert_true(environment->recoverable);
	assert_true(environment->cross_environment);
	assert_int_equal(environment->step_up, 1 << ACT_MINT | 1 << ACT_REVOKE);
	assert_int_equal(environment->on_leak, LEAK_DISABLED);
	assert_int_equal(environment->expiry_warn_days, 30);
	assert_string_equal(environment->mask, "....");
	accept(f, DAEMON TEST_ENV "step_up = none\n");
	assert_int_equal(f->settings.environments[0].step_up, 0);
}

static void a_secret_cannot_be_read_back_where_real_money_moves(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(settings_parse(bytes_str(DAEMON TEST_ENV "recoverable = yes\n"),
					&f->settings, &f->fault),
			 PM_CONFIG);
	assert_string_equal(f->fault.text, "[environment test] has 'recoverable = yes', which "
					   "needs 'production = no'");
}

static void what_is_no_policy_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = {
		"accounts = all\n",      "production = maybe\n",        "step_up = everything\n",
		"step_up = mint none\n", "on_leak = ignore\n",          "expiry_warn_days = 0\n",
		"mask = *********\n",    "external_references = yes\n",
	};
	char text[1024];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "%s%s%s", DAEMON, TEST_ENV, wrong[i]);
		assert_int_equal(settings_parse(bytes_str(text), &f->settings, &f->fault),
				 PM_CONFIG);
	}
}

static void the_logs_origin_begins_with_the_name_of_the_machine(void **state)
{
	struct fixture *f = *state;
	char host[256] = "", expected[300];

	accept(f, WHOLE);
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	snprintf(expected, sizeof(expected), "%s/peppermint", host);
	assert_string_equal(f->settings.audit.origin, expected);
}

static void the_audit_settings_are_what_they_say(void **state)
{
	struct fixture *f = *state;

	accept(f, WHOLE "[audit]\norigin = vault.example/a\nenvironment = live\nanchor = /a/b\n"
			"acts = each\nrefusals_per_minute = 100000\nkeep_months = 12\n"
			"sink = syslog\nsink_socket = /run/log\n");
	const struct audit_settings *audit = &f->settings.audit;
	assert_string_equal(audit->origin, "vault.example/a");
	assert_string_equal(audit->environment, "live");
	assert_string_equal(audit->anchor, "/a/b");
	assert_int_equal(audit->acts, ACTS_EACH);
	assert_int_equal(audit->refusals_per_minute, 100000);
	assert_int_equal(audit->keep_months, 12);
	assert_int_equal(audit->sink, SINK_SYSLOG);
	assert_string_equal(audit->sink_socket, "/run/log");
	accept(f, WHOLE "[audit]\nacts = folded\nsink = none\nkeep_months = 0\n"
			"refusals_per_minute = 1\n");
	assert_int_equal(audit->acts, ACTS_FOLDED);
	assert_int_equal(audit->sink, SINK_NONE);
	assert_int_equal(audit->keep_months, 0);
	assert_int_equal(audit->refusals_per_minute, 1);
	accept(f, WHOLE "[audit]\nkeep_months = 1200\n");
	assert_int_equal(audit->keep_months, 1200);
}

#define HUNDRED_BYTES                                                                              \
	"0123456789012345678901234567890123456789012345678901234567890123456789"                   \
	"012345678901234567890123456789"

static void the_audit_settings_are_held_to_what_they_may_be(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *setting, *value, *must_be;
	} wrong[] = {
		{ "origin", "a b", "a name of at most 100 bytes, without blanks and '+'" },
		{ "origin", "a+b", "a name of at most 100 bytes, without blanks and '+'" },
		{ "origin", HUNDRED_BYTES "x",
		  "a name of at most 100 bytes, without blanks and '+'" },
		{ "environment", "environment-with-a-name-that-is-too-long",
		  "the name of an environment" },
		{ "anchor", "audit-checkpoint", "an absolute path of at most 511 bytes" },
		{ "acts", "all", "folded or each" },
		{ "acts", "Folded", "folded or each" },
		{ "refusals_per_minute", "0", "a number from 1 to 100000" },
		{ "refusals_per_minute", "100001", "a number from 1 to 100000" },
		{ "keep_months", "11",
		  "0 (for ever), or 12 to 1200: an audit log is kept for a year at least" },
		{ "keep_months", "1",
		  "0 (for ever), or 12 to 1200: an audit log is kept for a year at least" },
		{ "keep_months", "1201",
		  "0 (for ever), or 12 to 1200: an audit log is kept for a year at least" },
		{ "keep_months", "-12",
		  "0 (for ever), or 12 to 1200: an audit log is kept for a year at least" },
		{ "sink", "journald", "none or syslog" },
		{ "sink_socket", "dev/log", "an absolute path of at most 107 bytes" },
		{ "sink_socket", "/" HUNDRED_BYTES "1234567",
		  "an absolute path of at most 107 bytes" },
	};
	char text[1024], why[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "[audit]\n%s = %s\n" WHOLE, wrong[i].setting,
			 wrong[i].value);
		snprintf(why, sizeof(why), "setting '%s' in [audit] must be %s", wrong[i].setting,
			 wrong[i].must_be);
		refuse(f, text, 2, why);
	}
	accept(f, "[audit]\norigin = " HUNDRED_BYTES "\n" WHOLE);
	refuse(f, WHOLE "[audit]\nenvironment = prod\n", 0,
	       "setting 'environment' in [audit] names one that has no [environment NAME]");
}

/* The default is made of state_dir, which may be as long as a path may be. */
static void an_anchor_that_does_not_fit_is_asked_for(void **state)
{
	struct fixture *f = *state;
	char path[512], text[2048];

	memset(path, 'x', 511);
	path[0] = '/';
	path[511] = '\0';
	snprintf(text, sizeof(text), "[daemon]\nsocket = /s\nstate_dir = %s\n" TEST_ENV, path);
	refuse(f, text, 0,
	       "setting 'anchor' is missing in [audit]: 'state_dir' is too long to put it there");
	snprintf(text, sizeof(text),
		 "[audit]\nanchor = %s\n[daemon]\nsocket = /s\nstate_dir = %s\n" TEST_ENV, path,
		 path);
	accept(f, text);
	assert_string_equal(f->settings.audit.anchor, path);
}

#define WITNESS_KEY "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define LOG_KEY "vault.example/audit/1+3388d9c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"

static void a_witness_is_its_key(void **state)
{
	struct fixture *f = *state;
	char vkey[TLOG_VKEY_MAX + 1];

	accept(f, WHOLE "[witness security]\nkey = " WITNESS_KEY "\n");
	assert_int_equal(f->settings.witness_count, 1);
	assert_string_equal(f->settings.witnesses[0].head.name, "security");
	tlog_key_format(&f->settings.witnesses[0].key, vkey);
	assert_string_equal(vkey, WITNESS_KEY);
}

static void what_is_no_key_of_a_witness_is_refused(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = {
		"x",
		"witness.example/w1",
		/* another name than the hash was made of */
		"witness.example/w2+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
		/* another hash */
		"witness.example/w1+20324abf+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X",
		/* a byte of the key changed; cut off; no base64 */
		"witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3Y",
		"witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC",
		"witness.example/w1+20324abe+????",
	};
	char text[1024];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), WHOLE "[witness w]\nkey = %s\n", wrong[i]);
		refuse(f, text, 15,
		       "setting 'key' in [witness w] must be a verifier key of C2SP signed-note: "
		       "name+hash+base64, the hash being its own");
	}
	refuse(f, WHOLE "[witness w]\n", 14, "setting 'key' is missing in [witness w]");
	refuse(f, WHOLE "[witness w]\nkey = " LOG_KEY "\n", 14,
	       "the 'key' of [witness w] is of type 0x01; a witness's is 0x04");
	refuse(f, WHOLE "[witness a]\nkey = " WITNESS_KEY "\n[witness b]\nkey = " WITNESS_KEY "\n",
	       16, "[witness a] and [witness b] have one key name");
}

/* printf '…' | sha256sum | cut -c1-16 */
static void a_revision_is_the_start_of_the_texts_hash(void **state)
{
	struct fixture *f = *state;
	struct config_fault fault;

	accept(f, DAEMON TEST_ENV);
	assert_string_equal(f->settings.revision, "d8e8af2dd492da01");
	accept(f, DAEMON TEST_ENV "\n");
	assert_string_not_equal(f->settings.revision, "d8e8af2dd492da01");
	assert_int_equal(settings_parse(bytes_str(""), &f->settings, &fault), PM_CONFIG);
	assert_string_equal(f->settings.revision, "e3b0c44298fc1c14");
	assert_int_equal(settings_load("/nonexistent/x", &f->settings, &fault), PM_CONFIG);
	assert_string_equal(f->settings.revision, "-");
}

static void what_must_stand_there_is_missed(void **state)
{
	struct fixture *f = *state;

	refuse(f, TEST_ENV, 0, "setting 'socket' is missing in [daemon]");
	refuse(f, "[daemon]\nsocket = /s\n" TEST_ENV, 1,
	       "setting 'state_dir' is missing in [daemon]");
	refuse(f, DAEMON, 0, "there is no section [environment NAME]");
	refuse(f, DAEMON "[environment a]\nkey_prefix = a_\ntoken = pkcs11:token=a\npin_fd = 3\n",
	       4, "setting 'module' is missing in [environment a]");
	refuse(f, WHOLE "[caller a]\nuid = 0\n", 14, "setting 'roles' is missing in [caller a]");
}

static void a_prefix_is_short_and_ends_in_an_underscore(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = { "_", "ak", "ak-live_", "a k_", "12345678901234567_",
					     "é_" };
	static const char *const right[] = { "__", "k_", "123456789012345_" };
	char text[512];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), DAEMON "[environment a]\nkey_prefix = %s\n", wrong[i]);
		refuse(f, text, 5,
		       "setting 'key_prefix' in [environment a] must be 2 to 16 of A-Z a-z 0-9 _ "
		       "with a _ at the end");
	}
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++) {
		snprintf(text, sizeof(text),
			 DAEMON "[environment a]\nkey_prefix = %s\nmodule = /m\n"
				"token = pkcs11:\npin_fd = 3\n",
			 right[i]);
		accept(f, text);
		assert_string_equal(f->settings.environments[0].key_prefix, right[i]);
	}
}

/* "ak_" would begin every key of "ak_live_": the text would not say whose key it is. */
static void no_prefix_begins_another(void **state)
{
	struct fixture *f = *state;
	static const char *const pairs[][2] = { { "ak_", "ak_live_" },
						{ "ak_live_", "ak_" },
						{ "k_", "k_" } };
	char text[512];

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		snprintf(text, sizeof(text),
			 DAEMON
			 "[environment a]\nkey_prefix=%s\nmodule=/m\ntoken=pkcs11:\npin_fd=3\n"
			 "[environment b]\nkey_prefix=%s\nmodule=/m\ntoken=pkcs11:\npin_fd=3\n",
			 pairs[i][0], pairs[i][1]);
		refuse(f, text, 9,
		       "one of the key prefixes of environments 'a' and 'b' begins the other");
	}
}

static void a_pin_in_the_uri_is_refused_and_not_repeated(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = {
		"pkcs11:token=t?pin-value=271828",
		"pkcs11:token=t?pin-source=/271828",
		"pkcs11:token=t?module-name=x&PIN-VALUE=271828",
		"token=t",
		"pkcs11: token=t",
	};
	char text[512];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), DAEMON "[environment a]\ntoken = %s\n", wrong[i]);
		refuse(f, text, 5,
		       "setting 'token' in [environment a] must be an RFC 7512 URI, pkcs11:..., "
		       "without pin-value and pin-source");
	}
}

static void a_uri_keeps_its_semicolons(void **state)
{
	struct fixture *f = *state;

	accept(f, DAEMON "[environment a]\nkey_prefix = a_\nmodule = /m\npin_fd = 3\n"
			 "token = pkcs11:serial=ab12;token=My%20token;manufacturer=A;model=B\n");
	assert_string_equal(f->settings.environments[0].token,
			    "pkcs11:serial=ab12;token=My%20token;manufacturer=A;model=B");
}

static void the_pin_comes_from_one_place_or_from_a_person(void **state)
{
	struct fixture *f = *state;
	const char *start = DAEMON "[environment a]\nkey_prefix=a_\nmodule=/m\ntoken=pkcs11:\n";
	char text[512];

	accept(f, start);
	assert_string_equal(f->settings.environments[0].pin_file, "");
	assert_false(f->settings.environments[0].pin_fd.given);
	snprintf(text, sizeof(text), "%spin_fd = 3\npin_file = /p\n", start);
	refuse(f, text, 4, "[environment a] has both 'pin_file' and 'pin_fd'");
	snprintf(text, sizeof(text), "%spin_fd = 2\n", start);
	refuse(f, text, 8, "setting 'pin_fd' in [environment a] must be a number from 3 to 65535");
	snprintf(text, sizeof(text), "%spin_file = p\n", start);
	refuse(f, text, 8,
	       "setting 'pin_file' in [environment a] must be an absolute path of at most 511 "
	       "bytes");
}

#define STANDBY "standby_token = pkcs11:token=s\nstandby_module = /n\nstandby_module_env = A=1\n"

static void a_standby_is_a_token_and_what_differs_from_the_first(void **state)
{
	struct fixture *f = *state;
	static const char *const rest[] = { "standby_module = /n\n", "standby_module_env = A=1\n",
					    "standby_pin_file = /q\n" };
	char text[512];

	accept(f, DAEMON TEST_ENV "standby_token = pkcs11:token=s\n");
	accept(f, DAEMON TEST_ENV STANDBY "standby_pin_file = /q\n");
	const struct environment_settings *environment = &f->settings.environments[0];
	assert_string_equal(environment->standby_token, "pkcs11:token=s");
	assert_string_equal(environment->standby_module, "/n");
	assert_string_equal(environment->standby_module_env, "A=1");
	assert_string_equal(environment->standby_pin_file, "/q");
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		snprintf(text, sizeof(text), DAEMON TEST_ENV "%s", rest[i]);
		refuse(f, text, 4,
		       "[environment test] has other settings of a standby, and no "
		       "'standby_token'");
	}
	refuse(f, DAEMON TEST_ENV "standby_token = pkcs11:token=s?pin-value=1\n", 9,
	       "setting 'standby_token' in [environment test] must be an RFC 7512 URI, "
	       "pkcs11:..., without pin-value and pin-source");
	refuse(f,
	       DAEMON "[environment a]\nkey_prefix=a_\nmodule=/m\ntoken=pkcs11:\n" STANDBY
		      "standby_pin_file = /q\n",
	       4, "[environment a] has a 'standby_pin_file' and neither 'pin_file' nor 'pin_fd'");
}

static void what_an_environment_does_with_its_module_has_its_limits(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *name;
		uint32_t min, max;
	} numbers[] = { { "sessions", 1, 64 },
			{ "reload_seconds", 0, 3600 },
			{ "check_minutes", 1, 1440 } };
	char text[512], why[128];

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(text, sizeof(text), DAEMON TEST_ENV "%s = %u\n", numbers[i].name,
			 numbers[i].max);
		accept(f, text);
		snprintf(text, sizeof(text), DAEMON TEST_ENV "%s = %u\n", numbers[i].name,
			 numbers[i].min);
		accept(f, text);
		snprintf(text, sizeof(text), DAEMON TEST_ENV "%s = %u\n", numbers[i].name,
			 numbers[i].max + 1);
		snprintf(why, sizeof(why),
			 "setting '%s' in [environment test] must be a number from %u to %u",
			 numbers[i].name, numbers[i].min, numbers[i].max);
		refuse(f, text, 9, why);
	}
	refuse(f, DAEMON TEST_ENV "sessions = 0\n", 9,
	       "setting 'sessions' in [environment test] must be a number from 1 to 64");
	accept(f, DAEMON TEST_ENV "init_args = a=b c='d'\n");
	assert_string_equal(f->settings.environments[0].init_args, "a=b c='d'");
}

static void cryptoperiods_are_days_and_uses_and_0_is_for_ever(void **state)
{
	struct fixture *f = *state;

	accept(f, WHOLE "[keys]\npepper_days = 31\npepper_verify_days = 0\npepper_uses = 7\n"
			"internal_days = 0\ninternal_verify_days = 36500\n"
			"internal_uses = 4294967295\nwarn_days = 30\nrotate = auto\n");
	const struct key_settings *keys = &f->settings.keys;
	assert_int_equal(keys->pepper_days, 31);
	assert_int_equal(keys->pepper_verify_days, 0);
	assert_int_equal(keys->pepper_uses, 7);
	assert_int_equal(keys->internal_days, 0);
	assert_int_equal(keys->internal_verify_days, 36500);
	assert_int_equal(keys->internal_uses, UINT32_MAX);
	assert_int_equal(keys->warn_days, 30);
	assert_int_equal(keys->rotate, ROTATE_AUTO);
	refuse(f, WHOLE "[keys]\npepper_days = 36501\n", 15,
	       "setting 'pepper_days' in [keys] must be a number from 0 to 36500");
	refuse(f, WHOLE "[keys]\nrotate = yes\n", 15,
	       "setting 'rotate' in [keys] must be manual or auto");
	refuse(f, WHOLE "[keys]\npepper_days = 30\n", 0,
	       "setting 'pepper_days' in [keys] must be more than 'warn_days', or 0 (for ever)");
	refuse(f, WHOLE "[keys]\nwarn_days = 730\npepper_days = 731\n", 0,
	       "setting 'internal_days' in [keys] must be more than 'warn_days', or 0 (for ever)");
	accept(f, WHOLE "[keys]\nwarn_days = 729\n");
}

static void module_variables_are_words_with_a_name(void **state)
{
	struct fixture *f = *state;
	static const char *const wrong[] = { "A", "A=1 B", "=1", "1A=2", "A B=1", "A=", "A-B=1" };
	char text[512];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), DAEMON "[environment a]\nmodule_env = %s\n", wrong[i]);
		refuse(f, text, 5,
		       "setting 'module_env' in [environment a] must be NAME=VALUE words, "
		       "parted by blanks");
	}
	accept(f, DAEMON TEST_ENV "module_env = SOFTHSM2_CONF=/c  _X1=a=b\n");
	assert_string_equal(f->settings.environments[0].module_env, "SOFTHSM2_CONF=/c  _X1=a=b");
}

static void a_caller_has_one_identity(void **state)
{
	struct fixture *f = *state;

	refuse(f, WHOLE "[caller a]\nroles = issuer\n", 14,
	       "[caller a] needs either 'user' or 'uid'");
	refuse(f, WHOLE "[caller a]\nroles = issuer\nuid = 0\nuser = root\n", 14,
	       "[caller a] needs either 'user' or 'uid'");
	refuse(f, WHOLE "[caller a]\nuser = no-such-user\n", 15,
	       "setting 'user' in [caller a] must be the name of a user of this machine");
	refuse(f, WHOLE "[caller a]\nuid = 4294967295\n", 15,
	       "setting 'uid' in [caller a] must be a number from 0 to 4294967294");
	accept(f, WHOLE "[caller a]\nroles = issuer\nuser = root\n");
	assert_int_equal(f->settings.callers[0].user.id, 0);
}

static void two_callers_cannot_be_one_user(void **state)
{
	struct fixture *f = *state;

	refuse(f,
	       WHOLE
	       "[caller a]\nroles = issuer\nuid = 0\n[caller b]\nroles = issuer\nuser = root\n",
	       17, "[caller a] and [caller b] have one uid: 0");
}

static void roles_are_those_that_there_are(void **state)
{
	struct fixture *f = *state;
	const char *why = "setting 'roles' in [caller a] must be one or more of: verifier issuer "
			  "portal staff hasher custodian auditor";

	accept(f, WHOLE "[caller a]\nuid=1\nroles = verifier issuer hasher custodian auditor "
			"portal staff\n"
			"[caller b]\nuid=2\nroles =   auditor\n");
	assert_int_equal(f->settings.callers[0].roles, 127);
	assert_int_equal(f->settings.callers[1].roles, ROLE_AUDITOR);
	refuse(f, WHOLE "[caller a]\nroles = issuer admin\n", 15, why);
	refuse(f, WHOLE "[caller a]\nroles = issuer,hasher\n", 15, why);
	refuse(f, WHOLE "[caller a]\nroles = issue\n", 15, why);
}

static void a_caller_is_let_into_the_environments_it_names(void **state)
{
	struct fixture *f = *state;

	accept(f, WHOLE "[caller all]\nuid=1\nroles=issuer\n"
			"[caller live]\nuid=2\nroles=issuer\nenvironments = live\n"
			"[caller both]\nuid=3\nroles=issuer\nenvironments = live test\n");
	settings_callers(&f->settings, &f->settings, f->callers);
	assert_int_equal(f->callers[0].environments, 3);
	assert_int_equal(f->callers[1].environments, 2);
	assert_int_equal(f->callers[2].environments, 3);
	assert_string_equal(f->callers[1].name, "live");
	assert_int_equal(f->callers[1].uid, 2);
	assert_int_equal(f->callers[1].roles, ROLE_ISSUER);
	refuse(f, WHOLE "[caller a]\nuid=1\nroles=issuer\nenvironments = test prod\n", 14,
	       "setting 'environments' in [caller a] names one that has no [environment NAME]");
}

/* A reload with the environments in another order must not let a caller into another one. */
static void reloaded_callers_follow_the_running_order(void **state)
{
	struct fixture *f = *state;
	const char *callers = "[caller a]\nuid=1\nroles=issuer\nenvironments = live\n"
			      "[caller b]\nuid=2\nroles=issuer\nenvironments = new\n"
			      "[caller c]\nuid=3\nroles=issuer\n";
	char text[1024];

	accept(f, WHOLE);
	memcpy(&f->other, &f->settings, sizeof(f->other));
	snprintf(text, sizeof(text),
		 "%s[environment new]\nkey_prefix=n_\nmodule=/m\ntoken=pkcs11:\npin_fd=3\n%s",
		 DAEMON LIVE_ENV, callers);
	accept(f, text);
	settings_callers(&f->settings, &f->other, f->callers);
	assert_int_equal(f->callers[0].environments, 2); /* live is the second that runs */
	assert_int_equal(f->callers[1].environments, 0); /* new does not run */
	assert_int_equal(f->callers[2].environments, 2); /* all of the file that run */
}

/* What `work` writes to standard error. */
static void log_of(struct fixture *f, char text[2048])
{
	int file CLEANUP(close_fd) = memfd_create("log", 0);
	int saved CLEANUP(close_fd) = dup(STDERR_FILENO);

	assert_int_equal(dup2(file, STDERR_FILENO), STDERR_FILENO);
	settings_warn_restart(&f->other, &f->settings);
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	ssize_t len = pread(file, text, 2047, 0);
	assert_true(len >= 0);
	text[len] = '\0';
}

static void a_reload_names_what_needs_a_restart(void **state)
{
	struct fixture *f = *state;
	char text[2048];

	accept(f, WHOLE);
	memcpy(&f->other, &f->settings, sizeof(f->other));
	accept(f, WHOLE "[caller a]\nuid=1\nroles=issuer\n");
	log_of(f, text);
	assert_string_equal(text, "");

	accept(f, DAEMON "socket_mode = 0600\n[limits]\nworkers = 9\n" TEST_ENV LIVE_ENV
			 "module_env = A=1\n");
	log_of(f, text);
	assert_string_equal(text, "<4>peppermint: reload: the new 'socket_mode' in [daemon] takes "
				  "effect after a restart\n"
				  "<4>peppermint: reload: the new 'workers' in [limits] takes "
				  "effect after a restart\n"
				  "<4>peppermint: reload: the new 'module_env' in [environment "
				  "live] takes effect after a "
				  "restart\n");

	accept(f, WHOLE "[keys]\nrotate = auto\n");
	log_of(f, text);
	assert_string_equal(text, "<4>peppermint: reload: the new 'rotate' in [keys] takes effect "
				  "after a restart\n");

	accept(f, WHOLE "[audit]\nacts = each\norigin = a\n[witness w]\nkey = " WITNESS_KEY "\n");
	log_of(f, text);
	assert_string_equal(text,
			    "<4>peppermint: reload: the new 'origin' in [audit] takes effect "
			    "after a restart\n"
			    "<4>peppermint: reload: the new 'acts' in [audit] takes effect "
			    "after a restart\n"
			    "<4>peppermint: reload: other [witness NAME] sections take effect "
			    "after a restart\n");

	accept(f, DAEMON LIVE_ENV TEST_ENV);
	log_of(f, text);
	assert_string_equal(text, "<4>peppermint: reload: other [environment NAME] sections take "
				  "effect after a restart\n");
}

/* The sample is the manual: what it says must be so. */

#define SAMPLE_MAX 32768

static void read_sample(char *text, size_t size)
{
	FILE *file CLEANUP(close_file) = fopen(SAMPLE, "r");

	assert_non_null(file);
	size_t len = fread(text, 1, size - 1, file);
	assert_true(feof(file));
	text[len] = '\0';
}

static void the_sample_is_right(void **state)
{
	struct fixture *f = *state;
	char text[SAMPLE_MAX];

	read_sample(text, sizeof(text));
	accept(f, text);
	assert_int_equal(f->settings.environment_count, 2);
	assert_int_equal(f->settings.caller_count, 2);
}

/* What is required, but in a section that nobody must have, stands behind a # as well. */
static bool is_commented_out(const struct config_setting *setting)
{
	return !setting->required || strcmp(setting->section, "witness") == 0 ||
	       strcmp(setting->section, "leak_source") == 0;
}

/* "name = value", or "#name = default" where that is so. */
static bool sample_has(const char *text, const struct config_setting *setting)
{
	char plain[128], commented[256];

	snprintf(plain, sizeof(plain), "\n%s = ", setting->name);
	snprintf(commented, sizeof(commented), "\n#%s = %s", setting->name,
		 setting->fallback && strcmp(setting->name, "signer") != 0 ? setting->fallback
									   : "");
	return is_commented_out(setting)
		       ? strstr(text, commented) || (!setting->fallback && strstr(text, plain))
		       : strstr(text, plain) != NULL;
}

/* All that stands behind a # as a setting may be taken from there; but the PIN comes once. */
static void the_sample_is_right_without_its_comment_signs(void **state)
{
	struct fixture *f = *state;
	char text[SAMPLE_MAX];

	read_sample(text, sizeof(text));
	for (char *at = text; (at = strstr(at, "\n#")) != NULL; at++) {
		size_t word = strspn(at + 2, "abcdefghijklmnopqrstuvwxyz_");
		bool section = strncmp(at + 2, "[witness", strlen("[witness")) == 0 ||
			       strncmp(at + 2, "[leak_source", strlen("[leak_source")) == 0;

		if (section || strncmp(at + 2 + word, " = ", 3) == 0)
			at[1] = ' ';
	}
	/* the group of the sample is its own */
	char *group = strstr(text, " socket_group");
	assert_non_null(group);
	*group = '#';
	accept(f, text);
	assert_int_equal(f->settings.witness_count, 1);
	assert_string_equal(f->settings.audit.environment, "live");
}

static void the_sample_shows_every_setting_and_its_default(void **state)
{
	char text[SAMPLE_MAX];

	(void)state;
	read_sample(text, sizeof(text));
	for (size_t i = 0; i < settings_schema.setting_count; i++) {
		if (!sample_has(text, &settings_schema.settings[i]))
			fail_msg("'%s' does not stand in the sample as it is",
				 settings_schema.settings[i].name);
	}
}

static int set_up(void **state)
{
	*state = calloc(1, sizeof(struct fixture));
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_configuration_has_every_default),
		cmocka_unit_test(a_policy_is_as_the_platform_wants_it),
		cmocka_unit_test(a_secret_cannot_be_read_back_where_real_money_moves),
		cmocka_unit_test(what_is_no_policy_is_refused),
		cmocka_unit_test(limits_are_held_at_both_ends),
		cmocka_unit_test(the_logs_origin_begins_with_the_name_of_the_machine),
		cmocka_unit_test(the_audit_settings_are_what_they_say),
		cmocka_unit_test(the_audit_settings_are_held_to_what_they_may_be),
		cmocka_unit_test(an_anchor_that_does_not_fit_is_asked_for),
		cmocka_unit_test(a_witness_is_its_key),
		cmocka_unit_test(what_is_no_key_of_a_witness_is_refused),
		cmocka_unit_test(a_revision_is_the_start_of_the_texts_hash),
		cmocka_unit_test(what_must_stand_there_is_missed),
		cmocka_unit_test(a_prefix_is_short_and_ends_in_an_underscore),
		cmocka_unit_test(no_prefix_begins_another),
		cmocka_unit_test(a_pin_in_the_uri_is_refused_and_not_repeated),
		cmocka_unit_test(a_uri_keeps_its_semicolons),
		cmocka_unit_test(the_pin_comes_from_one_place_or_from_a_person),
		cmocka_unit_test(a_standby_is_a_token_and_what_differs_from_the_first),
		cmocka_unit_test(what_an_environment_does_with_its_module_has_its_limits),
		cmocka_unit_test(cryptoperiods_are_days_and_uses_and_0_is_for_ever),
		cmocka_unit_test(module_variables_are_words_with_a_name),
		cmocka_unit_test(a_caller_has_one_identity),
		cmocka_unit_test(two_callers_cannot_be_one_user),
		cmocka_unit_test(roles_are_those_that_there_are),
		cmocka_unit_test(a_caller_is_let_into_the_environments_it_names),
		cmocka_unit_test(reloaded_callers_follow_the_running_order),
		cmocka_unit_test(a_reload_names_what_needs_a_restart),
		cmocka_unit_test(the_sample_is_right),
		cmocka_unit_test(the_sample_is_right_without_its_comment_signs),
		cmocka_unit_test(the_sample_shows_every_setting_and_its_default),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
