/* The audit log goes on in the next one, under the next key. */
#include "log_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static struct vault_log rotate(struct fixture *f)
{
	struct vault_log log;

	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_OK);
	return log;
}

static void both_logs_are_signed_by_their_own_keys(void **state)
{
	struct fixture *f = *state;
	struct log_record first, second;

	log_mint(f);
	struct vault_log opened = rotate(f);
	assert_int_equal(opened.log, 2);
	assert_string_equal(opened.origin, "vault.example/audit/2");
	log_mint(f);
	log_sign(f);
	assert_int_equal(store_get_log(f->store, 1, &first), PM_OK);
	assert_int_equal(store_get_log(f->store, 2, &second), PM_OK);
	assert_int_equal(first.state, LOG_CLOSED);
	assert_int_equal(first.key_version, 1);
	assert_int_equal(second.key_version, 2);
	/* The old one to its very end, which names the new key. */
	uint64_t size = 0;
	assert_int_equal(store_log_size(f->store, 1, &size), PM_OK);
	assert_int_equal(log_newest(f, 1).size, size);
	assert_int_equal(log_newest(f, 2).size, log_status(f).entries);
	json_t *entry = fixture_newest_entry(f, "log.close");
	assert_int_equal(entry_number(entry, "seq"), size - 1);
	assert_string_equal(entry_text(entry, "next_origin"), second.origin);
	assert_string_equal(entry_text(entry, "next_vkey"), second.vkey);
	json_decref(entry);
	log_assert_no_fork();
}

static void the_new_log_begins_with_the_root_of_the_old(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint before;

	rotate(f);
	log_sign(f);
	struct checkpoint_record end = log_newest(f, 1);
	assert_int_equal(tlog_checkpoint_parse(bytes_str(end.note), &before), PM_OK);
	json_t *entry = fixture_newest_entry(f, "log.open");
	json_t *prev = json_object_get(entry, "prev");
	assert_int_equal(entry_number(entry, "seq"), 0);
	assert_string_equal(entry_text(prev, "origin"), before.origin);
	assert_int_equal(entry_number(prev, "size"), before.size);
	char line[64];
	snprintf(line, sizeof(line), "\n%s\n", entry_text(prev, "root"));
	assert_non_null(strstr(end.note, line));
	json_decref(entry);
}

static void it_has_its_entry_and_its_request_is_done_once(void **state)
{
	struct fixture *f = *state;
	struct actor *actor = fixture_actor(f);
	struct vault_log log;

	assert_int_equal(vault_log_rotate(f->vault, actor, &log), PM_OK);
	assert_int_equal(actor->receipt.log, 2);
	json_t *entry = fixture_newest_entry(f, "log.rotate");
	assert_int_equal(entry_number(entry, "seq"), actor->receipt.index);
	assert_int_equal(entry_number(entry, "version"), 2);
	json_decref(entry);
	assert_int_equal(vault_log_rotate(f->vault, actor, &log), PM_ALREADY_DONE);
	assert_string_equal(actor->done_subject, "log/v2");
	assert_int_equal(log_status(f).log, 2);
}

/* The token was away all the while: the old log's end is signed first, by the old key. */
static void what_was_not_signed_before_is_signed_after(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++) {
		log_mint(f);
		rotate(f);
	}
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	log_sign(f);
	for (uint32_t log = 1; log <= 3; log++) {
		uint64_t size = 0;

		assert_int_equal(store_log_size(f->store, log, &size), PM_OK);
		assert_int_equal(log_newest(f, log).size, size);
	}
	log_assert_no_fork();
}

static void it_needs_the_token_and_a_request_id(void **state)
{
	struct fixture *f = *state;
	struct actor *actor = fixture_actor(f);
	struct vault_log log;

	actor->request_id = "";
	assert_int_equal(vault_log_rotate(f->vault, actor, &log), PM_BAD_REQUEST);
	fake_hsm_set_state(f->hsm[TEST_ENV], HSM_STARTING);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_HSM_UNAVAILABLE);
	assert_int_equal(log_status(f).log, 1);
}

static void all_logs_are_listed(void **state)
{
	struct fixture *f = *state;
	struct vault_log *logs CLEANUP(free_ptr) = calloc(4, sizeof(*logs));
	size_t count = 0;

	rotate(f);
	log_sign(f);
	assert_int_equal(
		vault_logs(f->vault, fixture_actor(f), 0, bytes_of(NULL, 0), logs, 4, &count),
		PM_OK);
	assert_int_equal(count, 2);
	assert_int_equal(logs[0].state, LOG_CLOSED);
	assert_true(logs[0].closed_at > 0);
	assert_int_equal(logs[1].state, LOG_OPEN);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(logs[i].log, i + 1);
		assert_string_equal(logs[i].checkpoint, log_newest(f, logs[i].log).note);
		assert_int_equal(logs[i].checkpoint_size, log_newest(f, logs[i].log).size);
		assert_true(logs[i].entries >= logs[i].checkpoint_size);
	}
}

static int setup(void **state)
{
	log_forget_signed();
	return fixture_setup(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(both_logs_are_signed_by_their_own_keys),
		TEST(the_new_log_begins_with_the_root_of_the_old),
		TEST(it_has_its_entry_and_its_request_is_done_once),
		TEST(what_was_not_signed_before_is_signed_after),
		TEST(it_needs_the_token_and_a_request_id),
		TEST(all_logs_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
