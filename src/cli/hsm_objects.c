#define _GNU_SOURCE
#include "hsm_objects.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "hsm_module.h"

#define OBJECTS_MAX 10000
#define VALUE_MAX 512 /* bytes of an attribute that is read */
#define KEY_ID_LEN 16 /* of a vault's keys */
#define OUR_LABELS "peppermint/"

/* What a vault wants of its keys; `fault` says what is wrong otherwise. NULL: either will do. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
	CK_BBOOL wanted;
	const char *fault;
} flags[] = {
	{ CKA_SENSITIVE, "sensitive", CK_TRUE, "NOT SENSITIVE" },
	{ CKA_ALWAYS_SENSITIVE, "always_sensitive", CK_TRUE, "NOT ALWAYS SENSITIVE" },
	{ CKA_EXTRACTABLE, "extractable", CK_FALSE, "EXTRACTABLE" },
	{ CKA_NEVER_EXTRACTABLE, "never_extractable", CK_TRUE, "HAS BEEN EXTRACTABLE" },
	{ CKA_LOCAL, "local", CK_TRUE, "NOT MADE IN THE TOKEN" },
	{ CKA_SIGN, "sign", CK_TRUE, "MAY NOT SIGN" },
	{ CKA_PRIVATE, "private", CK_TRUE, "NOT PRIVATE" },
	{ CKA_MODIFIABLE, "modifiable", CK_FALSE, NULL },
	{ CKA_DESTROYABLE, "destroyable", CK_FALSE, NULL },
};
#define FLAGS (sizeof(flags) / sizeof(flags[0]))

struct value {
	CK_BYTE bytes[VALUE_MAX];
	size_t len;
};

struct reader {
	const struct card *card;
	CK_RV failure; /* of the module, after which nothing it says counts */
};

static bool is_untold(CK_RV rv)
{
	return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
	       rv == CKR_BUFFER_TOO_SMALL;
}

/* One at a time: asked for several, modules differ in what a refused one does to the rest. */
static bool read_value(struct reader *reader, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
		       struct value *value)
{
	const struct card *card = reader->card;
	CK_ATTRIBUTE attribute = { type, value->bytes, sizeof(value->bytes) };
	CK_RV rv = card->p11->C_GetAttributeValue(card->session, object, &attribute, 1);

	if (rv != CKR_OK && !is_untold(rv))
		reader->failure = rv;
	value->len = attribute.ulValueLen;
	return rv == CKR_OK && value->len <= sizeof(value->bytes);
}

static bool read_number(struct reader *reader, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
			CK_ULONG *out)
{
	struct value value;

	if (!read_value(reader, object, type, &value) || value.len != sizeof(*out))
		return false;
	memcpy(out, value.bytes, sizeof(*out));
	return true;
}

static json_t *class_json(CK_OBJECT_CLASS class)
{
	static const char *const names[] = {
		[CKO_DATA] = "data",
		[CKO_CERTIFICATE] = "certificate",
		[CKO_PUBLIC_KEY] = "public key",
		[CKO_PRIVATE_KEY] = "private key",
		[CKO_SECRET_KEY] = "secret key",
	};

	if (class < sizeof(names) / sizeof(names[0]))
		return json_string(names[class]);
	return json_sprintf("0x%lx", class);
}

static json_t *type_json(CK_KEY_TYPE type)
{
	static const struct {
		CK_KEY_TYPE type;
		const char *name;
	} names[] = {
		{ CKK_RSA, "RSA" },
		{ CKK_EC, "EC" },
		{ CKK_EC_EDWARDS, "EC-EDWARDS" },
		{ CKK_GENERIC_SECRET, "GENERIC-SECRET" },
		{ CKK_SHA256_HMAC, "SHA256-HMAC" },
		{ CKK_AES, "AES" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].type == type)
			return json_string(names[i].name);
	}
	return json_sprintf("0x%lx", type);
}

static void set_text(json_t *row, const char *name, struct reader *reader, CK_OBJECT_HANDLE object,
		     CK_ATTRIBUTE_TYPE type)
{
	struct value value;

	if (read_value(reader, object, type, &value))
		json_object_set_new(row, name, text_json(value.bytes, value.len));
}

static void set_id(json_t *row, struct reader *reader, CK_OBJECT_HANDLE object)
{
	char hex[2 * VALUE_MAX + 1];
	struct value value;

	if (!read_value(reader, object, CKA_ID, &value))
		return;
	hex_encode(bytes_of(value.bytes, value.len), hex);
	json_object_set_new(row, "id", json_string(hex));
}

static void set_number(json_t *row, const char *name, struct reader *reader,
		       CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, json_t *(*text)(CK_ULONG))
{
	CK_ULONG number = 0;

	if (read_number(reader, object, type, &number))
		json_object_set_new(row, name, text(number));
}

/* An AES key signs nothing, and another system's key, as its label says, was outside before. */
static bool is_asked(const json_t *row, CK_ATTRIBUTE_TYPE flag)
{
	const char *type = json_string_value(json_object_get(row, "type"));
	const char *label = json_string_value(json_object_get(row, "label"));

	if (flag == CKA_SIGN)
		return !type || strcmp(type, "AES") != 0;
	if (flag != CKA_ALWAYS_SENSITIVE && flag != CKA_NEVER_EXTRACTABLE && flag != CKA_LOCAL)
		return true;
	return !label || strncmp(label, OUR_LABELS, strlen(OUR_LABELS)) != 0 ||
	       !strstr(label, "/import/");
}

/* What the token does not tell is null, and wrong where the right value protects. */
static void set_flags(json_t *row, json_t *faults, struct reader *reader, CK_OBJECT_HANDLE object)
{
	struct value value;

	for (size_t i = 0; i < FLAGS; i++) {
		bool told = read_value(reader, object, flags[i].type, &value) &&
			    value.len == sizeof(CK_BBOOL);
		CK_BBOOL is = told && value.bytes[0] != CK_FALSE;

		json_object_set_new(row, flags[i].name, told ? json_boolean(is) : json_null());
		if (flags[i].fault && (!told || is != flags[i].wanted) &&
		    is_asked(row, flags[i].type))
			json_array_append_new(faults, json_string(flags[i].fault));
	}
}

/* CKA_ALLOWED_MECHANISMS, whose length is in bytes. False: the token has no such list. */
static bool read_allowed(struct reader *reader, CK_OBJECT_HANDLE object, struct value *value)
{
	return read_value(reader, object, CKA_ALLOWED_MECHANISMS, value) && value->len > 0 &&
	       value->len % sizeof(CK_MECHANISM_TYPE) == 0;
}

static CK_MECHANISM_TYPE allowed_at(const struct value *value, size_t i)
{
	CK_MECHANISM_TYPE type = 0;

	memcpy(&type, value->bytes + i * sizeof(type), sizeof(type));
	return type;
}

static bool allows(const struct value *value, CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < value->len / sizeof(type); i++) {
		if (allowed_at(value, i) == type)
			return true;
	}
	return false;
}

/* A mechanism that such keys could be used with as well, if the token has it. */
static bool other_mechanism(const struct card *card, CK_KEY_TYPE type, const struct value *allowed,
			    CK_MECHANISM_TYPE *out)
{
	static const struct {
		CK_KEY_TYPE key;
		CK_MECHANISM_TYPE mechanism;
	} others[] = {
		{ CKK_GENERIC_SECRET, CKM_SHA_1_HMAC },
		{ CKK_GENERIC_SECRET, CKM_SHA224_HMAC },
		{ CKK_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL },
		{ CKK_EC, CKM_ECDSA_SHA256 },
		{ CKK_RSA, CKM_SHA256_RSA_PKCS },
		{ CKK_RSA, CKM_RSA_PKCS },
	};
	CK_MECHANISM_INFO info;

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		*out = others[i].mechanism;
		if (others[i].key == type && !allows(allowed, *out) &&
		    card_announces(card, *out, &info) == ANSWER_YES)
			return true;
	}
	return false;
}

/* Whether the token holds the key to its list; null: nothing to try it with. Nothing is signed. */
static json_t *enforced_json(struct reader *reader, CK_OBJECT_HANDLE object,
			     const struct value *allowed)
{
	CK_MECHANISM_TYPE other = 0;
	CK_KEY_TYPE type = 0;

	if (!read_number(reader, object, CKA_KEY_TYPE, &type) ||
	    !other_mechanism(reader->card, type, allowed, &other))
		return json_null();
	enum answer begun = card_begins(reader->card, other, object);
	return begun == ANSWER_UNKNOWN ? json_null() : json_boolean(begun == ANSWER_NO);
}

static void set_allowed(json_t *row, struct reader *reader, CK_OBJECT_HANDLE object)
{
	json_t *names = json_array();
	struct value value;

	if (!read_allowed(reader, object, &value)) {
		json_decref(names);
		json_object_set_new(row, "allowed_mechanisms", json_null());
		json_object_set_new(row, "enforced", json_null());
		return;
	}
	for (size_t i = 0; i < value.len / sizeof(CK_MECHANISM_TYPE); i++)
		json_array_append_new(names, json_string(mechanism_name(allowed_at(&value, i))));
	json_object_set_new(row, "allowed_mechanisms", names);
	json_object_set_new(row, "enforced", enforced_json(reader, object, &value));
}

static bool is_ours(const json_t *row)
{
	const char *label = json_string_value(json_object_get(row, "label"));

	return label && strncmp(label, OUR_LABELS, strlen(OUR_LABELS)) == 0;
}

static void judge_id(const json_t *row, json_t *faults)
{
	const char *id = json_string_value(json_object_get(row, "id"));

	if (is_ours(row) && (!id || strlen(id) != 2 * (size_t)KEY_ID_LEN))
		json_array_append_new(faults, json_string("ID NOT OF 16 BYTES"));
}

static json_t *verdict_json(const json_t *faults)
{
	char text[256] = "good";
	size_t used = 0;

	for (size_t i = 0; i < json_array_size(faults) && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? ", " : "",
					 json_string_value(json_array_get(faults, i)));
	return json_string(text);
}

static json_t *object_row(struct reader *reader, CK_OBJECT_HANDLE object)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	json_t *row = must_have(json_object());
	json_t *faults = must_have(json_array());

	read_number(reader, object, CKA_CLASS, &class);
	json_object_set_new(row, "class", class_json(class));
	set_number(row, "type", reader, object, CKA_KEY_TYPE, type_json);
	set_text(row, "label", reader, object, CKA_LABEL);
	set_id(row, reader, object);
	if (class == CKO_SECRET_KEY || class == CKO_PRIVATE_KEY) {
		set_flags(row, faults, reader, object);
		set_allowed(row, reader, object);
		judge_id(row, faults);
		json_object_set_new(row, "verdict", verdict_json(faults));
	}
	json_object_set_new(row, "peppermint", json_boolean(is_ours(row)));
	json_object_set_new(row, "faults", faults);
	return row;
}

/* All handles before any object is read: some modules bear nothing else during a search. */
static CK_RV find_all(const struct card *card, CK_OBJECT_HANDLE *found, size_t *count)
{
	CK_RV rv = card->p11->C_FindObjectsInit(card->session, NULL, 0);

	while (rv == CKR_OK && *count < OBJECTS_MAX) {
		CK_ULONG got = 0;

		/* May give fewer than asked for though there are more: only none is the end. */
		rv = card->p11->C_FindObjects(card->session, found + *count, OBJECTS_MAX - *count,
					      &got);
		if (got == 0)
			break;
		*count += got;
	}
	card->p11->C_FindObjectsFinal(card->session);
	return rv;
}

static enum status send_objects(struct worker *worker, const struct card *card)
{
	static CK_OBJECT_HANDLE found[OBJECTS_MAX];
	struct reader reader = { card, CKR_OK };
	size_t count = 0;

	reader.failure = find_all(card, found, &count);
	for (size_t i = 0; i < count && reader.failure == CKR_OK; i++) {
		json_t *row = object_row(&reader, found[i]);

		if (reader.failure == CKR_OK)
			worker_row(worker, json_pack("{s:O}", "object", row));
		json_decref(row);
	}
	if (reader.failure != CKR_OK)
		complain_ck(reader.failure, "reading the token's objects");
	else if (count == OBJECTS_MAX)
		complain("there are more than %d objects; the rest is not shown.", OBJECTS_MAX);
	else
		return STATUS_DONE;
	return STATUS_VAULT;
}

static void send_mechanism(struct worker *worker, const struct card *card, CK_MECHANISM_TYPE type)
{
	CK_MECHANISM_INFO info = { 0 };
	enum answer announced = card_announces(card, type, &info);

	worker_row(worker,
		   json_pack("{s:{s:s, s:o, s:I, s:I, s:b}}", "mechanism", "name",
			     mechanism_name(type), "announced",
			     announced == ANSWER_UNKNOWN ? json_null() : json_boolean(announced),
			     "min_key_size", (json_int_t)info.ulMinKeySize, "max_key_size",
			     (json_int_t)info.ulMaxKeySize, "hardware",
			     (int)((info.flags & CKF_HW) != 0)));
}

enum status objects_read(struct worker *worker, void *arg, const struct pins *pins)
{
	static const CK_MECHANISM_TYPE mechanisms[] = {
		CKM_GENERIC_SECRET_KEY_GEN,  CKM_SHA256_HMAC,
		CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA,
		CKM_EC_KEY_PAIR_GEN,         CKM_ECDSA,
		CKM_RSA_PKCS_KEY_PAIR_GEN,   CKM_SHA256_RSA_PKCS,
	};
	const struct token_job *job = arg;
	struct card card = { 0 };
	enum status status = card_open(job, pins->given, &card);

	if (status != STATUS_DONE)
		return status;
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		send_mechanism(worker, &card, mechanisms[i]);
	status = send_objects(worker, &card);
	card_close(&card);
	return status;
}
