#define _GNU_SOURCE
#include "import_send.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define PATIENCE_MS 60000 /* for a vault that is busy, or is being started again */
#define PAUSE_MS 100
#define PAUSE_MS_MAX 3000

static bool will_pass(enum pm_err err)
{
	switch (err) {
	case PM_BUSY:
	case PM_DEADLINE_EXCEEDED:
	case PM_OUTCOME_UNKNOWN:
	case PM_UNREACHABLE:
	case PM_SHUTTING_DOWN:
	case PM_HSM_UNAVAILABLE:
	case PM_NO_MEMORY:
		return true;
	default:
		return false;
	}
}

static void pause_ms(int64_t ms)
{
	const struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * NS_PER_MS };

	nanosleep(&time, NULL);
}

/* The batch's keys from `first` on. With the same id again, so that it is done once. */
static enum pm_err send_patiently(const struct sender *sender, struct import_batch *batch,
				  size_t first, size_t count, struct peppermint_call *call)
{
	int64_t patience = deadline_in_ms(PATIENCE_MS);
	int64_t pause = PAUSE_MS;

	for (;;) {
		enum pm_err err = peppermint_import_keys(sender->vault, sender->environment,
							 batch->keys + first, count,
							 batch->outcomes + first, call);

		if (!will_pass(err) || deadline_left_ms(patience) == 0 || atomic_load(sender->stop))
			return err;
		pause_ms(pause);
		pause = 2 * pause < PAUSE_MS_MAX ? 2 * pause : PAUSE_MS_MAX;
	}
}

/*
 * It was executed, and what became of it is remembered no more: asked again under another id, what it made
 * exists.
 */
static enum pm_err send_once(const struct sender *sender, struct import_batch *batch, size_t first,
			     size_t count, struct peppermint_call *call)
{
	char id[PEPPERMINT_REQUEST_ID_MAX + 1];

	snprintf(id, sizeof(id), "%s-%" PRIu64 "-%zu-%zu", sender->prefix, batch->number, first,
		 count);
	call->request_id = id;
	enum pm_err err = send_patiently(sender, batch, first, count, call);
	call->request_id = NULL;
	return err == PM_ALREADY_DONE ? send_patiently(sender, batch, first, count, call) : err;
}

/* What the vault refuses as a whole, because of one of them or of the size, is halved. */
static enum pm_err send_range(const struct sender *sender, struct import_batch *batch, size_t first,
			      size_t count, struct peppermint_call *call)
{
	enum pm_err err = send_once(sender, batch, first, count, call);

	if (err != PM_TOO_LARGE && err != PM_BAD_REQUEST)
		return err;
	if (count == 1) {
		struct peppermint_import_outcome *outcome = &batch->outcomes[first];

		outcome->error = err;
		snprintf(outcome->message, sizeof(outcome->message), "%.*s", PEPPERMINT_TEXT_MAX,
			 call->message);
		return PM_OK;
	}
	err = send_range(sender, batch, first, count / 2, call);
	return err == PM_OK ? send_range(sender, batch, first + count / 2, count - count / 2, call)
			    : err;
}

enum pm_err batch_send(const struct sender *sender, struct import_batch *batch, char *message)
{
	struct peppermint_call call = {
		.authorization = sender->authorization,
		.timeout_ms = sender->timeout_ms,
	};

	if (batch->count == 0)
		return PM_OK;
	enum pm_err err = send_range(sender, batch, 0, batch->count, &call);
	if (err != PM_OK)
		memcpy(message, call.message, sizeof(call.message));
	return err;
}
