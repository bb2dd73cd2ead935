#define _GNU_SOURCE
#include "when.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define YEAR_10000 INT64_C(253402300800)
#define INDEX_MAX (INT64_C(1) << 40)

static bool parse_digits(const char *text, int64_t max, int64_t *out, const char **end)
{
	char *stop = NULL;

	if (!isdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	long long value = strtoll(text, &stop, 10);
	if (errno != 0 || value > max)
		return false;
	*out = value;
	*end = stop;
	return true;
}

bool parse_number(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	const char *end = NULL;
	int64_t value = 0;

	if (!parse_digits(text, max, &value, &end) || *end != '\0' || value < min)
		return false;
	*out = (uint32_t)value;
	return true;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return INT64_C(7) * 86400;
	default:
		return 0;
	}
}

static bool parse_with_unit(const char *text, int64_t max, int64_t *seconds)
{
	const char *end = NULL;
	int64_t value = 0;

	if (!parse_digits(text, max, &value, &end) || *end == '\0' || end[1] != '\0')
		return false;
	int64_t unit = unit_seconds(*end);
	if (unit == 0 || value > max / unit)
		return false;
	*seconds = value * unit;
	return true;
}

bool parse_duration(const char *text, uint32_t max, uint32_t *seconds)
{
	int64_t value = 0;

	if (parse_number(text, 0, max, seconds))
		return true;
	if (!parse_with_unit(text, max, &value))
		return false;
	*seconds = (uint32_t)value;
	return true;
}

/* `Z` or ±HH:MM, and the end. */
static bool parse_zone(const char *text, int64_t *offset)
{
	int hours = 0, minutes = 0, used = 0;

	*offset = 0;
	if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0)
		return true;
	if ((text[0] != '+' && text[0] != '-') || strlen(text) != strlen("+00:00"))
		return false;
	if (!isdigit((unsigned char)text[1]) || !isdigit((unsigned char)text[4]) ||
	    sscanf(text + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 || used != 5 ||
	    hours > 23 || minutes > 59)
		return false;
	*offset = INT64_C(60) * (hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
	return true;
}

static bool looks_like(const char *text, const char *shape)
{
	for (; *shape; shape++, text++) {
		if (*shape == '0' ? !isdigit((unsigned char)*text) : *text != *shape)
			return false;
	}
	return true;
}

/* RFC 3339 without fractions: 2026-11-21T08:00:00 and a zone. */
static bool parse_date_time(const char *text, int64_t *out)
{
	static const char shape[] = "0000-00-00T00:00:00";
	struct tm tm = { 0 };
	int64_t offset = 0;

	if (!looks_like(text, shape) || !parse_zone(text + strlen(shape), &offset))
		return false;
	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	struct tm same = tm;
	int64_t when = timegm(&same);
	/* timegm makes the 1st of March of a 30th of February: refuse what it had to move. */
	if (same.tm_mday != tm.tm_mday || same.tm_mon != tm.tm_mon || same.tm_hour != tm.tm_hour ||
	    same.tm_min != tm.tm_min || same.tm_sec != tm.tm_sec)
		return false;
	*out = when - offset;
	return true;
}

bool parse_index(const char *text, uint64_t *out)
{
	const char *end = NULL;
	int64_t value = 0;

	if (!parse_digits(text, INDEX_MAX, &value, &end) || *end != '\0')
		return false;
	*out = (uint64_t)value;
	return true;
}

/* `sign` says to which side of now a duration counts. */
static bool parse_moment(const char *text, int sign, int64_t *out)
{
	const char *end = NULL;
	int64_t value = 0;

	if (parse_digits(text, YEAR_10000, &value, &end) && *end == '\0') {
		*out = value;
		return true;
	}
	if (parse_with_unit(text, YEAR_10000, &value)) {
		*out = clock_unix() + sign * value;
		return true;
	}
	return parse_date_time(text, out);
}

bool parse_when(const char *text, int64_t *out)
{
	return parse_moment(text, 1, out);
}

bool parse_past(const char *text, int64_t *out)
{
	return parse_moment(text, -1, out);
}

bool parse_timestamp(const char *text, int64_t *out)
{
	const size_t seconds_end = strlen("0000-00-00T00:00:00");
	char whole[WHEN_LEN] = "";

	if (strnlen(text, seconds_end) < seconds_end)
		return false;
	const char *zone = text + seconds_end;
	if (zone[0] == '.' && isdigit((unsigned char)zone[1]))
		zone += 1 + strspn(zone + 1, "0123456789");
	if (strlen(zone) >= sizeof(whole) - seconds_end)
		return false;
	memcpy(whole, text, seconds_end);
	strcpy(whole + seconds_end, zone);
	return parse_date_time(whole, out);
}

void format_when(int64_t when, char text[WHEN_LEN])
{
	time_t seconds = when;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) || strftime(text, WHEN_LEN, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, WHEN_LEN, "@%" PRId64, when);
}
