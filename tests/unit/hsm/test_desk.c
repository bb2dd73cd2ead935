/* Orders, the PIN and the status alone: this test plays the supervisor's thread. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs what is above. */
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "desk.h"
#include "pin.h"

static struct desk desk;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(desk_open(&desk), PM_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	desk_close(&desk);
	return 0;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool order_waits(void)
{
	struct pollfd fd = { .fd = desk.order_fd, .events = POLLIN };

	return poll(&fd, 1, 0) == 1;
}

static enum pm_err look_for(uint64_t order)
{
	return desk_await(&desk, order, deadline_in_ms(1));
}

static int make_pipe(void)
{
	int pipe = -1;

	assert_int_equal(pin_pipe(bytes_str("1234"), &pipe), PM_OK);
	return pipe;
}

static void a_pipe_has_a_pin_and_no_writer(void **state)
{
	char found[8] = "";
	int pipe = make_pipe();

	(void)state;
	assert_true(fcntl(pipe, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(read(pipe, found, sizeof(found)), 4);
	assert_string_equal(found, "1234");
	assert_int_equal(read(pipe, found, sizeof(found)), 0);
	close(pipe);
}

static void an_order_waits_until_it_is_taken_and_is_settled_by_what_comes_after(void **state)
{
	(void)state;
	assert_int_equal(look_for(1), PM_DEADLINE_EXCEEDED);
	assert_int_equal(desk_take_order(&desk), ORDER_NONE);
	desk_settle(&desk, PM_OK);
	assert_int_equal(look_for(1), PM_OK);
	assert_false(order_waits());
	uint64_t seal = desk_seal(&desk);
	assert_true(order_waits());
	desk_settle(&desk, PM_OK); /* of what was before it */
	assert_int_equal(look_for(seal), PM_DEADLINE_EXCEEDED);
	assert_int_equal(desk_next_order(&desk), ORDER_SEAL);
	assert_int_equal(desk_take_order(&desk), ORDER_SEAL);
	assert_false(order_waits());
	desk_settle(&desk, PM_SEALED);
	desk_settle(&desk, PM_OK); /* the first word stands */
	assert_int_equal(look_for(seal), PM_SEALED);
}

static void only_what_is_sealed_is_unsealed(void **state)
{
	int pipe = make_pipe();
	struct hsm_status status;

	(void)state;
	assert_int_equal(desk_unseal(&desk, &pipe), 0);
	assert_true(is_open(pipe));
	desk_show_fall(&desk, HSM_CAUSE_PIN, "refused");
	assert_int_not_equal(desk_unseal(&desk, &pipe), 0);
	assert_int_equal(pipe, -1);
	desk_status(&desk, &status);
	assert_int_equal(status.state, HSM_STARTING);
	pipe = make_pipe();
	assert_int_equal(desk_unseal(&desk, &pipe), 0);
	close(pipe);
}

static void a_seal_closes_the_pipe_before_it_is_obeyed(void **state)
{
	enum pin_source source;
	int pipe = make_pipe(), lent = -1;
	const int number = pipe;

	(void)state;
	desk_show_fall(&desk, HSM_CAUSE_PIN, "refused");
	uint64_t unseal = desk_unseal(&desk, &pipe);
	assert_true(is_open(number));
	assert_int_equal(desk_lend_pin(&desk, &source, &lent), PM_OK);
	assert_int_equal(source, PIN_PIPED);
	assert_true(is_open(lent));
	close(lent);
	uint64_t seal = desk_seal(&desk);
	assert_false(is_open(number));
	assert_int_equal(desk_lend_pin(&desk, &source, &lent), PM_SEALED);
	assert_int_equal(lent, -1);
	assert_int_equal(desk_take_order(&desk), ORDER_SEAL);
	desk_settle(&desk, PM_SEALED);
	assert_int_equal(look_for(unseal), PM_SEALED);
	assert_int_equal(look_for(seal), PM_SEALED);
}

static void a_refused_pin_is_forgotten_and_a_failing_device_keeps_it(void **state)
{
	enum pin_source source;
	int pipe = make_pipe(), lent = -1;
	const int number = pipe;

	(void)state;
	desk_show_fall(&desk, HSM_CAUSE_PIN, "refused");
	assert_int_not_equal(desk_unseal(&desk, &pipe), 0);
	desk_show_fall(&desk, HSM_CAUSE_DEVICE, "gone");
	assert_true(is_open(number));
	desk_show_fall(&desk, HSM_CAUSE_PIN, "refused");
	assert_false(is_open(number));
	assert_int_equal(desk_lend_pin(&desk, &source, &lent), PM_SEALED);
}

static void a_new_pin_takes_the_old_ones_place_but_unseals_nothing(void **state)
{
	enum pin_source source;
	int pipe = make_pipe(), other = make_pipe(), lent = -1;
	const int number = pipe;

	(void)state;
	desk_renew_pin(&desk, &pipe); /* instead of the configured one */
	assert_int_equal(pipe, -1);
	assert_true(is_open(number));
	desk_seal(&desk);
	desk_renew_pin(&desk, &other);
	assert_true(is_open(other));
	assert_int_equal(desk_lend_pin(&desk, &source, &lent), PM_SEALED);
	close(other);
}

static void the_end_is_the_last_order(void **state)
{
	int pipe = make_pipe();

	(void)state;
	desk_show_fall(&desk, HSM_CAUSE_OPERATOR, "sealed");
	desk_stop(&desk);
	assert_int_not_equal(desk_unseal(&desk, &pipe), 0);
	desk_seal(&desk);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(desk_take_order(&desk), ORDER_CLOSE);
	assert_true(order_waits());
}

/* The seal was obeyed after the unseal was ordered: what starts now is not to be stopped by another. */
static void what_is_starting_is_not_unsealed_again(void **state)
{
	int pipe = make_pipe(), another = make_pipe();
	struct hsm_status status;
	(void)state;

	desk_show_fall(&desk, HSM_CAUSE_OPERATOR, "sealed");
	assert_int_not_equal(desk_unseal(&desk, &pipe), 0);
	desk_show_fall(&desk, HSM_CAUSE_OPERATOR, "sealed");
	assert_int_equal(desk_take_order(&desk), ORDER_UNSEAL);
	desk_show_start(&desk, true);
	desk_status(&desk, &status);
	assert_int_equal(status.state, HSM_STARTING);
	assert_int_equal(desk_unseal(&desk, &another), 0);
	assert_false(order_waits());
	close(another);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(a_pipe_has_a_pin_and_no_writer),
		DESK_TEST(an_order_waits_until_it_is_taken_and_is_settled_by_what_comes_after),
		DESK_TEST(only_what_is_sealed_is_unsealed),
		DESK_TEST(a_seal_closes_the_pipe_before_it_is_obeyed),
		DESK_TEST(a_refused_pin_is_forgotten_and_a_failing_device_keeps_it),
		DESK_TEST(a_new_pin_takes_the_old_ones_place_but_unseals_nothing),
		DESK_TEST(the_end_is_the_last_order),
		DESK_TEST(what_is_starting_is_not_unsealed_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
