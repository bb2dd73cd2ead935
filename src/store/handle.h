/* What a struct store is made of. */
#ifndef STORE_HANDLE_H
#define STORE_HANDLE_H

#include "store/store.h"

struct store {
	int lock_fd; /* holds the lock on <dir>/peppermint.lock */
	struct writer *writer;
	struct readers *readers;
};

#endif
