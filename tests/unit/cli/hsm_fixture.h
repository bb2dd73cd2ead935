/* The real `peppermint` and a throw-away SoftHSM token, directly or behind the faulty module. */
#ifndef TESTS_HSM_FIXTURE_H
#define TESTS_HSM_FIXTURE_H

#include "run_cli.h"

#include "module_faults.h"

struct hsm_fixture {
	struct fixture *cli;
	struct soft_token token;
	struct module_faults faults;
};

int hsm_setup(void **state);
int hsm_teardown(void **state);

/* Commands of the token behind the faulty module; `input` is standard input. */
#define run_faulty(h, input, verb, ...)                                                            \
	run_with((h)->cli, input, "hsm", verb, "--module", FAULTY_MODULE, ##__VA_ARGS__)
#define run_real(h, input, verb, ...)                                                              \
	run_with((h)->cli, input, "hsm", verb, "--module", SOFT_TOKEN_MODULE, ##__VA_ARGS__)

#define PIN_LINE SOFT_TOKEN_PIN "\n"
#define HSM_TEST(name) cmocka_unit_test_setup_teardown(name, hsm_setup, hsm_teardown)

#endif
