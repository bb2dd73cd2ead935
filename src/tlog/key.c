/* Verifier keys: their names, ids and texts. */
#include <openssl/asn1.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "lines.h"
#include "sha256.h"
#include "signature.h"
#include "tlog/base64.h"
#include "tlog/note.h"

/* unicode.IsSpace of Go, by which others who read these names refuse them. */
static bool is_space(unsigned long point)
{
	return point == ' ' || point == 0xa0 || point == 0x1680 ||
	       (point >= 0x2000 && point <= 0x200a) || point == 0x2028 || point == 0x2029 ||
	       point == 0x202f || point == 0x205f || point == 0x3000;
}

bool tlog_is_name(const char *name)
{
	struct bytes rest = bytes_str(name);

	if (rest.len == 0 || rest.len > TLOG_NAME_MAX || !text_is_clean(rest))
		return false;
	while (rest.len > 0) {
		unsigned long point = 0;
		int used = UTF8_getc(rest.data, (int)rest.len, &point);

		if (point == '+' || is_space(point))
			return false;
		rest = bytes_of(rest.data + used, rest.len - (size_t)used);
	}
	return true;
}

/* Signed-note: of name, newline, algorithm and key; of an ECDSA key it is the key's alone. */
static void set_id(struct tlog_key *key)
{
	const uint8_t parts[] = { '\n', (uint8_t)key->algorithm };
	struct bytes public_key = bytes_of(key->public_key, key->public_len);
	uint8_t room[TLOG_NAME_MAX + sizeof(parts) + TLOG_PUBLIC_MAX], digest[TLOG_HASH_LEN];
	struct buf named = BUF(room);

	if (key->algorithm != TLOG_ECDSA) {
		buf_put(&named, bytes_str(key->name));
		buf_put(&named, bytes_of(parts, sizeof(parts)));
	}
	sha256_two(buf_bytes(&named), public_key, digest);
	memcpy(key->id, digest, ID_LEN);
}

enum pm_err tlog_key_make(const char *name, enum tlog_algorithm algorithm, struct bytes public_key,
			  struct tlog_key *out)
{
	if (!tlog_is_name(name) || public_key.len > TLOG_PUBLIC_MAX)
		return PM_BAD_REQUEST;
	struct tlog_key key = { .algorithm = algorithm, .public_len = public_key.len };
	strcpy(key.name, name);
	if (public_key.len > 0)
		memcpy(key.public_key, public_key.data, public_key.len);
	if (!signature_key_usable(&key))
		return PM_BAD_REQUEST;
	set_id(&key);
	*out = key;
	return PM_OK;
}

void tlog_key_format(const struct tlog_key *key, char out[TLOG_VKEY_MAX + 1])
{
	const uint8_t algorithm = (uint8_t)key->algorithm;
	uint8_t room[1 + TLOG_PUBLIC_MAX];
	char id[2 * ID_LEN + 1], public_key[BASE64_LEN(sizeof(room)) + 1];
	struct buf raw = BUF(room);

	buf_put(&raw, bytes_of(&algorithm, 1));
	buf_put(&raw, bytes_of(key->public_key, key->public_len));
	base64_encode(buf_bytes(&raw), public_key);
	hex_encode(bytes_of(key->id, ID_LEN), id);
	snprintf(out, TLOG_VKEY_MAX + 1, "%s+%s+%s", key->name, id, public_key);
}

/* A key's text says everything twice: the right one is the one that the key itself would have. */
enum pm_err tlog_key_parse(struct bytes vkey, struct tlog_key *out)
{
	uint8_t room[1 + TLOG_PUBLIC_MAX];
	char name[TLOG_NAME_MAX + 1] = "", again[TLOG_VKEY_MAX + 1];
	struct buf raw = BUF(room);
	const uint8_t *plus = vkey.len > 0 ? memchr(vkey.data, '+', vkey.len) : NULL;

	if (!plus || plus - vkey.data > TLOG_NAME_MAX)
		return PM_BAD_REQUEST;
	size_t name_len = (size_t)(plus - vkey.data), head = name_len + sizeof("+01234567+") - 1;
	memcpy(name, vkey.data, name_len);
	if (vkey.len < head || !base64_decode(bytes_of(vkey.data + head, vkey.len - head), &raw))
		return PM_BAD_REQUEST;
	TRY(tlog_key_make(name, (enum tlog_algorithm)room[0], bytes_of(room + 1, raw.len - 1),
			  out));
	tlog_key_format(out, again);
	return bytes_same(bytes_str(again), vkey) ? PM_OK : PM_BAD_REQUEST;
}
