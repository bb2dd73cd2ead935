/*
 * Turns at stretching PINs: at most PIN_STRETCHINGS at a time, because each takes STRETCH_MEMORY, and one
 * operator's one after the other, so that tries that meet are counted like tries in a row. Few wait: those who
 * do are workers, and verifying needs some, too. Any thread.
 */
#ifndef VAULT_PIN_TURNS_H
#define VAULT_PIN_TURNS_H

#include "environment.h"

#define PIN_STRETCHINGS 2
#define PIN_WAITING 4 /* threads */

struct pin_turns;

enum pm_err pin_turns_new(struct pin_turns **out) NODISCARD;
void pin_turns_free(struct pin_turns *turns); /* NULL is allowed */

/* Waits for the operator's turn: PM_BUSY when there was none before the deadline, or too many wait. */
enum pm_err pin_turns_begin(struct pin_turns *turns, const struct environment *env, const char *id,
			    int64_t deadline) NODISCARD;
void pin_turns_end(struct pin_turns *turns, const struct environment *env, const char *id);

#endif
