/* The audit log and the inventory there and back, and answers about them that no vault gives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"

static void release(Peppermint__V1__Request *request)
{
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void logs_are_listed_oldest_first(void **state)
{
	struct fixture *f = *state;
	static struct peppermint_log logs[PEPPERMINT_LOGS_MAX];
	char note[256];
	size_t count = 0;

	assert_ok(peppermint_list_logs(f->vault, PEPPERMINT_REPORT_EXPORT, "a note\n", logs,
				       PEPPERMINT_LOGS_MAX, &count, NULL));
	assert_int_equal(count, 2);
	assert_int_equal(logs[0].log, 1);
	assert_int_equal(logs[0].state, PEPPERMINT_LOG_CLOSED);
	assert_int_equal(logs[0].closed_at, 1767225660);
	assert_int_equal(logs[1].log, 2);
	assert_int_equal(logs[1].state, PEPPERMINT_LOG_OPEN);
	assert_string_equal(logs[1].origin, "vault.example/2");
	assert_mentions(logs[1].vkey, "+3388d9c8+");
	assert_int_equal(logs[1].entries, CANNED_ENTRIES);
	assert_int_equal(logs[1].minimum, 0);
	assert_int_equal(logs[1].opened_at, 1767225600);
	assert_int_equal(logs[1].checkpoint_size, CANNED_ENTRIES);
	snprintf(note, sizeof(note), CANNED_NOTE, 2);
	assert_string_equal(logs[1].checkpoint, note);

	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->list_logs->report, PEPPERMINT__V1__REPORT__REPORT_EXPORT);
	assert_int_equal(request->list_logs->known_checkpoint.len, 7);
	assert_memory_equal(request->list_logs->known_checkpoint.data, "a note\n", 7);
	release(request);
	assert_ok(peppermint_list_logs(f->vault, PEPPERMINT_REPORT_NONE, NULL, logs,
				       PEPPERMINT_LOGS_MAX, &count, NULL));
}

static void more_logs_than_room_is_too_large_and_tells_how_many(void **state)
{
	struct fixture *f = *state;
	size_t count = 0;

	assert_int_equal(peppermint_list_logs(f->vault, PEPPERMINT_REPORT_NONE, NULL, NULL, 0,
					      &count, &f->call),
			 PM_TOO_LARGE);
	assert_int_equal(count, 2);
}

static void one_log_a_page(Peppermint__V1__Reply *reply)
{
	if (reply->list_logs->n_logs < 2)
		return;
	reply->list_logs->n_logs = 1;
	reply->list_logs->next = reply->list_logs->logs[0]->log + 1;
}

static void logs_come_in_as_many_pages_as_they_need(void **state)
{
	struct fixture *f = *state;
	struct peppermint_log logs[2];
	size_t count = 0;
	size_t before = canned_count(f->canned);

	canned_tweak(f->canned, one_log_a_page);
	assert_ok(peppermint_list_logs(f->vault, PEPPERMINT_REPORT_EXPORT, "a note\n", logs, 2,
				       &count, &f->call));
	assert_int_equal(count, 2);
	assert_int_equal(canned_count(f->canned), before + 2);
	assert_int_equal(logs[0].log, 1);
	assert_int_equal(logs[1].log, 2);
	assert_string_equal(logs[1].origin, "vault.example/2");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->list_logs->first, 2);
	assert_int_equal(request->list_logs->report, PEPPERMINT__V1__REPORT__REPORT_EXPORT);
	assert_int_equal(request->list_logs->known_checkpoint.len, 0);
	release(request);
	logs[1].log = 99;
	assert_int_equal(peppermint_list_logs(f->vault, PEPPERMINT_REPORT_NONE, NULL, logs, 1,
					      &count, &f->call),
			 PM_TOO_LARGE);
	assert_int_equal(count, 2);
	assert_int_equal(logs[1].log, 99);
}

static struct peppermint_log_page *new_page(void)
{
	struct peppermint_log_page *page = malloc(sizeof(*page));

	assert_non_null(page);
	memset(page, 0xff, sizeof(*page));
	return page;
}

static void a_query_of_the_log_is_sent_whole(void **state)
{
	struct fixture *f = *state;
	struct peppermint_log_page *page = new_page();
	const struct peppermint_log_query query = {
		.report = PEPPERMINT_REPORT_LOG_ACCESS,
		.log = 1,
		.first = 2,
		.max = 3,
		.type = "key.",
		.environment = "live",
		.key_id = CANNED_ID,
		.account = "acme",
		.operator_name = "ann",
		.caller = "portal",
		.since = -1,
		.until = 4,
		.failures = true,
	};

	assert_ok(peppermint_read_log(f->vault, &query, page, NULL));
	assert_int_equal(page->log, 1);
	Peppermint__V1__Request *request = canned_last(f->canned);
	const Peppermint__V1__ReadLogRequest *asked = request->read_log;
	assert_int_equal(asked->report, PEPPERMINT__V1__REPORT__REPORT_LOG_ACCESS);
	assert_int_equal(asked->log, 1);
	assert_int_equal(asked->first, 2);
	assert_int_equal(asked->max, 3);
	assert_string_equal(asked->type, "key.");
	assert_string_equal(asked->environment, "live");
	assert_string_equal(asked->key_id, CANNED_ID);
	assert_string_equal(asked->account, "acme");
	assert_string_equal(asked->operator_, "ann");
	assert_string_equal(asked->caller, "portal");
	assert_int_equal(asked->since, -1);
	assert_int_equal(asked->until, 4);
	assert_true(asked->failures);
	release(request);
	free(page);
}

static void the_log_is_read_from_page_to_page_to_its_end(void **state)
{
	struct fixture *f = *state;
	struct peppermint_log_page *page = new_page();
	struct peppermint_log_query query = { .max = 2 };
	uint64_t seen = 0;
	char expected[64];

	do {
		assert_ok(peppermint_read_log(f->vault, &query, page, NULL));
		assert_int_equal(page->log, CANNED_LOG);
		assert_int_equal(page->size, CANNED_ENTRIES);
		for (size_t i = 0; i < page->count; i++, seen++) {
			snprintf(expected, sizeof(expected), CANNED_ENTRY, (unsigned)seen);
			assert_int_equal(page->entries[i].index, seen);
			assert_int_equal(page->entries[i].len, strlen(expected));
			assert_string_equal(page->entries[i].text, expected);
		}
		query.first = page->next;
	} while (page->next < page->size);
	assert_int_equal(seen, CANNED_ENTRIES);
	assert_ok(peppermint_read_log(f->vault, &query, page, NULL)); /* nothing new yet */
	assert_int_equal(page->count, 0);
	free(page);
}

static void an_entrys_proof_comes_with_the_entry(void **state)
{
	struct fixture *f = *state;
	struct peppermint_log_proof proof;

	assert_ok(peppermint_prove_entry(f->vault, 0, 1, &proof, NULL));
	assert_int_equal(proof.log, CANNED_LOG);
	assert_int_equal(proof.entry_len, strlen(proof.entry));
	assert_mentions(proof.entry, "\"seq\":1");
	assert_int_equal(proof.proof_len, strlen(proof.proof));
	assert_mentions(proof.proof, "c2sp.org/tlog-proof@v1\nindex 1\n");
	assert_int_equal(peppermint_prove_entry(f->vault, 0, CANNED_ENTRIES, &proof, &f->call),
			 PM_NOT_FOUND);
	assert_int_equal(proof.entry_len, 0);
}

static void cosignatures_are_sent_and_counted(void **state)
{
	struct fixture *f = *state;
	uint32_t cosigned = 9;

	assert_ok(peppermint_add_cosignature(f->vault, 2, "note\n\n— w AA==\n", &cosigned, NULL));
	assert_int_equal(cosigned, 1);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->add_cosignature->log, 2);
	assert_int_equal(request->add_cosignature->checkpoint.len, strlen("note\n\n— w AA==\n"));
	release(request);
}

static void rotating_shows_the_new_log(void **state)
{
	struct fixture *f = *state;
	struct peppermint_log log;

	assert_ok(peppermint_rotate_log(f->vault, &log, NULL));
	assert_int_equal(log.log, CANNED_LOG + 1);
	assert_string_equal(log.origin, "vault.example/3");
}

static void a_text_has_a_hash_for_each_version(void **state)
{
	struct fixture *f = *state;
	struct peppermint_value_hash hashes[PEPPERMINT_HASHES_MAX];
	size_t count = 0;

	assert_ok(peppermint_hash_text(f->vault, "test", "acme", hashes, &count, NULL));
	assert_int_equal(count, 2);
	assert_string_equal(hashes[0].text, "v2:acme");
	assert_string_equal(hashes[1].text, "v1:acme");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->hash_text->environment, "test");
	release(request);
}

static struct peppermint_inventory inventory;

static enum pm_err get_inventory(struct fixture *f)
{
	memset(&inventory, 0xff, sizeof(inventory));
	return peppermint_get_inventory(f->vault, PEPPERMINT_REPORT_CUSTODIANS, &inventory,
					&f->call);
}

static void the_inventory_has_keys_environments_and_callers(void **state)
{
	struct fixture *f = *state;

	assert_ok(get_inventory(f));
	assert_int_equal(inventory.key_count, 1);
	const struct peppermint_master_key *key = &inventory.keys[0];
	assert_string_equal(key->environment, "test");
	assert_string_equal(key->purpose, "audit");
	assert_string_equal(key->name, "log");
	assert_int_equal(key->version, 1);
	assert_int_equal(key->state, PEPPERMINT_PEPPER_ACTIVE);
	assert_int_equal(key->algorithm, PEPPERMINT_ED25519);
	assert_int_equal(key->changed_at, 1767225600);
	assert_int_equal(key->key_id[15], 0xff);
	assert_int_equal(key->check_value[2], 3);
	assert_true(key->read_back && key->sensitive && key->always_sensitive);
	assert_true(key->never_extractable && key->local && !key->extractable);
	assert_int_equal(inventory.environment_count, 2);
	assert_string_equal(inventory.environments[1].name, "live");
	assert_int_equal(inventory.caller_count, 1);
	assert_string_equal(inventory.callers[0].name, "portal");
	assert_int_equal(inventory.callers[0].uid, 1001);
	assert_string_equal(inventory.callers[0].roles, "issuer auditor");
	assert_string_equal(inventory.callers[0].environments, "test live");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->get_inventory->report, PEPPERMINT__V1__REPORT__REPORT_CUSTODIANS);
	release(request);
}

/* Answers that no vault gives. */

static void expect_bad_logs(struct fixture *f, void (*tweak)(Peppermint__V1__Reply *reply))
{
	static struct peppermint_log logs[2];
	size_t count = 7;

	canned_tweak(f->canned, tweak);
	assert_int_equal(peppermint_list_logs(f->vault, PEPPERMINT_REPORT_NONE, NULL, logs, 2,
					      &count, &f->call),
			 PM_BAD_REPLY);
	assert_int_equal(count, 0);
	assert_mentions(f->call.message, f->socket);
}

static void swap_logs(Peppermint__V1__Reply *reply)
{
	reply->list_logs->logs[1]->log = 1;
}

static void drop_log_number(Peppermint__V1__Reply *reply)
{
	reply->list_logs->logs[0]->log = 0;
}

static void empty_page(Peppermint__V1__Reply *reply)
{
	reply->list_logs->n_logs = 0;
	reply->list_logs->next = 1;
}

static void page_that_leads_nowhere(Peppermint__V1__Reply *reply)
{
	reply->list_logs->next = reply->list_logs->logs[1]->log;
}

static void page_that_comes_again(Peppermint__V1__Reply *reply)
{
	reply->list_logs->n_logs = 1;
	reply->list_logs->logs[0]->log = 1;
	reply->list_logs->next = 2;
}

static void escape_in_origin(Peppermint__V1__Reply *reply)
{
	reply->list_logs->logs[0]->origin = "\x1b[2J";
}

static void long_vkey(Peppermint__V1__Reply *reply)
{
	static char text[513];

	memset(text, 'k', sizeof(text) - 1);
	reply->list_logs->logs[0]->vkey = text;
}

static void long_note(Peppermint__V1__Reply *reply)
{
	static uint8_t note[PEPPERMINT_NOTE_MAX + 1];

	memset(note, '\n', sizeof(note));
	reply->list_logs->logs[0]->checkpoint = (ProtobufCBinaryData){ sizeof(note), note };
}

#define NOTE(name, text)                                                                           \
	static void name(Peppermint__V1__Reply *reply)                                             \
	{                                                                                          \
		static uint8_t note[] = text;                                                      \
		reply->list_logs->logs[0]->checkpoint =                                            \
			(ProtobufCBinaryData){ sizeof(note) - 1, note };                           \
	}
NOTE(escape_in_note, "origin\n\x1b[2J\n")
NOTE(nul_in_note, "origin\n5\0\n")
NOTE(return_in_note, "origin\r\n5\r\n")
NOTE(latin1_in_note, "origin\nM\xfcller\n")
NOTE(cut_in_note, "origin\n\xe2\x80")

static void a_log_must_be_clean_and_in_order(void **state)
{
	expect_bad_logs(*state, swap_logs);
	expect_bad_logs(*state, drop_log_number);
	expect_bad_logs(*state, empty_page);
	expect_bad_logs(*state, page_that_leads_nowhere);
	expect_bad_logs(*state, page_that_comes_again);
	expect_bad_logs(*state, escape_in_origin);
	expect_bad_logs(*state, long_vkey);
	expect_bad_logs(*state, long_note);
	expect_bad_logs(*state, escape_in_note);
	expect_bad_logs(*state, nul_in_note);
	expect_bad_logs(*state, return_in_note);
	expect_bad_logs(*state, latin1_in_note);
	expect_bad_logs(*state, cut_in_note);
}

static void widest_note(Peppermint__V1__Reply *reply)
{
	static uint8_t note[PEPPERMINT_NOTE_MAX];

	memset(note, '\n', sizeof(note));
	reply->list_logs->logs[0]->checkpoint = (ProtobufCBinaryData){ sizeof(note), note };
	reply->list_logs->logs[1]->checkpoint.len = 0;
	reply->list_logs->logs[1]->state = (Peppermint__V1__LogState)99;
}

static void the_longest_note_fits_an_empty_one_is_none_and_a_newer_state_is_unknown(void **state)
{
	struct fixture *f = *state;
	static struct peppermint_log logs[2];
	size_t count = 0;

	canned_tweak(f->canned, widest_note);
	assert_ok(peppermint_list_logs(f->vault, PEPPERMINT_REPORT_NONE, NULL, logs, 2, &count,
				       &f->call));
	assert_int_equal(strlen(logs[0].checkpoint), PEPPERMINT_NOTE_MAX);
	assert_string_equal(logs[1].checkpoint, "");
	assert_int_equal(logs[1].state, PEPPERMINT_LOG_STATE_UNKNOWN);
}

static void drop_new_log(Peppermint__V1__Reply *reply)
{
	reply->rotate_log->log = NULL;
}

static void a_rotation_without_a_log_is_a_bad_reply(void **state)
{
	struct fixture *f = *state;
	struct peppermint_log log;

	canned_tweak(f->canned, drop_new_log);
	assert_int_equal(peppermint_rotate_log(f->vault, &log, &f->call), PM_BAD_REPLY);
	assert_int_equal(log.log, 0);
}

static void expect_bad_page(struct fixture *f, void (*tweak)(Peppermint__V1__Reply *reply))
{
	struct peppermint_log_page *page = new_page();
	const struct peppermint_log_query query = { .log = 2, .first = 1, .max = 3 };

	canned_tweak(f->canned, tweak);
	assert_int_equal(peppermint_read_log(f->vault, &query, page, &f->call), PM_BAD_REPLY);
	assert_int_equal(page->count, 0);
	assert_int_equal(page->next, 0);
	free(page);
}

static Peppermint__V1__LogEntry *entry_of(Peppermint__V1__Reply *reply, size_t i)
{
	return reply->read_log->entries[i];
}

static void set_other_log(Peppermint__V1__Reply *reply)
{
	reply->read_log->log = 1;
}

static void set_no_log(Peppermint__V1__Reply *reply)
{
	reply->read_log->log = 0;
}

static void repeat_entry(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 1)->index = entry_of(reply, 0)->index;
}

static void set_index_before_first(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 0)->index = 0;
}

static void set_index_past_next(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 2)->index = reply->read_log->next;
}

static void set_index_to_the_end_of_numbers(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 0)->index = UINT64_MAX;
	reply->read_log->next = UINT64_MAX;
}

static void add_entry(Peppermint__V1__Reply *reply)
{
	reply->read_log->entries[3] = entry_of(reply, 2);
	reply->read_log->n_entries = 4;
}

static void lead_back(Peppermint__V1__Reply *reply)
{
	reply->read_log->n_entries = 0;
	reply->read_log->next = 0;
}

static void lead_nowhere(Peppermint__V1__Reply *reply)
{
	reply->read_log->n_entries = 0;
	reply->read_log->next = 1;
}

static void empty_entry(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 0)->entry.len = 0;
}

static void long_entry(Peppermint__V1__Reply *reply)
{
	static uint8_t text[PEPPERMINT_ENTRY_MAX + 1];

	memset(text, 'e', sizeof(text));
	entry_of(reply, 0)->entry = (ProtobufCBinaryData){ sizeof(text), text };
}

static void line_in_entry(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 0)->entry.data[3] = '\n';
}

static void nul_in_entry(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 0)->entry.data[3] = '\0';
}

static void latin1_in_entry(Peppermint__V1__Reply *reply)
{
	entry_of(reply, 0)->entry.data[3] = 0xfc;
}

static void entries_must_be_clean_in_order_and_lead_on(void **state)
{
	expect_bad_page(*state, set_other_log);
	expect_bad_page(*state, set_no_log);
	expect_bad_page(*state, repeat_entry);
	expect_bad_page(*state, set_index_before_first);
	expect_bad_page(*state, set_index_past_next);
	expect_bad_page(*state, set_index_to_the_end_of_numbers);
	expect_bad_page(*state, add_entry);
	expect_bad_page(*state, lead_back);
	expect_bad_page(*state, lead_nowhere);
	expect_bad_page(*state, empty_entry);
	expect_bad_page(*state, long_entry);
	expect_bad_page(*state, line_in_entry);
	expect_bad_page(*state, nul_in_entry);
	expect_bad_page(*state, latin1_in_entry);
}

/* `count` entries of `len` bytes. */
static void fill_page(Peppermint__V1__Reply *reply, size_t count, size_t len)
{
	static Peppermint__V1__LogEntry entries[PEPPERMINT_ENTRIES_MAX + 1];
	static Peppermint__V1__LogEntry *pointers[PEPPERMINT_ENTRIES_MAX + 1];
	static uint8_t text[PEPPERMINT_ENTRY_MAX];

	memset(text, 'e', sizeof(text));
	for (size_t i = 0; i < count; i++) {
		peppermint__v1__log_entry__init(&entries[i]);
		entries[i].index = i;
		entries[i].entry = (ProtobufCBinaryData){ len, text };
		pointers[i] = &entries[i];
	}
	reply->read_log->entries = pointers;
	reply->read_log->n_entries = count;
	reply->read_log->next = reply->read_log->size = count;
}

static void most_entries(Peppermint__V1__Reply *reply)
{
	fill_page(reply, PEPPERMINT_ENTRIES_MAX, 55);
}

static void longest_entries(Peppermint__V1__Reply *reply)
{
	fill_page(reply, 8, PEPPERMINT_ENTRY_MAX);
}

static void too_many_entries(Peppermint__V1__Reply *reply)
{
	fill_page(reply, PEPPERMINT_ENTRIES_MAX + 1, 1);
}

static void more_than_the_room(Peppermint__V1__Reply *reply)
{
	fill_page(reply, 9, PEPPERMINT_ENTRY_MAX);
}

static void a_page_may_be_full_and_not_over(void **state)
{
	struct fixture *f = *state;
	struct peppermint_log_page *page = new_page();
	const struct peppermint_log_query query = { 0 };

	canned_tweak(f->canned, most_entries);
	assert_ok(peppermint_read_log(f->vault, &query, page, &f->call));
	assert_int_equal(page->count, PEPPERMINT_ENTRIES_MAX);
	assert_int_equal(strlen(page->entries[PEPPERMINT_ENTRIES_MAX - 1].text), 55);
	canned_tweak(f->canned, longest_entries);
	assert_ok(peppermint_read_log(f->vault, &query, page, &f->call));
	assert_int_equal(page->count, 8);
	assert_int_equal(strlen(page->entries[7].text), PEPPERMINT_ENTRY_MAX);
	canned_tweak(f->canned, too_many_entries);
	assert_int_equal(peppermint_read_log(f->vault, &query, page, &f->call), PM_BAD_REPLY);
	canned_tweak(f->canned, more_than_the_room);
	assert_int_equal(peppermint_read_log(f->vault, &query, page, &f->call), PM_BAD_REPLY);
	free(page);
}

static void expect_bad_proof(struct fixture *f, void (*tweak)(Peppermint__V1__Reply *reply))
{
	struct peppermint_log_proof proof;

	canned_tweak(f->canned, tweak);
	assert_int_equal(peppermint_prove_entry(f->vault, 2, 1, &proof, &f->call), PM_BAD_REPLY);
	assert_int_equal(proof.log, 0);
}

static void prove_in_other_log(Peppermint__V1__Reply *reply)
{
	reply->prove_entry->log = 3;
}

static void drop_proof(Peppermint__V1__Reply *reply)
{
	reply->prove_entry->proof.len = 0;
}

static void drop_proved_entry(Peppermint__V1__Reply *reply)
{
	reply->prove_entry->entry.len = 0;
}

static void long_proof(Peppermint__V1__Reply *reply)
{
	static uint8_t text[sizeof(((struct peppermint_log_proof *)NULL)->proof)];

	memset(text, 'p', sizeof(text));
	reply->prove_entry->proof = (ProtobufCBinaryData){ sizeof(text), text };
}

static void escape_in_proof(Peppermint__V1__Reply *reply)
{
	static uint8_t text[] = "index 1\n\x1b[2J\n";

	reply->prove_entry->proof = (ProtobufCBinaryData){ sizeof(text) - 1, text };
}

static void a_proof_must_be_whole_and_clean(void **state)
{
	expect_bad_proof(*state, prove_in_other_log);
	expect_bad_proof(*state, drop_proof);
	expect_bad_proof(*state, drop_proved_entry);
	expect_bad_proof(*state, long_proof);
	expect_bad_proof(*state, escape_in_proof);
}

static void drop_hashes(Peppermint__V1__Reply *reply)
{
	reply->hash_text->n_hashes = 0;
}

static void empty_hash(Peppermint__V1__Reply *reply)
{
	reply->hash_text->hashes[1] = "";
}

static void too_many_hashes(Peppermint__V1__Reply *reply)
{
	for (size_t i = 0; i <= PEPPERMINT_HASHES_MAX; i++)
		reply->hash_text->hashes[i] = "v1:x";
	reply->hash_text->n_hashes = PEPPERMINT_HASHES_MAX + 1;
}

static void a_texts_hashes_are_there_and_not_too_many(void **state)
{
	static void (*const tweaks[])(Peppermint__V1__Reply *) = { drop_hashes, empty_hash,
								   too_many_hashes };
	struct fixture *f = *state;
	struct peppermint_value_hash hashes[PEPPERMINT_HASHES_MAX];
	size_t count = 7;

	for (size_t i = 0; i < sizeof(tweaks) / sizeof(tweaks[0]); i++) {
		canned_tweak(f->canned, tweaks[i]);
		assert_int_equal(
			peppermint_hash_text(f->vault, "test", "acme", hashes, &count, &f->call),
			PM_BAD_REPLY);
		assert_int_equal(count, 0);
	}
}

static void short_key_id(Peppermint__V1__Reply *reply)
{
	reply->get_inventory->keys[0]->key_id.len = 15;
}

static void long_purpose(Peppermint__V1__Reply *reply)
{
	reply->get_inventory->keys[0]->purpose = "12345678901234567";
}

static void escape_in_role(Peppermint__V1__Reply *reply)
{
	static char *roles[] = { "\x1b[2J" };

	reply->get_inventory->callers[0]->roles = roles;
	reply->get_inventory->callers[0]->n_roles = 1;
}

static void two_roles_in_one(Peppermint__V1__Reply *reply)
{
	static char *roles[] = { "hasher custodian" };

	reply->get_inventory->callers[0]->roles = roles;
	reply->get_inventory->callers[0]->n_roles = 1;
}

static void too_many_keys(Peppermint__V1__Reply *reply)
{
	static Peppermint__V1__MasterKey *keys[PEPPERMINT_INVENTORY_KEYS_MAX + 1];

	for (size_t i = 0; i <= PEPPERMINT_INVENTORY_KEYS_MAX; i++)
		keys[i] = reply->get_inventory->keys[0];
	reply->get_inventory->keys = keys;
	reply->get_inventory->n_keys = PEPPERMINT_INVENTORY_KEYS_MAX + 1;
}

static void an_inventory_must_be_clean_and_bounded(void **state)
{
	static void (*const tweaks[])(Peppermint__V1__Reply *) = { short_key_id, long_purpose,
								   escape_in_role, two_roles_in_one,
								   too_many_keys };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(tweaks) / sizeof(tweaks[0]); i++) {
		canned_tweak(f->canned, tweaks[i]);
		assert_int_equal(get_inventory(f), PM_BAD_REPLY);
		assert_int_equal(inventory.key_count, 0);
		assert_int_equal(inventory.caller_count, 0);
	}
}

static void many_environments(Peppermint__V1__Reply *reply)
{
	static char *names[PEPPERMINT_ENVIRONMENTS_MAX];

	for (size_t i = 0; i < PEPPERMINT_ENVIRONMENTS_MAX; i++)
		names[i] = "an-environment-with-a-long-name";
	reply->get_inventory->callers[0]->environments = names;
	reply->get_inventory->callers[0]->n_environments = PEPPERMINT_ENVIRONMENTS_MAX;
}

static void full_environments(Peppermint__V1__Reply *reply)
{
	many_environments(reply);
	reply->get_inventory->callers[0]->n_environments = 8; /* 8 × 31 and 7 spaces: 255 */
}

static void what_does_not_fit_a_callers_text_is_too_large(void **state)
{
	struct fixture *f = *state;

	canned_tweak(f->canned, full_environments);
	assert_ok(get_inventory(f));
	assert_int_equal(strlen(inventory.callers[0].environments), 255);
	canned_tweak(f->canned, many_environments);
	assert_int_equal(get_inventory(f), PM_TOO_LARGE);
	assert_int_equal(inventory.caller_count, 0);
}

static void absent_key(Peppermint__V1__Reply *reply)
{
	reply->get_inventory->keys[0]->read_back = 0;
	reply->get_inventory->keys[0]->algorithm = (Peppermint__V1__Algorithm)99;
}

static void a_key_that_was_not_read_back_has_no_attributes(void **state)
{
	struct fixture *f = *state;

	canned_tweak(f->canned, absent_key);
	assert_ok(get_inventory(f));
	const struct peppermint_master_key *key = &inventory.keys[0];
	assert_false(key->read_back || key->sensitive || key->never_extractable || key->local);
	assert_int_equal(key->algorithm, PEPPERMINT_ALGORITHM_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(logs_are_listed_oldest_first),
		TEST(more_logs_than_room_is_too_large_and_tells_how_many),
		TEST(logs_come_in_as_many_pages_as_they_need),
		TEST(a_query_of_the_log_is_sent_whole),
		TEST(the_log_is_read_from_page_to_page_to_its_end),
		TEST(an_entrys_proof_comes_with_the_entry),
		TEST(cosignatures_are_sent_and_counted),
		TEST(rotating_shows_the_new_log),
		TEST(a_text_has_a_hash_for_each_version),
		TEST(the_inventory_has_keys_environments_and_callers),
		TEST(a_log_must_be_clean_and_in_order),
		TEST(the_longest_note_fits_an_empty_one_is_none_and_a_newer_state_is_unknown),
		TEST(a_rotation_without_a_log_is_a_bad_reply),
		TEST(entries_must_be_clean_in_order_and_lead_on),
		TEST(a_page_may_be_full_and_not_over),
		TEST(a_proof_must_be_whole_and_clean),
		TEST(a_texts_hashes_are_there_and_not_too_many),
		TEST(an_inventory_must_be_clean_and_bounded),
		TEST(what_does_not_fit_a_callers_text_is_too_large),
		TEST(a_key_that_was_not_read_back_has_no_attributes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
