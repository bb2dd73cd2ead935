#include "list_options.h"

#include <stdint.h>
#include <string.h>

#include "output.h"

struct name {
	const char *text;
	int number;
};

static const struct name state_names[KEY_STATES] = {
	{ "active", PEPPERMINT_KEY_ACTIVE },           { "expired", PEPPERMINT_KEY_EXPIRED },
	{ "revoked", PEPPERMINT_KEY_REVOKED },         { "disabled", PEPPERMINT_KEY_DISABLED },
	{ "quarantined", PEPPERMINT_KEY_QUARANTINED }, { "not-yet", PEPPERMINT_KEY_NOT_YET },
};

static const struct name sort_names[] = {
	{ "start", PEPPERMINT_SORT_START },         { "created", PEPPERMINT_SORT_CREATED },
	{ "expires", PEPPERMINT_SORT_EXPIRES },     { "name", PEPPERMINT_SORT_NAME },
	{ "reference", PEPPERMINT_SORT_REFERENCE }, { "id", PEPPERMINT_SORT_ID },
	{ "state", PEPPERMINT_SORT_STATE },         { "product", PEPPERMINT_SORT_PRODUCT },
	{ "masked", PEPPERMINT_SORT_MASKED },       { "created-by", PEPPERMINT_SORT_CREATED_BY },
	{ "last-used", PEPPERMINT_SORT_LAST_USED }, { "use-count", PEPPERMINT_SORT_USE_COUNT },
};

/* -1: none of them. */
static int find(const struct name *names, size_t count, const char *text, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i].text) == len && memcmp(names[i].text, text, len) == 0)
			return names[i].number;
	}
	return -1;
}

static bool is_new(const enum peppermint_key_state *states, size_t count, int number)
{
	for (size_t i = 0; i < count; i++) {
		if ((int)states[i] == number)
			return false;
	}
	return true;
}

bool list_states(const char *text, enum peppermint_key_state states[KEY_STATES], size_t *count)
{
	*count = 0;
	while (text) {
		size_t len = strcspn(text, ",");
		int number = find(state_names, KEY_STATES, text, len);

		if (number < 0) {
			complain("--state takes active, expired, revoked, quarantined, not-yet or "
				 "disabled; several, parted by commas.");
			return false;
		}
		if (is_new(states, *count, number))
			states[(*count)++] = (enum peppermint_key_state)number;
		text = text[len] ? text + len + 1 : NULL;
	}
	return true;
}

bool list_sort(const char *text, enum peppermint_key_sort *sort)
{
	int number = PEPPERMINT_SORT_START;

	if (text)
		number = find(sort_names, sizeof(sort_names) / sizeof(sort_names[0]), text,
			      strlen(text));
	if (number < 0) {
		complain("--sort takes start, created, expires, name, reference, id, state, "
			 "product, masked, created-by, last-used or use-count.");
		return false;
	}
	*sort = (enum peppermint_key_sort)number;
	return true;
}
