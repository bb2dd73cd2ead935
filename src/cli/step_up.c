#define _GNU_SOURCE
#include "step_up.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "files.h"
#include "input.h"

#define CONFIRMED "/confirmed"

/* In locked memory. One byte of a longer one is kept, so that it is noticed. */
struct operator_pin {
	char text[PEPPERMINT_OPERATOR_PIN_MAX + 3];
	size_t len;
};

static void pin_freep(struct operator_pin **pin)
{
	secret_free(*pin, sizeof(**pin));
}

static enum status no_memory(void)
{
	complain("no locked memory to be had. Raise the limit: ulimit -l.");
	return STATUS_VAULT;
}

/* Up to a NUL's place before the end, or to the end of the file. */
static enum status read_fd(uint32_t fd, struct operator_pin *pin)
{
	while (pin->len < sizeof(pin->text) - 1) {
		ssize_t got = read((int)fd, pin->text + pin->len, sizeof(pin->text) - 1 - pin->len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			complain("cannot read the PIN from file descriptor %u: %s.", (unsigned)fd,
				 strerror(errno));
			return STATUS_USAGE;
		}
		if (got == 0)
			break;
		pin->len += (size_t)got;
	}
	return STATUS_DONE;
}

static enum status ask_person(const struct session *session, struct operator_pin *pin)
{
	struct input input CLEANUP(input_close) = { 0 };
	const char *operator_name = session->options.operator_name;
	char prompt[128];

	snprintf(prompt, sizeof(prompt), "PIN of operator %s", operator_name ? operator_name : "");
	enum status status = input_open(&input, prompt, PEPPERMINT_OPERATOR_PIN_MAX);
	if (status == STATUS_DONE)
		status = input_next(&input);
	if (status != STATUS_DONE)
		return status;
	pin->len = input.lines[0].len;
	memcpy(pin->text, input.lines[0].text, pin->len);
	return STATUS_DONE;
}

/* A file's last newline is none of the PIN. */
static void cut_newline(struct operator_pin *pin)
{
	if (pin->len > 0 && pin->text[pin->len - 1] == '\n')
		pin->len--;
	if (pin->len > 0 && pin->text[pin->len - 1] == '\r')
		pin->len--;
}

static enum status read_pin(const struct session *session, struct operator_pin *pin)
{
	const struct options *options = &session->options;
	enum status status = STATUS_DONE;

	if (options->given & OPT_PIN_FD)
		status = read_fd(options->pin_fd, pin);
	else if (!options->pin_file)
		status = ask_person(session, pin);
	else if (!file_read(options->pin_file, pin->text, sizeof(pin->text) - 1, &pin->len))
		status = STATUS_USAGE;
	if (status != STATUS_DONE)
		return status;
	cut_newline(pin);
	if (pin->len >= PEPPERMINT_OPERATOR_PIN_MIN && pin->len <= PEPPERMINT_OPERATOR_PIN_MAX)
		return STATUS_DONE;
	complain("an operator's PIN has %d to %d bytes. Nothing was sent.",
		 PEPPERMINT_OPERATOR_PIN_MIN, PEPPERMINT_OPERATOR_PIN_MAX);
	return STATUS_USAGE;
}

static bool has_pin_source(const struct session *session)
{
	return session->options.given & (OPT_PIN_FILE | OPT_PIN_FD);
}

enum status agree(const struct session *session, const char *message)
{
	char answer[16] = "";

	if (session->options.given & OPT_YES)
		return STATUS_DONE;
	if (!isatty(STDIN_FILENO)) {
		complain("%s. Repeat it with --yes if that is meant. Nothing was done.", message);
		return STATUS_USAGE;
	}
	fprintf(stderr, "%s.\nType yes to go on: ", message);
	if (fgets(answer, sizeof(answer), stdin) && strcasecmp(answer, "yes\n") == 0)
		return STATUS_DONE;
	complain("not confirmed. Nothing was done.");
	return STATUS_USAGE;
}

static enum status confirm(const struct session *session, const struct step *step,
			   struct peppermint_confirmation *confirmation)
{
	struct peppermint_call call = {
		.authorization = session->call.authorization,
		.timeout_ms = session->call.timeout_ms,
	};
	enum pm_err err = peppermint_confirm(session->vault, session->options.env, step->act,
					     step->subject, confirmation, &call);

	if (err == PM_OK)
		return STATUS_DONE;
	complain("%s. (%s)", call.message, peppermint_error_name(err));
	return STATUS_VAULT;
}

/* The PIN is given by whoever agrees; without one `yes` is. */
static enum status get_agreement(const struct session *session,
				 const struct peppermint_confirmation *confirmation,
				 struct operator_pin *pin)
{
	if (!confirmation->pin_needed)
		return has_pin_source(session) ? STATUS_DONE
					       : agree(session, confirmation->message);
	if (!has_pin_source(session)) {
		if (!isatty(STDIN_FILENO)) {
			complain("%s. It needs the operator's PIN: --pin-file, --pin-fd, or a "
				 "terminal. Nothing was done.",
				 confirmation->message);
			return STATUS_USAGE;
		}
		fprintf(stderr, "%s.\n", confirmation->message);
	}
	return read_pin(session, pin);
}

/* The first call had the given id, and this one is another. */
static enum status choose_id(const struct session *session, char id[PEPPERMINT_REQUEST_ID_MAX + 1])
{
	const char *given = session->options.request_id;

	if (!given || strlen(given) + strlen(CONFIRMED) <= PEPPERMINT_REQUEST_ID_MAX) {
		snprintf(id, PEPPERMINT_REQUEST_ID_MAX + 1, "%s%s", given ? given : "", CONFIRMED);
		return STATUS_DONE;
	}
	complain("what needs a confirmation takes a --request-id of at most %zu characters.",
		 PEPPERMINT_REQUEST_ID_MAX - strlen(CONFIRMED));
	return STATUS_USAGE;
}

static enum status make_confirmed(struct session *session, const struct step *step)
{
	struct peppermint_confirmation confirmation;
	struct operator_pin *pin CLEANUP(pin_freep) = secret_alloc(sizeof(*pin));
	char id[PEPPERMINT_REQUEST_ID_MAX + 1];

	if (!pin)
		return no_memory();
	enum status status = choose_id(session, id);
	if (status == STATUS_DONE)
		status = confirm(session, step, &confirmation);
	if (status == STATUS_DONE)
		status = get_agreement(session, &confirmation, pin);
	if (status != STATUS_DONE)
		return status;
	if (!step->always && session->options.request_id)
		session->call.request_id = id;
	session->call.confirmation = confirmation.token;
	session->call.pin = pin->len > 0 ? pin->text : NULL;
	session->call.pin_len = pin->len;
	enum pm_err err = step->make(session, step->what);
	session->call.confirmation = session->call.request_id = NULL;
	session->call.pin = NULL;
	return err == PM_OK ? STATUS_DONE : vault_refused(session, err);
}

enum status step_up(struct session *session, const struct step *step)
{
	if (step->always)
		return make_confirmed(session, step);
	enum pm_err err = step->make(session, step->what);
	if (err == PM_STEP_UP_REQUIRED)
		return make_confirmed(session, step);
	return err == PM_OK ? STATUS_DONE : vault_refused(session, err);
}
