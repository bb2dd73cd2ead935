#define _GNU_SOURCE
#include "module_faults.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void die(const char *what, const char *path)
{
	fprintf(stderr, "module_faults: cannot %s %s: %m\n", what, path);
	abort();
}

void module_faults_make(struct module_faults *faults, const struct soft_token *token)
{
	snprintf(faults->rules, sizeof(faults->rules), "%s/rules", token->dir);
	snprintf(faults->state, sizeof(faults->state), "%s/state", token->dir);
	snprintf(faults->log, sizeof(faults->log), "%s/calls", token->dir);
	snprintf(faults->env[0], sizeof(faults->env[0]), "FAULTY_RULES=%s", faults->rules);
	snprintf(faults->env[1], sizeof(faults->env[1]), "FAULTY_STATE=%s", faults->state);
	snprintf(faults->env[2], sizeof(faults->env[2]), "FAULTY_LOG=%s", faults->log);
	snprintf(faults->words, sizeof(faults->words), "%s %s %s %s", token->env, faults->env[0],
		 faults->env[1], faults->env[2]);
}

void module_faults_set(const struct module_faults *faults, const char *rules)
{
	char fresh[128];

	snprintf(fresh, sizeof(fresh), "%s.new", faults->rules);
	FILE *file = fopen(fresh, "we");
	if (!file || fputs(rules, file) < 0 || fclose(file) != 0 ||
	    rename(fresh, faults->rules) != 0)
		die("write", fresh);
}

static void forget(const char *path)
{
	if (unlink(path) != 0 && errno != ENOENT)
		die("remove", path);
}

void module_faults_forget(const struct module_faults *faults)
{
	forget(faults->state);
	forget(faults->log);
}

/* The number that stands behind `front` in a line of the state; 0 without such a line. */
static unsigned long find(const struct module_faults *faults, const char *front,
			  const char *skipped)
{
	FILE *file = fopen(faults->state, "re");
	char line[512];
	unsigned long number = 0;

	if (!file)
		return 0; /* no call yet */
	if (flock(fileno(file), LOCK_SH) != 0)
		die("lock", faults->state);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, front, strlen(front)) != 0)
			continue;
		const char *at = strstr(line, skipped);
		number = at ? strtoul(at + strlen(skipped), NULL, 10) : 0;
	}
	fclose(file);
	return number;
}

unsigned long module_faults_calls(const struct module_faults *faults, const char *function)
{
	char front[64];

	snprintf(front, sizeof(front), "calls %s ", function);
	return find(faults, front, front);
}

unsigned long module_faults_fired(const struct module_faults *faults, size_t nth)
{
	char front[32];

	snprintf(front, sizeof(front), "rule %zu ", nth);
	return find(faults, front, " fired=");
}
