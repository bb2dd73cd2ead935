/* The lists that records keep as texts: an account's products, an operator's grants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "grants.h"
#include "products.h"

static enum pm_err change(char list[STORE_PRODUCTS_MAX + 1], const char *name, bool enabled)
{
	struct product_info product = { .enabled = enabled };
	size_t changed = 0;

	snprintf(product.name, sizeof(product.name), "%s", name);
	return products_change(list, &product, 1, &changed);
}

static void products_are_kept_sorted_and_once_each(void **state)
{
	char list[STORE_PRODUCTS_MAX + 1] = "";

	(void)state;
	assert_int_equal(change(list, "pay", true), PM_OK);
	assert_int_equal(change(list, "card", false), PM_OK);
	assert_int_equal(change(list, "pay", false), PM_OK);
	assert_int_equal(change(list, "zoo", true), PM_OK);
	assert_string_equal(list, "-card\n-pay\n+zoo\n");
	assert_true(products_enabled(list, "zoo"));
	assert_false(products_enabled(list, "pay"));
	assert_false(products_enabled(list, "zo"));
	assert_false(products_enabled(list, ""));
}

static void only_what_differs_counts_as_changed(void **state)
{
	char list[STORE_PRODUCTS_MAX + 1] = "+a\n-b\n";
	const struct product_info changes[] = { { "a", true }, { "b", true }, { "c", false } };
	size_t changed = 0;

	(void)state;
	assert_int_equal(products_change(list, changes, 3, &changed), PM_OK);
	assert_int_equal(changed, 2);
	assert_string_equal(list, "+a\n+b\n-c\n");
}

static void a_product_with_an_odd_name_or_twice_is_refused_and_changes_nothing(void **state)
{
	static const char *const odd[] = { "", "a b", "a\nb", "+a", "a/b", "é" };
	const struct product_info twice[] = { { "x", true }, { "x", false } };
	char list[STORE_PRODUCTS_MAX + 1] = "+a\n";
	size_t changed = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_int_equal(change(list, odd[i], true), PM_BAD_REQUEST);
	assert_int_equal(products_change(list, twice, 2, &changed), PM_BAD_REQUEST);
	assert_string_equal(list, "+a\n");
}

static void an_account_has_at_most_32_products(void **state)
{
	char list[STORE_PRODUCTS_MAX + 1] = "", name[16];

	(void)state;
	for (int i = 0; i < VAULT_PRODUCTS_MAX; i++) {
		snprintf(name, sizeof(name), "p%02d", i);
		assert_int_equal(change(list, name, true), PM_OK);
	}
	assert_int_equal(change(list, "one-more", true), PM_TOO_LARGE);
	assert_int_equal(change(list, "p31", false), PM_OK);
	assert_false(products_enabled(list, "p31"));
}

static void products_that_do_not_fit_their_column_are_too_large(void **state)
{
	char list[STORE_PRODUCTS_MAX + 1] = "", name[VAULT_PRODUCT_MAX + 1];
	enum pm_err err = PM_OK;
	int i = 0;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[VAULT_PRODUCT_MAX] = '\0';
	for (; i < VAULT_PRODUCTS_MAX && err == PM_OK; i++) {
		name[0] = (char)('A' + i % 26);
		name[1] = (char)('A' + i / 26);
		err = change(list, name, true);
	}
	assert_int_equal(err, PM_TOO_LARGE);
	assert_int_equal(strlen(list), (size_t)(i - 1) * (VAULT_PRODUCT_MAX + 2));
}

static void grants_are_kept_sorted_and_come_back(void **state)
{
	const struct grant grants[] = { { "b=c", OPERATOR_VIEWER },
					{ "*", OPERATOR_AUDITOR },
					{ "acme", OPERATOR_SUPERADMIN } };
	char roles[STORE_ROLES_MAX + 1];
	struct grants read;

	(void)state;
	assert_int_equal(grants_write(grants, 3, roles), PM_OK);
	assert_string_equal(roles, "*=AUDITOR\nacme=SUPERADMIN\nb=c=VIEWER\n");
	grants_read(roles, &read);
	assert_int_equal(read.count, 3);
	assert_string_equal(read.list[2].account, "b=c");
	assert_int_equal(read.list[2].role, OPERATOR_VIEWER);
	assert_int_equal(grants_in(&read, "acme"),
			 1 << OPERATOR_SUPERADMIN | 1 << OPERATOR_AUDITOR);
	assert_int_equal(grants_in(&read, "other"), 1 << OPERATOR_AUDITOR);
	assert_int_equal(grants_in(&read, "*"), 1 << OPERATOR_AUDITOR);
}

static void grants_that_are_none_are_refused(void **state)
{
	const struct grant bad[][2] = {
		{ { "", OPERATOR_ADMIN }, { "x", OPERATOR_ADMIN } },
		{ { "a", OPERATOR_ADMIN }, { "a", OPERATOR_VIEWER } },
		{ { "a", 0 }, { "b", OPERATOR_ADMIN } },
		{ { "a", 5 }, { "b", OPERATOR_ADMIN } },
		{ { "a\nb", OPERATOR_ADMIN }, { "b", OPERATOR_ADMIN } },
	};
	struct grant many[VAULT_GRANTS_MAX + 1];
	char roles[STORE_ROLES_MAX + 1] = "kept";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(grants_write(bad[i], 2, roles), PM_BAD_REQUEST);
	assert_int_equal(grants_write(many, VAULT_GRANTS_MAX + 1, roles), PM_TOO_LARGE);
	for (int i = 0; i < VAULT_GRANTS_MAX; i++) {
		memset(many[i].account, 'a' + i, VAULT_ACCOUNT_MAX);
		many[i].account[VAULT_ACCOUNT_MAX] = '\0';
		many[i].role = OPERATOR_SUPERADMIN;
	}
	assert_int_equal(grants_write(many, VAULT_GRANTS_MAX, roles), PM_TOO_LARGE);
	assert_string_equal(roles, "kept");
}

static void a_text_that_is_no_list_of_grants_gives_none_from_there_on(void **state)
{
	static const struct {
		const char *text;
		size_t count;
	} texts[] = {
		{ "", 0 },
		{ "acme", 0 },
		{ "acme=SUPERADMIN", 0 },
		{ "=ADMIN\n", 0 },
		{ "acme=admin\n", 0 },
		{ "acme=ADMIN\nb\n", 1 },
		{ "acme=ADMIN\n=\n", 1 },
	};
	struct grants grants;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		grants_read(texts[i].text, &grants);
		assert_int_equal(grants.count, texts[i].count);
	}
}

static bool reaches(const char *own, const char *others)
{
	struct grants one, other;

	grants_read(own, &one);
	grants_read(others, &other);
	return grants_reach(&one, &other);
}

static void who_is_no_superadmin_everywhere_where_another_has_a_role_does_not_reach_him(
	void **state)
{
	(void)state;
	assert_true(reaches("*=SUPERADMIN\n", "*=SUPERADMIN\n"));
	assert_true(reaches("*=SUPERADMIN\n", "acme=VIEWER\nb=ADMIN\n"));
	assert_true(reaches("*=SUPERADMIN\n", ""));
	assert_true(reaches("acme=SUPERADMIN\n", "acme=SUPERADMIN\n"));
	assert_false(reaches("acme=SUPERADMIN\n", ""));
	assert_false(reaches("acme=SUPERADMIN\n", "*=VIEWER\n"));
	assert_false(reaches("acme=SUPERADMIN\n", "acme=VIEWER\nb=VIEWER\n"));
	assert_false(reaches("*=ADMIN\n", "acme=VIEWER\n"));
	assert_false(reaches("", "acme=VIEWER\n"));
	assert_false(reaches("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_are_kept_sorted_and_once_each),
		cmocka_unit_test(only_what_differs_counts_as_changed),
		cmocka_unit_test(
			a_product_with_an_odd_name_or_twice_is_refused_and_changes_nothing),
		cmocka_unit_test(an_account_has_at_most_32_products),
		cmocka_unit_test(products_that_do_not_fit_their_column_are_too_large),
		cmocka_unit_test(grants_are_kept_sorted_and_come_back),
		cmocka_unit_test(grants_that_are_none_are_refused),
		cmocka_unit_test(a_text_that_is_no_list_of_grants_gives_none_from_there_on),
		cmocka_unit_test(
			who_is_no_superadmin_everywhere_where_another_has_a_role_does_not_reach_him),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
