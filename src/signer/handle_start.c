#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/token_lock.h"
#include "handlers.h"
#include "mend.h"
#include "proof.h"
#include "session.h"

#define SESSIONS_DEFAULT 1

/* So that the offline tools leave the token alone while it serves. */
static enum pm_err lock_token(struct signer *signer)
{
	const struct token *token = &signer->token;

	enum pm_err err = token_lock_take(token->manufacturer, token->model, token->serial, false,
					  &signer->lock_fd);
	if (err == PM_CONFLICT)
		return failure_set(&signer->failure, FAILURE_MODULE,
				   "token %s is being worked on by `peppermint hsm`", token->label);
	return PM_OK; /* without a lock it serves as well; why was logged */
}

static enum pm_err find_pin(struct signer *signer, const char *pin_file)
{
	struct pin_source *source = &signer->token.pin;

	source->fd = signer->pin_fd;
	int len = snprintf(source->path, sizeof(source->path), "%s", pin_file);
	if (len < 0 || (size_t)len >= sizeof(source->path))
		return failure_set(&signer->failure, FAILURE_PIN,
				   "the PIN file's path is longer "
				   "than a path can be");
	return PM_OK;
}

static enum pm_err open_sessions(void *arg, struct failure *failure)
{
	return session_mend(arg, failure);
}

static enum pm_err open_token(struct signer *signer, const Peppermint__Signer__V1__Start *ask)
{
	struct token *token = &signer->token;
	struct failure *failure = &signer->failure;
	struct module module = { 0 };

	if (strcmp(ask->environment, signer->environment) != 0)
		return failure_set(failure, FAILURE_SETUP,
				   "the signer of environment %s was asked to serve %s",
				   signer->environment, ask->environment);
	TRY(module_load(&module, ask->module, ask->init_args, failure));
	TRY(token_open(token, &module, ask->token_uri, failure));
	TRY(lock_token(signer));
	TRY(find_pin(signer, ask->pin_file));
	const size_t asked = ask->sessions > 0 ? ask->sessions : SESSIONS_DEFAULT;
	token->workers = module.one_thread ? 1 : session_cap(token, asked);
	TRY(mend_run(token, open_sessions, token, failure));
	if (sandbox_enter(SANDBOX_SIGNER) != PM_OK)
		return failure_set(failure, FAILURE_SETUP,
				   "the kernel does not let the signer into its sandbox (seccomp)");
	return PM_OK;
}

struct trial {
	struct signer *signer;
	enum proof proof;
	bool announced;
};

static enum pm_err try_hmac(void *arg, struct failure *failure)
{
	struct trial *trial = arg;
	struct token *token = &trial->signer->token;

	TRY(token_has_mechanism(token, CKM_SHA256_HMAC, &trial->announced, failure));
	return proof_hmac(token, &trial->proof, failure);
}

static enum pm_err try_copies(void *arg, struct failure *failure)
{
	struct trial *trial = arg;

	return keys_try_copies(&trial->signer->keys, failure);
}

/* A token that computes something else must never serve; what it announces does not count. */
static enum pm_err prove(struct signer *signer)
{
	struct trial trial = { .signer = signer };
	struct token *token = &signer->token;

	TRY(mend_run(token, try_hmac, &trial, &signer->failure));
	if (trial.proof == PROOF_WRONG || (trial.proof == PROOF_NONE && !trial.announced))
		return failure_set(&signer->failure, FAILURE_SETUP,
				   "token %s does not compute HMAC-SHA-256 (CKM_SHA256_HMAC) of a "
				   "key that was made in it",
				   token->label);
	signer->proven = trial.proof == PROOF_RIGHT;
	if (!signer->proven)
		log_warn("token %s lets no known key in: its HMAC-SHA-256 is taken on trust",
			 token->label);
	return mend_run(token, try_copies, &trial, &signer->failure);
}

static enum pm_err start(struct signer *signer, const Peppermint__Signer__V1__Start *ask)
{
	TRY(open_token(signer, ask));
	keys_init(&signer->keys, &signer->token, signer->environment);
	TRY(prove(signer));
	pool_start(&signer->pool, &signer->token);
	return PM_OK;
}

enum pm_err handle_start(struct signer *signer, const Peppermint__Signer__V1__Start *ask,
			 Reply *reply)
{
	Peppermint__Signer__V1__Started *started = arena_alloc(signer->arena, sizeof(*started));

	if (!started)
		return no_memory(signer);
	enum pm_err err = start(signer, ask);
	if (err != PM_OK && signer->failure.class == FAILURE_CALLER)
		signer->failure.class = FAILURE_SETUP; /* refused whatever we ask for later */
	TRY(err);
	signer->started = true;
	fill_started(signer, started);
	reply->started = started;
	reply->result_case = RESULT(STARTED);
	return PM_OK;
}
