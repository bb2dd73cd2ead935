/* audit show, audit proof, audit hash: one entry, its proof, and how the log writes a text. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "entry.h"
#include "files.h"
#include "findings.h"
#include "tlog/note.h"
#include "when.h"

static bool read_index(const struct session *session, uint64_t *index)
{
	if (parse_index(session->argument, index))
		return true;
	complain("INDEX is an entry's number, from 0. The entry tells it as `seq`.");
	return false;
}

enum status run_audit_show(struct session *session)
{
	struct peppermint_log_query query = { .log = session->options.log, .max = 1 };
	struct peppermint_log_page *page CLEANUP(free_ptr) = NULL;

	if (!read_index(session, &query.first))
		return STATUS_USAGE;
	page = must_have(malloc(sizeof(*page)));
	enum pm_err err = peppermint_read_log(session->vault, &query, page, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	const struct peppermint_log_entry *entry = &page->entries[0];
	if (page->count == 0 || entry->index != query.first) {
		complain("log %" PRIu32 " has no entry %" PRIu64 " at hand: it has %" PRIu64
			 " of them, and the oldest may be pruned. Try: peppermint audit logs.",
			 page->log, query.first, page->size);
		return STATUS_VAULT;
	}
	puts(entry->text);
	return STATUS_DONE;
}

/* That it proves this entry; whose checkpoint it is, `audit verify` and others can tell. */
static bool proof_fits(const struct peppermint_log_proof *proof, uint64_t index)
{
	struct tlog_checkpoint checkpoint;
	struct tlog_proof hashes;
	struct tlog_hash leaf;
	struct bytes note;
	uint64_t told = 0;

	if (tlog_proof_parse(bytes_of(proof->proof, proof->proof_len), &told, &hashes, &note) !=
		    PM_OK ||
	    tlog_checkpoint_parse(note, &checkpoint) != PM_OK)
		return false;
	tlog_leaf_hash(bytes_of(proof->entry, proof->entry_len), &leaf);
	return told == index &&
	       tlog_check_inclusion(index, checkpoint.size, &leaf, &hashes, &checkpoint.root);
}

/* FILE, and the entry in FILE.entry: without a newline, because its exact bytes are proved. */
static bool write_proof(const char *path, const struct peppermint_log_proof *proof)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char *folder_path CLEANUP(free_ptr) =
		must_have(slash ? strndup(path, (size_t)(name - path)) : strdup("."));
	char *entry_name CLEANUP(free_ptr) = NULL;

	if (asprintf(&entry_name, "%s.entry", name) < 0)
		must_have(NULL);
	int folder CLEANUP(close_fd) = folder_find_path(folder_path);
	return folder >= 0 &&
	       file_put(folder, entry_name, bytes_of(proof->entry, proof->entry_len)) &&
	       file_put(folder, name, bytes_of(proof->proof, proof->proof_len));
}

static enum status print_proof(const struct session *session,
			       const struct peppermint_log_proof *proof, uint64_t index)
{
	const char *out = session->options.out;

	if (out && !write_proof(out, proof))
		return STATUS_VAULT;
	if (session->options.given & OPT_JSON)
		print_json(json_pack("{s:I, s:I, s:s%, s:s%}", "log", (json_int_t)proof->log,
				     "index", (json_int_t)index, "entry", proof->entry,
				     proof->entry_len, "proof", proof->proof, proof->proof_len));
	else if (out)
		printf("Proof:  %s\nEntry:  %s.entry\n", out, out);
	else
		fwrite(proof->proof, 1, proof->proof_len, stdout);
	return STATUS_DONE;
}

enum status run_audit_proof(struct session *session)
{
	struct peppermint_log_proof *proof CLEANUP(free_ptr) = NULL;
	uint64_t index = 0;

	if (!read_index(session, &index))
		return STATUS_USAGE;
	proof = must_have(malloc(sizeof(*proof)));
	enum pm_err err = peppermint_prove_entry(session->vault, session->options.log, index, proof,
						 &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	if (!proof_fits(proof, index)) {
		complain("the vault's proof does not fit its entry: do not trust this log.");
		return STATUS_REFUSED;
	}
	return print_proof(session, proof, index);
}

static enum status hash_line(struct session *session, const struct line *line,
			     struct findings *findings)
{
	struct peppermint_value_hash hashes[PEPPERMINT_HASHES_MAX];
	size_t count = 0;

	if (line->len == 0 || strlen(line->text) != line->len) {
		complain("line %zu is empty or holds a NUL byte: no text in the log does.",
			 line->number);
		return STATUS_USAGE;
	}
	enum pm_err err = peppermint_hash_text(session->vault, session->options.env, line->text,
					       hashes, &count, &session->call);
	if (err != PM_OK)
		return vault_refused(session, err);
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_array_append_new(list, json_string(hashes[i].text));
		if (!findings->json)
			printf("%s%c", hashes[i].text, i + 1 < count ? ' ' : '\n');
	}
	if (findings->json)
		json_array_append_new(
			findings->json,
			json_pack("{s:I, s:O}", "line", (json_int_t)line->number, "hashes", list));
	json_decref(list);
	return STATUS_DONE;
}

static enum status hash_lines(struct session *session, struct input *input,
			      struct findings *findings)
{
	enum status status = STATUS_DONE;

	for (size_t i = 0; status == STATUS_DONE && i < input->count; i++)
		status = hash_line(session, &input->lines[i], findings);
	return status;
}

enum status run_audit_hash(struct session *session)
{
	struct findings findings CLEANUP(findings_end) = { 0 };

	return findings_lines(session, "text", PEPPERMINT_TEXT_MAX, &findings, hash_lines);
}
