/* What a request presents and wants: headers, merchants, products, scopes, addresses, and their order. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"
#include "verify_fixture.h"

#define HEADER_ROOM 512

static const char *const scopes[] = { "pay.read", "refund.*" };
static const char *const networks[] = { "10.0.0.0/8", "192.0.2.7", "2001:db8::/32" };

/* One that may do little, from few places. */
static void mint_narrow(struct fixture *f, struct key_info *info, struct key_text *text)
{
	const struct mint_params params = {
		.environment = "live",
		.account = "acme",
		.product = "pay",
		.name = "till",
		.external_ref = "order-7",
		.scopes = { scopes, 2 },
		.networks = { networks, 3 },
	};

	verify_mint(f, &params, info, text);
}

static void bearer(const char *text, char out[HEADER_ROOM])
{
	snprintf(out, HEADER_ROOM, "Bearer %s", text);
}

static void basic(const char *user, const char *text, char out[HEADER_ROOM])
{
	char pair[HEADER_ROOM / 2];
	const int len = snprintf(pair, sizeof(pair), "%s:%s", user, text);
	const int begun = snprintf(out, HEADER_ROOM, "Basic ");

	EVP_EncodeBlock((uint8_t *)out + begun, (const uint8_t *)pair, len);
}

static struct verdict with_headers(struct fixture *f, const char *const *headers, size_t count)
{
	const struct presented presented = { .headers = headers, .header_count = count };

	return verify_request(f, &presented);
}

static void a_key_is_found_in_a_bearer_header(void **state)
{
	struct fixture *f = *state;
	char header[HEADER_ROOM];
	const char *const headers[] = { header };
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	bearer(text.text, header);
	assert_verdict(with_headers(f, headers, 1), PM_REASON_NONE);
	memcpy(header, "bEARER", 6);
	assert_verdict(with_headers(f, headers, 1), PM_REASON_NONE);
	strcat(header, " ");
	assert_verdict(with_headers(f, headers, 1), PM_REASON_MALFORMED);
	header[0] = '\0';
	assert_verdict(with_headers(f, headers, 1), PM_REASON_MISSING);
	assert_verdict(with_headers(f, NULL, 0), PM_REASON_MISSING);
	const char *const bare[] = { text.text };
	assert_verdict(with_headers(f, bare, 1), PM_REASON_MALFORMED);
}

static void a_basic_headers_user_must_be_the_accounts(void **state)
{
	struct fixture *f = *state;
	char header[HEADER_ROOM];
	const char *const headers[] = { header };
	struct key_info info;
	struct key_text text, wrong;
	struct key_secret none;
	struct account_info account;
	const struct account_params merchant = {
		.environment = "live", .id = "acme", .set_merchant = true, .merchant = "176269832"
	};

	verify_open_account(f, "acme", "pay");
	fixture_mint(f, &info, &text);
	basic("acme", text.text, header);
	assert_verdict(with_headers(f, headers, 1), PM_REASON_NONE);
	basic("acme2", text.text, header);
	assert_verdict(with_headers(f, headers, 1), PM_REASON_WRONG_MERCHANT);
	assert_int_equal(
		vault_update_account(f->vault, fixture_actor(f), &merchant, &account, &none),
		PM_OK);
	basic("acme", text.text, header);
	assert_verdict(with_headers(f, headers, 1), PM_REASON_WRONG_MERCHANT);
	basic("176269832", text.text, header);
	assert_verdict(with_headers(f, headers, 1), PM_REASON_NONE);
	/* Whose key it is, is told to nobody who has not its secret. */
	fixture_craft(&wrong, info.id);
	basic("acme2", wrong.text, header);
	assert_verdict(with_headers(f, headers, 1), PM_REASON_WRONG_SECRET);
}

static void several_credentials_are_refused_and_none_is_looked_at(void **state)
{
	struct fixture *f = *state;
	char first[HEADER_ROOM], second[HEADER_ROOM];
	const char *const headers[] = { first, second };
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	bearer(text.text, first);
	basic("acme", text.text, second);
	const struct presented both = { .key = bytes_str(text.text),
					.headers = headers,
					.header_count = 1 };
	uint64_t before = fake_hsm_macs(f->hsm[LIVE_ENV]);
	assert_request(f, &both, PM_REASON_SEVERAL_CREDENTIALS);
	assert_verdict(with_headers(f, headers, 2), PM_REASON_SEVERAL_CREDENTIALS);
	bearer(text.text, second);
	assert_verdict(with_headers(f, headers, 2), PM_REASON_SEVERAL_CREDENTIALS);
	second[0] = '\0';
	assert_verdict(with_headers(f, headers, 2), PM_REASON_SEVERAL_CREDENTIALS);
	/* What the log hides is all that the token was asked for. */
	assert_true(fake_hsm_macs(f->hsm[LIVE_ENV]) - before <= 8);
	assert_int_equal(verify_uses(f, info.id), 0);
}

static void a_key_is_for_its_product_only(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	struct presented presented = { .key = bytes_str(text.text), .product = "pay" };
	assert_request(f, &presented, PM_REASON_NONE);
	presented.product = "payout";
	assert_request(f, &presented, PM_REASON_WRONG_PRODUCT);
	presented.product = "";
	assert_request(f, &presented, PM_REASON_NONE);
}

static void a_key_has_its_scopes_and_no_others(void **state)
{
	static const struct {
		const char *wanted[2];
		size_t count;
		enum pm_reason reason;
	} cases[] = {
		{ { NULL }, 0, PM_REASON_NONE },
		{ { "pay.read" }, 1, PM_REASON_NONE },
		{ { "refund.make", "pay.read" }, 2, PM_REASON_NONE },
		{ { "pay.write" }, 1, PM_REASON_SCOPE_MISSING },
		{ { "pay.read", "pay.write" }, 2, PM_REASON_SCOPE_MISSING },
		{ { "refund.*" }, 1, PM_REASON_SCOPE_MISSING },
		{ { "" }, 1, PM_REASON_SCOPE_MISSING },
	};
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	mint_narrow(f, &info, &text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct presented presented = { .key = bytes_str(text.text),
						     .address = "10.1.2.3",
						     .scopes = { cases[i].wanted,
								 cases[i].count } };
		assert_request(f, &presented, cases[i].reason);
	}
}

/* Ranges, not texts that are equal. */
static void a_key_with_networks_is_good_from_there_only(void **state)
{
	static const struct {
		const char *address;
		enum pm_reason reason;
	} cases[] = {
		{ "10.0.0.0", PM_REASON_NONE },
		{ "10.255.255.255", PM_REASON_NONE },
		{ "11.0.0.0", PM_REASON_ADDRESS_DENIED },
		{ "9.255.255.255", PM_REASON_ADDRESS_DENIED },
		{ "192.0.2.7", PM_REASON_NONE },
		{ "192.0.2.8", PM_REASON_ADDRESS_DENIED },
		{ "2001:db8:ffff::1", PM_REASON_NONE },
		{ "2001:db9::1", PM_REASON_ADDRESS_DENIED },
		{ "::ffff:10.2.3.4", PM_REASON_NONE },
		{ "10.0.0.0/8", PM_REASON_ADDRESS_DENIED },
		{ "", PM_REASON_ADDRESS_DENIED },
		{ NULL, PM_REASON_ADDRESS_DENIED },
	};
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	uint64_t uses = 0;

	mint_narrow(f, &info, &text);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct presented presented = { .key = bytes_str(text.text),
						     .address = cases[i].address };
		assert_request(f, &presented, cases[i].reason);
		/* A denied address is no use. */
		uses += cases[i].reason == PM_REASON_NONE;
		assert_int_equal(verify_uses(f, info.id), uses);
	}
	fixture_mint(f, &info, &text);
	assert_text(f, text.text, PM_REASON_NONE);
}

static void a_valid_key_tells_more_of_itself_and_a_refused_one_nothing(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;
	struct verdict verdicts[2];
	struct verdict_detail details[2];

	mint_narrow(f, &info, &text);
	const struct presented presented[] = {
		{ .key = bytes_str(text.text), .address = "10.0.0.1" },
		{ .key = bytes_str(text.text), .address = "11.0.0.1" },
	};
	memset(details, 'x', sizeof(details));
	assert_int_equal(
		vault_verify(f->vault, fixture_actor(f), "live", presented, 2, verdicts, details),
		PM_OK);
	assert_verdict(verdicts[0], PM_REASON_NONE);
	assert_string_equal(details[0].external_ref, "order-7");
	assert_string_equal(details[0].scopes, "pay.read refund.*");
	assert_verdict(verdicts[1], PM_REASON_ADDRESS_DENIED);
	assert_string_equal(details[1].external_ref, "");
	assert_string_equal(details[1].scopes, "");
}

static void set_disabled(struct fixture *f, const char *id, bool disabled)
{
	const struct update_params params = {
		.environment = "live", .key_id = id, .set_disabled = true, .disabled = disabled
	};
	struct key_info info;

	assert_int_equal(vault_update(f->vault, fixture_actor(f), &params, &info), PM_OK);
}

static void set_times(struct fixture *f, const char *id, int64_t not_before, int64_t expires_at)
{
	const struct update_params params = { .environment = "live",
					      .key_id = id,
					      .set_not_before = true,
					      .set_expires_at = true,
					      .not_before = not_before,
					      .expires_at = expires_at };
	struct key_info info;

	assert_int_equal(vault_update(f->vault, fixture_actor(f), &params, &info), PM_OK);
}

static void a_disabled_key_comes_back_and_one_of_later_begins_when_it_says(void **state)
{
	struct fixture *f = *state;
	struct key_info info;
	struct key_text text;

	fixture_mint(f, &info, &text);
	set_disabled(f, info.id, true);
	assert_text(f, text.text, PM_REASON_DISABLED);
	set_disabled(f, info.id, false);
	assert_text(f, text.text, PM_REASON_NONE);
	set_times(f, info.id, clock_unix() + 100, clock_unix() + 200);
	assert_text(f, text.text, PM_REASON_NOT_YET);
	fake_clock_advance(100);
	assert_text(f, text.text, PM_REASON_NONE);
	fake_clock_advance(100);
	assert_text(f, text.text, PM_REASON_EXPIRED);
}

/* Each reason hides those after it: they are mended from the first to the last. */
static void reasons_come_in_their_order(void **state)
{
	static const char *const wanted[] = { "nothing.of.that" };
	struct fixture *f = *state;
	char header[HEADER_ROOM];
	const char *const headers[] = { header };
	struct key_info info;
	struct key_text text, fresh;
	const struct rotate_params rotate = { .environment = "live", .overlap = 0 };
	struct rotate_params rotation = rotate;

	verify_open_account(f, "acme", "pay");
	mint_narrow(f, &info, &text);
	rotation.key_id = info.id;
	basic("nobody", text.text, header);
	struct presented presented = { .headers = headers,
				       .header_count = 1,
				       .product = "other",
				       .scopes = { wanted, 1 },
				       .address = "172.16.0.1" };
	set_times(f, info.id, clock_unix() + 100, clock_unix() + 150);
	set_disabled(f, info.id, true);
	verify_set_product(f, "acme", "pay", false);
	verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
	assert_request(f, &presented, PM_REASON_ACCOUNT_INACTIVE);
	verify_set_status(f, "acme", VAULT_ACCOUNT_APPROVED);
	assert_request(f, &presented, PM_REASON_PRODUCT_DISABLED);
	verify_set_product(f, "acme", "pay", true);
	assert_request(f, &presented, PM_REASON_DISABLED);
	set_disabled(f, info.id, false);
	assert_request(f, &presented, PM_REASON_NOT_YET);
	fake_clock_advance(100);
	assert_int_equal(fixture_rotate_text(f->vault, fixture_actor(f), &rotation, &info, &fresh),
			 PM_OK);
	assert_request(f, &presented, PM_REASON_SUPERSEDED);
	basic("nobody", fresh.text, header);
	assert_request(f, &presented, PM_REASON_WRONG_MERCHANT);
	basic("acme", fresh.text, header);
	assert_request(f, &presented, PM_REASON_WRONG_PRODUCT);
	presented.product = "pay";
	assert_request(f, &presented, PM_REASON_SCOPE_MISSING);
	presented.scopes.count = 0;
	assert_request(f, &presented, PM_REASON_ADDRESS_DENIED);
	presented.address = "10.0.0.1";
	assert_request(f, &presented, PM_REASON_NONE);
	fake_clock_advance(50);
	basic("nobody", text.text, header);
	assert_request(f, &presented, PM_REASON_EXPIRED);
	assert_int_equal(vault_revoke(f->vault, fixture_actor(f), "live", info.id, &info), PM_OK);
	verify_set_status(f, "acme", VAULT_ACCOUNT_SUSPENDED);
	assert_request(f, &presented, PM_REASON_REVOKED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, verify_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_is_found_in_a_bearer_header),
		TEST(a_basic_headers_user_must_be_the_accounts),
		TEST(several_credentials_are_refused_and_none_is_looked_at),
		TEST(a_key_is_for_its_product_only),
		TEST(a_key_has_its_scopes_and_no_others),
		TEST(a_key_with_networks_is_good_from_there_only),
		TEST(a_valid_key_tells_more_of_itself_and_a_refused_one_nothing),
		TEST(a_disabled_key_comes_back_and_one_of_later_begins_when_it_says),
		TEST(reasons_come_in_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
