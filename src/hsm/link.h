/*
 * The conversation with one running signer: a frame, its answer, one at a time. Frames and answers
 * are in locked memory and wiped after use. Owns the socket; the link thread's alone.
 */
#ifndef HSM_LINK_H
#define HSM_LINK_H

#include <stdint.h>

#include "frames.h"
#include "reply.h"

/* How an exchange ended. All but LINK_OK end the conversation. */
enum link_end {
	LINK_OK,
	LINK_STOPPED, /* stop_fd is readable */
	LINK_CLOSED,  /* the signer has closed its end: it is dead or dying */
	LINK_SILENT,  /* it did not answer in time */
	LINK_GARBAGE, /* what it said is no answer */
	LINK_FAILED,  /* it reported a failure that ends it: `reply` says which */
};

struct link {
	int fd;      /* our end of the socketpair, or -1 */
	int stop_fd; /* borrowed: readable once everything is to end */
	int64_t timeout_ms;
	uint64_t id;      /* of the last frame */
	struct buf frame; /* the next frame to send */
	uint8_t *room;    /* FRAME_MAX bytes for the answer */
	struct arena *arena;
	struct reply reply; /* points into room and arena: valid until link_forget */
};

enum pm_err link_open(struct link *link, int stop_fd, int64_t timeout_ms) NODISCARD;
void link_close(struct link *link);

/* A new signer's socket, now the link's; -1: hang up. */
void link_attach(struct link *link, int fd);

/* Sends link->frame, which was packed with the id ++link->id, and waits for its answer. */
enum link_end link_ask(struct link *link) NODISCARD;
void link_forget(struct link *link);

/* Sleeps until wake_fd is readable; a signer that says anything meanwhile ends the conversation. */
enum link_end link_idle(struct link *link, int wake_fd) NODISCARD;

#endif
