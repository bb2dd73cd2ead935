/*
 * Is the API key on standard input valid? The whole of what a payment service does per request:
 *
 *	cc verify.c -o verify $(pkg-config --cflags --libs peppermint)
 *	printf %s "$API_KEY" | ./verify live
 */
#include <peppermint/client.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	struct peppermint_secret presented = { "" };
	struct peppermint_verdict verdict;
	struct peppermint_call call = { .timeout_ms = 2000 };
	struct peppermint *vault = NULL;

	if (argc != 2 || !fgets(presented.text, sizeof(presented.text), stdin)) {
		fprintf(stderr, "usage: verify ENVIRONMENT, with a key on standard input\n");
		return 2;
	}
	presented.text[strcspn(presented.text, "\n")] = '\0';

	/* Once per process: any number of threads may share the handle. */
	enum pm_err err = peppermint_open(NULL, &vault);
	if (err == PM_OK)
		err = peppermint_verify_key(vault, argv[1], presented.text, &verdict, &call);
	peppermint_secret_wipe(&presented);
	peppermint_close(vault);

	if (err != PM_OK) { /* nothing is known about the key: let nobody in */
		const char *why = call.message[0] ? call.message : peppermint_error_text(err);
		fprintf(stderr, "%s: %s\n", peppermint_error_name(err), why);
		return 3;
	}
	if (!verdict.valid) {
		puts(verdict.message); /* the reason is for our own log only */
		fprintf(stderr, "refused: %s\n", peppermint_reason_name(verdict.reason));
		return 1;
	}
	printf("valid: account %s, product %s\n", verdict.account, verdict.product);
	return 0;
}
