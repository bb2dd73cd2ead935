/* Exported logs: whose they are, how they follow each other, and what they were earlier. */
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "verify_fixture.h"

static void a_log_signed_by_another_key_is_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export forged = first_log(f, 300);

	forged.signer = f->logs[3]; /* of the same name */
	log_export_write(&forged, NULL);
	assert_fault(f, "log 1: checkpoint: signature of another key");
	forged.signer = f->logs[1];
	log_export_write(&forged, NULL);
	assert_fault(f, "log 1: its checkpoint is of " NAME "2, and no key of that name was given");
}

static void the_vkey_file_is_held_against_the_key(void **state)
{
	struct fixture *f = *state;
	char vkey[TLOG_VKEY_MAX + 2];

	write_first(f, 3);
	tlog_key_format(signer_key(f->logs[3]), vkey);
	strcat(vkey, "\n");
	put(f, "1/log.vkey", vkey, strlen(vkey));
	assert_fault(f, "log 1: log.vkey is not the key that this log must have");
}

static void cosignatures_are_counted_and_checked_when_their_keys_are_given(void **state)
{
	struct fixture *f = *state;
	struct log_export export = first_log(f, 300);

	export.witness = f->witness;
	log_export_write(&export, NULL);
	assert_good(f);
	assert_int_equal(f->report.logs[0].witnessed, 0);
	assert_int_equal(f->report.logs[0].unknown, 1);
	f->options.witnesses = &f->witness_key;
	f->options.witness_count = 1;
	assert_good(f);
	assert_int_equal(f->report.logs[0].witnessed, 1);
	assert_int_equal(f->report.logs[0].unknown, 0);
	write_first(f, 300);
	assert_good(f);
	assert_int_equal(f->report.logs[0].witnessed, 0);
}

/* Of a witness whose key was given; nothing vouches for the lines of others but their form. */
static void a_bad_cosignature_is_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export export = first_log(f, 3), other = first_log(f, 2);

	f->options.witnesses = &f->witness_key;
	f->options.witness_count = 1;
	export.witness = other.witness = f->witness;
	struct note note = log_export_note(&other);
	char text[TLOG_NOTE_MAX + 1] = "";
	memcpy(text, note.data, note.len);
	const char *line = strstr(text, "\xe2\x80\x94 witness");
	assert_non_null(line);
	export.witness = NULL;
	log_export_write(&export, NULL);
	add(f, "1/checkpoint", line);
	assert_fault(f, "log 1: checkpoint: the cosignature of witness.example/w1 does not verify");
	f->options.witness_count = 0;
	assert_good(f);
	add(f, "1/checkpoint", "\xe2\x80\x94 no.form\n");
	assert_fault(f, "log 1: checkpoint: it is not one");
}

/* Three logs, each closed by the one before. */
static void write_chain(struct fixture *f)
{
	struct tlog_checkpoint first, second;
	struct log_export one = first_log(f, 300), two = one, three = one;

	one.next = f->logs[1];
	log_export_write(&one, &first);
	two.log = 2;
	two.size = 2;
	two.signer = f->logs[1];
	two.next = f->logs[2];
	two.before = &first;
	log_export_write(&two, &second);
	three.log = 3;
	three.size = 700;
	three.signer = f->logs[2];
	three.before = &second;
	log_export_write(&three, NULL);
}

static void one_key_vouches_for_all_logs_that_follow(void **state)
{
	struct fixture *f = *state;

	write_chain(f);
	assert_good(f);
	assert_int_equal(f->report.count, 3);
	assert_int_equal(f->report.entries, 1002);
	assert_int_equal(f->report.logs[0].end, VERIFIED_CLOSED);
	assert_int_equal(f->report.logs[1].end, VERIFIED_CLOSED);
	assert_int_equal(f->report.logs[2].end, VERIFIED_OPEN);
	assert_string_equal(f->report.logs[2].origin, NAME "3");
}

/* Whatever key is given for the next one: a vault drops no log, however old its entries. */
static void an_export_without_its_first_log_is_refused(void **state)
{
	struct fixture *f = *state;
	char aside[TMPDIR_MAX + 8];

	write_chain(f);
	snprintf(aside, sizeof(aside), "%s.1", f->folder);
	assert_int_equal(rename(path_of(f, "1"), aside), 0);
	assert_fault_has(f, "no key of that name was given");
	f->keys[0] = *signer_key(f->logs[1]);
	assert_fault(f, "log 1 is missing: the first one here is log 2, and its first entry does "
			"not say that what was before it was given up");
	tmpdir_remove(aside);
}

static void a_first_log_may_come_after_one_that_was_given_up(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint before = { .origin = NAME "1", .size = 7 };
	struct log_export two = first_log(f, 300);

	two.log = 2;
	two.signer = f->logs[1];
	two.before = &before;
	two.abandoned = true;
	log_export_write(&two, NULL);
	f->keys[0] = *signer_key(f->logs[1]);
	assert_good(f);
	assert_int_equal(f->report.count, 1);
	assert_true(f->report.logs[0].restarted);
	restart(f);
	write_first(f, 300);
	f->keys[0] = *signer_key(f->logs[0]);
	assert_good(f);
	assert_false(f->report.logs[0].restarted);
}

/* The folder's name is anybody's; the origin, which is signed, has the number, too. */
static void a_log_in_another_ones_folder_is_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export two = first_log(f, 300);

	two.signer = f->logs[1];
	two.minimum = 256; /* so that its first entry does not tell */
	log_export_write(&two, NULL);
	f->keys[0] = *signer_key(f->logs[1]);
	assert_fault(f, "log 1: its checkpoint is of " NAME "2: another log");
}

static void a_missing_log_is_named(void **state)
{
	static const char *const faults[] = {
		"log 2: it is missing",
		"log 3: it is missing, and the log before it ends by naming it: " NAME "3 (an "
		"export that was ended leaves it so: run it again)",
	};
	struct fixture *f = *state;
	char aside[TMPDIR_MAX + 8];

	snprintf(aside, sizeof(aside), "%s.x", f->folder);
	for (size_t i = 0; i < COUNT(faults); i++) {
		write_chain(f);
		assert_int_equal(rename(path_of(f, i == 0 ? "2" : "3"), aside), 0);
		assert_fault(f, faults[i]);
		tmpdir_remove(aside);
		restart(f);
	}
}

static void a_log_that_does_not_continue_the_one_before_is_refused(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint first, changed;
	struct log_export one = first_log(f, 300), two = one;

	one.next = f->logs[1];
	log_export_write(&one, &first);
	two.log = 2;
	two.size = 3;
	two.signer = f->logs[1];
	log_export_write(&two, NULL);
	assert_fault(f, "log 2: its first entry does not continue the log before it");
	for (int i = 0; i < 3; i++) {
		changed = first;
		changed.size -= i == 0;
		changed.root.bytes[5] ^= i == 1;
		changed.origin[0] = i == 2 ? 'V' : changed.origin[0];
		two.before = &changed;
		log_export_write(&two, NULL);
		assert_fault_has(f, i == 2 ? "does not continue" : "another size or root");
	}
	two.before = &first;
	two.signer = f->logs[2];
	log_export_write(&two, NULL);
	assert_fault(f, "log 2: it is not the one that the log before names as the next");
}

static void a_log_without_an_end_is_refused(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint first;
	struct log_export one = first_log(f, 300), two = one;

	log_export_write(&one, &first);
	two.log = 2;
	two.signer = f->logs[1];
	two.before = &first;
	log_export_write(&two, NULL);
	f->keys[1] = *signer_key(f->logs[1]);
	f->options.key_count = 2;
	assert_fault_has(f, "log 2: the log before it has no end");
}

static void a_log_after_an_abandoned_one_needs_its_own_key(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint first;
	struct log_export one = first_log(f, 300), two = one;

	log_export_write(&one, &first);
	first.size = 123; /* what its vault was left with */
	two.log = 2;
	two.signer = f->logs[1];
	two.before = &first;
	two.abandoned = true;
	log_export_write(&two, NULL);
	assert_fault_has(f, "log 2: its checkpoint is of " NAME "2, and no key of that name was");
	f->keys[1] = *signer_key(f->logs[1]);
	f->options.key_count = 2;
	assert_good(f);
	assert_int_equal(f->report.logs[0].end, VERIFIED_ABANDONED);
}

/* The vault cannot say where a damaged log ended: it only says that there was one. */
static void a_log_may_come_after_a_damaged_one_unless_that_was_closed(void **state)
{
	struct fixture *f = *state;
	struct log_export one = first_log(f, 300), two = one;

	log_export_write(&one, NULL);
	two.log = 2;
	two.signer = f->logs[1];
	two.abandoned = true;
	log_export_write(&two, NULL);
	f->keys[1] = *signer_key(f->logs[1]);
	f->options.key_count = 2;
	assert_good(f);
	assert_int_equal(f->report.logs[0].end, VERIFIED_ABANDONED);
	two.abandoned = false;
	log_export_write(&two, NULL);
	assert_fault(f, "log 2: its first entry does not continue the log before it");
	two.abandoned = true;
	log_export_write(&two, NULL);
	one.next = f->logs[1];
	log_export_write(&one, NULL);
	assert_fault(f, "log 2: its first entry does not continue the log before it");
}

static void every_older_checkpoint_is_consistent(void **state)
{
	struct fixture *f = *state;

	write_first(f, 600);
	for (uint64_t size = 1; size <= 600; size += size % 256 < 3 || size > 597 ? 1 : 31) {
		struct log_export older = first_log(f, size);
		struct note note = log_export_note(&older);

		f->options.since = note_bytes(&note);
		assert_good(f);
		assert_true(f->report.consistent);
	}
}

static void an_older_checkpoint_of_other_leaves_is_refused(void **state)
{
	struct fixture *f = *state;

	write_first(f, 600);
	for (uint64_t size = 2; size <= 600; size += 23) {
		struct log_export fork = first_log(f, size);

		fork.fill = "y";
		struct note note = log_export_note(&fork);
		f->options.since = note_bytes(&note);
		assert_fault_has(f, "log 1 is not consistent with the older checkpoint");
	}
}

static void a_log_smaller_than_its_older_checkpoint_is_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export older = first_log(f, 601);
	struct note note = log_export_note(&older);

	write_first(f, 600);
	f->options.since = note_bytes(&note);
	assert_fault(f, "log 1: the older checkpoint is of 601 leaves and this one of 600: leaves "
			"were taken away");
}

static void an_older_checkpoint_must_be_this_logs(void **state)
{
	struct fixture *f = *state;
	struct log_export older = first_log(f, 100);

	write_first(f, 600);
	older.signer = f->logs[3];
	struct note note = log_export_note(&older);
	f->options.since = note_bytes(&note);
	assert_fault(f, "log 1: the older checkpoint does not bear this log's signature");
	older.signer = f->logs[1];
	note = log_export_note(&older);
	assert_fault(f, "the older checkpoint is of " NAME "2, and no log of this export is");
	f->options.since = bytes_of("rubbish", 7);
	assert_fault(f, "the older checkpoint is not one");
}

static void an_older_checkpoint_may_be_of_any_log_of_the_export(void **state)
{
	struct fixture *f = *state;

	write_chain(f);
	struct content note = get(f, "2/checkpoint");
	f->options.since = bytes_of(note.data, note.len);
	assert_good(f);
	assert_true(f->report.consistent);
}

/* An entry that tells of pruning; the text stands until the next one is made. */
static const char *prune_entry(uint64_t index, unsigned log, uint64_t minimum)
{
	static char text[160];

	snprintf(text, sizeof(text),
		 "{\"v\":1,\"seq\":%" PRIu64 ",\"type\":\"log.prune\",\"origin\":\"" NAME
		 "%u\",\"minimum\":%" PRIu64 "}",
		 index, log, minimum);
	return text;
}

/* Log 1 without its first entries; its last one says how many of them were pruned. */
static struct log_export pruned_log(struct fixture *f, uint64_t size, uint64_t minimum,
				    uint64_t said)
{
	struct log_export export = first_log(f, size);

	export.minimum = minimum;
	export.odd_index = size - 1;
	export.odd = prune_entry(size - 1, 1, said);
	return export;
}

static void a_pruned_log_is_good_and_says_from_where_on(void **state)
{
	static const uint64_t cases[][2] = { { 300, 256 },     { 1000, 256 },  { 1000, 768 },
					     { 66000, 65536 }, { 66000, 512 }, { 66000, 65792 } };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct log_export export = pruned_log(f, cases[i][0], cases[i][1], cases[i][1]);

		log_export_write(&export, NULL);
		assert_good(f);
		assert_int_equal(f->report.logs[0].minimum, cases[i][1]);
		assert_int_equal(f->report.entries, cases[i][0] - cases[i][1]);
		restart(f);
	}
}

static void missing_entries_that_nobody_pruned_are_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export export = pruned_log(f, 1000, 512, 256);

	log_export_write(&export, NULL);
	assert_fault(f, "log 1: entries below 512 are missing, and signed entries say only of "
			"those below 256 that they were pruned");
	export.odd = NULL;
	log_export_write(&export, NULL);
	assert_fault_has(f, "only of those below 0 that");
}

/* Two logs. What the first lacks, an entry of the second may tell of. */
static void an_entry_that_tells_of_pruning_is_found_in_any_later_log(void **state)
{
	static const uint64_t sizes[] = { 600, 512, 65536 }; /* of two, not even the last is left */
	struct fixture *f = *state;

	f->keys[1] = *signer_key(f->logs[1]);
	f->options.key_count = 2;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct log_export one = first_log(f, sizes[i]), two = first_log(f, 10);
		struct tlog_checkpoint first;

		one.next = f->logs[1];
		one.minimum = sizes[i] / 256 * 256;
		log_export_write(&one, &first);
		two.log = 2;
		two.signer = f->logs[1];
		two.before = &first;
		log_export_write(&two, NULL);
		assert_fault_has(f, "are missing, and signed entries say");
		two.odd_index = 7;
		two.odd = prune_entry(7, 1, one.minimum);
		log_export_write(&two, NULL);
		assert_good(f);
		assert_int_equal(f->report.logs[0].minimum, one.minimum);
		assert_int_equal(f->report.logs[0].said_minimum, one.minimum);
		assert_int_equal(f->report.logs[1].said_minimum, 0);
		assert_int_equal(f->report.logs[0].end,
				 i == 0 ? VERIFIED_CLOSED : VERIFIED_UNKNOWN);
		restart(f);
	}
}

/* The entry that told of the first log may itself have been old enough to go. */
static void what_is_older_than_pruned_entries_was_pruned_too(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint first;
	struct log_export one = first_log(f, 600), two = first_log(f, 700);

	one.next = f->logs[1];
	one.minimum = 512;
	log_export_write(&one, &first);
	two.log = 2;
	two.signer = f->logs[1];
	two.before = &first;
	two.minimum = 256;
	log_export_write(&two, NULL);
	assert_fault_has(f, "log 2: entries below 256 are missing");
	two.odd_index = 600;
	two.odd = prune_entry(600, 2, 256);
	log_export_write(&two, NULL);
	assert_good(f);
}

static void pruned_entries_cannot_hide_a_changed_hash(void **state)
{
	struct fixture *f = *state;
	struct log_export export = pruned_log(f, 1000, 512, 512);

	log_export_write(&export, NULL);
	assert_good(f);
	struct content tile = get(f, "1/tile/1/000.p/3");
	for (size_t i = 0; i < 3; i++) {
		tile.data[32 * i] ^= 1;
		put(f, "1/tile/1/000.p/3", tile.data, tile.len);
		assert_false(check(f));
		tile.data[32 * i] ^= 1;
	}
}

static void a_hole_is_no_pruning(void **state)
{
	static const char *const holes[] = { "1/tile/entries/000", "1/tile/entries/002",
					     "1/tile/0/000",       "1/tile/0/002",
					     "1/tile/1/000.p/3",   "1/tile/entries/003.p/232" };
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(holes); i++) {
		write_first(f, 1000);
		assert_int_equal(unlink(path_of(f, holes[i])), 0);
		assert_fault_has(f, holes[i] + strlen("1/"));
		assert_fault_has(f, "missing");
		restart(f);
	}
}

static void an_older_checkpoint_among_pruned_entries_is_checked_or_refused(void **state)
{
	struct fixture *f = *state;
	struct log_export export = pruned_log(f, 1000, 768, 768), older = export;

	log_export_write(&export, NULL);
	for (older.size = 200; older.size <= 1000; older.size += 8) {
		struct note note = log_export_note(&older);

		f->options.since = note_bytes(&note);
		if (older.size >= 768 || older.size % 256 == 0) {
			assert_good(f);
			assert_true(f->report.consistent);
		} else {
			assert_fault_has(f, "nothing can be said of it");
		}
	}
}

static void logs_that_are_pruned_still_follow_each_other(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint first;
	struct log_export one = first_log(f, 300), two = one;

	one.next = f->logs[1];
	one.minimum = 256;
	log_export_write(&one, &first);
	two.log = 2;
	two.signer = f->logs[1];
	two.before = &first;
	two.minimum = 256;
	two.odd_index = 299;
	two.odd = prune_entry(299, 2, 256);
	two.next = NULL;
	log_export_write(&two, NULL);
	assert_good(f);
	assert_int_equal(f->report.logs[0].end, VERIFIED_CLOSED);
}

static void entries_that_the_vault_would_not_write_are_named(void **state)
{
	static const struct {
		uint64_t index;
		const char *text, *fault;
		bool only_strict;
	} odd[] = {
		{ 5, "", "is not an entry of an audit log", false },
		{ 5, "{}", "is not an entry of an audit log", false },
		{ 5, "{\"v\":1,\"seq\":5,\"a\":1", "is not an entry of an audit log", false },
		{ 5, "{\"v\":1,\"seq\":5,\n}", "is not an entry of an audit log", false },
		{ 5, "{\"v\":2,\"seq\":5,\"a\":1}", "is not an entry of an audit log", false },
		{ 5, "{\"v\":1,\"seq\":6,\"a\":1}", "is out of order", false },
		{ 5, "{\"v\":1,\"seq\":05,\"a\":1}", "is out of order", false },
		{ 5, "{\"v\":1,\"seq\":5,\"a\":}", "is not a JSON object", true },
		{ 5, "{\"v\":1,\"seq\":5,\"seq\":6}", "is not a JSON object", true },
		{ 0, "{\"v\":1,\"seq\":0,\"a\":}", "is not a JSON object", false },
		{ 0, "{\"v\":1,\"seq\":0,\"a\":1}", "does not say where the log before", false },
		{ 0, "{\"v\":1,\"seq\":0,\"prev\":{}}", "does not say where the log before",
		  false },
		{ 0, "{\"v\":1,\"seq\":0,\"prev\":7}", "does not say where the log before", false },
		{ 9, "{\"v\":1,\"seq\":9,\"type\":\"log.close\"}", "does not name the next",
		  false },
		{ 9,
		  "{\"v\":1,\"seq\":9,\"type\":\"log.close\",\"next_origin\":\"x\",\"next_vkey\":"
		  "7}",
		  "does not name the next", false },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < COUNT(odd); i++) {
		struct log_export export = first_log(f, 10);

		export.odd = odd[i].text;
		export.odd_index = odd[i].index;
		log_export_write(&export, NULL);
		f->options.strict = odd[i].only_strict;
		assert_fault_has(f, odd[i].fault);
		f->options.strict = false;
		if (odd[i].only_strict)
			assert_good(f);
		restart(f);
	}
}

static void a_first_log_that_had_one_before_is_refused(void **state)
{
	struct fixture *f = *state;
	struct tlog_checkpoint before = { .origin = NAME "0", .size = 7 };
	struct log_export export = first_log(f, 10);

	export.before = &before;
	log_export_write(&export, NULL);
	assert_fault(f, "log 1: its first entry says that there was a log before it");
}

static void an_empty_folder_or_log_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_fault_has(f, "holds no log");
	write_first(f, 0);
	assert_fault(f, "log 1: checkpoint: it is of no entries, and a log always has one");
	f->options.key_count = 0;
	tmpdir_remove(f->folder);
	assert_fault_has(f, "No such file or directory");
}

static void count_progress(void *arg, uint32_t log, uint64_t done, uint64_t size)
{
	uint64_t *last = arg;

	assert_int_equal(log, 1);
	assert_int_equal(size, 600);
	assert_true(done > *last && done <= size);
	*last = done;
}

static void progress_ends_at_the_last_entry(void **state)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	write_first(f, 600);
	f->options.progress = count_progress;
	f->options.arg = &last;
	assert_good(f);
	assert_int_equal(last, 600);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_log_signed_by_another_key_is_refused),
		TEST(the_vkey_file_is_held_against_the_key),
		TEST(cosignatures_are_counted_and_checked_when_their_keys_are_given),
		TEST(a_bad_cosignature_is_refused),
		TEST(one_key_vouches_for_all_logs_that_follow),
		TEST(an_export_without_its_first_log_is_refused),
		TEST(a_first_log_may_come_after_one_that_was_given_up),
		TEST(a_log_in_another_ones_folder_is_refused),
		TEST(a_missing_log_is_named),
		TEST(a_log_that_does_not_continue_the_one_before_is_refused),
		TEST(a_log_without_an_end_is_refused),
		TEST(a_log_after_an_abandoned_one_needs_its_own_key),
		TEST(a_log_may_come_after_a_damaged_one_unless_that_was_closed),
		TEST(every_older_checkpoint_is_consistent),
		TEST(an_older_checkpoint_of_other_leaves_is_refused),
		TEST(a_log_smaller_than_its_older_checkpoint_is_refused),
		TEST(an_older_checkpoint_must_be_this_logs),
		TEST(an_older_checkpoint_may_be_of_any_log_of_the_export),
		TEST(a_pruned_log_is_good_and_says_from_where_on),
		TEST(missing_entries_that_nobody_pruned_are_refused),
		TEST(an_entry_that_tells_of_pruning_is_found_in_any_later_log),
		TEST(what_is_older_than_pruned_entries_was_pruned_too),
		TEST(pruned_entries_cannot_hide_a_changed_hash),
		TEST(a_hole_is_no_pruning),
		TEST(an_older_checkpoint_among_pruned_entries_is_checked_or_refused),
		TEST(logs_that_are_pruned_still_follow_each_other),
		TEST(entries_that_the_vault_would_not_write_are_named),
		TEST(a_first_log_that_had_one_before_is_refused),
		TEST(an_empty_folder_or_log_is_refused),
		TEST(progress_ends_at_the_last_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
