/* `peppermint account`, `product` and `operator`. */
#include <pty.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run_cli.h"

static void release(Peppermint__V1__Request *request)
{
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void an_account_begins_without_a_client_id(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "account", "create", "--env", "test", "acme", "--name", "Acme Ltd",
			     "--merchant", "M1", "--product", "payments", "--first-product",
			     "payments", "--status", "pending"),
			 0);
	assert_says(f->out, "Status         PENDING\n");
	assert_says(f->out, "Client id      PENDING_ACTIVATION\n");
	assert_says(f->out, "Products       payments (enabled)\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->create_account->merchant, "M1");
	assert_string_equal(request->create_account->first_product, "payments");
	assert_true(request->create_account->products[0]->enabled);
	release(request);
	assert_int_equal(run(f, "--json", "account", "show", "--env", "test", "new"), 0);
	json_t *json = output_json(f);
	assert_true(json_is_null(json_object_get(json, "client_id")));
	assert_true(json_is_true(json_object_get(json, "pending_activation")));
	json_decref(json);
}

static void approval_shows_the_first_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "account", "approve", "--env", "test", "acme"), 0);
	assert_says(f->out, "API key:  " CANNED_KEY "\n");
	assert_says(f->out, "Status       APPROVED\n");
	assert_says(f->out, "Client id    " CANNED_ID "\n");
	assert_int_equal(run(f, "account", "approve", "--env", "test", "acme", "--format", "env"),
			 0);
	assert_says(f->out, "PEPPERMINT_KEY_ID='" CANNED_ID "'\n");
	assert_int_equal(run(f, "account", "approve", "--env", "test", "acme", "--json"), 0);
	json_t *json = output_json(f);
	assert_string_equal(json_string_value(json_object_get(json, "api_key")), CANNED_KEY);
	assert_string_equal(
		json_string_value(json_object_get(json_object_get(json, "account"), "status")),
		"APPROVED");
	json_decref(json);
}

static void suspending_needs_no_yes_and_closing_does(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "account", "suspend", "--env", "test", "acme"), 0);
	assert_says(f->out, "SUSPENDED");
	assert_int_equal(run(f, "account", "close", "--env", "test", "acme"), 2);
	assert_says(f->err, "revokes all its keys, for good. Repeat it with --yes");
	assert_int_equal(run(f, "account", "update", "--env", "test", "acme", "--status", "closed"),
			 2);
	assert_int_equal(canned_count(f->canned), 1);
	assert_int_equal(run(f, "account", "close", "--env", "test", "acme", "--yes"), 0);
	assert_says(f->out, "CLOSED");
}

static void an_update_sends_what_is_given(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "account", "update", "--env", "test", "acme", "--name", "New"), 0);
	assert_says(f->out, "Name         New\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_false(request->update_account->set_merchant);
	assert_int_equal(request->update_account->status, 0);
	release(request);
	assert_int_equal(run(f, "account", "update", "--env", "test", "acme"), 2);
	assert_int_equal(run(f, "account", "update", "--env", "test", "acme", "--status", "dead"),
			 2);
}

static void accounts_are_listed_over_all_pages(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "account", "list", "--env", "test", "--page-size", "2"), 0);
	assert_says(f->out, "acme     Acme Ltd  APPROVED  " CANNED_ID "  1");
	assert_says(f->out, "Total: 3. More: --page-token 2, or --all.\n");
	assert_int_equal(
		run(f, "account", "list", "--env", "test", "--page-size", "2", "--all", "--json"),
		0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(json_object_get(json, "accounts")), 3);
	assert_int_equal(json_integer_value(json_object_get(json, "total")), 3);
	json_decref(json);
}

static void products_are_enabled_and_disabled_by_name(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "product", "disable", "--env", "test", "acme", "payouts"), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->update_account->id, "acme");
	assert_int_equal(request->update_account->n_products, 1);
	assert_string_equal(request->update_account->products[0]->name, "payouts");
	assert_false(request->update_account->products[0]->enabled);
	release(request);
	assert_int_equal(run(f, "product", "list", "--env", "test", "acme"), 0);
	assert_says(f->out, "payments  yes\n");
	assert_int_equal(run(f, "product", "enable", "--env", "test", "acme"), 2);
	assert_says(f->err, "takes one ACCOUNT PRODUCT");
}

static void operators_get_roles_one_by_one(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "operator", "create", "--env", "test", "carol", "--name", "Carol",
			     "--account", "*", "--role", "superadmin"),
			 0);
	assert_says(f->out, "carol     Carol  *:SUPERADMIN  no");
	assert_int_equal(run(f, "operator", "grant", "--env", "test", "ann", "--account", "crown",
			     "--role", "auditor"),
			 0);
	assert_says(f->out, "acme:ADMIN bolt:VIEWER crown:AUDITOR");
	assert_int_equal(run(f, "operator", "grant", "--env", "test", "ann", "--account", "acme",
			     "--role", "viewer"),
			 0);
	assert_says(f->out, "acme:VIEWER bolt:VIEWER ");
	assert_int_equal(
		run(f, "operator", "revoke-grant", "--env", "test", "ann", "--account", "acme"), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->update_operator->n_grants, 1);
	assert_string_equal(request->update_operator->grants[0]->account, "bolt");
	release(request);
	assert_int_equal(
		run(f, "operator", "revoke-grant", "--env", "test", "ann", "--account", "zinc"), 3);
	assert_says(f->err, "that operator has no role in that account. (NOT_FOUND)");
	assert_int_equal(run(f, "operator", "grant", "--env", "test", "nobody", "--account", "acme",
			     "--role", "admin"),
			 3);
	assert_int_equal(run(f, "operator", "grant", "--env", "test", "ann", "--account", "acme",
			     "--role", "king"),
			 2);
	assert_int_equal(run(f, "operator", "create", "--env", "test", "x", "--role", "admin"), 2);
}

static void a_pin_is_set_from_standard_input(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, "271828\n", "operator", "set-pin", "--env", "test", "ann"), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_int_equal(request->update_operator->new_pin.len, 6);
	assert_memory_equal(request->update_operator->new_pin.data, "271828", 6);
	assert_false(request->update_operator->set_grants || request->update_operator->set_name ||
		     request->update_operator->set_disabled);
	release(request);
	assert_never_says(f->out, "271828");
	assert_int_equal(run_with(f, "123\n", "operator", "set-pin", "--env", "test", "ann"), 2);
	assert_says(f->err, "an operator has a PIN of 4 to 64 bytes");
	assert_int_equal(run(f, "operator", "set-pin", "--env", "test", "ann", "271828"), 2);
	assert_never_says(f->err, "271828");
}

static void an_operator_changes_the_own_pin(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run_with(f, CANNED_PIN "\n271828\n", "operator", "change-pin", "--env",
				  "test", "--operator", "ann"),
			 0);
	assert_string_equal(f->out, "The PIN is changed.\n");
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->operator_, "ann");
	assert_int_equal(request->pin.len, 4);
	assert_memory_equal(request->change_operator_pin->new_pin.data, "271828", 6);
	release(request);
	assert_int_equal(run_with(f, "0815\n271828\n", "operator", "change-pin", "--env", "test",
				  "--operator", "ann"),
			 3);
	assert_says(f->err, "(PIN_WRONG)");
}

static atomic_int refusals;

/* Wants a confirmation first, and meanwhile somebody took the second of her roles. */
static void be_careful_while_roles_change(Peppermint__V1__Reply *reply)
{
	if (reply->result_case == PEPPERMINT__V1__REPLY__RESULT_UPDATE_OPERATOR &&
	    atomic_fetch_add(&refusals, 1) == 0) {
		reply->error = PEPPERMINT__V1__ERROR__STEP_UP_REQUIRED;
		reply->result_case = PEPPERMINT__V1__REPLY__RESULT__NOT_SET;
	}
	if (reply->result_case == PEPPERMINT__V1__REPLY__RESULT_LIST_OPERATORS &&
	    atomic_load(&refusals) > 0)
		reply->list_operators->operators[0]->n_grants = 1;
}

static void a_role_is_added_to_those_that_are_there_after_the_confirmation(void **state)
{
	struct fixture *f = *state;

	atomic_store(&refusals, 0);
	canned_tweak(f->canned, be_careful_while_roles_change);
	assert_int_equal(run(f, "operator", "grant", "--env", "test", "ann", "--account", "crown",
			     "--role", "auditor", "--yes"),
			 0);
	canned_tweak(f->canned, NULL);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_string_equal(request->confirmation, CANNED_CONFIRMATION);
	assert_int_equal(request->update_operator->n_grants, 2);
	assert_string_equal(request->update_operator->grants[0]->account, "acme");
	assert_string_equal(request->update_operator->grants[1]->account, "crown");
	release(request);
}

static void operators_are_disabled_enabled_and_listed(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "operator", "disable", "--env", "test", "ann"), 0);
	assert_says(f->out, "2026-01-01T00:01:40Z");
	assert_int_equal(run(f, "operator", "enable", "--env", "test", "ann"), 0);
	Peppermint__V1__Request *request = canned_last(f->canned);
	assert_true(request->update_operator->set_disabled && !request->update_operator->disabled);
	release(request);
	assert_int_equal(run(f, "operator", "update", "--env", "test", "ann", "--name", "A."), 0);
	assert_int_equal(run(f, "operator", "list", "--env", "test"), 0);
	assert_says(f->out, "bob");
	assert_says(f->out, "Total: 2.\n");
	assert_int_equal(run(f, "operator", "list", "--env", "test", "--json"), 0);
	json_t *json = output_json(f);
	json_t *ann = json_array_get(json_object_get(json, "operators"), 0);
	assert_int_equal(json_array_size(json_object_get(ann, "grants")), 2);
	json_decref(json);
}

static void read_until(int terminal, char *text, size_t size, const char *until)
{
	size_t used = strlen(text);

	while (used < size - 1 && (!until || !strstr(text, until))) {
		ssize_t len = read(terminal, text + used, size - 1 - used);
		if (len <= 0)
			return;
		used += (size_t)len;
		text[used] = '\0';
	}
}

/* What a person at a terminal answers to each question; the exit status. */
static int talk(const char *const *words, const char *const (*turns)[2], size_t count, char *text,
		size_t size)
{
	int terminal = -1, status = 0;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	if (pid == 0) {
		execv(PEPPERMINT_CLI, (char *const *)(uintptr_t)words);
		_exit(127);
	}
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		read_until(terminal, text, size, turns[i][0]);
		size_t len = strlen(turns[i][1]);
		assert_int_equal(write(terminal, turns[i][1], len), len);
	}
	read_until(terminal, text, size, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(terminal);
	return WEXITSTATUS(status);
}

static void a_person_confirms_with_the_pin_and_it_is_not_echoed(void **state)
{
	static const char *const words[] = { "peppermint", "key",        "reset", "--env",   "test",
					     CANNED_ID,    "--operator", "ann",   "--quiet", NULL };
	static const char *const turns[][2] = {
		{ "PIN of operator ann (not shown): ", CANNED_PIN "\n" },
	};
	char text[4096];

	(void)state;
	assert_int_equal(talk(words, turns, 1, text, sizeof(text)), 0);
	assert_says(text, "the old secrets verify nothing from then on.");
	assert_says(text, CANNED_KEY);
	assert_never_says(text, CANNED_PIN);
}

static void a_person_without_a_pin_types_yes_or_nothing_is_done(void **state)
{
	static const char *const words[] = { "peppermint", "key",     "reset",   "--env",
					     "test",       CANNED_ID, "--quiet", NULL };
	static const char *const yes[][2] = { { "Type yes to go on: ", "yes\n" } };
	static const char *const no[][2] = { { "Type yes to go on: ", "y\n" } };
	struct fixture *f = *state;
	char text[4096];

	assert_int_equal(talk(words, no, 1, text, sizeof(text)), 2);
	assert_says(text, "not confirmed. Nothing was done.");
	assert_int_equal(canned_count(f->canned), 1);
	assert_int_equal(talk(words, yes, 1, text, sizeof(text)), 0);
	assert_says(text, CANNED_KEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_account_begins_without_a_client_id),
		TEST(approval_shows_the_first_key),
		TEST(suspending_needs_no_yes_and_closing_does),
		TEST(an_update_sends_what_is_given),
		TEST(accounts_are_listed_over_all_pages),
		TEST(products_are_enabled_and_disabled_by_name),
		TEST(operators_get_roles_one_by_one),
		TEST(a_pin_is_set_from_standard_input),
		TEST(an_operator_changes_the_own_pin),
		TEST(a_role_is_added_to_those_that_are_there_after_the_confirmation),
		TEST(operators_are_disabled_enabled_and_listed),
		TEST(a_person_confirms_with_the_pin_and_it_is_not_echoed),
		TEST(a_person_without_a_pin_types_yes_or_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
