/* Reading the audit log: by what entries are about, with proof, and by witnesses. */
#include "log_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "fault_vfs.h"
#include "signing.h"

#define FOUND_MAX 512

struct found {
	size_t count, room;
	uint64_t indexes[FOUND_MAX];
	char last[TLOG_ENTRY_MAX + 1];
};

static bool take(void *arg, uint64_t index, struct bytes entry)
{
	struct found *found = arg;

	if (found->count == found->room)
		return false;
	found->indexes[found->count++] = index;
	memcpy(found->last, entry.data, entry.len);
	found->last[entry.len] = '\0';
	return true;
}

static struct vault_log_query any(void)
{
	return (struct vault_log_query){ .max = FOUND_MAX,
					 .type = "",
					 .environment = "",
					 .key_id = "",
					 .account = "",
					 .operator_name = "",
					 .caller = "" };
}

static size_t count(struct fixture *f, const struct vault_log_query *query, struct found *found)
{
	struct vault_log_page page;

	*found = (struct found){ .room = FOUND_MAX };
	assert_int_equal(vault_log_read(f->vault, fixture_actor(f), query, take, found, &page),
			 PM_OK);
	assert_int_equal(page.next, page.size);
	return found->count;
}

static void mint_for(struct fixture *f, const char *environment, const char *account,
		     const char *operator_name, struct key_info *info)
{
	const struct mint_params params = {
		.environment = environment, .account = account, .product = "", .name = ""
	};
	struct actor *actor = fixture_actor(f);
	struct key_text text;

	actor->operator_name = operator_name;
	assert_int_equal(fixture_mint_text(f->vault, actor, &params, info, &text), PM_OK);
}

static void entries_are_found_by_what_they_are_about(void **state)
{
	struct fixture *f = *state;
	struct vault_log_query query = any();
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct key_info one, two, info;

	mint_for(f, "live", "acme", "alice", &one);
	mint_for(f, "live", "acme", "bob", &two);
	mint_for(f, "test", "acme", "alice", &info);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", two.id, &info), PM_OK);
	query.key_id = two.id;
	assert_int_equal(count(f, &query, found), 2);
	query.type = "key.revoke";
	assert_int_equal(count(f, &query, found), 1);
	query = any();
	query.type = "key.";
	assert_int_equal(count(f, &query, found), 4);
	query.type = "key";
	assert_int_equal(count(f, &query, found), 0);
	query = any();
	query.environment = "live";
	query.account = "acme";
	assert_int_equal(count(f, &query, found), 2);
	query.operator_name = "alice";
	assert_int_equal(count(f, &query, found), 1);
	query.account = "nobody";
	assert_int_equal(count(f, &query, found), 0);
	query = any();
	query.caller = "peppermintd";
	query.type = "vault.start";
	assert_int_equal(count(f, &query, found), 1);
	query.caller = "unit";
	assert_int_equal(count(f, &query, found), 0);
	query = any();
	query.failures = true;
	assert_int_equal(count(f, &query, found), 0);
}

static void a_pattern_that_is_no_name_is_refused(void **state)
{
	static const char *const patterns[] = { "a\"b", "a\\b", "a\nb", "\xc3\xa4" };
	struct fixture *f = *state;
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct vault_log_page page;

	for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
		struct vault_log_query query = any();

		query.caller = patterns[i];
		found->count = 0;
		assert_int_equal(
			vault_log_read(f->vault, fixture_actor(f), &query, take, found, &page),
			PM_BAD_REQUEST);
	}
}

static void entries_are_found_by_when_they_were_written(void **state)
{
	struct fixture *f = *state;
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct vault_log_query query = any();
	int64_t now = clock_unix();

	query.since = now - 3600;
	query.until = now + 3600;
	assert_true(count(f, &query, found) > 10);
	query.since = now + 3600;
	query.until = 0;
	assert_int_equal(count(f, &query, found), 0);
	query.since = 0;
	query.until = now - 3600;
	assert_int_equal(count(f, &query, found), 0);
}

static void a_reader_goes_on_where_there_was_no_room(void **state)
{
	struct fixture *f = *state;
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct vault_log_query query = any();
	struct vault_log_page page;
	uint64_t next = 0;

	do {
		*found = (struct found){ .room = 3 };
		query.first = next;
		query.max = next % 2 ? 2 : FOUND_MAX;
		assert_int_equal(
			vault_log_read(f->vault, fixture_actor(f), &query, take, found, &page),
			PM_OK);
		for (size_t i = 0; i < found->count; i++)
			assert_int_equal(found->indexes[i], next++);
		assert_int_equal(page.next, next);
	} while (page.next < page.size);
	query.first = 1000;
	assert_int_equal(vault_log_read(f->vault, fixture_actor(f), &query, take, found, &page),
			 PM_OK);
	assert_int_equal(page.next, 1000);
	query.log = 2;
	assert_int_equal(vault_log_read(f->vault, fixture_actor(f), &query, take, found, &page),
			 PM_NOT_FOUND);
}

static void reading_is_itself_told(void **state)
{
	struct fixture *f = *state;
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct vault_log_query query = any();

	query.report = 6;
	count(f, &query, found);
	json_t *entry = fixture_newest_entry(f, "log.read");
	assert_string_equal(entry_text(entry, "caller"), "unit");
	json_decref(entry);
	assert_true(fixture_log_has(f, "LOG_ACCESS"));
}

static void an_altered_entry_is_named_when_it_is_read(void **state)
{
	struct fixture *f = *state;
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct vault_log_query query = any();
	struct vault_log_page page;

	log_mint(f);
	fixture_sql(f, "UPDATE audit_leaf SET hash = randomblob(32) WHERE position & 0xffffff = 5");
	*found = (struct found){ .room = FOUND_MAX };
	assert_int_equal(vault_log_read(f->vault, fixture_actor(f), &query, take, found, &page),
			 PM_OK);
	assert_int_equal(found->count, 5);
	assert_int_equal(page.next, 5);
	query.first = 5;
	struct actor *actor = fixture_actor(f);
	assert_int_equal(vault_log_read(f->vault, actor, &query, take, found, &page),
			 PM_STORE_DAMAGED);
	assert_non_null(actor->why);
	log_assert_state(f, AUDIT_ALTERED, "entry 5 ");
}

static void an_entry_is_proved_under_the_newest_checkpoint(void **state)
{
	struct fixture *f = *state;
	struct vault_log_proof *proof CLEANUP(free_ptr) = malloc(sizeof(*proof));

	while (log_status(f).entries < 300)
		log_mint(f);
	log_sign(f);
	struct checkpoint_record point = log_newest(f, 0);
	for (uint64_t i = 0; i < point.size; i += 7) {
		struct tlog_proof path;
		struct tlog_hash leaf;
		struct bytes note;
		uint64_t index = 0;

		assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), 0, i, proof), PM_OK);
		assert_int_equal(proof->log, 1);
		assert_int_equal(tlog_proof_parse(bytes_of(proof->text, proof->text_len), &index,
						  &path, &note),
				 PM_OK);
		tlog_leaf_hash(bytes_of(proof->entry, proof->entry_len), &leaf);
		assert_int_equal(index, i);
		assert_true(tlog_check_inclusion(i, point.size, &leaf, &path, &point.root));
		assert_int_equal(note.len, strlen(point.note));
	}
	log_mint(f);
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), 0, point.size, proof),
			 PM_NOT_FOUND);
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), 2, 0, proof), PM_NOT_FOUND);
}

static void what_was_altered_is_not_proved(void **state)
{
	struct fixture *f = *state;
	struct vault_log_proof *proof CLEANUP(free_ptr) = malloc(sizeof(*proof));

	log_mint(f);
	log_sign(f);
	fixture_sql(f, "UPDATE audit_leaf SET hash = randomblob(32) WHERE position & 0xffffff = 5");
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), 0, 5, proof),
			 PM_STORE_DAMAGED);
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), 0, 4, proof),
			 PM_STORE_DAMAGED);
}

static void alter_entry(struct fixture *f, uint32_t log, uint32_t index)
{
	char sql[160];

	snprintf(sql, sizeof(sql),
		 "UPDATE audit_leaf SET hash = randomblob(32) WHERE position = (%u << 40) + %u",
		 (unsigned)log, (unsigned)index);
	fixture_sql(f, sql);
}

/* The open log is altered, and the next one begun in its place. */
static void give_up(struct fixture *f, uint32_t log)
{
	for (int i = 0; i < 8; i++)
		log_mint(f);
	log_sign(f);
	assert_int_equal(log_status(f).log, log);
	alter_entry(f, log, 5);
	f->audit.new_log = true;
	fixture_reopen(f);
	f->audit.new_log = false;
	assert_int_equal(log_status(f).log, log + 1);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

static void expect_damage(struct fixture *f, uint32_t log, uint64_t index)
{
	struct vault_log_proof *proof CLEANUP(free_ptr) = malloc(sizeof(*proof));
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct vault_log_query query = any();
	struct vault_log_page page;
	struct actor *actor = fixture_actor(f);

	query.log = log;
	query.first = index;
	*found = (struct found){ .room = FOUND_MAX };
	assert_int_equal(vault_log_read(f->vault, actor, &query, take, found, &page),
			 PM_STORE_DAMAGED);
	assert_non_null(actor->why);
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), log, index, proof),
			 PM_STORE_DAMAGED);
	/* Its neighbour is what it was, but not the tree around it. */
	assert_int_equal(vault_log_prove(f->vault, fixture_actor(f), log, index - 1, proof),
			 PM_STORE_DAMAGED);
}

static void damage_in_a_log_that_was_given_up_is_told_to_its_reader_only(void **state)
{
	struct fixture *f = *state;

	give_up(f, 1);
	expect_damage(f, 1, 5);
	log_assert_state(f, AUDIT_GOOD, "");
	log_mint(f);
	log_sign(f);
}

static void damage_before_a_log_that_was_given_up_is_told_to_its_reader_only(void **state)
{
	struct fixture *f = *state;
	struct vault_log opened;

	for (int i = 0; i < 8; i++)
		log_mint(f);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &opened), PM_OK);
	give_up(f, 2);
	alter_entry(f, 1, 5);
	expect_damage(f, 1, 5);
	log_assert_state(f, AUDIT_GOOD, "");
	log_mint(f);
	log_sign(f);
}

static void damage_after_a_log_that_was_given_up_is_damage(void **state)
{
	struct fixture *f = *state;
	struct vault_log opened;

	give_up(f, 1);
	for (int i = 0; i < 8; i++)
		log_mint(f);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &opened), PM_OK);
	log_sign(f);
	alter_entry(f, 2, 5);
	expect_damage(f, 2, 5);
	log_assert_state(f, AUDIT_ALTERED, "entry 5 of log 2");
}

/* The secondary sink's way: from a place on, through all logs. */
static void all_entries_are_followed_across_a_rotation(void **state)
{
	struct fixture *f = *state;
	struct found *found CLEANUP(free_ptr) = malloc(sizeof(*found));
	struct vault_log opened;
	uint32_t log = 0;
	uint64_t next = 0, size = 0;

	assert_int_equal(vault_log_follow(f->vault, &log, &next, 10, take, found), PM_OK);
	assert_int_equal(log, 1);
	assert_int_equal(next, log_status(f).entries);
	log_mint(f);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &opened), PM_OK);
	assert_int_equal(store_log_size(f->store, 1, &size), PM_OK);
	size_t expected = (size_t)(size - next + log_status(f).entries), seen = 0;
	for (int i = 0; i < 100; i++) {
		*found = (struct found){ .room = 2 };
		assert_int_equal(vault_log_follow(f->vault, &log, &next, 3, take, found), PM_OK);
		seen += found->count;
	}
	assert_int_equal(seen, expected);
	assert_int_equal(log, 2);
	assert_int_equal(next, log_status(f).entries);
}

/* Witnesses. */

static struct tlog_key witnesses[2];

static void reopen_with_witnesses(struct fixture *f, struct signer *signers[2])
{
	signers[0] = signer_from_seed("witness.example/one", TLOG_COSIGNER, 0x20);
	signers[1] = signer_from_seed("witness.example/two", TLOG_COSIGNER, 0x40);
	for (size_t i = 0; i < 2; i++)
		witnesses[i] = *signer_key(signers[i]);
	f->audit.witnesses = witnesses;
	f->audit.witness_count = 2;
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	log_mint(f);
	log_sign(f);
}

/* Our note with the witness's line behind. */
static void cosign_note(const char *note, const struct signer *witness, uint64_t time,
			char out[TLOG_NOTE_MAX])
{
	struct bytes text, lines;
	char line[TLOG_LINE_MAX];

	assert_int_equal(tlog_note_split(bytes_str(note), &text, &lines), PM_OK);
	struct raw_signature raw = signer_sign(witness, text, time);
	assert_int_equal(tlog_line_format(signer_key(witness), bytes_of(raw.bytes, raw.len), line),
			 PM_OK);
	snprintf(out, TLOG_NOTE_MAX, "%s%s", note, line);
}

static enum pm_err cosign(struct fixture *f, const char *note, uint32_t *cosigned)
{
	return vault_log_cosign(f->vault, fixture_actor(f), 0, bytes_str(note), cosigned);
}

static void the_lines_of_witnesses_are_kept(void **state)
{
	struct fixture *f = *state;
	struct signer *signers[2];
	char note[TLOG_NOTE_MAX];
	struct checkpoint_record kept;
	uint32_t cosigned = 0;

	reopen_with_witnesses(f, signers);
	struct checkpoint_record point = log_newest(f, 0);
	for (uint32_t i = 0; i < 2; i++) {
		cosign_note(point.note, signers[i], 1760000000, note);
		assert_int_equal(cosign(f, note, &cosigned), PM_OK);
		assert_int_equal(cosigned, i + 1);
	}
	assert_int_equal(store_get_checkpoint(f->store, 1, STORE_NEWEST_COSIGNED, &kept), PM_OK);
	assert_int_equal(kept.size, point.size);
	assert_int_equal(kept.cosigned, 2);
	for (size_t i = 0; i < 2; i++) {
		int64_t time = 0;

		assert_int_equal(tlog_note_verify(bytes_str(kept.note), &witnesses[i], &time),
				 PM_OK);
		assert_int_equal(time, 1760000000);
	}
	assert_true(log_status(f).not_witnessed < log_status(f).entries);
	assert_int_equal(fixture_count_entries(f, "log.cosign"), 2);
	/* A later line of the same witness takes the place of its older one. */
	cosign_note(point.note, signers[0], 1770000000, note);
	assert_int_equal(cosign(f, note, &cosigned), PM_OK);
	assert_int_equal(cosigned, 2);
	log_newest(f, 0);
	signer_free(&signers[0]);
	signer_free(&signers[1]);
}

static void a_database_without_what_a_witness_saw_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct signer *signers[2];
	char note[TLOG_NOTE_MAX];
	uint32_t cosigned = 0;

	reopen_with_witnesses(f, signers);
	cosign_note(log_newest(f, 0).note, signers[0], 1760000000, note);
	assert_int_equal(cosign(f, note, &cosigned), PM_OK);
	f->audit.anchor = NULL;
	log_close(f);
	fixture_sql(f, "DELETE FROM audit_checkpoint WHERE cosigned = 0");
	fixture_sql(f, "UPDATE audit_checkpoint SET note = replace(note, 'audit/1', 'audit/2')");
	fixture_reopen(f);
	log_assert_state(f, AUDIT_ALTERED, "checkpoint");
	signer_free(&signers[0]);
	signer_free(&signers[1]);
}

/* The witness has seen what this database has not, or has otherwise: `mints` more of its own. */
static void assert_witness_is_heard(void **state, int mints)
{
	struct fixture *f = *state;
	struct signer *signers[2];
	char note[TLOG_NOTE_MAX];
	uint32_t cosigned = 0;

	reopen_with_witnesses(f, signers);
	log_backup(f);
	log_mint(f);
	log_sign(f);
	cosign_note(log_newest(f, 0).note, signers[0], 1760000000, note);
	log_restore(f);
	assert_int_equal(unlink(f->anchor), 0);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
	for (int i = 0; i < mints; i++)
		log_mint(f);
	log_assert_state(f, AUDIT_GOOD, "");
	assert_int_equal(cosign(f, note, &cosigned), PM_CONFLICT);
	assert_non_null(strstr(f->actor.why, "backup"));
	log_assert_state(f, AUDIT_ALTERED, "from outside");
	assert_int_equal(log_try_mint(f), PM_AUDIT_BLOCKED);
	/* And not forgotten. */
	fixture_reopen(f);
	log_assert_state(f, AUDIT_ALTERED, "the anchor");
	signer_free(&signers[0]);
	signer_free(&signers[1]);
}

static void a_witness_that_has_seen_more_is_heard(void **state)
{
	assert_witness_is_heard(state, 0);
}

static void a_witness_that_has_seen_another_history_is_heard(void **state)
{
	assert_witness_is_heard(state, 50);
}

/* A witness of the new log has seen the end of the old one in it. */
static void a_cosigned_checkpoint_speaks_for_the_logs_before_it(void **state)
{
	struct fixture *f = *state;
	struct signer *signers[2];
	char note[TLOG_NOTE_MAX];
	struct vault_log opened;
	uint32_t cosigned = 0;
	uint64_t closed = 0;

	reopen_with_witnesses(f, signers);
	struct checkpoint_record point = log_newest(f, 0);
	cosign_note(point.note, signers[0], 1760000000, note);
	assert_int_equal(cosign(f, note, &cosigned), PM_OK);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &opened), PM_OK);
	assert_int_equal(store_log_size(f->store, 1, &closed), PM_OK);
	struct vault_audit_status status = log_status(f);
	assert_int_equal(status.not_witnessed, closed - point.size + status.entries);
	log_sign(f);
	assert_int_equal(log_status(f).not_witnessed, status.not_witnessed);
	point = log_newest(f, 0);
	cosign_note(point.note, signers[0], 1760000000, note);
	assert_int_equal(cosign(f, note, &cosigned), PM_OK);
	assert_int_equal(log_status(f).not_witnessed, log_status(f).entries - point.size);
	signer_free(&signers[0]);
	signer_free(&signers[1]);
}

/* Whichever call to the disk fails: who is told that it failed finds that it is not done. */
static void a_cosignature_that_failed_is_not_there(void **state)
{
	struct fixture *f = *state;
	struct signer *signers[2];
	char note[TLOG_NOTE_MAX];
	uint32_t cosigned = 0;
	bool fired = true;

	reopen_with_witnesses(f, signers);
	for (int nth = 0; fired; nth++) {
		assert_true(nth < 400);
		log_mint(f);
		log_sign(f);
		cosign_note(log_newest(f, 0).note, signers[0], 1760000000, note);
		struct actor *actor = fixture_actor(f);
		fault_vfs_arm(nth);
		enum pm_err err = vault_log_cosign(f->vault, actor, 0, bytes_str(note), &cosigned);
		fired = fault_vfs_fired();
		fault_vfs_disarm();
		fixture_until_admitted(f);
		if (err != PM_OUTCOME_UNKNOWN)
			assert_int_equal(
				vault_log_cosign(f->vault, actor, 0, bytes_str(note), &cosigned),
				err == PM_OK ? PM_ALREADY_DONE : PM_OK);
	}
	signer_free(&signers[0]);
	signer_free(&signers[1]);
}

static void who_is_no_witness_of_ours_is_refused(void **state)
{
	struct fixture *f = *state;
	struct signer *signers[2];
	struct signer *stranger CLEANUP(signer_free) =
		signer_from_seed("stranger.example", TLOG_COSIGNER, 0x60);
	struct signer *forger CLEANUP(signer_free) =
		signer_from_seed("witness.example/one", TLOG_COSIGNER, 0x60);
	char note[TLOG_NOTE_MAX];
	uint32_t cosigned = 0;

	reopen_with_witnesses(f, signers);
	struct checkpoint_record point = log_newest(f, 0);
	assert_int_equal(cosign(f, point.note, &cosigned), PM_DENIED);
	cosign_note(point.note, stranger, 1760000000, note);
	assert_int_equal(cosign(f, note, &cosigned), PM_DENIED);
	cosign_note(point.note, forger, 1760000000, note);
	assert_int_equal(cosign(f, note, &cosigned), PM_DENIED);
	assert_int_equal(cosign(f, "junk", &cosigned), PM_BAD_REQUEST);
	/* A witness's line, but not our checkpoint. */
	cosign_note(point.note, signers[0], 1760000000, note);
	note[strlen("vault.example/audit/")] = '9';
	assert_int_equal(cosign(f, note, &cosigned), PM_CONFLICT);
	assert_int_equal(fixture_count_entries(f, "log.cosign"), 0);
	signer_free(&signers[0]);
	signer_free(&signers[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_are_found_by_what_they_are_about),
		TEST(a_pattern_that_is_no_name_is_refused),
		TEST(entries_are_found_by_when_they_were_written),
		TEST(a_reader_goes_on_where_there_was_no_room),
		TEST(reading_is_itself_told),
		TEST(an_altered_entry_is_named_when_it_is_read),
		TEST(an_entry_is_proved_under_the_newest_checkpoint),
		TEST(what_was_altered_is_not_proved),
		TEST(damage_in_a_log_that_was_given_up_is_told_to_its_reader_only),
		TEST(damage_before_a_log_that_was_given_up_is_told_to_its_reader_only),
		TEST(damage_after_a_log_that_was_given_up_is_damage),
		TEST(all_entries_are_followed_across_a_rotation),
		TEST(the_lines_of_witnesses_are_kept),
		TEST(a_database_without_what_a_witness_saw_is_noticed),
		TEST(a_witness_that_has_seen_more_is_heard),
		TEST(a_witness_that_has_seen_another_history_is_heard),
		TEST(a_cosigned_checkpoint_speaks_for_the_logs_before_it),
		TEST(a_cosignature_that_failed_is_not_there),
		TEST(who_is_no_witness_of_ours_is_refused),
	};

	fault_vfs_register();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
