/* The logs of the log vault, and what it answers of them. */
#ifndef TESTS_LOG_ANSWERS_H
#define TESTS_LOG_ANSWERS_H

#include "log_vault.h"
#include "peppermint/v1/vault.pb-c.h"

#define BOOK_LOGS 4

struct book_log {
	char origin[64];
	char vkey[TLOG_VKEY_MAX + 1];
	struct tlog_key key;
	uint8_t seed[32];
	Peppermint__V1__LogState state;
	char **entries;
	uint64_t count, room, minimum;
	char note[TLOG_NOTE_MAX + 1];
	uint64_t note_size;
};

struct logbook {
	struct book_log logs[BOOK_LOGS];
	size_t count;
	size_t answer_max;
	uint64_t refused_index;
	Peppermint__V1__Error refusal;
	uint64_t damage_first, damage_end;
	void (*tweak)(Peppermint__V1__GetInventoryReply *reply);
	bool tells_periods;
	int64_t make_until, verify_until;
};

void logbook_begin(struct logbook *book);
void logbook_end(struct logbook *book);
void logbook_open(struct logbook *book);
struct book_log *logbook_newest(struct logbook *book);
void logbook_append(struct logbook *book, int64_t when, const char *type, const char *members);
void logbook_sign(struct logbook *book);

void logbook_answer(struct logbook *book, const Peppermint__V1__Request *request,
		    Peppermint__V1__Reply *reply);

#endif
