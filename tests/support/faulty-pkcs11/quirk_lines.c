#include "quirk_lines.h"

#include <stdio.h>
#include <string.h>

#include "names.h"

static bool add_number(struct numbers *numbers, unsigned long value, unsigned long answer)
{
	if (numbers->count == QUIRKS_MAX)
		return false;
	numbers->values[numbers->count] = value;
	numbers->answers[numbers->count++] = answer;
	return true;
}

static bool parse_hidden_mechanism(struct quirks *quirks, struct words *words)
{
	unsigned long type;

	return words_take_value(words, &type) &&
	       add_number(&quirks->hidden_mechanisms, type, CKR_MECHANISM_INVALID);
}

static bool parse_feigned_mechanism(struct quirks *quirks, struct words *words)
{
	unsigned long type;

	return words_take_value(words, &type) &&
	       add_number(&quirks->feigned_mechanisms, type, CKR_MECHANISM_INVALID);
}

static bool parse_hidden_attribute(struct quirks *quirks, struct words *words)
{
	unsigned long type;

	return words_take_value(words, &type) &&
	       add_number(&quirks->hidden_attributes, type, CKR_ATTRIBUTE_TYPE_INVALID);
}

static bool parse_refused_attribute(struct quirks *quirks, struct words *words)
{
	unsigned long type, rv = CKR_ATTRIBUTE_READ_ONLY;
	const char *word;

	if (!words_take_value(words, &type))
		return false;
	word = words_take(words);
	return (!word || value_of_name(word, &rv)) &&
	       add_number(&quirks->refused_attributes, type, rv);
}

static bool parse_token_flags(struct quirks *quirks, struct words *words)
{
	const char *word;
	unsigned long flag;
	bool some = false;

	while ((word = words_take(words))) {
		if (!value_of_name(word, &flag))
			return false;
		quirks->token_flags |= flag;
		some = true;
	}
	return some;
}

static bool parse_max_sessions(struct quirks *quirks, struct words *words)
{
	return words_take_value(words, &quirks->max_sessions);
}

static bool parse_told_max_sessions(struct quirks *quirks, struct words *words)
{
	const char *word = words_take(words);

	quirks->tells_max_sessions = true;
	quirks->told_max_sessions = CK_UNAVAILABLE_INFORMATION;
	return word && (strcmp(word, "unavailable") == 0 ||
			value_of_name(word, &quirks->told_max_sessions));
}

static bool parse_ec_point(struct quirks *quirks, struct words *words)
{
	static const char *const forms[] = { "raw", "octets", "bits" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (words_take_this(words, forms[i]))
			quirks->point = (enum encoding)(POINT_RAW + i);
	}
	quirks->stray_byte = words_take_this(words, "stray");
	return quirks->point != POINT_AS_IT_IS;
}

static bool parse_ec_params(struct quirks *quirks, struct words *words)
{
	quirks->named_params = words_take_this(words, "name");
	return quirks->named_params;
}

/* All that is left of the line, blanks and all. */
static bool parse_init_args(struct quirks *quirks, struct words *words)
{
	const char *first = words_take(words);

	if (!first)
		return false;
	while (words_take(words))
		continue;
	quirks->wants_init_args = true;
	snprintf(quirks->init_args, sizeof(quirks->init_args), "%s",
		 words->line + (first - words->copy));
	return true;
}

static bool parse_cant_lock(struct quirks *quirks, struct words *words)
{
	(void)words;
	quirks->cant_lock = true;
	return true;
}

static bool parse_pin_tries(struct quirks *quirks, struct words *words)
{
	return words_take_value(words, &quirks->pin_tries) && quirks->pin_tries > 0;
}

static const struct {
	const char *word;
	bool (*parse)(struct quirks *quirks, struct words *words);
} quirk_words[] = {
	{ "hide-mechanism", parse_hidden_mechanism },
	{ "feign-mechanism", parse_feigned_mechanism },
	{ "hide-attribute", parse_hidden_attribute },
	{ "refuse-attribute", parse_refused_attribute },
	{ "token-flags", parse_token_flags },
	{ "max-sessions", parse_max_sessions },
	{ "tell-max-sessions", parse_told_max_sessions },
	{ "ec-point", parse_ec_point },
	{ "ec-params", parse_ec_params },
	{ "init-args", parse_init_args },
	{ "cant-lock", parse_cant_lock },
	{ "pin-tries", parse_pin_tries },
};

bool quirk_lines_parse(struct quirks *quirks, const char *word, struct words *words)
{
	for (size_t i = 0; i < sizeof(quirk_words) / sizeof(quirk_words[0]); i++) {
		if (strcmp(quirk_words[i].word, word) == 0)
			return quirk_words[i].parse(quirks, words);
	}
	return false;
}
