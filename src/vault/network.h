/*
 * From which addresses a key may be used: a list of CIDR ranges (RFC 4632, RFC 4291 section 2.3) as
 * one canonical text, `10.0.0.0/8 2001:db8::/32`, sorted, each range once. Whether an address is in a
 * range is a question of bits, never of strings. Plain values; no thread rules.
 */
#ifndef VAULT_NETWORK_H
#define VAULT_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define NETWORK_LIST_MAX 512 /* bytes */
#define NETWORK_ENTRIES_MAX 32

/*
 * From what people write: "192.0.2.7", "10.0.0.0/8", "2001:db8::/32". A v4-mapped IPv6 range
 * (::ffff:10.0.0.0/104) becomes the v4 range that it is. No entry at all gives "".
 *
 * PM_BAD_REQUEST: one is malformed, has bits set behind its prefix (a typo: we do not guess what was
 * meant), a zone, or leading zeros in an octet or a prefix length. PM_TOO_LARGE: more than
 * NETWORK_ENTRIES_MAX, or a text over NETWORK_LIST_MAX. `out` is "" then.
 */
enum pm_err network_list_parse(const char *const *entries, size_t count,
			       char out[NETWORK_LIST_MAX + 1]) NODISCARD;

/*
 * May this address (v4, v6, or v4-mapped v6, which is v4) use it? An empty list allows everything. Under
 * any other, what is no address (also "" and NULL) is refused, and a malformed list refuses everything.
 * A v4 address is in v4 ranges only: not in ::/0.
 */
bool network_list_allows(const char *list, const char *address);

#endif
