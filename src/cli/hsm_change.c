/* hsm set-pin and change-pin, and the worker for them and for init-token. */
#define _GNU_SOURCE
#include "hsm_change.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

/* The token looked at the PIN and said no. */
static bool is_about_pin(CK_RV rv)
{
	return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE ||
	       rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED;
}

/*
 * libp11 reports through OpenSSL's error queue, with PKCS#11's codes as reasons. It looks at the
 * token once more after a change, and calls a failure of that one of the change.
 */
enum status change_refused(const char *what, bool begun, const struct token *token)
{
	unsigned long error = ERR_peek_last_error();
	bool from_module = ERR_GET_LIB(error) == ERR_get_CKR_code();
	CK_RV rv = from_module ? (CK_RV)ERR_GET_REASON(error) : CKR_OK;
	const char *reason = from_module ? p11_kit_strerror(rv) : ERR_reason_error_string(error);

	complain("token %s: %s failed (it was tried once): %s. %s", token->label, what,
		 reason ? reason : "the module does not say why",
		 !begun || is_about_pin(rv) ? "Nothing was changed." : "It may be done or not.");
	return STATUS_VAULT;
}

static PKCS11_SLOT *find_slot(const struct change *change, PKCS11_SLOT *slots, unsigned int count)
{
	const struct token *token = change->token;

	for (unsigned int i = 0; i < count; i++) {
		const PKCS11_TOKEN *in = slots[i].token;

		if (PKCS11_get_slotid_from_slot(&slots[i]) != token->slot)
			continue;
		/* Slot numbers may change from one load of a module to the next. */
		if (in && strcmp(in->serialnr, token->serial) == 0 &&
		    strcmp(in->model, token->model) == 0 &&
		    strcmp(in->manufacturer, token->manufacturer) == 0 &&
		    !in->initialized == !token_is_initialised(token))
			return &slots[i];
	}
	return NULL;
}

static enum status change_it(struct worker *worker, void *arg, const struct pins *pins)
{
	const struct change *change = arg;
	PKCS11_CTX *ctx = must_have(PKCS11_CTX_new());
	PKCS11_SLOT *slots = NULL, *slot = NULL;
	unsigned int count = 0;

	(void)worker;
	PKCS11_CTX_init_args(ctx, change->options->init_args);
	if (PKCS11_CTX_load(ctx, change->options->module) != 0 ||
	    PKCS11_enumerate_slots(ctx, &slots, &count) != 0)
		return change_refused("reading the slots", false, change->token);
	slot = find_slot(change, slots, count);
	if (!slot) {
		complain("there is another token in slot %lu now. Nothing was done.",
			 change->token->slot);
		return STATUS_VAULT;
	}
	enum status status = change->make(change, slot, pins);
	PKCS11_release_all_slots(ctx, slots, count); /* its sessions, and its copy of the PIN */
	return status;
}

enum status change_run(const struct session *session, struct change *change,
		       const struct pins_asked *asked)
{
	struct pins *pins CLEANUP(pins_freep) = pins_new();

	if (!pins)
		return STATUS_VAULT;
	change->options = &session->options;
	enum status status = pins_read(asked, pins);
	if (status != STATUS_DONE)
		return status;
	const struct work work = {
		.module = session->options.module,
		.timeout_ms = hsm_timeout(session),
		.pins = pins,
		.job = change_it,
		.job_arg = change,
	};
	return work_run(&work);
}

void change_print(const struct session *session, const char *done, const struct token *token)
{
	if (session->options.given & OPT_JSON)
		print_json(json_pack("{s:s, s:s, s:s, s:s, s:I}", "done", done, "label",
				     token->label, "serial", token->serial, "model", token->model,
				     "slot", (json_int_t)token->slot));
	else
		printf("%s: token %s, serial %s, slot %lu\n", done, token->label, token->serial,
		       token->slot);
}

static enum status make_user_pin(const struct change *change, PKCS11_SLOT *slot,
				 const struct pins *pins)
{
	if (PKCS11_open_session(slot, 1) != 0 || PKCS11_login(slot, 1, pins->given) != 0)
		return change_refused("the security officer's login", false, change->token);
	return PKCS11_init_pin(slot->token, pins->wanted) == 0
		       ? STATUS_DONE
		       : change_refused("setting the user PIN", true, change->token);
}

static enum status make_other_pin(const struct change *change, PKCS11_SLOT *slot,
				  const struct pins *pins)
{
	if (PKCS11_open_session(slot, 1) != 0)
		return change_refused("opening a session", false, change->token);
	/* In a session without a login it is the user's (PKCS#11 v2.40 section 5.5, C_SetPIN). */
	return PKCS11_change_pin(slot, pins->given, pins->wanted) == 0
		       ? STATUS_DONE
		       : change_refused("changing the user PIN", true, change->token);
}

/* The two commands that set a user PIN in a token that is there. */
static enum status set_user_pin(struct session *session, enum pin_of whose, const char *given,
				struct change *change)
{
	struct slots slots CLEANUP(slots_end) = { 0 };
	int lock CLEANUP(close_fd) = -1;
	struct token *token = NULL;
	enum status status = token_choose(session, &slots, &token, &lock);

	if (status == STATUS_DONE)
		status = token_may_try(session, token, whose);
	if (status != STATUS_DONE)
		return status;
	const struct pins_asked asked = { .given = given,
					  .wanted = "new user PIN",
					  .token = token->label,
					  .min = token->pin_min,
					  .max = token->pin_max };
	change->token = token;
	status = change_run(session, change, &asked);
	if (status == STATUS_DONE)
		change_print(session, whose == PIN_OF_USER ? "user PIN changed" : "user PIN set",
			     token);
	return status;
}

enum status run_hsm_set_pin(struct session *session)
{
	struct change change = { .make = make_user_pin };

	return set_user_pin(session, PIN_OF_OFFICER, "security officer's PIN", &change);
}

static enum status change_pin_offline(struct session *session)
{
	struct change change = { .make = make_other_pin };

	return set_user_pin(session, PIN_OF_USER, "user PIN", &change);
}

enum status run_hsm_change_pin(struct session *session)
{
	return hsm_is_offline(session) ? change_pin_offline(session)
				       : run_hsm_change_pin_online(session);
}
