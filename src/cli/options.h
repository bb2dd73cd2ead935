/* The command line: which options exist, what they mean, and the values that were given. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One bit per option, so that a command can say which it needs and which it takes. */
#define OPT_SOCKET (UINT64_C(1) << 0)
#define OPT_OPERATOR (UINT64_C(1) << 1)
#define OPT_TIMEOUT (UINT64_C(1) << 2)
#define OPT_JSON (UINT64_C(1) << 3)
#define OPT_HELP (UINT64_C(1) << 4)
#define OPT_VERSION (UINT64_C(1) << 5)
#define OPT_ENV (UINT64_C(1) << 6)
#define OPT_ACCOUNT (UINT64_C(1) << 7)
#define OPT_PRODUCT (UINT64_C(1) << 8)
#define OPT_NAME (UINT64_C(1) << 9)
#define OPT_EXPIRES (UINT64_C(1) << 10)
#define OPT_OVERLAP (UINT64_C(1) << 11)
#define OPT_FORCE (UINT64_C(1) << 12)
#define OPT_PEPPER (UINT64_C(1) << 13)
#define OPT_PAGE_SIZE (UINT64_C(1) << 14)
#define OPT_PAGE_TOKEN (UINT64_C(1) << 15)
#define OPT_ALL (UINT64_C(1) << 16)
#define OPT_QUIET (UINT64_C(1) << 17)
#define OPT_REQUEST_ID (UINT64_C(1) << 18)
#define OPT_LOG (UINT64_C(1) << 19)
#define OPT_LINES (UINT64_C(1) << 20)
#define OPT_FOLLOW (UINT64_C(1) << 21)
#define OPT_KEY (UINT64_C(1) << 22)
#define OPT_OPERATOR_NAME (UINT64_C(1) << 23)
#define OPT_CALLER (UINT64_C(1) << 24)
#define OPT_TYPE (UINT64_C(1) << 25)
#define OPT_SINCE (UINT64_C(1) << 26)
#define OPT_UNTIL (UINT64_C(1) << 27)
#define OPT_FAILURES (UINT64_C(1) << 28)
#define OPT_FORMAT (UINT64_C(1) << 29)
#define OPT_OUT (UINT64_C(1) << 30)
#define OPT_DAYS (UINT64_C(1) << 31)
#define OPT_WITNESS (UINT64_C(1) << 32)
#define OPT_STRICT (UINT64_C(1) << 33)
/* of master keys and the tokens of a running vault */
#define OPT_KEY_VERSION (UINT64_C(1) << 34)
#define OPT_AFTER (UINT64_C(1) << 35)
#define OPT_DRY_RUN (UINT64_C(1) << 36)
#define OPT_NO_WAIT (UINT64_C(1) << 37)
#define OPT_TOKEN_INDEX (UINT64_C(1) << 38)
#define OPT_DESTROY_AFTER (UINT64_C(1) << 39)
/* of the offline `hsm` commands */
#define OPT_MODULE (UINT64_C(1) << 48)
#define OPT_TOKEN (UINT64_C(1) << 49)
#define OPT_LABEL (UINT64_C(1) << 50)
#define OPT_SERIAL (UINT64_C(1) << 51)
#define OPT_ERASE (UINT64_C(1) << 52)
#define OPT_LAST_TRY (UINT64_C(1) << 53)
#define OPT_INIT_ARGS (UINT64_C(1) << 54)
#define OPT_GLOBAL (OPT_SOCKET | OPT_OPERATOR | OPT_TIMEOUT | OPT_JSON | OPT_HELP | OPT_VERSION)

struct options {
	uint64_t given; /* OPT_…, or-ed */
	const char *socket, *operator_name, *env, *account, *product, *name, *pepper, *page_token,
		*request_id;
	const char *key, *person, *caller, *type, *since, *until, *format, *out, *witness;
	const char *module, *init_args, *token, *label, *serial; /* of the offline `hsm` commands */
	uint32_t timeout_ms, overlap, page_size, log, lines, days;
	uint32_t key_version, after, destroy_after, token_index;
	int64_t expires_at;
	char **words; /* what is no option: the command and its argument */
	size_t word_count;
};

/* False after a complaint. Reorders argv; the texts stay in it. */
bool options_read(int argc, char **argv, struct options *options);

/* "--env E" and its explanation, for the help of a command; one bit. */
const char *option_synopsis(uint64_t option);
const char *option_help(uint64_t option);

#endif
