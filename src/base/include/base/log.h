/*
 * One line per event on standard error, with the syslog level in front (`<3>…`, which journald
 * reads). Never pass a secret, a PIN or a presented key: nothing here filters. Control characters
 * in the text are replaced, so that one event is one line. Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/* The name that stands before every line, such as "peppermintd" or "signer live"; copied. */
void log_open(const char *name);

__attribute__((format(printf, 1, 2))) void log_error(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_warn(const char *fmt, ...);
__attribute__((format(printf, 1, 2))) void log_info(const char *fmt, ...);

#endif
