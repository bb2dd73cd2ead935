#define _GNU_SOURCE
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define LOG_LINE_MAX 1024

static char log_name[48] = "peppermint";

void log_open(const char *name)
{
	snprintf(log_name, sizeof(log_name), "%s", name);
}

__attribute__((format(printf, 2, 0))) static void write_line(int level, const char *fmt,
							     va_list args)
{
	char line[LOG_LINE_MAX];
	int head = snprintf(line, sizeof(line), "<%d>%s: ", level, log_name);
	int body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, args);
	size_t len = strnlen(line, sizeof(line) - 2);

	if (body < 0)
		return;
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	}
	line[len] = '\n';
	/* One write, so that lines of several threads and processes do not mix. */
	ssize_t written = write(STDERR_FILENO, line, len + 1);
	(void)written; /* there is nowhere left to say that the log is gone */
}

#define LOG_FUNCTION(name, level)                                                                  \
	void name(const char *fmt, ...)                                                            \
	{                                                                                          \
		va_list args;                                                                      \
		va_start(args, fmt);                                                               \
		write_line(level, fmt, args);                                                      \
		va_end(args);                                                                      \
	}

LOG_FUNCTION(log_error, LOG_ERR)
LOG_FUNCTION(log_warn, LOG_WARNING)
LOG_FUNCTION(log_info, LOG_INFO)
