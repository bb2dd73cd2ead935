/*
 * Address lists: the first line is a list as it was stored, the second an address, the others are
 * entries as callers write them.
 */
#define _GNU_SOURCE
#include <string.h>

#include "fuzz.h"
#include "network.h"

#define TEXT_MAX 2048

static size_t split(char *text, char *parts[NETWORK_ENTRIES_MAX + 3])
{
	size_t count = 0;

	while (count < NETWORK_ENTRIES_MAX + 3 && text)
		parts[count++] = strsep(&text, "\n");
	return count;
}

/* What was parsed is canonical, is read again as it is, and its first range holds its own address. */
static void check_list(const char *list)
{
	char copy[NETWORK_LIST_MAX + 1], again[NETWORK_LIST_MAX + 1], *rest = copy;
	const char *entries[NETWORK_ENTRIES_MAX];
	size_t count = 0;

	MUST(strlen(list) <= NETWORK_LIST_MAX);
	strcpy(copy, list);
	while (rest) {
		MUST(count < NETWORK_ENTRIES_MAX);
		entries[count++] = strsep(&rest, " ");
	}
	MUST(network_list_parse(entries, count, again) == PM_OK);
	MUST(strcmp(again, list) == 0);
	*strchr(copy, '/') = '\0';
	MUST(network_list_allows(list, copy));
	MUST(!network_list_allows(list, ""));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[TEXT_MAX + 1], list[NETWORK_LIST_MAX + 1], *parts[NETWORK_ENTRIES_MAX + 3];

	if (size > TEXT_MAX)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	size_t count = split(text, parts);
	if (count < 3)
		return 0;
	if (network_list_allows(parts[0], parts[1]))
		MUST(parts[0][0] == '\0' || network_list_allows("0.0.0.0/0 ::/0", parts[1]));
	enum pm_err err = network_list_parse((const char *const *)(parts + 2), count - 2, list);
	if (err == PM_OK)
		check_list(list);
	else
		MUST((err == PM_BAD_REQUEST || err == PM_TOO_LARGE) && list[0] == '\0');
	return 0;
}
