#define _GNU_SOURCE
#include "readers.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "settings.h"

#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

#define KEEP_MONTHS_MIN 12 /* PCI DSS 10.5.1 */
#define KEEP_MONTHS_MAX 1200

bool read_prefix(const struct config_setting *setting, const char *value, void *field)
{
	size_t len = strlen(value);

	return len >= 2 && value[len - 1] == '_' && strspn(value, UPPER LOWER DIGITS "_") == len &&
	       config_read_text(setting, value, field);
}

/* A PIN in the URI would stand in the configuration, so it is refused before anybody reads it. */
bool read_token(const struct config_setting *setting, const char *value, void *field)
{
	return strncmp(value, "pkcs11:", strlen("pkcs11:")) == 0 && !strchr(value, ' ') &&
	       !strcasestr(value, "pin-value") && !strcasestr(value, "pin-source") &&
	       config_read_text(setting, value, field);
}

/* A word and the bit that it sets. */
struct flag_word {
	const char *word;
	uint32_t bit;
};

static uint32_t find_word(const struct flag_word *known, size_t count, struct bytes word)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(known[i].word) == word.len &&
		    memcmp(known[i].word, word.data, word.len) == 0)
			return known[i].bit;
	}
	return 0;
}

/* The bits of all words, of which there must be one; false where one is not known. */
static bool read_words(const struct flag_word *known, size_t count, const char *value, void *field)
{
	uint32_t bits = 0;

	for (;;) {
		struct bytes word = config_next_word(&value);
		if (word.len == 0)
			break;
		uint32_t bit = find_word(known, count, word);
		if (bit == 0)
			return false;
		bits |= bit;
	}
	memcpy(field, &bits, sizeof(bits));
	return bits != 0;
}

bool read_roles(const struct config_setting *setting, const char *value, void *field)
{
	static const struct flag_word roles[] = {
		{ "verifier", ROLE_VERIFIER }, { "issuer", ROLE_ISSUER },
		{ "hasher", ROLE_HASHER },     { "custodian", ROLE_CUSTODIAN },
		{ "auditor", ROLE_AUDITOR },   { "portal", ROLE_PORTAL },
		{ "staff", ROLE_STAFF },
	};

	(void)setting;
	return read_words(roles, sizeof(roles) / sizeof(roles[0]), value, field);
}

bool read_step_up(const struct config_setting *setting, const char *value, void *field)
{
	static const struct flag_word acts[] = {
		{ "mint", 1U << ACT_MINT },           { "rotate", 1U << ACT_ROTATE },
		{ "reset", 1U << ACT_RESET },         { "revoke", 1U << ACT_REVOKE },
		{ "update", 1U << ACT_UPDATE },       { "reveal", 1U << ACT_REVEAL },
		{ "operators", 1U << ACT_OPERATORS },
	};

	(void)setting;
	return strcmp(value, "none") == 0 ||
	       read_words(acts, sizeof(acts) / sizeof(acts[0]), value, field);
}

/* One NAME=VALUE: a name as POSIX has it, and something behind the sign. */
static bool is_variable(struct bytes word)
{
	const char *text = (const char *)word.data;
	size_t name = strspn(text, UPPER LOWER DIGITS "_");

	return name > 0 && !strchr(DIGITS, text[0]) && text[name] == '=' && word.len > name + 1;
}

bool read_variables(const struct config_setting *setting, const char *value, void *field)
{
	const char *rest = value;

	for (;;) {
		struct bytes word = config_next_word(&rest);
		if (word.len == 0)
			return config_read_text(setting, value, field);
		if (!is_variable(word))
			return false;
	}
}

bool read_user(const struct config_setting *setting, const char *value, void *field)
{
	const struct passwd *user = getpwnam(value);
	struct optional_id *id = field;

	(void)setting;
	if (!user)
		return false;
	*id = (struct optional_id){ .given = 1, .id = user->pw_uid };
	return true;
}

bool read_group(const struct config_setting *setting, const char *value, void *field)
{
	const struct group *group = getgrnam(value);
	struct optional_id *id = field;

	(void)setting;
	if (!group)
		return false;
	*id = (struct optional_id){ .given = 1, .id = group->gr_gid };
	return true;
}

bool read_id(const struct config_setting *setting, const char *value, void *field)
{
	struct optional_id *id = field;

	if (!config_read_number(setting, value, &id->id))
		return false;
	id->given = 1;
	return true;
}

bool read_origin(const struct config_setting *setting, const char *value, void *field)
{
	return tlog_is_name(value) && config_read_text(setting, value, field);
}

/* One of two words: 0 for the first, 1 for the second. */
static bool read_choice(const char *value, const char *first, const char *second, void *field)
{
	uint32_t choice = strcmp(value, second) == 0;

	memcpy(field, &choice, sizeof(choice));
	return choice == 1 || strcmp(value, first) == 0;
}

_Static_assert(ACTS_FOLDED == 0 && ACTS_EACH == 1, "read_choice");
_Static_assert(SINK_NONE == 0 && SINK_SYSLOG == 1, "read_choice");
_Static_assert(ROTATE_MANUAL == 0 && ROTATE_AUTO == 1, "read_choice");

bool read_acts(const struct config_setting *setting, const char *value, void *field)
{
	(void)setting;
	return read_choice(value, "folded", "each", field);
}

bool read_sink(const struct config_setting *setting, const char *value, void *field)
{
	(void)setting;
	return read_choice(value, "none", "syslog", field);
}

bool read_rotate(const struct config_setting *setting, const char *value, void *field)
{
	(void)setting;
	return read_choice(value, "manual", "auto", field);
}

bool read_accounts(const struct config_setting *setting, const char *value, void *field)
{
	(void)setting;
	return read_choice(value, "registered", "any", field);
}

bool read_references(const struct config_setting *setting, const char *value, void *field)
{
	(void)setting;
	return read_choice(value, "caller", "generated", field);
}

bool read_flag(const struct config_setting *setting, const char *value, void *field)
{
	(void)setting;
	return read_choice(value, "no", "yes", field);
}

bool read_on_leak(const struct config_setting *setting, const char *value, void *field)
{
	uint32_t action = LEAK_REPORTED;

	(void)setting;
	if (strcmp(value, "disable") == 0)
		action = LEAK_DISABLED;
	else if (strcmp(value, "revoke") == 0)
		action = LEAK_REVOKED;
	else if (strcmp(value, "report") != 0)
		return false;
	memcpy(field, &action, sizeof(action));
	return true;
}

bool read_months(const struct config_setting *setting, const char *value, void *field)
{
	const struct config_setting year = { .min = KEEP_MONTHS_MIN, .max = KEEP_MONTHS_MAX };

	(void)setting;
	return strcmp(value, "0") == 0 || config_read_number(&year, value, field);
}

bool read_vkey(const struct config_setting *setting, const char *value, void *field)
{
	(void)setting;
	return tlog_key_parse(bytes_str(value), field) == PM_OK;
}
