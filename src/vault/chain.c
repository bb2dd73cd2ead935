#include "chain.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "audit_state.h"

/* The first entry of a log, and what it says of the end of the one before. */
struct first_entry {
	struct tlog_hash leaf;
	struct chain_end end;
	bool read, no_memory;
};

static bool read_prev(void *arg, uint64_t index, struct bytes entry, const struct tlog_hash *leaf)
{
	struct first_entry *first = arg;
	json_error_t error;
	json_t *json = json_loadb((const char *)entry.data, entry.len, 0, &error);
	const json_t *prev = json_object_get(json, "prev");
	const char *origin = json_string_value(json_object_get(prev, "origin"));
	const char *root = json_string_value(json_object_get(prev, "root"));
	char text[TLOG_TEXT_MAX + 32];

	(void)index;
	first->no_memory = !json && json_error_code(&error) == json_error_out_of_memory;
	snprintf(text, sizeof(text), "%s\n%" JSON_INTEGER_FORMAT "\n%s\n", origin ? origin : "",
		 json_integer_value(json_object_get(prev, "size")), root ? root : "");
	first->leaf = *leaf;
	first->end.abandoned = json_is_true(json_object_get(json, "abandoned"));
	first->read = tlog_checkpoint_parse(bytes_str(text), &first->end.point) == PM_OK ||
		      first->end.abandoned;
	json_decref(json);
	return false;
}

enum pm_err chain_step(struct audit *audit, uint32_t log, const struct tlog_checkpoint *known,
		       struct chain_end *out)
{
	struct store_rows rows = { .store = audit->store, .log = log };
	struct first_entry first = { .read = false };
	struct tlog_proof proof;
	struct log_record record;

	TRY(store_get_log(audit->store, log, &record));
	if (record.minimum > 0)
		return PM_NOT_FOUND;
	enum pm_err err = store_read_leaves(audit->store, log, 0, 1, read_prev, &first);
	if (err == PM_OK)
		err = tlog_prove_inclusion(0, known->size, store_read_row, &rows, &proof);
	if (err == PM_STORE_DAMAGED || err == PM_NOT_FOUND)
		return PM_CONFLICT;
	TRY(err);
	if (first.no_memory)
		return PM_NO_MEMORY;
	*out = first.end;
	return first.read && tlog_check_inclusion(0, known->size, &first.leaf, &proof, &known->root)
		       ? PM_OK
		       : PM_CONFLICT;
}

enum pm_err chain_open_end(struct audit *audit, uint32_t *log, struct tlog_checkpoint *out)
{
	struct tlog_tree tree;

	TRY(store_get_tree(audit->store, log, &tree));
	out->size = tree.size;
	tlog_tree_root(&tree, &out->root);
	return PM_OK;
}

enum pm_err chain_end_of(struct audit *audit, uint32_t log, struct chain_end *out)
{
	struct tlog_checkpoint known = { .size = 0 };
	uint32_t number = 0;

	TRY(chain_open_end(audit, &number, &known));
	for (; number > log; number--) {
		TRY(chain_step(audit, number, &known, out));
		known = out->point;
	}
	return PM_OK;
}
