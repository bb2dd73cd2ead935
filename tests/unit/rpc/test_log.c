/* The calls of the audit log and the inventory, what Status says of the log, and receipts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "asked.h"
#include "fake_vault.h"
#include "vault/audit.h"

#define CALL(NAME) PEPPERMINT__V1__REQUEST__CALL_##NAME

static void status_tells_of_the_audit_log(void **state)
{
	static atomic_uint_fast64_t dropped = 17;
	struct asked *a = *state;

	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	const Peppermint__V1__AuditStatus *audit = a->reply->status->audit;
	assert_int_equal(audit->state, PEPPERMINT__V1__AUDIT_STATE__AUDIT_UNSIGNED);
	assert_string_equal(audit->detail, "no token");
	assert_int_equal(audit->log, FAKE_LOG);
	assert_string_equal(audit->origin, "vault.example/3");
	assert_int_equal(audit->entries, 7);
	assert_int_equal(audit->unsigned_, 6);
	assert_int_equal(audit->unwitnessed, 5);
	assert_int_equal(audit->signed_at, 4);
	assert_int_equal(audit->sink_dropped, 0);

	nn_close(a->socket);
	a->f->config.sink_dropped = &dropped;
	serve_again(a->f);
	a->socket = connect_req(a->f);
	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	assert_int_equal(a->reply->status->audit->sink_dropped, 17);
}

static void assert_log(const Peppermint__V1__Log *log, uint32_t number)
{
	char origin[32];

	snprintf(origin, sizeof(origin), "vault.example/%u", number);
	assert_int_equal(log->log, number);
	assert_string_equal(log->origin, origin);
	assert_int_equal(log->state, PEPPERMINT__V1__LOG_STATE__LOG_OPEN);
	assert_string_equal(log->vkey, "vault.example/1+3388d9c8+AQ");
	assert_int_equal(log->entries, 9);
	assert_int_equal(log->minimum, 8);
	assert_int_equal(log->opened_at, 7);
	assert_int_equal(log->closed_at, 6);
	assert_int_equal(log->checkpoint_size, 5);
	assert_memory_equal(log->checkpoint.data, "vault.example/1\n5\nroot\n\n", 23);
	assert_int_equal(log->checkpoint.len, strlen("vault.example/1\n5\nroot\n\n— line\n"));
}

static void logs_are_listed_in_their_order(void **state)
{
	struct asked *a = *state;

	fake_size(40);
	make_whole(a, CALL(LIST_LOGS));
	a->list_logs.report = PEPPERMINT__V1__REPORT__REPORT_LOG_ACCESS;
	a->list_logs.known_checkpoint = (ProtobufCBinaryData){ 5, (uint8_t *)"known" };
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().number, 6);
	assert_int_equal(fake_asked().count, 5);
	assert_int_equal(a->reply->list_logs->n_logs, 40);
	for (uint32_t i = 0; i < 40; i++)
		assert_log(a->reply->list_logs->logs[i], i + 1);
}

static void serve_messages_of(struct asked *a, uint32_t bytes)
{
	nn_close(a->socket);
	a->f->config.message_bytes = bytes;
	serve_again(a->f);
	a->socket = connect_req(a->f);
}

static void more_logs_than_a_message_holds_come_in_pages(void **state)
{
	struct asked *a = *state;
	uint32_t pages = 0, told = 0;

	serve_messages_of(a, 4096);
	fake_size(VAULT_LOGS_MAX);
	make_whole(a, CALL(LIST_LOGS));
	do {
		assert_int_equal(send_it(a), PM_OK);
		const Peppermint__V1__ListLogsReply *reply = a->reply->list_logs;
		assert_true(reply->n_logs > 0);
		for (size_t i = 0; i < reply->n_logs; i++)
			assert_log(reply->logs[i], ++told);
		assert_true(reply->next == 0 || reply->next == told + 1);
		a->list_logs.first = reply->next;
		pages++;
	} while (a->list_logs.first != 0);
	assert_int_equal(told, VAULT_LOGS_MAX);
	assert_in_range(pages, 2, 20);
}

static void a_page_of_logs_begins_where_it_is_asked_to(void **state)
{
	struct asked *a = *state;

	fake_size(5);
	make_whole(a, CALL(LIST_LOGS));
	a->list_logs.first = 4;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->list_logs->n_logs, 2);
	assert_log(a->reply->list_logs->logs[0], 4);
	assert_int_equal(a->reply->list_logs->next, 0);
	a->list_logs.first = UINT32_MAX;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->list_logs->n_logs, 0);
	assert_int_equal(a->reply->list_logs->next, 0);
}

static void a_log_that_fits_no_message_is_too_large(void **state)
{
	struct asked *a = *state;

	serve_messages_of(a, 300);
	make_whole(a, CALL(LIST_LOGS));
	expect_refusal(a, PM_TOO_LARGE,
		       "message_bytes: not one of them fits; raise that limit of the vault");
}

static void notes_have_at_most_8192_bytes(void **state)
{
	static uint8_t note[8193];
	struct asked *a = *state;

	make_whole(a, CALL(LIST_LOGS));
	a->list_logs.known_checkpoint = (ProtobufCBinaryData){ 8192, note };
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().count, 8192);
	a->list_logs.known_checkpoint.len = 8193;
	expect_refusal(a, PM_TOO_LARGE, "known_checkpoint: must be at most 8192 bytes");
	make_whole(a, CALL(ADD_COSIGNATURE));
	a->add_cosignature.checkpoint = (ProtobufCBinaryData){ 8193, note };
	expect_refusal(a, PM_TOO_LARGE, "checkpoint: must be at most 8192 bytes");
	a->add_cosignature.checkpoint.len = 8192;
	assert_int_equal(send_it(a), PM_OK);
	make_whole(a, CALL(ADD_COSIGNATURE));
	a->add_cosignature.checkpoint.len = 0;
	expect_refusal(a, PM_BAD_REQUEST, "checkpoint: required");
}

static void a_report_must_be_one_that_the_log_can_name(void **state)
{
	static const int wrong[] = { -1, 10, INT32_MAX };
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		make_whole(a, CALL(LIST_LOGS));
		a->list_logs.report = (Peppermint__V1__Report)wrong[i];
		expect_refusal(a, PM_BAD_REQUEST, "report: this vault does not know it");
		make_whole(a, CALL(READ_LOG));
		a->read_log.report = (Peppermint__V1__Report)wrong[i];
		expect_refusal(a, PM_BAD_REQUEST, "report: this vault does not know it");
		make_whole(a, CALL(GET_INVENTORY));
		a->get_inventory.report = (Peppermint__V1__Report)wrong[i];
		expect_refusal(a, PM_BAD_REQUEST, "report: this vault does not know it");
	}
	assert_int_equal(fake_entered(), 0);
}

static void a_query_of_the_log_reaches_the_vault_whole(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(READ_LOG));
	a->read_log.report = PEPPERMINT__V1__REPORT__REPORT_RETENTION;
	a->read_log.log = 2;
	a->read_log.max = 3;
	a->read_log.type = "key.";
	a->read_log.environment = "live";
	a->read_log.key_id = KEY_ID;
	a->read_log.account = "acme";
	a->read_log.operator_ = "olga";
	a->read_log.caller = "portal";
	a->read_log.since = -5;
	a->read_log.until = 6;
	a->read_log.failures = true;
	assert_int_equal(send_it(a), PM_OK);
	struct fake_query query = fake_query();
	assert_int_equal(query.report, 9);
	assert_int_equal(query.log, 2);
	assert_int_equal(query.max, 3);
	assert_string_equal(query.texts, "key. live " KEY_ID " acme olga portal");
	assert_int_equal(query.since, -5);
	assert_int_equal(query.until, 6);
	assert_true(query.failures);
}

static void a_query_of_the_log_has_its_form(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(READ_LOG));
	a->read_log.account = "acme";
	expect_refusal(a, PM_BAD_REQUEST, "environment: required with account or operator");
	make_whole(a, CALL(READ_LOG));
	a->read_log.operator_ = "olga";
	expect_refusal(a, PM_BAD_REQUEST, "environment: required with account or operator");
	make_whole(a, CALL(READ_LOG));
	a->read_log.key_id = "no key";
	assert_int_equal(send_it(a), PM_NOT_FOUND);
	make_whole(a, CALL(READ_LOG));
	a->read_log.environment = "p23456789012345678901234567890123";
	expect_refusal(a, PM_BAD_REQUEST, "environment: must be at most 32 bytes");
	assert_int_equal(fake_entered(), 0);
}

static void assert_entries(const Peppermint__V1__ReadLogReply *reply, uint64_t first, size_t len)
{
	for (size_t i = 0; i < reply->n_entries; i++) {
		const Peppermint__V1__LogEntry *entry = reply->entries[i];

		assert_int_equal(entry->index, first + i);
		assert_int_equal(entry->entry.len, len);
		assert_int_equal(entry->entry.data[0], 'a' + (first + i) % 26);
		assert_int_equal(entry->entry.data[len - 1], 'a' + (first + i) % 26);
	}
}

static void reading_fills_a_message_nearly_and_the_next_begins_where_it_ended(void **state)
{
	static const size_t lens[] = { 300, 4000, 8192 };
	struct asked *a = *state;

	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		fake_size(1000000);
		fake_entry_len(lens[i]);
		make_whole(a, CALL(READ_LOG));
		a->read_log.first = UINT64_C(0x1234);
		assert_int_equal(send_it(a), PM_OK);
		const Peppermint__V1__ReadLogReply *reply = a->reply->read_log;
		assert_int_equal(reply->log, FAKE_LOG);
		assert_int_equal(reply->size, 1000000);
		assert_int_equal(reply->next, 0x1234 + reply->n_entries);
		assert_entries(reply, 0x1234, lens[i]);
		size_t size = peppermint__v1__reply__get_packed_size(a->reply);
		assert_true(size <= 65536);
		assert_true(size + lens[i] + 300 > 65536);
	}
}

static void an_answer_has_at_most_1024_entries_and_no_more_than_asked(void **state)
{
	struct asked *a = *state;

	fake_size(1000000);
	fake_entry_len(20);
	make_whole(a, CALL(READ_LOG));
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->read_log->n_entries, 1024);
	assert_int_equal(a->reply->read_log->next, 1024);
	make_whole(a, CALL(READ_LOG));
	a->read_log.max = UINT32_MAX;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->read_log->n_entries, 1024);
	a->read_log.max = 7;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->read_log->n_entries, 7);
}

static void at_the_end_of_the_log_there_is_nothing_and_that_is_no_error(void **state)
{
	struct asked *a = *state;

	fake_size(5);
	make_whole(a, CALL(READ_LOG));
	a->read_log.first = 5;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(a->reply->read_log->n_entries, 0);
	assert_int_equal(a->reply->read_log->next, 5);
	assert_int_equal(a->reply->read_log->size, 5);
}

static void larger_messages_do_not_make_longer_pages(void **state)
{
	struct asked *a = *state;

	nn_close(a->socket);
	a->f->config.message_bytes = 1048576;
	serve_again(a->f);
	a->socket = connect_req(a->f);
	fake_size(1000000);
	fake_entry_len(1000);
	assert_int_equal(ask_whole(a, CALL(READ_LOG)), PM_OK);
	assert_true(peppermint__v1__reply__get_packed_size(a->reply) <= 65536);
	assert_true(a->reply->read_log->n_entries > 60);
}

/* An answer of nothing would be asked for again for ever. */
static void an_entry_larger_than_a_message_is_told_and_not_passed_over(void **state)
{
	struct asked *a = *state;

	nn_close(a->socket);
	a->f->config.message_bytes = 4096;
	serve_again(a->f);
	a->socket = connect_req(a->f);
	fake_size(10);
	fake_entry_len(5000);
	make_whole(a, CALL(READ_LOG));
	expect_refusal(a, PM_TOO_LARGE,
		       "message_bytes: not one of them fits; raise that limit of the vault");
}

static void the_longest_proof_is_told_whole(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(PROVE_ENTRY));
	a->prove_entry.log = 2;
	a->prove_entry.index = UINT64_MAX / 2;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().number, INT64_MAX);
	assert_int_equal(fake_asked().count, 2);
	const Peppermint__V1__ProveEntryReply *reply = a->reply->prove_entry;
	assert_int_equal(reply->log, FAKE_LOG);
	assert_int_equal(reply->entry.len, TLOG_ENTRY_MAX);
	assert_int_equal(reply->entry.data[TLOG_ENTRY_MAX - 1], 'e');
	assert_int_equal(reply->proof.len, TLOG_NOTE_MAX + 4096);
	assert_int_equal(reply->proof.data[reply->proof.len - 1], 'p');
}

static void cosigning_and_rotating_change_the_log(void **state)
{
	struct asked *a = *state;

	make_whole(a, CALL(ADD_COSIGNATURE));
	a->add_cosignature.log = 9;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().number, 9);
	assert_int_equal(a->reply->add_cosignature->cosigned, 2);
	assert_int_equal(ask_whole(a, CALL(ROTATE_LOG)), PM_OK);
	assert_log(a->reply->rotate_log->log, FAKE_LOG + 1);
	assert_int_equal(send_it(a), PM_OK); /* the same request id */
	assert_int_equal(fake_executed(), 2);
}

static void a_texts_hashes_come_under_every_version(void **state)
{
	struct asked *a = *state;

	fake_size(VAULT_TEXT_HASHES_MAX);
	assert_int_equal(ask_whole(a, CALL(HASH_TEXT)), PM_OK);
	assert_string_equal(fake_asked().environment, "test");
	assert_string_equal(fake_asked().name, "acme");
	assert_int_equal(a->reply->hash_text->n_hashes, 64);
	assert_string_equal(a->reply->hash_text->hashes[0], "v64:hash");
	assert_string_equal(a->reply->hash_text->hashes[63], "v1:hash");
	make_whole(a, CALL(HASH_TEXT));
	a->hash_text.text = "";
	expect_refusal(a, PM_BAD_REQUEST, "text: required");
}

static void the_inventory_has_keys_environments_and_callers(void **state)
{
	struct asked *a = *state;
	const struct rpc_caller callers[] = {
		{ .name = "tester", .uid = getuid(), .roles = ALL_ROLES, .environments = 3 },
		{ .name = "pay",
		  .uid = 4343,
		  .roles = ROLE_VERIFIER | ROLE_HASHER,
		  .environments = 6 },
		{ .name = "idle", .uid = 4344 },
	};

	assert_int_equal(rpc_set_callers(a->f->rpc, callers, 3), PM_OK);
	fake_size(2);
	make_whole(a, CALL(GET_INVENTORY));
	a->get_inventory.report = PEPPERMINT__V1__REPORT__REPORT_CUSTODIANS;
	assert_int_equal(send_it(a), PM_OK);
	assert_int_equal(fake_asked().number, 4);
	const Peppermint__V1__GetInventoryReply *reply = a->reply->get_inventory;
	assert_int_equal(reply->n_keys, 2);
	const Peppermint__V1__MasterKey *key = reply->keys[0];
	assert_string_equal(key->environment, "live");
	assert_string_equal(key->purpose, "pepper");
	assert_string_equal(key->name, "api-keys");
	assert_int_equal(key->version, 1);
	assert_int_equal(key->state, PEPPERMINT__V1__PEPPER_STATE__ACTIVE);
	assert_int_equal(key->algorithm, PEPPERMINT__V1__ALGORITHM__HMAC_SHA256);
	assert_int_equal(key->created_at, 11);
	assert_int_equal(key->changed_at, 12);
	assert_int_equal(key->key_id.len, 16);
	assert_int_equal(key->check_value.len, 8);
	assert_true(key->read_back && key->sensitive && key->always_sensitive && key->local);
	assert_true(key->never_extractable && !key->extractable);
	key = reply->keys[1]; /* not in its token, which then tells nothing */
	assert_false(key->read_back || key->sensitive || key->always_sensitive || key->local);

	assert_int_equal(reply->n_environments, 2);
	assert_string_equal(reply->environments[0]->name, "test");
	assert_int_equal(reply->n_callers, 3);
	assert_string_equal(reply->callers[0]->name, "tester");
	assert_int_equal(reply->callers[0]->n_roles, 5);
	const Peppermint__V1__CallerInfo *pay = reply->callers[1];
	assert_int_equal(pay->uid, 4343);
	assert_int_equal(pay->n_roles, 2);
	assert_string_equal(pay->roles[0], "verifier");
	assert_string_equal(pay->roles[1], "hasher");
	assert_int_equal(pay->n_environments, 1);
	assert_string_equal(pay->environments[0], "live");
	assert_int_equal(reply->callers[2]->n_roles, 0);
}

static void a_full_inventory_fits_a_message(void **state)
{
	struct asked *a = *state;

	fake_size(512);
	assert_int_equal(ask_whole(a, CALL(GET_INVENTORY)), PM_OK);
	assert_int_equal(a->reply->get_inventory->n_keys, 512);
}

static void a_receipt_comes_only_when_it_is_wanted_and_there_is_one(void **state)
{
	struct asked *a = *state;

	for (uint32_t call = FIRST + 1; call <= LAST; call++) {
		fake_give_receipts(false);
		make_whole(a, call);
		a->request.want_receipt = true;
		assert_int_equal(send_it(a), PM_OK);
		assert_null(a->reply->receipt);
		fake_give_receipts(true);
		assert_int_equal(ask_whole(a, call), PM_OK);
		assert_null(a->reply->receipt);
		make_whole(a, call);
		a->request.want_receipt = true;
		assert_int_equal(send_it(a), PM_OK);
		const Peppermint__V1__Receipt *receipt = a->reply->receipt;
		assert_non_null(receipt);
		assert_int_equal(receipt->log, FAKE_LOG);
		assert_int_equal(receipt->index, FAKE_INDEX);
		assert_int_equal(receipt->leaf_hash.len, 32);
		for (size_t i = 0; i < 32; i++)
			assert_int_equal(receipt->leaf_hash.data[i], 0x5a);
	}
}

static void a_repeated_change_gets_its_first_receipt(void **state)
{
	struct asked *a = *state;

	fake_give_receipts(true);
	make_whole(a, CALL(MINT_KEY));
	a->request.want_receipt = true;
	assert_int_equal(send_it(a), PM_OK);
	fake_give_receipts(false);
	assert_int_equal(send_it(a), PM_OK);
	assert_non_null(a->reply->receipt);
	assert_int_equal(a->reply->receipt->index, FAKE_INDEX);
	assert_int_equal(fake_executed(), 1);
}

static void the_log_is_told_the_number_of_the_connection(void **state)
{
	struct asked *a = *state;
	uint64_t first = 0;

	assert_int_equal(ask_whole(a, CALL(GET_KEY)), PM_OK);
	first = fake_asked().connection;
	assert_true(first > 0);
	assert_int_equal(ask_whole(a, CALL(READ_LOG)), PM_OK);
	assert_int_equal(fake_asked().connection, first);
	assert_int_equal(ask_once(a->f, &a->request), PM_OK);
	assert_true(fake_asked().connection > first);
}

/* Both threads that may read the log wait. */
static void slow_readings_of_the_log_leave_status_and_the_environments_served(void **state)
{
	enum { SLOW = 8 };
	struct asked *a = *state;
	Peppermint__V1__Request read = PEPPERMINT__V1__REQUEST__INIT;
	Peppermint__V1__ReadLogRequest body = PEPPERMINT__V1__READ_LOG_REQUEST__INIT;
	uint8_t room[1024];

	read.version = 1;
	read.deadline_ms = 30000;
	read.call_case = CALL(READ_LOG);
	read.read_log = &body;
	fake_hold(""); /* the calls of no environment */
	int fd = connect_sp(a->f);
	for (uint32_t i = 0; i < SLOW; i++)
		send_request(fd, i, packed(&read));
	fake_await_entered(2);
	assert_int_equal(ask_whole(a, CALL(STATUS)), PM_OK);
	assert_int_equal(ask_whole(a, CALL(GET_KEY)), PM_OK);
	assert_int_equal(ask_whole(a, CALL(HASH_TEXT)), PM_OK);
	fake_release();
	for (int i = 0; i < SLOW; i++)
		assert_true(receive_frame(fd, room, sizeof(room)) > 0);
	close(fd);
}

int main(void)
{
#define ASKED(test) cmocka_unit_test_setup_teardown(test, asked_setup, asked_teardown)
	const struct CMUnitTest tests[] = {
		ASKED(status_tells_of_the_audit_log),
		ASKED(logs_are_listed_in_their_order),
		ASKED(more_logs_than_a_message_holds_come_in_pages),
		ASKED(a_page_of_logs_begins_where_it_is_asked_to),
		ASKED(a_log_that_fits_no_message_is_too_large),
		ASKED(notes_have_at_most_8192_bytes),
		ASKED(a_report_must_be_one_that_the_log_can_name),
		ASKED(a_query_of_the_log_reaches_the_vault_whole),
		ASKED(a_query_of_the_log_has_its_form),
		ASKED(reading_fills_a_message_nearly_and_the_next_begins_where_it_ended),
		ASKED(an_answer_has_at_most_1024_entries_and_no_more_than_asked),
		ASKED(at_the_end_of_the_log_there_is_nothing_and_that_is_no_error),
		ASKED(larger_messages_do_not_make_longer_pages),
		ASKED(an_entry_larger_than_a_message_is_told_and_not_passed_over),
		ASKED(the_longest_proof_is_told_whole),
		ASKED(cosigning_and_rotating_change_the_log),
		ASKED(a_texts_hashes_come_under_every_version),
		ASKED(the_inventory_has_keys_environments_and_callers),
		ASKED(a_full_inventory_fits_a_message),
		ASKED(a_receipt_comes_only_when_it_is_wanted_and_there_is_one),
		ASKED(a_repeated_change_gets_its_first_receipt),
		ASKED(the_log_is_told_the_number_of_the_connection),
		ASKED(slow_readings_of_the_log_leave_status_and_the_environments_served),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
