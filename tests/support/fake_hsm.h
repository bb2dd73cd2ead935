/*
 * An HSM in memory behind hsm/hsm.h, for unit tests: HMACs and signatures by OpenSSL under keys of
 * its own, calls that fail on command (fault.h), and a token that can be taken away, swapped or
 * tampered with.
 */
#ifndef SUPPORT_FAKE_HSM_H
#define SUPPORT_FAKE_HSM_H

#include <stdint.h>

#include "hsm/hsm.h"

struct hsm *fake_hsm_new(const char *serial);
void fake_hsm_free(struct hsm *hsm);

void fake_hsm_set_state(struct hsm *hsm, enum hsm_state state);
void fake_hsm_set_serial(struct hsm *hsm, const char *serial);
void fake_hsm_without_eddsa(struct hsm *hsm);      /* pairs made from now on are ECDSA P-256 */
void fake_hsm_restart(struct hsm *hsm);            /* a new generation, same token */
void fake_hsm_lose_key(struct hsm *hsm, size_t i); /* the i-th made */
void fake_hsm_swap_key(struct hsm *hsm, size_t i); /* another value or pair under the same id */
void fake_hsm_spoil_signature(struct hsm *hsm);    /* a bit of the next one is flipped */
size_t fake_hsm_key_count(struct hsm *hsm);
uint64_t fake_hsm_macs(struct hsm *hsm);       /* jobs done so far */
uint64_t fake_hsm_signatures(struct hsm *hsm); /* made so far */

#endif
