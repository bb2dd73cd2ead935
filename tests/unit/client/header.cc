// The public header by itself, as a C++ program would use it.
#include <peppermint/client.h>

bool is_valid(peppermint *vault, const char *key)
{
	peppermint_verdict verdict{};
	peppermint_call call{};

	return peppermint_verify_key(vault, "live", key, &verdict, &call) == PM_OK && verdict.valid;
}
