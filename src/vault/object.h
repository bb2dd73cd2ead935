/* Objects in a token as callers see them. */
#ifndef VAULT_OBJECT_H
#define VAULT_OBJECT_H

#include "environment.h"

/* What the label of a master key says: `peppermint/<environment>/<purpose>/<name>/v<version>`. */
struct object_label {
	char purpose[17];
	char name[VAULT_PEPPER_NAME_MAX + 1];
	uint32_t version;
};

/* False: it is no label that the vault gives to keys of this environment. */
bool object_parse_label(const struct environment *env, const char *label, struct object_label *out);

/* Made in the token (or brought in, if its label says so), never to leave it, for the use that its label
 * says. */
bool object_is_sound(const struct environment *env, const struct hsm_object *object);

void object_info_fill(struct environment *env, const struct hsm_object *object,
		      struct object_info *out);

/* Those in that token with labels of the environment; room for HSM_OBJECTS_MAX. */
enum pm_err object_list(const struct environment *env, struct hsm *token,
			struct hsm_object *objects, size_t *count, int64_t deadline) NODISCARD;

/*
 * Counts those in the active token that no record names which must have one: for Status, and each is
 * logged when there are more than before. They are left alone. Inside a change of the environment.
 */
enum pm_err object_report_orphans(struct environment *env, int64_t deadline) NODISCARD;

#endif
