/* Numbers and times as people type them. Each is false for anything it does not wholly understand.
 */
#ifndef CLI_WHEN_H
#define CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out);
/* Of an entry: 0 to 2^40. */
bool parse_index(const char *text, uint64_t *out);

/* Seconds, or a number with s, m, h, d or w behind it. */
bool parse_duration(const char *text, uint32_t max, uint32_t *seconds);

/*
 * A moment, as seconds since 1970: that number itself, an RFC 3339 date-time, or a duration with
 * its letter, counted from now.
 */
bool parse_when(const char *text, int64_t *out);
/* The same, but a duration counts back from now. */
bool parse_past(const char *text, int64_t *out);

/* An entry's: RFC 3339, with or without a fraction, which is dropped. */
bool parse_timestamp(const char *text, int64_t *out);

/* RFC 3339 in UTC: 2026-11-21T08:00:00Z. */
#define WHEN_LEN 32
void format_when(int64_t when, char text[WHEN_LEN]);

#endif
