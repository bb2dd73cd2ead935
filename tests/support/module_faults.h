/*
 * What the faulty PKCS#11 module (faulty-pkcs11/README.md) does to a soft token: its rules, counts
 * and log are files in the token's directory. What cannot be written or read aborts the test
 * program.
 */
#ifndef SUPPORT_MODULE_FAULTS_H
#define SUPPORT_MODULE_FAULTS_H

#include <stddef.h>

#include "soft_token.h"

#define MODULE_FAULTS_ENV 3

struct module_faults {
	char rules[96], state[96], log[96];
	char env[MODULE_FAULTS_ENV][128]; /* NAME=VALUE */
	char words[640];                  /* the token's word and these, for `module_env` */
};

void module_faults_make(struct module_faults *faults, const struct soft_token *token);

/* Takes effect at the next call of processes that run, too. "" for a module without fault. */
void module_faults_set(const struct module_faults *faults, const char *rules);

/* Counts and log start anew. */
void module_faults_forget(const struct module_faults *faults);

/* Calls of a function, or of "any". */
unsigned long module_faults_calls(const struct module_faults *faults, const char *function);

/* How often the nth rule of the file, from 1, has fired. */
unsigned long module_faults_fired(const struct module_faults *faults, size_t nth);

#endif
