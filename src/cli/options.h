/* The command line: which options exist, what they mean, and the values that were given. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One bit per option, so that a command can say which it needs and which it takes. */
enum cli_option {
	OPT_SOCKET = 1 << 0,
	OPT_OPERATOR = 1 << 1,
	OPT_TIMEOUT = 1 << 2,
	OPT_JSON = 1 << 3,
	OPT_HELP = 1 << 4,
	OPT_VERSION = 1 << 5,
	OPT_ENV = 1 << 6,
	OPT_ACCOUNT = 1 << 7,
	OPT_PRODUCT = 1 << 8,
	OPT_NAME = 1 << 9,
	OPT_EXPIRES = 1 << 10,
	OPT_OVERLAP = 1 << 11,
	OPT_FORCE = 1 << 12,
	OPT_PEPPER = 1 << 13,
	OPT_PAGE_SIZE = 1 << 14,
	OPT_PAGE_TOKEN = 1 << 15,
	OPT_ALL = 1 << 16,
	OPT_QUIET = 1 << 17,
	OPT_REQUEST_ID = 1 << 18,
};
#define OPT_GLOBAL (OPT_SOCKET | OPT_OPERATOR | OPT_TIMEOUT | OPT_JSON | OPT_HELP | OPT_VERSION)

struct options {
	unsigned given; /* enum cli_option, or-ed */
	const char *socket, *operator_name, *env, *account, *product, *name, *pepper, *page_token,
		*request_id;
	uint32_t timeout_ms, overlap, page_size;
	int64_t expires_at;
	char **words; /* what is no option: the command and its argument */
	size_t word_count;
};

/* False after a complaint. Reorders argv; the texts stay in it. */
bool options_read(int argc, char **argv, struct options *options);

/* "--env E" and its explanation, for the help of a command; one bit. */
const char *option_synopsis(enum cli_option option);
const char *option_help(enum cli_option option);

#endif
