/* `peppermint report …`: every report, from canned data. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "log_vault.h"

#define YEAR 31536000

static json_t *report_rows(json_t *json)
{
	json_t *rows = json_object_get(json, "rows");

	assert_true(json_is_array(rows));
	assert_true(json_integer_value(json_object_get(json, "generated_at")) > LOG_TIME);
	return rows;
}

static const char *text_at(json_t *rows, size_t i, const char *field)
{
	const char *text = json_string_value(json_object_get(json_array_get(rows, i), field));

	return text ? text : "";
}

static json_int_t number_at(json_t *rows, size_t i, const char *field)
{
	return json_integer_value(json_object_get(json_array_get(rows, i), field));
}

static void expect_inventory_report(Peppermint__V1__Report report)
{
	Peppermint__V1__Request *request = log_last(PEPPERMINT__V1__REQUEST__CALL_GET_INVENTORY);

	assert_int_equal(request->get_inventory->report, report);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void expect_read_report(Peppermint__V1__Report report)
{
	Peppermint__V1__Request *request = log_last(PEPPERMINT__V1__REQUEST__CALL_READ_LOG);

	assert_int_equal(request->read_log->report, report);
	peppermint__v1__request__free_unpacked(request, NULL);
}

static void crypto_inventory_names_every_key_and_algorithm(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "report", "crypto-inventory"), 0);
	assert_says(f->out, "PCI DSS 12.3.3");
	assert_says(f->out,
		    "live/pepper/pan/v1         HMAC-SHA-256      256   ACTIVE  hashes values");
	assert_says(f->out, "live/audit/log/v1          Ed25519           128   ACTIVE  signs the "
			    "audit log's checkpoints");
	assert_says(f->out, "token live-1 (nShield 5, serial SN-LIVE)");
	assert_says(f->out, "SHA-256");
	assert_says(f->out, "CTR_DRBG AES-256");
	assert_says(f->out, "not encrypted");
	expect_inventory_report(PEPPERMINT__V1__REPORT__REPORT_CRYPTO_INVENTORY);
	assert_int_equal(run(f, "report", "crypto-inventory", "--format", "json"), 0);
	json_t *json = output_json(f);
	assert_string_equal(json_string_value(json_object_get(json, "report")), "crypto-inventory");
	assert_int_equal(json_array_size(report_rows(json)), 9);
	json_decref(json);
	assert_int_equal(run(f, "report", "crypto-inventory", "--format", "pdf"), 2);
}

static json_t *find_component(json_t *components, const char *ref)
{
	size_t i = 0;
	json_t *component = NULL;

	json_array_foreach(components, i, component)
	{
		if (strcmp(text_at(components, i, "bom-ref"), ref) == 0)
			return component;
	}
	return NULL;
}

/* Every reference between components leads to one, and no name stands twice. */
static void check_references(json_t *components)
{
	size_t i = 0;
	json_t *component = NULL;

	json_array_foreach(components, i, component)
	{
		json_t *crypto = json_object_get(component, "cryptoProperties");
		json_t *key = json_object_get(crypto, "relatedCryptoMaterialProperties");
		const char *algorithm = json_string_value(json_object_get(key, "algorithmRef"));

		assert_string_equal(text_at(components, i, "type"), "cryptographic-asset");
		assert_ptr_equal(find_component(components, text_at(components, i, "bom-ref")),
				 component);
		assert_non_null(json_object_get(crypto, "assetType"));
		if (algorithm)
			assert_non_null(find_component(components, algorithm));
		else
			assert_non_null(json_object_get(crypto, "algorithmProperties"));
	}
}

static void the_cbom_has_the_shape_of_cyclonedx(void **state)
{
	struct fixture *f = *state;
	unsigned long a = 0;
	unsigned b = 0, c = 0, d = 0;
	unsigned long long e = 0;

	assert_int_equal(run(f, "report", "crypto-inventory", "--format", "cbom"), 0);
	json_t *json = output_json(f);
	assert_string_equal(json_string_value(json_object_get(json, "bomFormat")), "CycloneDX");
	assert_string_equal(json_string_value(json_object_get(json, "specVersion")), "1.6");
	assert_int_equal(sscanf(json_string_value(json_object_get(json, "serialNumber")),
				"urn:uuid:%8lx-%4x-4%3x-%4x-%12llx", &a, &b, &c, &d, &e),
			 5);
	json_t *components = json_object_get(json, "components");
	assert_int_equal(json_array_size(components), 4 + 5);
	check_references(components);
	json_t *key = find_component(components, "key/live/audit/log/v1");
	json_t *facts = json_object_get(json_object_get(key, "cryptoProperties"),
					"relatedCryptoMaterialProperties");
	assert_string_equal(json_string_value(json_object_get(facts, "type")), "private-key");
	assert_string_equal(json_string_value(json_object_get(facts, "state")), "active");
	assert_string_equal(json_string_value(json_object_get(facts, "id")),
			    "0a0b00000000000000000000000000ff");
	assert_string_equal(json_string_value(json_object_get(json_object_get(facts, "securedBy"),
							      "mechanism")),
			    "HSM");
	json_decref(json);
}

static void age_keys(Peppermint__V1__GetInventoryReply *reply)
{
	int64_t now = time(NULL);

	reply->keys[0]->created_at = now - 2 * YEAR - 10;
	reply->keys[1]->created_at = now - 2 * YEAR + 1000;
	reply->keys[2]->state = PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY;
	reply->keys[2]->created_at = now - 4 * YEAR;
	reply->keys[2]->changed_at = now - 3 * YEAR - 10;
	reply->keys[3]->state = PEPPERMINT__V1__PEPPER_STATE__VERIFY_ONLY;
	reply->keys[3]->created_at = now - 4 * YEAR;
	reply->keys[3]->changed_at = now - 2 * YEAR - 10;
	reply->keys[4]->created_at = now - 3 * YEAR - 10;
}

static void cryptoperiods_are_in_time_or_overdue(void **state)
{
	static const bool overdue[] = { true, false, true, false, true };
	struct fixture *f = *state;

	assert_int_equal(run(f, "report", "cryptoperiods"), 0);
	assert_says(f->out, "0 of 5 keys are overdue.\n");
	assert_never_says(f->out, "OVERDUE");
	expect_inventory_report(PEPPERMINT__V1__REPORT__REPORT_CRYPTOPERIODS);
	log_tweak_inventory(age_keys);
	assert_int_equal(run(f, "report", "cryptoperiods"), 1);
	assert_says(f->out,
		    "3 of 5 keys are overdue. A pepper is replaced by peppermint pepper rotate");
	assert_says(f->out, "others by peppermint master rotate.");
	assert_says(f->out, "Not all environments tell their periods");
	assert_int_equal(run(f, "report", "cryptoperiods", "--json"), 1);
	json_t *json = output_json(f);
	json_t *rows = report_rows(json);
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(json_is_true(json_object_get(json_array_get(rows, i), "overdue")),
				 overdue[i]);
	assert_int_equal(number_at(rows, 0, "age_days"), 730);
	assert_int_equal(number_at(rows, 0, "originator_until"),
			 number_at(rows, 0, "created_at") + 2 * YEAR);
	assert_int_equal(number_at(rows, 0, "recipient_until"),
			 number_at(rows, 0, "created_at") + 5 * YEAR);
	assert_int_equal(number_at(rows, 4, "originator_until"),
			 number_at(rows, 4, "created_at") + 3 * YEAR);
	assert_int_equal(number_at(rows, 4, "recipient_until"), 0);
	json_decref(json);
}

static void a_cryptoperiod_is_the_vaults_own_where_it_tells_it(void **state)
{
	struct fixture *f = *state;
	int64_t now = time(NULL);

	log_tell_periods(now - 10, now + 1000);
	assert_int_equal(run(f, "report", "cryptoperiods", "--json"), 1);
	json_t *json = output_json(f);
	json_t *rows = report_rows(json);
	assert_int_equal(number_at(rows, 1, "originator_until"), now - 10);
	assert_int_equal(number_at(rows, 1, "recipient_until"), now + 1000);
	assert_true(json_is_true(json_object_get(json_array_get(rows, 1), "overdue")));
	assert_int_equal(json_integer_value(json_object_get(json, "overdue")), 1);
	json_decref(json);
	log_tell_periods(0, 0); /* for ever */
	assert_int_equal(run(f, "report", "cryptoperiods"), 0);
}

static void suspend_and_compromise(Peppermint__V1__GetInventoryReply *reply)
{
	reply->keys[0]->state = PEPPERMINT__V1__PEPPER_STATE__SUSPENDED;
	reply->keys[1]->state = PEPPERMINT__V1__PEPPER_STATE__COMPROMISED;
	reply->keys[2]->state = PEPPERMINT__V1__PEPPER_STATE__DESTROY_SCHEDULED;
	for (size_t i = 0; i < 3; i++)
		reply->keys[i]->extractable = true;
}

static void keys_in_every_state_but_destroyed_must_be_as_they_must_be(void **state)
{
	struct fixture *f = *state;

	log_tweak_inventory(suspend_and_compromise);
	assert_int_equal(run(f, "report", "attestation"), 1);
	assert_says(f->out, "3 of 5 keys are not as they must be.");
	assert_says(f->out, "COMPROMISED");
	assert_int_equal(run(f, "report", "crypto-inventory", "--format", "cbom"), 0);
	assert_says(f->out, "\"suspended\"");
	assert_says(f->out, "\"compromised\"");
	assert_says(f->out, "\"deactivated\"");
}

/* The environment live has been without its token since the vault started. */
static void unplug_live(Peppermint__V1__GetInventoryReply *reply)
{
	static char none[] = "";

	reply->environments[0]->token_model = reply->environments[1]->token_model;
	reply->environments[0]->token_manufacturer = reply->environments[1]->token_manufacturer;
	reply->environments[1]->state = PEPPERMINT__V1__ENVIRONMENT_STATE__HSM_DOWN;
	reply->environments[1]->token_label = reply->environments[1]->token_serial = none;
	reply->environments[1]->token_model = reply->environments[1]->token_manufacturer = none;
	for (size_t i = 1; i < reply->n_keys; i++)
		reply->keys[i]->read_back = false;
	reply->keys[4]->algorithm = PEPPERMINT__V1__ALGORITHM__ALGORITHM_UNSPECIFIED;
	reply->keys[4]->created_at = time(NULL) - 2 * YEAR - YEAR / 2;
}

static void a_key_that_signs_is_known_by_its_name(void **state)
{
	struct fixture *f = *state;

	log_tweak_inventory(unplug_live);
	assert_int_equal(run(f, "report", "cryptoperiods", "--json"), 0);
	json_t *json = output_json(f);
	json_t *rows = report_rows(json);
	assert_int_equal(number_at(rows, 4, "originator_until"),
			 number_at(rows, 4, "created_at") + 3 * YEAR);
	json_decref(json);
	assert_int_equal(run(f, "report", "crypto-inventory"), 0);
	assert_says(f->out, "signs the audit log's checkpoints");
	assert_says(f->out, "token of live, which does not answer");
}

static void of_a_token_that_does_not_answer_nothing_is_claimed(void **state)
{
	struct fixture *f = *state;

	log_tweak_inventory(unplug_live);
	assert_int_equal(run(f, "report", "attestation", "--json"), 1);
	json_t *json = output_json(f);
	assert_true(json_is_null(json_object_get(json, "certified")));
	assert_string_equal(text_at(report_rows(json), 0, "certified"), "see its certificate");
	assert_string_equal(text_at(report_rows(json), 4, "certified"), "unknown");
	json_decref(json);
	assert_int_equal(run(f, "report", "crypto-inventory", "--format", "cbom"), 0);
	json = output_json(f);
	json_t *components = json_object_get(json, "components");
	check_references(components);
	for (size_t i = 0; i < 2; i++) {
		json_t *key = find_component(components, i == 0 ? "key/test/pepper/api-keys/v1"
								: "key/live/audit/log/v1");
		json_t *facts = json_object_get(json_object_get(key, "cryptoProperties"),
						"relatedCryptoMaterialProperties");

		assert_string_equal(json_string_value(json_object_get(facts, "type")),
				    i == 0 ? "secret-key" : "private-key");
		assert_int_equal(json_object_get(facts, "securedBy") != NULL, i == 0);
	}
	assert_says(f->out, "unknown: the token does not answer");
	json_decref(json);
}

static void custodians_are_those_with_that_role(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "report", "custodians"), 0);
	assert_says(f->out, "portal  1001  no         issuer auditor");
	assert_says(f->out, "keys    1002  yes        auditor custodian  test live\n");
	assert_says(f->out, "1 of 2 callers may create and rotate keys");
	expect_inventory_report(PEPPERMINT__V1__REPORT__REPORT_CUSTODIANS);
	assert_int_equal(run(f, "report", "custodians", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_integer_value(json_object_get(json, "custodians")), 1);
	assert_int_equal(json_array_size(report_rows(json)), 2);
	json_decref(json);
}

static void spoil_one(Peppermint__V1__GetInventoryReply *reply)
{
	reply->keys[1]->extractable = true;
}

static void spoil_all(Peppermint__V1__GetInventoryReply *reply)
{
	reply->keys[0]->read_back = false;
	reply->keys[1]->never_extractable = false;
	reply->keys[2]->always_sensitive = false;
	reply->keys[3]->local = false;
	reply->keys[4]->read_back = false;
	reply->keys[4]->state = PEPPERMINT__V1__PEPPER_STATE__DESTROYED;
}

static void attestation_flags_what_is_not_as_it_must_be(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(run(f, "report", "attestation"), 0);
	assert_says(f->out, "0 of 5 keys are not as they must be.");
	assert_says(f->out, "SN-TEST  SoftHSM v2  NOT CERTIFIED");
	assert_says(f->out, "SN-LIVE  nShield 5   see its certificate");
	expect_inventory_report(PEPPERMINT__V1__REPORT__REPORT_ATTESTATION);
	log_tweak_inventory(spoil_one);
	assert_int_equal(run(f, "report", "attestation"), 1);
	assert_says(f->out, "EXTRACTABLE\n");
	assert_says(f->out, "1 of 5 keys are not as they must be.");
	log_tweak_inventory(spoil_all);
	assert_int_equal(run(f, "report", "attestation", "--json"), 1);
	json_t *json = output_json(f);
	json_t *rows = report_rows(json);
	assert_string_equal(text_at(rows, 0, "verdict"), "NOT READ BACK");
	assert_true(json_is_null(json_object_get(json_array_get(rows, 0), "sensitive")));
	assert_string_equal(text_at(rows, 1, "verdict"), "EXTRACTABLE");
	assert_string_equal(text_at(rows, 2, "verdict"), "NOT ALWAYS SENSITIVE");
	assert_string_equal(text_at(rows, 3, "verdict"), "NOT MADE IN THE TOKEN");
	assert_string_equal(text_at(rows, 4, "verdict"), "good");
	assert_int_equal(json_integer_value(json_object_get(json, "faults")), 4);
	assert_true(json_is_false(json_object_get(json, "certified")));
	json_decref(json);
}

static void log_access_lists_who_read_what(void **state)
{
	struct fixture *f = *state;

	log_append("log.read",
		   "\"ok\":true,\"caller\":\"auditor\",\"uid\":5,\"operator\":\"v1:abc\","
		   "\"env\":\"-\",\"report\":\"EXPORT\",\"count\":3");
	log_fill(3);
	log_append("text.hash", "\"ok\":true,\"caller\":\"auditor\",\"uid\":5,\"env\":\"test\"");
	log_append("inventory.read", "\"ok\":false,\"err\":\"DENIED\",\"caller\":\"portal\"");
	assert_int_equal(run(f, "report", "log-access"), 0);
	assert_says(f->out, "log.read        ok      auditor  5    operator=v1:abc "
			    "report=EXPORT count=3\n");
	assert_says(f->out, "inventory.read  DENIED  portal");
	assert_says(f->out, "3 entries");
	assert_never_says(f->out, "key.mint");
	expect_read_report(PEPPERMINT__V1__REPORT__REPORT_LOG_ACCESS);
	assert_int_equal(run(f, "report", "log-access", "--json", "--since", "90d"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(report_rows(json)), 3);
	json_decref(json);
	assert_int_equal(run(f, "report", "log-access", "--since", "soon"), 2);
}

/* An HSM fault of 60 seconds, one in the other environment that lasts, and a stuck log. */
static void append_failures(void)
{
	log_append_at(LOG_TIME, "hsm.fault",
		      "\"ok\":false,\"env\":\"test\",\"err\":\"HSM_UNAVAILABLE\"");
	log_append_at(LOG_TIME + 5, "hsm.fault", "\"ok\":false,\"env\":\"live\"");
	log_append_at(LOG_TIME + 60, "hsm.recover", "\"ok\":true,\"env\":\"test\"");
	log_append_at(LOG_TIME + 70, "env.refuse", "\"ok\":false,\"env\":\"test\"");
	log_append_at(LOG_TIME + 100, "key.mint", NULL);
	log_append_at(LOG_TIME + 400, "log.resume", "\"ok\":true,\"env\":\"-\"");
	log_append_at(LOG_TIME + 470, "env.serve", "\"ok\":true,\"env\":\"test\"");
	log_append_at(LOG_TIME + 480, "call.unknown", "\"ok\":false,\"env\":\"-\",\"uid\":4242");
}

static void control_failures_have_a_beginning_an_end_and_a_duration(void **state)
{
	struct fixture *f = *state;

	append_failures();
	log_answer_max(2);
	assert_int_equal(run(f, "report", "control-failures"), 0);
	assert_says(f->out, "2026-01-01T00:00:00Z  2026-01-01T00:01:00Z  60        HSM");
	assert_says(f->out, "2026-01-01T00:00:05Z  -                     not over  HSM");
	assert_says(f->out, "5 failures, 1 of them not over.");
	expect_read_report(PEPPERMINT__V1__REPORT__REPORT_CONTROL_FAILURES);
	assert_int_equal(run(f, "report", "control-failures", "--json"), 0);
	json_t *json = output_json(f);
	json_t *rows = report_rows(json);
	assert_int_equal(json_array_size(rows), 5);
	assert_string_equal(text_at(rows, 2, "type"), "env.refuse");
	assert_int_equal(number_at(rows, 2, "seconds"), 400);
	assert_string_equal(text_at(rows, 3, "type"), "log.resume");
	assert_int_equal(number_at(rows, 3, "began_at"), LOG_TIME + 100);
	assert_int_equal(number_at(rows, 3, "seconds"), 300);
	assert_string_equal(text_at(rows, 4, "control"), "identification of callers");
	assert_int_equal(number_at(rows, 4, "ended_at"), 0);
	assert_int_equal(json_integer_value(json_object_get(json, "not_over")), 1);
	json_decref(json);
}

static void a_report_steps_over_altered_entries_and_is_not_good(void **state)
{
	struct fixture *f = *state;

	append_failures();
	log_damage(4, 5); /* the one before log.resume */
	assert_int_equal(run(f, "report", "control-failures"), 1);
	assert_says(f->out, "5 failures, 1 of them not over.");
	assert_string_equal(f->err,
			    "peppermint: entry 4 of log 1 was altered outside the vault, and is "
			    "left out. An export made before that tells what it was.\n");
	log_damage(0, 1);
	assert_int_equal(run(f, "report", "control-failures"), 1);
	assert_says(f->out, "4 failures, 1 of them not over.");
	assert_int_equal(run(f, "report", "retention"), 1);
	assert_says(f->out, "2026-01-01T00:00:05Z");
	assert_says(f->out, "12 months kept: yes.");
	assert_int_equal(run(f, "report", "log-access"), 1);
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "30"), 1);
}

/* A report walks a log once for each type that it asks for. */
static void what_one_walk_stepped_over_does_not_count_for_the_next(void **state)
{
	struct fixture *f = *state;

	log_fill(1000);
	append_failures();
	log_damage(0, 1000);
	assert_int_equal(run(f, "report", "control-failures"), 1);
	assert_says(f->out, "5 failures, 1 of them not over.");
	assert_says(f->err, "entry 999 of log 1 was altered");
	assert_never_says(f->err, "were stepped over");
}

static void a_log_that_is_not_worth_reading_hides_no_other_one(void **state)
{
	static const char given_up[] = "entries of log 1 were stepped over";
	struct fixture *f = *state;

	log_fill(1100);
	log_rotate();
	log_append("hsm.fault", "\"ok\":false,\"env\":\"test\"");
	log_damage(10, UINT64_MAX);
	assert_int_equal(run(f, "report", "control-failures"), 1);
	assert_says(f->out, "1 failures, 1 of them not over.");
	const char *first = strstr(f->err, given_up);
	assert_non_null(first);
	assert_null(strstr(first + 1, given_up)); /* it is said once, however often it is walked */
	log_damage(0, UINT64_MAX);
	assert_int_equal(run(f, "report", "retention"), 1);
	assert_says(f->out, LOG_ORIGIN "/2");
	assert_says(f->out, "0 whole months at hand");
}

static void failures_of_the_log_itself_are_failures(void **state)
{
	struct fixture *f = *state;

	log_append_at(LOG_TIME, "log.open", "\"ok\":true,\"env\":\"-\"");
	log_append_at(LOG_TIME, "vault.start", "\"ok\":true,\"env\":\"-\",\"clean\":true");
	log_append_at(LOG_TIME + 1, "config.read", "\"ok\":true,\"env\":\"-\"");
	assert_int_equal(run(f, "report", "control-failures"), 0);
	assert_says(f->out, "0 failures, 0 of them not over.");
	log_append_at(LOG_TIME + 60, "vault.start", "\"ok\":true,\"env\":\"-\",\"clean\":false");
	log_append_at(LOG_TIME + 61, "config.read",
		      "\"ok\":false,\"err\":\"CONFIG\",\"env\":\"-\"");
	log_abandon();
	log_append_at(LOG_TIME + 90, "log.open", "\"ok\":true,\"env\":\"-\",\"abandoned\":true");
	assert_int_equal(run(f, "report", "control-failures", "--json"), 0);
	json_t *json = output_json(f);
	json_t *rows = report_rows(json);
	assert_int_equal(json_array_size(rows), 3);
	assert_string_equal(text_at(rows, 0, "type"), "vault.start");
	assert_int_equal(number_at(rows, 0, "seconds"), 59); /* since the entry before it */
	assert_string_equal(text_at(rows, 1, "control"), "configuration");
	assert_string_equal(text_at(rows, 2, "control"), "audit log's integrity");
	assert_int_equal(number_at(rows, 2, "began_at"), LOG_TIME + 90);
	json_decref(json);
}

static void an_entry_that_says_since_when_is_believed(void **state)
{
	struct fixture *f = *state;

	log_append_at(LOG_TIME + 400, "log.resume",
		      "\"ok\":true,\"env\":\"-\",\"since\":\"2026-01-01T00:05:00Z\"");
	log_append_at(LOG_TIME + 500, "call.unknown",
		      "\"ok\":false,\"env\":\"-\",\"count\":9,\"since\":\"2026-01-01T00:07:00Z\","
		      "\"until\":\"2026-01-01T00:07:59Z\"");
	assert_int_equal(run(f, "report", "control-failures", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(number_at(report_rows(json), 0, "seconds"), 100);
	assert_int_equal(number_at(report_rows(json), 1, "seconds"), 59);
	json_decref(json);
}

static void a_failure_ends_in_a_later_log(void **state)
{
	struct fixture *f = *state;

	log_append_at(LOG_TIME, "hsm.pin", "\"ok\":false,\"env\":\"test\"");
	log_rotate();
	log_append_at(LOG_TIME + 30, "hsm.unseal", "\"ok\":true,\"env\":\"test\"");
	assert_int_equal(run(f, "report", "control-failures", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(number_at(report_rows(json), 0, "seconds"), 30);
	json_decref(json);
}

static void dormant_keys_are_old_and_were_not_verified(void **state)
{
	struct fixture *f = *state;

	log_append_at(1000, "log.open", "\"ok\":true");
	log_append_at(time(NULL), "key.verify",
		      "\"ok\":true,\"env\":\"test\",\"key\":\"" LOG_KEY_ID "\",\"count\":2");
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "30"), 0);
	assert_says(f->out, "BBBBCCCCDDDDEEEE  test         =acme");
	assert_never_says(f->out, LOG_KEY_ID);
	assert_never_says(f->out, "CCCCDDDDEEEEFFFF"); /* it is of today */
	assert_says(f->out, "Without a successful verify in 30 days: 1.\n");
	Peppermint__V1__Request *request = log_last(PEPPERMINT__V1__REQUEST__CALL_READ_LOG);
	assert_string_equal(request->read_log->type, "key.verify");
	assert_in_range(request->read_log->since, time(NULL) - 30 * 86400 - 60,
			time(NULL) - 30 * 86400);
	peppermint__v1__request__free_unpacked(request, NULL);
	expect_read_report(PEPPERMINT__V1__REPORT__REPORT_DORMANT_KEYS);
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "30", "--env", "live"), 0);
	assert_says(f->out, "days: 0.");
	assert_int_equal(run(f, "report", "dormant-keys"), 2);
	assert_says(f->err, "needs --days N");
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "0"), 2);
}

static void dormant_keys_says_when_the_log_is_too_young_to_tell(void **state)
{
	struct fixture *f = *state;

	log_append_at(time(NULL) - 86400, "log.open", "\"ok\":true");
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "30"), 0);
	assert_says(f->out, "does not reach back so far");
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "30", "--json"), 0);
	json_t *json = output_json(f);
	assert_true(json_is_false(json_object_get(json, "log_reaches_back")));
	assert_int_equal(json_array_size(report_rows(json)), 2);
	json_decref(json);
}

static void retention_counts_the_months_at_hand(void **state)
{
	struct fixture *f = *state;

	log_append_at(time(NULL) - 86400 * 100, "log.open", "\"ok\":true");
	assert_int_equal(run(f, "report", "retention"), 0);
	assert_says(f->out, "3 whole months at hand; nothing was pruned yet.\n"
			    "12 months kept: yes.\nLast 3 months at hand: yes.\n");
	log_append_at(time(NULL) - 86400 * 80, "key.mint", NULL);
	log_prune(1);
	assert_int_equal(run(f, "report", "retention"), 1);
	assert_says(f->out, "12 months kept: NO.\nLast 3 months at hand: NO.\n");
	expect_read_report(PEPPERMINT__V1__REPORT__REPORT_RETENTION);
}

/* So many calendar months before now, and a minute more. */
static int64_t months_ago(int months)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	tm.tm_mon -= months;
	return timegm(&tm) - 60;
}

/* As the vault prunes. A year of 365 days is shorter than twelve average months. */
static void retention_counts_calendar_months(void **state)
{
	struct fixture *f = *state;

	log_append_at(1000, "log.open", "\"ok\":true");
	log_append_at(months_ago(12), "key.mint", NULL);
	log_prune(1);
	assert_int_equal(run(f, "report", "retention"), 0);
	assert_says(f->out, "12 whole months at hand; older ones were pruned.\n"
			    "12 months kept: yes.\n");
}

/* Pruning takes whole tiles, so the end of an old log stays; that is no record without a gap. */
static void retention_begins_where_the_last_pruned_part_ends(void **state)
{
	struct fixture *f = *state;

	log_append_at(1000, "log.open", "\"ok\":true");
	log_rotate();
	log_append_at(time(NULL) - 86400 * 80, "key.mint", NULL);
	log_prune(1);
	assert_int_equal(run(f, "report", "retention"), 1);
	assert_says(f->out, "12 months kept: NO.\nLast 3 months at hand: NO.\n");
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "100"), 0);
	assert_says(f->out, "does not reach back so far");
}

static void retention_begins_behind_what_an_abandoned_log_lost(void **state)
{
	struct fixture *f = *state;

	log_append_at(1000, "log.open", "\"ok\":true");
	log_abandon();
	log_append_at(months_ago(2), "log.open", "\"ok\":true,\"abandoned\":true");
	assert_int_equal(run(f, "report", "retention"), 1);
	assert_says(f->out, "2 whole months at hand; before that, entries were lost.\n"
			    "12 months kept: NO.\nLast 3 months at hand: NO.\n");
	assert_int_equal(run(f, "report", "dormant-keys", "--days", "100"), 0);
	assert_says(f->out, "does not reach back so far");
	log_rotate();
	assert_int_equal(run(f, "report", "retention", "--json"), 1);
	json_t *json = output_json(f);
	assert_int_equal(json_integer_value(json_object_get(json, "months_at_hand")), 2);
	assert_true(json_is_true(json_object_get(json, "lost")));
	assert_true(json_is_false(json_object_get(json, "pruned")));
	json_decref(json);
}

static void retention_is_good_with_a_year_behind_the_pruned_part(void **state)
{
	struct fixture *f = *state;

	log_append_at(1000, "log.open", "\"ok\":true");
	log_append_at(time(NULL) - 86400 * 380, "key.mint", NULL);
	log_prune(1);
	log_rotate();
	assert_int_equal(run(f, "report", "retention", "--json"), 0);
	json_t *json = output_json(f);
	assert_int_equal(json_array_size(report_rows(json)), 2);
	assert_int_equal(json_integer_value(json_object_get(json, "months_at_hand")), 12);
	assert_true(json_is_true(json_object_get(json, "pruned")));
	assert_true(json_is_true(json_object_get(json, "twelve_months_kept")));
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOG_TEST(crypto_inventory_names_every_key_and_algorithm),
		LOG_TEST(the_cbom_has_the_shape_of_cyclonedx),
		LOG_TEST(cryptoperiods_are_in_time_or_overdue),
		LOG_TEST(a_cryptoperiod_is_the_vaults_own_where_it_tells_it),
		LOG_TEST(keys_in_every_state_but_destroyed_must_be_as_they_must_be),
		LOG_TEST(a_key_that_signs_is_known_by_its_name),
		LOG_TEST(of_a_token_that_does_not_answer_nothing_is_claimed),
		LOG_TEST(custodians_are_those_with_that_role),
		LOG_TEST(attestation_flags_what_is_not_as_it_must_be),
		LOG_TEST(log_access_lists_who_read_what),
		LOG_TEST(control_failures_have_a_beginning_an_end_and_a_duration),
		LOG_TEST(a_report_steps_over_altered_entries_and_is_not_good),
		LOG_TEST(what_one_walk_stepped_over_does_not_count_for_the_next),
		LOG_TEST(a_log_that_is_not_worth_reading_hides_no_other_one),
		LOG_TEST(failures_of_the_log_itself_are_failures),
		LOG_TEST(an_entry_that_says_since_when_is_believed),
		LOG_TEST(a_failure_ends_in_a_later_log),
		LOG_TEST(dormant_keys_are_old_and_were_not_verified),
		LOG_TEST(dormant_keys_says_when_the_log_is_too_young_to_tell),
		LOG_TEST(retention_counts_the_months_at_hand),
		LOG_TEST(retention_counts_calendar_months),
		LOG_TEST(retention_begins_where_the_last_pruned_part_ends),
		LOG_TEST(retention_begins_behind_what_an_abandoned_log_lost),
		LOG_TEST(retention_is_good_with_a_year_behind_the_pruned_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
