#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/secret.h"
#include "command.h"
#include "files.h"
#include "import.h"

enum status vault_refused(const struct session *session, enum pm_err err)
{
	const char *message = session->call.message;

	complain("%s. (%s)", message[0] ? message : peppermint_error_text(err),
		 peppermint_error_name(err));
	if (err == PM_ALREADY_DONE && session->call.subject[0])
		complain("the request made or changed %s.", session->call.subject);
	return STATUS_VAULT;
}

void be_patient(struct session *session)
{
	if (!(session->options.given & OPT_TIMEOUT))
		session->call.timeout_ms = PEPPERMINT_TIMEOUT_MS_MAX;
}

/* The call's, until the program ends; the pages are locked and never given back. */
static enum status read_authorization(struct session *session)
{
	const char *path = session->options.authorization_file;
	size_t len = 0;

	if (!path)
		return STATUS_DONE;
	char *text = secret_alloc(PEPPERMINT_AUTHORIZATION_MAX + 2);
	if (!text) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return STATUS_VAULT;
	}
	if (!file_read(path, text, PEPPERMINT_AUTHORIZATION_MAX + 1, &len))
		return STATUS_USAGE;
	text[strcspn(text, "\r\n")] = '\0';
	session->call.authorization = text;
	return STATUS_DONE;
}

static enum status run_command(const struct command *command, struct session *session)
{
	const struct options *options = &session->options;
	const struct peppermint_options how = {
		.socket = options->socket,
		.operator_name = options->operator_name,
		.timeout_ms = options->timeout_ms,
		.connections = import_jobs(command, options),
	};

	session->command = command;
	session->argument = options->word_count > 0 ? options->words[0] : NULL;
	session->second = options->word_count > 1 ? options->words[1] : NULL;
	if (options->given & OPT_MODULE) /* what is done without a vault */
		return command->run(session);
	session->changes = command->takes & OPT_REQUEST_ID;
	session->call.request_id = options->request_id;
	enum pm_err err = peppermint_open(&how, &session->vault);
	if (err == PM_CONFIG) {
		complain("--socket must be a path of at most 107 bytes, --operator at most %d "
			 "bytes.",
			 PEPPERMINT_OPERATOR_MAX);
		return STATUS_USAGE;
	}
	if (err != PM_OK)
		return vault_refused(session, err);
	enum status status = read_authorization(session);
	if (status == STATUS_DONE)
		status = command->run(session);
	peppermint_close(session->vault);
	return status == STATUS_DONE && session->altered.any ? STATUS_REFUSED : status;
}

static enum status print_version(void)
{
	puts("peppermint " PM_VERSION);
	return STATUS_DONE;
}

static enum status run(struct session *session)
{
	struct options *options = &session->options;
	bool help = options->given & OPT_HELP;

	if (options->given & OPT_VERSION && options->word_count == 0)
		return print_version();
	if (options->word_count > 0 && strcmp(options->words[0], "help") == 0) {
		help = true;
		options->words++;
		options->word_count--;
	}
	if (options->word_count == 0 && help) {
		help_all();
		return STATUS_DONE;
	}
	if (options->word_count == 0) {
		complain("what shall it do? Try: peppermint help.");
		return STATUS_USAGE;
	}
	if (help && options->word_count == 1 && help_group(options->words[0]))
		return STATUS_DONE;
	const struct command *command = command_find(options);
	if (!command)
		return STATUS_USAGE;
	if (help) {
		help_command(command);
		return STATUS_DONE;
	}
	if (options->given & OPT_VERSION && !((command->needs | command->takes) & OPT_KEY_VERSION))
		return print_version();
	return command_check(command, options) ? run_command(command, session) : STATUS_USAGE;
}

int main(int argc, char **argv)
{
	struct session session = { 0 };
	bool all_locked = false;

	log_open("peppermint");
	if (secret_harden_process(&all_locked) != PM_OK || !output_open()) {
		complain("cannot protect this program's memory. Raise the limit: ulimit -l.");
		return STATUS_VAULT;
	}
	if (!options_read(argc, argv, &session.options))
		return STATUS_USAGE;
	enum status status = run(&session);
	if (output_close())
		return (int)status;
	if (status == STATUS_DONE && session.changes)
		complain("what was asked is done. To see its answer, repeat it within two minutes "
			 "with --request-id %s.",
			 session.call.used_request_id);
	return STATUS_VAULT;
}
