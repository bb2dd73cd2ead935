#define _GNU_SOURCE
#include "prune.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit_state.h"
#include "base/calendar.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "match.h"

#define EVERY_MS 3600000
#define SOON_MS 1000 /* while there is more */

/* The first second that is kept. */
static void format_limit(uint32_t keep_months, char out[ENTRY_SECOND_LEN + 1])
{
	entry_second_format(calendar_months_before(clock_unix(), keep_months), out);
}

struct search {
	const char *limit;
	uint64_t old; /* entries in a row that are older */
};

static bool is_old(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct search *search = arg;
	struct bytes second = entry_second(entry);

	(void)index;
	(void)leaf;
	if (second.len == 0 || memcmp(second.data, search->limit, second.len) >= 0)
		return false;
	search->old++;
	return true;
}

static uint64_t signed_size(struct audit *audit, uint32_t log)
{
	struct checkpoint_record *point CLEANUP(free_ptr) = malloc(sizeof(*point));

	if (!point || store_get_checkpoint(audit->store, log, STORE_NEWEST_SIGNED, point) != PM_OK)
		return 0;
	return point->size;
}

/*
 * A damaged entry ends the search: nothing from it on is removed. The last of the old ones stays, so
 * that what is kept always reaches back far enough.
 */
static enum pm_err find_minimum(struct audit *audit, const struct log_record *log,
				uint64_t *minimum)
{
	char limit[ENTRY_SECOND_LEN + 1];
	struct search search = { .limit = limit };
	uint64_t is_signed = signed_size(audit, log->log);

	format_limit(audit->keep_months, limit);
	enum pm_err err = store_read_leaves(audit->store, log->log, log->minimum,
					    STORE_PRUNE_LEAVES_MAX + 1, is_old, &search);
	if (err != PM_STORE_DAMAGED)
		TRY(err);
	uint64_t old = log->minimum + search.old - (search.old > 0);
	*minimum = (old < is_signed ? old : is_signed) / TLOG_ROW * TLOG_ROW;
	return PM_OK;
}

static enum pm_err prune_log(struct audit *audit, struct log_record *log, bool *more,
			     int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop) = { .fields = NULL };
	const struct store_change changes[] = {
		{ .op = STORE_UPDATE_LOG, .log = log },
		{ .op = STORE_APPEND_LEAF, .leaf = &leaf.record },
	};
	uint64_t minimum = 0;

	TRY(find_minimum(audit, log, &minimum));
	if (minimum <= log->minimum)
		return PM_OK;
	*more = *more || minimum - log->minimum == STORE_PRUNE_LEAVES_MAX;
	leaf_begin(&leaf, LEAF_LOG_PRUNE, NULL, audit, NULL);
	leaf_text(&leaf, "origin", log->origin);
	leaf_number(&leaf, "minimum", (int64_t)minimum);
	leaf_number(&leaf, "keep_months", audit->keep_months);
	TRY(leaf_end(&leaf));
	log->minimum = minimum;
	log->revision++;
	return audit_commit(audit, changes, 2, NULL, deadline);
}

/*
 * All logs, oldest first. Somebody else's change of a log's record: in the next round, then. A log that
 * cannot be pruned keeps no other from it.
 */
static enum pm_err prune(struct audit *audit, bool *more, int64_t deadline)
{
	struct log_record log;
	enum pm_err first = PM_OK;

	enum pm_err err = store_get_log(audit->store, 0, &log);
	if (err != PM_OK)
		return err == PM_NOT_FOUND ? PM_OK : err;
	for (uint32_t number = 1, last = log.log; number <= last; number++) {
		err = store_get_log(audit->store, number, &log);
		if (err == PM_OK)
			err = prune_log(audit, &log, more, deadline);
		*more = *more || err == PM_CONFLICT;
		first = audit_first_error(first, err == PM_CONFLICT ? PM_OK : err);
	}
	return first;
}

enum pm_err prune_if_due(struct audit *audit, int64_t deadline)
{
	bool more = false;
	enum pm_err err = PM_OK;

	pthread_mutex_lock(&audit->round);
	bool due = audit->keep_months > 0 && !audit_is_damaged(audit) &&
		   clock_now() >= audit->prune_at;
	if (due) {
		err = prune(audit, &more, deadline);
		audit->prune_at = deadline_in_ms(more ? SOON_MS : EVERY_MS);
	}
	pthread_mutex_unlock(&audit->round);
	return err;
}

/* Not below a log that was given up: what that one lost was told. PM_NOT_FOUND: there is none. */
static enum pm_err newest_pruned(struct audit *audit, struct log_record *out)
{
	TRY(store_get_log(audit->store, 0, out));
	while (out->minimum == 0) {
		if (out->log == 1)
			return PM_NOT_FOUND;
		TRY(store_get_log(audit->store, out->log - 1, out));
		if (out->state == LOG_ABANDONED)
			return PM_NOT_FOUND;
	}
	return PM_OK;
}

enum pm_err pruned_begin(struct audit *audit, struct pruned *pruned)
{
	struct log_record log = { .log = 0 };

	*pruned = (struct pruned){ .log = 0 };
	enum pm_err err = newest_pruned(audit, &log);
	if (err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	pruned->log = log.log;
	strcpy(pruned->origin, log.origin);
	return PM_OK;
}

/* What follows the text; empty if it is not there. */
static struct bytes find(struct bytes entry, const char *text)
{
	const uint8_t *at = memmem(entry.data, entry.len, text, strlen(text));

	if (!at)
		return bytes_of(NULL, 0);
	at += strlen(text);
	return bytes_of(at, (size_t)(entry.data + entry.len - at));
}

static uint64_t leading_number(struct bytes text)
{
	uint64_t number = 0;

	for (size_t i = 0; i < text.len && isdigit(text.data[i]) && number < TLOG_SIZE_MAX; i++)
		number = 10 * number + (uint64_t)(text.data[i] - '0');
	return number;
}

/* As match.h has it, what an entry's bytes contain are its members. */
void pruned_hear(struct pruned *pruned, struct bytes entry)
{
	char origin[TLOG_NAME_MAX + 16];

	if (pruned->log == 0 || find(entry, "\"type\":\"log.prune\"").len == 0)
		return;
	snprintf(origin, sizeof(origin), "\"origin\":\"%s\"", pruned->origin);
	if (find(entry, origin).len == 0)
		return;
	uint64_t said = leading_number(find(entry, "\"minimum\":"));
	pruned->said = said > pruned->said ? said : pruned->said;
}

/* If a newer log has been pruned meanwhile, the next pass tells. */
enum pm_err pruned_end(struct audit *audit, const struct pruned *pruned)
{
	struct log_record log = { .log = 0 };

	enum pm_err err = newest_pruned(audit, &log);
	if (err == PM_NOT_FOUND)
		return PM_OK;
	TRY(err);
	if (log.log == pruned->log && log.minimum > pruned->said)
		audit_damage(audit, log.log, pruned->said, "entry");
	return PM_OK;
}
