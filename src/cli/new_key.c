#include "new_key.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/secret.h"
#include "files.h"

#define BASIC_PLAIN_MAX (PEPPERMINT_MERCHANT_MAX + 1 + PEPPERMINT_KEY_TEXT_MAX)

/* The Authorization header's value, in both forms. */
struct header {
	char plain[BASIC_PLAIN_MAX + 1];
	char text[sizeof("Basic ") +
		  sodium_base64_ENCODED_LEN(BASIC_PLAIN_MAX, sodium_base64_VARIANT_ORIGINAL)];
};

static void header_wipe(struct header *header)
{
	secret_wipe(header, sizeof(*header));
}

/* Behind `Basic ` stands base64 of merchant:key. */
static const char *header_make(const struct new_key *made, bool basic, struct header *header)
{
	char *text = header->text;

	if (!basic) {
		snprintf(text, sizeof(header->text), "Bearer %s", made->secret.text);
		return text;
	}
	int len = snprintf(header->plain, sizeof(header->plain), "%s:%s", made->delivery.merchant,
			   made->secret.text);
	strcpy(text, "Basic ");
	sodium_bin2base64(text + strlen(text), sizeof(header->text) - strlen(text),
			  (const unsigned char *)header->plain, (size_t)len,
			  sodium_base64_VARIANT_ORIGINAL);
	return text;
}

void new_key_freep(struct new_key **made)
{
	if (!*made)
		return;
	free((void *)(uintptr_t)(*made)->delivery.recipient);
	secret_free(*made, sizeof(**made));
}

static bool read_form(const struct options *options, enum new_key_form *form)
{
	static const struct {
		const char *name;
		enum new_key_form form;
	} names[] = {
		{ "text", NEW_KEY_TEXT },
		{ "json", NEW_KEY_JSON },
		{ "env", NEW_KEY_ENV },
		{ "header", NEW_KEY_HEADER },
	};

	*form = options->given & OPT_QUIET  ? NEW_KEY_QUIET
		: options->given & OPT_JSON ? NEW_KEY_RECORD
					    : NEW_KEY_TEXT;
	if (!options->format)
		return true;
	for (size_t i = 0; *form == NEW_KEY_TEXT && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(options->format, names[i].name) == 0) {
			*form = names[i].form;
			return true;
		}
	}
	complain("--format must be text, env, json or header here, without --quiet and --json.");
	return false;
}

/* A PEM, as a text. */
static bool read_recipient(const char *path, struct peppermint_delivery *delivery)
{
	size_t len = 0;

	if (!path)
		return true;
	char *pem = must_have(calloc(1, PEPPERMINT_RECIPIENT_MAX + 1));
	delivery->recipient = pem;
	if (!file_read(path, pem, PEPPERMINT_RECIPIENT_MAX, &len))
		return false;
	if (len > 0 && strlen(pem) == len)
		return true;
	complain("%s holds no PEM. --to takes a public key: X25519 or RSA.", path);
	return false;
}

struct new_key *new_key_prepare(const struct options *options)
{
	struct new_key *made CLEANUP(new_key_freep) = secret_alloc(sizeof(*made));

	if (!made) {
		complain("no locked memory to be had. Raise the limit: ulimit -l.");
		return NULL;
	}
	made->basic = options->given & OPT_BASIC;
	if (!read_form(options, &made->form) || !read_recipient(options->to, &made->delivery))
		return NULL;
	if (made->form == NEW_KEY_HEADER && options->to) {
		complain("what is encrypted makes no header. Give --to or --format header.");
		return NULL;
	}
	return TAKE(made);
}

void new_key_name(struct new_key *made, const char *key_id, const char *external_reference)
{
	snprintf(made->key_id, sizeof(made->key_id), "%s", key_id);
	snprintf(made->external_reference, sizeof(made->external_reference), "%s",
		 external_reference);
}

static bool is_sealed(const struct new_key *made)
{
	return made->delivery.sealed[0];
}

/* Straight into stdout's locked buffer, by no cell of a table; like all below. */
static void print_authorization(const struct new_key *made)
{
	struct header header CLEANUP(header_wipe) = { .plain = "" };

	fputs(header_make(made, made->basic, &header), stdout);
}

static void print_text(const struct new_key *made)
{
	if (is_sealed(made)) {
		printf("Sealed:  %s\n\nThis is shown once. Its recipient opens it: peppermint key "
		       "unseal-secret --key PRIVATE.pem\n\n",
		       made->delivery.sealed);
		return;
	}
	printf("API key:  %s\nAuthorization: ", made->secret.text);
	print_authorization(made);
	puts("\n\nThis is shown once. Store it now.\n");
}

/* One value as sh takes it, in single quotes. */
static void print_quoted(const char *text)
{
	putchar('\'');
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", stdout);
		else
			putchar(*text);
	}
	putchar('\'');
}

static void print_variable(const char *name, const char *value)
{
	printf("PEPPERMINT_%s=", name);
	print_quoted(value);
	putchar('\n');
}

/* What the vault says is quoted, whatever it is: a shell reads it. */
static void print_env(const struct new_key *made)
{
	struct header header CLEANUP(header_wipe) = { .plain = "" };

	print_variable("KEY_ID", made->key_id);
	print_variable("EXTERNAL_REFERENCE", made->external_reference);
	if (is_sealed(made)) {
		print_variable("SEALED", made->delivery.sealed);
		return;
	}
	print_variable("API_KEY", made->secret.text);
	print_variable("AUTHORIZATION", header_make(made, made->basic, &header));
}

static void set_text(json_t *json, const char *name, const char *text)
{
	json_object_set_new(json, name, must_have(json_string(text)));
}

/* Like any JSON with a key in it: this program's free() wipes. */
static void set_values(json_t *json, const struct new_key *made)
{
	struct header header CLEANUP(header_wipe) = { .plain = "" };

	if (is_sealed(made)) {
		set_text(json, "sealed", made->delivery.sealed);
		return;
	}
	set_text(json, "api_key", made->secret.text);
	set_text(json, "authorization_bearer", header_make(made, false, &header));
	set_text(json, "authorization_basic", header_make(made, true, &header));
}

static json_t *values_json(const struct new_key *made)
{
	json_t *json = must_have(json_object());

	set_text(json, "key_id", made->key_id);
	if (made->external_reference[0])
		set_text(json, "external_reference", made->external_reference);
	else
		json_object_set_new(json, "external_reference", json_null());
	set_values(json, made);
	return json;
}

static json_t *record_json(const struct new_key *made, const char *name, json_t *record)
{
	json_t *json = must_have(json_object());

	json_object_set_new(json, name, must_have(record));
	set_values(json, made);
	return json;
}

void new_key_print(const struct new_key *made, const char *name, json_t *record)
{
	switch (made->form) {
	case NEW_KEY_TEXT:
		print_text(made);
		return;
	case NEW_KEY_RECORD:
		print_json(record_json(made, name, record));
		return;
	case NEW_KEY_JSON:
		print_json(values_json(made));
		return;
	case NEW_KEY_ENV:
		print_env(made);
		return;
	case NEW_KEY_HEADER:
		fputs("Authorization: ", stdout);
		print_authorization(made);
		putchar('\n');
		return;
	case NEW_KEY_QUIET:
		puts(is_sealed(made) ? made->delivery.sealed : made->secret.text);
		return;
	}
}
