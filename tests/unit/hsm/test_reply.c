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

#include "peppermint/v1/signer.pb-c.h"
#include "reply.h"

#define FAILURE(name) PEPPERMINT__SIGNER__V1__FAILURE_CLASS__FAILURE_##name
#define ALGORITHM(name) PEPPERMINT__SIGNER__V1__ALGORITHM__ALGORITHM_##name
#define RESULT(name) PEPPERMINT__SIGNER__V1__SIGNER_REPLY__RESULT_##name

typedef Peppermint__Signer__V1__SignerReply SignerReply;
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
		{ FAILURE(CAPACITY), FAULT_CAPACITY },
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
	static const int unknown[] = { 0, 6, -1, 1000, INT32_MIN, INT32_MAX };
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

static void ciphertexts_and_plaintexts_are_told_apart_and_may_be_empty(void **state)
{
	static uint8_t bytes[3] = { 1, 2, 3 };
	SignerReply signer = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;
	struct reply reply;

	(void)state;
	signer.result_case = RESULT(ENCRYPTED);
	signer.encrypted = (ProtobufCBinaryData){ sizeof(bytes), bytes };
	assert_int_equal(unpack(&signer, &reply), PM_OK);
	assert_int_equal(reply.kind, REPLY_ENCRYPTED);
	assert_int_equal(reply.bytes.len, sizeof(bytes));
	assert_memory_equal(reply.bytes.data, bytes, sizeof(bytes));
	signer.result_case = RESULT(DECRYPTED);
	signer.decrypted = (ProtobufCBinaryData){ 0, NULL };
	assert_int_equal(unpack(&signer, &reply), PM_OK);
	assert_int_equal(reply.kind, REPLY_DECRYPTED);
	assert_int_equal(reply.bytes.len, 0);
}

static enum pm_err unpack_inspection(size_t mechanisms, uint32_t proof, bool with_token,
				     struct reply *out)
{
	static Peppermint__Signer__V1__Mechanism *list[HSM_MECHANISMS_MAX + 1];
	Peppermint__Signer__V1__Mechanism mechanism = PEPPERMINT__SIGNER__V1__MECHANISM__INIT;
	Peppermint__Signer__V1__Inspection inspection = PEPPERMINT__SIGNER__V1__INSPECTION__INIT;
	Peppermint__Signer__V1__Started token = PEPPERMINT__SIGNER__V1__STARTED__INIT;
	SignerReply reply = PEPPERMINT__SIGNER__V1__SIGNER_REPLY__INIT;

	mechanism.name = (char *)"CKM_WITH_A_NAME_THAT_IS_LONGER_THAN_WE_HAVE_ROOM\n";
	mechanism.proof = proof;
	for (size_t i = 0; i < mechanisms; i++)
		list[i] = &mechanism;
	token.serial = (char *)"12 \x01 ";
	inspection.token = with_token ? &token : NULL;
	inspection.n_mechanisms = mechanisms;
	inspection.mechanisms = list;
	reply.result_case = RESULT(INSPECTION);
	reply.inspection = &inspection;
	return unpack(&reply, out);
}

static void an_inspection_is_of_a_token_and_bounded(void **state)
{
	struct reply reply;

	(void)state;
	assert_int_equal(unpack_inspection(HSM_MECHANISMS_MAX, 2, true, &reply), PM_OK);
	assert_int_equal(reply.kind, REPLY_INSPECTION);
	assert_int_equal(reply.inspection->mechanism_count, HSM_MECHANISMS_MAX);
	assert_int_equal(reply.inspection->mechanisms[15].proof, HSM_DISPROVEN);
	assert_string_equal(reply.inspection->mechanisms[0].name,
			    "CKM_WITH_A_NAME_THAT_IS_LONGER_THAN_WE_");
	assert_string_equal(reply.inspection->serial, "12 ?");
	assert_int_equal(unpack_inspection(0, 0, true, &reply), PM_OK);
	assert_int_equal(unpack_inspection(HSM_MECHANISMS_MAX + 1, 0, true, &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_inspection(1, 3, true, &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_inspection(1, UINT32_MAX, true, &reply), PM_BAD_REPLY);
	assert_int_equal(unpack_inspection(1, 1, false, &reply), PM_BAD_REPLY);
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

#define REPLY_TEST(name) cmocka_unit_test_setup_teardown(name, make_arena, free_arena)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REPLY_TEST(a_failure_says_how_far_it_reaches),
		REPLY_TEST(text_from_outside_is_cut_and_made_clean),
		REPLY_TEST(a_mac_has_32_bytes_or_a_reason_why_not),
		REPLY_TEST(an_object_has_an_id_of_ours_and_a_label_that_fits),
		REPLY_TEST(a_list_holds_at_most_so_many_objects),
		REPLY_TEST(a_public_key_is_as_long_as_its_algorithms_or_absent),
		REPLY_TEST(an_algorithm_that_we_do_not_know_is_refused),
		REPLY_TEST(a_signature_has_64_bytes),
		REPLY_TEST(ciphertexts_and_plaintexts_are_told_apart_and_may_be_empty),
		REPLY_TEST(an_inspection_is_of_a_token_and_bounded),
		REPLY_TEST(no_bytes_are_too_broken_to_unpack),
		REPLY_TEST(what_would_unpack_to_too_much_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
