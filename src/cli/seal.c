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
		printf("%s is unsealed.\n", environment);
}

enum status run_seal(struct session *session)
{
	enum pm_err err = peppermint_seal(session->vault, session->options.env, &session->call);

	if (err != PM_OK)
		return vault_refused(session, err);
	print_sealed(session, true);
	return STATUS_DONE;
}

/* Its token logs in and its keys are checked before the vault answers. */
enum status run_unseal(struct session *session)
{
	struct pins *pins CLEANUP(pins_freep) = pins_new();
	enum status status =
		pins ? pins_read(&(struct pins_asked){ .given = "PIN" }, pins) : STATUS_VAULT;

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
