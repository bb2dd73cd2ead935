/*
 * The two halves of the fake HSM: fake_hsm.c has its tokens and what tests do to them, fake_calls.c
 * hsm.h's calls that one token answers.
 */
#ifndef SUPPORT_FAKE_CALLS_H
#define SUPPORT_FAKE_CALLS_H

#include "fake_token.h"

/* Locks; the token is the caller's until fake_give_back. */
struct fake_token *fake_take_token(struct hsm *hsm);
void fake_give_back(struct hsm *hsm);

/* Of every call: what its token's state lets it do. */
enum pm_err fake_check_state(const struct fake_token *token) NODISCARD;

#endif
