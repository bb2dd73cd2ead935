/*
 * The canned vault's master keys, tokens and PINs. A key of any name has version 1, VERIFY_ONLY, and
 * version 2, ACTIVE; but some names are special:
 *
 *	none      there is no such key
 *	gone      nothing needs its version 1
 *	young     version 1 is active until it is rotated
 *	unused    likewise, and nothing needs it
 *	staged    likewise, and rotating only stages version 2
 *	stuck     rewrapping ends with records left
 *	endless   rewrapping does not end
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "canned_answers.h"

#define MADE 1767225600
#define STEP 100 /* records that are moved between two looks */

static struct {
	bool rotated, rewrapping;
	uint64_t left;
	Peppermint__V1__PepperState first; /* 0: as its name says */
} now;

void canned_masters_reset(void)
{
	memset(&now, 0, sizeof(now));
	now.left = CANNED_RECORDS;
}

static bool is(const char *name, const char *special)
{
	return strcmp(name, special) == 0;
}

static bool has_one_version(const char *name)
{
	return !now.rotated && (is(name, "young") || is(name, "unused") || is(name, "staged"));
}

static void make_master(Peppermint__V1__MasterVersion *master, char *environment, char *purpose,
			char *name, uint32_t version)
{
	bool active = version == 2 || has_one_version(name);

	*master = (Peppermint__V1__MasterVersion)PEPPERMINT__V1__MASTER_VERSION__INIT;
	master->environment = environment;
	master->purpose = purpose;
	master->name = name;
	master->version = version;
	master->state = active ? PEPPERMINT__V1__PEPPER_STATE__ACTIVE
			       : PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY;
	master->created_at = master->activated_at = MADE;
	master->make_until = MADE + 86400;
	master->uses = 7;
	master->last_used_at = MADE + 60;
	if (is(name, "staged") && now.rotated)
		master->state = version == 1 ? PEPPERMINT__V1__PEPPER_STATE__ACTIVE
					     : PEPPERMINT__V1__PEPPER_STATE__STAGED;
	if (version == 1) {
		master->needed = is(name, "gone") || is(name, "unused") ? 0 : CANNED_RECORDS;
		master->wrapped = master->needed ? CANNED_RECORDS - now.left : 0;
		if (now.first)
			master->state = now.first;
		if (master->state == PEPPERMINT__V1__PEPPER_STATE__DESTROY_SCHEDULED)
			master->destroy_at = MADE + 604800;
		return;
	}
	master->rewrapping = now.rewrapping;
	master->rewrap_left = now.rewrapping || is(name, "stuck") ? now.left : 0;
}

/* As time goes by between two looks. */
static void move_some(const char *name)
{
	if (!now.rewrapping || is(name, "endless"))
		return;
	now.left = now.left > STEP ? now.left - STEP : 0;
	if (is(name, "stuck") && now.left <= 50) {
		now.left = 50;
		now.rewrapping = false;
	}
	if (now.left == 0)
		now.rewrapping = false;
}

static void answer_list_masters(const Peppermint__V1__Request *request,
				Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__ListMastersRequest *asked = request->list_masters;
	char *purpose = asked->purpose[0] ? asked->purpose : "pepper";
	char *name = asked->name[0] ? asked->name : "api-keys";

	move_some(name);
	if (is(name, "none")) {
		PREPARE(reply, room, list_masters, PEPPERMINT__V1__LIST_MASTERS_REPLY__INIT);
		return;
	}
	PREPARE(reply, room, list_masters, PEPPERMINT__V1__LIST_MASTERS_REPLY__INIT);
	reply->list_masters->versions = (void *)room->pointers;
	reply->list_masters->n_versions = has_one_version(name) ? 1 : 2;
	for (uint32_t i = 0; i < 2; i++) {
		make_master(&room->masters[i], asked->environment, purpose, name, i + 1);
		room->pointers[i] = &room->masters[i];
	}
}

static void make_change(const Peppermint__V1__ChangeMasterRequest *asked)
{
	switch (asked->verb) {
	case PEPPERMINT__V1__MASTER_VERB__ROTATE:
		now.rotated = true;
		break;
	case PEPPERMINT__V1__MASTER_VERB__REWRAP:
		now.rewrapping = now.left > 0;
		break;
	case PEPPERMINT__V1__MASTER_VERB__DESTROY:
		now.first = PEPPERMINT__V1__PEPPER_STATE__DESTROY_SCHEDULED;
		break;
	case PEPPERMINT__V1__MASTER_VERB__SUSPEND:
		now.first = PEPPERMINT__V1__PEPPER_STATE__SUSPENDED;
		break;
	default:
		break;
	}
}

static void answer_change_master(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__ChangeMasterRequest *asked = request->change_master;
	bool rotates = asked->verb == PEPPERMINT__V1__MASTER_VERB__ROTATE;
	bool rewraps = asked->verb == PEPPERMINT__V1__MASTER_VERB__REWRAP;
	char *purpose = asked->purpose[0] ? asked->purpose : "pepper";
	uint32_t version = rotates || rewraps ? 2 : asked->version ? asked->version : 1;

	if (asked->verb == PEPPERMINT__V1__MASTER_VERB__DESTROY && !is(asked->name, "gone")) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__CONFLICT, "250 API keys need it");
		return;
	}
	PREPARE(reply, room, change_master, PEPPERMINT__V1__CHANGE_MASTER_REPLY__INIT);
	make_master(&room->masters[0], asked->environment, purpose, asked->name, version);
	if (!asked->dry_run)
		make_change(asked);
	make_master(&room->masters[1], asked->environment, purpose, asked->name, version);
	reply->change_master->before = rotates ? NULL : &room->masters[0];
	reply->change_master->after = rotates && asked->dry_run ? NULL : &room->masters[1];
	reply->change_master->affected = rewraps ? now.left : 0;
	snprintf(room->master_text, sizeof(room->master_text),
		 "verb %d of %s/%s version %" PRIu32 ", after %" PRId64, (int)asked->verb, purpose,
		 asked->name, version, asked->after_seconds);
	reply->change_master->text = room->master_text;
}

static Peppermint__V1__TokenObject *make_object(struct canned_answer *room, size_t i, bool sound)
{
	static uint8_t ids[CANNED_OBJECTS][16] = { { 0x01, [15] = 0xff }, "0123456789abcdef" };
	Peppermint__V1__TokenObject *object = &room->objects[i];

	*object = (Peppermint__V1__TokenObject)PEPPERMINT__V1__TOKEN_OBJECT__INIT;
	object->key_id = (ProtobufCBinaryData){ 16, ids[i] };
	object->label = i ? CANNED_ORPHAN_LABEL : "peppermint/test/pepper/pan/v2";
	object->algorithm = PEPPERMINT__V1__ALGORITHM__HMAC_SHA256;
	object->version = i ? 0 : 2;
	object->state = i ? 0 : PEPPERMINT__V1__PEPPER_STATE__ACTIVE;
	object->sensitive = object->always_sensitive = object->never_extractable = 1;
	object->local = object->sign = object->private_ = object->restricted = 1;
	object->sound = sound;
	return object;
}

static void answer_inspect_token(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	static char *names[] = { "CKM_SHA256_HMAC", "CKM_EDDSA" };
	bool standby = request->inspect_token->token == 1;

	PREPARE(reply, room, inspect_token, PEPPERMINT__V1__INSPECT_TOKEN_REPLY__INIT);
	reply->inspect_token->label = standby ? "the clone" : "the token";
	reply->inspect_token->serial = standby ? "CLONE" : "0123456789abcdef";
	reply->inspect_token->model = "SoftHSM v2";
	reply->inspect_token->manufacturer = "SoftHSM project";
	reply->inspect_token->firmware = "2.6";
	reply->inspect_token->hardware = "2.6";
	reply->inspect_token->flags = 0x42d;
	reply->inspect_token->free_private_memory = UINT64_MAX;
	reply->inspect_token->sessions = 6;
	reply->inspect_token->active = !standby;
	reply->inspect_token->not_certified = 1;
	reply->inspect_token->n_mechanisms = 2;
	reply->inspect_token->mechanisms = (void *)room->mechanism_pointers;
	for (size_t i = 0; i < 2; i++) {
		room->mechanisms[i] =
			(Peppermint__V1__TokenMechanism)PEPPERMINT__V1__TOKEN_MECHANISM__INIT;
		room->mechanisms[i].name = names[i];
		room->mechanisms[i].type = i ? 0x1057 : 0x251;
		room->mechanisms[i].announced = 1;
		room->mechanisms[i].proof = i ? PEPPERMINT__V1__PROOF__PROOF_NOT_TRIED
					      : PEPPERMINT__V1__PROOF__PROOF_GOOD;
		room->mechanisms[i].enforced = !i;
		room->mechanism_pointers[i] = &room->mechanisms[i];
	}
	reply->inspect_token->n_objects = 2;
	reply->inspect_token->objects = (void *)room->pointers;
	for (size_t i = 0; i < 2; i++)
		room->pointers[i] = make_object(room, i, !standby);
}

static void answer_settle_orphan(const Peppermint__V1__Request *request,
				 Peppermint__V1__Reply *reply, struct canned_answer *room)
{
	const Peppermint__V1__SettleOrphanRequest *asked = request->settle_orphan;

	if (asked->key_id.len != 16 || memcmp(asked->key_id.data, "0123456789abcdef", 16) != 0) {
		canned_refuse(reply, PEPPERMINT__V1__ERROR__NOT_FOUND, "no object has that id");
		return;
	}
	PREPARE(reply, room, settle_orphan, PEPPERMINT__V1__SETTLE_ORPHAN_REPLY__INIT);
	reply->settle_orphan->object = make_object(room, 1, true);
}

static bool is_bad(ProtobufCBinaryData pin)
{
	return pin.len == strlen(CANNED_BAD_PIN) && memcmp(pin.data, CANNED_BAD_PIN, pin.len) == 0;
}

void canned_answer_masters(const Peppermint__V1__Request *request, Peppermint__V1__Reply *reply,
			   struct canned_answer *room)
{
	switch (request->call_case) {
	case PEPPERMINT__V1__REQUEST__CALL_LIST_MASTERS:
		answer_list_masters(request, reply, room);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_CHANGE_MASTER:
		answer_change_master(request, reply, room);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_INSPECT_TOKEN:
		answer_inspect_token(request, reply, room);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_SETTLE_ORPHAN:
		answer_settle_orphan(request, reply, room);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_SEAL:
		PREPARE(reply, room, seal, PEPPERMINT__V1__SEAL_REPLY__INIT);
		return;
	case PEPPERMINT__V1__REQUEST__CALL_UNSEAL:
		PREPARE(reply, room, unseal, PEPPERMINT__V1__UNSEAL_REPLY__INIT);
		if (is_bad(request->unseal->pin))
			canned_refuse(reply, PEPPERMINT__V1__ERROR__SEALED,
				      "the token refused the PIN, which was tried once");
		return;
	default:
		PREPARE(reply, room, change_pin, PEPPERMINT__V1__CHANGE_PIN_REPLY__INIT);
		if (is_bad(request->change_pin->old_pin))
			canned_refuse(reply, PEPPERMINT__V1__ERROR__DENIED,
				      "the token refused the old PIN, which was tried once");
		return;
	}
}
