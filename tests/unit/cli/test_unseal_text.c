/* Sealed secrets, opened with the recipient's private key: what openssl(1), libsodium and the vault seal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <pty.h>
#include <sched.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "recipient.h"
#include "tmpdir.h"
#include "unseal_text.h"

#define SECRET "ak_live_0123456789ABCDEF_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA3T0xgg"
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Made without libsodium, from its description: X25519, BLAKE2b, XSalsa20-Poly1305. */
#define X25519_PEM                                                                                 \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MC4CAQAwBQYDK2VuBCIEIHcHbQpzGKV9PBbBclGyZkXfSyzrHr98amoqLh0MCwoJ\n"                       \
	"-----END PRIVATE KEY-----\n"
#define SEALED                                                                                     \
	"sealed:x25519:B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHwLV4o5TCOTEIwTBVWu6nUiV8NJy+hyCn" \
	"8gUzdPmzdHJC70KXtA6QczvWABA/"                                                             \
	"4zV3AgL2Y+yD0F2XDjmdCLnc1aJv8OGwgyqK9FOXqqhUfT0KTu8u0RUi5Y0Ig="
/* "\x1b[2J", and nothing, to the same key */
#define SEALED_ESCAPE                                                                              \
	"sealed:x25519:B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHwFjkqaTGjAhhadGTMphvdrLfMk7Q=="
#define SEALED_NOTHING                                                                             \
	"sealed:x25519:B6N8vBQgk8i3VdwbEOhstCY3StFqqFPtC9/AsrhtHHwoF39mMU51CYmBXtgnvmY4"

static char folder[TMPDIR_MAX];

/* In the folder; what it prints is discarded. */
static int shell(const char *command)
{
	char text[1024];

	snprintf(text, sizeof(text), "cd %s && { %s; } >/dev/null 2>&1", folder, command);
	return system(text);
}

static const char *path_of(const char *name)
{
	static char path[TMPDIR_MAX + 64];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void read_file(const char *name, char *out, size_t room)
{
	FILE *file = fopen(path_of(name), "r");

	assert_non_null(file);
	size_t len = fread(out, 1, room - 1, file);
	out[len] = '\0';
	fclose(file);
}

static int make_keys(void **state)
{
	(void)state;
	tmpdir_make(folder);
	write_file("x25519.pem", X25519_PEM);
	if (shell("openssl pkey -in x25519.pem -pubout -out x25519.pub && "
		  "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem && "
		  "openssl pkey -in rsa.pem -pubout -out rsa.pub && "
		  "openssl rsa -in rsa.pem -traditional -out traditional.pem && "
		  "openssl pkey -in rsa.pem -aes-256-cbc -passout pass:open -out locked.pem && "
		  "openssl genpkey -algorithm X25519 -out other.pem && "
		  "openssl genpkey -algorithm ED25519 -out ed25519.pem") != 0)
		return -1;
	return 0;
}

static int remove_keys(void **state)
{
	(void)state;
	tmpdir_remove(folder);
	return 0;
}

static enum pm_err unseal(const char *sealed, const char *key, char out[UNSEALED_MAX + 1])
{
	memset(out, 'x', UNSEALED_MAX + 1);
	return unseal_text(sealed, path_of(key), out, UNSEALED_MAX + 1);
}

static void a_box_that_others_sealed_opens(void **state)
{
	char out[UNSEALED_MAX + 1];

	(void)state;
	assert_int_equal(unseal(SEALED, "x25519.pem", out), PM_OK);
	assert_string_equal(out, SECRET);
	assert_int_equal(unseal(SEALED_NOTHING, "x25519.pem", out), PM_OK);
	assert_string_equal(out, "");
}

static void what_openssl_encrypted_opens(void **state)
{
	char out[UNSEALED_MAX + 1], sealed[RECIPIENT_TEXT_MAX + 1];

	(void)state;
	write_file("secret", SECRET);
	assert_int_equal(
		shell("{ printf sealed:rsa-oaep-sha256: && openssl pkeyutl -encrypt -pubin "
		      "-inkey rsa.pub -in secret -pkeyopt rsa_padding_mode:oaep -pkeyopt "
		      "rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 | base64 -w0; } "
		      ">sealed"),
		0);
	read_file("sealed", sealed, sizeof(sealed));
	assert_int_equal(unseal(sealed, "rsa.pem", out), PM_OK);
	assert_string_equal(out, SECRET);
	assert_int_equal(unseal(sealed, "traditional.pem", out), PM_OK);
	assert_string_equal(out, SECRET);
	/* With OAEP's defaults, SHA-1, it is something else. */
	assert_int_equal(
		shell("{ printf sealed:rsa-oaep-sha256: && openssl pkeyutl -encrypt -pubin "
		      "-inkey rsa.pub -in secret -pkeyopt rsa_padding_mode:oaep | "
		      "base64 -w0; } >sealed"),
		0);
	read_file("sealed", sealed, sizeof(sealed));
	assert_int_equal(unseal(sealed, "rsa.pem", out), PM_DENIED);
}

static void what_the_vault_sealed_opens(void **state)
{
	static const char *const keys[][2] = { { "x25519.pub", "x25519.pem" },
					       { "rsa.pub", "rsa.pem" } };
	char pem[4096], sealed[RECIPIENT_TEXT_MAX + 1], out[UNSEALED_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		read_file(keys[i][0], pem, sizeof(pem));
		assert_int_equal(recipient_seal(pem, bytes_str(SECRET), sealed, sizeof(sealed)),
				 PM_OK);
		assert_int_equal(unseal(sealed, keys[i][1], out), PM_OK);
		assert_string_equal(out, SECRET);
	}
}

static void openssl_opens_what_the_vault_sealed(void **state)
{
	char pem[4096], sealed[RECIPIENT_TEXT_MAX + 1], opened[256];

	(void)state;
	read_file("rsa.pub", pem, sizeof(pem));
	assert_int_equal(recipient_seal(pem, bytes_str(SECRET), sealed, sizeof(sealed)), PM_OK);
	write_file("sealed", strrchr(sealed, ':') + 1);
	assert_int_equal(
		shell("base64 -d sealed | openssl pkeyutl -decrypt -inkey rsa.pem -pkeyopt "
		      "rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256 -out opened"),
		0);
	read_file("opened", opened, sizeof(opened));
	assert_string_equal(opened, SECRET);
}

static void another_key_does_not_open_it(void **state)
{
	char out[UNSEALED_MAX + 1], altered[] = SEALED;

	(void)state;
	assert_int_equal(unseal(SEALED, "other.pem", out), PM_DENIED);
	assert_int_equal(out[0], 'x');
	altered[sizeof(altered) - 5] ^= 1; /* 'I' becomes 'H' */
	assert_int_equal(unseal(altered, "x25519.pem", out), PM_DENIED);
	assert_int_equal(unseal("sealed:x25519:AAAA", "x25519.pem", out), PM_DENIED);
	assert_int_equal(unseal("sealed:x25519:", "x25519.pem", out), PM_DENIED);
	assert_int_equal(unseal("sealed:rsa-oaep-sha256:AAAA", "rsa.pem", out), PM_DENIED);
}

static void what_is_no_sealed_text_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		SECRET,
		"sealed:",
		"sealed:x25519",
		"sealed:x448:AAAA",
		"x25519:AAAA",
		" " SEALED,
		SEALED "\n",
		SEALED " ",
		"Sealed:x25519:AAAA",
		"sealed:x25519:AAA",
		"sealed:x25519:AA-_",
		"sealed:x25519:AAA\xbf",
		SEALED "AAAA",
	};
	char out[UNSEALED_MAX + 1], large[8192] = "sealed:x25519:";

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(unseal(texts[i], "x25519.pem", out), PM_BAD_REQUEST);
	memset(large + strlen(large), 'A', 4096);
	assert_int_equal(unseal(large, "x25519.pem", out), PM_BAD_REQUEST);
}

/* Anybody can seal anything to a public key. */
static void what_would_drive_a_terminal_is_refused(void **state)
{
	char out[UNSEALED_MAX + 1];

	(void)state;
	assert_int_equal(unseal(SEALED_ESCAPE, "x25519.pem", out), PM_BAD_REQUEST);
	assert_int_equal(out[0], 'x');
}

static void a_file_without_that_private_key_is_refused(void **state)
{
	static const char *const names[] = { "x25519.pub", "rsa.pem",   "ed25519.pem",
					     "none.pem",   "empty.pem", "huge.pem",
					     "." };
	char out[UNSEALED_MAX + 1];

	(void)state;
	write_file("empty.pem", "");
	assert_int_equal(shell("yes x25519 | head -c 40000 >huge.pem"), 0);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(unseal(SEALED, names[i], out), PM_CONFIG);
}

/* Standard input is no terminal, so nobody is asked, and what it holds is not taken for an answer. */
static void a_passphrase_is_not_taken_from_a_pipe(void **state)
{
	char pem[4096], sealed[RECIPIENT_TEXT_MAX + 1], out[UNSEALED_MAX + 1];
	int ends[2], before = dup(STDIN_FILENO);

	(void)state;
	read_file("rsa.pub", pem, sizeof(pem));
	assert_int_equal(recipient_seal(pem, bytes_str(SECRET), sealed, sizeof(sealed)), PM_OK);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "open\n", 5), 5);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	enum pm_err err = unseal(sealed, "locked.pem", out);
	dup2(before, STDIN_FILENO);
	close(before);
	assert_int_equal(err, PM_CONFIG);
	assert_int_equal(read(ends[0], out, sizeof(out)), 5);
	close(ends[0]);
}

/* OpenSSL prompts first and switches the echo off then: faster than people type, not than we do. */
static void wait_for_silence(int terminal)
{
	struct termios now = { .c_lflag = ECHO };

	while (now.c_lflag & ECHO) {
		sched_yield();
		assert_int_equal(tcgetattr(terminal, &now), 0);
	}
}

/* Its exit status, after `typed` was typed when it asked. */
static int run_on_terminal(const char *sealed, const char *typed)
{
	int terminal = -1, status = 0;
	char said[512] = "";
	size_t len = 0;
	pid_t child = forkpty(&terminal, NULL, NULL, NULL);

	if (child == 0) {
		char out[UNSEALED_MAX + 1];
		bool good = unseal(sealed, "locked.pem", out) == PM_OK && strcmp(out, SECRET) == 0;

		_exit(good ? 0 : 1);
	}
	assert_true(child > 0);
	for (ssize_t got = 1; got > 0 && len < sizeof(said) - 1; said[len] = '\0') {
		got = read(terminal, said + len, sizeof(said) - 1 - len);
		len += got > 0 ? (size_t)got : 0;
		if (typed && strstr(said, "pass phrase")) {
			wait_for_silence(terminal);
			assert_int_equal(write(terminal, typed, strlen(typed)), strlen(typed));
			typed = NULL;
		}
	}
	close(terminal);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_null(typed); /* it did ask */
	assert_null(strstr(said, "open\r"));
	return WEXITSTATUS(status);
}

static void a_passphrase_is_asked_for_on_a_terminal_without_echo(void **state)
{
	char pem[4096], sealed[RECIPIENT_TEXT_MAX + 1];

	(void)state;
	read_file("rsa.pub", pem, sizeof(pem));
	assert_int_equal(recipient_seal(pem, bytes_str(SECRET), sealed, sizeof(sealed)), PM_OK);
	assert_int_equal(run_on_terminal(sealed, "open\n"), 0);
	assert_int_equal(run_on_terminal(sealed, "wrong\n"), 1);
}

static void a_text_that_does_not_fit_is_too_large(void **state)
{
	char out[sizeof(SECRET)] = "x";

	(void)state;
	assert_int_equal(unseal_text(SEALED, path_of("x25519.pem"), out, sizeof(out) - 1),
			 PM_TOO_LARGE);
	assert_string_equal(out, "x");
	assert_int_equal(unseal_text(SEALED, path_of("x25519.pem"), out, sizeof(out)), PM_OK);
	assert_string_equal(out, SECRET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_box_that_others_sealed_opens),
		cmocka_unit_test(what_openssl_encrypted_opens),
		cmocka_unit_test(what_the_vault_sealed_opens),
		cmocka_unit_test(openssl_opens_what_the_vault_sealed),
		cmocka_unit_test(another_key_does_not_open_it),
		cmocka_unit_test(what_is_no_sealed_text_is_refused),
		cmocka_unit_test(what_would_drive_a_terminal_is_refused),
		cmocka_unit_test(a_file_without_that_private_key_is_refused),
		cmocka_unit_test(a_passphrase_is_not_taken_from_a_pipe),
		cmocka_unit_test(a_passphrase_is_asked_for_on_a_terminal_without_echo),
		cmocka_unit_test(a_text_that_does_not_fit_is_too_large),
	};

	return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
