/* The inventory as a CycloneDX 1.6 document: cryptographic assets as ECMA-424 has them. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/text.h"
#include "report.h"
#include "when.h"

#define REF_ROOM 160

static const char *environment_word(enum token_kind kind)
{
	switch (kind) {
	case TOKEN_SOFTWARE:
		return "software-plain-ram";
	case TOKEN_MODULE:
		return "hardware";
	case TOKEN_UNKNOWN:
		break;
	}
	return "unknown";
}

static json_t *algorithm_component(const struct algorithm *algorithm, enum token_kind where)
{
	char ref[REF_ROOM];

	snprintf(ref, sizeof(ref), "algorithm/%s", algorithm->ref);
	json_t *facts =
		json_pack("{s:s, s:s, s:[s], s:i}", "primitive", algorithm->primitive,
			  "executionEnvironment", environment_word(where), "cryptoFunctions",
			  algorithm->function, "classicalSecurityLevel", algorithm->strength);
	if (algorithm->parameter)
		json_object_set_new(facts, "parameterSetIdentifier",
				    json_string(algorithm->parameter));
	if (algorithm->curve)
		json_object_set_new(facts, "curve", json_string(algorithm->curve));
	json_t *properties =
		json_pack("{s:s, s:o}", "assetType", "algorithm", "algorithmProperties", facts);
	if (algorithm->oid)
		json_object_set_new(properties, "oid", json_string(algorithm->oid));
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "type", "cryptographic-asset", "bom-ref", ref,
			 "name", algorithm->name, "description", algorithm->standard,
			 "cryptoProperties", properties);
}

/* SP 800-57's names, which CycloneDX takes. */
static const char *state_word(enum peppermint_pepper_state state)
{
	switch (state) {
	case PEPPERMINT_PEPPER_STAGED:
		return "pre-activation";
	case PEPPERMINT_PEPPER_ACTIVE:
		return "active";
	case PEPPERMINT_PEPPER_SUSPENDED:
		return "suspended";
	case PEPPERMINT_PEPPER_COMPROMISED:
		return "compromised";
	case PEPPERMINT_PEPPER_VERIFY_ONLY:
	case PEPPERMINT_PEPPER_DESTROY_SCHEDULED:
		return "deactivated";
	case PEPPERMINT_PEPPER_DESTROYED:
		return "destroyed";
	case PEPPERMINT_PEPPER_STATE_UNKNOWN:
		break;
	}
	return NULL;
}

static json_t *key_facts(const struct peppermint_master_key *key,
			 const struct peppermint_environment *token)
{
	char id[2 * sizeof(key->key_id) + 1];
	char ref[REF_ROOM];
	char created[WHEN_LEN];

	hex_encode(bytes_of(key->key_id, sizeof(key->key_id)), id);
	snprintf(ref, sizeof(ref), "algorithm/%s", key_algorithm(key)->ref);
	format_when(key->created_at, created);
	json_t *facts = json_pack("{s:s, s:s, s:s, s:i, s:s}", "type",
				  key_signs(key) ? "private-key" : "secret-key", "id", id,
				  "algorithmRef", ref, "size", 256, "creationDate", created);
	if (token_kind(token) != TOKEN_UNKNOWN)
		json_object_set_new(
			facts, "securedBy",
			json_pack("{s:s}", "mechanism",
				  token_kind(token) == TOKEN_MODULE ? "HSM" : "Software"));
	if (state_word(key->state))
		json_object_set_new(facts, "state", json_string(state_word(key->state)));
	return facts;
}

static json_t *property(const char *name, const char *value)
{
	return json_pack("{s:s, s:s}", "name", name, "value", value);
}

static const char *certified_word(enum token_kind kind)
{
	switch (kind) {
	case TOKEN_SOFTWARE:
		return "no: software";
	case TOKEN_MODULE:
		return "see the module's certificate";
	case TOKEN_UNKNOWN:
		break;
	}
	return "unknown: the token does not answer";
}

static json_t *key_component(const struct peppermint_inventory *inventory,
			     const struct peppermint_master_key *key)
{
	const struct peppermint_environment *token =
		inventory_environment(inventory, key->environment);
	char label[KEY_LABEL_ROOM];
	char ref[REF_ROOM];

	key_label(key, label);
	snprintf(ref, sizeof(ref), "key/%s", label);
	json_t *properties = json_pack(
		"[o, o, o, o, o]", property("peppermint:environment", key->environment),
		property("peppermint:token:label", token->token_label),
		property("peppermint:token:serial", token->token_serial),
		property("peppermint:token:model", token->token_model),
		property("peppermint:token:certified", certified_word(token_kind(token))));
	return json_pack("{s:s, s:s, s:s, s:s, s:{s:s, s:o}, s:o}", "type", "cryptographic-asset",
			 "bom-ref", ref, "name", label, "description", key_use(key),
			 "cryptoProperties", "assetType", "related-crypto-material",
			 "relatedCryptoMaterialProperties", key_facts(key, token), "properties",
			 properties);
}

/* Each algorithm once, and before the keys that refer to it. */
static void add_algorithms(json_t *components, const struct peppermint_inventory *inventory)
{
	enum token_kind kind = inventory_kind(inventory);

	for (size_t i = 0; i < inventory->key_count; i++) {
		const struct algorithm *algorithm = key_algorithm(&inventory->keys[i]);
		size_t first = 0;

		while (key_algorithm(&inventory->keys[first]) != algorithm)
			first++;
		if (first == i)
			json_array_append_new(components, algorithm_component(algorithm, kind));
	}
	json_array_append_new(components, algorithm_component(algorithm_merkle(), TOKEN_SOFTWARE));
	json_array_append_new(components, algorithm_component(algorithm_random(), TOKEN_SOFTWARE));
}

/* RFC 9562 version 4. */
static bool make_serial(char serial[64])
{
	uint8_t bytes[16];
	char hex[2 * sizeof(bytes) + 1];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return false;
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	hex_encode(bytes_of(bytes, sizeof(bytes)), hex);
	snprintf(serial, 64, "urn:uuid:%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16,
		 hex + 20);
	return true;
}

enum status print_cbom(const struct peppermint_inventory *inventory)
{
	json_t *components = json_array();
	char serial[64];
	char now[WHEN_LEN];

	if (!make_serial(serial)) {
		complain("the kernel gives no random number for the document.");
		json_decref(components);
		return STATUS_VAULT;
	}
	format_when(clock_unix(), now);
	add_algorithms(components, inventory);
	for (size_t i = 0; i < inventory->key_count; i++)
		json_array_append_new(components, key_component(inventory, &inventory->keys[i]));
	print_json(json_pack("{s:s, s:s, s:s, s:i, s:{s:s, s:{s:s, s:s, s:s}}, s:o}", "bomFormat",
			     "CycloneDX", "specVersion", "1.6", "serialNumber", serial, "version",
			     1, "metadata", "timestamp", now, "component", "type", "application",
			     "name", "peppermint", "version", PM_VERSION, "components",
			     components));
	return STATUS_DONE;
}
