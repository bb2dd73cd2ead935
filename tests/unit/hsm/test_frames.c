#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include "frames.h"
#include "peppermint/v1/signer.pb-c.h"

#define ALGORITHM(name) PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##name

typedef Peppermint__Signer__V1__SignerRequest SignerRequest;

static uint8_t room[FRAME_MAX];
static struct arena *arena;

static int make_arena(void **state)
{
	(void)state;
	return arena_new(FRAME_ARENA_MAX, 0, &arena) == PM_OK ? 0 : -1;
}

static int free_arena(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static void the_longest_request_to_sign_fits_a_frame(void **state)
{
	static const uint8_t data[HSM_SIGNED_MAX] = { 1 };
	struct buf out = BUF(room);
	const struct hsm_id id = { { 7 } };

	(void)state;
	assert_int_equal(
		frame_sign(UINT64_MAX, &id, HSM_ED25519, bytes_of(data, sizeof(data)), &out),
		PM_OK);
	SignerRequest *request =
		peppermint__signer__v1__signer_request__unpack(NULL, out.len, out.data);
	assert_non_null(request);
	assert_int_equal(request->sign->algorithm, ALGORITHM(ED25519));
	assert_int_equal(request->sign->key_id.data[0], 7);
	assert_int_equal(request->sign->data.len, sizeof(data));
	assert_memory_equal(request->sign->data.data, data, sizeof(data));
	peppermint__signer__v1__signer_request__free_unpacked(request, NULL);
}

static void the_size_of_an_item_is_never_more_than_was_reckoned(void **state)
{
	static uint8_t data[HSM_DATA_MAX];
	static const size_t lengths[] = { 0, 1, 100, 127, 128, 16383, 16384, HSM_DATA_MAX };
	struct hsm_job job = { 0 };
	const struct hsm_job *one[] = { &job };
	const struct hsm_job *three[] = { &job, &job, &job };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct buf a = BUF(room);

		arena_reset(arena);
		job.data = bytes_of(data, lengths[i]);
		assert_int_equal(frame_hmac(UINT64_MAX, one, 1, arena, &a), PM_OK);
		size_t len = a.len;
		assert_int_equal(frame_hmac(UINT64_MAX, three, 3, arena, &a), PM_OK);
		assert_true(a.len - len <= 2 * frame_item_size(job.data));
	}
	assert_true(FRAME_ITEMS_MAX * frame_item_size(bytes_of(data, 64)) < FRAME_HMAC_MAX);
}

static void a_request_that_does_not_fit_is_refused(void **state)
{
	uint8_t small[20];
	struct buf out = BUF(small);
	struct hsm_id id = { 0 };

	(void)state;
	assert_int_equal(frame_generate(1, HSM_HMAC_SHA256, &id, "too long", &out), PM_TOO_LARGE);
	assert_int_equal(frame_random(1, 16, &out), PM_OK);
	SignerRequest *request =
		peppermint__signer__v1__signer_request__unpack(NULL, out.len, out.data);
	assert_non_null(request);
	assert_int_equal(request->random->length, 16);
	peppermint__signer__v1__signer_request__free_unpacked(request, NULL);
}

static SignerRequest *unpack(const struct buf *frame)
{
	SignerRequest *request =
		peppermint__signer__v1__signer_request__unpack(NULL, frame->len, frame->data);

	assert_non_null(request);
	return request;
}

static void forget(SignerRequest *request)
{
	peppermint__signer__v1__signer_request__free_unpacked(request, NULL);
}

static void a_start_names_the_token_and_where_its_pin_is(void **state)
{
	struct hsm_config config = {
		.environment = "live",
		.module = "/m.so",
		.token_uri = "pkcs11:serial=1",
		.pin_file = "/pin",
		.init_args = "args",
		.sessions = 7,
	};
	struct buf out = BUF(room);

	(void)state;
	assert_int_equal(frame_start(3, &config, &out), PM_OK);
	SignerRequest *request = unpack(&out);
	assert_int_equal(request->id, 3);
	assert_string_equal(request->start->environment, "live");
	assert_string_equal(request->start->module, "/m.so");
	assert_string_equal(request->start->token_uri, "pkcs11:serial=1");
	assert_string_equal(request->start->pin_file, "/pin");
	assert_string_equal(request->start->init_args, "args");
	assert_int_equal(request->start->sessions, 7);
	forget(request);
	config.pin_file = config.init_args = NULL;
	assert_int_equal(frame_start(4, &config, &out), PM_OK);
	request = unpack(&out);
	assert_string_equal(request->start->pin_file, "");
	assert_string_equal(request->start->init_args, "");
	forget(request);
}

static void a_change_of_pin_carries_both_with_whatever_bytes_they_have(void **state)
{
	static const uint8_t odd[255] = { 0, '\n', 0xff };
	struct buf out = BUF(room);

	(void)state;
	assert_int_equal(frame_change_pin(1, bytes_str("1234"), bytes_of(odd, sizeof(odd)), &out),
			 PM_OK);
	SignerRequest *request = unpack(&out);
	assert_int_equal(request->change_pin->old_pin.len, 4);
	assert_memory_equal(request->change_pin->old_pin.data, "1234", 4);
	assert_int_equal(request->change_pin->new_pin.len, sizeof(odd));
	assert_memory_equal(request->change_pin->new_pin.data, odd, sizeof(odd));
	forget(request);
}

static void a_destroy_names_the_id_and_the_label(void **state)
{
	const struct hsm_id id = { { 7 } };
	struct buf out = BUF(room);

	(void)state;
	assert_int_equal(frame_destroy(1, &id, "label", &out), PM_OK);
	SignerRequest *request = unpack(&out);
	assert_int_equal(request->destroy->key_id.len, HSM_ID_LEN);
	assert_int_equal(request->destroy->key_id.data[0], 7);
	assert_string_equal(request->destroy->label, "label");
	forget(request);
	assert_int_equal(frame_inspect(1, &out), PM_OK);
	request = unpack(&out);
	assert_non_null(request->inspect);
	forget(request);
}

static void each_kind_of_key_is_asked_for_by_its_name(void **state)
{
	const struct hsm_id id = { { 7 } };
	static const struct {
		enum hsm_algorithm algorithm;
		int op;
	} cases[] = {
		{ HSM_HMAC_SHA256, PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_GENERATE },
		{ HSM_ED25519, PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_GENERATE_PAIR },
		{ HSM_AES256_GCM, PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_GENERATE_AES },
	};
	struct buf out = BUF(room);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(frame_generate(1, cases[i].algorithm, &id, "label", &out), PM_OK);
		SignerRequest *request = unpack(&out);
		assert_int_equal(request->op_case, cases[i].op);
		assert_string_equal(request->generate->label, "label");
		forget(request);
	}
}

static void an_import_carries_its_value(void **state)
{
	const struct hsm_id id = { { 7 } };
	struct buf out = BUF(room);

	(void)state;
	assert_int_equal(frame_import(1, &id, "label", bytes_str("sixteen bytes..."), &out), PM_OK);
	SignerRequest *request = unpack(&out);
	assert_int_equal(request->import->key_id.data[0], 7);
	assert_string_equal(request->import->label, "label");
	assert_int_equal(request->import->value.len, 16);
	assert_memory_equal(request->import->value.data, "sixteen bytes...", 16);
	forget(request);
}

static void what_is_to_be_ciphered_goes_with_its_iv_and_additional_data(void **state)
{
	static const uint8_t longest[HSM_PLAIN_MAX + HSM_TAG_LEN] = { 1 };
	const struct bytes aad = bytes_of(longest, HSM_PLAIN_MAX);
	const struct hsm_id id = { { 7 } };
	struct buf out = BUF(room);

	(void)state;
	for (int i = 0; i < 2; i++) {
		const struct bytes data =
			bytes_of(longest, i == 0 ? HSM_PLAIN_MAX : sizeof(longest));
		const uint8_t *iv = (const uint8_t *)"twelve bytes";

		assert_int_equal((i == 0 ? frame_encrypt : frame_decrypt)(UINT64_MAX, &id, iv, aad,
									  data, &out),
				 PM_OK);
		SignerRequest *request = unpack(&out);
		const Peppermint__Signer__V1__Cipher *cipher =
			i == 0 ? request->encrypt : request->decrypt;
		assert_int_equal(request->op_case,
				 i == 0 ? PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_ENCRYPT
					: PEPPERMINT__SIGNER__V1__SIGNER_REQUEST__OP_DECRYPT);
		assert_int_equal(cipher->key_id.data[0], 7);
		assert_int_equal(cipher->iv.len, HSM_IV_LEN);
		assert_memory_equal(cipher->iv.data, "twelve bytes", HSM_IV_LEN);
		assert_int_equal(cipher->aad.len, HSM_PLAIN_MAX);
		assert_int_equal(cipher->data.len, data.len);
		forget(request);
	}
}

#define FRAME_TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRAME_TEST(the_longest_request_to_sign_fits_a_frame),
		FRAME_TEST(the_size_of_an_item_is_never_more_than_was_reckoned),
		FRAME_TEST(a_request_that_does_not_fit_is_refused),
		FRAME_TEST(a_start_names_the_token_and_where_its_pin_is),
		FRAME_TEST(a_change_of_pin_carries_both_with_whatever_bytes_they_have),
		FRAME_TEST(a_destroy_names_the_id_and_the_label),
		FRAME_TEST(each_kind_of_key_is_asked_for_by_its_name),
		FRAME_TEST(an_import_carries_its_value),
		FRAME_TEST(what_is_to_be_ciphered_goes_with_its_iv_and_additional_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
