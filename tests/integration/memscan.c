/*
 * Looks for texts in the memory of running processes: memscan PID... < one text on each line.
 * Prints where it found one, never the text, and ends with 1 if it did; 0 if there is none; 2 if it
 * could not look. Texts come in on standard input, so that memscan's own arguments are none.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TEXTS_MAX 64
#define TEXT_MAX 256
#define WINDOW (1 << 20)

struct texts {
	char text[TEXTS_MAX][TEXT_MAX];
	size_t count;
};

static void read_texts(struct texts *texts)
{
	while (texts->count < TEXTS_MAX && fgets(texts->text[texts->count], TEXT_MAX, stdin)) {
		char *text = texts->text[texts->count];

		text[strcspn(text, "\n")] = '\0';
		if (strlen(text) >= 8) /* shorter ones are found anywhere */
			texts->count++;
	}
}

static size_t find_in(const struct texts *texts, const uint8_t *data, size_t len, const char *where)
{
	size_t found = 0;

	for (size_t i = 0; i < texts->count; i++) {
		if (!memmem(data, len, texts->text[i], strlen(texts->text[i])))
			continue;
		printf("text %zu in %s", i + 1, where);
		found++;
	}
	return found;
}

/* Windows overlap, so that a text across their border is seen. */
static size_t scan_region(int mem, uint64_t from, uint64_t to, const struct texts *texts,
			  const char *where)
{
	static uint8_t window[WINDOW];
	size_t found = 0;

	for (uint64_t at = from; at < to; at += WINDOW - TEXT_MAX) {
		size_t want = to - at < WINDOW ? (size_t)(to - at) : WINDOW;
		ssize_t got = pread(mem, window, want, (off_t)at);

		if (got <= 0)
			break; /* a guard page, or memory of a device */
		found += find_in(texts, window, (size_t)got, where);
	}
	return found;
}

/* How many it found, or -1 if the process cannot be looked at. */
static long scan_process(const char *pid, const struct texts *texts, size_t *regions)
{
	char path[64], line[512];
	long found = 0;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	int mem CLEANUP(close_fd) = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	FILE *maps CLEANUP(close_file) = fopen(path, "re");
	if (mem < 0 || !maps)
		return -1;
	while (fgets(line, sizeof(line), maps)) {
		uint64_t from = 0, to = 0;
		char mode = '-';

		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %c", &from, &to, &mode) != 3 ||
		    mode != 'r' || strstr(line, "[v"))
			continue;
		found += (long)scan_region(mem, from, to, texts, line);
		*regions += 1;
	}
	return found;
}

int main(int argc, char **argv)
{
	static struct texts texts;
	size_t regions = 0;
	long found = 0;

	read_texts(&texts);
	for (int i = 1; i < argc; i++) {
		long here = scan_process(argv[i], &texts, &regions);
		if (here < 0) {
			fprintf(stderr, "memscan: process %s: %s\n", argv[i], strerror(errno));
			return 2;
		}
		found += here;
	}
	if (regions == 0 || texts.count == 0)
		return 2;
	printf("%ld found in %zu regions\n", found, regions);
	return found == 0 ? 0 : 1;
}
