/* Signed notes, checkpoints and offline proofs: what is taken apart is exactly what its parts make. */
#include <string.h>

#include "fuzz.h"
#include "tlog/note.h"

#define LOG_VKEY "vault.example/audit/1+3388d9c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
#define WITNESS_VKEY "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X"

static void must_be(const struct buf *made, struct bytes read)
{
	MUST(!made->full && made->len == read.len);
	MUST(memcmp(made->data, read.data, read.len) == 0);
}

static void verify(struct bytes note, const char *vkey, bool is_note)
{
	struct tlog_key key;
	int64_t time;

	MUST(tlog_key_parse(bytes_str(vkey), &key) == PM_OK);
	enum pm_err err = tlog_note_verify(note, &key, &time);
	MUST(is_note ? err == PM_OK || err == PM_NOT_FOUND || err == PM_DENIED
		     : err == PM_BAD_REQUEST);
}

static void read_note(struct bytes note)
{
	uint8_t room[TLOG_NOTE_MAX];
	struct buf joined = BUF(room);
	struct bytes text, lines;
	bool is_note = tlog_note_split(note, &text, &lines) == PM_OK;

	verify(note, LOG_VKEY, is_note);
	verify(note, WITNESS_VKEY, is_note);
	if (!is_note)
		return;
	MUST(tlog_note_join(text, lines, &joined) == PM_OK);
	must_be(&joined, note);
}

static void read_checkpoint(struct bytes note)
{
	struct tlog_checkpoint checkpoint;
	char text[TLOG_TEXT_MAX];

	if (tlog_checkpoint_parse(note, &checkpoint) != PM_OK)
		return;
	size_t len = tlog_checkpoint_format(&checkpoint, text);
	MUST(len <= note.len && memcmp(text, note.data, len) == 0);
	MUST(len == note.len || note.data[len] == '\n');
}

static void read_proof(struct bytes text)
{
	static uint8_t room[2 * TLOG_NOTE_MAX];
	struct buf made = BUF(room);
	struct tlog_proof proof;
	struct bytes note;
	uint64_t index;

	if (tlog_proof_parse(text, &index, &proof, &note) != PM_OK)
		return;
	MUST(proof.count <= TLOG_PROOF_MAX);
	MUST(tlog_proof_format(index, &proof, note, &made) == PM_OK);
	must_be(&made, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes text = bytes_of(data, size);

	read_note(text);
	read_checkpoint(text);
	read_proof(text);
	return 0;
}
