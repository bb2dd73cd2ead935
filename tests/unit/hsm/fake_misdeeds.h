/*
 * What the fake signer says and what it does wrong on purpose: see fake_signer.c. One thread; the
 * process ends where the protocol or the test is broken.
 */
#ifndef TESTS_UNIT_HSM_FAKE_MISDEEDS_H
#define TESTS_UNIT_HSM_FAKE_MISDEEDS_H

#include <stdbool.h>
#include <stdio.h>

#include "peppermint/v1/signer.pb-c.h"

#define FAILURE(name) PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_##name
#define RESULT(name) PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_##name

typedef Peppermint__Signer__V1__SignerReply Reply;
typedef Peppermint__Signer__V1__Failure Failure;

/* The directory that is shared with the test. */
void set_directory(const char *path);
FILE *open_in_directory(const char *name, const char *mode);
/* The first line of a file there, without its end; false: there is none. */
bool read_line(const char *name, char *out, int cap);
void add_line(const char *name, const char *text);

void send_reply(const Reply *reply);
/* Ends the process, unless the failure is one that the real one survives too. */
void send_failure(uint64_t id, Peppermint__Signer__V1__FailureClass class, uint64_t ck_rv,
		  const char *detail);

bool begins_with(const void *data, size_t len, const char *word);
/* Does what the word says that the text begins with; true: the request was dealt with. */
bool misbehave(uint64_t id, const void *data, size_t len);

#endif
