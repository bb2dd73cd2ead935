/*
 * Something happens between two steps of a call: the vault asks its token, and before it has the answer the
 * test does what another thread might, or a bit of the answer flips.
 */
#include <string.h>

#include "change_fixture.h"

enum pm_err __real_hsm_hmac(struct hsm *hsm, struct hsm_job *jobs, size_t count, int64_t deadline);
enum pm_err __wrap_hsm_hmac(struct hsm *hsm, struct hsm_job *jobs, size_t count, int64_t deadline);
void __real_hsm_status(struct hsm *hsm, struct hsm_status *out);
void __wrap_hsm_status(struct hsm *hsm, struct hsm_status *out);
enum pm_err __real_hsm_list(struct hsm *hsm, const char *prefix, struct hsm_object *out,
			    size_t *count, int64_t deadline);
enum pm_err __wrap_hsm_list(struct hsm *hsm, const char *prefix, struct hsm_object *out,
			    size_t *count, int64_t deadline);
enum pm_err __real_hsm_generate_pair(struct hsm *hsm, const struct hsm_id *id, const char *label,
				     struct hsm_object *out, int64_t deadline);
enum pm_err __wrap_hsm_generate_pair(struct hsm *hsm, const struct hsm_id *id, const char *label,
				     struct hsm_object *out, int64_t deadline);

/* Done once: at the next HMAC, before it; or at the next look at the status, after it. */
static void (*at_hmac)(struct fixture *f), (*at_status)(struct fixture *f);
static struct fixture *fixture;
static struct key_text text;

/* A bit of the public halves flips in that listing from now, 0: the next; or of the next new pair. */
static int spoil_list = -1;
static bool spoil_pair;

static void do_once(void (**what)(struct fixture *f))
{
	void (*now)(struct fixture * f) = *what;

	*what = NULL;
	if (now)
		now(fixture);
}

enum pm_err __wrap_hsm_hmac(struct hsm *hsm, struct hsm_job *jobs, size_t count, int64_t deadline)
{
	do_once(&at_hmac);
	return __real_hsm_hmac(hsm, jobs, count, deadline);
}

void __wrap_hsm_status(struct hsm *hsm, struct hsm_status *out)
{
	__real_hsm_status(hsm, out);
	do_once(&at_status);
}

enum pm_err __wrap_hsm_list(struct hsm *hsm, const char *prefix, struct hsm_object *out,
			    size_t *count, int64_t deadline)
{
	enum pm_err err = __real_hsm_list(hsm, prefix, out, count, deadline);

	if (spoil_list-- == 0) {
		for (size_t i = 0; i < *count; i++)
			out[i].public_key[3] ^= 4;
	}
	return err;
}

enum pm_err __wrap_hsm_generate_pair(struct hsm *hsm, const struct hsm_id *id, const char *label,
				     struct hsm_object *out, int64_t deadline)
{
	enum pm_err err = __real_hsm_generate_pair(hsm, id, label, out, deadline);

	if (spoil_pair)
		out->public_key[3] ^= 4;
	spoil_pair = false;
	return err;
}

static struct verdict verify_while(struct fixture *f, void (*meanwhile)(struct fixture *f))
{
	fixture = f;
	at_hmac = meanwhile;
	return fixture_verify(f, "live", text.text);
}

/* A key under the version before the active one. */
static void mint_and_rotate(struct fixture *f)
{
	struct key_info info;

	fixture_mint(f, &info, &text);
	change_ok(f, PEPPER, 0, MASTER_VERB_ROTATE);
	atomic_store(&live(f)->takeover_at, 0);
}

static void move(struct fixture *f)
{
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void move_and_suspend(struct fixture *f)
{
	move(f);
	change_ok(f, PEPPER, 1, MASTER_VERB_SUSPEND);
}

static void move_and_schedule(struct fixture *f)
{
	move(f);
	change_ok(f, PEPPER, 1, MASTER_VERB_DESTROY);
}

static void move_and_destroy(struct fixture *f)
{
	move_and_schedule(f);
	change_due(f, PEPPER, 1);
	assert_int_equal(change_tend(f), PM_OK);
	assert_int_equal(change_state(f, PEPPER, 1), MASTER_DESTROYED);
}

static void a_key_moved_off_a_version_that_is_suspended_is_not_refused(void **state)
{
	mint_and_rotate(*state);
	assert_true(verify_while(*state, move_and_suspend).valid);
}

static void a_key_moved_off_a_version_that_is_to_go_is_not_refused(void **state)
{
	mint_and_rotate(*state);
	assert_true(verify_while(*state, move_and_schedule).valid);
}

/* The HMAC under it finds no key: there is no verdict, or the right one. */
static void a_version_destroyed_in_the_middle_of_a_verify_makes_no_key_wrong(void **state)
{
	struct fixture *f = *state;

	mint_and_rotate(f);
	struct verdict verdict = verify_while(f, move_and_destroy);
	assert_true(verdict.valid || verdict.error != PM_OK);
	assert_true(fixture_verify(f, "live", text.text).valid);
}

static void bring_the_next_generation_into_service(struct fixture *f)
{
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

/* Attached again for a token that is gone, its records would be loaded and used before they are checked. */
static void what_came_into_service_while_we_waited_is_not_attached_again(void **state)
{
	struct fixture *f = *state;
	struct key_info info;

	fixture_mint(f, &info, &text);
	fake_hsm_restart(f->hsm[LIVE_ENV]);
	fixture = f;
	at_status = bring_the_next_generation_into_service;
	assert_true(fixture_verify(f, "live", text.text).valid);
}

/* The pair of the audit log, which is the first environment's, is read several times at each attach. */
static void no_flipped_bit_of_a_public_half_condemns_a_token(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 8; i++) {
		fake_hsm_restart(f->hsm[TEST_ENV]);
		spoil_list = i;
		enum pm_err err = vault_tend(f->vault);
		assert_true(err == PM_OK || err == PM_HSM_UNAVAILABLE);
		spoil_list = -1;
		assert_int_equal(vault_tend(f->vault), PM_OK);
	}
}

static void no_log_opens_under_a_verifier_key_that_the_token_does_not_have(void **state)
{
	struct fixture *f = *state;
	struct vault_log log;

	spoil_pair = true;
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_HSM_UNAVAILABLE);
	assert_int_equal(vault_log_rotate(f->vault, fixture_actor(f), &log), PM_OK);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_moved_off_a_version_that_is_suspended_is_not_refused),
		TEST(a_key_moved_off_a_version_that_is_to_go_is_not_refused),
		TEST(a_version_destroyed_in_the_middle_of_a_verify_makes_no_key_wrong),
		TEST(what_came_into_service_while_we_waited_is_not_attached_again),
		TEST(no_flipped_bit_of_a_public_half_condemns_a_token),
		TEST(no_log_opens_under_a_verifier_key_that_the_token_does_not_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
