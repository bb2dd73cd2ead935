#include "base/config.h"

#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* inih's buffer holds a line, a CR, a LF and a NUL. */
_Static_assert(CONFIG_LINE_MAX + 3 == 1024, "ini_max_line");

struct parser {
	const struct config_schema *schema;
	char *out;
	struct config_fault *fault;
	struct bytes rest; /* lines that inih has not asked for */
	unsigned line;     /* the one it asked for last */
	enum pm_err err;

	const struct config_section *section; /* the one being read, NULL before the first */
	char title[CONFIG_LINE_MAX + 1];      /* how it stands in the file: "caller portal" */
	unsigned section_line;
	char *fields;           /* its struct */
	uint64_t settings_seen; /* in this section; bit i: the schema's setting i */
	uint32_t sections_seen; /* bit i: the schema's section i */
};

#define REFUSE(p, ...) config_refuse((p)->fault, (p)->line, __VA_ARGS__)

enum pm_err config_refuse(struct config_fault *fault, unsigned line, const char *fmt, ...)
{
	va_list args;

	fault->line = line;
	va_start(args, fmt);
	vsnprintf(fault->text, sizeof(fault->text), fmt, args);
	va_end(args);
	return PM_CONFIG;
}

static bool is_of(const struct config_setting *setting, const struct config_section *section)
{
	return strcmp(setting->section, section->kind) == 0;
}

static size_t *section_count(const struct parser *p)
{
	return (size_t *)(void *)(p->out + p->section->count);
}

static enum pm_err read_value(struct parser *p, const struct config_setting *setting,
			      const char *value)
{
	if (setting->read(setting, value, p->fields + setting->offset))
		return PM_OK;
	if (setting->must_be)
		return REFUSE(p, "setting '%s' in [%.100s] must be %s", setting->name, p->title,
			      setting->must_be);
	return REFUSE(p, "setting '%s' in [%.100s] must be a number from %u to %u", setting->name,
		      p->title, setting->min, setting->max);
}

/* What the section did not set gets its default. */
static enum pm_err section_end(struct parser *p)
{
	if (!p->section)
		return PM_OK;
	for (size_t i = 0; i < p->schema->setting_count; i++) {
		const struct config_setting *setting = &p->schema->settings[i];

		if (!is_of(setting, p->section) || p->settings_seen & UINT64_C(1) << i)
			continue;
		if (setting->required)
			return config_refuse(p->fault, p->section_line,
					     "setting '%s' is missing in [%.100s]", setting->name,
					     p->title);
		if (setting->fallback)
			TRY(read_value(p, setting, setting->fallback));
	}
	return PM_OK;
}

static enum pm_err section_find(struct parser *p, struct bytes kind, size_t *index)
{
	for (size_t i = 0; i < p->schema->section_count; i++) {
		const char *known = p->schema->sections[i].kind;

		if (strlen(known) == kind.len && memcmp(known, kind.data, kind.len) == 0) {
			*index = i;
			return PM_OK;
		}
	}
	return REFUSE(p, "section [%.100s] is not known", p->title);
}

static bool is_taken(const struct parser *p, const char *name)
{
	const char *head = p->out + p->section->offset;

	for (size_t i = 0; i < *section_count(p); i++, head += p->section->size) {
		if (strcmp(((const struct config_head *)(const void *)head)->name, name) == 0)
			return true;
	}
	return false;
}

/* One more [kind NAME]: the next struct of the array. */
static enum pm_err begin_named(struct parser *p, const char *name)
{
	const struct config_section *section = p->section;
	size_t *count = section_count(p);
	size_t len = strlen(name);

	if (len == 0 || len > section->name_max || strspn(name, section->name_chars) != len)
		return REFUSE(p, "section [%s NAME] needs a name: 1 to %zu of %s", section->kind,
			      section->name_max, section->name_chars);
	if (is_taken(p, name))
		return REFUSE(p, "section [%s] stands twice", p->title);
	if (*count == section->max)
		return REFUSE(p, "more than %zu sections [%s NAME]", section->max, section->kind);

	p->fields = p->out + section->offset + (*count)++ * section->size;
	struct config_head *head = (void *)p->fields;
	memcpy(head->name, name, len + 1);
	head->line = p->line;
	return PM_OK;
}

static enum pm_err begin_single(struct parser *p, const char *name, bool again)
{
	if (*name)
		return REFUSE(p, "section [%s] takes no name", p->section->kind);
	if (again)
		return REFUSE(p, "section [%s] stands twice", p->title);
	p->fields = p->out + p->section->offset;
	return PM_OK;
}

static enum pm_err section_begin(struct parser *p)
{
	const char *rest = p->title;
	struct bytes kind = config_next_word(&rest);
	size_t index = 0;

	TRY(section_find(p, kind, &index));
	bool again = p->sections_seen & UINT32_C(1) << index;
	p->sections_seen |= UINT32_C(1) << index;
	p->section = &p->schema->sections[index];
	p->section_line = p->line;
	p->settings_seen = 0;
	rest += strspn(rest, " ");
	return p->section->max > 0 ? begin_named(p, rest) : begin_single(p, rest, again);
}

/* inih as Debian builds it tells of a section only with its first setting: so we look. */
static enum pm_err section_line(struct parser *p, const char *line)
{
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == ' ')
		len--;
	if (line[len - 1] != ']')
		return REFUSE(p, "a section's line must end with ']'");
	TRY(section_end(p));
	snprintf(p->title, sizeof(p->title), "%.*s", (int)(len - 2), line + 1);
	return section_begin(p);
}

static enum pm_err take_line(struct parser *p, char *room, size_t size)
{
	const uint8_t *end = memchr(p->rest.data, '\n', p->rest.len);
	size_t len = end ? (size_t)(end - p->rest.data) : p->rest.len;
	size_t used = end ? len + 1 : len;

	p->line++;
	if (len > CONFIG_LINE_MAX || len + 3 > size)
		return REFUSE(p, "the line is longer than %d bytes", CONFIG_LINE_MAX);
	memcpy(room, p->rest.data, len);
	p->rest = bytes_of(p->rest.data + used, p->rest.len - used);
	if (len > 0 && room[len - 1] == '\r')
		len--;
	for (size_t i = 0; i < len; i++)
		room[i] = room[i] == '\t' ? ' ' : room[i];
	room[len] = '\0';
	if (!text_is_clean(bytes_of(room, len)))
		return REFUSE(p, "the line is not UTF-8 or has control characters");
	const char *start = room + strspn(room, " ");
	return *start == '[' ? section_line(p, start) : PM_OK;
}

/* inih's fgets: it asks for each line before it handles it, so our count is that of its handler. */
static char *next_line(char *room, int size, void *stream)
{
	struct parser *p = stream;

	if (p->err != PM_OK || p->rest.len == 0)
		return NULL;
	p->err = take_line(p, room, (size_t)size);
	return p->err == PM_OK ? room : NULL;
}

static enum pm_err find_setting(struct parser *p, const char *name, size_t *index)
{
	for (size_t i = 0; i < p->schema->setting_count; i++) {
		const struct config_setting *setting = &p->schema->settings[i];

		if (is_of(setting, p->section) && strcmp(setting->name, name) == 0) {
			*index = i;
			return PM_OK;
		}
	}
	return REFUSE(p, "setting '%.60s' is not known in [%.100s]", name, p->title);
}

static enum pm_err take_setting(struct parser *p, const char *name, const char *value)
{
	size_t index = 0;

	if (!p->section)
		return REFUSE(p, "setting '%.60s' stands before any section", name);
	TRY(find_setting(p, name, &index));
	if (p->settings_seen & UINT64_C(1) << index)
		return REFUSE(p, "setting '%s' stands twice in [%.100s]", name, p->title);
	if (*value == '\0')
		return REFUSE(p, "setting '%s' in [%.100s] has no value", name, p->title);
	if (strstr(value, " ;") || strstr(value, " #"))
		return REFUSE(p, "a comment must stand on a line of its own");
	p->settings_seen |= UINT64_C(1) << index;
	return read_value(p, &p->schema->settings[index], value);
}

static int on_setting(void *user, const char *section, const char *name, const char *value)
{
	struct parser *p = user;

	(void)section; /* inih cuts it off after 49 characters: ours is whole */
	p->err = take_setting(p, name, value);
	return p->err == PM_OK;
}

/*
 * Debian's libinih takes its options at run time: no cutting at " ;", no joining of indented lines,
 * and lines longer than 197 bytes, which would otherwise be parsed as two.
 */
static int run_inih(struct parser *p)
{
	ini_allow_inline_comments = false;
	ini_allow_multiline = false;
	ini_allow_bom = false;
	ini_stop_on_first_error = true;
	ini_max_line = CONFIG_LINE_MAX + 3;
	return ini_parse_stream(next_line, p, on_setting, p);
}

/* Sections of which there is one get their defaults even if they do not stand there. */
static enum pm_err fill_absent_sections(struct parser *p)
{
	for (size_t i = 0; i < p->schema->section_count; i++) {
		const struct config_section *section = &p->schema->sections[i];

		if (section->max > 0 || p->sections_seen & UINT32_C(1) << i)
			continue;
		snprintf(p->title, sizeof(p->title), "%s", section->kind);
		p->line = 0;
		TRY(section_begin(p));
		TRY(section_end(p));
	}
	return PM_OK;
}

enum pm_err config_parse(const struct config_schema *schema, struct bytes text, void *out,
			 struct config_fault *fault)
{
	struct parser p = { .schema = schema, .out = out, .fault = fault, .rest = text };
	int bad_line = run_inih(&p);

	TRY(p.err);
	if (bad_line != 0)
		return config_refuse(fault, p.line, "neither a [section] nor NAME = VALUE");
	TRY(section_end(&p));
	return fill_absent_sections(&p);
}
