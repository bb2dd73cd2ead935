/* A secret typed by a person: a prompt, and no echo. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Reads a line from the terminal on standard input as read(2) does. Whatever ends the program
 * meanwhile, echo is switched on again first.
 */
ssize_t terminal_read(const char *prompt, char *to, size_t size);

#endif
