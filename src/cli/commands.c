#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

static const struct command commands[] = {
	{ "status", "", run_status, 0, 0, NULL, NULL,
	  "what the vault, its HSMs and its audit log are doing" },
	{ "key", "mint", run_key_mint, OPT_ENV | OPT_ACCOUNT,
	  OPT_PRODUCT | OPT_NAME | OPT_EXPIRES | OPT_QUIET | OPT_REQUEST_ID, NULL, NULL,
	  "make an API key; its text is shown once" },
	{ "key", "verify", run_key_verify, OPT_ENV, 0, NULL, "API key",
	  "is this key valid now? One key or many" },
	{ "key", "show", run_key_show, OPT_ENV, 0, "ID", NULL,
	  "a key's record, without its secret" },
	{ "key", "list", run_key_list, OPT_ENV,
	  OPT_ACCOUNT | OPT_PRODUCT | OPT_PAGE_SIZE | OPT_PAGE_TOKEN | OPT_ALL, NULL, NULL,
	  "keys, ordered by id" },
	{ "key", "rotate", run_key_rotate, OPT_ENV,
	  OPT_OVERLAP | OPT_FORCE | OPT_QUIET | OPT_REQUEST_ID, "ID", NULL,
	  "a new secret for the same key id; its text is shown once" },
	{ "key", "revoke", run_key_revoke, OPT_ENV, OPT_REQUEST_ID, "ID", NULL,
	  "end a key for good" },
	{ "hash", "", run_hash, OPT_ENV | OPT_PEPPER, 0, NULL, "value",
	  "HMAC-SHA-256 of values under a pepper; prints one hash per line" },
	{ "hash", "verify", run_hash_verify, OPT_ENV | OPT_PEPPER, 0, NULL, "VALUE HASH",
	  "do these values have these hashes? The hash stands after the last space" },
	{ "pepper", "list", run_pepper_list, OPT_ENV, 0, NULL, NULL,
	  "the peppers and their versions" },
	{ "pepper", "create", run_pepper_create, OPT_ENV, OPT_REQUEST_ID, "NAME", NULL,
	  "generate a pepper in the HSM" },
	{ "pepper", "rotate", run_pepper_rotate, OPT_ENV, OPT_DRY_RUN | OPT_REQUEST_ID, "NAME",
	  NULL, "generate a pepper's next version and make it the active one" },
	{ "pepper", "usage", run_master_usage, OPT_ENV, 0, "NAME", NULL,
	  "how many API keys need each version of a pepper, and when it was last used" },
	{ "pepper", "activate", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "NAME", NULL,
	  "take a staged version into use, once every token has it" },
	{ "pepper", "suspend", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "NAME", NULL,
	  "let an older version verify nothing, until it is resumed" },
	{ "pepper", "resume", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "NAME", NULL, "let a suspended version verify again" },
	{ "pepper", "compromise", run_master_change, OPT_ENV,
	  OPT_KEY_VERSION | OPT_AFTER | OPT_DRY_RUN | OPT_REQUEST_ID, "NAME", NULL,
	  "flag a version (the active one, which is rotated away, if none is named) as known to "
	  "others" },
	{ "pepper", "rewrap", run_master_rewrap, OPT_ENV,
	  OPT_NO_WAIT | OPT_DRY_RUN | OPT_REQUEST_ID, "NAME", NULL,
	  "move all records of older versions to the active one now; exit 1 if that is not "
	  "finished" },
	{ "pepper", "retire", run_pepper_retire, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DESTROY_AFTER | OPT_DRY_RUN, "NAME", NULL,
	  "end a version in order: rotate, rewrap, say what still needs it, destroy; exit 1 if it "
	  "is still needed" },
	{ "pepper", "destroy", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_AFTER | OPT_FORCE | OPT_DRY_RUN | OPT_REQUEST_ID, "NAME", NULL,
	  "destroy a version that no record needs, after a time in which it can be cancelled" },
	{ "pepper", "cancel", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "NAME", NULL, "take a destruction back" },
	{ "master", "list", run_master_list, OPT_ENV, 0, NULL, NULL,
	  "all master keys, their versions, states, needs and cryptoperiods" },
	{ "master", "usage", run_master_usage, OPT_ENV, 0, "PURPOSE/NAME", NULL,
	  "how many records need each version of a key, and when it was last used" },
	{ "master", "rotate", run_master_change, OPT_ENV, OPT_DRY_RUN | OPT_REQUEST_ID,
	  "PURPOSE/NAME", NULL, "generate a key's next version and make it the active one" },
	{ "master", "activate", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "PURPOSE/NAME", NULL,
	  "take a staged version into use, once every token has it" },
	{ "master", "suspend", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "PURPOSE/NAME", NULL,
	  "let an older version verify nothing, until it is resumed" },
	{ "master", "resume", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "PURPOSE/NAME", NULL,
	  "let a suspended version verify again" },
	{ "master", "compromise", run_master_change, OPT_ENV,
	  OPT_KEY_VERSION | OPT_AFTER | OPT_DRY_RUN | OPT_REQUEST_ID, "PURPOSE/NAME", NULL,
	  "flag a version (the active one, which is rotated away, if none is named) as known to "
	  "others" },
	{ "master", "rewrap", run_master_rewrap, OPT_ENV,
	  OPT_NO_WAIT | OPT_DRY_RUN | OPT_REQUEST_ID, "PURPOSE/NAME", NULL,
	  "move all records of older versions to the active one now; exit 1 if that is not "
	  "finished" },
	{ "master", "destroy", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_AFTER | OPT_FORCE | OPT_DRY_RUN | OPT_REQUEST_ID, "PURPOSE/NAME", NULL,
	  "destroy a version that no record needs, after a time in which it can be cancelled" },
	{ "master", "cancel", run_master_change, OPT_ENV | OPT_KEY_VERSION,
	  OPT_DRY_RUN | OPT_REQUEST_ID, "PURPOSE/NAME", NULL, "take a destruction back" },
	{ "seal", "", run_seal, OPT_ENV, OPT_REQUEST_ID, NULL, NULL,
	  "forget an environment's PIN and end its signers, at once and until unseal" },
	{ "unseal", "", run_unseal, OPT_ENV, OPT_REQUEST_ID, NULL, "PIN",
	  "bring a sealed environment its token's PIN, which is tried once" },
	{ "audit", "logs", run_audit_logs, 0, 0, NULL, NULL,
	  "the audit logs, their verifier keys and the newest checkpoint" },
	{ "audit", "tail", run_audit_tail, 0, OPT_LOG | OPT_LINES | OPT_FOLLOW | OPT_FORMAT, NULL,
	  NULL, "the last entries, one per line: as they are (jsonl), or as csv or table" },
	{ "audit", "search", run_audit_search, 0,
	  OPT_LOG | OPT_ENV | OPT_KEY | OPT_ACCOUNT | OPT_OPERATOR_NAME | OPT_CALLER | OPT_TYPE |
		  OPT_SINCE | OPT_UNTIL | OPT_FAILURES | OPT_FORMAT,
	  NULL, NULL, "the entries that are all of that, as jsonl, csv or table" },
	{ "audit", "show", run_audit_show, 0, OPT_LOG, "INDEX", NULL, "an entry's exact text" },
	{ "audit", "proof", run_audit_proof, 0, OPT_LOG | OPT_OUT, "INDEX", NULL,
	  "an offline proof that the log has an entry; --out also writes the entry, to "
	  "FILE.entry" },
	{ "audit", "hash", run_audit_hash, OPT_ENV, 0, NULL, "text",
	  "how the log writes a text that a caller gave, newest key first" },
	{ "audit", "export", run_audit_export, 0, 0, "DIR", NULL,
	  "write the logs to DIR as C2SP tiled logs, or bring what is there up to date" },
	{ "audit", "verify", run_audit_verify, OPT_KEY, OPT_SINCE | OPT_WITNESS | OPT_STRICT, "DIR",
	  NULL, "check an export without the vault: every entry, every hash, every signature" },
	{ "audit", "cosign", run_audit_cosign, 0, OPT_LOG | OPT_REQUEST_ID, "FILE", NULL,
	  "hand in a checkpoint with a witness's signature" },
	{ "audit", "rotate", run_audit_rotate, 0, OPT_REQUEST_ID, NULL, NULL,
	  "close the log, generate the next audit key in the HSM, open the next log under it" },
	{ "report", "crypto-inventory", run_report_crypto_inventory, 0, OPT_FORMAT, NULL, NULL,
	  "keys and algorithms in use (PCI DSS 12.3.3), as table, json or cbom" },
	{ "report", "cryptoperiods", run_report_cryptoperiods, 0, 0, NULL, NULL,
	  "ages of keys and when they are due (3.7.4, SP 800-57); exit 1 if one is overdue" },
	{ "report", "custodians", run_report_custodians, 0, 0, NULL, NULL,
	  "callers, their roles and environments (3.6.1, 3.7.8)" },
	{ "report", "attestation", run_report_attestation, 0, 0, NULL, NULL,
	  "what the tokens say of each key (3.6.1.2); exit 1 if anything is not as it must be" },
	{ "report", "log-access", run_report_log_access, 0, OPT_SINCE | OPT_UNTIL, NULL, NULL,
	  "who read the audit log or the inventory (10.2.1.3)" },
	{ "report", "control-failures", run_report_control_failures, 0, OPT_SINCE | OPT_UNTIL, NULL,
	  NULL,
	  "when HSMs, tokens, the log or callers failed a control, and for how long (10.7.2)" },
	{ "report", "dormant-keys", run_report_dormant_keys, OPT_DAYS, OPT_ENV, NULL, NULL,
	  "active API keys that nobody verified in so many days" },
	{ "report", "retention", run_report_retention, 0, 0, NULL, NULL,
	  "how far back the log reaches (10.5.1); exit 1 if it was pruned too soon" },
	{ "hsm", "status", run_hsm_status, 0, OPT_ENV, NULL, NULL,
	  "the tokens of each environment, which of them computes, and what is wrong" },
	{ "hsm", "adopt", run_hsm_adopt, OPT_ENV, OPT_DRY_RUN | OPT_REQUEST_ID, "KEY_ID", NULL,
	  "make a record again for an object in the token that none names" },
	{ "hsm", "destroy-orphan", run_hsm_destroy_orphan, OPT_ENV,
	  OPT_LABEL | OPT_DRY_RUN | OPT_REQUEST_ID, "KEY_ID", NULL,
	  "destroy an object in the token that no record names; needs its --label" },
	{ "hsm", "slots", run_hsm_slots, OPT_MODULE, OPT_INIT_ARGS | OPT_TOKEN, NULL, NULL,
	  "a module's slots and tokens, without a vault" },
	{ "hsm", "init-token", run_hsm_init_token, OPT_MODULE | OPT_LABEL,
	  OPT_INIT_ARGS | OPT_TOKEN | OPT_ERASE | OPT_SERIAL | OPT_LAST_TRY, NULL, "PIN",
	  "make an empty token; reads the security officer's PIN, which a new token gets" },
	{ "hsm", "set-pin", run_hsm_set_pin, OPT_MODULE | OPT_TOKEN, OPT_INIT_ARGS | OPT_LAST_TRY,
	  NULL, "PIN",
	  "give a token a user PIN; reads the security officer's PIN and the new one" },
	{ "hsm", "change-pin", run_hsm_change_pin, 0,
	  OPT_ENV | OPT_MODULE | OPT_INIT_ARGS | OPT_TOKEN | OPT_LAST_TRY, NULL, "PIN",
	  "another user PIN, of a running vault's token (--env) or of one that none uses "
	  "(--module); reads the old PIN and the new one" },
	{ "hsm", "inventory", run_hsm_inventory, 0,
	  OPT_ENV | OPT_TOKEN_INDEX | OPT_MODULE | OPT_INIT_ARGS | OPT_TOKEN | OPT_LAST_TRY, NULL,
	  "PIN",
	  "every object in a token as read back from it (--env, or --module and the user PIN); "
	  "exit 1 if a key of a vault is not as it must be" },
	{ "hsm", "self-test", run_hsm_self_test, OPT_MODULE | OPT_TOKEN,
	  OPT_INIT_ARGS | OPT_LAST_TRY, NULL, "PIN",
	  "does the token compute what it announces? Reads the user PIN; exit 1 if not HMAC" },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* `hash verify` before `hash`: the longest name that fits. */
const struct command *command_find(struct options *options)
{
	const char *group = options->words[0];
	const char *verb = options->word_count > 1 ? options->words[1] : "";
	const struct command *found = NULL;

	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i].group, group) != 0)
			continue;
		if (strcmp(commands[i].verb, verb) == 0 || (!found && !commands[i].verb[0]))
			found = &commands[i];
	}
	if (!found) {
		/* The words are not repeated: one of them might be a key. */
		complain("there is no such command. Try: peppermint help.");
		return NULL;
	}
	size_t words = found->verb[0] ? 2 : 1;
	options->words += words;
	options->word_count -= words;
	return found;
}

static const char *space_verb(const struct command *command)
{
	static char text[32];

	snprintf(text, sizeof(text), "%s%s", command->verb[0] ? " " : "", command->verb);
	return text;
}

static bool check_options(const struct command *command, uint64_t given)
{
	uint64_t missing = command->needs & ~given;
	uint64_t extra = given & ~(command->needs | command->takes | OPT_GLOBAL);
	uint64_t wrong = missing ? missing : extra;

	if (wrong == 0)
		return true;
	complain("%s%s %s %s. Try: peppermint %s%s --help.", command->group, space_verb(command),
		 missing ? "needs" : "does not take", option_synopsis(wrong & -wrong),
		 command->group, space_verb(command));
	return false;
}

/* A secret as an argument can be read by every user of the machine, and stays in the history. */
static bool check_argument(const struct command *command, const struct options *options)
{
	if (options->word_count > 0 && command->reads) {
		complain("%s%s takes no arguments: pipe in one %s per line. What stands in a "
			 "command "
			 "line is no secret any more: if that was one, replace it.",
			 command->group, space_verb(command), command->reads);
		return false;
	}
	if (options->word_count != (command->argument ? 1 : 0)) {
		complain("%s%s takes %s%s. Try: peppermint %s%s --help.", command->group,
			 space_verb(command), command->argument ? "one " : "no arguments",
			 command->argument ? command->argument : "", command->group,
			 space_verb(command));
		return false;
	}
	return true;
}

/* Before the words are counted: what was to be its number is one of them. */
static bool check_version(const struct command *command, uint64_t given)
{
	if (!((command->needs | command->takes) & OPT_KEY_VERSION) || !(given & OPT_VERSION))
		return true;
	complain("--version needs a value: %s.", option_help(OPT_KEY_VERSION));
	return false;
}

bool command_check(const struct command *command, const struct options *options)
{
	return check_version(command, options->given) && check_argument(command, options) &&
	       check_options(command, options->given);
}

void help_all(void)
{
	puts("usage: peppermint [--socket PATH] [--operator NAME] [--timeout SECONDS] [--json] "
	     "COMMAND ...\n\nCommands:");
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		const struct command *command = &commands[i];

		printf("  %-6s %-16s %-12s %s\n", command->group, command->verb,
		       command->argument ? command->argument : "", command->summary);
	}
	puts("\n`peppermint COMMAND --help` explains one command.\n"
	     "Secrets are read from standard input and are never arguments.\n"
	     "Exit status: 0 done or valid, 1 refused or found wanting, 2 usage, 3 the vault said "
	     "no or is not there.");
}

/* Calls `each` for every option in the set. */
static void for_each_option(uint64_t set, void (*each)(uint64_t option))
{
	for (; set; set &= set - 1)
		each(set & -set);
}

static void print_needed(uint64_t option)
{
	printf(" %s", option_synopsis(option));
}

static void print_taken(uint64_t option)
{
	printf(" [%s]", option_synopsis(option));
}

static void print_help(uint64_t option)
{
	printf("  %-18s %s\n", option_synopsis(option), option_help(option));
}

void help_command(const struct command *command)
{
	printf("usage: peppermint %s%s", command->group, space_verb(command));
	for_each_option(command->needs, print_needed);
	for_each_option(command->takes, print_taken);
	if (command->argument)
		printf(" %s", command->argument);
	if (command->reads)
		printf("   (on standard input: one %s per line)", command->reads);
	printf("\n\n%c%s.\n\n", toupper((unsigned char)command->summary[0]), command->summary + 1);
	for_each_option(command->needs | command->takes, print_help);
	puts("For every command:");
	for_each_option(OPT_GLOBAL, print_help);
}
