/* What the token is and can do, tried out. Main thread. */
#ifndef SIGNER_INSPECT_H
#define SIGNER_INSPECT_H

#include "proof.h"

#define INSPECT_MECHANISMS 11

struct mechanism {
	const char *name;
	CK_MECHANISM_TYPE type;
	bool announced; /* by C_GetMechanismInfo */
	enum proof proof;
	bool enforced; /* kept from keys whose CKA_ALLOWED_MECHANISMS does not have it */
};

/* The mechanisms that are used here, or could be. */
enum pm_err inspect_mechanisms(struct token *token, struct mechanism out[INSPECT_MECHANISMS],
			       struct failure *failure) NODISCARD;

#endif
