/* `seal` and `unseal`: whether an environment has its token's PIN. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "command.h"
#include "hsm_pins.h"

static void print_sealed(const struct session *session, bool sealed)
{
	const char *environment = session->options.env;

	if (session->options.given & OPT_JSON)
		print_json(
			json_pack("{s:s, s:b}", "environment", environment, "sealed", (int)sealed));
	else if (sealed)
		printf("%s is sealed and serves nothing. To unseal it: peppermint unseal --env "
		       "%s\n",
		       environment, environment);
	else
		printf("%s is unsealed, and serves once its keys are checked: peppermint status\n",
		       environment);
}

enum status run_seal(struct session *session)
{
	enum pm_err err = peppermint_seal(session->vault, session->options.env, &session->call);

	if (err != PM_OK)
		return vault_refused(session, err);
	print_sealed(session, true);
	return STATUS_DONE;
}

/* Its token logs in before the vault answers, and its keys are checked after. */
enum status run_unseal(struct session *session)
{
	struct pins *pins CLEANUP(pins_freep) = pins_new();

	if (!pins)
		return STATUS_VAULT;
	const struct pins_asked asked = { .given = "PIN", .environment = session->options.env };
	enum status status = pins_read(&asked, pins);
	if (status != STATUS_DONE)
		return status;
	const struct peppermint_value pin = { pins->given, strlen(pins->given) };
	be_patient(session);
	enum pm_err err =
		peppermint_unseal(session->vault, session->options.env, &pin, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	print_sealed(session, false);
	return STATUS_DONE;
}
