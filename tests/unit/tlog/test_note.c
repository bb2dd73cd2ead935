#include "tlog/note.h"

#include <stdio.h>

#include "signing.h"
#include "test.h"

#define NAME "log.example/1"
#define ROOT "ONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIw="
#define TEXT NAME "\n3\n" ROOT "\n"
#define FOREIGN "— other.example AAECA0FCQ0Q=\n" /* well-formed, of a key that nobody knows */

/* Joined without a look at anything. */
static struct note join(const char *text, const char *lines)
{
	struct note note;
	struct buf out = BUF(note.data);

	buf_put(&out, bytes_str(text));
	buf_put(&out, bytes_str("\n"));
	buf_put(&out, bytes_str(lines));
	assert_false(out.full);
	note.len = out.len;
	return note;
}

static enum pm_err split(const struct note *note)
{
	struct bytes text, lines;

	return tlog_note_split(note_bytes(note), &text, &lines);
}

static enum pm_err split_lines(const char *lines)
{
	struct note note = join(TEXT, lines);

	return split(&note);
}

static void the_line_of(const struct signer *signer, uint64_t time, char line[TLOG_LINE_MAX])
{
	struct raw_signature raw = signer_sign(signer, bytes_str(TEXT), time);

	assert_ok(tlog_line_format(signer_key(signer), bytes_of(raw.bytes, raw.len), line));
}

static void a_note_splits_into_what_it_was_joined_from(void **state)
{
	struct bytes text, lines;
	struct note note;
	struct buf out = BUF(note.data);

	(void)state;
	assert_ok(tlog_note_join(bytes_str(TEXT), bytes_str(FOREIGN FOREIGN), &out));
	assert_ok(tlog_note_split(buf_bytes(&out), &text, &lines));
	assert_int_equal(text.len, strlen(TEXT));
	assert_memory_equal(text.data, TEXT, text.len);
	assert_int_equal(lines.len, strlen(FOREIGN FOREIGN));
	assert_memory_equal(lines.data, FOREIGN FOREIGN, lines.len);
}

static void the_last_blank_line_ends_the_text(void **state)
{
	struct note note = join("a\n\nb\n", FOREIGN);
	struct bytes text, lines;

	(void)state;
	assert_ok(tlog_note_split(note_bytes(&note), &text, &lines));
	assert_int_equal(text.len, strlen("a\n\nb\n"));
}

static void a_note_has_one_to_sixteen_lines(void **state)
{
	char lines[(TLOG_LINES_MAX + 1) * sizeof(FOREIGN)] = "";

	(void)state;
	assert_int_equal(split_lines(""), PM_BAD_REQUEST);
	for (size_t count = 1; count <= TLOG_LINES_MAX + 1; count++) {
		strcat(lines, FOREIGN);
		assert_int_equal(split_lines(lines),
				 count <= TLOG_LINES_MAX ? PM_OK : PM_BAD_REQUEST);
	}
}

static void malformed_lines_are_refused(void **state)
{
	static const char *const bad[] = {
		"— other.example AAECA0FCQ0Q=",    /* no newline */
		"- other.example AAECA0FCQ0Q=\n",  /* a hyphen */
		"—  other.example AAECA0FCQ0Q=\n", /* two spaces */
		"—other.example AAECA0FCQ0Q=\n",   /* none */
		"— other.example  AAECA0FCQ0Q=\n", /* two spaces */
		"— other.example AAECA0FCQ0Q= \n", /* one at the end */
		"— other.example\n",               /* no signature */
		"— other.example \n",              /* an empty one */
		"— other.example AAECAw==\n",      /* a key id only */
		"— other.example AAECA0FCQ0Q\n",   /* no padding */
		"— other.example AAECA0FCQ0R=\n",  /* stray bits */
		"— other.example AAECA0FC_0Q=\n",  /* base64url */
		"— other.example AAECA0FC\r\n",    /* a carriage return */
		"— other+example AAECA0FCQ0Q=\n",  /* a plus sign */
		"—  AAECA0FCQ0Q=\n",               /* no name */
		"— \xff AAECA0FCQ0Q=\n",           /* not UTF-8 */
		(FOREIGN "x\n"),
		(FOREIGN "— "),
		("x\n" FOREIGN),
	};

	(void)state;
	assert_ok(split_lines(FOREIGN));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(split_lines(bad[i]), PM_BAD_REQUEST);
}

static void a_note_that_is_cut_anywhere_is_refused(void **state)
{
	struct note note = join(TEXT, FOREIGN);

	(void)state;
	for (size_t len = 0; len < note.len; len++) {
		struct bytes text, lines;

		assert_int_equal(tlog_note_split(bytes_of(note.data, len), &text, &lines),
				 PM_BAD_REQUEST);
	}
}

static void control_characters_are_refused_wherever_they_stand(void **state)
{
	struct note note = join(TEXT, FOREIGN);

	(void)state;
	for (size_t at = 0; at < note.len; at++) {
		static const uint8_t controls[] = { 0, 1, '\t', '\r', 0x1b, 0x7f };
		uint8_t kept = note.data[at];

		for (size_t i = 0; i < COUNT(controls); i++) {
			note.data[at] = controls[i];
			assert_int_equal(split(&note), PM_BAD_REQUEST);
		}
		note.data[at] = kept;
	}
}

/* A signature of a kind that we do not know may be long; a note may not. */
static void long_lines_are_fine_and_notes_over_their_length_are_not(void **state)
{
	static char room[TLOG_NOTE_MAX + 64];
	const char *head = TEXT "\n— other.example ";
	struct bytes text, lines;
	struct buf out = { .data = (uint8_t *)room, .cap = sizeof(room) };
	size_t len = (TLOG_NOTE_MAX - strlen(head) - 1) / 4 * 4;

	(void)state;
	memset(room, 'A', sizeof(room));
	memcpy(room, head, strlen(head));
	room[strlen(head) + len] = '\n';
	assert_ok(tlog_note_split(bytes_of(room, strlen(head) + len + 1), &text, &lines));
	room[strlen(head) + len] = 'A';
	room[strlen(head) + len + 4] = '\n';
	assert_int_equal(tlog_note_split(bytes_of(room, strlen(head) + len + 5), &text, &lines),
			 PM_BAD_REQUEST);
	lines = bytes_of(room, TLOG_NOTE_MAX - strlen(TEXT));
	assert_int_equal(tlog_note_join(bytes_str(TEXT), lines, &out), PM_TOO_LARGE);
}

static void joining_into_too_little_room_says_so(void **state)
{
	uint8_t room[sizeof(TEXT FOREIGN)];
	struct buf exact = { .data = room, .cap = sizeof(TEXT FOREIGN) };
	struct buf small = { .data = room, .cap = sizeof(TEXT FOREIGN) - 1 };

	(void)state;
	assert_ok(tlog_note_join(bytes_str(TEXT), bytes_str(FOREIGN), &exact));
	assert_int_equal(tlog_note_join(bytes_str(TEXT), bytes_str(FOREIGN), &small), PM_TOO_LARGE);
}

static void a_note_verifies_under_the_keys_that_signed_it(void **state)
{
	struct signer *ed CLEANUP(signer_free) = signer_from_seed(NAME, TLOG_ED25519, 1);
	struct signer *ec CLEANUP(signer_free) = signer_ecdsa(NAME);
	struct signer *witness CLEANUP(signer_free) = signer_from_seed("w", TLOG_COSIGNER, 2);
	struct signer *other CLEANUP(signer_free) = signer_from_seed(NAME, TLOG_ED25519, 3);
	char lines[4 * TLOG_LINE_MAX] = FOREIGN, line[TLOG_LINE_MAX];
	int64_t time;

	(void)state;
	the_line_of(ed, 0, line);
	strcat(lines, line);
	the_line_of(ec, 0, line);
	strcat(lines, line);
	the_line_of(witness, 1760000000, line);
	strcat(lines, line);
	struct note note = join(TEXT, lines);
	assert_ok(tlog_note_verify(note_bytes(&note), signer_key(ed), &time));
	assert_int_equal(time, 0);
	assert_ok(tlog_note_verify(note_bytes(&note), signer_key(ec), NULL));
	assert_ok(tlog_note_verify(note_bytes(&note), signer_key(witness), &time));
	assert_int_equal(time, 1760000000);
	assert_int_equal(tlog_note_verify(note_bytes(&note), signer_key(other), &time),
			 PM_NOT_FOUND);
}

/* Under the same public key, a log's signature is no witness's and a witness's is no log's. */
static void a_signature_of_one_kind_is_none_of_another(void **state)
{
	struct signer *log CLEANUP(signer_free) = signer_from_seed(NAME, TLOG_ED25519, 1);
	struct signer *witness CLEANUP(signer_free) = signer_from_seed(NAME, TLOG_COSIGNER, 1);
	char line[TLOG_LINE_MAX];

	(void)state;
	the_line_of(log, 0, line);
	struct note note = join(TEXT, line);
	assert_int_equal(tlog_note_verify(note_bytes(&note), signer_key(witness), NULL),
			 PM_NOT_FOUND);
	the_line_of(witness, 5, line);
	note = join(TEXT, line);
	assert_int_equal(tlog_note_verify(note_bytes(&note), signer_key(log), NULL), PM_NOT_FOUND);
}

static void a_note_with_any_bit_flipped_verifies_under_no_key(void **state)
{
	struct signer *signers[] = { signer_from_seed(NAME, TLOG_ED25519, 1), signer_ecdsa(NAME) };

	(void)state;
	for (size_t i = 0; i < COUNT(signers); i++) {
		struct note note = signer_note(signers[i], bytes_str(TEXT));

		assert_ok(tlog_note_verify(note_bytes(&note), signer_key(signers[i]), NULL));
		for (size_t bit = 0; bit < 8 * note.len; bit++) {
			note.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_not_equal(
				tlog_note_verify(note_bytes(&note), signer_key(signers[i]), NULL),
				PM_OK);
			note.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
		signer_free(&signers[i]);
	}
}

static void a_bad_line_of_a_key_is_not_made_good_by_another_of_it(void **state)
{
	struct signer *signer CLEANUP(signer_free) = signer_from_seed(NAME, TLOG_ED25519, 1);
	char good[TLOG_LINE_MAX], bad[TLOG_LINE_MAX], lines[2 * TLOG_LINE_MAX];
	struct raw_signature raw = signer_sign(signer, bytes_str("another text\n"), 0);

	(void)state;
	the_line_of(signer, 0, good);
	assert_ok(tlog_line_format(signer_key(signer), bytes_of(raw.bytes, raw.len), bad));
	for (int i = 0; i < 2; i++) {
		snprintf(lines, sizeof(lines), "%s%s", i ? good : bad, i ? bad : good);
		struct note note = join(TEXT, lines);
		assert_int_equal(tlog_note_verify(note_bytes(&note), signer_key(signer), NULL),
				 PM_DENIED);
	}
	snprintf(lines, sizeof(lines), "%s%s", good, good);
	struct note note = join(TEXT, lines);
	assert_ok(tlog_note_verify(note_bytes(&note), signer_key(signer), NULL));
}

static void of_two_cosignatures_the_newer_time_counts(void **state)
{
	struct signer *witness CLEANUP(signer_free) = signer_from_seed("w", TLOG_COSIGNER, 2);
	char newer[TLOG_LINE_MAX], older[TLOG_LINE_MAX], lines[2 * TLOG_LINE_MAX];
	int64_t time;

	(void)state;
	the_line_of(witness, 2000, newer);
	the_line_of(witness, 1000, older);
	for (int i = 0; i < 2; i++) {
		snprintf(lines, sizeof(lines), "%s%s", i ? newer : older, i ? older : newer);
		struct note note = join(TEXT, lines);
		assert_ok(tlog_note_verify(note_bytes(&note), signer_key(witness), &time));
		assert_int_equal(time, 2000);
	}
	the_line_of(witness, UINT64_C(1) << 63, newer);
	struct note note = join(TEXT, newer);
	assert_int_equal(tlog_note_verify(note_bytes(&note), signer_key(witness), &time),
			 PM_DENIED);
}

static void the_longest_names_make_lines_and_keys_that_fit(void **state)
{
	char name[TLOG_NAME_MAX + 1] = "", line[TLOG_LINE_MAX], vkey[TLOG_VKEY_MAX + 1];

	(void)state;
	memset(name, 'n', TLOG_NAME_MAX);
	struct signer *signer CLEANUP(signer_free) = signer_ecdsa(name);
	the_line_of(signer, 0, line);
	assert_true(strlen(line) > TLOG_NAME_MAX + 90);
	assert_int_equal(line[strlen(line) - 1], '\n');
	struct note note = join(TEXT, line);
	assert_ok(tlog_note_verify(note_bytes(&note), signer_key(signer), NULL));
	tlog_key_format(signer_key(signer), vkey);
	struct tlog_key key;
	assert_ok(tlog_key_parse(bytes_str(vkey), &key));
}

static void a_checkpoint_reads_back_as_it_was_written(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 9, 10, 1000000, TLOG_SIZE_MAX };
	struct tlog_checkpoint written = { .origin = NAME }, read;
	char text[TLOG_TEXT_MAX];

	(void)state;
	memset(written.origin, 'o', TLOG_NAME_MAX);
	memset(written.root.bytes, 0xfb, TLOG_HASH_LEN);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		written.size = sizes[i];
		size_t len = tlog_checkpoint_format(&written, text);
		assert_int_equal(len, strlen(text));
		assert_ok(tlog_checkpoint_parse(bytes_of(text, len), &read));
		assert_memory_equal(&read, &written, sizeof(read));
	}
}

static void a_checkpoint_is_read_from_a_whole_note_too(void **state)
{
	struct note note = join(TEXT, FOREIGN);
	struct tlog_checkpoint checkpoint;

	(void)state;
	assert_ok(tlog_checkpoint_parse(note_bytes(&note), &checkpoint));
	assert_string_equal(checkpoint.origin, NAME);
	assert_int_equal(checkpoint.size, 3);
}

static void texts_that_are_no_checkpoint_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		NAME "\n3\n",
		NAME "\n3\n" ROOT, /* no newline */
		NAME "\n03\n" ROOT "\n",
		NAME "\n00\n" ROOT "\n",
		NAME "\n+3\n" ROOT "\n",
		NAME "\n-3\n" ROOT "\n",
		NAME "\n 3\n" ROOT "\n",
		NAME "\n3 \n" ROOT "\n",
		NAME "\n0x3\n" ROOT "\n",
		NAME "\n\n" ROOT "\n",
		NAME "\n1099511627777\n" ROOT "\n",                         /* 2^40 + 1 */
		NAME "\n18446744073709551619\n" ROOT "\n",                  /* 2^64 + 3 */
		NAME "\n3\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RI==\n", /* 31 bytes */
		NAME "\n3\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIwA\n", /* 33 bytes */
		NAME "\n3\nONaPukoSslPHb8BRqjVIc9QnHkF93BB0iGzsuRX4RIx=\n", /* stray bits */
		"\n3\n" ROOT "\n",
		"a b\n3\n" ROOT "\n",
		TEXT "extension\n",
		TEXT "extension\n\n" FOREIGN,
		TEXT "\n",
		TEXT "\nextension\n\n" FOREIGN,
		TEXT "\nx\n",
		TEXT "\n\n" FOREIGN,
	};
	struct tlog_checkpoint checkpoint;

	(void)state;
	assert_ok(tlog_checkpoint_parse(bytes_str(TEXT), &checkpoint));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(tlog_checkpoint_parse(bytes_str(bad[i]), &checkpoint),
				 PM_BAD_REQUEST);
}

static void an_offline_proof_reads_back_as_it_was_written(void **state)
{
	struct note note = join(TEXT, FOREIGN);
	struct tlog_proof written = { 0 }, read;
	uint8_t room[2 * TLOG_NOTE_MAX];
	struct bytes back;
	uint64_t index;

	(void)state;
	for (; written.count <= TLOG_PROOF_MAX; written.count++) {
		struct buf out = BUF(room);

		assert_ok(tlog_proof_format(73894, &written, note_bytes(&note), &out));
		assert_ok(tlog_proof_parse(buf_bytes(&out), &index, &read, &back));
		assert_int_equal(index, 73894);
		assert_int_equal(read.count, written.count);
		assert_memory_equal(read.hashes, written.hashes,
				    read.count * sizeof(read.hashes[0]));
		assert_int_equal(back.len, note.len);
		assert_memory_equal(back.data, note.data, note.len);
		if (written.count == TLOG_PROOF_MAX)
			break;
		memset(&written.hashes[written.count], (int)written.count, TLOG_HASH_LEN);
	}
	struct buf small = { .data = room, .cap = note.len };
	assert_int_equal(tlog_proof_format(1, &written, note_bytes(&note), &small), PM_TOO_LARGE);
}

static void texts_that_are_no_offline_proof_are_refused(void **state)
{
#define HEAD "c2sp.org/tlog-proof@v1\n"
#define REST "\n" TEXT "\n" FOREIGN
	static const char *const bad[] = {
		"",
		HEAD,
		HEAD "index 5\n",
		HEAD "index 5\n" ROOT "\n",
		HEAD "index 5\n" ROOT "\n\n",
		HEAD "index 5\n" ROOT "\n\n" TEXT,
		HEAD "index 5\n" ROOT REST "x",
		HEAD "index 5\n" ROOT " \n" REST,
		HEAD "index 5\nA\n" REST,
		HEAD "index 05\n" ROOT "\n" REST,
		HEAD "index \n" ROOT "\n" REST,
		HEAD "Index 5\n" ROOT "\n" REST,
		HEAD "index 5 \n" ROOT "\n" REST,
		HEAD "index 1099511627777\n" ROOT "\n" REST,
		HEAD "extra AAAA\nindex 5\n" ROOT "\n" REST, /* we sign no such thing */
		"c2sp.org/tlog-proof@v2\nindex 5\n" ROOT "\n" REST,
	};
	struct tlog_proof proof;
	struct bytes note;
	uint64_t index;

	(void)state;
	assert_ok(tlog_proof_parse(bytes_str(HEAD "index 5\n" ROOT "\n" REST), &index, &proof,
				   &note));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(tlog_proof_parse(bytes_str(bad[i]), &index, &proof, &note),
				 PM_BAD_REQUEST);
}

static void an_offline_proof_has_at_most_63_hashes(void **state)
{
	struct note note = join(TEXT, FOREIGN);
	uint8_t room[2 * TLOG_NOTE_MAX];
	struct buf out = BUF(room);
	struct tlog_proof proof;
	struct bytes back;
	uint64_t index;

	(void)state;
	buf_put(&out, bytes_str(HEAD "index 5\n"));
	for (int i = 0; i <= TLOG_PROOF_MAX; i++)
		buf_put(&out, bytes_str(ROOT "\n"));
	buf_put(&out, bytes_str("\n"));
	buf_put(&out, note_bytes(&note));
	assert_int_equal(tlog_proof_parse(buf_bytes(&out), &index, &proof, &back), PM_BAD_REQUEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_note_splits_into_what_it_was_joined_from),
		cmocka_unit_test(the_last_blank_line_ends_the_text),
		cmocka_unit_test(a_note_has_one_to_sixteen_lines),
		cmocka_unit_test(malformed_lines_are_refused),
		cmocka_unit_test(a_note_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(control_characters_are_refused_wherever_they_stand),
		cmocka_unit_test(long_lines_are_fine_and_notes_over_their_length_are_not),
		cmocka_unit_test(joining_into_too_little_room_says_so),
		cmocka_unit_test(a_note_verifies_under_the_keys_that_signed_it),
		cmocka_unit_test(a_signature_of_one_kind_is_none_of_another),
		cmocka_unit_test(a_note_with_any_bit_flipped_verifies_under_no_key),
		cmocka_unit_test(a_bad_line_of_a_key_is_not_made_good_by_another_of_it),
		cmocka_unit_test(of_two_cosignatures_the_newer_time_counts),
		cmocka_unit_test(the_longest_names_make_lines_and_keys_that_fit),
		cmocka_unit_test(a_checkpoint_reads_back_as_it_was_written),
		cmocka_unit_test(a_checkpoint_is_read_from_a_whole_note_too),
		cmocka_unit_test(texts_that_are_no_checkpoint_are_refused),
		cmocka_unit_test(an_offline_proof_reads_back_as_it_was_written),
		cmocka_unit_test(texts_that_are_no_offline_proof_are_refused),
		cmocka_unit_test(an_offline_proof_has_at_most_63_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
