#define _GNU_SOURCE
#include "settings.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static enum pm_err refuse(const char *what)
{
	log_error("hsm: %s", what);
	return PM_CONFIG;
}

static bool too_long(const char *text)
{
	return text && strnlen(text, PATH_MAX) == PATH_MAX;
}

static bool is_empty(const char *text)
{
	return !text || text[0] == '\0';
}

static enum pm_err check(const struct hsm_config *config)
{
	if (!config->environment || is_empty(config->signer) || is_empty(config->module) ||
	    is_empty(config->token_uri))
		return refuse("environment, signer, module and token are all needed");
	size_t len = strlen(config->environment);
	if (len == 0 || len > HSM_ENVIRONMENT_MAX)
		return refuse("an environment's name has 1 to 32 characters");
	if (too_long(config->signer) || too_long(config->module) || too_long(config->token_uri) ||
	    too_long(config->pin_file) || too_long(config->module_env))
		return refuse("a path, a token's URI or module_env is over 4095 bytes");
	if (too_long(config->init_args))
		return refuse("init_args is over 4095 bytes");
	if (config->sessions > SETTINGS_SESSIONS_MAX)
		return refuse("a token computes in 1 to 256 sessions");
	if (config->reload_ms < 0 || config->reload_ms > SETTINGS_RELOAD_MAX_MS)
		return refuse("the time between reloads is an hour at most");
	if (config->call_timeout_ms <= 0 || config->call_timeout_ms > SETTINGS_TIMEOUT_MAX_MS)
		return refuse("the call timeout is 1 ms to 10 minutes");
	return PM_OK;
}

/* What is not there stays so; false when there is no memory. */
static bool copy(const char **text)
{
	if (is_empty(*text)) {
		*text = NULL;
		return true;
	}
	*text = strdup(*text);
	return *text != NULL;
}

static enum pm_err copy_strings(struct hsm_config *config)
{
	const char **texts[] = { &config->environment, &config->signer,   &config->module,
				 &config->token_uri,   &config->pin_file, &config->module_env,
				 &config->init_args };
	bool copied = true;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!copied)
			*texts[i] = NULL; /* not ours to free */
		copied = copied && copy(texts[i]);
	}
	return copied ? PM_OK : PM_NO_MEMORY;
}

static enum pm_err cut_words(struct settings *settings)
{
	char *rest = NULL;
	size_t count = 0;

	settings->words = strdup(settings->config.module_env ? settings->config.module_env : "");
	if (!settings->words)
		return PM_NO_MEMORY;
	for (char *word = strtok_r(settings->words, " ", &rest); word;
	     word = strtok_r(NULL, " ", &rest)) {
		if (word[0] == '=' || !strchr(word, '='))
			return refuse("module_env is words like NAME=VALUE");
		if (count == SETTINGS_WORDS_MAX)
			return refuse("module_env has more than 32 words");
		settings->envp[count++] = word;
	}
	return PM_OK;
}

enum pm_err settings_copy(const struct hsm_config *config, struct settings *out)
{
	*out = (struct settings){ .config.pin_fd = -1 };
	TRY(check(config));
	out->config = *config;
	if (out->config.sessions == 0)
		out->config.sessions = 1;
	TRY(copy_strings(&out->config));
	if (out->config.reload_ms < SETTINGS_RELOAD_MIN_MS)
		out->config.reload_ms = SETTINGS_RELOAD_MIN_MS;
	out->argv[0] = (char *)out->config.signer;
	out->argv[1] = (char *)out->config.environment;
	return cut_words(out);
}

void settings_free(struct settings *settings)
{
	free((char *)settings->config.environment);
	free((char *)settings->config.signer);
	free((char *)settings->config.module);
	free((char *)settings->config.token_uri);
	free((char *)settings->config.pin_file);
	free((char *)settings->config.module_env);
	free((char *)settings->config.init_args);
	free(settings->words);
}
