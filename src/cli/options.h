/* The command line: which options exist, what they mean, and the values that were given. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One bit per option, so that a command can say which it needs and which it takes. */
__extension__ typedef unsigned __int128 option_set;
#define OPT_BIT(n) ((option_set)1 << (n))
#define OPT_SOCKET OPT_BIT(0)
#define OPT_OPERATOR OPT_BIT(1)
#define OPT_TIMEOUT OPT_BIT(2)
#define OPT_JSON OPT_BIT(3)
#define OPT_HELP OPT_BIT(4)
#define OPT_VERSION OPT_BIT(5)
#define OPT_ENV OPT_BIT(6)
#define OPT_ACCOUNT OPT_BIT(7)
#define OPT_PRODUCT OPT_BIT(8)
#define OPT_NAME OPT_BIT(9)
#define OPT_EXPIRES OPT_BIT(10)
#define OPT_OVERLAP OPT_BIT(11)
#define OPT_FORCE OPT_BIT(12)
#define OPT_PEPPER OPT_BIT(13)
#define OPT_PAGE_SIZE OPT_BIT(14)
#define OPT_PAGE_TOKEN OPT_BIT(15)
#define OPT_ALL OPT_BIT(16)
#define OPT_QUIET OPT_BIT(17)
#define OPT_REQUEST_ID OPT_BIT(18)
#define OPT_LOG OPT_BIT(19)
#define OPT_LINES OPT_BIT(20)
#define OPT_FOLLOW OPT_BIT(21)
#define OPT_KEY OPT_BIT(22)
#define OPT_OPERATOR_NAME OPT_BIT(23)
#define OPT_CALLER OPT_BIT(24)
#define OPT_TYPE OPT_BIT(25)
#define OPT_SINCE OPT_BIT(26)
#define OPT_UNTIL OPT_BIT(27)
#define OPT_FAILURES OPT_BIT(28)
#define OPT_FORMAT OPT_BIT(29)
#define OPT_OUT OPT_BIT(30)
#define OPT_DAYS OPT_BIT(31)
#define OPT_WITNESS OPT_BIT(32)
#define OPT_STRICT OPT_BIT(33)
/* of master keys and the tokens of a running vault */
#define OPT_KEY_VERSION OPT_BIT(34)
#define OPT_AFTER OPT_BIT(35)
#define OPT_DRY_RUN OPT_BIT(36)
#define OPT_NO_WAIT OPT_BIT(37)
#define OPT_TOKEN_INDEX OPT_BIT(38)
#define OPT_DESTROY_AFTER OPT_BIT(39)
/* of the offline `hsm` commands */
#define OPT_MODULE OPT_BIT(48)
#define OPT_TOKEN OPT_BIT(49)
#define OPT_LABEL OPT_BIT(50)
#define OPT_SERIAL OPT_BIT(51)
#define OPT_ERASE OPT_BIT(52)
#define OPT_LAST_TRY OPT_BIT(53)
#define OPT_INIT_ARGS OPT_BIT(54)
/* of an API key's life, of accounts and of operators */
#define OPT_REF OPT_BIT(64)
#define OPT_SCOPE OPT_BIT(65)
#define OPT_NETWORK OPT_BIT(66)
#define OPT_NOT_BEFORE OPT_BIT(67)
#define OPT_DISABLED OPT_BIT(68)
#define OPT_RECOVERABLE OPT_BIT(69)
#define OPT_TO OPT_BIT(70)
#define OPT_BASIC OPT_BIT(71)
#define OPT_FIRST_USE OPT_BIT(72)
#define OPT_AUTHORIZATION OPT_BIT(73)
#define OPT_ADDRESS OPT_BIT(74)
#define OPT_STATE OPT_BIT(75)
#define OPT_TEXT OPT_BIT(76)
#define OPT_SORT OPT_BIT(77)
#define OPT_ASCENDING OPT_BIT(78)
#define OPT_EXPIRING OPT_BIT(79)
#define OPT_MERCHANT OPT_BIT(80)
#define OPT_FIRST_PRODUCT OPT_BIT(81)
#define OPT_STATUS OPT_BIT(82)
#define OPT_ROLE OPT_BIT(83)
#define OPT_PAYLOAD OPT_BIT(84)
#define OPT_KEY_ID OPT_BIT(85)
#define OPT_SIGNATURE OPT_BIT(86)
#define OPT_JOBS OPT_BIT(87)
#define OPT_REPORT OPT_BIT(88)
#define OPT_VALUE_FILE OPT_BIT(89)
#define OPT_YES OPT_BIT(90)
#define OPT_PIN_FILE OPT_BIT(91)
#define OPT_PIN_FD OPT_BIT(92)
#define OPT_AUTHORIZATION_FILE OPT_BIT(93)
#define OPT_GLOBAL                                                                                 \
	(OPT_SOCKET | OPT_OPERATOR | OPT_AUTHORIZATION_FILE | OPT_TIMEOUT | OPT_JSON | OPT_HELP |  \
	 OPT_VERSION)

/* The values of an option that may be given again and again. */
#define TEXTS_MAX 32
struct texts {
	const char *at[TEXTS_MAX];
	size_t count;
};

struct options {
	option_set given; /* OPT_…, or-ed */
	const char *socket, *operator_name, *env, *account, *product, *name, *pepper, *page_token,
		*request_id;
	const char *key, *person, *caller, *type, *since, *until, *format, *out, *witness;
	const char *module, *init_args, *token, *serial; /* of the offline `hsm` commands */
	const char *ref, *to, *address, *state, *text, *sort, *merchant, *first_product;
	const char *account_status, *role, *payload, *key_id, *signature, *report, *value_file;
	const char *pin_file, *authorization_file;
	struct texts scopes, labels, networks;
	uint32_t timeout_ms, overlap, page_size, log, lines, days;
	uint32_t key_version, after, destroy_after, token_index;
	uint32_t expiring, jobs, pin_fd;
	int64_t expires_at, not_before;
	char **words; /* what is no option: the command and its argument */
	size_t word_count;
};

/* False after a complaint. Reorders argv; the texts stay in it. */
bool options_read(int argc, char **argv, struct options *options);

/* "--env E" and its explanation, for the help of a command; one bit. */
const char *option_synopsis(option_set option);
const char *option_help(option_set option);

#endif
