#define _GNU_SOURCE
#include "hsm_fixture.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/token_lock.h"

int hsm_setup(void **state)
{
	struct hsm_fixture *h = calloc(1, sizeof(*h));
	void *cli = NULL;

	assert_non_null(h);
	fixture_setup(&cli);
	h->cli = cli;
	soft_token_make(&h->token, "mine");
	module_faults_make(&h->faults, &h->token);
	module_faults_set(&h->faults, "");
	putenv(h->token.env);
	for (size_t i = 0; i < MODULE_FAULTS_ENV; i++)
		putenv(h->faults.env[i]);
	*state = h;
	return 0;
}

/* The lock files of throw-away tokens would gather. */
static void remove_lock(const char *serial)
{
	char path[TOKEN_LOCK_PATH_MAX];

	token_lock_path("SoftHSM project", "SoftHSM v2", serial, path);
	unlink(path);
}

int hsm_teardown(void **state)
{
	struct hsm_fixture *h = *state;
	void *cli = h->cli;

	unsetenv("SOFTHSM2_CONF");
	unsetenv("FAULTY_RULES");
	unsetenv("FAULTY_STATE");
	unsetenv("FAULTY_LOG");
	remove_lock(h->token.serial);
	soft_token_remove(&h->token);
	free(h);
	return fixture_teardown(&cli);
}
