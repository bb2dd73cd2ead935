/* The text of an offline proof (C2SP tlog-proof). Its optional "extra" line is not ours: refused. */
#include <inttypes.h>
#include <stdio.h>

#include "lines.h"
#include "tlog/base64.h"
#include "tlog/note.h"

#define FIRST_LINE "c2sp.org/tlog-proof@v1"
#define INDEX_WORD "index "

enum pm_err tlog_proof_format(uint64_t index, const struct tlog_proof *proof, struct bytes note,
			      struct buf *out)
{
	char head[64], hash[HASH_TEXT_LEN + 1];

	snprintf(head, sizeof(head), FIRST_LINE "\n" INDEX_WORD "%" PRIu64 "\n", index);
	buf_put(out, bytes_str(head));
	for (size_t i = 0; i < proof->count; i++) {
		base64_encode(bytes_of(proof->hashes[i].bytes, TLOG_HASH_LEN), hash);
		buf_put(out, bytes_str(hash));
		buf_put(out, bytes_str("\n"));
	}
	buf_put(out, bytes_str("\n"));
	buf_put(out, note);
	return out->full ? PM_TOO_LARGE : PM_OK;
}

/* Up to the blank line and with it. */
static bool read_hashes(struct bytes *rest, struct tlog_proof *proof)
{
	struct bytes line;

	proof->count = 0;
	while (line_take(rest, &line)) {
		if (line.len == 0)
			return true;
		if (proof->count == TLOG_PROOF_MAX ||
		    !hash_read(line, &proof->hashes[proof->count]))
			return false;
		proof->count++;
	}
	return false;
}

enum pm_err tlog_proof_parse(struct bytes text, uint64_t *index, struct tlog_proof *proof,
			     struct bytes *note)
{
	struct bytes first, second, note_text, lines;

	if (!line_take(&text, &first) || !bytes_same(first, bytes_str(FIRST_LINE)) ||
	    !line_take(&text, &second) || !prefix_take(&second, bytes_str(INDEX_WORD)) ||
	    !decimal_read(second, TLOG_SIZE_MAX, index) || !read_hashes(&text, proof))
		return PM_BAD_REQUEST;
	TRY(tlog_note_split(text, &note_text, &lines));
	*note = text;
	return PM_OK;
}
