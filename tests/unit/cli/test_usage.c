/* What is wrong with a command line is said before anything is sent, and no word of it repeated. */
#include <stdio.h>

#include "run_cli.h"

static void expect_usage(struct fixture *f, int status, const char *says)
{
	assert_int_equal(status, 2);
	assert_string_equal(f->out, "");
	assert_says(f->err, "peppermint: ");
	assert_says(f->err, says);
	assert_never_says(f->err, CANNED_KEY);
	assert_int_equal(canned_count(f->canned), 0);
}

static void a_key_as_an_argument_is_refused_and_not_repeated(void **state)
{
	struct fixture *f = *state;

	expect_usage(f, run(f, "key", "verify", "--env", "test", CANNED_KEY),
		     "pipe in one API key");
	expect_usage(f, run(f, "hash", "--env", "test", "--pepper", "p", CANNED_KEY),
		     "pipe in one value");
	expect_usage(f, run(f, "hash", "verify", "--env", "test", "--pepper", "p", CANNED_KEY),
		     "pipe in one VALUE HASH");
	expect_usage(f, run(f, "key", "show", "--env", "test", CANNED_KEY), "not the key");
	expect_usage(f, run(f, "key", "revoke", "--env", "test", CANNED_KEY), "rotate it");
	expect_usage(f, run(f, "key", "rotate", "--env", "test", CANNED_KEY), "not the key");
	expect_usage(f, run(f, "key", "verify", "--env", "t", "--key=" CANNED_KEY),
		     "does not take --key");
	expect_usage(f, run(f, "key", "verify", "--secret=" CANNED_KEY), "--secret is no option");
	expect_usage(f, run(f, "key", CANNED_KEY), "no such command");
	expect_usage(f, run(f, CANNED_KEY), "no such command");
}

static void what_a_command_needs_is_named(void **state)
{
	struct fixture *f = *state;

	expect_usage(f, run(f, "--json"), "what shall it do");
	expect_usage(f, run(f, "key", "list"), "key list needs --env E");
	expect_usage(f, run(f, "key", "mint", "--env", "test"), "needs --account A");
	expect_usage(f, run(f, "hash", "--env", "test"), "hash needs --pepper P");
	expect_usage(f, run(f, "key", "show", "--env", "test"), "key show takes one ID");
	expect_usage(f, run(f, "pepper", "create", "--env", "test"), "takes one NAME");
	expect_usage(f, run(f, "key", "list", "--env"), "--env needs a value");
}

static void what_a_command_does_not_take_is_named(void **state)
{
	struct fixture *f = *state;

	expect_usage(f, run(f, "key", "list", "--env", "test", "--force"),
		     "key list does not take --force");
	expect_usage(f, run(f, "status", "--env", "test"), "status does not take --env E");
	expect_usage(f, run(f, "key", "show", "--env", "t", CANNED_ID, "b"), "takes one ID");
	expect_usage(f, run(f, "status", "--env", "a", "--env", "b"), "--env is given twice");
	expect_usage(f,
		     run(f, "hsm", "destroy-orphan", "--env", "t", CANNED_ORPHAN, "--label", "a",
			 "--label", "b"),
		     "--label is given twice");
	expect_usage(f, run(f, "status", "--json=yes"), "--json is no option, or has no value");
}

static void values_are_checked(void **state)
{
	struct fixture *f = *state;

	expect_usage(f, run(f, "status", "--timeout", "31"), "1 to 30");
	expect_usage(f, run(f, "status", "--timeout", "0"), "1 to 30");
	expect_usage(f, run(f, "key", "list", "--env", "t", "--page-size", "101"), "1 to 100");
	expect_usage(f, run(f, "key", "rotate", "--env", "t", CANNED_ID, "--overlap", "366d"),
		     "--overlap cannot be that");
	expect_usage(f, run(f, "key", "mint", "--env", "t", "--account", "a", "--expires", "soon"),
		     "--expires cannot be that");
	expect_usage(f, run(f, "status", "--socket", ""), "--socket must be a path");
}

static void help_explains_all_commands_and_each(void **state)
{
	static const char *const commands[][2] = {
		{ "key", "mint" },
		{ "key", "verify" },
		{ "key", "show" },
		{ "key", "list" },
		{ "key", "rotate" },
		{ "key", "revoke" },
		{ "key", "reset" },
		{ "key", "rollback" },
		{ "key", "update" },
		{ "key", "disable" },
		{ "key", "enable" },
		{ "key", "reveal" },
		{ "key", "check-secret" },
		{ "key", "unseal-secret" },
		{ "key", "leak-report" },
		{ "account", "create" },
		{ "account", "update" },
		{ "account", "approve" },
		{ "account", "suspend" },
		{ "account", "close" },
		{ "account", "show" },
		{ "account", "list" },
		{ "product", "enable" },
		{ "product", "disable" },
		{ "product", "list" },
		{ "operator", "create" },
		{ "operator", "grant" },
		{ "operator", "revoke-grant" },
		{ "operator", "set-pin" },
		{ "operator", "change-pin" },
		{ "operator", "list" },
		{ "import", "hmac-key" },
		{ "hash", "verify" },
		{ "pepper", "list" },
		{ "pepper", "create" },
		{ "pepper", "rotate" },
		{ "pepper", "usage" },
		{ "pepper", "activate" },
		{ "pepper", "suspend" },
		{ "pepper", "resume" },
		{ "pepper", "compromise" },
		{ "pepper", "rewrap" },
		{ "pepper", "retire" },
		{ "pepper", "destroy" },
		{ "pepper", "cancel" },
		{ "master", "list" },
		{ "master", "usage" },
		{ "master", "rotate" },
		{ "master", "rewrap" },
		{ "master", "destroy" },
		{ "hsm", "adopt" },
		{ "hsm", "destroy-orphan" },
		{ "audit", "tail" },
		{ "audit", "search" },
		{ "audit", "show" },
		{ "audit", "proof" },
		{ "audit", "hash" },
		{ "audit", "export" },
		{ "audit", "verify" },
		{ "audit", "cosign" },
		{ "audit", "rotate" },
		{ "report", "crypto-inventory" },
		{ "report", "log-access" },
		{ "report", "control-failures" },
		{ "report", "dormant-keys" },
	};
	struct fixture *f = *state;

	assert_int_equal(run(f, "help"), 0);
	assert_says(f->out, "Exit status: 0 done or valid, 1 refused or found wanting, 2 usage, 3");
	assert_int_equal(run(f, "--help"), 0);
	assert_int_equal(run(f, "help", "operator"), 0);
	assert_says(f->out, "operator revoke-grant     OPERATOR");
	assert_never_says(f->out, "key mint");
	assert_int_equal(run(f, "help", "import"), 0);
	assert_says(f->out, "usage: peppermint import --env E");
	expect_usage(f, run(f, "help", "nothing"), "no such command");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		char usage[64];

		snprintf(usage, sizeof(usage), "usage: peppermint %s %s ", commands[i][0],
			 commands[i][1]);
		assert_int_equal(run(f, commands[i][0], commands[i][1], "--help"), 0);
		assert_says(f->out, usage);
		assert_int_equal(run(f, "help", commands[i][0], commands[i][1]), 0);
		assert_says(f->out, usage);
	}
	assert_int_equal(canned_count(f->canned), 0);
}

static void version_is_the_programs(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "--version"), 0);
	assert_memory_equal(f->out, "peppermint ", strlen("peppermint "));
	assert_int_equal(run(f, "status", "--version"), 0);
	assert_memory_equal(f->out, "peppermint ", strlen("peppermint "));
	assert_int_equal(canned_count(f->canned), 0);
}

/* Or whoever mistypes it in a script would be told that the key was destroyed. */
static void a_keys_version_that_is_none_is_not_the_programs(void **state)
{
	static const char *const wrong[] = { "0", "two", "v", "4294967296" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_usage(
			f, run(f, "pepper", "destroy", "--env", "t", "pan", "--version", wrong[i]),
			"which version of the key");
	expect_usage(f, run(f, "pepper", "destroy", "--env", "t", "pan", "--version"),
		     "--version needs a value");
	expect_usage(f, run(f, "pepper", "compromise", "--env", "t", "pan", "--version"),
		     "--version needs a value");
	expect_usage(f, run(f, "pepper", "destroy", "--env", "t", "pan", "--version=x"),
		     "which version of the key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_as_an_argument_is_refused_and_not_repeated),
		TEST(what_a_command_needs_is_named),
		TEST(what_a_command_does_not_take_is_named),
		TEST(values_are_checked),
		TEST(help_explains_all_commands_and_each),
		TEST(version_is_the_programs),
		TEST(a_keys_version_that_is_none_is_not_the_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
