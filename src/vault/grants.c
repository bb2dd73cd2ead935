#include "grants.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BIT(role) (UINT32_C(1) << (role))

static const char *const role_names[] = {
	[OPERATOR_SUPERADMIN] = "SUPERADMIN",
	[OPERATOR_ADMIN] = "ADMIN",
	[OPERATOR_VIEWER] = "VIEWER",
	[OPERATOR_AUDITOR] = "AUDITOR",
};

static bool is_role(enum operator_role role)
{
	return role >= OPERATOR_SUPERADMIN && role <= OPERATOR_AUDITOR;
}

static bool read_role(const char *text, size_t len, enum operator_role *out)
{
	for (enum operator_role role = OPERATOR_SUPERADMIN; is_role(role); role++) {
		if (strlen(role_names[role]) != len || memcmp(role_names[role], text, len) != 0)
			continue;
		*out = role;
		return true;
	}
	return false;
}

/* An account's name may hold a `=`; a role's does not. */
static bool read_line(const char *line, size_t len, struct grant *out)
{
	size_t split = len;

	while (split > 0 && line[split - 1] != '=')
		split--;
	if (split < 2 || split - 1 > VAULT_ACCOUNT_MAX)
		return false;
	memcpy(out->account, line, split - 1);
	out->account[split - 1] = '\0';
	return read_role(line + split, len - split, &out->role);
}

void grants_read(const char *roles, struct grants *out)
{
	out->count = 0;
	while (*roles && out->count < VAULT_GRANTS_MAX) {
		size_t len = strcspn(roles, "\n");

		if (roles[len] == '\0' || !read_line(roles, len, &out->list[out->count]))
			break;
		out->count++;
		roles += len + 1;
	}
}

static int by_account(const void *a, const void *b)
{
	const struct grant *one = a, *other = b;

	return strcmp(one->account, other->account);
}

static bool are_grants(const struct grants *sorted)
{
	for (size_t i = 0; i < sorted->count; i++) {
		const struct grant *grant = &sorted->list[i];

		if (grant->account[0] == '\0' || strchr(grant->account, '\n') ||
		    !is_role(grant->role))
			return false;
		if (i > 0 && strcmp(grant->account, sorted->list[i - 1].account) == 0)
			return false;
	}
	return true;
}

enum pm_err grants_write(const struct grant *list, size_t count, char out[STORE_ROLES_MAX + 1])
{
	struct grants sorted = { .count = count };
	char text[STORE_ROLES_MAX + 1];
	size_t len = 0;

	if (count > VAULT_GRANTS_MAX)
		return PM_TOO_LARGE;
	for (size_t i = 0; i < count; i++)
		sorted.list[i] = list[i];
	qsort(sorted.list, count, sizeof(sorted.list[0]), by_account);
	if (!are_grants(&sorted))
		return PM_BAD_REQUEST;
	text[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		const struct grant *grant = &sorted.list[i];
		int wrote = snprintf(text + len, sizeof(text) - len, "%s=%s\n", grant->account,
				     role_names[grant->role]);

		if (wrote < 0 || (size_t)wrote >= sizeof(text) - len)
			return PM_TOO_LARGE;
		len += (size_t)wrote;
	}
	memcpy(out, text, len + 1);
	return PM_OK;
}

uint32_t grants_in(const struct grants *grants, const char *account)
{
	uint32_t roles = 0;

	for (size_t i = 0; i < grants->count; i++) {
		const struct grant *grant = &grants->list[i];

		if (strcmp(grant->account, account) == 0 ||
		    strcmp(grant->account, EVERY_ACCOUNT) == 0)
			roles |= BIT(grant->role);
	}
	return roles;
}

uint32_t grants_anywhere(const struct grants *grants)
{
	uint32_t roles = 0;

	for (size_t i = 0; i < grants->count; i++)
		roles |= BIT(grants->list[i].role);
	return roles;
}

bool grants_reach(const struct grants *grants, const struct grants *others)
{
	if (others->count == 0)
		return grants_in(grants, EVERY_ACCOUNT) & BIT(OPERATOR_SUPERADMIN);
	for (size_t i = 0; i < others->count; i++) {
		if (!(grants_in(grants, others->list[i].account) & BIT(OPERATOR_SUPERADMIN)))
			return false;
	}
	return true;
}
