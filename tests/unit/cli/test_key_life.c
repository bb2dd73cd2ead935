/* An API key's life by `peppermint key …`: what is sent, what is shown, and what is asked first. */
#include <stdio.h>
#include <stdlib.h>

#include "run_cli.h"

#define BASIC                                                                                      \
	"TTAwMTc6YWtfdGVzdF9BQUFBQkJCQkNDQ0NEREREXzAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0" \
	"NTY3ODkwMTJhYmNkZWY="

static void put_file(const struct fixture *f, const char *name, const char *text, char path[128])
{
	snprintf(path, 128, "%s/%s", f->dir, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void release(Peppermint__V1__Request *request)
{
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void mint_takes_all_of_a_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--ref",
			     "till-9", "--scope", "pay", "--scope", "refund:read", "--label",
			     "team=billing & more", "--label", "tier=", "--network", "10.0.0.0/8",
			     "--not-before", "1900000000", "--expires", "2000000000", "--disabled",
			     "--recoverable"),
			 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	const Peppermint__V1__MintKeyRequest *asked = request->mint_key;
	assert_string_equal(asked->external_reference, "till-9");
	assert_int_equal(asked->n_scopes, 2);
	assert_string_equal(asked->scopes[1], "refund:read");
	assert_int_equal(asked->n_labels, 2);
	assert_string_equal(asked->labels[0]->key, "team");
	assert_string_equal(asked->labels[0]->value, "billing & more");
	assert_string_equal(asked->labels[1]->value, "");
	assert_string_equal(asked->networks[0], "10.0.0.0/8");
	assert_int_equal(asked->not_before, 1900000000);
	assert_int_equal(asked->expires_at, 2000000000);
	assert_true(asked->disabled && asked->recoverable);
	release(request);
	assert_says(f->out, "API key:  " CANNED_KEY "\nAuthorization: Bearer " CANNED_KEY "\n");
	assert_says(f->out, "Key id          " CANNED_ID "\n");
	assert_says(f->out, "Reference       till-9\n");
	assert_says(f->out, "Labels          team=billing & more\n");
}

static void env_is_what_a_shell_can_source(void **state)
{
	struct fixture *f = *state;
	char path[128], command[512];

	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--ref",
			     "it's $(touch bad) `x`", "--format", "env"),
			 0);
	put_file(f, "env", f->out, path);
	snprintf(command, sizeof(command),
		 "cd %s && . ./env && test \"$PEPPERMINT_KEY_ID\" = " CANNED_ID
		 " && test \"$PEPPERMINT_API_KEY\" = " CANNED_KEY
		 " && test \"$PEPPERMINT_AUTHORIZATION\" = 'Bearer " CANNED_KEY
		 "' && printf %%s \"$PEPPERMINT_EXTERNAL_REFERENCE\" >reference && ! test -e bad",
		 f->dir);
	assert_int_equal(system(command), 0);
	snprintf(path, sizeof(path), "%s/reference", f->dir);
	FILE *file = fopen(path, "r");
	char text[64] = "";
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	assert_string_equal(text, "it's $(touch bad) `x`");
}

static void answer_with_a_quote(Peppermint__V1__Reply *reply)
{
	static char text[] = "x'; touch bad; echo '";

	if (reply->result_case == PEPPERMINT__V1__REPLY__RESULT_MINT_KEY)
		reply->mint_key->api_key = text;
}

/* A shell reads it: whatever stands there is a value and never a command. */
static void env_runs_nothing_that_a_vault_says(void **state)
{
	struct fixture *f = *state;
	char path[128], command[512];

	canned_tweak(f->canned, answer_with_a_quote);
	assert_int_equal(
		run(f, "key", "mint", "--env", "test", "--account", "acme", "--format", "env"), 0);
	put_file(f, "env", f->out, path);
	snprintf(command, sizeof(command),
		 "cd %s && . ./env && test \"$PEPPERMINT_AUTHORIZATION\" = \"Bearer "
		 "$PEPPERMINT_API_KEY\" && ! test -e bad",
		 f->dir);
	assert_int_equal(system(command), 0);
}

static void header_is_the_line_of_either_scheme(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "rotate", "--env", "test", CANNED_ID, "--format", "header"),
			 0);
	assert_string_equal(f->out, "Authorization: Bearer " CANNED_KEY "\n");
	assert_int_equal(run(f, "key", "rotate", "--env", "test", CANNED_ID, "--format", "header",
			     "--basic"),
			 0);
	assert_string_equal(f->out, "Authorization: Basic " BASIC "\n");
}

static void json_has_the_five_values(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run(f, "key", "mint", "--env", "test", "--account", "acme", "--format", "json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_object_size(json), 5);
	assert_string_equal(json_string_value(json_object_get(json, "key_id")), CANNED_ID);
	assert_true(json_is_null(json_object_get(json, "external_reference")));
	assert_string_equal(json_string_value(json_object_get(json, "api_key")), CANNED_KEY);
	assert_string_equal(json_string_value(json_object_get(json, "authorization_bearer")),
			    "Bearer " CANNED_KEY);
	assert_string_equal(json_string_value(json_object_get(json, "authorization_basic")),
			    "Basic " BASIC);
	json_decref(json);
}

static void a_form_that_is_none_is_refused_before_anything_is_made(void **state)
{
	struct fixture *f = *state;
	char pem[128];

	put_file(f, "pem", "-----BEGIN PUBLIC KEY-----\n", pem);
	assert_int_equal(
		run(f, "key", "mint", "--env", "test", "--account", "acme", "--format", "xml"), 2);
	assert_says(f->err, "text, env, json or header");
	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--format",
			     "env", "--json"),
			 2);
	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--format",
			     "header", "--to", pem),
			 2);
	assert_int_equal(
		run(f, "key", "mint", "--env", "test", "--account", "acme", "--to", "/nowhere.pem"),
		2);
	assert_int_equal(
		run(f, "key", "mint", "--env", "test", "--account", "acme", "--label", "nothing"),
		2);
	assert_says(f->err, "--label must be K=V");
	assert_int_equal(
		run(f, "key", "mint", "--env", "test", "--account", "acme", "--scope", "a b"), 2);
	assert_int_equal(canned_count(f->canned), 0);
}

static void what_is_sealed_shows_no_key(void **state)
{
	struct fixture *f = *state;
	char pem[128];

	put_file(f, "pem", "-----BEGIN PUBLIC KEY-----\n", pem);
	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", "acme", "--to", pem),
			 0);
	assert_says(f->out, "Sealed:  " CANNED_SEALED "\n");
	assert_says(f->out, "peppermint key unseal-secret --key PRIVATE.pem");
	assert_never_says(f->out, "Authorization");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->mint_key->recipient.len, strlen("-----BEGIN PUBLIC KEY-----\n"));
	release(request);
	assert_int_equal(
		run(f, "key", "rotate", "--env", "test", CANNED_ID, "--to", pem, "--format", "env"),
		0);
	assert_says(f->out, "PEPPERMINT_SEALED='" CANNED_SEALED "'\n");
	assert_never_says(f->out, "API_KEY");
}

static void list_filters_sorts_and_tells_the_total(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "list", "--env", "test", "--account", "acme", "--state",
			     "active,disabled,active", "--text", "till", "--sort", "last-used",
			     "--ascending", "--expiring", "7d", "--product", "payments"),
			 0);
	assert_says(f->out, "ID                REFERENCE  ENDS WITH  START");
	assert_says(f->out, "till-7     *****def");
	assert_says(f->out, "\nTotal: 7.\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	const Peppermint__V1__ListKeysRequest *asked = request->list_keys;
	assert_int_equal(asked->n_states, 2);
	assert_int_equal(asked->states[1], PEPPERMINT__V1__KEY_STATE__KEY_DISABLED);
	assert_string_equal(asked->text, "till");
	assert_int_equal(asked->sort, PEPPERMINT__V1__KEY_SORT__SORT_LAST_USED);
	assert_true(asked->ascending);
	assert_in_range(asked->expires_before, 1767225600 + 604800, INT64_C(253402300800));
	release(request);
	assert_int_equal(run(f, "key", "list", "--env", "test", "--sort", "colour"), 2);
	assert_int_equal(run(f, "key", "list", "--env", "test", "--state", "active,"), 2);
}

static void count_at_least(Peppermint__V1__Reply *reply)
{
	reply->list_keys->total = 20000;
	reply->list_keys->total_is_least = 1;
}

static void a_total_that_was_not_counted_says_so(void **state)
{
	struct fixture *f = *state;

	canned_tweak(f->canned, count_at_least);
	assert_int_equal(run(f, "key", "list", "--env", "test"), 0);
	assert_says(f->out, "Total: at least 20000, of which 7 are shown.");
	assert_int_equal(run(f, "key", "list", "--env", "test", "--json"), 0);
	json_t *json = output_json(f);
	assert_true(json_is_true(json_object_get(json, "total_is_least")));
	json_decref(json);
}

static void empty_page(Peppermint__V1__Reply *reply)
{
	if (reply->list_keys->next_page_token[0])
		reply->list_keys->n_keys = 0;
}

static void pages_without_a_key_do_not_end_a_list(void **state)
{
	struct fixture *f = *state;

	canned_tweak(f->canned, empty_page);
	assert_int_equal(
		run(f, "key", "list", "--env", "test", "--all", "--page-size", "3", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json_object_get(json, "keys")), 1);
	json_decref(json);
	assert_int_equal(canned_count(f->canned), 3);
}

static void update_sends_what_is_given_and_no_more(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "update", "--env", "test", CANNED_ID, "--name", "",
			     "--scope", "", "--network", "10.0.0.0/8"),
			 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	const Peppermint__V1__UpdateKeyRequest *asked = request->update_key;
	assert_true(asked->set_name && asked->set_scopes && asked->set_networks);
	assert_string_equal(asked->name, "");
	assert_int_equal(asked->n_scopes, 0);
	assert_int_equal(asked->n_networks, 1);
	assert_false(asked->set_labels || asked->set_expires_at || asked->set_not_before ||
		     asked->set_disabled);
	release(request);
	assert_int_equal(run(f, "key", "update", "--env", "test", CANNED_ID), 2);
	assert_says(f->err, "what shall be changed?");
}

static void disable_and_enable_say_so(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "disable", "--env", "test", CANNED_ID), 0);
	assert_says(f->out, "DISABLED");
	assert_int_equal(run(f, "key", "enable", "--env", "test", CANNED_ID), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->update_key->set_disabled && !request->update_key->disabled);
	release(request);
	assert_int_equal(run(f, "key", "rollback", "--env", "test", CANNED_ID), 0);
	assert_int_equal(run(f, "key", "disable", "--env", "test", CANNED_KEY), 2);
}

static void a_secret_is_checked_against_its_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run_with(f, CANNED_KEY "\r\n", "key", "check-secret", "--env", "test", CANNED_ID),
		0);
	assert_string_equal(f->out, "your secret is verified\n");
	assert_int_equal(
		run_with(f, CANNED_OLD_KEY, "key", "check-secret", "--env", "test", CANNED_ID), 1);
	assert_string_equal(f->out, "your secret does not match this key\n");
	assert_int_equal(run_with(f, CANNED_KEY, "--json", "key", "check-secret", "--env", "test",
				  CANNED_ID),
			 0);
	assert_says(f->out, "\"match\": true");
	assert_int_equal(run(f, "key", "check-secret", "--env", "test", CANNED_ID, CANNED_KEY), 2);
	assert_never_says(f->err, CANNED_KEY);
	assert_int_equal(
		run_with(f, "two\nlines\n", "key", "check-secret", "--env", "test", CANNED_ID), 2);
}

static void authorization_values_are_verified_as_requests(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "Bearer " CANNED_KEY "\n", "key", "verify", "--env", "test",
				  "--authorization", "--address", "192.0.2.7", "--product",
				  "payments", "--scope", "pay"),
			 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->verify_keys->n_api_keys, 0);
	const Peppermint__V1__Presented *presented = request->verify_keys->presented[0];
	assert_int_equal(presented->n_authorization, 1);
	assert_string_equal(presented->source_address, "192.0.2.7");
	assert_string_equal(presented->product, "payments");
	assert_string_equal(presented->scopes[0], "pay");
	release(request);
	assert_int_equal(run_with(f, CANNED_KEY, "key", "verify", "--env", "test", "--address",
				  "203.0.113.9"),
			 1);
	assert_says(f->out, "ADDRESS_DENIED: ");
}

static void reveal_shows_the_text_again(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "reveal", "--env", "test", CANNED_ID, "--quiet"), 0);
	assert_string_equal(f->out, CANNED_KEY "\n");
}

static void a_reset_asks_first(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "key", "reset", "--env", "test", CANNED_ID), 2);
	assert_says(f->err, "the old secrets verify nothing from then on. Repeat it with --yes");
	assert_int_equal(canned_count(f->canned), 1);
	assert_int_equal(run(f, "key", "reset", "--env", "test", CANNED_ID, "--yes", "--quiet",
			     "--request-id", "my-id"),
			 0);
	assert_string_equal(f->out, CANNED_KEY "\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->confirmation, CANNED_CONFIRMATION);
	assert_int_equal(request->pin.len, 0);
	assert_string_equal(request->request_id, "my-id");
	release(request);
}

static void a_vault_that_wants_step_up_gets_it_under_another_id(void **state)
{
	struct fixture *f = *state;
	char pin[128];

	put_file(f, "pin", CANNED_PIN "\n", pin);
	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", CANNED_CAREFUL,
			     "--operator", "ann", "--pin-file", pin, "--request-id", "my-id",
			     "--quiet"),
			 0);
	assert_string_equal(f->out, CANNED_KEY "\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->request_id, "my-id/confirmed");
	assert_string_equal(request->confirmation, CANNED_CONFIRMATION);
	assert_int_equal(request->pin.len, strlen(CANNED_PIN));
	release(request);
	assert_int_equal(canned_count(f->canned), 3);
	/* From standard input, too. */
	assert_int_equal(run_with(f, CANNED_PIN, "key", "mint", "--env", "test", "--account",
				  CANNED_CAREFUL, "--operator", "ann", "--pin-fd", "0", "--quiet"),
			 0);
}

static void without_a_pin_step_up_is_refused_with_what_would_happen(void **state)
{
	struct fixture *f = *state;
	char pin[128];

	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", CANNED_CAREFUL,
			     "--operator", "ann", "--yes"),
			 2);
	assert_says(f->err, "the old secrets verify nothing");
	assert_says(f->err, "It needs the operator's PIN: --pin-file");
	assert_int_equal(canned_count(f->canned), 2);
	put_file(f, "pin", "0815", pin);
	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", CANNED_CAREFUL,
			     "--operator", "ann", "--pin-file", pin),
			 3);
	assert_says(f->err, "(PIN_WRONG)");
	assert_never_says(f->err, "0815");
	put_file(f, "pin", "123", pin);
	assert_int_equal(run(f, "key", "mint", "--env", "test", "--account", CANNED_CAREFUL,
			     "--operator", "ann", "--pin-file", pin),
			 2);
	assert_says(f->err, "4 to 64 bytes. Nothing was sent");
}

static void an_authorization_file_speaks_for_a_keys_holder(void **state)
{
	struct fixture *f = *state;
	char path[128];

	put_file(f, "authorization", "Bearer " CANNED_KEY "\n", path);
	assert_int_equal(
		run(f, "--authorization-file", path, "key", "show", "--env", "test", CANNED_ID), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->authorization, "Bearer " CANNED_KEY);
	release(request);
}

static void a_leak_report_is_answered_as_its_sender_expects(void **state)
{
	/* SHA-256 of CANNED_KEY. */
	struct fixture *f = *state;
	char path[128], command[512];

	put_file(f, "payload",
		 "[{\"token\":\"" CANNED_KEY "\",\"type\":\"pm\",\"url\":\"u\",\"source\":"
		 "\"content\"},{\"token\":\"other\",\"type\":\"pm2\"}]",
		 path);
	assert_int_equal(run(f, "key", "leak-report", "--payload", path, "--key-id", "k",
			     "--signature", "good"),
			 0);
	assert_never_says(f->out, CANNED_KEY);
	assert_says(f->err, "key " CANNED_ID " of live is in public and was revoked.");
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json), 2);
	json_t *first = json_array_get(json, 0), *second = json_array_get(json, 1);
	assert_int_equal(json_object_size(first), 3);
	assert_string_equal(json_string_value(json_object_get(first, "label")), "true_positive");
	assert_string_equal(json_string_value(json_object_get(first, "token_type")), "pm");
	assert_string_equal(json_string_value(json_object_get(second, "label")), "false_positive");
	snprintf(command, sizeof(command), "test %s = $(printf %s | sha256sum | cut -d' ' -f1)",
		 json_string_value(json_object_get(first, "token_hash")), CANNED_KEY);
	assert_int_equal(system(command), 0);
	json_decref(json);
	assert_int_equal(run(f, "key", "leak-report", "--payload", path, "--key-id", "k",
			     "--signature", "bad"),
			 3);
	assert_string_equal(f->out, "");
}

static void what_is_no_leak_report_is_not_sent(void **state)
{
	static const char *const payloads[] = { "", "{}", "[]", "[1]", "[{\"token\":\"x\"}]" };
	struct fixture *f = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		put_file(f, "payload", payloads[i], path);
		assert_int_equal(run(f, "key", "leak-report", "--payload", path, "--key-id", "k",
				     "--signature", "good"),
				 2);
	}
	assert_int_equal(canned_count(f->canned), 0);
}

static void a_sealed_secret_is_opened_offline(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		run_with(f, "nothing of the kind", "key", "unseal-secret", "--key", "/nowhere.pem"),
		2);
	assert_says(f->err, "that is no sealed secret");
	assert_int_equal(run(f, "key", "unseal-secret", "--key", "/nowhere.pem", "sealed:x"), 2);
	assert_says(f->err, "pipe in one sealed secret");
	assert_int_equal(canned_count(f->canned), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mint_takes_all_of_a_key),
		TEST(env_is_what_a_shell_can_source),
		TEST(env_runs_nothing_that_a_vault_says),
		TEST(header_is_the_line_of_either_scheme),
		TEST(json_has_the_five_values),
		TEST(a_form_that_is_none_is_refused_before_anything_is_made),
		TEST(what_is_sealed_shows_no_key),
		TEST(list_filters_sorts_and_tells_the_total),
		TEST(a_total_that_was_not_counted_says_so),
		TEST(pages_without_a_key_do_not_end_a_list),
		TEST(update_sends_what_is_given_and_no_more),
		TEST(disable_and_enable_say_so),
		TEST(a_secret_is_checked_against_its_key),
		TEST(authorization_values_are_verified_as_requests),
		TEST(reveal_shows_the_text_again),
		TEST(a_reset_asks_first),
		TEST(a_vault_that_wants_step_up_gets_it_under_another_id),
		TEST(without_a_pin_step_up_is_refused_with_what_would_happen),
		TEST(an_authorization_file_speaks_for_a_keys_holder),
		TEST(a_leak_report_is_answered_as_its_sender_expects),
		TEST(what_is_no_leak_report_is_not_sent),
		TEST(a_sealed_secret_is_opened_offline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
