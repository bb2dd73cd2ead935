#define _GNU_SOURCE
#include "rules.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "names.h"
#include "quirk_lines.h"
#include "words.h"

const unsigned long *numbers_find(const struct numbers *numbers, unsigned long value)
{
	for (size_t i = 0; i < numbers->count; i++) {
		if (numbers->values[i] == value)
			return &numbers->answers[i];
	}
	return NULL;
}

/* What a rule may do, and what stands behind its word. */
static const struct {
	const char *word;
	enum action action;
	enum { NO_ARGUMENT, A_VALUE, A_SIGNAL, A_BIT } argument;
} actions[] = {
	{ "return", ACTION_RETURN, A_VALUE },
	{ "hang", ACTION_HANG, NO_ARGUMENT },
	{ "crash", ACTION_CRASH, A_SIGNAL },
	{ "delay", ACTION_DELAY, A_VALUE },
	{ "flip", ACTION_FLIP, A_BIT },
	{ "drop-sessions", ACTION_DROP_SESSIONS, NO_ARGUMENT },
	{ "forget-sessions", ACTION_FORGET_SESSIONS, NO_ARGUMENT },
	{ "drop-login", ACTION_DROP_LOGIN, NO_ARGUMENT },
};

/* Abort unless it says otherwise. */
static unsigned long take_signal(struct words *words)
{
	if (words_take_this(words, "segv"))
		return SIGSEGV;
	words_take_this(words, "abort");
	return SIGABRT;
}

static bool take_action(struct words *words, struct fault *fault)
{
	const char *word = words_take(words);

	for (size_t i = 0; word && i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(actions[i].word, word) != 0)
			continue;
		fault->action = actions[i].action;
		switch (actions[i].argument) {
		case A_VALUE:
			return words_take_value(words, &fault->argument);
		case A_SIGNAL:
			fault->argument = take_signal(words);
			return true;
		case A_BIT:
			words_take_option(words, "bit", &fault->argument);
			return true;
		case NO_ARGUMENT:
			return true;
		}
	}
	return false;
}

/* FUNCTION [nth=N] [times=M] [after] ACTION [ARGUMENT] */
static bool parse_rule(struct rules *rules, const char *line, enum call_id call,
		       struct words *words)
{
	struct rule *rule = &rules->list[rules->count];

	if (rules->count == RULES_MAX)
		return false;
	*rule = (struct rule){ .call = call, .nth = 1, .times = WITHOUT_END };
	if (words_take_option(words, "nth", &rule->nth))
		rule->times = 1;
	words_take_option(words, "times", &rule->times);
	rule->fault.after = words_take_this(words, "after");
	if (rule->nth == 0 || !take_action(words, &rule->fault))
		return false;
	snprintf(rule->text, sizeof(rule->text), "%s", line);
	rules->count++;
	return true;
}

static bool parse_line(struct rules *rules, const char *line)
{
	struct words words;
	enum call_id call;

	if (line[strspn(line, BLANKS)] == '#')
		return true;
	if (!words_split(&words, line))
		return false;
	const char *word = words_take(&words);
	if (!word)
		return true;
	bool good = call_of_name(word, &call) ? parse_rule(rules, line, call, &words)
					      : quirk_lines_parse(&rules->quirks, word, &words);
	return good && !words_take(&words);
}

static void parse(struct rules *rules, FILE *file, const char *path)
{
	char line[RULE_TEXT_MAX];

	for (unsigned number = 1; fgets(line, sizeof(line), file); number++) {
		line[strcspn(line, "\r\n")] = '\0';
		if (parse_line(rules, line))
			continue;
		rules->broken = true;
		fprintf(stderr, "faulty-pkcs11: %s:%u: no rule: %s\n", path, number, line);
	}
}

static void write_version(char version[RULES_VERSION_MAX], const struct stat *st)
{
	snprintf(version, RULES_VERSION_MAX, "%lx-%lu-%lu-%ld.%09ld", (unsigned long)st->st_dev,
		 (unsigned long)st->st_ino, (unsigned long)st->st_size, (long)st->st_mtim.tv_sec,
		 (long)st->st_mtim.tv_nsec);
}

static void read_file(struct rules *rules, const char *path)
{
	FILE *file = fopen(path, "re");
	struct stat st;

	if (!file)
		return;
	if (fstat(fileno(file), &st) == 0)
		write_version(rules->version, &st);
	parse(rules, file, path);
	fclose(file);
}

void rules_refresh(struct rules *rules, const char *path)
{
	char version[RULES_VERSION_MAX] = "none";
	struct stat st;

	if (path && stat(path, &st) == 0)
		write_version(version, &st);
	if (strcmp(version, rules->version) == 0)
		return;
	*rules = (struct rules){ .version = "none", .quirks.max_sessions = WITHOUT_END };
	if (path)
		read_file(rules, path);
}
