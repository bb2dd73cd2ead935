/* Inclusion and consistency proofs: RFC 6962 section 2.1 makes them, RFC 9162 section 2.1 checks. */
#include "tlog/merkle.h"

/* A proof in the making, from the root down; RFC 6962 lists it from the leaves up. */
struct prover {
	tlog_read *read;
	void *arg;
	struct tlog_proof *proof;
};

/* The largest power of two that is below n; n > 1. */
static uint64_t split(uint64_t n)
{
	return UINT64_C(1) << (63 - __builtin_clzll(n - 1));
}

/* The root of the 2^level leaves from `first` on, from at most 128 nodes of the row below it. */
static enum pm_err subtree_root(const struct prover *prover, uint64_t first, unsigned level,
				struct tlog_hash *root)
{
	struct tlog_hash nodes[TLOG_ROW / 2];
	unsigned row = level / TLOG_ROW_LEVELS;
	size_t count = (size_t)1 << level % TLOG_ROW_LEVELS;

	TRY(prover->read(prover->arg, row, first >> (TLOG_ROW_LEVELS * row), count, nodes));
	*root = tlog_perfect_root(nodes, count);
	return PM_OK;
}

/* MTH(D[first:end]), of a range that stands in the tree as a subtree: joined from the right. */
static enum pm_err range_root(const struct prover *prover, uint64_t first, uint64_t end,
			      struct tlog_hash *root)
{
	uint64_t count = end - first;
	bool any = false;

	for (unsigned level = 0; count >> level; level++) {
		struct tlog_hash peak;

		if (!(count >> level & 1))
			continue;
		end -= UINT64_C(1) << level;
		TRY(subtree_root(prover, end, level, &peak));
		if (any)
			tlog_node_hash(&peak, root, root);
		else
			*root = peak;
		any = true;
	}
	return PM_OK;
}

static enum pm_err add(const struct prover *prover, uint64_t first, uint64_t end)
{
	struct tlog_proof *proof = prover->proof;

	return range_root(prover, first, end, &proof->hashes[proof->count++]);
}

static void reverse(struct tlog_proof *proof)
{
	for (size_t i = 0; i < proof->count / 2; i++) {
		struct tlog_hash *low = &proof->hashes[i];
		struct tlog_hash *high = &proof->hashes[proof->count - 1 - i];
		struct tlog_hash kept = *low;

		*low = *high;
		*high = kept;
	}
}

enum pm_err tlog_prove_inclusion(uint64_t index, uint64_t size, tlog_read *read, void *arg,
				 struct tlog_proof *out)
{
	const struct prover prover = { .read = read, .arg = arg, .proof = out };
	uint64_t first = 0, end = size;

	out->count = 0;
	if (index >= size)
		return PM_NOT_FOUND;
	if (size > TLOG_SIZE_MAX)
		return PM_TOO_LARGE;
	while (end - first > 1) {
		uint64_t middle = first + split(end - first);

		if (index < middle) {
			TRY(add(&prover, middle, end));
			end = middle;
		} else {
			TRY(add(&prover, first, middle));
			first = middle;
		}
	}
	reverse(out);
	return PM_OK;
}

enum pm_err tlog_prove_consistency(uint64_t old_size, uint64_t size, tlog_read *read, void *arg,
				   struct tlog_proof *out)
{
	const struct prover prover = { .read = read, .arg = arg, .proof = out };
	uint64_t first = 0, end = size;

	out->count = 0;
	if (old_size > size)
		return PM_NOT_FOUND;
	if (size > TLOG_SIZE_MAX)
		return PM_TOO_LARGE;
	if (old_size == 0)
		return PM_OK;
	while (old_size != end) {
		uint64_t middle = first + split(end - first);

		if (old_size <= middle) {
			TRY(add(&prover, middle, end));
			end = middle;
		} else {
			TRY(add(&prover, first, middle));
			first = middle;
		}
	}
	/* The old tree itself is known to whoever asks; a part of it is not. */
	if (first > 0)
		TRY(add(&prover, first, end));
	reverse(out);
	return PM_OK;
}

bool tlog_check_inclusion(uint64_t index, uint64_t size, const struct tlog_hash *leaf,
			  const struct tlog_proof *proof, const struct tlog_hash *root)
{
	struct tlog_hash node = *leaf;

	if (index >= size || proof->count > TLOG_PROOF_MAX)
		return false;
	uint64_t at = index, last = size - 1; /* in the level at hand */
	for (size_t i = 0; i < proof->count; i++, at >>= 1, last >>= 1) {
		if (last == 0)
			return false;
		if (!(at & 1) && at != last) {
			tlog_node_hash(&node, &proof->hashes[i], &node);
			continue;
		}
		/* A last node without a sibling moves up as it is. */
		for (; !(at & 1); at >>= 1)
			last >>= 1;
		tlog_node_hash(&proof->hashes[i], &node, &node);
	}
	return last == 0 && tlog_hash_equal(&node, root);
}

/* Walks up from the old tree's last perfect subtree, building the old root and the new one. */
static bool walk_up(uint64_t at, uint64_t last, struct tlog_hash seed,
		    const struct tlog_hash *hashes, size_t count, const struct tlog_hash *old_root,
		    const struct tlog_hash *root)
{
	struct tlog_hash old_node = seed, node = seed;

	for (size_t i = 0; i < count; i++, at >>= 1, last >>= 1) {
		if (last == 0)
			return false;
		if (!(at & 1) && at != last) {
			tlog_node_hash(&node, &hashes[i], &node);
			continue;
		}
		for (; !(at & 1); at >>= 1)
			last >>= 1;
		tlog_node_hash(&hashes[i], &old_node, &old_node);
		tlog_node_hash(&hashes[i], &node, &node);
	}
	return last == 0 && tlog_hash_equal(&old_node, old_root) && tlog_hash_equal(&node, root);
}

bool tlog_check_consistency(uint64_t old_size, const struct tlog_hash *old_root, uint64_t size,
			    const struct tlog_hash *root, const struct tlog_proof *proof)
{
	static const struct tlog_tree empty;
	struct tlog_hash empty_root;

	if (old_size > size || proof->count > TLOG_PROOF_MAX)
		return false;
	if (old_size == size)
		return proof->count == 0 && tlog_hash_equal(old_root, root);
	if (old_size == 0) {
		tlog_tree_root(&empty, &empty_root);
		return proof->count == 0 && tlog_hash_equal(old_root, &empty_root);
	}
	unsigned height = (unsigned)__builtin_ctzll(old_size); /* of that last subtree */
	uint64_t at = (old_size - 1) >> height, last = (size - 1) >> height;
	if (at == 0)
		return walk_up(at, last, *old_root, proof->hashes, proof->count, old_root, root);
	if (proof->count == 0)
		return false;
	return walk_up(at, last, proof->hashes[0], proof->hashes + 1, proof->count - 1, old_root,
		       root);
}
