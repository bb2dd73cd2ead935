#include "mend.h"

#include "base/clock.h"
#include "base/log.h"
#include "session.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum remedy {
	NOTHING,     /* answered as it is */
	NEW_SESSION, /* the work session is dropped for a new one */
	NEW_LOGIN,   /* on the anchor, with the PIN from its source */
	NEW_HANDLES, /* keys are looked up again */
	ONCE_MORE,   /* on a new session: modules say this of what passes, and of what does not */
};

static const char *const names[] = {
	[NEW_SESSION] = "on a new session",
	[NEW_LOGIN] = "after a new login",
	[NEW_HANDLES] = "with new handles",
	[ONCE_MORE] = "once more",
};

/* Before the class, the code: these are of a class that they are not typical of. */
static const struct {
	CK_RV rv;
	enum remedy remedy;
} by_code[] = {
	{ CKR_FUNCTION_FAILED, ONCE_MORE }, { CKR_GENERAL_ERROR, ONCE_MORE },
	{ CKR_HOST_MEMORY, ONCE_MORE },     { CKR_DEVICE_MEMORY, ONCE_MORE },
	{ CKR_SESSION_COUNT, ONCE_MORE }, /* session.c has learned from it */
};

static const enum remedy by_class[] = {
	[FAILURE_NONE] = NOTHING,        [FAILURE_CALLER] = NOTHING,
	[FAILURE_SESSION] = NEW_SESSION, [FAILURE_LOGIN] = NEW_LOGIN,
	[FAILURE_HANDLE] = NEW_HANDLES,  [FAILURE_MODULE] = NOTHING,
	[FAILURE_PIN] = NOTHING,         [FAILURE_CAPACITY] = NOTHING,
	[FAILURE_SETUP] = NOTHING,
};

static enum remedy remedy_for(const struct failure *failure)
{
	for (size_t i = 0; i < COUNT(by_code); i++) {
		if (failure->rv == by_code[i].rv)
			return by_code[i].remedy;
	}
	return by_class[failure->class];
}

static enum pm_err apply(struct token *token, enum remedy remedy, struct failure *failure)
{
	switch (remedy) {
	case NEW_LOGIN:
		token->logged_in = false;
		break;
	case NEW_HANDLES:
		token->generation++;
		break;
	default:
		token->suspect[0] = true;
	}
	return session_mend(token, failure);
}

/* A token that loses something at every call shall not fill the log: once a second is enough. */
static void tell(enum remedy remedy, const struct failure *failure)
{
	static int64_t last;
	static unsigned untold;
	const int64_t now = clock_now();

	if (last != 0 && now - last < NS_PER_SECOND) {
		untold++;
		return;
	}
	if (untold > 0)
		log_warn("tried again %u times more since that was last said", untold);
	log_warn("tried again %s: %s", names[remedy], failure->detail);
	last = now;
	untold = 0;
}

bool mend_try(struct mend *mend, struct failure *failure)
{
	for (;;) {
		const enum remedy remedy = remedy_for(failure);

		if (remedy == NOTHING || mend->tried & 1U << remedy)
			return false;
		mend->tried |= 1U << remedy;
		tell(remedy, failure);
		if (apply(mend->token, remedy, failure) == PM_OK)
			return true;
		/* A remedy is not the caller's: what it leaves is not sound. */
		if (failure->class == FAILURE_CALLER)
			failure->class = FAILURE_MODULE;
	}
}

enum pm_err mend_run(struct token *token, mend_op op, void *arg, struct failure *failure)
{
	struct mend mend = { .token = token };
	struct failure trouble;
	enum pm_err err;

	do
		err = op(arg, failure);
	while (err != PM_OK && mend_try(&mend, failure));
	if (err != PM_OK && failure->class != FAILURE_CALLER)
		return err;
	enum pm_err left = session_clear(token, &trouble);
	if (left == PM_OK)
		return err;
	*failure = trouble;
	return left;
}
