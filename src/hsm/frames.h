/*
 * What a signer is asked, packed for the socketpair. Together with reply.h all of this layer that
 * knows protobuf-c. No state.
 */
#ifndef HSM_FRAMES_H
#define HSM_FRAMES_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/err.h"
#include "hsm/hsm.h"

#define FRAME_MAX ((size_t)128 * 1024) /* bytes of one datagram, either way */
#define FRAME_ITEMS_MAX 1024           /* items of one HmacBatch */
#define FRAME_HMAC_MAX ((size_t)120 * 1024)
#define FRAME_ARENA_MAX ((size_t)1024 * 1024) /* what packing or unpacking one frame may take */

/* An upper bound of what one item adds to a frame; the sum must not pass FRAME_HMAC_MAX. */
size_t frame_item_size(struct bytes data);

/* Each packs one request into `out`, replacing its content; PM_TOO_LARGE if it does not fit. */
enum pm_err frame_start(uint64_t id, const struct hsm_config *config, struct buf *out) NODISCARD;
enum pm_err frame_hmac(uint64_t id, const struct hsm_job *const *jobs, size_t count,
		       struct arena *arena, struct buf *out) NODISCARD;
/* Either algorithm of a pair asks for one, which the token chooses. */
enum pm_err frame_generate(uint64_t id, enum hsm_algorithm algorithm, const struct hsm_id *key,
			   const char *label, struct buf *out) NODISCARD;
enum pm_err frame_import(uint64_t id, const struct hsm_id *key, const char *label,
			 struct bytes value, struct buf *out) NODISCARD;
enum pm_err frame_sign(uint64_t id, const struct hsm_id *key, enum hsm_algorithm algorithm,
		       struct bytes data, struct buf *out) NODISCARD;
enum pm_err frame_encrypt(uint64_t id, const struct hsm_id *key, const uint8_t iv[HSM_IV_LEN],
			  struct bytes aad, struct bytes plain, struct buf *out) NODISCARD;
enum pm_err frame_decrypt(uint64_t id, const struct hsm_id *key, const uint8_t iv[HSM_IV_LEN],
			  struct bytes aad, struct bytes sealed, struct buf *out) NODISCARD;
enum pm_err frame_list(uint64_t id, const char *prefix, struct buf *out) NODISCARD;
enum pm_err frame_random(uint64_t id, size_t len, struct buf *out) NODISCARD;
enum pm_err frame_destroy(uint64_t id, const struct hsm_id *key, const char *label,
			  struct buf *out) NODISCARD;
enum pm_err frame_inspect(uint64_t id, struct buf *out) NODISCARD;
enum pm_err frame_change_pin(uint64_t id, struct bytes old_pin, struct bytes new_pin,
			     struct buf *out) NODISCARD;

#endif
