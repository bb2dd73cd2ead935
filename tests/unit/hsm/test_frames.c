#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "peppermint/v1/signer.pb-c.h"

#define FAILURE(name) PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_##name
#define ALGORITHM(name) PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##name
#define RESULT(name) PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_##name

typedef Peppermint__Signer__V1__SignerReply SignerReply;
typedef Peppermint__Signer__V1__SignerRequest SignerRequest;
typedef Peppermint__Signer__V1__Mac Mac;
typedef Peppermint__Signer__V1__Object Object;

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

static enum pm_err unpack(const SignerReply *reply, struct reply *out)
{
	assert_true(peppermint__signer__v1__signer_reply__get_packed_size(reply) <= sizeof(room));
	size_t len = peppermint__signer__v1__signer_reply__pack(reply, room);

	arena_reset(arena);
	return reply_unpack(bytes_of(room, len), arena, out);
}

static enum pm_err unpack_failure(Peppermint__Signer__V1__FailureClass class, const char *detail,
				  struct reply *out)
{
	Peppermint__Signer__V1__Failure failure = PEPPERMINT__SIGNER__V1__FAILURE__INIT;
	SignerReply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	failure.class_ = class;
	failure.ck_rv = 0xa0;
	failure.detail = (char *)detail;
	reply.id = 7;
	reply.failure = &failure;
	return unpack(&reply, out);
}

static enum pm_err unpack_mac(size_t len, Peppermint__Signer__V1__FailureClass class,
			      struct reply *out)
{
	static uint8_t bytes[64] = { 42 };
	Mac mac = PEPPERMINT__SIGNER__V1__MAC__INIT;
	Mac *list[] = { &mac };
	Peppermint__Signer__V1__Macs macs = PEPPERMINT__SIGNER__V1__MACS__INIT;
	SignerReply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	mac.mac = (ProtobufCBinaryData){ len, bytes };
	mac.failure = class;
	macs.n_macs = 1;
	macs.macs = list;
	reply.result_case = RESULT(HMAC);
	reply.hmac = &macs;
	return unpack(&reply, out);
}

static enum pm_err unpack_objects(size_t count, size_t id_len, const char *label, struct reply *out)
{
	static Object object;
	static Object *list[HSM_OBJECTS_MAX + 1];
	static uint8_t id[HSM_ID_LEN + 1] = "0123456789abcdef";
	Peppermint__Signer__V1__Objects objects = PEPPERMINT__SIGNER__V1__OBJECTS__INIT;
	SignerReply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	peppermint__signer__v1__object__init(&object);
	object.algorithm = ALGORITHM(HMAC_SHA256);
	object.key_id = (ProtobufCBinaryData){ id_len, id };
	object.label = (char *)label;
	for (size_t i = 0; i < count; i++)
		list[i] = &object;
	objects.n_objects = count;
	objects.objects = list;
	reply.result_case = RESULT(LIST);
	reply.list = &objects;
	return unpack(&reply, out);
}

static void a_failure_says_how_far_it_reaches(void **state)
{
	static const struct {
		Peppermint__Signer__V1__FailureClass class;
		enum fault fault;
	} cases[] = {
		{ FAILURE(CALLER), FAULT_CALLER },
		{ FAILURE(SESSION), FAULT_DEVICE },
		{ FAILURE(LOGIN), FAULT_DEVICE },
		{ FAILURE(HANDLE), FAULT_DEVICE },
		{ FAILURE(MODULE), FAULT_DEVICE },
		{ FAILURE(PIN), FAULT_PIN },
		{ FAILURE(CAPACITY), FAULT_DEVICE },
		{ FAILURE(SETUP), FAULT_SETUP },
		{ 1000, FAULT_DEVICE },
	};
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(unpack_failure(cases[i].class, "why", &reply), PM_OK);
		assert_int_equal(reply.kind, REPLY_FAILED);
		assert_int_equal(reply.fault, cases[i].fault);
		assert_int_equal(reply.id, 7);
		assert_int_equal(reply.ck_rv, 0xa0);
		assert_string_equal(reply.detail, "why");
	}
	assert_int_equal(unpack_failure(FAILURE(NONE), "why", &reply), PM_BAD_REPLY);
}

static void text_from_outside_is_cut_and_made_clean(void **state)
{
	char text[1000];
	struct reply reply;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(unpack_failure(FAILURE(PIN), text, &reply), PM_OK);
	assert_int_equal(strlen(reply.detail), sizeof(reply.detail) - 1);
	assert_int_equal(unpack_failure(FAILURE(PIN), "a\nb\xff\x1b[2J", &reply), PM_OK);
	assert_string_equal(reply.detail, "a?b??[2J");
	assert_int_equal(unpack_failure(FAILURE(PIN), "Schl\xc3\xbcssel", &reply), PM_OK);
	assert_string_equal(reply.detail, "Schl\xc3\xbcssel");
}

static void a_mac_has_32_bytes_or_a_reason_why_not(void **state)
{
	struct reply reply;

	(void)state;
	assert_int_equal(unpack_mac(HSM_MAC_LEN, FAILURE(NONE), &reply), PM_OK);
	assert_int_equal(reply.kind, REPLY_MACS);
	assert_int_equal(reply.count, 1);
	assert_int_equal(reply.macs[0][0], 42);
	assert_int_equal(unpack_mac(0, FAILURE(CALLER), &reply), PM_OK);
	assert_int_equal(reply.kind, REPLY_MACS);
	assert_null(reply.macs[0]);
	assert_int_equal(unpack_mac(0, FAILURE(MODULE), &reply), PM_OK);
	assert_int_equal(reply.kind, REPLY_FAILED);
	assert_int_equal(reply.fault, FAULT_DEVICE);
	assert_int_equal(unpack_mac(0, FAILURE(PIN), &reply), PM_OK);
	assert_int_equal(reply.fault, FAULT_PIN);
	assert_int_equal(unpack_mac(0, FAILURE(NONE), &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_mac(HSM_MAC_LEN - 1, FAILURE(NONE), &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_mac(HSM_MAC_LEN + 1, FAILURE(NONE), &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_mac(HSM_MAC_LEN, FAILURE(CALLER), &reply), PM_BAD_REPLY);
}

static void an_object_has_an_id_of_ours_and_a_label_that_fits(void **state)
{
	char label[HSM_LABEL_MAX + 2];
	struct reply reply;

	(void)state;
	memset(label, 'x', sizeof(label));
	label[HSM_LABEL_MAX + 1] = '\0';
	assert_int_equal(unpack_objects(1, HSM_ID_LEN, "a ", &reply), PM_OK);
	assert_string_equal(reply.objects[0].label, "a ");
	assert_memory_equal(reply.objects[0].id.bytes, "0123456789abcdef", HSM_ID_LEN);
	assert_int_equal(unpack_objects(1, HSM_ID_LEN - 1, "a", &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_objects(1, HSM_ID_LEN + 1, "a", &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_objects(1, 0, "a", &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_objects(1, HSM_ID_LEN, label, &reply), PM_BAD_REPLY);
	label[HSM_LABEL_MAX] = '\0';
	assert_int_equal(unpack_objects(1, HSM_ID_LEN, label, &reply), PM_OK);
	assert_string_equal(reply.objects[0].label, label);
}

static void a_list_holds_at_most_so_many_objects(void **state)
{
	struct reply reply;

	(void)state;
	assert_int_equal(unpack_objects(0, HSM_ID_LEN, "a", &reply), PM_OK);
	assert_int_equal(reply.count, 0);
	assert_int_equal(unpack_objects(HSM_OBJECTS_MAX, HSM_ID_LEN, "a", &reply), PM_OK);
	assert_int_equal(reply.count, HSM_OBJECTS_MAX);
	assert_int_equal(unpack_objects(HSM_OBJECTS_MAX + 1, HSM_ID_LEN, "a", &reply),
			 PM_BAD_REPLY);
}

static enum pm_err unpack_pair(int algorithm, size_t public_len, struct reply *out)
{
	static uint8_t id[HSM_ID_LEN], key[HSM_PUBLIC_MAX + 1] = { 42 };
	Object object = PEPPERMINT__SIGNER__V1__OBJECT__INIT;
	SignerReply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	object.key_id = (ProtobufCBinaryData){ sizeof(id), id };
	object.algorithm = (Peppermint__Signer__V1__Algorithm)algorithm;
	object.public_key = (ProtobufCBinaryData){ public_len, key };
	reply.result_case = RESULT(OBJECT);
	reply.object = &object;
	return unpack(&reply, out);
}

static void a_public_key_is_as_long_as_its_algorithms_or_absent(void **state)
{
	static const struct {
		int algorithm;
		size_t len; /* beside none */
	} known[] = {
		{ HSM_HMAC_SHA256, 0 },
		{ HSM_ED25519, 32 },
		{ HSM_ECDSA_P256, 91 },
		{ HSM_ALGORITHM_OTHER, 0 },
	};
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		for (size_t len = 0; len <= HSM_PUBLIC_MAX + 1; len++) {
			bool good = len == 0 || len == known[i].len;

			assert_int_equal(unpack_pair(known[i].algorithm, len, &reply),
					 good ? PM_OK : PM_BAD_REPLY);
			if (!good)
				continue;
			assert_int_equal(reply.objects[0].algorithm, known[i].algorithm);
			assert_int_equal(reply.objects[0].public_len, len);
			assert_int_equal(reply.objects[0].public_key[0], len > 0 ? 42 : 0);
		}
	}
}

static void an_algorithm_that_we_do_not_know_is_refused(void **state)
{
	static const int unknown[] = { 0, 5, -1, 1000, INT32_MIN, INT32_MAX };
	struct reply reply;

	(void)state;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
		assert_int_equal(unpack_pair(unknown[i], 0, &reply), PM_BAD_REPLY);
}

static void a_signature_has_64_bytes(void **state)
{
	static uint8_t bytes[100] = { 42 };
	struct reply reply;

	(void)state;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		SignerReply signer = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

		signer.result_case = RESULT(SIGNATURE);
		signer.signature = (ProtobufCBinaryData){ len, bytes };
		assert_int_equal(unpack(&signer, &reply), len == 64 ? PM_OK : PM_BAD_REPLY);
		if (len != 64)
			continue;
		assert_int_equal(reply.kind, REPLY_SIGNATURE);
		assert_memory_equal(reply.signature, bytes, 64);
	}
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

/* Each prefix, and each prefix with a byte changed: an error or a reply, and no byte out of bounds.
 */
static void no_bytes_are_too_broken_to_unpack(void **state)
{
	static uint8_t whole[FRAME_MAX];
	struct reply reply;

	(void)state;
	assert_int_equal(unpack_objects(3, HSM_ID_LEN, "label", &reply), PM_OK);
	memcpy(whole, room, 128);
	for (size_t len = 0; len < 128; len++) {
		for (unsigned change = 0; change < 256; change++) {
			uint8_t *copy = malloc(len + 1); /* exact: ASan sees a byte too many */

			assert_non_null(copy);
			memcpy(copy, whole, len + 1);
			copy[len] = (uint8_t)change;
			arena_reset(arena);
			enum pm_err err = reply_unpack(bytes_of(copy, len + 1), arena, &reply);
			assert_true(err == PM_OK || err == PM_BAD_REPLY);
			free(copy);
		}
	}
	assert_int_equal(reply_unpack(bytes_of(whole, 0), arena, &reply), PM_BAD_REPLY);
}

/* 64 thousand empty MACs in one datagram would unpack to megabytes. */
static void what_would_unpack_to_too_much_is_refused(void **state)
{
	struct buf buf = BUF(room);
	static const uint8_t empty_mac[] = { 0x0a, 0x00 };
	const size_t inner = 120000;
	struct reply reply;

	(void)state;
	buf_put(&buf, bytes_of("\x22\xc0\xa9\x07", 4)); /* field 4, 120,000 bytes */
	for (size_t i = 0; i < inner / 2; i++)
		buf_put(&buf, bytes_of(empty_mac, 2));
	assert_false(buf.full);
	arena_reset(arena);
	assert_int_equal(reply_unpack(buf_bytes(&buf), arena, &reply), PM_BAD_REPLY);
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
	assert_int_equal(frame_generate(1, &id, "too long", &out), PM_TOO_LARGE);
	assert_int_equal(frame_random(1, 16, &out), PM_OK);
	SignerRequest *request =
		peppermint__signer__v1__signer_request__unpack(NULL, out.len, out.data);
	assert_non_null(request);
	assert_int_equal(request->random->length, 16);
	peppermint__signer__v1__signer_request__free_unpacked(request, NULL);
}

#define FRAME_TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRAME_TEST(a_failure_says_how_far_it_reaches),
		FRAME_TEST(text_from_outside_is_cut_and_made_clean),
		FRAME_TEST(a_mac_has_32_bytes_or_a_reason_why_not),
		FRAME_TEST(an_object_has_an_id_of_ours_and_a_label_that_fits),
		FRAME_TEST(a_list_holds_at_most_so_many_objects),
		FRAME_TEST(a_public_key_is_as_long_as_its_algorithms_or_absent),
		FRAME_TEST(an_algorithm_that_we_do_not_know_is_refused),
		FRAME_TEST(a_signature_has_64_bytes),
		FRAME_TEST(the_longest_request_to_sign_fits_a_frame),
		FRAME_TEST(no_bytes_are_too_broken_to_unpack),
		FRAME_TEST(what_would_unpack_to_too_much_is_refused),
		FRAME_TEST(the_size_of_an_item_is_never_more_than_was_reckoned),
		FRAME_TEST(a_request_that_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
