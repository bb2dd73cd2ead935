/* What is wrong with the audit log, if anything is: kept, told once, and told to Status. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audit_state.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "domain.h"

#define DAMAGE_TIMEOUT_MS 2000

bool audit_is_lost(struct audit *audit)
{
	pthread_mutex_lock(&audit->lock);
	bool lost = audit->health.lost;
	pthread_mutex_unlock(&audit->lock);
	return lost;
}

bool audit_is_damaged(struct audit *audit)
{
	pthread_mutex_lock(&audit->lock);
	bool damaged = audit->health.lost || audit->health.altered;
	pthread_mutex_unlock(&audit->lock);
	return damaged;
}

void audit_lose(struct audit *audit, const char *fmt, ...)
{
	char text[AUDIT_DETAIL_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pthread_mutex_lock(&audit->lock);
	bool news = !audit->health.lost;
	if (news)
		strcpy(audit->health.damage, text);
	audit->health.lost = true;
	atomic_store(&audit->blocked, true);
	pthread_mutex_unlock(&audit->lock);
	if (news)
		log_error("vault: audit log: %s", text);
}

/* False if an entry tells of it already, or if there have been enough. */
static bool is_news(struct audit_health *health, uint32_t log, uint64_t index)
{
	for (size_t i = 0; i < health->told_count; i++) {
		if (health->told[i].log == log && health->told[i].index == index)
			return false;
	}
	if (health->told_count == AUDIT_TOLD_MAX)
		return false;
	health->told[health->told_count].log = log;
	health->told[health->told_count++].index = index;
	return true;
}

/* The first one goes into the text, before what was lost. */
static bool note_damage(struct audit_health *health, uint32_t log, uint64_t index, const char *what)
{
	char before[AUDIT_DETAIL_MAX];

	if (!is_news(health, log, index))
		return false;
	strcpy(before, health->damage);
	if (!health->altered)
		snprintf(health->damage, sizeof(health->damage),
			 "%s %" PRIu64 " of log %" PRIu32 " was altered outside the vault%s%.150s",
			 what, index, log, before[0] ? "; " : "", before);
	health->altered = true;
	return true;
}

/* If that entry cannot be written, the next start finds the damage again. */
static void tell_damage(struct audit *audit, uint32_t log, uint64_t index, const char *what)
{
	struct leaf leaf CLEANUP(leaf_drop);

	log_error("vault: audit log: %s %" PRIu64 " of log %" PRIu32 " was altered outside the "
		  "vault; nothing is signed any more: keep the database as it is and find out how",
		  what, index, log);
	leaf_begin(&leaf, LEAF_LOG_DAMAGE, NULL, audit, NULL);
	leaf_fail(&leaf, PM_STORE_DAMAGED);
	leaf_number(&leaf, "log", log);
	leaf_text(&leaf, "what", what);
	leaf_number(&leaf, "index", (int64_t)index);
	if (audit_append(audit, &leaf, NULL, deadline_in_ms(DAMAGE_TIMEOUT_MS)) != PM_OK)
		log_warn("vault: audit log: that has no entry in the log");
}

void audit_damage(struct audit *audit, uint32_t log, uint64_t index, const char *what)
{
	pthread_mutex_lock(&audit->lock);
	bool news = note_damage(&audit->health, log, index, what);
	pthread_mutex_unlock(&audit->lock);
	if (news)
		tell_damage(audit, log, index, what);
}

void audit_note_unsigned(struct audit *audit, const char *why)
{
	char *now = audit->health.not_signed;

	pthread_mutex_lock(&audit->lock);
	bool news = strcmp(now, why ? why : "") != 0;
	if (news)
		snprintf(now, sizeof(audit->health.not_signed), "%s", why ? why : "");
	pthread_mutex_unlock(&audit->lock);
	if (news && why)
		log_warn("vault: audit log: %s", why);
	else if (news)
		log_info("vault: audit log: checkpoints are signed again");
}

static enum vault_audit_state state_of(const struct audit_health *health)
{
	if (health->lost || health->altered)
		return AUDIT_ALTERED;
	if (health->stuck)
		return AUDIT_STUCK;
	return health->not_signed[0] ? AUDIT_UNSIGNED : AUDIT_GOOD;
}

static void explain(const struct audit_health *health, enum vault_audit_state state, char *out,
		    size_t room)
{
	static const char *const stuck = "the database takes no entries: is the disk full? See the "
					 "vault's log; it is tried again each second";

	out[0] = '\0';
	if (state == AUDIT_ALTERED)
		copy_text(out, room, health->damage);
	else if (state == AUDIT_STUCK)
		copy_text(out, room, stuck);
	else if (state == AUDIT_UNSIGNED)
		copy_text(out, room, health->not_signed);
}

static uint64_t beyond(uint64_t entries, const struct reach *reach)
{
	return reach->closed + (entries > reach->size ? entries - reach->size : 0);
}

void vault_audit_status(struct vault *vault, struct vault_audit_status *out)
{
	struct audit *audit = vault->audit;
	struct tlog_tree tree = { 0 };

	*out = (struct vault_audit_status){ 0 };
	if (store_get_tree(audit->store, &out->log, &tree) == PM_OK)
		out->entries = tree.size;
	pthread_mutex_lock(&audit->lock);
	out->state = state_of(&audit->health);
	explain(&audit->health, out->state, out->detail, sizeof(out->detail));
	copy_text(out->origin, sizeof(out->origin), audit->open_origin);
	out->not_signed = beyond(out->entries, &audit->signed_to);
	out->not_witnessed = beyond(out->entries, &audit->witnessed_to);
	out->signed_at = audit->signed_to.at;
	pthread_mutex_unlock(&audit->lock);
}
