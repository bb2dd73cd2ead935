/*
 * A process of its own for what a vendor's module does. A module may hang (and so may libp11
 * 0.4.12, which waits for ever for a session that the module does not give), crash, write to
 * standard output or keep copies of a PIN: here that costs a worker, which ends at once after its
 * work and is killed when it is silent too long. It sends rows, which are JSON objects; complaints
 * it makes itself.
 */
#ifndef CLI_HSM_WORK_H
#define CLI_HSM_WORK_H

#include "hsm_pins.h"
#include "output.h"

struct worker;

struct work {
	const char *module;      /* its path, for complaints */
	uint32_t timeout_ms;     /* from one row to the next, or the end */
	const struct pins *pins; /* NULL: none are needed */
	/* In the worker, which has its own copy of all memory; of the PINs in locked memory. */
	enum status (*job)(struct worker *worker, void *arg, const struct pins *pins);
	void *job_arg;
	void (*row)(void *arg, json_t *row); /* in this process; takes the row. NULL: none come */
	void *row_arg;
};

/* What the job returned; STATUS_VAULT after a complaint if it did not come to that. */
enum status work_run(const struct work *work);

/* For the job. Takes the row, which may be NULL when memory ended: that ends the worker. */
void worker_row(struct worker *worker, json_t *row);

#endif
