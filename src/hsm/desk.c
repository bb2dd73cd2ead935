#define _GNU_SOURCE
#include "desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

enum pm_err desk_open(struct desk *desk)
{
	*desk = (struct desk){
		.order_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.given = 1,
		.taken = 1,
		.outcome_known = PTHREAD_COND_INITIALIZER,
		.pin_source = PIN_CONFIGURED,
		.pin_fd = -1,
	};
	if (desk->order_fd >= 0)
		return PM_OK;
	log_error("hsm: eventfd: %s", strerror(errno));
	return PM_NO_MEMORY;
}

void desk_close(struct desk *desk)
{
	close_fd(&desk->order_fd);
	close_fd(&desk->pin_fd);
	pthread_cond_destroy(&desk->outcome_known);
	pthread_mutex_destroy(&desk->lock);
}

/* The static ones are under the lock. */

static uint64_t give(struct desk *desk, enum desk_order order)
{
	if (desk->order != ORDER_CLOSE)
		desk->order = order;
	eventfd_write(desk->order_fd, 1);
	return ++desk->given;
}

static void put_pin(struct desk *desk, enum pin_source source, int *pipe)
{
	close_fd(&desk->pin_fd);
	desk->pin_source = source;
	desk->pin_fd = pipe ? take_fd(pipe) : -1;
}

static void set_reason(struct desk *desk, const char *reason)
{
	snprintf(desk->status.reason, sizeof(desk->status.reason), "%s", reason);
}

static void show_starting(struct desk *desk)
{
	desk->status.state = HSM_STARTING;
	set_reason(desk, "the signer is starting");
}

uint64_t desk_stop(struct desk *desk)
{
	pthread_mutex_lock(&desk->lock);
	uint64_t order = give(desk, ORDER_CLOSE);
	pthread_mutex_unlock(&desk->lock);
	return order;
}

uint64_t desk_seal(struct desk *desk)
{
	pthread_mutex_lock(&desk->lock);
	put_pin(desk, PIN_NOWHERE, NULL);
	uint64_t order = give(desk, ORDER_SEAL);
	pthread_mutex_unlock(&desk->lock);
	return order;
}

uint64_t desk_unseal(struct desk *desk, int *pin_fd)
{
	uint64_t order = 0;

	pthread_mutex_lock(&desk->lock);
	if (desk->status.state == HSM_SEALED) {
		put_pin(desk, PIN_PIPED, pin_fd);
		show_starting(desk);
		order = give(desk, ORDER_UNSEAL);
	}
	pthread_mutex_unlock(&desk->lock);
	return order;
}

enum pm_err desk_await(struct desk *desk, uint64_t order, int64_t deadline)
{
	const struct timespec until = deadline_timespec(deadline);
	int late = 0;

	pthread_mutex_lock(&desk->lock);
	while (desk->settled < order && late == 0)
		late = pthread_cond_clockwait(&desk->outcome_known, &desk->lock, CLOCK_MONOTONIC,
					      &until);
	enum pm_err err = desk->settled < order ? PM_DEADLINE_EXCEEDED : desk->outcome;
	pthread_mutex_unlock(&desk->lock);
	return err;
}

void desk_renew_pin(struct desk *desk, int *pin_fd)
{
	pthread_mutex_lock(&desk->lock);
	if (desk->pin_source != PIN_NOWHERE)
		put_pin(desk, PIN_PIPED, pin_fd);
	pthread_mutex_unlock(&desk->lock);
}

void desk_status(struct desk *desk, struct hsm_status *out)
{
	pthread_mutex_lock(&desk->lock);
	*out = desk->status;
	pthread_mutex_unlock(&desk->lock);
}

enum desk_order desk_take_order(struct desk *desk)
{
	eventfd_t count;

	pthread_mutex_lock(&desk->lock);
	enum desk_order order = desk->order;
	if (order != ORDER_CLOSE) {
		desk->order = ORDER_NONE;
		desk->taken = desk->given;
		eventfd_read(desk->order_fd, &count);
	}
	pthread_mutex_unlock(&desk->lock);
	return order;
}

enum desk_order desk_next_order(struct desk *desk)
{
	pthread_mutex_lock(&desk->lock);
	enum desk_order order = desk->order;
	pthread_mutex_unlock(&desk->lock);
	return order;
}

void desk_settle(struct desk *desk, enum pm_err outcome)
{
	pthread_mutex_lock(&desk->lock);
	if (desk->settled < desk->taken) {
		desk->settled = desk->taken;
		desk->outcome = outcome;
		pthread_cond_broadcast(&desk->outcome_known);
	}
	pthread_mutex_unlock(&desk->lock);
}

enum pm_err desk_lend_pin(struct desk *desk, enum pin_source *source, int *fd)
{
	enum pm_err err = PM_OK;

	*fd = -1;
	pthread_mutex_lock(&desk->lock);
	*source = desk->pin_source;
	if (*source == PIN_NOWHERE)
		err = PM_SEALED;
	if (*source == PIN_PIPED && (*fd = fcntl(desk->pin_fd, F_DUPFD_CLOEXEC, 0)) < 0)
		err = PM_HSM_UNAVAILABLE;
	pthread_mutex_unlock(&desk->lock);
	if (err == PM_HSM_UNAVAILABLE)
		log_error("hsm: cannot duplicate the PIN's descriptor: %s", strerror(errno));
	return err;
}

void desk_show_fall(struct desk *desk, enum hsm_cause cause, const char *reason)
{
	pthread_mutex_lock(&desk->lock);
	if (cause == HSM_CAUSE_PIN)
		put_pin(desk, PIN_NOWHERE, NULL);
	desk->status.state = cause_seals(cause) ? HSM_SEALED : HSM_STARTING;
	desk->status.cause = cause;
	set_reason(desk, reason);
	pthread_mutex_unlock(&desk->lock);
}

void desk_show_reason(struct desk *desk, const char *reason)
{
	pthread_mutex_lock(&desk->lock);
	set_reason(desk, reason);
	pthread_mutex_unlock(&desk->lock);
}

void desk_show_pid(struct desk *desk, int pid)
{
	pthread_mutex_lock(&desk->lock);
	desk->status.pid = pid;
	pthread_mutex_unlock(&desk->lock);
}

void desk_show_start(struct desk *desk, bool again)
{
	pthread_mutex_lock(&desk->lock);
	desk->status.restarts += again;
	desk->status.state = HSM_STARTING;
	if (!again)
		show_starting(desk);
	pthread_mutex_unlock(&desk->lock);
}

void desk_show_token(struct desk *desk, const struct reply_token *token)
{
	struct hsm_status *status = &desk->status;

	pthread_mutex_lock(&desk->lock);
	status->generation++;
	memcpy(status->label, token->label, sizeof(status->label));
	memcpy(status->manufacturer, token->manufacturer, sizeof(status->manufacturer));
	memcpy(status->model, token->model, sizeof(status->model));
	memcpy(status->serial, token->serial, sizeof(status->serial));
	memcpy(status->firmware, token->firmware, sizeof(status->firmware));
	status->sessions = token->sessions;
	status->proven = token->proven;
	pthread_mutex_unlock(&desk->lock);
}

void desk_show_service(struct desk *desk)
{
	pthread_mutex_lock(&desk->lock);
	desk->status.state = HSM_SERVING;
	set_reason(desk, "");
	pthread_mutex_unlock(&desk->lock);
}
