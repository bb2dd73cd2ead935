#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callers.h"

#define SHARE 2

static const struct rpc_caller pay = { .name = "pay", .uid = 10, .roles = 1, .environments = 2 };
static const struct rpc_caller shop = { .name = "shop", .uid = 20, .roles = 2, .environments = 1 };

static void a_caller_is_busy_over_his_share_and_denied_over_twice_his_share(void **state)
{
	static const enum pm_err expected[] = { PM_OK, PM_OK, PM_BUSY, PM_BUSY };
	struct callers *callers = *state;
	struct rpc_caller found;

	for (size_t i = 0; i < 2 * SHARE; i++) {
		memset(&found, 0, sizeof(found));
		assert_int_equal(callers_enter(callers, 10, &found), expected[i]);
		assert_string_equal(found.name, "pay");
		assert_int_equal(found.roles, 1);
		assert_int_equal(found.environments, 2);
	}
	assert_int_equal(callers_enter(callers, 10, &found), PM_DENIED);
	assert_int_equal(callers_enter(callers, 20, &found), PM_OK); /* has a share of his own */
	callers_leave(callers, 10);
	assert_int_equal(callers_enter(callers, 10, &found), PM_BUSY);
	for (size_t i = 0; i < 3; i++)
		callers_leave(callers, 10);
	assert_int_equal(callers_enter(callers, 10, &found), PM_OK);
}

static void an_unknown_uid_is_denied(void **state)
{
	struct rpc_caller found;

	assert_int_equal(callers_enter(*state, 30, &found), PM_DENIED);
	assert_false(callers_know(*state, 30));
	assert_true(callers_know(*state, 20));
	callers_leave(*state, 30); /* and harmless */
}

static void a_new_list_replaces_the_old_one_and_keeps_the_counts(void **state)
{
	struct callers *callers = *state;
	struct rpc_caller found = { 0 };
	struct rpc_caller promoted = pay;

	assert_int_equal(callers_enter(callers, 10, &found), PM_OK);
	assert_int_equal(callers_enter(callers, 10, &found), PM_OK);
	promoted.roles = 7;
	assert_int_equal(callers_set(callers, &promoted, 1), PM_OK);
	assert_int_equal(callers_enter(callers, 10, &found), PM_BUSY);
	assert_int_equal(found.roles, 7);
	assert_int_equal(callers_enter(callers, 20, &found), PM_DENIED);
	callers_leave(callers, 10);
	callers_leave(callers, 10);
	assert_int_equal(callers_enter(callers, 10, &found), PM_OK);
}

static void a_removed_callers_requests_count_when_he_comes_back(void **state)
{
	struct callers *callers = *state;
	struct rpc_caller found = { 0 };

	assert_int_equal(callers_enter(callers, 10, &found), PM_OK);
	assert_int_equal(callers_enter(callers, 10, &found), PM_OK);
	assert_int_equal(callers_set(callers, &shop, 1), PM_OK);
	assert_int_equal(callers_enter(callers, 10, &found), PM_DENIED);
	assert_int_equal(callers_set(callers, &pay, 1), PM_OK);
	assert_int_equal(callers_enter(callers, 10, &found), PM_BUSY);
	for (size_t i = 0; i < 3; i++)
		callers_leave(callers, 10);
	assert_int_equal(callers_enter(callers, 10, &found), PM_OK);
}

static void a_list_with_a_uid_or_a_name_twice_changes_nothing(void **state)
{
	struct rpc_caller twice[] = { pay, shop };

	twice[1].uid = pay.uid;
	assert_int_equal(callers_set(*state, twice, 2), PM_CONFIG);
	twice[1] = pay;
	twice[1].uid = 99;
	assert_int_equal(callers_set(*state, twice, 2), PM_CONFIG);
	assert_true(callers_know(*state, 20));
	assert_false(callers_know(*state, 99));
}

static void the_longest_list_fits_and_can_be_replaced_by_another(void **state)
{
	static struct rpc_caller list[RPC_CALLERS_MAX + 1];
	struct rpc_caller found;

	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i <= RPC_CALLERS_MAX; i++) {
			list[i].uid = 1000 * (round + 1) + i;
			snprintf(list[i].name, sizeof(list[i].name), "caller-%u", i);
		}
		assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX + 1), PM_CONFIG);
		assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX), PM_OK);
		for (uint32_t i = 0; i < RPC_CALLERS_MAX; i++) {
			assert_int_equal(callers_enter(*state, list[i].uid, &found), PM_OK);
			callers_leave(*state, list[i].uid);
		}
	}
}

static void a_list_that_does_not_fit_beside_the_requests_of_the_last_ones_waits(void **state)
{
	static struct rpc_caller list[RPC_CALLERS_MAX];
	struct rpc_caller found;

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < RPC_CALLERS_MAX; i++) {
			list[i].uid = 1000 * (round + 1) + i;
			snprintf(list[i].name, sizeof(list[i].name), "caller-%u", i);
		}
		assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX),
				 round < 2 ? PM_OK : PM_BUSY);
		for (uint32_t i = 0; round < 2 && i < RPC_CALLERS_MAX; i++)
			assert_int_equal(callers_enter(*state, list[i].uid, &found), PM_OK);
	}
	assert_true(callers_know(*state, 2000)); /* the list before it is still whole */
	for (uint32_t i = 0; i < RPC_CALLERS_MAX; i++)
		callers_leave(*state, 1000 + i);
	assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX), PM_OK);
}

static void name_callers(struct rpc_caller list[RPC_CALLERS_MAX], uint32_t first)
{
	for (uint32_t i = 0; i < RPC_CALLERS_MAX; i++) {
		list[i].uid = first + i;
		snprintf(list[i].name, sizeof(list[i].name), "caller-%u", i);
	}
}

static void a_list_that_was_found_to_fit_is_taken_whoever_calls_in_between(void **state)
{
	static struct rpc_caller list[RPC_CALLERS_MAX];
	struct rpc_caller found;

	name_callers(list, 1000);
	assert_int_equal(callers_check(*state, list, RPC_CALLERS_MAX), PM_OK);
	assert_false(callers_know(*state, 1000));
	assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX), PM_OK);
	assert_int_equal(callers_enter(*state, 1000, &found), PM_OK);
	name_callers(list, 2000);
	assert_int_equal(callers_check(*state, list, RPC_CALLERS_MAX), PM_OK);
	assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX), PM_OK);
	/* One of the first list is still busy, and all of the second may be in a moment. */
	name_callers(list, 3000);
	assert_int_equal(callers_check(*state, list, RPC_CALLERS_MAX), PM_BUSY);
	callers_leave(*state, 1000);
	assert_int_equal(callers_check(*state, list, RPC_CALLERS_MAX), PM_OK);
	for (uint32_t i = 0; i < RPC_CALLERS_MAX; i++)
		assert_int_equal(callers_enter(*state, 2000 + i, &found), PM_OK);
	assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX), PM_OK);
	list[1].uid = list[0].uid;
	assert_int_equal(callers_check(*state, list, 2), PM_CONFIG);
}

static void the_present_list_is_told_without_those_who_only_wait_for_their_last_request(
	void **state)
{
	static struct rpc_caller list[RPC_CALLERS_MAX];
	struct rpc_caller found;

	assert_int_equal(callers_list(*state, list), 2);
	assert_string_equal(list[0].name, pay.name);
	assert_string_equal(list[1].name, shop.name);
	assert_int_equal(callers_enter(*state, pay.uid, &found), PM_OK);
	assert_int_equal(callers_set(*state, &shop, 1), PM_OK);
	assert_int_equal(callers_list(*state, list), 1);
	assert_int_equal(list[0].uid, shop.uid);
	callers_leave(*state, pay.uid);
	for (uint32_t i = 0; i < RPC_CALLERS_MAX; i++) {
		list[i] = (struct rpc_caller){ .uid = 5000 + i };
		snprintf(list[i].name, sizeof(list[i].name), "caller-%u", i);
	}
	assert_int_equal(callers_set(*state, list, RPC_CALLERS_MAX), PM_OK);
	assert_int_equal(callers_list(*state, list), RPC_CALLERS_MAX);
}

static int setup(void **state)
{
	const struct rpc_caller list[] = { pay, shop };
	struct callers *callers = NULL;

	if (callers_new(SHARE, &callers) != PM_OK)
		return -1;
	*state = callers;
	return callers_set(callers, list, 2) == PM_OK ? 0 : -1;
}

static int teardown(void **state)
{
	callers_free(*state);
	return 0;
}

int main(void)
{
#define CALLERS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		CALLERS(a_caller_is_busy_over_his_share_and_denied_over_twice_his_share),
		CALLERS(an_unknown_uid_is_denied),
		CALLERS(a_new_list_replaces_the_old_one_and_keeps_the_counts),
		CALLERS(a_removed_callers_requests_count_when_he_comes_back),
		CALLERS(a_list_with_a_uid_or_a_name_twice_changes_nothing),
		CALLERS(the_longest_list_fits_and_can_be_replaced_by_another),
		CALLERS(a_list_that_does_not_fit_beside_the_requests_of_the_last_ones_waits),
		CALLERS(a_list_that_was_found_to_fit_is_taken_whoever_calls_in_between),
		CALLERS(the_present_list_is_told_without_those_who_only_wait_for_their_last_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
