#define _GNU_SOURCE
#include "fixture.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TWIST "t"

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	tmpdir_make(f->directory);
	f->config = (struct hsm_config){
		.environment = "live",
		.signer = FAKE_SIGNER,
		.module = f->directory,
		.token_uri = "pkcs11:token=fake",
		.pin_file = "/nonexistent",
		.pin_fd = -1,
		.call_timeout_ms = PATIENCE_MS,
		.reload_ms = 20,
	};
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	if (f->standby)
		tmpdir_remove(f->standby->directory);
	tmpdir_remove(f->directory);
	free(f->standby);
	free(f);
	return 0;
}

void fixture_add_standby(struct fixture *f)
{
	f->standby = calloc(1, sizeof(*f));
	assert_non_null(f->standby);
	tmpdir_make(f->standby->directory);
	fixture_write(f->standby, "twist", TWIST);
	fixture_write(f->standby, "serial", "fedcba9876543210");
	f->config.standby_uri = "pkcs11:token=standby";
	f->config.standby_module = f->standby->directory;
}

void fixture_open(struct fixture *f)
{
	assert_int_equal(hsm_open(&f->config, &f->hsm), PM_OK);
	if (f->standby)
		f->standby->hsm = hsm_member(f->hsm, 1);
}

void fixture_close(struct fixture *f)
{
	hsm_close(f->hsm);
	f->hsm = NULL;
	if (f->standby)
		f->standby->hsm = NULL;
}

static FILE *open_file(const struct fixture *f, const char *name, const char *mode)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->directory, name);
	return fopen(path, mode);
}

void fixture_write(const struct fixture *f, const char *name, const char *text)
{
	FILE *file = open_file(f, name, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

void fixture_remove(const struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->directory, name);
	unlink(path);
}

char *fixture_read(const struct fixture *f, const char *name)
{
	FILE *file = open_file(f, name, "r");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	if (file) {
		assert_true(fread(text, 1, 65535, file) < 65535);
		fclose(file);
	}
	return text;
}

size_t fixture_lines(const struct fixture *f, const char *name)
{
	char *text = fixture_read(f, name);
	size_t lines = 0;

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	free(text);
	return lines;
}

size_t fixture_starts(const struct fixture *f)
{
	return fixture_lines(f, "starts");
}

struct hsm_status fixture_status(const struct fixture *f)
{
	struct hsm_status status;

	hsm_status(f->hsm, &status);
	return status;
}

void fixture_await_generation(const struct fixture *f, uint64_t generation)
{
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);
	struct hsm_status status = fixture_status(f);

	while (status.generation < generation || status.state != HSM_SERVING) {
		assert_true(clock_now() < deadline);
		usleep(2000);
		status = fixture_status(f);
	}
}

void fixture_await_state(const struct fixture *f, enum hsm_state state)
{
	const int64_t deadline = deadline_in_ms(PATIENCE_MS);

	while (fixture_status(f).state != state) {
		assert_true(clock_now() < deadline);
		usleep(2000);
	}
}

struct hsm_id key_named(const char *name)
{
	struct hsm_id id = { 0 };

	memcpy(id.bytes, name, strnlen(name, sizeof(id.bytes)));
	return id;
}

static bool is_mac(const struct hsm_job *job, char twist)
{
	uint8_t want[HSM_MAC_LEN];

	HMAC(EVP_sha256(), job->key.bytes, HSM_ID_LEN, job->data.data, job->data.len, want, NULL);
	want[0] ^= (uint8_t)twist;
	return job->err == PM_OK && memcmp(job->mac, want, HSM_MAC_LEN) == 0;
}

bool mac_is_right(const struct hsm_job *job)
{
	return is_mac(job, 0);
}

bool mac_is_standbys(const struct hsm_job *job)
{
	return is_mac(job, TWIST[0]);
}

enum pm_err hmac_once(const struct fixture *f, const char *key, int64_t ms)
{
	struct hsm_job job = { .key = key_named(key), .data = bytes_str("some data") };
	enum pm_err err = hsm_hmac(f->hsm, &job, 1, deadline_in_ms(ms));

	if (err != PM_OK)
		return err == job.err ? err : PM_INTERNAL;
	return job.err == PM_OK && !mac_is_right(&job) ? PM_BAD_REPLY : job.err;
}
