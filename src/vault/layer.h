/*
 * The layers of a stored secret's MAC. The innermost is made under pepper_version over what
 * secret_cover writes; each of `wraps` is one more, made over the MAC below it:
 *
 *	M(0) = HMAC(pepper_version, secret_cover)
 *	M(i) = HMAC(wraps[i - 1], tag ‖ environment ‖ key id ‖ secret version ‖ version below ‖ M(i - 1))
 *
 * The record carries the last. The version of the outermost layer is the one that vouches for the
 * secret; those below are only needed to compute it.
 */
#ifndef VAULT_LAYER_H
#define VAULT_LAYER_H

#include "base/bytes.h"
#include "environment.h"

#define LAYERS_MAX (1 + STORE_WRAPS_MAX)

static inline uint32_t layer_count(const struct secret_record *secret)
{
	return 1 + secret->wrap_count;
}

/* The pepper version of a layer, 0 the innermost. */
static inline uint32_t layer_version(const struct secret_record *secret, uint32_t layer)
{
	return layer == 0 ? secret->pepper_version : secret->wraps[layer - 1];
}

static inline uint32_t layer_outermost(const struct secret_record *secret)
{
	return layer_version(secret, secret->wrap_count);
}

/* One layer only, made under that version. */
static inline bool layer_is_bare(const struct secret_record *secret, uint32_t version)
{
	return secret->wrap_count == 0 && secret->pepper_version == version;
}

/*
 * Was the version that vouches for it compromised, and has its end come? Then it verifies nothing any more,
 * and no other version is to vouch for it.
 */
bool layer_is_dead(struct environment *env, const struct secret_record *secret, int64_t now);

/* What is hashed for a layer above the innermost; `below` is the MAC of the layer under it. */
void layer_cover(const struct environment *env, const char *key_id,
		 const struct secret_record *secret, uint32_t layer,
		 const uint8_t below[HSM_MAC_LEN], struct buf *buf);

#endif
