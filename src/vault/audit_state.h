/*
 * What the audit log's files share: struct audit and how its health changes. The callers of the log
 * need audit.h only.
 *
 * Locks, in the order in which they may be taken: `round` (one round of the notary, of the scrub and
 * of the pruning at a time; held across store and HSM), then `lock` (for copying only).
 */
#ifndef VAULT_AUDIT_STATE_H
#define VAULT_AUDIT_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "audit.h"
#include "domain.h"
#include "environment.h"
#include "fold.h"
#include "notary.h"
#include "scrub.h"
#include "watch.h"

#define AUDIT_DETAIL_MAX 256
#define AUDIT_WHY_MAX 192
#define AUDIT_TOLD_MAX 16
#define KEEP_MONTHS_MIN 12
#define AUDIT_FRESH_MAX 1000 /* entries that are worth a checkpoint before the second is over */

/* A revision of the configuration: entries point to it, so it stays until the end. */
struct policy {
	struct policy *before;
	char text[];
};

struct audit_health {
	bool lost;    /* the newest entries are gone: nothing is answered, written or signed */
	bool altered; /* entries are not what they were: nothing is signed any more */
	bool stuck;   /* the last entry could not be kept */
	int64_t stuck_since;            /* seconds since 1970 */
	char damage[AUDIT_DETAIL_MAX];  /* what is lost or altered */
	char not_signed[AUDIT_WHY_MAX]; /* why the last round signed nothing; "": it did */
	struct {
		uint32_t log;
		uint64_t index;
	} told[AUDIT_TOLD_MAX]; /* damage that has its entry */
	size_t told_count;
};

/* How far the logs are signed, or cosigned: up to their newest checkpoint that is. */
struct reach {
	uint64_t size;   /* its, if it is of the open log; else 0 */
	uint64_t closed; /* entries after it in closed logs */
	int64_t at;      /* seconds since 1970; 0: there is none */
};

struct audit {
	struct store *store;
	struct environment *environments;
	size_t environment_count;
	struct environment *signer; /* its token signs checkpoints */
	char *origin, *anchor, *program;
	uint32_t keep_months;
	struct tlog_key witnesses[VAULT_WITNESSES_MAX];
	size_t witness_count;
	struct folds *folds;
	struct watch watches[VAULT_ENVIRONMENTS_MAX];

	atomic_bool blocked;             /* lost or stuck, for those who only pass by */
	_Atomic(struct policy *) policy; /* the newest */
	atomic_bool begun;               /* vault.start is in the log */
	pthread_mutex_t lock;            /* guards all below, down to `round` */
	struct audit_health health;
	bool probing;                        /* somebody tries whether entries can be kept again */
	int64_t probe_at;                    /* not before */
	char open_origin[TLOG_NAME_MAX + 1]; /* of the open log */
	struct reach signed_to, witnessed_to;

	pthread_mutex_t round;
	struct notary notary;
	struct scrub scrub;
	int64_t prune_at;

	pthread_t thread;
	bool started;
	atomic_uint fresh; /* entries since the last round */
	pthread_mutex_t wake_lock;
	pthread_cond_t wake;
	bool stop;
};

bool audit_is_lost(struct audit *audit);
/* Nothing may be signed: entries were lost or altered. */
bool audit_is_damaged(struct audit *audit);

/* The newest entries are gone, or there is no telling: from now on everything is refused. */
__attribute__((format(printf, 2, 3))) void audit_lose(struct audit *audit, const char *fmt, ...);

/*
 * Entry `index` of the log, or something near it that `what` names, is not what it was: nothing is
 * signed any more, and an entry tells of it, once for each index.
 */
void audit_damage(struct audit *audit, uint32_t log, uint64_t index, const char *what);

/* Why nothing is signed now; NULL: something is. */
void audit_note_unsigned(struct audit *audit, const char *why);

/* audit.c: what must be in the log before anything else, unless it is there. */
enum pm_err audit_begin(struct audit *audit, int64_t deadline) NODISCARD;

/* probe.c: entries cannot be kept. Tries whether they can again, if nobody else does. */
void audit_note_stuck(struct audit *audit, enum pm_err err);
void audit_probe(struct audit *audit);

/* The revision that entries name from now on; copied. */
enum pm_err audit_set_policy(struct audit *audit, const char *revision) NODISCARD;

/* Of two steps that are both taken, whatever becomes of them. */
static inline enum pm_err audit_first_error(enum pm_err first, enum pm_err then)
{
	return first != PM_OK ? first : then;
}

/* For callers, who have no time for a whole round: `round` is taken, or PM_DEADLINE_EXCEEDED. */
enum pm_err audit_enter_round(struct audit *audit, int64_t deadline) NODISCARD;

/* tend.c: one round; `deadline` is of its checkpoint. */
enum pm_err audit_tend(struct audit *audit, int64_t deadline) NODISCARD;
enum pm_err audit_start_thread(struct audit *audit) NODISCARD;
void audit_stop_thread(struct audit *audit);

#endif
