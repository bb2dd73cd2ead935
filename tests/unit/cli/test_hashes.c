/* `peppermint hash …` and `peppermint pepper …`. */
#include "run_cli.h"

static void hash_prints_one_hash_per_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "a\nbb\n", "hash", "--env", "test", "--pepper", "email"), 0);
	assert_string_equal(f->out, "v2:1-61\nv2:2-62\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->hash->pepper, "email");
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void a_hashed_value_may_be_any_bytes(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with_input(f, "\0\xff\r\n", 4, "hash", "--env", "test", "--pepper",
					"email", NULL),
			 0);
	assert_string_equal(f->out, "v2:3-00\n");
}

static void an_empty_value_is_named_by_its_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "a\n\nb\n", "hash", "--env", "test", "--pepper", "email"), 2);
	assert_says(f->err, "line 2 is empty");
	assert_int_equal(canned_count(f->canned), 0);
}

static void hash_as_json_is_an_array(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "a\nbb", "hash", "--env", "test", "--pepper", "e", "--json"),
			 0);
	json_t *json = output_json(f);
	json_t *second = json_array_get(json, 1);
	assert_string_equal(json_string_value(json_object_get(second, "hash")), "v2:2-62");
	assert_int_equal(json_integer_value(json_object_get(second, "line")), 2);
	json_decref(json);
}

static void hash_verify_takes_the_hash_after_the_last_space(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "match " CANNED_HASH "\nmatch " CANNED_OLD_HASH "\n", "hash",
				  "verify", "--env", "test", "--pepper", "email"),
			 0);
	assert_says(f->out, "LINE  MATCH  NOTE\n1     yes    -\n");
	assert_says(f->out, "2     yes    under a compromised pepper version: hash it again");
	assert_int_equal(run_with(f, "a b c " CANNED_HASH, "hash", "verify", "--env", "test",
				  "--pepper", "email"),
			 1);
	assert_says(f->out, "1     no     MISMATCH: ");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->verify_hash->items[0]->value.len, strlen("a b c"));
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void hash_verify_as_json_has_match_and_outdated(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "match " CANNED_OLD_HASH "\nno " CANNED_HASH, "hash", "verify",
				  "--env", "test", "--pepper", "email", "--json"),
			 1);
	json_t *json = output_json(f);
	assert_true(json_is_true(json_object_get(json_array_get(json, 0), "outdated")));
	assert_true(json_is_false(json_object_get(json_array_get(json, 1), "match")));
	json_decref(json);
}

static void hash_verify_wants_a_value_and_a_hash_on_each_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "match " CANNED_HASH "\nnohash\n", "hash", "verify", "--env",
				  "test", "--pepper", "email"),
			 2);
	assert_says(f->err, "line 2 is not VALUE HASH");
	assert_never_says(f->err, "nohash");
}

static void pepper_list_has_a_row_for_each_version(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "list", "--env", "test"), 0);
	assert_says(f->out, "email   v1       VERIFY_ONLY  2026-01-01T00:00:00Z  "
			    "010203000000000000000000000000ff  0102030000000000\n");
	assert_says(f->out, "email   v2       ACTIVE       ");
}

static void pepper_list_as_json_has_the_versions(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "list", "--env", "test", "--json"), 0);
	json_t *json = output_json(f);
	json_t *versions = json_object_get(json_array_get(json, 0), "versions");
	assert_int_equal(json_array_size(versions), 2);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(versions, 1), "state")), "ACTIVE");
	json_decref(json);
}

static void pepper_create_and_rotate_name_the_pepper(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "pepper", "create", "--env", "test", "pan"), 0);
	assert_says(f->out, "pan     v1       ACTIVE");
	assert_int_equal(run(f, "pepper", "rotate", "--env", "test", "pan"), 0);
	assert_says(f->out, "pan     v2       ACTIVE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hash_prints_one_hash_per_line),
		TEST(a_hashed_value_may_be_any_bytes),
		TEST(an_empty_value_is_named_by_its_line),
		TEST(hash_as_json_is_an_array),
		TEST(hash_verify_takes_the_hash_after_the_last_space),
		TEST(hash_verify_as_json_has_match_and_outdated),
		TEST(hash_verify_wants_a_value_and_a_hash_on_each_line),
		TEST(pepper_list_has_a_row_for_each_version),
		TEST(pepper_list_as_json_has_the_versions),
		TEST(pepper_create_and_rotate_name_the_pepper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
