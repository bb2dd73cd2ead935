/* The fake vault's master keys, tokens and PINs. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fake_vault.h"

static struct {
	pthread_mutex_t lock;
	struct fake_change change;
	char pins[1024];
	const char *why;
} seen = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct fake_change fake_change(void)
{
	pthread_mutex_lock(&seen.lock);
	struct fake_change change = seen.change;
	pthread_mutex_unlock(&seen.lock);
	return change;
}

void fake_pins(char text[1024])
{
	pthread_mutex_lock(&seen.lock);
	memcpy(text, seen.pins, sizeof(seen.pins));
	memset(seen.pins, 0, sizeof(seen.pins));
	pthread_mutex_unlock(&seen.lock);
}

void fake_why(const char *why)
{
	pthread_mutex_lock(&seen.lock);
	seen.why = why;
	pthread_mutex_unlock(&seen.lock);
}

static void copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from);
}

/* Every field has a number of its own, so that none can stand for another. */
static void fill_master(struct master_info *info, const char *environment, uint32_t version)
{
	*info = (struct master_info){
		.version = version,
		.state = PEPPER_DESTROY_SCHEDULED,
		.created_at = 1,
		.activated_at = 2,
		.changed_at = 3,
		.ends_at = 4,
		.destroy_at = 5,
		.make_until = 6,
		.verify_until = 7,
		.uses = 8,
		.uses_max = 9,
		.last_used_at = 10,
		.needed = 11,
		.wrapped = 12,
		.ended = 13,
		.rewrapping = true,
		.rewrap_left = 14,
	};
	copy(info->environment, sizeof(info->environment), environment);
	memset(info->purpose, 'p', sizeof(info->purpose) - 1);
	memset(info->name, 'n', sizeof(info->name) - 1);
}

enum pm_err vault_list_masters(struct vault *vault, struct actor *actor, const char *environment,
			       const char *purpose, const char *name, struct master_info *out,
			       size_t max, size_t *count)
{
	char both[64];

	snprintf(both, sizeof(both), "%s/%s", purpose, name);
	TRY(fake_enter(vault, actor, environment, both, 0, max));
	*count = fake_result_size(vault, max);
	for (size_t i = 0; i < *count; i++)
		fill_master(&out[i], environment, (uint32_t)i + 1);
	return PM_OK;
}

enum pm_err vault_change_master(struct vault *vault, struct actor *actor,
				const struct master_params *params, struct master_outcome *out)
{
	TRY(fake_enter(vault, actor, params->environment, params->name, params->after, 0));
	pthread_mutex_lock(&seen.lock);
	seen.change = (struct fake_change){ .version = params->version,
					    .verb = params->verb,
					    .after = params->after,
					    .dry_run = params->dry_run,
					    .force = params->force };
	copy(seen.change.purpose, sizeof(seen.change.purpose), params->purpose);
	copy(seen.change.name, sizeof(seen.change.name), params->name);
	pthread_mutex_unlock(&seen.lock);
	*out = (struct master_outcome){ .affected = 77, .text = "it is done" };
	if (params->verb != MASTER_VERB_ROTATE)
		fill_master(&out->before, params->environment, 1);
	if (params->verb != MASTER_VERB_ROTATE || !params->dry_run)
		fill_master(&out->after, params->environment, 2);
	return PM_OK;
}

static void fill_object(struct object_info *object, uint32_t version)
{
	*object = (struct object_info){
		.algorithm = 1,
		.sensitive = true,
		.extractable = true,
		.local = true,
		.private = true,
		.destroyable = true,
		.sound = true,
		.version = version,
		.state = PEPPER_SUSPENDED,
	};
	memset(object->key_id, 0xab, sizeof(object->key_id));
	memset(object->label, 'l', sizeof(object->label) - 1);
}

enum pm_err vault_inspect(struct vault *vault, struct actor *actor, const char *environment,
			  uint32_t member, struct token_inspection *token,
			  struct object_info *objects, size_t max, size_t *count)
{
	TRY(fake_enter(vault, actor, environment, "", member, max));
	*token = (struct token_inspection){
		.label = "a label",
		.serial = "a serial",
		.model = "a model",
		.manufacturer = "a maker",
		.firmware = "2.6",
		.hardware = "1.0",
		.flags = 1,
		.max_sessions = 2,
		.free_private_memory = UINT64_MAX,
		.sessions = 3,
		.active = true,
		.session_copies = true,
		.certified = false,
		.mechanisms = { { .name = "CKM_A", .type = 4, .announced = true, .proof = 2 },
				{ .name = "CKM_B", .type = 5, .enforced = true, .proof = 1 } },
		.mechanism_count = 2,
	};
	*count = fake_result_size(vault, max);
	for (size_t i = 0; i < *count; i++)
		fill_object(&objects[i], (uint32_t)i);
	return PM_OK;
}

enum pm_err vault_settle_orphan(struct vault *vault, struct actor *actor, const char *environment,
				const uint8_t key_id[16], bool adopt, bool dry_run,
				struct object_info *out)
{
	char id[17] = "";

	memcpy(id, key_id, 16);
	TRY(fake_enter(vault, actor, environment, id, adopt, dry_run));
	fill_object(out, 0);
	memcpy(out->key_id, key_id, sizeof(out->key_id));
	return PM_OK;
}

static void see_pin(struct bytes pin)
{
	size_t len = strlen(seen.pins);

	if (pin.len + 2 > sizeof(seen.pins) - len)
		return;
	memcpy(seen.pins + len, pin.data, pin.len);
	strcpy(seen.pins + len + pin.len, "\n");
}

static enum pm_err about_pins(struct vault *vault, struct actor *actor, const char *environment,
			      struct bytes first, struct bytes second)
{
	pthread_mutex_lock(&seen.lock);
	if (first.len > 0)
		see_pin(first);
	if (second.len > 0)
		see_pin(second);
	actor->why = seen.why;
	pthread_mutex_unlock(&seen.lock);
	return fake_enter(vault, actor, environment, "", 0, 0);
}

enum pm_err vault_seal(struct vault *vault, struct actor *actor, const char *environment)
{
	return about_pins(vault, actor, environment, bytes_of(NULL, 0), bytes_of(NULL, 0));
}

enum pm_err vault_unseal(struct vault *vault, struct actor *actor, const char *environment,
			 struct bytes pin)
{
	return about_pins(vault, actor, environment, pin, bytes_of(NULL, 0));
}

enum pm_err vault_change_pin(struct vault *vault, struct actor *actor, const char *environment,
			     struct bytes old_pin, struct bytes new_pin)
{
	return about_pins(vault, actor, environment, old_pin, new_pin);
}

enum pm_err vault_import_hmac_key(struct vault *vault, struct actor *actor, const char *environment,
				  const char *name, struct bytes value, struct master_info *out)
{
	TRY(fake_enter(vault, actor, environment, name, 0, value.len));
	fill_master(out, environment, 1);
	return PM_OK;
}
