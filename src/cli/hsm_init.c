/* hsm init-token: makes an empty token of a slot. */
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "hsm_change.h"

#define LABEL_WIDTH 32 /* CK_TOKEN_INFO's */

static enum status check_label(const char *label)
{
	const struct bytes text = bytes_str(label);

	if (text.len > 0 && text.len <= LABEL_WIDTH && text_is_clean(text) &&
	    label[text.len - 1] != ' ')
		return STATUS_DONE;
	complain("--label must be 1 to %d bytes of text, without a blank at its end.", LABEL_WIDTH);
	return STATUS_USAGE;
}

/* Without --token: the one that waits to be initialised, as SoftHSM always has. Or NULL. */
static const struct token *find_free(const struct slots *slots)
{
	const struct token *found = NULL;
	size_t count = 0;

	for (size_t i = 0; i < slots->count; i++) {
		if (!slots->all[i].present || token_is_initialised(&slots->all[i]))
			continue;
		found = &slots->all[i];
		count++;
	}
	if (count == 1)
		return found;
	complain(
		"%zu slots have a token that is not initialised. Name one with --token: peppermint "
		"hsm slots.",
		count);
	return NULL;
}

/* All keys in it end with it: whoever asks must have read which one it is. */
static enum status check_erasing(const struct options *options, const struct token *token)
{
	if (options->serial && strcmp(options->serial, token->serial) != 0) {
		complain("the token that was found does not have the serial number that --serial "
			 "gives. Nothing was done.");
		return STATUS_VAULT;
	}
	if (!token_is_initialised(token) || (options->given & OPT_ERASE && options->serial))
		return STATUS_DONE;
	complain("token %s is initialised: all keys in it would be destroyed, for good. If that is "
		 "meant, add --erase and repeat its serial number with --serial. Nothing was done.",
		 token->label);
	return STATUS_VAULT;
}

static enum status find(const struct session *session, struct slots *slots,
			const struct token **token, int *lock)
{
	P11KitUri *uri CLEANUP(uri_end) = NULL;
	enum status status = hsm_options(session, &uri);

	if (status == STATUS_DONE)
		status = slots_read(session, uri, slots);
	if (status != STATUS_DONE)
		return status;
	*token = uri ? slots_only(slots) : find_free(slots);
	if (!*token)
		return STATUS_VAULT;
	status = check_erasing(&session->options, *token);
	/* Before, no vault can use it, and it may not even have a serial number. */
	return status == STATUS_DONE && token_is_initialised(*token) ? token_lock(*token, lock)
								     : status;
}

static enum status make_token(const struct change *change, PKCS11_SLOT *slot,
			      const struct pins *pins)
{
	const char *pin = pins->given[0] ? pins->given : pins->wanted;
	char label[LABEL_WIDTH + 1] = "";

	/* libp11 hands on what it gets, and PKCS#11 reads 32 bytes, padded with blanks. */
	memset(label, ' ', LABEL_WIDTH);
	memcpy(label, change->label, strlen(change->label));
	return PKCS11_init_token(slot->token, pin, label) == 0
		       ? STATUS_DONE
		       : change_refused("initialising it", true, change->token);
}

static bool was_there(const struct slots *before, const struct token *token)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct token *other = &before->all[i];

		if (token_is_initialised(other) && strcmp(other->serial, token->serial) == 0)
			return true;
	}
	return false;
}

/* It may have got another slot, and another serial number. */
static enum status print_new(const struct session *session, const struct slots *before,
			     const struct token *was)
{
	struct slots now CLEANUP(slots_end) = { 0 };
	enum status status = slots_read(session, NULL, &now);

	for (size_t i = 0; status == STATUS_DONE && i < now.count; i++) {
		const struct token *token = &now.all[i];

		if (!token_is_initialised(token) ||
		    strcmp(token->label, session->options.labels.at[0]) != 0)
			continue;
		if (token->slot == was->slot || !was_there(before, token)) {
			change_print(session, "initialised", token);
			return STATUS_DONE;
		}
	}
	complain("the module said that it initialised the token, but does not show it: peppermint "
		 "hsm "
		 "slots.");
	return STATUS_VAULT;
}

enum status run_hsm_init_token(struct session *session)
{
	struct change change = { .label = session->options.labels.at[0], .make = make_token };
	struct slots slots CLEANUP(slots_end) = { 0 };
	int lock CLEANUP(close_fd) = -1;
	struct pins_asked asked = { 0 };
	enum status status = check_label(change.label);

	if (status == STATUS_DONE)
		status = find(session, &slots, &change.token, &lock);
	/* Before, there is no PIN that could be wrong; SoftHSM calls it locked. */
	if (status == STATUS_DONE && token_is_initialised(change.token))
		status = token_may_try(session, change.token, PIN_OF_OFFICER);
	if (status != STATUS_DONE)
		return status;
	if (token_is_initialised(change.token))
		asked = (struct pins_asked){ .given = "security officer's PIN",
					     .token = change.token->label };
	else
		asked = (struct pins_asked){ .wanted = "new security officer's PIN",
					     .token = change.label,
					     .min = change.token->pin_min,
					     .max = change.token->pin_max };
	status = change_run(session, &change, &asked);
	return status == STATUS_DONE ? print_new(session, &slots, change.token) : status;
}
