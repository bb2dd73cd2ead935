/* What the fake signer encrypts and decrypts: see fake_signer.c. */
#ifndef TESTS_UNIT_HSM_FAKE_CIPHER_H
#define TESTS_UNIT_HSM_FAKE_CIPHER_H

#include "peppermint/v1/signer.pb-c.h"

void fake_encrypt(const Peppermint__Signer__V1__SignerRequest *request);
void fake_decrypt(const Peppermint__Signer__V1__SignerRequest *request);

#endif
