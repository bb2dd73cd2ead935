#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "tmpdir.h"

struct peppermint *fixture_open(struct fixture *f, uint32_t timeout_ms, uint32_t connections)
{
	const struct peppermint_options options = {
		.socket = f->socket,
		.timeout_ms = timeout_ms,
		.connections = connections,
	};
	struct peppermint *vault = NULL;

	assert_ok(peppermint_open(&options, &vault));
	return vault;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	tmpdir_make(f->dir);
	snprintf(f->socket, sizeof(f->socket), "%s/vault.sock", f->dir);
	f->canned = canned_start(f->socket);
	f->vault = fixture_open(f, PEPPERMINT_TIMEOUT_MS_MAX, 0);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	peppermint_close(f->vault);
	if (f->canned)
		canned_stop(f->canned);
	tmpdir_remove(f->dir);
	free(f);
	return 0;
}
