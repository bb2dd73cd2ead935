#define _GNU_SOURCE
#include "options.h"

#include <getopt.h>
#include <string.h>

#include "output.h"
#include "peppermint/client.h"
#include "when.h"

#define OVERLAP_MAX 31536000

struct option_row {
	enum cli_option bit;
	const char *name;
	const char *value; /* what stands for its value in the help, or NULL */
	const char *synopsis, *help;
};

/* In the order in which a help text names them. */
static const struct option_row rows[] = {
	{ OPT_ENV, "env", "E", "--env E", "the environment, such as test or live" },
	{ OPT_PEPPER, "pepper", "P", "--pepper P", "the pepper's name" },
	{ OPT_ACCOUNT, "account", "A", "--account A", "the merchant" },
	{ OPT_PRODUCT, "product", "P", "--product P", "the product" },
	{ OPT_NAME, "name", "N", "--name N", "a name for people" },
	{ OPT_EXPIRES, "expires", "WHEN", "--expires WHEN",
	  "2027-01-31T00:00:00Z, seconds since 1970, or from now: 90d, 12h, 30m, 45s" },
	{ OPT_OVERLAP, "overlap", "TIME", "--overlap TIME",
	  "how long the previous secret still verifies: seconds, or 7d, 12h, 30m; 0 (not at all) "
	  "if not given" },
	{ OPT_FORCE, "force", NULL, "--force",
	  "also inside an earlier rotation's overlap, ending it" },
	{ OPT_PAGE_SIZE, "page-size", "N", "--page-size N",
	  "keys on a page, 1 to 100; 50 if not given" },
	{ OPT_PAGE_TOKEN, "page-token", "T", "--page-token T", "go on after the page that gave T" },
	{ OPT_ALL, "all", NULL, "--all", "all pages" },
	{ OPT_QUIET, "quiet", NULL, "--quiet", "print the key's text and nothing else" },
	{ OPT_REQUEST_ID, "request-id", "ID", "--request-id ID",
	  "the id of this change: it is made once for an id, however often it is asked for" },
	{ OPT_SOCKET, "socket", "PATH", "--socket PATH",
	  "the vault's socket; $PEPPERMINT_SOCKET or " PEPPERMINT_SOCKET_DEFAULT " if not given" },
	{ OPT_OPERATOR, "operator", "NAME", "--operator NAME", "the person on whose behalf" },
	{ OPT_TIMEOUT, "timeout", "SECONDS", "--timeout SECONDS",
	  "how long to wait for the vault, 1 to 30; 5 if not given" },
	{ OPT_JSON, "json", NULL, "--json", "print JSON for programs" },
	{ OPT_HELP, "help", NULL, "--help", "explain the command" },
	{ OPT_VERSION, "version", NULL, "--version", "print the version" },
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct option_row *find_row(enum cli_option option)
{
	const struct option_row *row = rows;

	while (row->bit != option)
		row++;
	return row;
}

const char *option_synopsis(enum cli_option option)
{
	return find_row(option)->synopsis;
}

const char *option_help(enum cli_option option)
{
	return find_row(option)->help;
}

/* Options whose value is taken as it is. */
static const char **text_of(struct options *options, enum cli_option option)
{
	switch (option) {
	case OPT_SOCKET:
		return &options->socket;
	case OPT_OPERATOR:
		return &options->operator_name;
	case OPT_ENV:
		return &options->env;
	case OPT_ACCOUNT:
		return &options->account;
	case OPT_PRODUCT:
		return &options->product;
	case OPT_NAME:
		return &options->name;
	case OPT_PEPPER:
		return &options->pepper;
	case OPT_PAGE_TOKEN:
		return &options->page_token;
	case OPT_REQUEST_ID:
		return &options->request_id;
	default:
		return NULL;
	}
}

static bool read_timeout(const char *value, struct options *options)
{
	uint32_t seconds = 0;

	if (!parse_number(value, 1, PEPPERMINT_TIMEOUT_MS_MAX / 1000, &seconds))
		return false;
	options->timeout_ms = seconds * 1000;
	return true;
}

static bool read_value(struct options *options, enum cli_option option, const char *value)
{
	const char **text = text_of(options, option);

	if (text) {
		*text = value;
		return true;
	}
	switch (option) {
	case OPT_TIMEOUT:
		return read_timeout(value, options);
	case OPT_OVERLAP:
		return parse_duration(value, OVERLAP_MAX, &options->overlap);
	case OPT_PAGE_SIZE:
		return parse_number(value, 1, PEPPERMINT_PAGE_MAX, &options->page_size);
	case OPT_EXPIRES:
		return parse_when(value, &options->expires_at);
	default:
		return true; /* it has no value */
	}
}

static bool accept(struct options *options, const struct option_row *row, const char *value)
{
	if (options->given & row->bit) {
		complain("--%s is given twice. Give it once.", row->name);
		return false;
	}
	if (!read_value(options, row->bit, value)) {
		complain("--%s cannot be that: %s.", row->name, row->help);
		return false;
	}
	options->given |= row->bit;
	return true;
}

/* Names the option without its value, which might be a secret in the wrong place. */
static bool refuse(const char *word, int what)
{
	int len = (int)strcspn(word, "=");

	if (what == ':')
		complain("%.*s needs a value. Try: peppermint help.", len, word);
	else
		complain("%.*s is no option, or has no value. Try: peppermint help.", len, word);
	return false;
}

bool options_read(int argc, char **argv, struct options *options)
{
	struct option long_options[ROW_COUNT + 1] = { 0 };
	int index = 0;
	int what = 0;

	for (size_t i = 0; i < ROW_COUNT; i++)
		long_options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].value ? required_argument : no_argument,
		};
	opterr = 0;
	while ((what = getopt_long(argc, argv, ":", long_options, &index)) != -1) {
		if (what != 0)
			return refuse(argv[optind - 1], what);
		if (!accept(options, &rows[index], optarg))
			return false;
	}
	options->words = argv + optind;
	options->word_count = (size_t)(argc - optind);
	return true;
}
