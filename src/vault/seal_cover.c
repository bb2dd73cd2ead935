/* What the seal of each kind of record covers. It is never changed, only added to at the end. */
#include <openssl/sha.h>
#include <string.h>

#include "seal.h"

#define FIELDS_ROOM 4096 /* bytes: more than any record's lists and names */

static void put_text(struct buf *buf, const char *text)
{
	buf_put_field(buf, bytes_str(text));
}

static void put_time(struct buf *buf, int64_t time)
{
	buf_put_u64(buf, (uint64_t)time);
}

static struct buf *begin(struct seal_task *task, struct store_seal *seal, const char *tag)
{
	task->seal = seal;
	task->holds = false;
	task->founding = false;
	task->covered = BUF(task->room);
	put_text(&task->covered, tag);
	return &task->covered;
}

void seal_cover_environment(struct seal_task *task, struct environment_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/environment");

	put_text(buf, record->name);
	put_text(buf, record->token_serial);
	put_time(buf, record->created_at);
	buf_put_u64(buf, record->revision);
	task->founding = true;
	/* Records from before there were standby tokens cover what they always did. */
	if (record->standby_serial[0] == '\0')
		return;
	put_text(buf, "standby");
	put_text(buf, record->standby_serial);
}

static bool has_wraps(const struct key_record *record)
{
	bool has = false;

	for (size_t i = 0; i < SECRETS_PER_KEY; i++)
		has = has || record->secrets[i].wrap_count != 0;
	return has;
}

static void put_wraps(struct buf *buf, const struct key_record *record)
{
	put_text(buf, "wraps");
	for (size_t i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &record->secrets[i];

		buf_put_u32(buf, secret->wrap_count);
		for (uint32_t wrap = 0; wrap < secret->wrap_count; wrap++)
			buf_put_u32(buf, secret->wraps[wrap]);
	}
}

/* A list that may be long goes to the token as its SHA-256, so that what it gets stays short. */
struct fields {
	struct buf buf;
	uint8_t room[FIELDS_ROOM];
};

static struct buf *fields_begin(struct fields *fields)
{
	fields->buf = BUF(fields->room);
	return &fields->buf;
}

static void put_digest(struct buf *buf, const struct fields *fields)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];

	if (fields->buf.full || !SHA256(fields->buf.data, fields->buf.len, digest))
		buf->full = true;
	else
		buf_put_field(buf, bytes_of(digest, sizeof(digest)));
}

static bool has_forms(const struct key_record *record)
{
	return record->secrets[SECRET_CURRENT].form != SECRET_OURS ||
	       record->secrets[SECRET_PREVIOUS].form != SECRET_OURS;
}

static bool has_lookup(const struct key_record *record)
{
	static const uint8_t none[STORE_LOOKUP_LEN];

	return record->lookup_version != 0 || record->import_key[0] != '\0' ||
	       memcmp(record->lookup, none, sizeof(none)) != 0;
}

/* What keys have had since accounts, products and lists were more than names. */
static bool has_lists(const struct key_record *record)
{
	return record->external_ref[0] != '\0' || record->scopes[0] != '\0' ||
	       record->labels[0] != '\0' || record->networks[0] != '\0' ||
	       record->not_before != 0 || record->disabled_at != 0 || record->first_use ||
	       record->first_use_overlap != 0 || record->previous_tail[0] != '\0' ||
	       record->last_version != 0 || record->registered || has_forms(record) ||
	       has_lookup(record);
}

static void put_lists(struct buf *buf, const struct key_record *record)
{
	struct fields fields;
	struct buf *list = fields_begin(&fields);

	put_text(list, record->external_ref);
	put_text(list, record->scopes);
	put_text(list, record->labels);
	put_text(list, record->networks);
	put_time(list, record->not_before);
	put_time(list, record->disabled_at);
	buf_put_u32(list, record->first_use);
	put_time(list, record->first_use_overlap);
	put_text(list, record->previous_tail);
	buf_put_u32(list, record->last_version);
	buf_put_u32(list, record->registered);
	for (size_t i = 0; i < SECRETS_PER_KEY; i++)
		buf_put_u32(list, record->secrets[i].form);
	buf_put_u32(list, record->lookup_version);
	buf_put_field(list, bytes_of(record->lookup, sizeof(record->lookup)));
	put_text(list, record->import_key);
	put_text(buf, "lists");
	put_digest(buf, &fields);
}

void seal_cover_key(struct seal_task *task, struct key_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/api-key");

	put_text(buf, record->environment);
	put_text(buf, record->id);
	put_text(buf, record->account);
	put_text(buf, record->product);
	put_text(buf, record->name);
	put_text(buf, record->created_by);
	put_text(buf, record->tail);
	put_time(buf, record->created_at);
	put_time(buf, record->expires_at);
	put_time(buf, record->rotated_at);
	put_time(buf, record->revoked_at);
	for (size_t i = 0; i < SECRETS_PER_KEY; i++) {
		const struct secret_record *secret = &record->secrets[i];

		buf_put_u32(buf, secret->version);
		buf_put_u32(buf, secret->pepper_version);
		put_time(buf, secret->not_after);
		buf_put_field(buf, bytes_of(secret->mac, sizeof(secret->mac)));
	}
	buf_put_u64(buf, record->revision);
	/* Records from before there were wraps cover what they always did. */
	if (has_wraps(record))
		put_wraps(buf, record);
	/* Nor had they what is in the lists. */
	if (has_lists(record))
		put_lists(buf, record);
}

/* What came later than the first records: those that have nothing of it cover what they always did. */
static void put_life(struct buf *buf, const struct master_record *record)
{
	if (record->prior == 0 && record->ends_at == 0 && record->destroy_at == 0 &&
	    record->activated_at == 0 && !record->rewrap)
		return;
	put_text(buf, "life");
	buf_put_u32(buf, (uint32_t)record->prior);
	put_time(buf, record->ends_at);
	put_time(buf, record->destroy_at);
	put_time(buf, record->activated_at);
	buf_put_u32(buf, record->rewrap);
}

void seal_cover_master(struct seal_task *task, struct master_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/master-key");

	put_text(buf, record->environment);
	put_text(buf, record->purpose);
	put_text(buf, record->name);
	buf_put_u32(buf, record->version);
	buf_put_u32(buf, (uint32_t)record->state);
	buf_put_field(buf, bytes_of(record->key_id, sizeof(record->key_id)));
	buf_put_field(buf, bytes_of(record->check, sizeof(record->check)));
	put_time(buf, record->created_at);
	put_time(buf, record->changed_at);
	buf_put_u64(buf, record->revision);
	put_life(buf, record);
	task->founding = true;
}

void seal_cover_executed(struct seal_task *task, struct executed_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/executed");

	put_text(buf, record->environment);
	buf_put_u32(buf, record->uid);
	put_text(buf, record->request_id);
	buf_put_u32(buf, record->rpc);
	put_text(buf, record->subject);
	put_time(buf, record->at);
}

void seal_cover_account(struct seal_task *task, struct account_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/account");
	struct fields fields;
	struct buf *list = fields_begin(&fields);

	put_text(list, record->name);
	put_text(list, record->merchant);
	buf_put_u32(list, (uint32_t)record->status);
	put_text(list, record->products);
	put_text(list, record->first_product);
	put_text(list, record->first_key);
	put_text(list, record->created_by);
	put_time(list, record->created_at);
	put_time(list, record->changed_at);
	put_time(list, record->approved_at);
	put_time(list, record->closed_at);
	buf_put_u32(list, record->closing);
	put_text(buf, record->environment);
	put_text(buf, record->id);
	buf_put_u64(buf, record->revision);
	put_digest(buf, &fields);
}

void seal_cover_operator(struct seal_task *task, struct operator_record *record)
{
	struct buf *buf = begin(task, &record->seal, "peppermint/v1/seal/operator");
	struct fields fields;
	struct buf *list = fields_begin(&fields);

	put_text(list, record->name);
	put_text(list, record->roles);
	buf_put_u32(list, record->pin_version);
	buf_put_field(list, bytes_of(record->pin_salt, sizeof(record->pin_salt)));
	buf_put_field(list, bytes_of(record->pin_mac, sizeof(record->pin_mac)));
	put_time(list, record->pin_set_at);
	buf_put_u32(list, record->failures);
	put_time(list, record->locked_until);
	put_text(list, record->created_by);
	put_time(list, record->created_at);
	put_time(list, record->changed_at);
	put_time(list, record->disabled_at);
	put_text(buf, record->environment);
	put_text(buf, record->id);
	buf_put_u64(buf, record->revision);
	put_digest(buf, &fields);
}
