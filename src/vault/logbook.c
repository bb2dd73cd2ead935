#include "logbook.h"

#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "anchor.h"
#include "attach.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "history.h"
#include "master.h"

#define NONCE_LEN 4

enum pm_err logbook_describe_new(const struct audit *audit, uint32_t number, const char *suffix,
				 struct log_record *out)
{
	*out = (struct log_record){
		.log = number,
		.state = LOG_OPEN,
		.opened_at = clock_unix(),
		.revision = 1,
	};
	int len = snprintf(out->origin, sizeof(out->origin), "%s/%" PRIu32 "%s", audit->origin,
			   number, suffix);
	if (len < (int)sizeof(out->origin) && tlog_is_name(out->origin))
		return PM_OK;
	log_error("vault: %s is no name for an audit log: see `origin`", audit->origin);
	return PM_CONFIG;
}

void logbook_begin_leaf(struct leaf *leaf, struct audit *audit, const struct log_record *record)
{
	leaf_begin(leaf, LEAF_LOG_OPEN, NULL, audit, NULL);
	leaf_text(leaf, "origin", record->origin);
	leaf_text(leaf, "program", audit->program ? audit->program : "-");
}

static enum pm_err open_log(struct audit *audit, const struct log_record *record, struct leaf *leaf,
			    int64_t deadline)
{
	struct log_opening opening = { .record = record };
	const struct store_change change = { .op = STORE_OPEN_LOG, .opening = &opening };

	TRY(leaf_end(leaf));
	opening.open_text = leaf->record.text;
	TRY(store_commit(audit->store, &change, 1, deadline));
	log_info("vault: audit log %s is open", record->origin);
	return PM_OK;
}

enum pm_err logbook_open_first(struct audit *audit, int64_t deadline)
{
	struct log_record record;

	TRY(logbook_describe_new(audit, 1, "", &record));
	struct leaf leaf CLEANUP(leaf_drop);
	logbook_begin_leaf(&leaf, audit, &record);
	return open_log(audit, &record, &leaf, deadline);
}

/* As a checkpoint writes it: base64, the third line. */
static void put_root(struct leaf *leaf, const struct tlog_checkpoint *point)
{
	char text[TLOG_TEXT_MAX + 1];
	size_t len = tlog_checkpoint_format(point, text);

	text[len - 1] = '\0';
	leaf_text(leaf, "lost_root", strrchr(text, '\n') + 1);
}

/* A lost log may have had any number; the name's random part it cannot have had. */
static enum pm_err make_suffix(char suffix[2 + 2 * NONCE_LEN])
{
	uint8_t nonce[NONCE_LEN];

	if (RAND_bytes(nonce, sizeof(nonce)) != 1) {
		log_error("vault: OpenSSL gives no random bytes");
		return PM_INTERNAL;
	}
	suffix[0] = '-';
	hex_encode(bytes_of(nonce, sizeof(nonce)), suffix + 1);
	return PM_OK;
}

static enum pm_err open_instead(struct audit *audit, const struct log_record *record,
				int64_t deadline)
{
	struct leaf leaf CLEANUP(leaf_drop);
	struct tlog_checkpoint lost;

	logbook_begin_leaf(&leaf, audit, record);
	leaf_flag(&leaf, "abandoned", true);
	if (history_anchor(audit, &lost) == PM_OK) {
		leaf_text(&leaf, "lost_origin", lost.origin);
		leaf_number(&leaf, "lost_size", (int64_t)lost.size);
		put_root(&leaf, &lost);
	}
	return open_log(audit, record, &leaf, deadline);
}

enum pm_err logbook_abandon(struct audit *audit, int64_t deadline)
{
	struct log_record lost, record;
	char suffix[2 + 2 * NONCE_LEN];

	enum pm_err err = store_get_log(audit->store, 0, &lost);
	if (err == PM_NOT_FOUND)
		lost = (struct log_record){ .log = 0 };
	else
		TRY(err);
	TRY(make_suffix(suffix));
	TRY(logbook_describe_new(audit, lost.log + 1, suffix, &record));
	TRY(open_instead(audit, &record, deadline));
	if (audit->anchor)
		TRY(anchor_set_aside(audit->anchor));
	log_warn("vault: audit log %s is given up; what was lost is in the first entry of %s",
		 lost.origin, record.origin);
	audit->scrub = (struct scrub){ .log = 0 }; /* it was in the old one */
	pthread_mutex_lock(&audit->lock);
	audit->health = (struct audit_health){ .lost = false };
	atomic_store(&audit->blocked, false);
	pthread_mutex_unlock(&audit->lock);
	return PM_OK;
}

/* 0: there is none that can be read. */
static uint64_t size_of(struct audit *audit, uint32_t log, enum store_which which,
			struct checkpoint_record *point)
{
	bool there = store_get_checkpoint(audit->store, log, which, point) == PM_OK;

	return there ? point->size : 0;
}

/*
 * A log's checkpoint speaks for all logs before it as well: its first entry has their root. What is
 * before a log that was given up is settled.
 */
static enum pm_err find_reach(struct audit *audit, uint32_t newest, enum store_which which,
			      struct checkpoint_record *point, struct reach *out)
{
	struct log_record log;
	uint64_t entries = 0;

	*out = (struct reach){ .size = size_of(audit, newest, which, point) };
	uint64_t size = out->size;
	for (uint32_t number = newest - 1; size == 0 && number > 0; number--) {
		TRY(store_get_log(audit->store, number, &log));
		if (log.state == LOG_ABANDONED)
			return PM_OK;
		TRY(store_log_size(audit->store, number, &entries));
		size = size_of(audit, number, which, point);
		out->closed += entries > size ? entries - size : 0;
	}
	out->at = size > 0 ? point->at : 0;
	return PM_OK;
}

static enum pm_err note(struct audit *audit)
{
	struct checkpoint_record *point CLEANUP(free_ptr) = calloc(1, sizeof(*point));
	struct log_record log;
	struct reach signed_to, witnessed_to;

	if (!point)
		return PM_NO_MEMORY;
	TRY(store_get_log(audit->store, 0, &log));
	TRY(find_reach(audit, log.log, STORE_NEWEST_SIGNED, point, &signed_to));
	TRY(find_reach(audit, log.log, STORE_NEWEST_COSIGNED, point, &witnessed_to));
	pthread_mutex_lock(&audit->lock);
	strcpy(audit->open_origin, log.origin);
	audit->signed_to = signed_to;
	audit->witnessed_to = witnessed_to;
	pthread_mutex_unlock(&audit->lock);
	return PM_OK;
}

void logbook_note(struct audit *audit)
{
	enum pm_err err = note(audit);

	(void)err; /* the store has said it */
}

void logbook_describe_record(const struct log_record *record, struct vault_log *out)
{
	*out = (struct vault_log){
		.log = record->log,
		.state = (int)record->state, /* both number them alike */
		.minimum = record->minimum,
		.opened_at = record->opened_at,
		.closed_at = record->closed_at,
	};
	copy_text(out->origin, sizeof(out->origin), record->origin);
	copy_text(out->vkey, sizeof(out->vkey), record->vkey);
}

enum pm_err logbook_describe(struct audit *audit, const struct log_record *record,
			     struct vault_log *out)
{
	struct checkpoint_record *point CLEANUP(free_ptr) = calloc(1, sizeof(*point));

	if (!point)
		return PM_NO_MEMORY;
	logbook_describe_record(record, out);
	TRY(store_log_size(audit->store, record->log, &out->entries));
	out->checkpoint_size = size_of(audit, record->log, STORE_NEWEST_SIGNED, point);
	if (out->checkpoint_size > 0)
		copy_text(out->checkpoint, sizeof(out->checkpoint), point->note);
	return PM_OK;
}
