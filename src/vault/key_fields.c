#include "key_fields.h"

#include "base/clock.h"
#include "network.h"
#include "scope.h"

#define YEAR_10000 INT64_C(253402300800) /* RFC 3339 has four digits for a year */

_Static_assert(SCOPE_LIST_MAX == STORE_SCOPES_MAX && LABEL_LIST_MAX == STORE_LABELS_MAX &&
		       NETWORK_LIST_MAX == STORE_NETWORKS_MAX,
	       "a list fits the record");

static enum pm_err say(struct actor *actor, enum pm_err err, const char *malformed,
		       const char *too_large)
{
	if (err != PM_OK)
		actor->why = err == PM_TOO_LARGE ? too_large : malformed;
	return err;
}

enum pm_err key_fields_scopes(struct actor *actor, const struct texts *scopes,
			      char out[STORE_SCOPES_MAX + 1])
{
	return say(actor, scope_list_parse(scopes->items, scopes->count, out),
		   "scopes: each 1 to 64 of a-z 0-9 . _ - : and at its end perhaps .* or :*",
		   "scopes: at most 256 bytes in all");
}

enum pm_err key_fields_labels(struct actor *actor, const struct label_texts *labels,
			      char out[STORE_LABELS_MAX + 1])
{
	return say(actor, label_list_parse(labels->keys, labels->values, labels->count, out),
		   "labels: a key is 1 to 32 of a-z 0-9 . _ - and stands there once, a value is at "
		   "most 64 bytes",
		   "labels: at most 16, and 512 bytes in all");
}

enum pm_err key_fields_networks(struct actor *actor, const struct texts *networks,
				char out[STORE_NETWORKS_MAX + 1])
{
	return say(actor, network_list_parse(networks->items, networks->count, out),
		   "networks: addresses or CIDR ranges, without bits behind the prefix",
		   "networks: at most 32, and 512 bytes in all");
}

enum pm_err key_fields_end(struct actor *actor, int64_t expires_at)
{
	if (expires_at == 0 || (expires_at > clock_unix() && expires_at < YEAR_10000))
		return PM_OK;
	actor->why = expires_at < YEAR_10000
			     ? "expires_at: must be in the future, or 0 for never"
			     : "expires_at: must be before the year 10000, or 0 for never";
	return PM_BAD_REQUEST;
}

enum pm_err key_fields_span(struct actor *actor, int64_t not_before, int64_t expires_at)
{
	if (not_before < 0 || not_before >= YEAR_10000)
		actor->why = "not_before: must be before the year 10000, or 0 for at once";
	else if (expires_at != 0 && not_before >= expires_at)
		actor->why = "not_before: must be before expires_at";
	else
		return PM_OK;
	return PM_BAD_REQUEST;
}
