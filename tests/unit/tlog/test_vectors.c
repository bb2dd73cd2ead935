/* The exact bytes: a log of three entries made from a seed, checked with other tools, and the
 * examples of others. */
#include <openssl/sha.h>
#include <stdio.h>

#include "base/text.h"
#include "signing.h"
#include "test.h"
#include "tlog/merkle.h"
#include "tlog/note.h"
#include "tlog/tile.h"

#define ORIGIN "vault.example/audit/1"
#define VKEY ORIGIN "+3388d9c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define TEXT ORIGIN "\n3\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIw=\n"
#define LINE                                                                                       \
	"— " ORIGIN " M4jZyMLFyx7joGg42TbpIBLR3Co2SjE5dN2FVyxbV3EfELZdnlJ1MAN1PHf5E39Ym1ARAF4zn83" \
	"WJupeHNJuzf+XLA8=\n"
#define WITNESS "witness.example/w1"
#define WITNESS_VKEY WITNESS "+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"
#define WITNESS_TIME 1760000000
#define WITNESS_LINE                                                                               \
	"— " WITNESS                                                                               \
	" IDJKvgAAAABo53gAnE9hMI5omnnRvStmhotUOCbOsiB8BtHquh2BCt4FxHHBD4S7Eg8hRfvN41u"             \
	"ODTTtz7n49tg8XY0rvHyY9lQvAA==\n"

static const struct {
	const char *entry, *hash;
} leaves[] = {
	{ "{\"v\":1,\"seq\":0,\"op\":\"log.open\"}",
	  "f921457fe76387c514ff39ed9bb6411a9dda33c148d55742a656fc9efb76e0cf" },
	{ "{\"v\":1,\"seq\":1,\"op\":\"key.create\",\"key\":\"k1\"}",
	  "46b4452f837550d819c66988d563b945908637e493faea8437a6456e44e7d1ef" },
	{ "{\"v\":1,\"seq\":2,\"op\":\"hmac\",\"key\":\"k1\",\"ver\":1,\"ok\":true}",
	  "2481cdd361be5d8d334074b6046d9813cbddfef673689908733d919d465cbe53" },
};

static void assert_hex(const void *data, size_t len, const char *hex)
{
	char text[65];

	hex_encode(bytes_of(data, len), text);
	assert_string_equal(text, hex);
}

static void assert_digest(struct bytes bytes, const char *hex)
{
	uint8_t digest[32];

	SHA256(bytes.data, bytes.len, digest);
	assert_hex(digest, sizeof(digest), hex);
}

static void leaves_tile_bundle_and_root_have_the_given_bytes(void **state)
{
	struct tlog_tree tree = { 0 };
	struct tlog_hash hash, above[TLOG_ROWS_MAX];
	struct tlog_checkpoint checkpoint = { .origin = ORIGIN, .size = 3 };
	uint8_t tile_room[256], bundle_room[256];
	struct buf tile = BUF(tile_room), bundle = BUF(bundle_room);
	char text[TLOG_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(leaves); i++) {
		tlog_leaf_hash(bytes_str(leaves[i].entry), &hash);
		assert_hex(hash.bytes, TLOG_HASH_LEN, leaves[i].hash);
		buf_put(&tile, bytes_of(hash.bytes, TLOG_HASH_LEN));
		assert_ok(tlog_bundle_put(&bundle, bytes_str(leaves[i].entry)));
		tlog_tree_append(&tree, &hash, above);
	}
	assert_int_equal(tile.len, 96);
	assert_digest(buf_bytes(&tile),
		      "12b48385fce3a8d9715f64f356882700cd8523752584e84b8e516d25b26c524a");
	assert_int_equal(bundle.len, 137);
	assert_digest(buf_bytes(&bundle),
		      "61a458db0a970c23588f8f62de1f95ec5c67816e00672c64e8e4a511398c49d2");
	tlog_tree_root(&tree, &checkpoint.root);
	assert_int_equal(tlog_checkpoint_format(&checkpoint, text), strlen(TEXT));
	assert_string_equal(text, TEXT);
}

static void keys_have_the_given_texts(void **state)
{
	struct signer *log CLEANUP(signer_free) = signer_from_seed(ORIGIN, TLOG_ED25519, 0);
	struct signer *witness CLEANUP(signer_free) =
		signer_from_seed(WITNESS, TLOG_COSIGNER, 0x20);
	char text[TLOG_VKEY_MAX + 1];

	(void)state;
	tlog_key_format(signer_key(log), text);
	assert_string_equal(text, VKEY);
	tlog_key_format(signer_key(witness), text);
	assert_string_equal(text, WITNESS_VKEY);
}

static void signature_and_cosignature_have_the_given_bytes(void **state)
{
	struct signer *log CLEANUP(signer_free) = signer_from_seed(ORIGIN, TLOG_ED25519, 0);
	struct signer *witness CLEANUP(signer_free) =
		signer_from_seed(WITNESS, TLOG_COSIGNER, 0x20);
	struct raw_signature raw = signer_sign(log, bytes_str(TEXT), 0);
	char line[TLOG_LINE_MAX];

	(void)state;
	assert_ok(tlog_line_format(signer_key(log), bytes_of(raw.bytes, raw.len), line));
	assert_string_equal(line, LINE);
	raw = signer_sign(witness, bytes_str(TEXT), WITNESS_TIME);
	assert_ok(tlog_line_format(signer_key(witness), bytes_of(raw.bytes, raw.len), line));
	assert_string_equal(line, WITNESS_LINE);
}

static void the_given_note_verifies_under_both_keys(void **state)
{
	const struct bytes note = bytes_str(TEXT "\n" LINE WITNESS_LINE);
	struct tlog_checkpoint checkpoint;
	struct tlog_key key;
	int64_t time = -1;

	(void)state;
	assert_ok(tlog_key_parse(bytes_str(VKEY), &key));
	assert_ok(tlog_note_verify(note, &key, &time));
	assert_int_equal(time, 0);
	assert_ok(tlog_key_parse(bytes_str(WITNESS_VKEY), &key));
	assert_ok(tlog_note_verify(note, &key, &time));
	assert_int_equal(time, WITNESS_TIME);
	assert_ok(tlog_checkpoint_parse(note, &checkpoint));
	assert_string_equal(checkpoint.origin, ORIGIN);
	assert_int_equal(checkpoint.size, 3);
}

/* From C2SP signed-note and the documentation of Go's golang.org/x/mod/sumdb/note. */
static void notes_of_others_verify(void **state)
{
	static const struct {
		const char *vkey, *note;
	} notes[] = {
		{ "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
		  "This is an example message.\n\n— example.com/foo "
		  "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1"
		  "Yu72IneyaQM=\n" },
		{ "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
		  "If you think cryptography is the answer to your problem,\n"
		  "then you don't know what your problem is.\n\n— PeterNeumann "
		  "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6K"
		  "E6RyyBwJnAM=\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(notes); i++) {
		struct tlog_key key;

		assert_ok(tlog_key_parse(bytes_str(notes[i].vkey), &key));
		assert_ok(tlog_note_verify(bytes_str(notes[i].note), &key, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaves_tile_bundle_and_root_have_the_given_bytes),
		cmocka_unit_test(keys_have_the_given_texts),
		cmocka_unit_test(signature_and_cosignature_have_the_given_bytes),
		cmocka_unit_test(the_given_note_verifies_under_both_keys),
		cmocka_unit_test(notes_of_others_verify),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
