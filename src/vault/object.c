#include "object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "master.h"
#include "state.h"

/* The text up to the slash, which is passed over; false: there is none, or it does not fit. */
static bool take_part(const char **at, char *out, size_t room)
{
	size_t len = strcspn(*at, "/");

	if ((*at)[len] != '/' || len == 0 || len >= room)
		return false;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len + 1;
	return true;
}

static bool is_known_purpose(const struct object_label *label)
{
	if (strcmp(label->purpose, PURPOSE_INTEGRITY) == 0)
		return strcmp(label->name, INTEGRITY_NAME) == 0;
	if (strcmp(label->purpose, PURPOSE_AUDIT) == 0)
		return strcmp(label->name, AUDIT_TEXT_NAME) == 0 ||
		       strcmp(label->name, AUDIT_LOG_NAME) == 0;
	if (strcmp(label->purpose, PURPOSE_PIN) == 0)
		return strcmp(label->name, PIN_NAME) == 0;
	if (strcmp(label->purpose, PURPOSE_WRAP) == 0)
		return strcmp(label->name, WRAP_NAME) == 0;
	if (strcmp(label->purpose, PURPOSE_INDEX) == 0)
		return strcmp(label->name, INDEX_NAME) == 0;
	return strcmp(label->purpose, PURPOSE_PEPPER) == 0 ||
	       strcmp(label->purpose, PURPOSE_IMPORT) == 0;
}

static struct master_record record_of(const struct environment *env,
				      const struct object_label *label)
{
	struct master_record record = { .version = label->version };

	snprintf(record.environment, sizeof(record.environment), "%s", env->name);
	snprintf(record.purpose, sizeof(record.purpose), "%s", label->purpose);
	snprintf(record.name, sizeof(record.name), "%s", label->name);
	return record;
}

/* What was read, written again, is the label: there is one way only to write a version. */
bool object_parse_label(const struct environment *env, const char *label, struct object_label *out)
{
	char part[HSM_LABEL_MAX + 1], again[HSM_LABEL_MAX + 1];
	const char *at = label;

	*out = (struct object_label){ .version = 0 };
	if (!take_part(&at, part, sizeof(part)) || !take_part(&at, part, sizeof(part)) ||
	    !take_part(&at, out->purpose, sizeof(out->purpose)) ||
	    !take_part(&at, out->name, sizeof(out->name)) || at[0] != 'v')
		return false;
	unsigned long version = strtoul(at + 1, NULL, 10);
	if (version == 0 || version > VAULT_PEPPER_VERSIONS_MAX || !is_known_purpose(out))
		return false;
	out->version = (uint32_t)version;
	const struct master_record record = record_of(env, out);
	master_label(&record, again);
	return strcmp(label, again) == 0;
}

static bool has_right_algorithm(const struct master_record *record, const struct hsm_object *object)
{
	if (master_is_cipher(record))
		return object->algorithm == HSM_AES256_GCM;
	if (!object->sign)
		return false;
	if (!master_is_pair(record))
		return object->algorithm == HSM_HMAC_SHA256;
	return (object->algorithm == HSM_ED25519 || object->algorithm == HSM_ECDSA_P256) &&
	       object->public_len > 0;
}

/* What was brought in was outside before: that it never was is then not claimed. */
static bool has_right_origin(const struct master_record *record, const struct hsm_object *object)
{
	if (master_is_import(record))
		return !object->local && !object->always_sensitive && !object->never_extractable;
	return object->local && object->always_sensitive && object->never_extractable;
}

bool object_is_sound(const struct environment *env, const struct hsm_object *object)
{
	struct object_label label;

	if (!object_parse_label(env, object->label, &label))
		return false;
	const struct master_record record = record_of(env, &label);
	return object->sensitive && !object->extractable && has_right_origin(&record, object) &&
	       has_right_algorithm(&record, object);
}

void object_info_fill(struct environment *env, const struct hsm_object *object,
		      struct object_info *out)
{
	struct master_record master;

	*out = (struct object_info){
		.algorithm = object->algorithm == HSM_ALGORITHM_OTHER ? 0 : (int)object->algorithm,
		.sensitive = object->sensitive,
		.always_sensitive = object->always_sensitive,
		.extractable = object->extractable,
		.never_extractable = object->never_extractable,
		.local = object->local,
		.sign = object->sign,
		.private = object->private,
		.modifiable = object->modifiable,
		.destroyable = object->destroyable,
		.restricted = object->restricted,
		.sound = object_is_sound(env, object),
	};
	memcpy(out->key_id, object->id.bytes, sizeof(out->key_id));
	snprintf(out->label, sizeof(out->label), "%s", object->label);
	if (environment_master_of(env, object->id.bytes, &master) != PM_OK ||
	    !state_in_token(&master))
		return;
	out->version = master.version;
	out->state = (enum pepper_state)master.state;
}

enum pm_err object_list(const struct environment *env, struct hsm *token,
			struct hsm_object *objects, size_t *count, int64_t deadline)
{
	char prefix[HSM_LABEL_MAX + 1];

	snprintf(prefix, sizeof(prefix), "peppermint/%s/", env->name);
	return hsm_list(token, prefix, objects, count, deadline);
}

static bool is_named(struct environment *env, const struct hsm_object *object)
{
	struct master_record master;

	return environment_master_of(env, object->id.bytes, &master) == PM_OK &&
	       state_in_token(&master);
}

enum pm_err object_report_orphans(struct environment *env, int64_t deadline)
{
	struct hsm_object *objects CLEANUP(free_ptr) = calloc(HSM_OBJECTS_MAX, sizeof(*objects));
	uint32_t orphans = 0;
	size_t count = 0;

	if (!objects)
		return PM_NO_MEMORY;
	TRY(object_list(env, env->hsm, objects, &count, deadline));
	for (size_t i = 0; i < count; i++) {
		if (is_named(env, &objects[i]))
			continue;
		orphans++;
		if (orphans > env->orphans)
			log_warn("vault: %s's token holds %s, which no record names; it is left "
				 "alone",
				 env->name, objects[i].label);
	}
	pthread_rwlock_wrlock(&env->lock);
	env->orphans = orphans;
	pthread_rwlock_unlock(&env->lock);
	return PM_OK;
}
