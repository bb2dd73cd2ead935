/* report dormant-keys: active API keys that nobody used. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "key.h"
#include "report.h"

/*
 * The ids of keys that were used lie in a table of fixed size: 64 MB for at most 3 million. More
 * is refused, and --env asks for fewer; a report that forgot some would call used keys dormant.
 */
#define USED_MAX 3000000
#define USED_SLOTS (UINT64_C(1) << 22)

struct used {
	char (*slots)[PEPPERMINT_KEY_ID_LEN]; /* open addressing; a first byte 0 is free */
	size_t count;
};

static void used_end(struct used *used)
{
	free(used->slots);
}

/* FNV-1a. Ids are the vault's random ones: nobody can choose them to collide. */
static uint64_t hash_id(const char id[PEPPERMINT_KEY_ID_LEN])
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < PEPPERMINT_KEY_ID_LEN; i++)
		hash = (hash ^ (unsigned char)id[i]) * UINT64_C(1099511628211);
	return hash;
}

/* Where the id stands, or the free slot where it belongs. */
static char *find_slot(const struct used *used, const char *id)
{
	uint64_t at = hash_id(id) % USED_SLOTS;

	while (used->slots[at][0] && memcmp(used->slots[at], id, PEPPERMINT_KEY_ID_LEN) != 0)
		at = (at + 1) % USED_SLOTS;
	return used->slots[at];
}

static enum status add_use(void *arg, uint32_t log, const struct peppermint_log_entry *entry)
{
	struct used *used = arg;
	json_t *json CLEANUP(json_end) = entry_json(entry);
	const char *id = entry_text(json, "key");

	(void)log;
	if (strlen(id) != PEPPERMINT_KEY_ID_LEN)
		return STATUS_DONE;
	char *slot = find_slot(used, id);
	if (slot[0])
		return STATUS_DONE;
	if (used->count == USED_MAX) {
		complain("more than %d keys were used in that time. Ask for one environment: "
			 "--env, or for fewer days.",
			 USED_MAX);
		return STATUS_REFUSED;
	}
	memcpy(slot, id, PEPPERMINT_KEY_ID_LEN);
	used->count++;
	return STATUS_DONE;
}

static enum status read_uses(struct session *session, int64_t since, struct used *used)
{
	struct walk walk CLEANUP(walk_end) = {
		.session = session,
		.query = { .report = PEPPERMINT_REPORT_DORMANT_KEYS,
			   .type = "key.verify",
			   .environment = session->options.env,
			   .since = since },
		.visit = add_use,
		.arg = used,
	};

	return walk_logs(&walk);
}

static const struct column columns[] = {
	{ "KEY ID", "id", false },         { "ENVIRONMENT", "environment", false },
	{ "ACCOUNT", "account", false },   { "PRODUCT", "product", false },
	{ "NAME", "name", false },         { "CREATED", "created_at", true },
	{ "ROTATED", "rotated_at", true }, { "EXPIRES", "expires_at", true },
};

/* A key that is younger than the time asked for had not that time to be used. */
static bool is_dormant(const struct used *used, const struct peppermint_key *key, int64_t since)
{
	return key->state == PEPPERMINT_KEY_ACTIVE && key->created_at < since &&
	       !find_slot(used, key->id)[0];
}

static enum status list_environment(struct session *session, const char *environment,
				    const struct used *used, int64_t since, struct sheet *sheet)
{
	struct peppermint_key keys[PEPPERMINT_PAGE_MAX];
	struct peppermint_page page = { 0 };

	do {
		char token[sizeof(page.next_page_token)];

		memcpy(token, page.next_page_token, sizeof(token));
		const struct peppermint_key_filter filter = { .environment = environment,
							      .page_token = token };
		enum pm_err err = peppermint_list_keys(session->vault, &filter, keys,
						       PEPPERMINT_PAGE_MAX, &page, &session->call);
		if (err != PM_OK)
			return vault_refused(session, err);
		for (size_t i = 0; i < page.count; i++) {
			if (is_dormant(used, &keys[i], since))
				sheet_row(sheet, key_json(&keys[i]));
		}
	} while (page.next_page_token[0]);
	return STATUS_DONE;
}

static enum status list_dormant(struct session *session, const struct used *used, int64_t since,
				struct sheet *sheet)
{
	const char *only = session->options.env;
	struct peppermint_status *vault CLEANUP(free_ptr) = NULL;
	enum status status = STATUS_DONE;

	if (only)
		return list_environment(session, only, used, since, sheet);
	vault = must_have(calloc(1, sizeof(*vault)));
	enum pm_err err = peppermint_get_status(session->vault, vault, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	for (size_t i = 0; i < vault->environment_count && status == STATUS_DONE; i++)
		status = list_environment(session, vault->environments[i].name, used, since, sheet);
	return status;
}

enum status run_report_dormant_keys(struct session *session)
{
	struct sheet sheet CLEANUP(sheet_end) =
		REPORT(session, "dormant-keys", "Active API keys that nobody verified", columns);
	struct used used CLEANUP(used_end) = { 0 };
	int64_t since = clock_unix() - (int64_t)session->options.days * DAY;
	int64_t reach = 0;

	used.slots = must_have(calloc(USED_SLOTS, sizeof(*used.slots)));
	enum status status = log_reach(session, PEPPERMINT_REPORT_DORMANT_KEYS, &reach);
	if (status == STATUS_DONE)
		status = read_uses(session, since, &used);
	if (status == STATUS_DONE)
		status = list_dormant(session, &used, since, &sheet);
	if (status != STATUS_DONE)
		return status;
	sheet_finish(&sheet, json_pack("{s:I, s:b}", "days", (json_int_t)session->options.days,
				       "log_reaches_back", (int)(reach <= since)));
	report_remark(&sheet, "Without a successful verify in %" PRIu32 " days: %zu.%s",
		      session->options.days, sheet.rows,
		      reach <= since ? ""
				     : " The log does not reach back so far: they may have "
				       "been used before it.");
	return STATUS_DONE;
}
