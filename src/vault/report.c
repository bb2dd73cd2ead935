#include "report.h"

static const char *const names[] = {
	"NONE",        "EXPORT",     "CRYPTO_INVENTORY", "CRYPTOPERIODS", "CUSTODIANS",
	"ATTESTATION", "LOG_ACCESS", "CONTROL_FAILURES", "DORMANT_KEYS",  "RETENTION",
};

const char *report_name(uint32_t report)
{
	return report < sizeof(names) / sizeof(names[0]) ? names[report] : "UNKNOWN";
}
