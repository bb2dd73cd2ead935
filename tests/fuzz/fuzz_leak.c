/* Leak reports, and what claims to be a report's signature. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "leak.h"

#define KEY                                                                                        \
	"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEsz9ugWDj5jK5ELBK42ynytbo38gPHzZFI03Exwz8Lh/"          \
	"tCfL3YxwMdLjB+bMznsanlhK0RwcGP3IDb34kQDIo3Q=="

static void check_text(const char *text, size_t max)
{
	MUST(strnlen(text, max + 1) <= max && text_is_clean(bytes_str(text)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct leak_report report;
	static const struct leak_report nothing;
	enum pm_err err = leak_parse(bytes_of(data, size), &report);

	MUST(leak_verify(KEY, bytes_of(data, size), bytes_of(data, size)) == PM_DENIED);
	if (err != PM_OK) {
		MUST(err == PM_BAD_REQUEST || err == PM_TOO_LARGE);
		MUST(memcmp(&report, &nothing, sizeof(report)) == 0);
		return 0;
	}
	MUST(report.count <= LEAK_ITEMS_MAX);
	for (size_t i = 0; i < report.count; i++) {
		check_text(report.items[i].token, LEAK_TOKEN_MAX);
	}
	leak_report_wipe(&report);
	return 0;
}
