/* The CPU backend on the base model, for tests that compare it with the goldens.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_BASE_BACKEND_H
#define AM_TEST_BASE_BACKEND_H

#include <stdbool.h>

#include "backend/backend.h"

typedef struct am_test_backend {
    am_dims dims;
    am_pool *pool;
    am_quantized *quantized; /* NULL: f32 */
    am_prepared *prepared;
    am_backend *backend;
} am_test_backend;

/* The instruction sets to test on this machine, the best first; *n of them.  Plain C only where there is nothing
 * better: it takes most of a minute for a window, and the kernel tests hold the others against it. */
const char *const *am_test_cpu_names(int *n);

typedef enum am_test_compute { AM_TEST_F32, AM_TEST_INT8 } am_test_compute;

/* With the kernels of instruction set `cpu`.  False when there is no model, or another one than the goldens'
 * (base, multilingual): the test then skips.  Every other failure fails the test. */
bool am_test_backend_open(am_test_backend *t, const char *cpu, am_test_compute compute, int n_slots);
void am_test_backend_close(am_test_backend *t);

#endif
