/* Memory that fails on demand: counts allocations of the library under test and makes the Nth one fail.
 * Works in programs linked with --wrap=malloc and its kin (the torture suite).
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_FAULTY_MEMORY_H
#define AM_TEST_FAULTY_MEMORY_H

#include <stdbool.h>

/* Allocations from now on are counted; the one numbered `fail_at` (from 1) and none other fails; 0: none fails. */
void am_faulty_memory_arm(long fail_at);
/* Stop failing. */
void am_faulty_memory_disarm(void);
/* Allocations since arm. */
long am_faulty_memory_count(void);
/* The failure has happened. */
bool am_faulty_memory_fired(void);

#endif
