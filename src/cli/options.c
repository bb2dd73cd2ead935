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
#define AFTER_MAX 31536000
#define EXPIRING_MAX 315360000
#define JOBS_MAX 8
#define FD_MAX 65535

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

/* Returns no complaint of its own: one value too many is wrong like any other. */
static bool read_texts(const char *value, void *to)
{
	struct texts *texts = to;

	if (texts->count == TEXTS_MAX)
		return false;
	texts->at[texts->count++] = value;
	return true;
}

static bool read_expiring(const char *value, void *to)
{
	return parse_duration(value, EXPIRING_MAX, to);
}

static bool read_jobs(const char *value, void *to)
{
	return parse_number(value, 1, JOBS_MAX, to);
}

static bool read_fd(const char *value, void *to)
{
	return parse_number(value, 0, FD_MAX, to);
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

/* As lists print it, too. */
static bool read_key_version(const char *value, void *to)
{
	return parse_number(value + (*value == 'v'), 1, UINT32_MAX, to);
}

/* At least a second: 0 would be the vault's own choice. */
static bool read_after(const char *value, void *to)
{
	uint32_t seconds = 0;

	if (!parse_duration(value, AFTER_MAX, &seconds) || seconds == 0)
		return false;
	*(uint32_t *)to = seconds;
	return true;
}

static bool read_token_index(const char *value, void *to)
{
	return parse_number(value, 0, 1, to);
}

struct option_row {
	option_set bit;
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
	{ OPT_REF, "ref", "--ref R", "your own name for the key, unique in the account", read_text,
	  TO(ref) },
	{ OPT_SCOPE, "scope", "--scope S",
	  "what the key is good for; may be repeated. None, or '' alone, is everything. For `key "
	  "verify` what it must be good for",
	  read_texts, TO(scopes) },
	{ OPT_NETWORK, "network", "--network CIDR",
	  "from where the key may be used, IPv4 or IPv6; may be repeated. None, or '' alone, is "
	  "anywhere",
	  read_texts, TO(networks) },
	{ OPT_NOT_BEFORE, "not-before", "--not-before WHEN",
	  "when the key begins to be valid, written as --expires; at once if not given",
	  read_expires, TO(not_before) },
	{ OPT_EXPIRES, "expires", "--expires WHEN",
	  "2027-01-31T00:00:00Z, seconds since 1970, or from now: 90d, 12h, 30m, 45s", read_expires,
	  TO(expires_at) },
	{ OPT_DISABLED, "disabled", "--disabled", "made, but to be enabled first", NULL, 0 },
	{ OPT_RECOVERABLE, "recoverable", "--recoverable",
	  "the vault can show the text again, where the environment's policy allows that", NULL,
	  0 },
	{ OPT_TO, "to", "--to PUBKEY.pem",
	  "encrypt the text to that public key (X25519 or RSA), for `key unseal-secret`", read_text,
	  TO(to) },
	{ OPT_BASIC, "basic", "--basic",
	  "show the Authorization header's Basic form instead of Bearer", NULL, 0 },
	{ OPT_FIRST_USE, "first-use", "--first-use",
	  "the overlap begins when the new secret is first used; until then `key rollback` goes "
	  "back",
	  NULL, 0 },
	{ OPT_AUTHORIZATION, "authorization", "--authorization",
	  "standard input holds values of Authorization headers, Bearer or Basic", NULL, 0 },
	{ OPT_ADDRESS, "address", "--address IP", "from where the request came", read_text,
	  TO(address) },
	{ OPT_STATE, "state", "--state S",
	  "for `key list`: active, expired, revoked, quarantined, not-yet or disabled; several, "
	  "parted by commas. For `import`: the file that says how far it is; FILE.state if not "
	  "given",
	  read_text, TO(state) },
	{ OPT_TEXT, "text", "--text T", "only with T in name, external reference, id or labels",
	  read_text, TO(text) },
	{ OPT_SORT, "sort", "--sort COLUMN",
	  "start (if not given), created, expires, name, reference, id, state, product, masked, "
	  "created-by, last-used or use-count; all but start, expires and id need --account",
	  read_text, TO(sort) },
	{ OPT_ASCENDING, "ascending", "--ascending", "the earliest, least or first comes first",
	  NULL, 0 },
	{ OPT_EXPIRING, "expiring", "--expiring TIME",
	  "only keys that end within that time: 7d, 12h, 30m or seconds", read_expiring,
	  TO(expiring) },
	{ OPT_MERCHANT, "merchant", "--merchant M",
	  "the user name of Basic authentication; the account's id if not given", read_text,
	  TO(merchant) },
	{ OPT_FIRST_PRODUCT, "first-product", "--first-product P",
	  "approval mints the first key, for this product", read_text, TO(first_product) },
	{ OPT_STATUS, "status", "--status S",
	  "onboarding, pending, approved, suspended or closed (for good)", read_text,
	  TO(account_status) },
	{ OPT_ROLE, "role", "--role R", "superadmin, admin, viewer or auditor", read_text,
	  TO(role) },
	{ OPT_PAYLOAD, "payload", "--payload FILE", "the report's body, byte by byte as it came",
	  read_text, TO(payload) },
	{ OPT_KEY_ID, "key-id", "--key-id ID", "its header GITHUB-PUBLIC-KEY-IDENTIFIER", read_text,
	  TO(key_id) },
	{ OPT_SIGNATURE, "signature", "--signature SIG", "its header GITHUB-PUBLIC-KEY-SIGNATURE",
	  read_text, TO(signature) },
	{ OPT_JOBS, "jobs", "--jobs N", "requests under way at once, 1 to 8; 4 if not given",
	  read_jobs, TO(jobs) },
	{ OPT_REPORT, "report", "--report FILE",
	  "where the report is written; standard output if not given", read_text, TO(report) },
	{ OPT_VALUE_FILE, "value-file", "--value-file FILE", "the key's bytes, 16 to 64", read_text,
	  TO(value_file) },
	{ OPT_OVERLAP, "overlap", "--overlap TIME",
	  "how long the previous secret still verifies: seconds, or 7d, 12h, 30m; 0 (not at all) "
	  "if not given",
	  read_overlap, TO(overlap) },
	{ OPT_FORCE, "force", "--force",
	  "for `key rotate`: also inside an earlier rotation's overlap, ending it; for `destroy`: "
	  "although hashes under it may be kept elsewhere, and it was used lately",
	  NULL, 0 },
	{ OPT_KEY_VERSION, "version", "--version N", "which version of the key, from 1",
	  read_key_version, TO(key_version) },
	{ OPT_AFTER, "after", "--after TIME",
	  "seconds, or 7d, 12h, 30m, at most 365d. For `destroy`: until then it can be cancelled; "
	  "7d if not given. For `compromise`: from then on it alone vouches for nothing; never if "
	  "not given",
	  read_after, TO(after) },
	{ OPT_DESTROY_AFTER, "destroy-after", "--destroy-after TIME",
	  "and destroy it so long after, if nothing needs it: seconds, or 7d, 12h, 30m", read_after,
	  TO(destroy_after) },
	{ OPT_DRY_RUN, "dry-run", "--dry-run", "change nothing, say what would happen", NULL, 0 },
	{ OPT_NO_WAIT, "no-wait", "--no-wait", "do not wait until it is done", NULL, 0 },
	{ OPT_TOKEN_INDEX, "token-index", "--token-index N",
	  "0 for the configured token, 1 for its standby; 0 if not given", read_token_index,
	  TO(token_index) },
	{ OPT_PAGE_SIZE, "page-size", "--page-size N",
	  "how many on a page, 1 to 100 keys or 1 to 50 others; 50 if not given", read_page_size,
	  TO(page_size) },
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
	{ OPT_MODULE, "module", "--module PATH",
	  "a PKCS#11 module, for what is done without a vault", read_text, TO(module) },
	{ OPT_INIT_ARGS, "init-args", "--init-args S",
	  "what the module wants to be initialised with, if it does", read_text, TO(init_args) },
	{ OPT_TOKEN, "token", "--token URI",
	  "the token in it, such as 'pkcs11:serial=0a1b2c3d' (RFC 7512); never with a PIN",
	  read_text, TO(token) },
	{ OPT_LABEL, "label", "--label L",
	  "for keys K=V, and it may be repeated; for `hsm init-token` the label that the token "
	  "gets; for `hsm destroy-orphan` the object's, as a confirmation",
	  read_texts, TO(labels) },
	{ OPT_ERASE, "erase", "--erase", "even an initialised token: all its keys are destroyed",
	  NULL, 0 },
	{ OPT_SERIAL, "serial", "--serial S", "the serial number of the token to erase", read_text,
	  TO(serial) },
	{ OPT_LAST_TRY, "last-try", "--last-try", "although one more wrong PIN locks the token",
	  NULL, 0 },
	{ OPT_REQUEST_ID, "request-id", "--request-id ID",
	  "the id of this change: it is made once for an id, however often it is asked for",
	  read_text, TO(request_id) },
	{ OPT_YES, "yes", "--yes", "go on without asking for a confirmation on the terminal", NULL,
	  0 },
	{ OPT_PIN_FILE, "pin-file", "--pin-file FILE",
	  "the operator's PIN, where the vault wants it; else it is asked for on the terminal",
	  read_text, TO(pin_file) },
	{ OPT_PIN_FD, "pin-fd", "--pin-fd N", "likewise, from an open file descriptor", read_fd,
	  TO(pin_fd) },
	{ OPT_SOCKET, "socket", "--socket PATH",
	  "the vault's socket; $PEPPERMINT_SOCKET or " PEPPERMINT_SOCKET_DEFAULT " if not given",
	  read_text, TO(socket) },
	{ OPT_OPERATOR, "operator", "--operator NAME", "the person on whose behalf", read_text,
	  TO(operator_name) },
	{ OPT_AUTHORIZATION_FILE, "authorization-file", "--authorization-file FILE",
	  "in place of an operator: a file with an API key's Authorization value, on whose "
	  "holder's behalf",
	  read_text, TO(authorization_file) },
	{ OPT_TIMEOUT, "timeout", "--timeout SECONDS",
	  "how long to wait for the vault, 1 to 30; 5 if not given (--module: for the module; 30)",
	  read_timeout, TO(timeout_ms) },
	{ OPT_JSON, "json", "--json", "print JSON for programs", NULL, 0 },
	{ OPT_HELP, "help", "--help", "explain the command", NULL, 0 },
	{ OPT_VERSION, "version", "--version", "print the version", NULL, 0 },
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static const struct option_row *find_row(option_set option)
{
	const struct option_row *row = rows;

	while (row->bit != option)
		row++;
	return row;
}

const char *option_synopsis(option_set option)
{
	return find_row(option)->synopsis;
}

const char *option_help(option_set option)
{
	return find_row(option)->help;
}

/*
 * `--version` with a number behind it is of a key, and by itself asks for the program's. Takes the
 * number off the words that are still to be read.
 */
static const struct option_row *which_version(char **argv, const char **value)
{
	uint32_t version = 0;
	bool behind = !*value && argv[optind] && read_key_version(argv[optind], &version);

	if (behind)
		*value = argv[optind++];
	return find_row(*value ? OPT_KEY_VERSION : OPT_VERSION);
}

static bool accept(struct options *options, const struct option_row *row, const char *value)
{
	if (options->given & row->bit && row->read != read_texts) {
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

	/* Of the two that are called --version getopt finds the first. */
	for (size_t i = 0; i < ROW_COUNT; i++)
		long_options[i] = (struct option){
			.name = rows[i].name,
			.has_arg = rows[i].bit == OPT_KEY_VERSION ? optional_argument
				   : rows[i].read                 ? required_argument
								  : no_argument,
		};
	opterr = 0;
	while ((what = getopt_long(argc, argv, ":f", long_options, &index)) != -1) {
		if (what != 0 && what != 'f')
			return refuse(argv[optind - 1], what);
		const struct option_row *row = what ? find_row(OPT_FOLLOW) : &rows[index];
		const char *value = optarg;
		if (row->bit == OPT_KEY_VERSION)
			row = which_version(argv, &value);
		if (!accept(options, row, value))
			return false;
	}
	options->words = argv + optind;
	options->word_count = (size_t)(argc - optind);
	return true;
}
