#include "log_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "domain.h"

#define SIGNED_MAX 8192

struct audit *log_audit(struct fixture *f)
{
	return f->vault->audit;
}

enum pm_err log_round(struct fixture *f)
{
	return audit_notarize(log_audit(f), deadline_in_ms(60000));
}

void log_sign(struct fixture *f)
{
	assert_int_equal(log_round(f), PM_OK);
	assert_int_equal(log_status(f).not_signed, 0);
}

struct vault_audit_status log_status(struct fixture *f)
{
	struct vault_audit_status status;

	vault_audit_status(f->vault, &status);
	return status;
}

void log_assert_state(struct fixture *f, enum vault_audit_state state, const char *word)
{
	struct vault_audit_status status = log_status(f);

	assert_int_equal(status.state, state);
	if (!strstr(status.detail, word))
		fail_msg("not in \"%s\": %s", status.detail, word);
}

enum pm_err log_try_mint(struct fixture *f)
{
	const struct mint_params params = {
		.environment = "live", .account = "acme", .product = "pay", .name = "till"
	};
	struct key_info info;
	struct key_text text;

	return fixture_mint_text(f->vault, fixture_actor(f), &params, &info, &text);
}

void log_mint(struct fixture *f)
{
	assert_int_equal(log_try_mint(f), PM_OK);
}

struct checkpoint_record log_newest(struct fixture *f, uint32_t number)
{
	struct checkpoint_record point;
	struct log_record log;
	struct tlog_key key;

	assert_int_equal(store_get_log(f->store, number, &log), PM_OK);
	assert_int_equal(store_get_checkpoint(f->store, log.log, STORE_NEWEST_SIGNED, &point),
			 PM_OK);
	assert_int_equal(tlog_key_parse(bytes_str(log.vkey), &key), PM_OK);
	assert_int_equal(tlog_note_verify(bytes_str(point.note), &key, NULL), PM_OK);
	return point;
}

void log_close(struct fixture *f)
{
	vault_close(f->vault);
	store_close(f->store);
	f->vault = NULL;
	f->store = NULL;
}

static void database_path(struct fixture *f, const char *name, char out[128])
{
	snprintf(out, 128, "%s/%s", f->dir, name);
}

static void copy_file(const char *from, const char *to)
{
	char command[300];

	snprintf(command, sizeof(command), "cp %s %s", from, to);
	assert_int_equal(system(command), 0);
}

/* Closed, the database is one file. */
void log_backup(struct fixture *f)
{
	char path[128], copy[128];

	log_close(f);
	database_path(f, "peppermint.db", path);
	database_path(f, "backup", copy);
	copy_file(path, copy);
	fixture_reopen(f);
	assert_int_equal(vault_tend(f->vault), PM_OK);
}

void log_restore(struct fixture *f)
{
	char path[128], copy[128];

	log_close(f);
	database_path(f, "peppermint.db", path);
	database_path(f, "backup", copy);
	copy_file(copy, path);
}

/* Linked with --wrap=hsm_sign: what the token sees, whatever becomes of it afterwards. */
static struct {
	size_t len;
	char text[TLOG_TEXT_MAX];
} signed_texts[SIGNED_MAX];
static size_t signed_count;
static pthread_mutex_t signed_lock = PTHREAD_MUTEX_INITIALIZER;

enum pm_err __real_hsm_sign(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm,
			    struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN],
			    int64_t deadline);
enum pm_err __wrap_hsm_sign(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm,
			    struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN],
			    int64_t deadline);

enum pm_err __wrap_hsm_sign(struct hsm *hsm, const struct hsm_id *id, enum hsm_algorithm algorithm,
			    struct bytes data, uint8_t signature[HSM_SIGNATURE_LEN],
			    int64_t deadline)
{
	pthread_mutex_lock(&signed_lock);
	if (algorithm == HSM_ED25519 && signed_count < SIGNED_MAX) {
		memcpy(signed_texts[signed_count].text, data.data, data.len);
		signed_texts[signed_count++].len = data.len;
	}
	pthread_mutex_unlock(&signed_lock);
	return __real_hsm_sign(hsm, id, algorithm, data, signature, deadline);
}

void log_forget_signed(void)
{
	signed_count = 0;
}

static struct tlog_checkpoint signed_point(size_t i)
{
	struct tlog_checkpoint point;

	assert_int_equal(
		tlog_checkpoint_parse(bytes_of(signed_texts[i].text, signed_texts[i].len), &point),
		PM_OK);
	return point;
}

size_t log_assert_no_fork(void)
{
	assert_true(signed_count < SIGNED_MAX);
	for (size_t i = 0; i < signed_count; i++) {
		struct tlog_checkpoint one = signed_point(i);

		for (size_t j = i + 1; j < signed_count; j++) {
			struct tlog_checkpoint other = signed_point(j);

			if (strcmp(one.origin, other.origin) == 0 && one.size == other.size)
				assert_true(tlog_hash_equal(&one.root, &other.root));
		}
	}
	return signed_count;
}
