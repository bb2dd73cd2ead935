/*
 * A stand-in for the vault: a nanomsg REP socket on a thread of its own, which decodes requests and
 * gives canned answers. It believes what it is asked about: environment `test`, one key, one
 * pepper, two logs. Master keys have two versions of any name; see canned_masters.c.
 */
#ifndef TESTS_CANNED_H
#define TESTS_CANNED_H

#include <stdbool.h>
#include <stddef.h>

#include "peppermint/v1/vault.pb-c.h"

#define CANNED_ID "AAAABBBBCCCCDDDD"
#define CANNED_KEY "ak_test_AAAABBBBCCCCDDDD_0123456789012345678901234567890123456789012abcdef"
#define CANNED_OLD_KEY "ak_test_AAAABBBBCCCCDDDD_9999999999999999999999999999999999999999999abcdef"
#define CANNED_DOWN_KEY "ak_test_downdowndowndown_" /* no verdict: HSM_UNAVAILABLE */
#define CANNED_HASH "v2:canned"                     /* of the value "match" */
#define CANNED_OLD_HASH "v1:canned"                 /* of it, under an older pepper */
#define CANNED_KEYS 7                               /* how many ListKeys knows */
#define CANNED_EXPIRES 1893456000                   /* 2030-01-01T00:00:00Z */
#define CANNED_LOG 2                                /* the open one; 1 is closed */
#define CANNED_ENTRIES 5                            /* of the open log */
#define CANNED_ENTRY "{\"v\":1,\"seq\":%u,\"type\":\"key.mint\"}"
#define CANNED_RECORDS 250    /* API keys that version 1 of a pepper made */
#define CANNED_BAD_PIN "0000" /* any other is good */
#define CANNED_ORPHAN "30313233343536373839616263646566"
#define CANNED_ORPHAN_LABEL "peppermint/test/pepper/pan/v3"
#define CANNED_NOTE                                                                                \
	"vault.example/%u\n5\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIw=\n\n— x AA==\n"

#define CANNED_SEALED "sealed:x25519:c2VhbGVk"
#define CANNED_MERCHANT "M0017"
#define CANNED_CONFIRMATION "confirm-me"
#define CANNED_PIN "4711"
#define CANNED_CAREFUL "careful" /* its keys are minted with confirmation and PIN only */
#define CANNED_ACCOUNTS 3
#define CANNED_OPERATORS 2
#define CANNED_NOBODY "nobody" /* an account that ImportKeys does not know */

struct canned;

/* Listens at the path; aborts the test program when it cannot. */
struct canned *canned_start(const char *path);
/* Master keys are as they were before any change. canned_start does this as well. */
void canned_masters_reset(void);
/* And nothing was imported. canned_start does this as well. */
void canned_imports_reset(void);
/* How many keys ImportKeys took, and how many of its requests it answered from memory. */
size_t canned_imported(void);
size_t canned_repeated(void);
/* At most so many keys in one of its requests, from now on; else TOO_LARGE. */
void canned_imports_limit(size_t max);
/* Its answers are forgotten, not what was done: a repeated request is ALREADY_DONE. */
void canned_imports_forget(void);
void canned_stop(struct canned *canned);

/* What it does from the next request on. */
enum canned_manner { CANNED_ANSWER, CANNED_SILENCE, CANNED_JUNK, CANNED_EMPTY };
void canned_behave(struct canned *canned, enum canned_manner manner);

/* Changes each answer before it is sent; NULL ends that. */
void canned_tweak(struct canned *canned, void (*tweak)(Peppermint__V1__Reply *reply));

/* The last request; release with peppermint__v1__request__free_unpacked(…, NULL). */
Peppermint__V1__Request *canned_last(struct canned *canned);
size_t canned_count(struct canned *canned); /* requests so far */

#endif
