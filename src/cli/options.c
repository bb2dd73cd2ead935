#define _GNU_SOURCE
#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "output.h"
#include "peppermint/client.h"
#include "when.h"

#define OVERLAP_MAX 31536000
#define LINES_MAX 1000000
#define DAYS_MAX 3660

/* Reads a value to its place in struct options. False: it is none of that kind. */
typedef bool read_value(const char *value, void *to);

static bool read_text(const char *value, void *to)
{
	*(const char **)to = value;
	return true;
}

static bool read_timeout(const char *value, void *to)
{
	uint32_t seconds = 0;

	if (!parse_number(value, 1, PEPPERMINT_TIMEOUT_MS_MAX / 1000, &seconds))
		return false;
	*(uint32_t *)to = seconds * 1000;
	return true;
}

static bool read_overlap(const char *value, void *to)
{
	return parse_duration(value, OVERLAP_MAX, to);
}

static bool read_page_size(const char *value, void *to)
{
	return parse_number(value, 1, PEPPERMINT_PAGE_MAX, to);
}

static bool read_expires(const char *value, void *to)
{
	return parse_when(value, to);
}

static bool read_log(const char *value, void *to)
{
	return parse_number(value, 1, UINT32_MAX, to);
}

static bool read_lines(const char *value, void *to)
{
	return parse_number(value, 0, LINES_MAX, to);
}

static bool read_days(const char *value, void *to)
{
	return parse_number(value, 1, DAYS_MAX, to);
}

struct option_row {
	uint64_t bit;
	const char *name;
	const char *synopsis;
	const char *help;
	read_value *read; /* NULL if it has no value */
	size_t to;
};
#define TO(member) offsetof(struct options, member)

/* In the order in which a help text names them. */
static const struct option_row rows[] = {
	{ OPT_ENV, "env", "--env E", "the environment, such as test or live", read_text, TO(env) },
	{ OPT_PEPPER, "pepper", "--pepper P", "the pepper's name", read_text, TO(pepper) },
	{ OPT_ACCOUNT, "account", "--account A", "the merchant", read_text, TO(account) },
	{ OPT_PRODUCT, "product", "--product P", "the product", read_text, TO(product) },
	{ OPT_NAME, "name", "--name N", "a name for people", read_text, TO(name) },
	{ OPT_EXPIRES, "expires", "--expires WHEN",
	  "2027-01-31T00:00:00Z, seconds since 1970, or from now: 90d, 12h, 30m, 45s", read_expires,
	  TO(expires_at) },
	{ OPT_OVERLAP, "overlap", "--overlap TIME",
	  "how long the previous secret still verifies: seconds, or 7d, 12h, 30m; 0 (not at all) "
	  "if not given",
	  read_overlap, TO(overlap) },
	{ OPT_FORCE, "force", "--force", "also inside an earlier rotation's overlap, ending it",
	  NULL, 0 },
	{ OPT_PAGE_SIZE, "page-size", "--page-size N", "keys on a page, 1 to 100; 50 if not given",
	  read_page_size, TO(page_size) },
	{ OPT_PAGE_TOKEN, "page-token", "--page-token T", "go on after the page that gave T",
	  read_text, TO(page_token) },
	{ OPT_ALL, "all", "--all", "all pages", NULL, 0 },
	{ OPT_QUIET, "quiet", "--quiet", "print the key's text and nothing else", NULL, 0 },
	{ OPT_LOG, "log", "--log N", "the log's number, from 1", read_log, TO(log) },
	{ OPT_LINES, "lines", "--lines N", "the last N entries; 10 if not given", read_lines,
	  TO(lines) },
	{ OPT_FOLLOW, "follow", "--follow", "or -f: wait for more, until it is interrupted", NULL,
	  0 },
	{ OPT_KEY, "key", "--key K",
	  "an API key's id, never its text; for `audit verify` the verifier key of the first log "
	  "(and of each log after an abandoned one, parted by blanks)",
	  read_text, TO(key) },
	{ OPT_OPERATOR_NAME, "operator-name", "--operator-name O",
	  "only what was done on behalf of that person; needs --env", read_text, TO(person) },
	{ OPT_CALLER, "caller", "--caller C", "only what that caller did", read_text, TO(caller) },
	{ OPT_TYPE, "type", "--type T",
	  "only entries of that type, or of a group: key.mint, or key.", read_text, TO(type) },
	{ OPT_SINCE, "since", "--since T",
	  "from then on: 2027-01-31T00:00:00Z, seconds since 1970, or as long ago as 90d, 12h, "
	  "30m; for `audit verify` the file of an earlier checkpoint",
	  read_text, TO(since) },
	{ OPT_UNTIL, "until", "--until T", "before then, written likewise", read_text, TO(until) },
	{ OPT_FAILURES, "failures", "--failures", "only what was refused or failed", NULL, 0 },
	{ OPT_FORMAT, "format", "--format F", "how to print it; see the command's summary",
	  read_text, TO(format) },
	{ OPT_OUT, "out", "--out FILE", "where to write it", read_text, TO(out) },
	{ OPT_DAYS, "days", "--days N", "how many days, 1 to 3660", read_days, TO(days) },
	{ OPT_WITNESS, "witness", "--witness VKEY",
	  "a witness's verifier key; several, parted by blanks, in one value", read_text,
	  TO(witness) },
	{ OPT_STRICT, "strict", "--strict", "every entry must be JSON throughout (slower)", NULL,
	  0 },
	{ OPT_REQUEST_ID, "request-id", "--request-id ID",
	  "the id of this change: it is made once for an id, however often it is asked for",
	  read_text, TO(request_id) },
	{ OPT_SOCKET, "socket", "--socket PATH",
	  "the vault's socket; $PEPPERMINT_SOCKET or " PEPPERMINT_SOCKET_DEFAULT " if not given",
	  read_text, TO(socket) },
	{ OPT_OPERATOR, "operator", "--operator NAME", "the person on whose behalf", read_text,
	  TO(operator_name) },
	{ OPT_TIMEOUT, "timeout", "--timeout SECONDS",
	  "how long to wait for the vault, 1 to 30; 5 if not given", read_timeout, TO(timeout_ms) },
	{ OPT_JSON, "json", "--json", "print JSON for programs", NULL, 0 },
	{ OPT_HELP, "help", "--help", "explain the command", NULL, 0 },
	{ OPT_VERSION, "version", "--version", "print the version", NULL, 0 },
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct option_row *find_row(uint64_t option)
{
	const struct option_row *row = rows;

	while (row->bit != option)
		row++;
	return row;
}

const char *option_synopsis(uint64_t option)
{
	return find_row(option)->synopsis;
}

const char *option_help(uint64_t option)
{
	return find_row(option)->help;
}

static bool accept(struct options *options, const struct option_row *row, const char *value)
{
	if (options->given & row->bit) {
		complain("--%s is given twice. Give it once.", row->name);
		return false;
	}
	if (row->read && !row->read(value, (char *)options + row->to)) {
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
			.has_arg = rows[i].read ? required_argument : no_argument,
		};
	opterr = 0;
	while ((what = getopt_long(argc, argv, ":f", long_options, &index)) != -1) {
		if (what != 0 && what != 'f')
			return refuse(argv[optind - 1], what);
		if (!accept(options, what ? find_row(OPT_FOLLOW) : &rows[index], optarg))
			return false;
	}
	options->words = argv + optind;
	options->word_count = (size_t)(argc - optind);
	return true;
}
