/*
 * A test in peppermintd's place: starts the real peppermint-signer on a socketpair, asks, and reads
 * the answers. What should not fail fails the running test.
 */
#ifndef SIGNER_DRIVER_H
#define SIGNER_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "module_faults.h"
#include "peppermint/v1/signer.pb-c.h"
#include "soft_token.h"

#define FAILURE(name) PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_##name
#define ALGORITHM(name) PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##name
#define OP(name) PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_##name

typedef Peppermint__Signer__V1__SignerRequest Request;
typedef Peppermint__Signer__V1__SignerReply Reply;
typedef Peppermint__Signer__V1__HmacItem HmacItem;

#define NO_PIN_FD (-1)

/* Beside what the token needs: NAME=VALUE words for the module's process; NULL at the end. */
extern const char *driver_env[4];

struct driver {
	pid_t pid; /* 0: not running */
	int fd;
	uint64_t last_id;
	Reply *reply; /* the last one */
	struct module_faults faults;
};

/* `rules`: of the faulty module, which counts its calls from here; NULL for none. */
void driver_spawn(struct driver *driver, const struct soft_token *token, const char *rules,
		  int pin_fd);

/* Returns what the process ended with: its status, or minus the signal that ended it. */
int driver_wait(struct driver *driver);

/* Hangs up and waits; for teardown. */
void driver_end(struct driver *driver);

void driver_send(struct driver *driver, const void *frame, size_t len);

/* Its id is filled in and must come back. The reply lives until the next call. */
const Reply *driver_ask(struct driver *driver, Request *request);

/* True when the signer hung up instead of answering. */
bool driver_hung_up(struct driver *driver);

/* Start with everything right but what is given; NULL: as it should be. */
struct driver_start {
	const char *environment, *module, *uri, *pin_file, *init_args;
	uint32_t sessions;
};
const Reply *driver_start(struct driver *driver, const struct soft_token *token,
			  struct driver_start with);

/* Spawned and started, in environment "live". */
void driver_serve(struct driver *driver, const struct soft_token *token, const char *rules);

/* One item; its mac, or NULL when it was refused with FAILURE_CALLER. */
const uint8_t *driver_hmac(struct driver *driver, const uint8_t id[16], const void *data,
			   size_t len);

const Reply *driver_hmac_batch(struct driver *driver, HmacItem *items, size_t count);
const Reply *driver_generate(struct driver *driver, const uint8_t id[16], const char *label);
const Reply *driver_generate_pair(struct driver *driver, const uint8_t id[16], const char *label);
const Reply *driver_generate_aes(struct driver *driver, const uint8_t id[16], const char *label);
const Reply *driver_import(struct driver *driver, const uint8_t id[16], const char *label,
			   struct bytes value);
/* Under an iv of 12 bytes. */
const Reply *driver_encrypt(struct driver *driver, const uint8_t id[16], const char *iv,
			    struct bytes aad, struct bytes plain);
const Reply *driver_decrypt(struct driver *driver, const uint8_t id[16], const char *iv,
			    struct bytes aad, struct bytes sealed);
const Reply *driver_sign(struct driver *driver, const uint8_t id[16],
			 Peppermint__Signer__V1__Algorithm algorithm, const void *data, size_t len);
const Reply *driver_list(struct driver *driver, const char *prefix);
const Reply *driver_destroy(struct driver *driver, const uint8_t id[16], const char *label);
const Reply *driver_inspect(struct driver *driver);
const Reply *driver_change_pin(struct driver *driver, const char *old_pin, const char *new_pin);
const Reply *driver_random(struct driver *driver, uint32_t len);

/* How often the bytes stand in the signer's writable memory; -1 if we may not look. */
int driver_copies(const struct driver *driver, struct bytes bytes);

#endif
