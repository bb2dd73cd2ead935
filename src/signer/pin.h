/*
 * The token's PIN, in locked memory, for as long as the login takes. It comes from a file or from
 * an inherited descriptor; never from argv, the environment or the socket.
 */
#ifndef SIGNER_PIN_H
#define SIGNER_PIN_H

#include <stddef.h>

#include "ckr.h"

#define PIN_MAX 255

struct pin {
	size_t len;
	CK_UTF8CHAR text[PIN_MAX + 1]; /* one more than a PIN may have, to notice it */
};

struct pin *pin_new(void); /* NULL when locked memory has run out */
void pin_freep(struct pin **pin);

/*
 * A regular file that belongs to root or to us and that nobody else may read, by its mode or by an
 * access control list. Not a symbolic link: what is checked must be what the administrator named.
 * One newline at the end is not part of the PIN.
 */
enum pm_err pin_read_file(const char *path, struct pin *pin, struct failure *failure) NODISCARD;

/* The same for an open file, read from its start whatever its offset; or a pipe, read to its end.
 */
enum pm_err pin_read_fd(int fd, struct pin *pin, struct failure *failure) NODISCARD;

#endif
