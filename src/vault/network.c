#include "network.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define MAPPED_BITS 96 /* of the prefix of v4-mapped addresses */
#define RANGE_TEXT_MAX (INET6_ADDRSTRLEN + 4)

/* A v4 address is in the first four bytes, and the others are zero. */
struct range {
	bool v6;
	uint8_t address[16];
	unsigned prefix; /* bits */
};

static unsigned width(const struct range *range)
{
	return range->v6 ? 128 : 32;
}

static void fold_mapped(struct range *range)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = { [10] = 0xff, [11] = 0xff };

	if (!range->v6 || range->prefix < MAPPED_BITS ||
	    memcmp(range->address, mapped, sizeof(mapped)) != 0)
		return;
	struct range v4 = { .prefix = range->prefix - MAPPED_BITS };
	memcpy(v4.address, range->address + sizeof(mapped), 4);
	*range = v4;
}

/* As written; not folded. inet_pton takes no zone, and no leading zero in an octet. */
static bool parse_address(const char *text, size_t len, struct range *out)
{
	char copy[INET6_ADDRSTRLEN];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*out = (struct range){ .v6 = strchr(copy, ':') };
	out->prefix = width(out);
	return inet_pton(out->v6 ? AF_INET6 : AF_INET, copy, out->address) == 1;
}

static bool parse_prefix(const char *text, size_t len, struct range *out)
{
	unsigned bits = 0;

	if (len == 0 || len > 3 || (text[0] == '0' && len > 1))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		bits = bits * 10 + (unsigned)(text[i] - '0');
	}
	out->prefix = bits;
	return bits <= width(out);
}

static uint8_t byte_mask(unsigned prefix, size_t byte)
{
	unsigned before = (unsigned)byte * 8;

	if (prefix >= before + 8)
		return 0xff;
	if (prefix <= before)
		return 0;
	return (uint8_t)(0xff << (before + 8 - prefix));
}

static bool host_bits_are_clear(const struct range *range)
{
	for (size_t i = 0; i < width(range) / 8; i++) {
		if (range->address[i] & (uint8_t)~byte_mask(range->prefix, i))
			return false;
	}
	return true;
}

static bool contains(const struct range *range, const struct range *address)
{
	if (range->v6 != address->v6)
		return false;
	for (size_t i = 0; i < width(range) / 8; i++) {
		if ((range->address[i] ^ address->address[i]) & byte_mask(range->prefix, i))
			return false;
	}
	return true;
}

static bool parse_range(const char *text, size_t len, struct range *out)
{
	const char *slash = memchr(text, '/', len);
	size_t address_len = slash ? (size_t)(slash - text) : len;

	if (!parse_address(text, address_len, out) ||
	    (slash && !parse_prefix(slash + 1, len - address_len - 1, out)))
		return false;
	fold_mapped(out);
	return host_bits_are_clear(out);
}

static int compare(const struct range *a, const struct range *b)
{
	if (a->v6 != b->v6)
		return a->v6 ? 1 : -1;
	int order = memcmp(a->address, b->address, sizeof(a->address));
	return order != 0 ? order : (int)a->prefix - (int)b->prefix;
}

struct ranges {
	struct range sorted[NETWORK_ENTRIES_MAX];
	size_t count;
};

static enum pm_err insert(struct ranges *ranges, const struct range *range)
{
	size_t at = ranges->count;

	while (at > 0 && compare(&ranges->sorted[at - 1], range) > 0)
		at--;
	if (at > 0 && compare(&ranges->sorted[at - 1], range) == 0)
		return PM_OK;
	if (ranges->count == NETWORK_ENTRIES_MAX)
		return PM_TOO_LARGE;
	memmove(&ranges->sorted[at + 1], &ranges->sorted[at],
		(ranges->count - at) * sizeof(*range));
	ranges->sorted[at] = *range;
	ranges->count++;
	return PM_OK;
}

static enum pm_err format(const struct ranges *ranges, char out[NETWORK_LIST_MAX + 1])
{
	size_t used = 0;

	for (size_t i = 0; i < ranges->count; i++) {
		const struct range *range = &ranges->sorted[i];
		char address[INET6_ADDRSTRLEN], text[RANGE_TEXT_MAX + 1];

		inet_ntop(range->v6 ? AF_INET6 : AF_INET, range->address, address, sizeof(address));
		int len = snprintf(text, sizeof(text), "%s%s/%u", i > 0 ? " " : "", address,
				   range->prefix);
		if (used + (size_t)len > NETWORK_LIST_MAX)
			return PM_TOO_LARGE;
		memcpy(out + used, text, (size_t)len + 1);
		used += (size_t)len;
	}
	return PM_OK;
}

static enum pm_err parse_all(const char *const *entries, size_t count, struct ranges *ranges)
{
	for (size_t i = 0; i < count; i++) {
		struct range range;

		if (!parse_range(entries[i], strlen(entries[i]), &range))
			return PM_BAD_REQUEST;
		TRY(insert(ranges, &range));
	}
	return PM_OK;
}

enum pm_err network_list_parse(const char *const *entries, size_t count,
			       char out[NETWORK_LIST_MAX + 1])
{
	struct ranges ranges = { .count = 0 };

	out[0] = '\0';
	TRY(parse_all(entries, count, &ranges));
	enum pm_err err = format(&ranges, out);
	if (err != PM_OK)
		out[0] = '\0';
	return err;
}

bool network_list_allows(const char *list, const char *address)
{
	struct range from, range;
	size_t count = 0;
	bool found = false;

	if (*list == '\0')
		return true;
	if (!address || !parse_address(address, strnlen(address, INET6_ADDRSTRLEN), &from) ||
	    strnlen(list, NETWORK_LIST_MAX + 1) > NETWORK_LIST_MAX)
		return false;
	fold_mapped(&from);
	/* All of the list is read, so that one that is damaged anywhere allows nothing. */
	for (;; list++) {
		size_t len = strcspn(list, " ");

		if (++count > NETWORK_ENTRIES_MAX || !parse_range(list, len, &range))
			return false;
		found = found || contains(&range, &from);
		list += len;
		if (*list == '\0')
			return found;
	}
}
