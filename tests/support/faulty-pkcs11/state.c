#define _GNU_SOURCE
#include "state.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "names.h"

#define FILE_MAX 32768 /* more than all lines together can be */

/* Threads are kept apart by the mutex, processes by the file's lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *rules_path, *state_path;
static struct rules rules;
static struct state state = { .rules = &rules };
static int fd = -1;
static char text[FILE_MAX];
static size_t used, was; /* bytes of the text, now and in the file */

static void read_calls(const char *line)
{
	char name[64];
	unsigned long count;
	enum call_id id;

	if (sscanf(line, "calls %63s %lu", name, &count) == 2 && call_of_name(name, &id))
		state.calls[id] = count;
}

static void read_rule(const char *line)
{
	unsigned long number, seen, fired;

	if (sscanf(line, "rule %lu seen=%lu fired=%lu", &number, &seen, &fired) != 3 ||
	    number == 0 || number > RULES_MAX)
		return;
	state.counts[number - 1].seen = seen;
	state.counts[number - 1].fired = fired;
}

static void read_pins(const char *line)
{
	unsigned long slot, wrong;

	if (sscanf(line, "pins %lu wrong=%lu", &slot, &wrong) == 2)
		*state_wrong_pins(&state, slot) = wrong;
}

static void read_line(const char *line)
{
	switch (line[0]) {
	case 'c':
		read_calls(line);
		break;
	case 'r':
		if (sscanf(line, "rules %127s", state.version) != 1)
			read_rule(line);
		break;
	case 'p':
		read_pins(line);
		break;
	default:
		break;
	}
}

static void read_file(void)
{
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	char *rest = text, *line;

	state = (struct state){ .rules = &rules };
	was = len > 0 ? (size_t)len : 0;
	text[was] = '\0';
	while ((line = strsep(&rest, "\n")))
		read_line(line);
}

void state_setup(void)
{
	rules_path = getenv("FAULTY_RULES");
	state_path = getenv("FAULTY_STATE");
}

static void open_file(void)
{
	fd = open(state_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) != 0)
		fprintf(stderr, "faulty-pkcs11: cannot keep counts in %s: %m\n", state_path);
	else
		read_file();
}

struct state *state_open(void)
{
	pthread_mutex_lock(&lock);
	if (state_path)
		open_file();
	rules_refresh(&rules, rules_path);
	if (strcmp(state.version, rules.version) != 0)
		memset(state.counts, 0, sizeof(state.counts));
	memcpy(state.version, rules.version, sizeof(state.version));
	return &state;
}

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(text + used, sizeof(text) - used, format, args);
	va_end(args);
	if (len > 0 && (size_t)len < sizeof(text) - used)
		used += (size_t)len;
}

static void say_all(void)
{
	used = 0;
	say("rules %s\n", state.version);
	for (enum call_id id = 0; id <= CALL_ANY; id++)
		say("calls %s %lu\n", call_name(id), state.calls[id]);
	for (size_t i = 0; i < rules.count; i++)
		say("rule %zu seen=%lu fired=%lu: %s\n", i + 1, state.counts[i].seen,
		    state.counts[i].fired, rules.list[i].text);
	for (size_t i = 0; i < PIN_SLOTS_MAX; i++) {
		if (state.pins[i].wrong > 0)
			say("pins %lu wrong=%lu\n", state.pins[i].slot, state.pins[i].wrong);
	}
}

/* In one write, which also blanks what is cut off after it: the process may be killed in between. */
static void write_file(void)
{
	size_t all;

	say_all();
	all = used > was ? used : was;
	memset(text + used, '\n', all - used);
	if (pwrite(fd, text, all, 0) != (ssize_t)all || ftruncate(fd, (off_t)used) != 0)
		fprintf(stderr, "faulty-pkcs11: cannot write counts: %m\n");
}

void state_close(void)
{
	if (fd >= 0) {
		write_file();
		close(fd); /* and its lock */
	}
	fd = -1;
	pthread_mutex_unlock(&lock);
}

unsigned long *state_wrong_pins(struct state *of, CK_SLOT_ID slot)
{
	size_t last = PIN_SLOTS_MAX - 1;

	for (size_t i = 0; i < PIN_SLOTS_MAX; i++) {
		if (of->pins[i].wrong > 0 && of->pins[i].slot == slot)
			return &of->pins[i].wrong;
		if (of->pins[i].wrong == 0 && i < last)
			last = i;
	}
	of->pins[last].slot = slot;
	return &of->pins[last].wrong;
}
