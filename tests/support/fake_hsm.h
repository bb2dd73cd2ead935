/*
 * An HSM in memory behind hsm/hsm.h, for unit tests: OpenSSL computes, under keys of the fake's own,
 * calls fail on command (fault.h), and tokens can be taken away, swapped or tampered with. Its PIN is
 * FAKE_PIN.
 *
 * Where a function takes an hsm, it means its active token; of an hsm_member, that token.
 */
#ifndef SUPPORT_FAKE_HSM_H
#define SUPPORT_FAKE_HSM_H

#include <stdint.h>

#include "hsm/hsm.h"

#define FAKE_PIN "1234"

struct hsm *fake_hsm_new(const char *serial);
void fake_hsm_free(struct hsm *hsm);

/* A second token, which serves and has no keys; and later, copies of all keys of the first. */
void fake_hsm_add_standby(struct hsm *hsm, const char *serial);
void fake_hsm_clone(struct hsm *hsm);

/* HSM_SERVING begins no generation. If the active token falls and the other serves, it takes over. */
void fake_hsm_set_state(struct hsm *hsm, enum hsm_state state);
void fake_hsm_fall(struct hsm *hsm, enum hsm_cause cause); /* HSM_STARTING, or HSM_SEALED */
void fake_hsm_set_serial(struct hsm *hsm, const char *serial);
void fake_hsm_without_eddsa(struct hsm *hsm);      /* pairs made from now on are ECDSA P-256 */
void fake_hsm_restart(struct hsm *hsm);            /* serves, a new generation, same token */
void fake_hsm_lose_key(struct hsm *hsm, size_t i); /* the i-th made */
void fake_hsm_swap_key(struct hsm *hsm, size_t i); /* another value or pair under the same id */
void fake_hsm_flip(struct hsm *hsm, uint64_t n);   /* a bit of the n-th MAC from now; 0: the next */
void fake_hsm_spoil_signature(struct hsm *hsm);    /* a bit of the next one is flipped */
size_t fake_hsm_key_count(struct hsm *hsm);        /* made so far, also those that are gone */
uint64_t fake_hsm_macs(struct hsm *hsm);           /* jobs done so far */
uint64_t fake_hsm_signatures(struct hsm *hsm);     /* made so far */
uint32_t fake_hsm_wrong_pins(struct hsm *hsm); /* tried so far, by hsm_unseal and hsm_change_pin */

#endif
