/* A copy of one token's part of what hsm_open was given, and what its signer is started with. */
#ifndef HSM_SETTINGS_H
#define HSM_SETTINGS_H

#include "hsm/hsm.h"

#define SETTINGS_WORDS_MAX 32          /* of module_env */
#define SETTINGS_TIMEOUT_MAX_MS 600000 /* of call_timeout_ms */
#define SETTINGS_SESSIONS_MAX 256
#define SETTINGS_RELOAD_MIN_MS 100 /* a module that fails at each start is not tried without end */
#define SETTINGS_RELOAD_MAX_MS 3600000

struct settings {
	struct hsm_config config; /* its strings are ours */
	char *words;              /* module_env, cut up: envp points into it */
	char *argv[3];
	char *envp[SETTINGS_WORDS_MAX + 1];
};

/*
 * PM_CONFIG, logged, for a config that cannot be meant; `out` is to be freed then too. It must stay
 * where it is.
 */
enum pm_err settings_copy(const struct hsm_config *config, struct settings *out) NODISCARD;
void settings_free(struct settings *settings);

#endif
