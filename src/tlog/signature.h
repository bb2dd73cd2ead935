/* What a key signs with, and the bytes behind the key id in a note's line. */
#ifndef TLOG_SIGNATURE_H
#define TLOG_SIGNATURE_H

#include "tlog/note.h"

#define ID_LEN 4 /* of a key */

/* The public key is of the right length and form, and a point of its curve. */
bool signature_key_usable(const struct tlog_key *key);

/* From the raw signature, as tlog_line_format takes it. */
enum pm_err signature_encode(const struct tlog_key *key, struct bytes raw,
			     struct buf *out) NODISCARD;

/* `time` is a cosignature's; 0 for others. */
bool signature_verifies(const struct tlog_key *key, struct bytes text, struct bytes signature,
			int64_t *time);

#endif
