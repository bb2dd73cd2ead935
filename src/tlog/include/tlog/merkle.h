/*
 * The Merkle tree of a transparency log (RFC 6962 section 2.1, hashed with SHA-256): hashes, the
 * right edge that appending needs, proofs and their checks. Plain values, no memory of its own; any
 * thread.
 *
 * A node stands at a level (0: a leaf's hash; level l covers 2^l leaves) and an index in it. Proofs
 * and roots are made from nodes of the levels 0, 8, 16 … only, the rows of C2SP's tiles: 256 of one
 * row make one of the next.
 */
#ifndef TLOG_MERKLE_H
#define TLOG_MERKLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define TLOG_HASH_LEN 32
#define TLOG_PROOF_MAX 63 /* hashes of a proof (C2SP tlog-witness has the same bound) */
#define TLOG_ROW 256      /* nodes of one row that make one of the next */
#define TLOG_ROW_LEVELS 8 /* 2^8 = 256 */
#define TLOG_SIZE_MAX (UINT64_C(1) << 40) /* leaves of a tree */

struct tlog_hash {
	uint8_t bytes[TLOG_HASH_LEN];
};

/* SHA-256(0x00 || entry), and SHA-256(0x01 || left || right). */
void tlog_leaf_hash(struct bytes entry, struct tlog_hash *out);
void tlog_node_hash(const struct tlog_hash *left, const struct tlog_hash *right,
		    struct tlog_hash *out);

/* The root of the perfect subtree over 2^l nodes of one level, which are used up. */
struct tlog_hash tlog_perfect_root(struct tlog_hash *nodes, size_t count);

/* A tree's right edge: the root of the perfect subtree of 2^l leaves for each bit l of `size`. */
struct tlog_tree {
	uint64_t size;
	struct tlog_hash peaks[41]; /* [l] means something where bit l of size is set */
};

/*
 * Appends a leaf. When that completes nodes of the rows above the leaves, they are told: the return
 * value is how many (0 to 5), out[i] is row i + 1's node with index size / 256^(i+1) - 1.
 */
#define TLOG_ROWS_MAX 5
size_t tlog_tree_append(struct tlog_tree *tree, const struct tlog_hash *leaf,
			struct tlog_hash out[TLOG_ROWS_MAX]);

/* The root; of an empty tree SHA-256 of nothing. */
void tlog_tree_root(const struct tlog_tree *tree, struct tlog_hash *root);

/* `count` nodes of a row (row 0: leaves, row r: level 8r) from index `first` on. */
typedef enum pm_err tlog_read(void *arg, unsigned row, uint64_t first, size_t count,
			      struct tlog_hash *out);

/* The right edge of the tree of the first `size` leaves: at most 255 nodes of each row are read. */
enum pm_err tlog_tree_load(uint64_t size, tlog_read *read, void *arg,
			   struct tlog_tree *out) NODISCARD;

struct tlog_proof {
	size_t count;
	struct tlog_hash hashes[TLOG_PROOF_MAX];
};

/* PM_NOT_FOUND: index is not below size; or old_size is over size. */
enum pm_err tlog_prove_inclusion(uint64_t index, uint64_t size, tlog_read *read, void *arg,
				 struct tlog_proof *out) NODISCARD;
enum pm_err tlog_prove_consistency(uint64_t old_size, uint64_t size, tlog_read *read, void *arg,
				   struct tlog_proof *out) NODISCARD;

/* Total over any numbers and hashes. */
bool tlog_check_inclusion(uint64_t index, uint64_t size, const struct tlog_hash *leaf,
			  const struct tlog_proof *proof, const struct tlog_hash *root);
bool tlog_check_consistency(uint64_t old_size, const struct tlog_hash *old_root, uint64_t size,
			    const struct tlog_hash *root, const struct tlog_proof *proof);

bool tlog_hash_equal(const struct tlog_hash *a, const struct tlog_hash *b);

#endif
