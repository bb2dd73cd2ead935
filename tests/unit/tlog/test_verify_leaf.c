/* deploy/audit-verify-leaf, which needs nothing of ours, against proofs that we make. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "signing.h"
#include "test.h"
#include "tlog/note.h"
#include "tmpdir.h"
#include "trees.h"

#define NAME "vault.example/audit/1"
#define ENTRY_ROOM 128
#define SAID_ROOM 512

/* All that the script may need; bash itself is named in its first line. */
static const char *const commands[] = { "base64", "cat", "cp", "head",     "mktemp",
					"mv",     "od",  "rm", "realpath", "openssl",
					"tail",   "tr",  "wc" };

/* What an auditor is handed. */
struct handout {
	char folder[TMPDIR_MAX];
	struct signer *signer;
	struct rows rows;
	uint64_t index, size;
	char entry[ENTRY_ROOM];
	char vkey[TLOG_VKEY_MAX + 1];
	struct tlog_checkpoint checkpoint;
	struct tlog_proof proof;
	struct note note;
	char said[SAID_ROOM]; /* what the script said last */
};

static void write_file(const struct handout *h, const char *name, struct bytes content)
{
	char path[TMPDIR_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s", h->folder, name);
	FILE *file = fopen(path, "wb");
	assert_non_null(file);
	assert_int_equal(fwrite(content.data, 1, content.len, file), content.len);
	assert_int_equal(fclose(file), 0);
}

/* The script's exit status. */
static int run(struct handout *h)
{
	char proof[TMPDIR_MAX + 32], entry[TMPDIR_MAX + 32], said[TMPDIR_MAX + 32];
	int status = 0;

	snprintf(proof, sizeof(proof), "%s/a.tlog-proof", h->folder);
	snprintf(entry, sizeof(entry), "%s/entry", h->folder);
	snprintf(said, sizeof(said), "%s/said", h->folder);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0600);

		dup2(fd, STDOUT_FILENO);
		dup2(fd, STDERR_FILENO);
		setenv("PATH", h->folder, 1);
		execl(SCRIPT, SCRIPT, proof, entry, h->vkey, (char *)NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	FILE *file CLEANUP(close_file) = fopen(said, "rb");
	assert_non_null(file);
	h->said[fread(h->said, 1, sizeof(h->said) - 1, file)] = '\0';
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void assert_proven(struct handout *h)
{
	char expected[SAID_ROOM];

	snprintf(expected, sizeof(expected),
		 "proven: entry %" PRIu64 " of " NAME ", in its signed log of %" PRIu64
		 " entries\n",
		 h->index, h->size);
	int status = run(h);
	assert_string_equal(h->said, expected);
	assert_int_equal(status, 0);
}

static void assert_refused(struct handout *h, const char *why)
{
	assert_int_equal(run(h), 1);
	if (strncmp(h->said, "NOT PROVEN: ", strlen("NOT PROVEN: ")) != 0 || !strstr(h->said, why))
		fail_msg("\"%s\" does not say \"%s\"", h->said, why);
}

static void write_proof(struct handout *h)
{
	uint8_t room[2 * TLOG_NOTE_MAX];
	struct buf text = BUF(room);

	assert_ok(tlog_proof_format(h->index, &h->proof, note_bytes(&h->note), &text));
	write_file(h, "a.tlog-proof", buf_bytes(&text));
}

static void write_entry(struct handout *h)
{
	write_file(h, "entry", bytes_str(h->entry));
}

static void sign(struct handout *h)
{
	char text[TLOG_TEXT_MAX];
	size_t len = tlog_checkpoint_format(&h->checkpoint, text);

	h->note = signer_note(h->signer, bytes_of(text, len));
}

/* Entry `index` of a tree of `size`, whose other leaves are numbered ones. */
static void hand_out(struct handout *h, uint64_t index, uint64_t size)
{
	rows_free(&h->rows);
	rows_make(&h->rows, size);
	h->index = index;
	h->size = size;
	snprintf(h->entry, sizeof(h->entry), "{\"v\":1,\"seq\":%" PRIu64 ",\"type\":\"key.mint\"}",
		 index);
	tlog_leaf_hash(bytes_str(h->entry), &h->rows.nodes[0][index]);
	assert_ok(tlog_prove_inclusion(index, size, rows_read, &h->rows, &h->proof));
	h->checkpoint = (struct tlog_checkpoint){ .origin = NAME, .size = size };
	h->checkpoint.root = naive_root(&h->rows, 0, size);
	sign(h);
	write_proof(h);
	write_entry(h);
}

static void be_signed_by(struct handout *h, struct signer *signer)
{
	if (h->signer)
		signer_free(&h->signer);
	h->signer = signer;
	tlog_key_format(signer_key(signer), h->vkey);
}

static void link_commands(const struct handout *h)
{
	for (size_t i = 0; i < COUNT(commands); i++) {
		char name[TMPDIR_MAX + 32], command[32];

		snprintf(name, sizeof(name), "%s/%s", h->folder, commands[i]);
		snprintf(command, sizeof(command), "/usr/bin/%s", commands[i]);
		assert_int_equal(symlink(command, name), 0);
	}
}

static int set_up(void **state)
{
	struct handout *h = calloc(1, sizeof(*h));

	if (!h)
		return -1;
	tmpdir_make(h->folder);
	link_commands(h);
	be_signed_by(h, signer_from_seed(NAME, TLOG_ED25519, 0));
	hand_out(h, 5, 7);
	*state = h;
	return 0;
}

static int tear_down(void **state)
{
	struct handout *h = *state;

	tmpdir_remove(h->folder);
	signer_free(&h->signer);
	rows_free(&h->rows);
	free(h);
	return 0;
}

static void every_entry_of_small_logs_is_proven(void **state)
{
	for (uint64_t size = 1; size <= 7; size += size < 3 ? 1 : 2) {
		for (uint64_t index = 0; index < size; index++) {
			hand_out(*state, index, size);
			assert_proven(*state);
		}
	}
}

static void an_ecdsa_signature_proves_as_well(void **state)
{
	struct handout *h = *state;

	be_signed_by(h, signer_ecdsa(NAME));
	for (int i = 0; i < 4; i++) {
		hand_out(h, 200, 250);
		assert_proven(h);
	}
	h->note.data[h->note.len - 10] ^= 1;
	write_proof(h);
	assert_refused(h, "signature");
}

static void an_altered_entry_is_refused(void **state)
{
	struct handout *h = *state;

	h->entry[strlen(h->entry) - 3] ^= 1;
	write_entry(h);
	assert_refused(h,
		       "the entry's bytes and the proof's hashes do not lead to the signed root");
	h->entry[strlen(h->entry) - 3] ^= 1;
	strcat(h->entry, "\n");
	write_entry(h);
	assert_refused(h,
		       "the entry's bytes and the proof's hashes do not lead to the signed root");
}

static void an_altered_hash_is_refused(void **state)
{
	struct handout *h = *state;

	for (size_t i = 0; i < h->proof.count; i++) {
		h->proof.hashes[i].bytes[31] ^= 0x80;
		write_proof(h);
		assert_refused(h, "do not lead to the signed root");
		h->proof.hashes[i].bytes[31] ^= 0x80;
	}
}

static void a_hash_more_or_less_is_refused(void **state)
{
	struct handout *h = *state;

	h->proof.count--;
	write_proof(h);
	assert_refused(h, "the proof has too few hashes for entry 5 of 7");
	h->proof.count += 2;
	write_proof(h);
	assert_refused(h, "the proof has too many hashes for entry 5 of 7");
}

static void another_index_is_refused(void **state)
{
	struct handout *h = *state;

	h->index = 4;
	write_proof(h);
	assert_refused(h, "the entry does not say that it is entry 4");
	strcpy(h->entry, "{\"v\":1,\"seq\":4,\"type\":\"key.mint\"}");
	write_entry(h);
	assert_refused(h, "do not lead to the signed root");
	h->index = 7;
	strcpy(h->entry, "{\"v\":1,\"seq\":7,\"type\":\"key.mint\"}");
	write_entry(h);
	write_proof(h);
	assert_refused(h, "entry 7 is not in a log of 7 entries");
}

/* The note's text is altered in place: its signature is of the text before. */
static void replace_in_note(struct handout *h, const char *what, const char *with)
{
	char text[TLOG_NOTE_MAX + 1] = "";

	memcpy(text, h->note.data, h->note.len);
	char *at = strstr(text, what);
	assert_non_null(at);
	memcpy(h->note.data + (at - text), with, strlen(with));
	write_proof(h);
}

static void another_root_or_size_is_refused(void **state)
{
	struct handout *h = *state;
	struct tlog_checkpoint real = h->checkpoint;

	replace_in_note(h, "\n7\n", "\n8\n");
	assert_refused(h, "the checkpoint's signature does not verify");
	replace_in_note(h, "\n8\n", "\n7\n");
	h->checkpoint.root.bytes[0] ^= 1;
	struct note good = h->note;
	sign(h); /* the first three lines of it, over the signature of the good one */
	size_t len = strlen(NAME "\n7\n") + 45;
	memcpy(good.data, h->note.data, len);
	h->note = good;
	write_proof(h);
	assert_refused(h, "the checkpoint's signature does not verify");
	h->checkpoint = real;
	h->checkpoint.root.bytes[0] ^= 1;
	sign(h);
	write_proof(h);
	assert_refused(h, "do not lead to the signed root");
}

static void another_key_is_refused(void **state)
{
	struct handout *h = *state;
	struct signer *other CLEANUP(signer_free) = signer_from_seed(NAME, TLOG_ED25519, 1);
	struct signer *elsewhere CLEANUP(signer_free) =
		signer_from_seed("other.example/1", TLOG_ED25519, 1);

	tlog_key_format(signer_key(other), h->vkey);
	assert_refused(h, "the checkpoint bears no signature of this key");
	tlog_key_format(signer_key(elsewhere), h->vkey);
	assert_refused(h, "the checkpoint is of '" NAME "', and the key of 'other.example/1'");
}

static void an_altered_signature_is_refused(void **state)
{
	struct handout *h = *state;

	for (size_t back = 4; back < 80; back += 15) {
		uint8_t *at = &h->note.data[h->note.len - back];
		uint8_t kept = *at;

		*at = kept == 'A' ? 'B' : 'A';
		write_proof(h);
		assert_refused(h, "the checkpoint's signature");
		*at = kept;
	}
}

static void a_mistyped_key_is_wrong_use(void **state)
{
	static const char *const bad[] = { "",
					   "x",
					   NAME,
					   NAME "+3388d9c8",
					   NAME "+3388d9c9+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQ"
						"SVTG4",
					   NAME "+3388d9c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQ"
						"SVTG5",
					   NAME "+3388d9c8+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQ"
						"SVTG4" };
	struct handout *h = *state;

	for (size_t i = 0; i < COUNT(bad); i++) {
		strcpy(h->vkey, bad[i]);
		assert_int_equal(run(h), 2);
		assert_non_null(strstr(h->said, "VKEY"));
	}
}

static void texts_that_are_no_proof_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"\n",
		"x\n",
		"c2sp.org/tlog-proof@v1\n",
		"c2sp.org/tlog-proof@v1\nindex 0\n",
		"c2sp.org/tlog-proof@v1\nindex 00\n\n" NAME "\n1\nx\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 0x1\n\n" NAME "\n1\nx\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex a[$(touch /tmp/x)]\n\n" NAME "\n1\nx\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n" NAME "\n1\nx\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 0\n\n" NAME "\n1\nx\n\nx\n",
		"c2sp.org/tlog-proof@v1\nindex 0\n\n" NAME "\n1\nx\n\nx",
		"c2sp.org/tlog-proof@v2\nindex 0\n\n" NAME "\n1\nx\n\nx\n",
	};
	struct handout *h = *state;

	for (size_t i = 0; i < COUNT(bad); i++) {
		write_file(h, "a.tlog-proof", bytes_str(bad[i]));
		assert_refused(h, "");
	}
	write_proof(h);
	assert_proven(h);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(every_entry_of_small_logs_is_proven), TEST(an_ecdsa_signature_proves_as_well),
		TEST(an_altered_entry_is_refused),         TEST(an_altered_hash_is_refused),
		TEST(a_hash_more_or_less_is_refused),      TEST(another_index_is_refused),
		TEST(another_root_or_size_is_refused),     TEST(another_key_is_refused),
		TEST(an_altered_signature_is_refused),     TEST(a_mistyped_key_is_wrong_use),
		TEST(texts_that_are_no_proof_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
