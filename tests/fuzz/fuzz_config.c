/* The configuration file: any text is either accepted and whole, or refused with a reason. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "settings.h"

static void check_audit(const struct settings *s)
{
	const struct audit_settings *audit = &s->audit;

	MUST(tlog_is_name(audit->origin) && strlen(audit->origin) <= SETTINGS_ORIGIN_MAX);
	MUST(audit->anchor[0] == '/' && audit->sink_socket[0] == '/');
	MUST(audit->acts <= ACTS_EACH && audit->sink <= SINK_SYSLOG);
	MUST(audit->refusals_per_minute >= 1 && audit->refusals_per_minute <= 100000);
	MUST(audit->keep_months == 0 || audit->keep_months >= 12);
	MUST(s->witness_count <= VAULT_WITNESSES_MAX);
	for (size_t i = 0; i < s->witness_count; i++)
		MUST(s->witnesses[i].key.algorithm == TLOG_COSIGNER);
}

static void check_accepted(const struct settings *s)
{
	MUST(s->daemon.socket[0] == '/');
	MUST(s->daemon.state_dir[0] == '/');
	MUST(s->environment_count >= 1 && s->environment_count <= SETTINGS_ENVIRONMENTS_MAX);
	MUST(s->caller_count <= RPC_CALLERS_MAX);
	check_audit(s);
	for (size_t i = 0; i < s->environment_count; i++) {
		MUST(s->environments[i].head.name[0] != '\0');
		MUST(s->environments[i].key_prefix[0] != '\0');
		MUST(strncmp(s->environments[i].token, "pkcs11:", 7) == 0);
	}
	for (size_t i = 0; i < s->caller_count; i++) {
		MUST(s->callers[i].roles > 0 && s->callers[i].roles < 32);
		MUST(s->callers[i].environment_mask < 1U << s->environment_count);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct settings settings;
	static struct rpc_caller callers[RPC_CALLERS_MAX];
	struct config_fault fault = { 0 };

	if (settings_parse(bytes_of(data, size), &settings, &fault) != PM_OK) {
		MUST(strlen(settings.revision) == SETTINGS_REVISION_LEN);
		MUST(fault.text[0] != '\0');
		MUST(fault.line <= size + 1);
		return 0;
	}
	check_accepted(&settings);
	settings_callers(&settings, &settings, callers);
	return 0;
}
