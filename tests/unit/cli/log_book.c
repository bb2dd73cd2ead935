/* The logs themselves: entries, trees, checkpoints. */
#define _GNU_SOURCE
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log_answers.h"

void logbook_begin(struct logbook *book)
{
	book->answer_max = SIZE_MAX;
	book->refused_index = UINT64_MAX;
	logbook_open(book);
}

void logbook_end(struct logbook *book)
{
	for (size_t i = 0; i < book->count; i++) {
		for (uint64_t j = 0; j < book->logs[i].count; j++)
			free(book->logs[i].entries[j]);
		free(book->logs[i].entries);
	}
}

static EVP_PKEY *private_key(const struct book_log *log)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, log->seed, 32);

	assert_non_null(key);
	return key;
}

void logbook_open(struct logbook *book)
{
	struct book_log *log = &book->logs[book->count++];
	uint8_t public_key[32];
	size_t len = sizeof(public_key);

	assert_true(book->count <= BOOK_LOGS);
	snprintf(log->origin, sizeof(log->origin), LOG_ORIGIN "/%zu", book->count);
	memset(log->seed, (int)book->count, sizeof(log->seed));
	log->state = PEPPERMINT__V1__LOG_STATE__LOG_OPEN;
	EVP_PKEY *key = private_key(log);
	assert_int_equal(EVP_PKEY_get_raw_public_key(key, public_key, &len), 1);
	EVP_PKEY_free(key);
	assert_int_equal(
		tlog_key_make(log->origin, TLOG_ED25519, bytes_of(public_key, len), &log->key),
		PM_OK);
	tlog_key_format(&log->key, log->vkey);
}

struct book_log *logbook_newest(struct logbook *book)
{
	return &book->logs[book->count - 1];
}

void logbook_append(struct logbook *book, int64_t when, const char *type, const char *members)
{
	struct book_log *log = logbook_newest(book);
	char ts[32];
	time_t time = when;
	struct tm tm;

	gmtime_r(&time, &tm);
	strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%S.000001Z", &tm);
	if (log->count == log->room) {
		log->room = log->room ? 2 * log->room : 256;
		log->entries = realloc(log->entries, log->room * sizeof(char *));
	}
	assert_true(
		asprintf(&log->entries[log->count],
			 "{\"v\":1,\"seq\":%llu,\"ts\":\"%s\",\"type\":\"%s\",%s}",
			 (unsigned long long)log->count, ts, type,
			 members ? members
				 : "\"ok\":true,\"caller\":\"portal\",\"uid\":1001,\"pid\":7,"
				   "\"operator\":\"-\",\"from\":\"connection 1\",\"env\":\"test\","
				   "\"key\":\"" LOG_KEY_ID "\",\"request\":\"-\","
				   "\"policy\":\"1\"") > 0);
	log->count++;
}

static void tree_of(const struct book_log *log, uint64_t size, struct tlog_hash *root)
{
	struct tlog_tree tree = { 0 };
	struct tlog_hash leaf, parents[TLOG_ROWS_MAX];

	for (uint64_t i = 0; i < size; i++) {
		tlog_leaf_hash(bytes_str(log->entries[i]), &leaf);
		tlog_tree_append(&tree, &leaf, parents);
	}
	tlog_tree_root(&tree, root);
}

void logbook_sign(struct logbook *book)
{
	struct book_log *log = logbook_newest(book);
	struct tlog_checkpoint checkpoint = { .size = log->count };
	char text[TLOG_TEXT_MAX], line[TLOG_LINE_MAX];
	uint8_t signature[64];
	size_t signature_len = sizeof(signature);
	struct buf note = { .data = (uint8_t *)log->note, .cap = TLOG_NOTE_MAX };

	snprintf(checkpoint.origin, sizeof(checkpoint.origin), "%s", log->origin);
	tree_of(log, log->count, &checkpoint.root);
	size_t len = tlog_checkpoint_format(&checkpoint, text);
	EVP_PKEY *key = private_key(log);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
	assert_int_equal(EVP_DigestSign(ctx, signature, &signature_len, (uint8_t *)text, len), 1);
	EVP_MD_CTX_free(ctx);
	EVP_PKEY_free(key);
	assert_int_equal(tlog_line_format(&log->key, bytes_of(signature, 64), line), PM_OK);
	assert_int_equal(tlog_note_join(bytes_of(text, len), bytes_str(line), &note), PM_OK);
	log->note[note.len] = '\0';
	log->note_size = log->count;
}
