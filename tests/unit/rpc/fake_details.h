/* How the halves of the fake vault note what a call brought: fake_details tells it. */
#ifndef TEST_FAKE_DETAILS_H
#define TEST_FAKE_DETAILS_H

#include "vault/vault.h"

/* Begins a note; adds to it. */
void fake_note_new(void);
__attribute__((format(printf, 1, 2))) void fake_note(const char *fmt, ...);
void fake_note_texts(const char *name, struct texts texts);
void fake_note_labels(struct label_texts labels);

#endif
