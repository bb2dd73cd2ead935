/*
 * The wall clock of unit tests: the real one, moved by what the test says. Link with
 * -Wl,--wrap=clock_unix,--wrap=clock_unix_us (pm_fake_clock brings that along).
 */
#ifndef SUPPORT_FAKE_CLOCK_H
#define SUPPORT_FAKE_CLOCK_H

#include <stdint.h>

void fake_clock_advance(int64_t seconds);
void fake_clock_reset(void);

#endif
