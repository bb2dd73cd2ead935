#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

/* `hash verify` before `hash`: the longest name that fits. */
const struct command *command_find(struct options *options)
{
	const char *group = options->words[0];
	const char *verb = options->word_count > 1 ? options->words[1] : "";
	const struct command *found = NULL;

	for (size_t i = 0; i < command_count; i++) {
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

static bool check_options(const struct command *command, option_set given)
{
	option_set missing = command->needs & ~given;
	option_set extra = given & ~(command->needs | command->takes | OPT_GLOBAL);
	option_set wrong = missing ? missing : extra;

	if (wrong == 0)
		return true;
	complain("%s%s %s %s. Try: peppermint %s%s --help.", command->group, space_verb(command),
		 missing ? "needs" : "does not take", option_synopsis(wrong & -wrong),
		 command->group, space_verb(command));
	return false;
}

static size_t argument_count(const struct command *command)
{
	if (!command->argument)
		return 0;
	return strchr(command->argument, ' ') ? 2 : 1;
}

/* A secret as an argument can be read by every user of the machine, and stays in the history. */
static bool check_argument(const struct command *command, const struct options *options)
{
	size_t count = argument_count(command);

	if (options->word_count > count && command->reads) {
		complain("%s%s takes no %sarguments: pipe in one %s per line. What stands in a "
			 "command line is no secret any more: if that was one, replace it.",
			 command->group, space_verb(command), count > 0 ? "more " : "",
			 command->reads);
		return false;
	}
	if (options->word_count != count) {
		complain("%s%s takes %s%s. Try: peppermint %s%s --help.", command->group,
			 space_verb(command), count > 0 ? "one " : "no arguments",
			 count > 0 ? command->argument : "", command->group, space_verb(command));
		return false;
	}
	return true;
}

/* Before the words are counted: what was to be its number is one of them. */
static bool check_version(const struct command *command, option_set given)
{
	if (!((command->needs | command->takes) & OPT_KEY_VERSION) || !(given & OPT_VERSION))
		return true;
	complain("--version needs a value: %s.", option_help(OPT_KEY_VERSION));
	return false;
}

/* Only a key has several labels. */
static bool check_label(const struct command *command, const struct options *options)
{
	if (options->labels.count <= 1 || strcmp(command->group, "key") == 0)
		return true;
	complain("--label is given twice. Give it once.");
	return false;
}

bool command_check(const struct command *command, const struct options *options)
{
	return check_version(command, options->given) && check_argument(command, options) &&
	       check_options(command, options->given) && check_label(command, options);
}

static void print_summary(const struct command *command)
{
	printf("  %-8s %-16s %-15s %s\n", command->group, command->verb,
	       command->argument ? command->argument : "", command->summary);
}

bool help_group(const char *group)
{
	bool found = false;

	for (size_t i = 0; i < command_count; i++) {
		if (strcmp(commands[i].group, group) != 0)
			continue;
		if (!commands[i].verb[0])
			return false;
		print_summary(&commands[i]);
		found = true;
	}
	if (found)
		puts("\n`peppermint COMMAND --help` explains one command.");
	return found;
}

void help_all(void)
{
	puts("usage: peppermint [--socket PATH] [--operator NAME] [--timeout SECONDS] [--json] "
	     "COMMAND ...\n\nCommands:");
	for (size_t i = 0; i < command_count; i++)
		print_summary(&commands[i]);
	puts("\n`peppermint COMMAND --help` explains one command.\n"
	     "Secrets are read from standard input and are never arguments.\n"
	     "Exit status: 0 done or valid, 1 refused or found wanting, 2 usage, 3 the vault said "
	     "no or is not there.");
}

/* Calls `each` for every option in the set. */
static void for_each_option(option_set set, void (*each)(option_set option))
{
	for (; set; set &= set - 1)
		each(set & -set);
}

static void print_needed(option_set option)
{
	printf(" %s", option_synopsis(option));
}

static void print_taken(option_set option)
{
	printf(" [%s]", option_synopsis(option));
}

static void print_help(option_set option)
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
