#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "settings.h"

static const struct hsm_config good = {
	.environment = "live",
	.signer = "/usr/libexec/peppermint/peppermint-signer",
	.module = "/usr/lib/module.so",
	.token_uri = "pkcs11:serial=1",
	.pin_fd = -1,
	.call_timeout_ms = 5000,
};

static enum pm_err copy_and_free(const struct hsm_config *config)
{
	struct settings settings;
	enum pm_err err = settings_copy(config, &settings);

	settings_free(&settings);
	return err;
}

static void a_copy_does_not_point_into_the_original(void **state)
{
	char environment[] = "live", words[] = "A=1 B=2=3";
	struct hsm_config config = good;
	struct settings settings;

	(void)state;
	config.environment = environment;
	config.module_env = words;
	assert_int_equal(settings_copy(&config, &settings), PM_OK);
	memset(environment, 'x', 4);
	memset(words, 'x', 4);
	assert_string_equal(settings.config.environment, "live");
	assert_string_equal(settings.argv[0], good.signer);
	assert_string_equal(settings.argv[1], "live");
	assert_null(settings.argv[2]);
	assert_string_equal(settings.envp[0], "A=1");
	assert_string_equal(settings.envp[1], "B=2=3");
	assert_null(settings.envp[2]);
	assert_null(settings.config.pin_file);
	settings_free(&settings);
}

static void a_config_that_cannot_be_meant_is_refused(void **state)
{
	char long_text[PATH_MAX + 1];
	struct hsm_config config = good;

	(void)state;
	memset(long_text, 'x', PATH_MAX);
	long_text[PATH_MAX] = '\0';
	assert_int_equal(copy_and_free(&config), PM_OK);
#define REFUSED(field, value)                                                                      \
	config = good;                                                                             \
	config.field = (value);                                                                    \
	assert_int_equal(copy_and_free(&config), PM_CONFIG)
	REFUSED(environment, NULL);
	REFUSED(environment, "");
	REFUSED(environment, "an-environment-with-33-characters");
	REFUSED(signer, NULL);
	REFUSED(module, NULL);
	REFUSED(module, long_text);
	REFUSED(token_uri, NULL);
	REFUSED(token_uri, long_text);
	REFUSED(pin_file, long_text);
	REFUSED(module, "");
	REFUSED(init_args, long_text);
	REFUSED(sessions, SETTINGS_SESSIONS_MAX + 1);
	REFUSED(reload_ms, -1);
	REFUSED(reload_ms, SETTINGS_RELOAD_MAX_MS + 1);
	REFUSED(call_timeout_ms, 0);
	REFUSED(call_timeout_ms, INT64_MAX);
	REFUSED(module_env, "A=1 B");
	REFUSED(module_env, "=1");
	REFUSED(module_env, long_text);
#undef REFUSED
}

static void an_environment_has_at_most_32_words(void **state)
{
	char words[SETTINGS_WORDS_MAX * 4 + 8] = "";
	struct hsm_config config = good;

	(void)state;
	for (size_t i = 0; i < SETTINGS_WORDS_MAX; i++)
		strcat(words, "A=1 ");
	config.module_env = words;
	assert_int_equal(copy_and_free(&config), PM_OK);
	strcat(words, "A=1");
	assert_int_equal(copy_and_free(&config), PM_CONFIG);
}

static void what_is_not_said_is_one_session_and_a_tenth_of_a_second_between_reloads(void **state)
{
	struct hsm_config config = good;
	struct settings settings;

	(void)state;
	config.pin_file = config.init_args = "";
	assert_int_equal(settings_copy(&config, &settings), PM_OK);
	assert_int_equal(settings.config.sessions, 1);
	assert_int_equal(settings.config.reload_ms, SETTINGS_RELOAD_MIN_MS);
	assert_null(settings.config.pin_file);
	assert_null(settings.config.init_args);
	settings_free(&settings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_does_not_point_into_the_original),
		cmocka_unit_test(a_config_that_cannot_be_meant_is_refused),
		cmocka_unit_test(an_environment_has_at_most_32_words),
		cmocka_unit_test(
			what_is_not_said_is_one_session_and_a_tenth_of_a_second_between_reloads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
