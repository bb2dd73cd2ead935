/*
 * The two curves of our pairs, as PKCS#11 writes them: what CKA_EC_PARAMS may say, and the forms in
 * which modules give CKA_EC_POINT. No state; no module is called.
 */
#ifndef SIGNER_CURVE_H
#define SIGNER_CURVE_H

#include "object.h"

#define CURVE_PARAMS_MAX 16
#define CURVE_POINT_MAX 68

/*
 * The i-th way to name an algorithm's curve, the best first; empty past the last. An OID (PKCS#11
 * v3.1 section 6.3.3, RFC 8410, RFC 5480), and for Ed25519 the name of v3.0 as well.
 */
struct bytes curve_params(enum algorithm algorithm, size_t i);

/* Of a key of type CKK_EC or CKK_EC_EDWARDS. Another curve: ALGORITHM_OTHER. */
enum algorithm curve_algorithm(CK_KEY_TYPE type, struct bytes params);

/*
 * The public key that CKA_EC_POINT holds, bare or in its DER wrapping: Ed25519's 32 bytes, or
 * P-256's SubjectPublicKeyInfo. Returns its length; 0: not a point of that curve's form.
 */
size_t curve_public_key(enum algorithm algorithm, struct bytes point, uint8_t out[PUBLIC_MAX]);

#endif
