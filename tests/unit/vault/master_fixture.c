#include "master_fixture.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "master.h"
#include "rewrap.h"
#include "seal.h"

struct environment *live(struct fixture *f)
{
	return &f->vault->environments[LIVE_ENV];
}

static int64_t soon(void)
{
	return deadline_in_ms(60000);
}

struct master_record master_get(struct fixture *f, const char *purpose, const char *name,
				uint32_t version)
{
	struct master_record record;

	assert_int_equal(environment_master(live(f), purpose, name, version, &record), PM_OK);
	return record;
}

static void seal(struct fixture *f, struct master_record *record)
{
	struct seal_task task;

	seal_cover_master(&task, record);
	assert_int_equal(seal_make(live(f), &task, 1, soon()), PM_OK);
}

static void put(struct fixture *f, struct master_record *record, enum store_op op)
{
	const struct store_change change = { .op = op, .master = record };

	seal(f, record);
	assert_int_equal(store_commit(f->store, &change, 1, soon()), PM_OK);
	assert_int_equal(environment_put_masters(live(f), record, 1), PM_OK);
}

void master_put(struct fixture *f, struct master_record *record)
{
	record->revision++;
	put(f, record, STORE_UPDATE_MASTER);
}

void master_become(struct fixture *f, const char *purpose, const char *name, uint32_t version,
		   enum master_state state)
{
	struct master_record record = master_get(f, purpose, name, version);

	record.state = state;
	master_put(f, &record);
}

void master_end(struct fixture *f, const char *purpose, const char *name, uint32_t version)
{
	struct master_record record = master_get(f, purpose, name, version);

	record.state = MASTER_COMPROMISED;
	record.ends_at = clock_unix() - 1;
	master_put(f, &record);
}

void master_rotate(struct fixture *f, const char *purpose, const char *name)
{
	struct master_record old = master_get(f, purpose, name, 0), new = old;
	char label[HSM_LABEL_MAX + 1];
	struct hsm_object object;
	struct hsm_id id;

	assert_int_equal(RAND_bytes(new.key_id, sizeof(new.key_id)), 1);
	new.version++;
	new.revision = 1;
	new.rewrap = false;
	memcpy(id.bytes, new.key_id, sizeof(id.bytes));
	master_label(&new, label);
	assert_int_equal(hsm_generate(f->hsm[LIVE_ENV], &id, label, &object, soon()), PM_OK);
	assert_int_equal(master_check_value(live(f), &new, new.check, soon()), PM_OK);
	put(f, &new, STORE_INSERT_MASTER);
	/* For a moment there are two; nobody looks. */
	old.state = MASTER_VERIFY_ONLY;
	old.rewrap = false;
	master_put(f, &old);
}

void rewrap_begin(struct fixture *f, const char *purpose, const char *name)
{
	struct master_record record = master_get(f, purpose, name, 0);

	record.rewrap = true;
	master_put(f, &record);
}

size_t rewrap_run(struct fixture *f)
{
	size_t batches = 0;
	bool more = true;

	for (; more; batches++) {
		assert_true(batches < 10000);
		assert_int_equal(rewrap_some(live(f), soon(), &more), PM_OK);
	}
	return batches;
}

void rewrap_all(struct fixture *f, const char *purpose, const char *name)
{
	rewrap_begin(f, purpose, name);
	rewrap_run(f);
	assert_false(master_get(f, purpose, name, 0).rewrap);
}

struct key_record stored_key(struct fixture *f, const char *id)
{
	struct key_record record;

	assert_int_equal(store_get_key(f->store, "live", id, &record), PM_OK);
	return record;
}

void store_key(struct fixture *f, struct key_record *record)
{
	const struct store_change change = { .op = STORE_UPDATE_KEY, .key = record };
	struct seal_task task;

	record->revision++;
	seal_cover_key(&task, record);
	assert_int_equal(seal_make(live(f), &task, 1, soon()), PM_OK);
	assert_int_equal(store_commit(f->store, &change, 1, soon()), PM_OK);
}
