#include "readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "db.h"

#define READ_MS 5000
#define READ_ALL_MS 60000
#define READ_STEPS 100000 /* of SQLite's machine, between two looks at the clock */

struct readers {
	struct reader *all;
	uint32_t count;
	pthread_mutex_t lock;
	pthread_cond_t returned;
	struct reader *free;
};

static void readers_closep(struct readers **readers)
{
	readers_close(*readers);
}

static int is_over_time(void *arg)
{
	const struct reader *reader = arg;

	return clock_now() > reader->deadline;
}

static enum pm_err reader_open(struct reader *reader, const char *path)
{
	reader->deadline = INT64_MAX;
	TRY(db_open(path, DB_READS, &reader->db));
	sqlite3_progress_handler(reader->db, READ_STEPS, is_over_time, reader);
	return reader_prepare(reader);
}

enum pm_err readers_open(const char *path, uint32_t count, struct readers **out)
{
	struct readers *readers CLEANUP(readers_closep) = calloc(1, sizeof(*readers));

	if (!readers)
		return PM_NO_MEMORY;
	readers->lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	readers->returned = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	readers->all = calloc(count, sizeof(*readers->all));
	if (!readers->all)
		return PM_NO_MEMORY;
	readers->count = count;
	for (uint32_t i = 0; i < count; i++) {
		struct reader *reader = &readers->all[i];
		TRY(reader_open(reader, path));
		reader->pool = readers;
		reader->next = readers->free;
		readers->free = reader;
	}
	*out = TAKE(readers);
	return PM_OK;
}

void readers_close(struct readers *readers)
{
	if (!readers)
		return;
	for (uint32_t i = 0; i < readers->count; i++) {
		struct reader *reader = &readers->all[i];
		for (size_t s = 0; s < READ_STATEMENTS; s++)
			sqlite3_finalize(reader->statements[s]);
		rows_finalize(&reader->rows);
		db_close(reader->db);
	}
	free(readers->all);
	free(readers);
}

struct reader *readers_take(struct readers *readers)
{
	pthread_mutex_lock(&readers->lock);
	while (!readers->free)
		pthread_cond_wait(&readers->returned, &readers->lock);
	struct reader *reader = readers->free;
	readers->free = reader->next;
	pthread_mutex_unlock(&readers->lock);
	reader->deadline = deadline_in_ms(READ_MS);
	return reader;
}

struct reader *readers_take_for_all(struct readers *readers)
{
	struct reader *reader = readers_take(readers);

	reader->deadline = deadline_in_ms(READ_ALL_MS);
	return reader;
}

void reader_givep(struct reader **reader)
{
	struct readers *readers = (*reader)->pool;

	pthread_mutex_lock(&readers->lock);
	(*reader)->next = readers->free;
	readers->free = *reader;
	/* Not signal: with several waiters glibc 2.36 (Debian 12) can lose one (its bug 25847). */
	pthread_cond_broadcast(&readers->returned);
	pthread_mutex_unlock(&readers->lock);
}
