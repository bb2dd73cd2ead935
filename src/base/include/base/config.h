/*
 * Reading an INI text against a table. Whoever owns a configuration writes down its sections and
 * settings once; the table drives reading, defaults and errors, and tests hold the sample and the
 * documentation against it. Fills plain structs that the caller owns. One thread at a time.
 *
 * Stricter than INI files often are: an unknown or repeated section or setting, a setting without a
 * value, a comment behind a value, a line longer than CONFIG_LINE_MAX or with control characters is
 * an error. No error text repeats a value: somebody may have put a PIN there.
 */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define CONFIG_NAME_MAX 63     /* of a section's own name */
#define CONFIG_LINE_MAX 1021   /* bytes of a line */
#define CONFIG_FILE_MAX 262144 /* bytes of a file */

/* The first member of the struct of every section that has a name of its own. */
struct config_head {
	char name[CONFIG_NAME_MAX + 1];
	unsigned line; /* where the section begins, for errors about the whole of it */
};

struct config_section {
	const char *kind; /* "daemon" of [daemon], "caller" of [caller NAME] */
	size_t offset;    /* of its struct, or of the array of them, in the result */
	size_t size;      /* of one struct */
	size_t max;       /* how many [kind NAME] there may be; 0: one [kind], without a name */
	size_t count;     /* if max > 0: offset of the size_t that counts them */
	size_t name_max;  /* and what their names may hold */
	const char *name_chars;
};

struct config_setting {
	const char *section; /* the kind */
	const char *name;
	/* Fills the field, which is zero, from the value, which is not empty; false: unusable. */
	bool (*read)(const struct config_setting *setting, const char *value, void *field);
	size_t offset, size;  /* of the field in the section's struct: CONFIG_FIELD */
	uint32_t min, max;    /* of a number */
	bool required;        /* in every section of the kind */
	const char *fallback; /* read when the setting is absent; NULL: the field stays zero */
	const char *must_be;  /* completes "setting 'x' must be"; NULL: a number from min to max */
};

#define CONFIG_FIELD(type, member)                                                                 \
	.offset = offsetof(type, member), .size = sizeof(((type *)NULL)->member)

struct config_schema {
	const struct config_section *sections; /* at most 32 */
	size_t section_count;
	const struct config_setting *settings; /* at most 64 */
	size_t setting_count;
};

/* What is wrong, for people, and in which line; line 0: with the file as a whole. */
struct config_fault {
	unsigned line;
	char text[256];
};

/* Writes the fault and returns PM_CONFIG: `return config_refuse(fault, line, "…");` */
__attribute__((format(printf, 3, 4))) enum pm_err config_refuse(struct config_fault *fault,
								unsigned line, const char *fmt,
								...) NODISCARD;

/* `out` is the zeroed result. After PM_CONFIG its content means nothing. */
enum pm_err config_parse(const struct config_schema *schema, struct bytes text, void *out,
			 struct config_fault *fault) NODISCARD;

/*
 * The bytes of a configuration file, to be parsed; of one read, so that what is hashed is what is
 * parsed. Refuses a file that anyone but root and this process's user could have written.
 */
enum pm_err config_read_file(const char *path, uint8_t room[CONFIG_FILE_MAX + 1],
			     struct bytes *text, struct config_fault *fault) NODISCARD;

/* Readers for `read`. */
bool config_read_number(const struct config_setting *setting, const char *value, void *field);
bool config_read_octal(const struct config_setting *setting, const char *value, void *field);
bool config_read_text(const struct config_setting *setting, const char *value, void *field);
bool config_read_path(const struct config_setting *setting, const char *value, void *field);

/* The next word of *rest, which moves behind it; empty at the end. Words are parted by blanks. */
struct bytes config_next_word(const char **rest);

#endif
