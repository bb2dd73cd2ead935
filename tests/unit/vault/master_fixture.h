/*
 * Master keys of environment `live` in whatever state a test wants, without the calls that bring them
 * there; and rewrapping, batch by batch, without its thread.
 */
#ifndef UNIT_MASTER_FIXTURE_H
#define UNIT_MASTER_FIXTURE_H

#include "domain.h"
#include "vault_fixture.h"

#define PEPPER PURPOSE_PEPPER, VAULT_API_KEYS_PEPPER
#define RECORDS PURPOSE_INTEGRITY, INTEGRITY_NAME

struct environment *live(struct fixture *f);

/* Version 0 is the active one. */
struct master_record master_get(struct fixture *f, const char *purpose, const char *name,
				uint32_t version);
/* The record as it is now, sealed and stored with one revision more. */
void master_put(struct fixture *f, struct master_record *record);

void master_become(struct fixture *f, const char *purpose, const char *name, uint32_t version,
		   enum master_state state);
/* COMPROMISED, and ended a second ago. */
void master_end(struct fixture *f, const char *purpose, const char *name, uint32_t version);

/* A new version is ACTIVE, the one before VERIFY_ONLY. */
void master_rotate(struct fixture *f, const char *purpose, const char *name);

/* Says that records are to be moved to the active version. */
void rewrap_begin(struct fixture *f, const char *purpose, const char *name);
/* Batches until none is due; how many there were. */
size_t rewrap_run(struct fixture *f);
/* Both. */
void rewrap_all(struct fixture *f, const char *purpose, const char *name);

struct key_record stored_key(struct fixture *f, const char *id);
/* As if the vault itself had changed it. */
void store_key(struct fixture *f, struct key_record *record);

#endif
