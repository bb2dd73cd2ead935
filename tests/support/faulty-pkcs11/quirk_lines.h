/* The lines of the rule file that say what the token is like. */
#ifndef FAULTY_QUIRK_LINES_H
#define FAULTY_QUIRK_LINES_H

#include <stdbool.h>

#include "rules.h"
#include "words.h"

/* `word` is the first of the line, and taken. False: it is no quirk. */
bool quirk_lines_parse(struct quirks *quirks, const char *word, struct words *words);

#endif
