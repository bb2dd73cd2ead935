/*
 * Who may ask for anything: the configuration's callers by uid, and how many requests each has in
 * flight. The list may be replaced at any time; a request keeps the copy that it was admitted with,
 * and counts follow the uid across replacements. Any thread; nothing here waits.
 */
#ifndef RPC_CALLERS_H
#define RPC_CALLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "rpc/rpc.h"

struct callers;

/* `share` bounds what one caller has in flight. */
enum pm_err callers_new(uint32_t share, struct callers **out) NODISCARD;
void callers_free(struct callers *callers);

/*
 * All or nothing. PM_CONFIG, logged, if there are too many or a uid or name stands twice; PM_BUSY
 * while too many requests of former callers are in flight.
 */
enum pm_err callers_set(struct callers *callers, const struct rpc_caller *list,
			size_t count) NODISCARD;

/* What callers_set would say; once PM_OK, for this list it stays that until another one is set. */
enum pm_err callers_check(struct callers *callers, const struct rpc_caller *list,
			  size_t count) NODISCARD;

bool callers_know(struct callers *callers, uint32_t uid);

/* Copies the present list; returns how many they are. */
size_t callers_list(struct callers *callers, struct rpc_caller list[RPC_CALLERS_MAX]);

/*
 * Copies the caller and counts one request of his until callers_leave. PM_BUSY: likewise, but it is
 * over his share. PM_DENIED, and nothing is counted: there is no such caller, or he is over twice
 * his share, because he does not even read that he is.
 */
enum pm_err callers_enter(struct callers *callers, uint32_t uid,
			  struct rpc_caller *caller) NODISCARD;
void callers_leave(struct callers *callers, uint32_t uid);

#endif
