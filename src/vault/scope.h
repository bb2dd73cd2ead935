/*
 * What a key may be used for (scopes), and what its owner notes about it (labels): each a list that is
 * kept as one canonical text, so that equal lists are equal texts. Plain values; no thread rules.
 */
#ifndef VAULT_SCOPE_H
#define VAULT_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SCOPE_NAME_MAX 64
#define SCOPE_LIST_MAX 256 /* bytes */

/*
 * Scopes: names of 1 to SCOPE_NAME_MAX of a-z 0-9 . _ - : sorted, each once, parted by one space. A name
 * may end in `.*` or `:*`, which stands for every name that begins so and goes on.
 * PM_BAD_REQUEST: a malformed name. PM_TOO_LARGE: a text over SCOPE_LIST_MAX. `out` is "" then.
 */
enum pm_err scope_list_parse(const char *const *names, size_t count,
			     char out[SCOPE_LIST_MAX + 1]) NODISCARD;

/*
 * Is every wanted scope in the list, by its name or through a `*`? An empty list is no restriction.
 * What is no plain name (one with a `*`, say) is never covered.
 */
bool scope_list_covers(const char *have, const char *const *want, size_t count);

#define LABEL_KEY_MAX 32
#define LABEL_VALUE_MAX 64
#define LABELS_MAX 16
#define LABEL_LIST_MAX 512 /* bytes */

/*
 * Labels: `key=value\n` lines sorted by key. A key is 1 to LABEL_KEY_MAX of a-z 0-9 . _ - and a value
 * at most LABEL_VALUE_MAX bytes of UTF-8 without control characters; it may be empty.
 * PM_BAD_REQUEST: one is malformed, or a key stands there twice. PM_TOO_LARGE: more than LABELS_MAX,
 * or a text over LABEL_LIST_MAX. `out` is "" then.
 */
enum pm_err label_list_parse(const char *const *keys, const char *const *values, size_t count,
			     char out[LABEL_LIST_MAX + 1]) NODISCARD;

/*
 * Takes the next label off *rest, which begins as the list. False at the end, and at a line that
 * label_list_parse does not write.
 */
bool label_list_next(const char **rest, char key[LABEL_KEY_MAX + 1],
		     char value[LABEL_VALUE_MAX + 1]);

#endif
