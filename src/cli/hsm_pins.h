/* The PINs of `unseal`, of `hsm` commands and of operators: typed without echo, or lines of standard input. */
#ifndef CLI_HSM_PINS_H
#define CLI_HSM_PINS_H

#include "output.h"

#define PIN_MAX 255 /* bytes */

/* In locked memory; PINs end with a NUL. */
struct pins {
	char given[PIN_MAX + 1];  /* logs in */
	char wanted[PIN_MAX + 1]; /* is set */
};

/* What to ask for; NULL is not asked for. */
struct pins_asked {
	const char *given, *wanted;
	/* Whose it is, for the prompt: one of these. */
	const char *token;         /* by its label */
	const char *environment;   /* whose token it is */
	const char *operator_name; /* a person's */
	size_t min, max; /* bytes of a wanted one, as the token says; 0: it does not say */
};

/* NULL after a complaint. */
struct pins *pins_new(void);
void pins_freep(struct pins **pins); /* for CLEANUP */

/* A person gives the wanted one twice, standard input once, in the line after the given one's. */
enum status pins_read(const struct pins_asked *asked, struct pins *pins);

#endif
