#include "position.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "tlog/base64.h"

/*
 * FFFFFFFFSNNNNNNNNNNNNNNNN.id.text: what the list is of (8 hex digits), segment, number (16), and
 * the text in base64.
 */
#define HEAD_LEN (8 + 1 + 16 + 1)
#define TEXT_LEN_MAX BASE64_LEN(POSITION_TEXT_MAX)

_Static_assert(HEAD_LEN + STORE_ID_LEN + 1 + TEXT_LEN_MAX <= STORE_POSITION_MAX,
	       "every place can be told");

int position_compare(const struct position *a, const struct position *b)
{
	if (a->segment != b->segment)
		return a->segment < b->segment ? -1 : 1;
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	int order = strcmp(a->text, b->text);
	return order != 0 ? order : strcmp(a->id, b->id);
}

bool position_is_id(const char *text, size_t len)
{
	static const char letters[] =
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return len >= 1 && len <= STORE_ID_LEN && strspn(text, letters) == len;
}

static uint32_t mix(uint32_t hash, uint8_t byte)
{
	return (hash ^ byte) * UINT32_C(16777619);
}

static uint32_t mix_text(uint32_t hash, const char *text)
{
	for (; text && *text; text++)
		hash = mix(hash, (uint8_t)*text);
	return mix(hash, '\0');
}

static uint32_t mix_number(uint32_t hash, int64_t number)
{
	for (unsigned shift = 0; shift < 64; shift += 8)
		hash = mix(hash, (uint8_t)((uint64_t)number >> shift));
	return hash;
}

/* FNV-1a over the filter: who goes on in another list than he began is told so, no more. */
static uint32_t fingerprint(const struct key_filter *filter)
{
	uint32_t hash = mix_text(UINT32_C(2166136261), filter->environment);

	hash = mix_text(hash, filter->account);
	hash = mix_text(hash, filter->product);
	hash = mix_text(hash, filter->text);
	hash = mix_number(hash, filter->states);
	hash = mix_number(hash, filter->expires_before);
	return mix_number(hash, (int64_t)filter->sort * 2 + filter->descending);
}

/* False unless it is what encoding some text gives. */
static bool decode_text(const char *in, char out[POSITION_TEXT_MAX + 1])
{
	struct buf text = { .data = (uint8_t *)out, .cap = POSITION_TEXT_MAX };

	if (*in != '\0' && !base64_decode(bytes_str(in), &text))
		return false;
	out[text.len] = '\0';
	return strlen(out) == text.len;
}

void position_format(const struct position *position, const struct key_filter *filter,
		     char out[STORE_POSITION_MAX + 1])
{
	char text[TEXT_LEN_MAX + 1];

	base64_encode(bytes_str(position->text), text);
	snprintf(out, STORE_POSITION_MAX + 1, "%08" PRIx32 "%" PRIu32 "%016" PRIx64 ".%s.%s",
		 fingerprint(filter), position->segment, (uint64_t)position->number, position->id,
		 text);
}

static bool parse_hex(const char *text, size_t digits, uint64_t *out)
{
	static const char alphabet[] = "0123456789abcdef";

	*out = 0;
	for (size_t i = 0; i < digits; i++) {
		const char *digit = text[i] ? strchr(alphabet, text[i]) : NULL;
		if (!digit)
			return false;
		*out = *out << 4 | (uint64_t)(digit - alphabet);
	}
	return true;
}

static bool parse_head(const char *text, uint32_t list, struct position *out)
{
	uint64_t of = 0, number = 0;

	if (!parse_hex(text, 8, &of) || of != list)
		return false;
	if (text[8] < '0' || text[8] >= '0' + POSITION_SEGMENTS_MAX)
		return false;
	if (!parse_hex(text + 9, 16, &number) || text[HEAD_LEN - 1] != '.')
		return false;
	out->segment = (uint32_t)(text[8] - '0');
	out->number = (int64_t)number;
	return true;
}

enum pm_err position_parse(const char *text, const struct key_filter *filter, struct position *out)
{
	*out = (struct position){ 0 };
	if (!parse_head(text, fingerprint(filter), out))
		return PM_BAD_REQUEST;
	const char *id = text + HEAD_LEN;
	size_t id_len = strcspn(id, ".");
	if (id[id_len] != '.' || !position_is_id(id, id_len))
		return PM_BAD_REQUEST;
	memcpy(out->id, id, id_len);
	return decode_text(id + id_len + 1, out->text) ? PM_OK : PM_BAD_REQUEST;
}
