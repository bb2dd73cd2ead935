/* A key's record and its text, from the reply to the caller's structs. PM_BAD_REPLY as in fill.h. */
#ifndef CLIENT_FILL_KEY_H
#define CLIENT_FILL_KEY_H

#include "fill.h"

/* A key of that environment and, unless NULL, of that id; `from` may be missing. */
enum pm_err fill_key(struct exchange *x, const Peppermint__V1__Key *from, const char *environment,
		     const char *key_id, struct peppermint_key *to) NODISCARD;

/* What a reply has for the holder of a key. */
struct handed_out {
	const char *api_key, *sealed, *merchant;
};

/* Before anything else happens: no secret, nothing sealed. `delivery` may be NULL, here and below. */
void delivery_clear(struct peppermint_secret *secret, struct peppermint_delivery *delivery);
/* For the request; empty if there is none. */
ProtobufCBinaryData delivery_recipient(const struct peppermint_delivery *delivery);

/* In clear, or sealed if there is a recipient, and never both. Nothing is left behind otherwise. */
enum pm_err fill_secret(struct exchange *x, const struct handed_out *from,
			struct peppermint_secret *secret,
			struct peppermint_delivery *delivery) NODISCARD;

#endif
