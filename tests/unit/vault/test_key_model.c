/*
 * A key's life against a plain model of it: rotations of all kinds, the way back, ends, switches, its
 * account, its pepper and restarts in an order that is random, and the same each time.
 */
#include <string.h>

#include "base/clock.h"
#include "fake_clock.h"
#include "key_fixture.h"
#include "verify_fixture.h"

#define SEEDS 12
#define STEPS 60
#define SECRETS_MAX (STEPS + 1)
#define IMPORTED "sk_legacy_0123456789_xyz"

/* Times lie on two grids that never meet, and a test takes no minute. */
#define TICK 700
static const int64_t spans[] = { 0, 1000, 3000 };

struct model {
	struct fixture *f;
	uint64_t random;
	char id[VAULT_ID_LEN + 1];
	char texts[SECRETS_MAX][VAULT_KEY_TEXT_MAX + 1];
	int count, current, previous; /* previous -1: none */
	int64_t previous_end;         /* 0: none yet */
	bool first_use;
	int64_t overlap;
	int64_t expires_at;
	bool disabled, revoked, suspended, closed;
	uint32_t version, newest; /* of the current secret; of all */
};

static uint64_t pick(struct model *m, uint64_t below)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return m->random % below;
}

static int64_t pick_span(struct model *m)
{
	return spans[pick(m, sizeof(spans) / sizeof(spans[0]))];
}

static bool is_over(int64_t end)
{
	return end != 0 && clock_unix() >= end;
}

static bool is_live(const struct model *m)
{
	return !m->revoked && !m->closed && !is_over(m->expires_at);
}

static bool has_two(const struct model *m)
{
	return m->previous >= 0 && (m->first_use || !is_over(m->previous_end));
}

static int64_t capped(const struct model *m, int64_t end)
{
	return m->expires_at != 0 && end > m->expires_at ? m->expires_at : end;
}

static enum pm_reason expected(const struct model *m, int secret)
{
	if (secret != m->current && secret != m->previous)
		return PM_REASON_WRONG_SECRET;
	if (m->revoked)
		return PM_REASON_REVOKED;
	if (m->closed)
		return PM_REASON_ACCOUNT_IS_CLOSED;
	if (m->suspended)
		return PM_REASON_ACCOUNT_INACTIVE;
	if (m->disabled)
		return PM_REASON_DISABLED;
	if (is_over(m->expires_at))
		return PM_REASON_EXPIRED;
	return secret == m->previous && is_over(m->previous_end) ? PM_REASON_SUPERSEDED
								 : PM_REASON_NONE;
}

/* Its keys are revoked with it, one after the other. */
static void verify_closed(struct model *m, int secret)
{
	struct verdict verdict = fixture_verify(m->f, "live", m->texts[secret]);

	assert_true(verdict.reason == PM_REASON_ACCOUNT_IS_CLOSED ||
		    verdict.reason == PM_REASON_REVOKED);
	assert_false(verdict.valid);
}

static void verify(struct model *m, int secret)
{
	if (expected(m, secret) == PM_REASON_ACCOUNT_IS_CLOSED) {
		verify_closed(m, secret);
		return;
	}
	assert_text(m->f, m->texts[secret], expected(m, secret));
	if (secret != m->current || !m->first_use || expected(m, secret) != PM_REASON_NONE)
		return;
	m->first_use = false;
	m->previous_end = capped(m, clock_unix() + m->overlap);
}

static void begin_secret(struct model *m, const struct key_info *info,
			 const struct key_secret *secret, bool first_use, int64_t overlap)
{
	assert_int_equal(info->secret_version, m->newest + 1);
	m->version = m->newest = info->secret_version;
	m->previous = m->current;
	m->current = m->count++;
	strcpy(m->texts[m->current], secret->text.text);
	m->first_use = first_use;
	m->overlap = overlap;
	m->previous_end = first_use ? 0 : capped(m, clock_unix() + overlap);
}

static void rotate(struct model *m)
{
	const struct rotate_params params = {
		.environment = "live",
		.key_id = m->id,
		.overlap = pick_span(m),
		.first_use = pick(m, 2) != 0,
		.force = pick(m, 3) == 0,
	};
	bool allowed = is_live(m) && (params.force || !has_two(m));
	struct key_secret secret;
	struct key_info info;

	enum pm_err err = vault_rotate(m->f->vault, fixture_actor(m->f), &params, &info, &secret);
	assert_int_equal(err, allowed ? PM_OK : PM_CONFLICT);
	if (allowed)
		begin_secret(m, &info, &secret, params.first_use, params.overlap);
}

static void reset(struct model *m)
{
	struct key_secret secret;
	struct key_info info;

	enum pm_err err = keys_reset(m->f, m->id, &info, &secret);
	assert_int_equal(err, is_live(m) ? PM_OK : PM_CONFLICT);
	if (err == PM_OK)
		begin_secret(m, &info, &secret, false, 0);
}

static void roll_back(struct model *m)
{
	bool allowed = is_live(m) && m->first_use;
	struct key_info info;

	assert_int_equal(keys_rollback(m->f, m->id, &info), allowed ? PM_OK : PM_CONFLICT);
	if (!allowed)
		return;
	m->current = m->previous;
	m->previous = -1;
	m->first_use = false;
	m->version = info.secret_version;
}

static void update(struct model *m)
{
	struct update_params params = {
		.environment = "live",
		.key_id = m->id,
		.set_disabled = pick(m, 2) != 0,
		.disabled = pick(m, 2) != 0,
		.set_expires_at = pick(m, 3) == 0,
	};
	struct key_info info;

	if (params.set_expires_at && pick(m, 2) != 0)
		params.expires_at = clock_unix() + 5000;
	enum pm_err err = vault_update(m->f->vault, fixture_actor(m->f), &params, &info);
	assert_int_equal(err, is_live(m) ? PM_OK : PM_CONFLICT);
	if (err != PM_OK)
		return;
	if (params.set_disabled)
		m->disabled = params.disabled;
	if (!params.set_expires_at)
		return;
	m->expires_at = params.expires_at;
	m->previous_end = capped(m, m->previous_end);
}

static void change_account(struct model *m)
{
	if (m->closed)
		return;
	m->suspended = !m->suspended;
	verify_set_status(m->f, "acme",
			  m->suspended ? VAULT_ACCOUNT_SUSPENDED : VAULT_ACCOUNT_APPROVED);
}

static void rotate_pepper(struct model *m)
{
	struct pepper_info info;

	assert_int_equal(vault_rotate_pepper(m->f->vault, fixture_actor(m->f), "live",
					     VAULT_API_KEYS_PEPPER, &info),
			 PM_OK);
}

static void restart(struct model *m)
{
	fixture_reopen(m->f);
	assert_int_equal(vault_tend(m->f->vault), PM_OK);
}

/* Once, late: there is no way back from either. */
static void end(struct model *m)
{
	if (m->closed || m->revoked)
		return;
	if (pick(m, 2) != 0) {
		keys_revoke(m->f, m->id);
		m->revoked = true;
		return;
	}
	verify_set_status(m->f, "acme", VAULT_ACCOUNT_CLOSED);
	m->closed = true;
}

static void step(struct model *m, int number)
{
	uint64_t which = pick(m, 32);

	if (number > STEPS * 3 / 4 && which == 31)
		end(m);
	else if (which < 8)
		rotate(m);
	else if (which < 9)
		reset(m);
	else if (which < 12)
		roll_back(m);
	else if (which < 15)
		update(m);
	else if (which < 16)
		change_account(m);
	else if (which < 17)
		rotate_pepper(m);
	else if (which < 18)
		restart(m);
	else if (which < 23)
		fake_clock_advance(TICK);
	else if (m->previous >= 0 && which < 26)
		verify(m, m->previous);
	else
		verify(m, m->current);
}

/* Whatever was a secret once; the one that waits for its first use is left to wait. */
static void check(struct model *m)
{
	struct key_info info;
	int oldest = m->count > 5 ? m->count - 5 : 0;

	for (int i = oldest; i < m->count; i++) {
		if (i != m->current || !m->first_use)
			verify(m, i);
	}
	verify(m, 0 == m->current && m->first_use ? m->previous : 0);
	keys_get(m->f, m->id, &info);
	assert_int_equal(info.secret_version, m->version);
	assert_int_equal(info.first_use_pending, m->first_use);
	assert_int_equal(info.disabled_at != 0, m->disabled);
	assert_int_equal(info.expires_at, m->expires_at);
}

static void begin_ours(struct model *m)
{
	struct key_secret secret;
	struct key_info info;

	keys_mint(m->f, &info, &secret);
	strcpy(m->id, info.id);
	strcpy(m->texts[0], secret.text.text);
}

static void begin_imported(struct model *m)
{
	const struct import_item item = {
		.form = IMPORT_TEXT,
		.value = bytes_str(IMPORTED),
		.hmac_key = "",
		.account = "acme",
		.product = "pay",
		.name = "old till",
		.external_ref = "",
		.tail = "",
	};
	struct import_outcome outcome;

	assert_int_equal(
		vault_import_keys(m->f->vault, fixture_actor(m->f), "live", &item, 1, &outcome),
		PM_OK);
	assert_int_equal(outcome.error, PM_OK);
	strcpy(m->id, outcome.key_id);
	strcpy(m->texts[0], IMPORTED);
}

static void live(struct fixture *f, uint64_t seed)
{
	struct model m = {
		.f = f,
		.random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15),
		.count = 1,
		.previous = -1,
		.version = 1,
		.newest = 1,
	};

	verify_open_account(f, "acme", "pay");
	if (seed % 2 == 0)
		begin_ours(&m);
	else
		begin_imported(&m);
	for (int i = 0; i < STEPS; i++) {
		step(&m, i);
		check(&m);
	}
}

static void at_every_step_just_the_secrets_verify_that_shall(void **state)
{
	for (uint64_t seed = 0; seed < SEEDS; seed++) {
		verify_setup(state);
		live(*state, seed);
		fixture_teardown(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_every_step_just_the_secrets_verify_that_shall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
