/* An entry bundle of an export, as the offline verifier takes it apart: a log of up to three entries. */
#include <string.h>

#include "fuzz.h"
#include "verify_log.h"

#define ENTRIES 3

static struct verify_report report;

/* What is taken for an entry begins as one with that index, and ends as one. */
static void must_be_entry(struct bytes entry, uint64_t index)
{
	const char digit[] = { (char)('0' + index), ',', '\0' };

	MUST(entry.len >= 17 && memcmp(entry.data, "{\"v\":1,\"seq\":", 13) == 0);
	MUST(memcmp(entry.data + 13, digit, 2) == 0 && entry.data[entry.len - 1] == '}');
}

/* What a log's ends say is used later, as it was read here. */
static void must_be_usable(const struct log_check *check)
{
	struct tlog_checkpoint again;
	char text[TLOG_TEXT_MAX];

	MUST(!check->closed || (check->has_last && tlog_is_name(check->next.origin)));
	if (!check->has_first || !check->before.any)
		return;
	size_t len = tlog_checkpoint_format(&check->before.end, text);
	MUST(tlog_checkpoint_parse(bytes_of(text, len), &again) == PM_OK);
}

static void read_bundle(struct bytes rest, bool strict)
{
	const struct verify_options options = { .strict = strict };
	struct log_check check = { .options = &options, .report = &report };
	struct bytes entry;

	report = (struct verify_report){ .count = 1, .logs[0] = { .log = 1, .size = ENTRIES } };
	check.found = &report.logs[0];
	for (uint64_t i = 0; i < ENTRIES && tlog_bundle_next(&rest, &entry) == PM_OK; i++) {
		if (!verify_entry(&check, i, entry)) {
			MUST(report.fault[0] != '\0');
			return;
		}
		must_be_entry(entry, i);
	}
	must_be_usable(&check);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	read_bundle(bytes_of(data, size), false);
	read_bundle(bytes_of(data, size), true);
	return 0;
}
