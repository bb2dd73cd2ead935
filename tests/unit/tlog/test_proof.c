#include "test.h"
#include "tlog/merkle.h"
#include "trees.h"

#define SIZE_TO 70 /* every tree up to this size */

/* What a proof must hold for, and a way to ask. */
struct claim {
	uint64_t a, size; /* index, or the old size */
	struct tlog_hash other, root;
	bool consistency; /* other: the old root; else the leaf */
};

static bool holds(const struct claim *claim, const struct tlog_proof *proof)
{
	return claim->consistency ? tlog_check_consistency(claim->a, &claim->other, claim->size,
							   &claim->root, proof)
				  : tlog_check_inclusion(claim->a, claim->size, &claim->other,
							 proof, &claim->root);
}

static void assert_no_bit_may_flip(const struct claim *claim, const struct tlog_proof *proof)
{
	struct tlog_proof bad = *proof;
	struct claim bad_claim = *claim;

	size_t step = claim->size <= 12 ? 1 : 37; /* all bits of the small ones, some of the rest */

	for (size_t bit = claim->size % step; bit < 256; bit += step) {
		uint8_t flip = (uint8_t)(1 << bit % 8);

		for (size_t i = 0; i < proof->count; i++) {
			bad.hashes[i].bytes[bit / 8] ^= flip;
			assert_false(holds(claim, &bad));
			bad.hashes[i].bytes[bit / 8] ^= flip;
		}
		bad_claim.root.bytes[bit / 8] ^= flip;
		assert_false(holds(&bad_claim, proof));
		bad_claim.root.bytes[bit / 8] ^= flip;
		bad_claim.other.bytes[bit / 8] ^= flip;
		assert_false(holds(&bad_claim, proof));
		bad_claim.other.bytes[bit / 8] ^= flip;
	}
}

/* Drops each hash, adds each hash of the proof again in front of each place, and one at the end. */
static void assert_no_hash_may_come_or_go(const struct claim *claim, const struct tlog_proof *proof)
{
	for (size_t at = 0; at <= proof->count; at++) {
		struct tlog_proof bad = *proof;
		size_t rest = proof->count - at;

		memmove(&bad.hashes[at + 1], &proof->hashes[at], rest * sizeof(bad.hashes[0]));
		bad.hashes[at] = at < proof->count ? proof->hashes[at] : claim->root;
		bad.count++;
		assert_false(holds(claim, &bad));
		if (rest == 0)
			break;
		bad = *proof;
		memmove(&bad.hashes[at], &proof->hashes[at + 1],
			(rest - 1) * sizeof(bad.hashes[0]));
		bad.count--;
		assert_false(holds(claim, &bad));
	}
}

static void assert_only_this_proof(const struct claim *claim, const struct tlog_proof *proof)
{
	assert_true(holds(claim, proof));
	assert_no_bit_may_flip(claim, proof);
	assert_no_hash_may_come_or_go(claim, proof);
}

static void every_leaf_of_every_tree_is_proven_and_nothing_else_is(void **state)
{
	struct rows rows CLEANUP(rows_free);

	(void)state;
	rows_make(&rows, SIZE_TO);
	for (uint64_t size = 1; size <= SIZE_TO; size++) {
		struct claim claim = { .size = size, .root = naive_root(&rows, 0, size) };

		for (uint64_t index = 0; index < size; index++) {
			struct tlog_proof proof;

			claim.a = index;
			claim.other = rows.nodes[0][index];
			assert_ok(tlog_prove_inclusion(index, size, rows_read, &rows, &proof));
			assert_only_this_proof(&claim, &proof);
			for (uint64_t other = 0; other < size + 2; other++) {
				claim.a = other;
				assert_int_equal(holds(&claim, &proof), other == index);
			}
		}
	}
}

static void every_older_tree_is_proven_consistent_and_nothing_else_is(void **state)
{
	struct rows rows CLEANUP(rows_free);

	(void)state;
	rows_make(&rows, SIZE_TO);
	for (uint64_t size = 1; size <= SIZE_TO; size++) {
		struct claim claim = { .size = size,
				       .root = naive_root(&rows, 0, size),
				       .consistency = true };

		for (uint64_t old = 1; old <= size; old++) {
			struct tlog_proof proof;

			claim.a = old;
			claim.other = naive_root(&rows, 0, old);
			assert_ok(tlog_prove_consistency(old, size, rows_read, &rows, &proof));
			assert_only_this_proof(&claim, &proof);
		}
	}
}

static void the_empty_tree_is_consistent_with_every_tree(void **state)
{
	static const struct tlog_tree empty;
	struct rows rows CLEANUP(rows_free);
	struct tlog_hash empty_root, root;
	struct tlog_proof proof;

	(void)state;
	rows_make(&rows, 5);
	tlog_tree_root(&empty, &empty_root);
	root = naive_root(&rows, 0, 5);
	assert_ok(tlog_prove_consistency(0, 5, rows_read, &rows, &proof));
	assert_int_equal(proof.count, 0);
	assert_true(tlog_check_consistency(0, &empty_root, 5, &root, &proof));
	assert_false(tlog_check_consistency(0, &root, 5, &root, &proof));
	assert_true(tlog_check_consistency(0, &empty_root, 0, &empty_root, &proof));
	assert_false(tlog_check_consistency(0, &empty_root, 0, &root, &proof));
	proof.count = 1;
	proof.hashes[0] = root;
	assert_false(tlog_check_consistency(0, &empty_root, 5, &root, &proof));
}

/* Section 2.1.3 of RFC 6962 draws this tree of seven leaves and names these nodes. */
static void the_examples_of_rfc_6962_are_proven_as_it_says(void **state)
{
	static const struct {
		uint64_t a;
		bool consistency;
		size_t count;
		uint64_t ranges[3][2];
	} examples[] = {
		{ 0, false, 3, { { 1, 2 }, { 2, 4 }, { 4, 7 } } },
		{ 3, false, 3, { { 2, 3 }, { 0, 2 }, { 4, 7 } } },
		{ 4, false, 3, { { 5, 6 }, { 6, 7 }, { 0, 4 } } },
		{ 6, false, 2, { { 4, 6 }, { 0, 4 } } },
		{ 4, true, 1, { { 4, 7 } } },
		{ 6, true, 3, { { 4, 6 }, { 6, 7 }, { 0, 4 } } },
	};
	struct rows rows CLEANUP(rows_free);
	struct tlog_proof proof;

	(void)state;
	rows_make(&rows, 7);
	for (size_t i = 0; i < COUNT(examples); i++) {
		assert_ok(
			examples[i].consistency
				? tlog_prove_consistency(examples[i].a, 7, rows_read, &rows, &proof)
				: tlog_prove_inclusion(examples[i].a, 7, rows_read, &rows, &proof));
		assert_int_equal(proof.count, examples[i].count);
		for (size_t j = 0; j < proof.count; j++) {
			struct tlog_hash expected = naive_root(&rows, examples[i].ranges[j][0],
							       examples[i].ranges[j][1]);

			assert_true(tlog_hash_equal(&proof.hashes[j], &expected));
		}
	}
}

static void proofs_cross_the_rows(void **state)
{
	static const uint64_t sizes[] = { 255, 256, 257, 511, 65536, 65537, 65793, 70001 };
	struct rows rows CLEANUP(rows_free);
	struct tlog_proof proof;

	(void)state;
	rows_make(&rows, 70001);
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint64_t size = sizes[i];
		struct tlog_hash root = naive_root(&rows, 0, size);

		for (uint64_t at = 0; at < size; at += at < 300 ? 1 : 4093) {
			struct tlog_hash *leaf = &rows.nodes[0][at];

			assert_ok(tlog_prove_inclusion(at, size, rows_read, &rows, &proof));
			assert_true(tlog_check_inclusion(at, size, leaf, &proof, &root));
		}
		for (uint64_t at = 1; at <= size; at = at < 65536 ? at * 2 : at + 1021) {
			struct tlog_hash old_root = naive_root(&rows, 0, at);

			assert_ok(tlog_prove_consistency(at, size, rows_read, &rows, &proof));
			assert_true(tlog_check_consistency(at, &old_root, size, &root, &proof));
		}
	}
}

static void proving_fails_as_its_reader_does(void **state)
{
	struct rows rows CLEANUP(rows_free);
	struct tlog_proof proof;
	size_t inclusion = 0, consistency = 0;

	(void)state;
	rows_make(&rows, 300);
	for (;; inclusion++) {
		rows.fail_at = inclusion;
		enum pm_err err = tlog_prove_inclusion(77, 300, rows_read, &rows, &proof);

		if (err == PM_OK)
			break;
		assert_int_equal(err, PM_STORE_DAMAGED);
	}
	for (;; consistency++) {
		rows.fail_at = consistency;
		enum pm_err err = tlog_prove_consistency(77, 300, rows_read, &rows, &proof);

		if (err == PM_OK)
			break;
		assert_int_equal(err, PM_STORE_DAMAGED);
	}
	assert_in_range(inclusion, 9, 20);
	assert_in_range(consistency, 9, 20);
}

static void what_is_outside_the_tree_cannot_be_proven(void **state)
{
	struct rows rows CLEANUP(rows_free);
	struct tlog_proof proof = { 0 };
	struct tlog_hash root;

	(void)state;
	rows_make(&rows, 8);
	root = naive_root(&rows, 0, 8);
	assert_int_equal(tlog_prove_inclusion(8, 8, rows_read, &rows, &proof), PM_NOT_FOUND);
	assert_int_equal(tlog_prove_inclusion(0, 0, rows_read, &rows, &proof), PM_NOT_FOUND);
	assert_int_equal(tlog_prove_consistency(9, 8, rows_read, &rows, &proof), PM_NOT_FOUND);
	assert_int_equal(tlog_prove_inclusion(0, UINT64_MAX, rows_read, &rows, &proof),
			 PM_TOO_LARGE);
	assert_int_equal(tlog_prove_consistency(1, UINT64_MAX, rows_read, &rows, &proof),
			 PM_TOO_LARGE);
	assert_false(tlog_check_inclusion(8, 8, &root, &proof, &root));
	assert_false(tlog_check_inclusion(0, 0, &root, &proof, &root));
	assert_false(tlog_check_consistency(9, &root, 8, &root, &proof));
}

static void checks_take_any_numbers(void **state)
{
	static const uint64_t numbers[] = { 0,
					    1,
					    2,
					    3,
					    UINT64_C(1) << 40,
					    (UINT64_C(1) << 63) - 1,
					    UINT64_C(1) << 63,
					    (UINT64_C(1) << 63) + 1,
					    UINT64_MAX - 1,
					    UINT64_MAX };
	struct tlog_hash hash = numbered_leaf(0);

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		for (size_t j = 0; j < COUNT(numbers); j++) {
			for (size_t count = 1; count <= TLOG_PROOF_MAX + 1; count++) {
				struct tlog_proof proof = { .count = count };

				assert_false(tlog_check_inclusion(numbers[i], numbers[j], &hash,
								  &proof, &hash));
				assert_false(tlog_check_consistency(numbers[i], &hash, numbers[j],
								    &hash, &proof));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_leaf_of_every_tree_is_proven_and_nothing_else_is),
		cmocka_unit_test(every_older_tree_is_proven_consistent_and_nothing_else_is),
		cmocka_unit_test(the_empty_tree_is_consistent_with_every_tree),
		cmocka_unit_test(the_examples_of_rfc_6962_are_proven_as_it_says),
		cmocka_unit_test(proofs_cross_the_rows),
		cmocka_unit_test(proving_fails_as_its_reader_does),
		cmocka_unit_test(what_is_outside_the_tree_cannot_be_proven),
		cmocka_unit_test(checks_take_any_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
