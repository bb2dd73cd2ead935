#include "import_line.h"

#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "output.h"
#include "when.h"

#define YEAR_10000 INT64_C(253402300800)
#define TIME_SIZE 7 /* in a message: the tag, and of seconds before the year 10000 at most 6 */

const char import_no_room[] = "no room";

/* What a line is read to. */
struct parse {
	struct import_batch *batch;
	struct peppermint_import *key;
	bool has_value;
};

typedef const char *read_member(struct parse *parse, const json_t *value, void *to, size_t max);

/* In the batch's room. NULL when it has none. */
static char *keep(struct parse *parse, const void *data, size_t len)
{
	char *copy = batch_alloc(parse->batch, len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, data, len);
	copy[len] = '\0';
	parse->batch->message += len + 3;
	return copy;
}

static bool is_text(const json_t *value, size_t max)
{
	const char *text = json_string_value(value);
	size_t len = json_string_length(value);

	return text && len <= max && strlen(text) == len && text_is_clean(bytes_of(text, len));
}

static const char *read_text(struct parse *parse, const json_t *value, void *to, size_t max)
{
	if (json_is_null(value))
		return NULL;
	if (!is_text(value, max))
		return "a text is none, is too long, or has control characters";
	char *copy = keep(parse, json_string_value(value), json_string_length(value));
	*(const char **)to = copy;
	return copy ? NULL : import_no_room;
}

static const char *read_time(struct parse *parse, const json_t *value, void *to, size_t max)
{
	int64_t *when = to;

	(void)max;
	parse->batch->message += TIME_SIZE;
	if (json_is_null(value))
		return NULL;
	if (json_is_string(value) && parse_timestamp(json_string_value(value), when))
		return *when >= 0 && *when < YEAR_10000 ? NULL : "a time is out of range";
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) >= YEAR_10000)
		return "a time is neither seconds since 1970 nor RFC 3339";
	*when = json_integer_value(value);
	return NULL;
}

static const char *read_flag(struct parse *parse, const json_t *value, void *to, size_t max)
{
	(void)max;
	parse->batch->message += 2;
	if (!json_is_boolean(value))
		return "disabled is neither true nor false";
	*(bool *)to = json_is_true(value);
	return NULL;
}

/* Of texts without blanks, into one that blanks part. */
static const char *read_words(struct parse *parse, const json_t *value, void *to, size_t max)
{
	size_t count = json_array_size(value), used = 0;

	if (!json_is_array(value))
		return "scopes or networks are no list";
	char *words = batch_alloc(parse->batch, max + count + 1);
	for (size_t i = 0; words && i < count; i++) {
		const json_t *word = json_array_get(value, i);
		size_t len = json_string_length(word);

		if (!is_text(word, max) || len == 0 || strchr(json_string_value(word), ' ') ||
		    used + len + (i > 0) > max + i)
			return "a scope or a network is none, or they are too long together";
		if (i > 0)
			words[used++] = ' ';
		memcpy(words + used, json_string_value(word), len);
		used += len;
		parse->batch->message += len + 3;
	}
	*(const char **)to = words;
	return words ? NULL : import_no_room;
}

static const char *read_labels(struct parse *parse, const json_t *value, void *to, size_t max)
{
	struct peppermint_import *key = to;
	size_t count = json_object_size(value), i = 0;
	const char *name = NULL;
	json_t *text = NULL;

	if (!json_is_object(value) || count > max)
		return "labels are no object of at most 16 texts";
	struct peppermint_label *labels =
		(void *)batch_alloc(parse->batch, count * sizeof(*labels));
	if (!labels)
		return import_no_room;
	/* jansson's iteration takes no const object, but changes none. */
	json_object_foreach((json_t *)(uintptr_t)value, name, text)
	{
		size_t len = strlen(name);

		if (len == 0 || len > PEPPERMINT_LABEL_KEY_MAX ||
		    !text_is_clean(bytes_of(name, len)) ||
		    !is_text(text, PEPPERMINT_LABEL_VALUE_MAX))
			return "a label is too long, or none";
		strcpy(labels[i].key, name);
		strcpy(labels[i++].value, json_string_value(text));
		parse->batch->message += len + json_string_length(text) + 8;
	}
	key->labels = labels;
	key->label_count = count;
	return NULL;
}

/* libsodium 1.0.18 takes some bytes above 127 for letters, where char is signed. */
static bool is_ascii(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && !(text[i] & 0x80))
		i++;
	return i == len;
}

static bool decode(const char *text, size_t len, uint8_t *out, size_t size)
{
	static const int variants[] = {
		sodium_base64_VARIANT_ORIGINAL,
		sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
		sodium_base64_VARIANT_URLSAFE,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING,
	};
	size_t got = 0;

	if (!is_ascii(text, len))
		return false;
	if (len == 2 * size)
		return sodium_hex2bin(out, size, text, len, NULL, &got, NULL) == 0 && got == size;
	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		if (sodium_base642bin(out, size, text, len, NULL, &got, NULL, variants[i]) == 0 &&
		    got == size)
			return true;
	}
	return false;
}

static const char *take_value(struct parse *parse, enum peppermint_import_form form)
{
	if (parse->has_value)
		return "it has more than one of sha256, sha512, hmac_sha256 and key";
	parse->has_value = true;
	parse->key->form = form;
	return NULL;
}

/* `max` is the hash's length, `to` nothing. */
static const char *read_hash(struct parse *parse, const json_t *value, size_t size,
			     enum peppermint_import_form form)
{
	uint8_t hash[64];
	const char *fault = take_value(parse, form);

	if (fault)
		return fault;
	if (!json_is_string(value) ||
	    !decode(json_string_value(value), json_string_length(value), hash, size))
		return "a hash is neither hexadecimal nor base64 of its length";
	parse->key->value = keep(parse, hash, size);
	parse->key->value_len = size;
	return parse->key->value ? NULL : import_no_room;
}

static const char *read_sha256(struct parse *parse, const json_t *value, void *to, size_t max)
{
	(void)to;
	return read_hash(parse, value, max, PEPPERMINT_IMPORT_SHA256);
}

static const char *read_sha512(struct parse *parse, const json_t *value, void *to, size_t max)
{
	(void)to;
	return read_hash(parse, value, max, PEPPERMINT_IMPORT_SHA512);
}

static const char *read_hmac(struct parse *parse, const json_t *value, void *to, size_t max)
{
	(void)to;
	return read_hash(parse, value, max, PEPPERMINT_IMPORT_HMAC_SHA256);
}

static const char *read_key(struct parse *parse, const json_t *value, void *to, size_t max)
{
	const char *fault = take_value(parse, PEPPERMINT_IMPORT_TEXT);

	(void)to;
	if (fault)
		return fault;
	if (!is_text(value, max) || json_string_length(value) == 0)
		return "a key is none, or over 256 bytes";
	parse->key->value_len = json_string_length(value);
	parse->key->value = keep(parse, json_string_value(value), parse->key->value_len);
	return parse->key->value ? NULL : import_no_room;
}

#define TO(member) offsetof(struct peppermint_import, member)
static const struct member {
	const char *name;
	read_member *read;
	size_t to;
	size_t max;
} members[] = {
	{ "sha256", read_sha256, 0, 32 },
	{ "sha512", read_sha512, 0, 64 },
	{ "hmac_sha256", read_hmac, 0, 32 },
	{ "key", read_key, 0, PEPPERMINT_TEXT_MAX },
	{ "hmac_key", read_text, TO(hmac_key), PEPPERMINT_PEPPER_NAME_MAX },
	{ "account", read_text, TO(account), PEPPERMINT_ACCOUNT_MAX },
	{ "product", read_text, TO(product), PEPPERMINT_PRODUCT_MAX },
	{ "name", read_text, TO(name), PEPPERMINT_NAME_MAX },
	{ "external_reference", read_text, TO(external_reference), PEPPERMINT_REFERENCE_MAX },
	{ "tail", read_text, TO(tail), 3 },
	{ "created_at", read_time, TO(created_at), 0 },
	{ "not_before", read_time, TO(not_before), 0 },
	{ "expires_at", read_time, TO(expires_at), 0 },
	{ "disabled", read_flag, TO(disabled), 0 },
	{ "scopes", read_words, TO(scopes), 256 },
	{ "networks", read_words, TO(networks), 512 },
	{ "labels", read_labels, 0, PEPPERMINT_LABELS_MAX },
};

static const struct member *find_member(const char *name)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	}
	return NULL;
}

static const char *read_object(struct parse *parse, json_t *object)
{
	const char *name = NULL;
	json_t *value = NULL;

	json_object_foreach(object, name, value)
	{
		const struct member *member = find_member(name);
		const char *fault = "it has a member that no import has";

		if (member)
			fault = member->read(parse, value, (char *)parse->key + member->to,
					     member->max);
		if (fault)
			return fault;
	}
	return NULL;
}

static const char *check(const struct parse *parse)
{
	const struct peppermint_import *key = parse->key;

	if (!parse->has_value)
		return "it has none of sha256, sha512, hmac_sha256 and key";
	if (!key->account || key->account[0] == '\0')
		return "it has no account";
	if ((key->form == PEPPERMINT_IMPORT_HMAC_SHA256) != (key->hmac_key != NULL))
		return "hmac_key belongs to hmac_sha256, and hmac_sha256 needs it";
	return NULL;
}

const char *import_line(const struct reader_line *line, struct import_batch *batch,
			struct peppermint_import *key)
{
	struct parse parse = { .batch = batch, .key = key };
	json_t *object CLEANUP(json_end) =
		json_loadb(line->text, line->len, JSON_REJECT_DUPLICATES, NULL);

	*key = (struct peppermint_import){ 0 };
	if (!json_is_object(object))
		return "it is no JSON object, or has a member twice";
	batch->message += 8; /* its own tag and length, and the form */
	const char *fault = read_object(&parse, object);
	return fault ? fault : check(&parse);
}
