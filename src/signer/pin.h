/*
 * The token's PIN, in locked memory, for as long as a login takes. It comes from a file or from an
 * inherited descriptor; never from argv or the environment, and from the socket only to be changed.
 */
#ifndef SIGNER_PIN_H
#define SIGNER_PIN_H

#include <limits.h>
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
 * Where the PIN is read, for each login anew: the file at `path`, or, if that is empty, descriptor
 * `fd`. The descriptor serves until another PIN is kept.
 */
struct pin_source {
	char path[PATH_MAX];
	int fd;
};

/*
 * A file must be a regular one that belongs to root or to us and that nobody else may read, by its
 * mode or by an access control list; by path, not a symbolic link: what is checked must be what the
 * administrator named. An open file is read from its start whatever its offset. A pipe is read once
 * its writers have closed it, and keeps its content: it serves the next login and the next process.
 * One newline at the end is not part of the PIN.
 */
enum pm_err pin_read(const struct pin_source *source, struct pin *pin,
		     struct failure *failure) NODISCARD;

/* From now on `text` is the PIN: the source becomes a pipe that holds it, in the kernel's memory. */
enum pm_err pin_keep(struct pin_source *source, const void *text, size_t len,
		     struct failure *failure) NODISCARD;

/* From now on there is no PIN. */
void pin_forget(struct pin_source *source);

#endif
