#include "layer.h"

#include "period.h"

void layer_cover(const struct environment *env, const char *key_id,
		 const struct secret_record *secret, uint32_t layer,
		 const uint8_t below[HSM_MAC_LEN], struct buf *buf)
{
	buf_put_field(buf, bytes_str("peppermint/v1/api-key/wrap"));
	buf_put_field(buf, bytes_str(env->name));
	buf_put_field(buf, bytes_str(key_id));
	buf_put_u32(buf, secret->version);
	buf_put_u32(buf, layer_version(secret, layer - 1));
	buf_put_field(buf, bytes_of(below, HSM_MAC_LEN));
}

bool layer_is_dead(struct environment *env, const struct secret_record *secret, int64_t now)
{
	struct master_record pepper;

	return environment_master(env, PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER,
				  layer_outermost(secret), &pepper) == PM_OK &&
	       period_is_dead(&pepper, now);
}
