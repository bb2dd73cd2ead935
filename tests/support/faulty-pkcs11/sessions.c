#include "sessions.h"

#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct session {
	CK_SESSION_HANDLE handle;
	CK_SLOT_ID slot;
	bool forgotten;
} sessions[SESSIONS_MAX];
static size_t count, opening, forgotten;

bool sessions_reserve(CK_ULONG max)
{
	pthread_mutex_lock(&lock);
	bool room = count + opening < SESSIONS_MAX && count + opening - forgotten < max;
	opening += room;
	pthread_mutex_unlock(&lock);
	return room;
}

static struct session *find(CK_SESSION_HANDLE handle)
{
	for (size_t i = 0; i < count; i++) {
		if (sessions[i].handle == handle)
			return &sessions[i];
	}
	return NULL;
}

static void drop(struct session *session)
{
	forgotten -= session->forgotten;
	*session = sessions[--count];
}

void sessions_opened(CK_SESSION_HANDLE handle, CK_SLOT_ID slot)
{
	pthread_mutex_lock(&lock);
	struct session *reused = find(handle);
	if (reused)
		drop(reused);
	sessions[count++] = (struct session){ .handle = handle, .slot = slot };
	opening--;
	pthread_mutex_unlock(&lock);
}

void sessions_not_opened(void)
{
	pthread_mutex_lock(&lock);
	opening--;
	pthread_mutex_unlock(&lock);
}

void sessions_closed(CK_SESSION_HANDLE handle)
{
	pthread_mutex_lock(&lock);
	struct session *session = find(handle);
	if (session)
		drop(session);
	pthread_mutex_unlock(&lock);
}

void sessions_closed_on(CK_SLOT_ID slot)
{
	pthread_mutex_lock(&lock);
	for (size_t i = count; i > 0; i--) {
		if (sessions[i - 1].slot == slot)
			drop(&sessions[i - 1]);
	}
	pthread_mutex_unlock(&lock);
}

void sessions_closed_all(void)
{
	pthread_mutex_lock(&lock);
	count = forgotten = 0;
	pthread_mutex_unlock(&lock);
}

void sessions_forget(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < count; i++)
		sessions[i].forgotten = true;
	forgotten = count;
	pthread_mutex_unlock(&lock);
}

bool sessions_forgotten(CK_SESSION_HANDLE handle)
{
	pthread_mutex_lock(&lock);
	const struct session *session = find(handle);
	bool is = session && session->forgotten;
	pthread_mutex_unlock(&lock);
	return is;
}

bool sessions_any(CK_SESSION_HANDLE *handle, CK_SLOT_ID *slot)
{
	pthread_mutex_lock(&lock);
	bool some = count > 0;
	if (some) {
		*handle = sessions[0].handle;
		*slot = sessions[0].slot;
	}
	pthread_mutex_unlock(&lock);
	return some;
}

bool sessions_slot(CK_SESSION_HANDLE handle, CK_SLOT_ID *slot)
{
	pthread_mutex_lock(&lock);
	const struct session *session = find(handle);
	if (session)
		*slot = session->slot;
	pthread_mutex_unlock(&lock);
	return session != NULL;
}
