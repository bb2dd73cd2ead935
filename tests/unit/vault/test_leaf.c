/* A leaf's text: its members and their order, what does not fit, and the hidden texts. */
#include "leaf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"
#include "names.h"
#include "vault_fixture.h"

static struct environment *live(struct fixture *f)
{
	return &f->vault->environments[LIVE_ENV];
}

static void begin(struct leaf *leaf, struct fixture *f)
{
	leaf_begin(leaf, LEAF_KEY_READ, fixture_actor(f), f->vault->audit, live(f));
}

/* The store's part of an entry put before it, the text parses. */
static json_t *parse(struct leaf *leaf)
{
	char entry[STORE_LEAF_TEXT_MAX + 8];
	json_error_t error;

	assert_int_equal(leaf_end(leaf), PM_OK);
	snprintf(entry, sizeof(entry), "{%.*s", (int)leaf->record.text.len,
		 (const char *)leaf->record.text.data);
	json_t *parsed = json_loads(entry, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(parsed);
	return parsed;
}

static void members_stand_in_their_order(void **state)
{
	static const char *const order[] = { "ts",     "type",     "ok",   "caller", "uid",
					     "pid",    "operator", "from", "env",    "request",
					     "policy", "zebra",    "ant" };
	struct fixture *f = *state;
	struct leaf leaf CLEANUP(leaf_drop);
	const char *name = NULL;
	json_t *value = NULL;
	size_t i = 0;

	begin(&leaf, f);
	leaf_text(&leaf, "zebra", "z");
	leaf_text(&leaf, "ant", "a");
	json_t *parsed = parse(&leaf);
	json_object_foreach(parsed, name, value)
	{
		assert_true(i < sizeof(order) / sizeof(order[0]));
		assert_string_equal(name, order[i++]);
	}
	json_decref(parsed);
	assert_memory_equal(leaf.record.text.data, "\"ts\":\"", 6);
	assert_int_equal(leaf.record.text.data[leaf.record.text.len - 1], '}');
}

static void what_the_vault_does_by_itself_is_told_as_its_own(void **state)
{
	struct fixture *f = *state;
	struct leaf leaf CLEANUP(leaf_drop);

	leaf_begin(&leaf, LEAF_HSM_FAULT, NULL, f->vault->audit, NULL);
	json_t *parsed = parse(&leaf);
	assert_string_equal(entry_text(parsed, "caller"), "peppermintd");
	assert_string_equal(entry_text(parsed, "operator"), "-");
	assert_string_equal(entry_text(parsed, "from"), "local");
	assert_string_equal(entry_text(parsed, "env"), "-");
	assert_string_equal(entry_text(parsed, "request"), "-");
	json_decref(parsed);
}

static void what_has_no_room_is_said_and_not_cut(void **state)
{
	struct fixture *f = *state;
	struct leaf leaf CLEANUP(leaf_drop);
	char *text = calloc(1, STORE_LEAF_TEXT_MAX + 1);

	memset(text, 'x', STORE_LEAF_TEXT_MAX);
	begin(&leaf, f);
	leaf_text(&leaf, "detail", text);
	assert_int_equal(leaf_end(&leaf), PM_TOO_LARGE);
	free(text);
}

static void more_hidden_texts_than_there_is_room_for_are_our_error(void **state)
{
	static const char *const fields[] = { "a", "b", "c", "d", "e", "f", "g" };
	struct fixture *f = *state;
	struct leaf leaf CLEANUP(leaf_drop);

	begin(&leaf, f);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		leaf_hide(&leaf, fields[i], "text");
	assert_int_equal(leaf_end(&leaf), PM_INTERNAL);
}

static void a_foreign_text_that_is_not_clean_is_left_out(void **state)
{
	struct fixture *f = *state;
	struct leaf leaf CLEANUP(leaf_drop);

	begin(&leaf, f);
	leaf_text(&leaf, "broken", "\xff\xfe");
	leaf_text(&leaf, "control", "a\nb\x1b[31m");
	leaf_text(&leaf, "good", "token \"ä\" \\ {}");
	json_t *parsed = parse(&leaf);
	assert_string_equal(entry_text(parsed, "broken"), "unprintable");
	assert_string_equal(entry_text(parsed, "control"), "unprintable");
	assert_string_equal(entry_text(parsed, "good"), "token \"ä\" \\ {}");
	json_decref(parsed);
}

static void a_text_that_was_not_resolved_is_hidden_all_the_same(void **state)
{
	struct fixture *f = *state;
	struct leaf leaf CLEANUP(leaf_drop);

	begin(&leaf, f);
	leaf_hide(&leaf, "account", "acme");
	leaf_hide(&leaf, "product", "");
	json_t *parsed = parse(&leaf);
	assert_string_equal(entry_text(parsed, "account"), "hidden");
	assert_null(json_object_get(parsed, "product"));
	json_decref(parsed);
}

static void a_text_is_hidden_alike_in_every_member_and_known_the_second_time(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct leaf leaf CLEANUP(leaf_drop);
		struct hsm_job jobs[LEAF_HIDDEN_MAX];

		begin(&leaf, f);
		leaf_hide(&leaf, "account", "acme");
		/* The operator, the account and the request id; then the request id alone. */
		assert_int_equal(leaf_jobs(&leaf, jobs), i == 0 ? 3 : 1);
		leaf_resolve(&leaf, f->actor.deadline);
		leaf_hide(&leaf, "product", "acme");
		leaf_resolve(&leaf, f->actor.deadline);
		json_t *parsed = parse(&leaf);
		assert_string_equal(entry_text(parsed, "account"), entry_text(parsed, "product"));
		assert_int_equal(strlen(entry_text(parsed, "account")), strlen("v1:") + 43);
		json_decref(parsed);
	}
}

/* More texts than it has room for: it forgets, but never gives one the tag of another. */
static void the_table_of_known_texts_is_bounded_and_never_wrong(void **state)
{
	struct names *names = NULL;
	char text[32], tag[VAULT_HASH_TEXT_MAX + 1];
	size_t known = 0;

	(void)state;
	assert_int_equal(names_new(&names), PM_OK);
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "account %d", i);
		names_keep(names, 1, text, text);
	}
	for (int i = 0; i < 5000; i++) {
		snprintf(text, sizeof(text), "account %d", i);
		assert_false(names_find(names, 2, text, tag));
		if (!names_find(names, 1, text, tag))
			continue;
		assert_string_equal(tag, text);
		known++;
	}
	assert_true(known > 100 && known <= 1024);
	names_free(names);
}

/* What doc/audit-log.md says that the HMAC covers. */
static void a_hidden_text_is_covered_with_its_environment_and_nothing_else(void **state)
{
	static const char expected[] = "\0\0\0\x18peppermint/v1/audit-text"
				       "\0\0\0\x04live"
				       "\0\0\0\x04"
				       "acme";
	struct fixture *f = *state;
	uint8_t room[LEAF_COVER_ROOM];
	struct buf covered = BUF(room);

	leaf_cover(live(f), "acme", &covered);
	assert_false(covered.full);
	assert_int_equal(covered.len, sizeof(expected) - 1);
	assert_memory_equal(covered.data, expected, covered.len);
}

static void a_text_under_a_token_that_was_not_checked_stays_hidden(void **state)
{
	struct fixture *f = *state;
	struct leaf leaf CLEANUP(leaf_drop);

	fake_hsm_restart(f->hsm[LIVE_ENV]);
	begin(&leaf, f);
	leaf_hide(&leaf, "account", "acme");
	leaf_resolve(&leaf, f->actor.deadline);
	json_t *parsed = parse(&leaf);
	assert_string_equal(entry_text(parsed, "account"), "hidden");
	json_decref(parsed);
}

/* Rows of the tables begin "| `type` |". */
static size_t find_documented(bool seen[LEAF_TYPE_COUNT])
{
	FILE *doc CLEANUP(close_file) = fopen(PM_DOC, "r");
	char line[1024], type[32];
	size_t count = 0;

	assert_non_null(doc);
	while (fgets(line, sizeof(line), doc)) {
		if (sscanf(line, "| `%31[a-z.-]` |", type) != 1 || !strchr(type, '.'))
			continue;
		count++;
		for (int i = 0; i < LEAF_TYPE_COUNT; i++)
			seen[i] |= strcmp(leaf_type_name((enum leaf_type)i), type) == 0;
	}
	return count;
}

static void the_documented_types_are_the_types(void **state)
{
	bool seen[LEAF_TYPE_COUNT] = { false };

	(void)state;
	assert_int_equal(find_documented(seen), LEAF_TYPE_COUNT);
	for (int i = 0; i < LEAF_TYPE_COUNT; i++) {
		if (!seen[i])
			fail_msg("%s is not in " PM_DOC, leaf_type_name((enum leaf_type)i));
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(members_stand_in_their_order),
		TEST(what_the_vault_does_by_itself_is_told_as_its_own),
		TEST(what_has_no_room_is_said_and_not_cut),
		TEST(more_hidden_texts_than_there_is_room_for_are_our_error),
		TEST(a_foreign_text_that_is_not_clean_is_left_out),
		TEST(a_text_that_was_not_resolved_is_hidden_all_the_same),
		TEST(a_text_is_hidden_alike_in_every_member_and_known_the_second_time),
		TEST(a_hidden_text_is_covered_with_its_environment_and_nothing_else),
		TEST(a_text_under_a_token_that_was_not_checked_stays_hidden),
		cmocka_unit_test(the_table_of_known_texts_is_bounded_and_never_wrong),
		cmocka_unit_test(the_documented_types_are_the_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
