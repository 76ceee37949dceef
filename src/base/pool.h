/* Threads for model code.  am_pool_run() is the whole vocabulary: it calls fn(arg, task, worker) for every task in
 * 0..n_tasks-1, each exactly once, and returns when all are done.  The caller works too, as worker 0.
 *
 * Work is split over outputs, never over a sum, so results do not depend on the number of threads.
 * Workers spin for a short while between runs and then sleep: decoding issues thousands of runs a second, an idle
 * process must not burn a core.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_POOL_H
#define AM_BASE_POOL_H

#include "base/error.h"

typedef struct am_pool am_pool;

/* `worker` is 0..n_threads-1 and belongs to one thread for the duration of the call: it selects scratch memory. */
typedef void am_pool_fn(void *arg, int task, int worker);

#define AM_POOL_MAX_THREADS 256

/* n_threads 0: one per core this process may use.  At most AM_POOL_MAX_THREADS.
 * Returns AM_OK, AM_E_ARG, AM_E_NOMEM (also when a thread cannot be started). */
am_status am_pool_open(am_pool **pool, int n_threads, am_error *err);
void am_pool_close(am_pool **pool);
int am_pool_n_threads(const am_pool *pool);

/* One caller at a time. */
void am_pool_run(am_pool *pool, am_pool_fn *fn, void *arg, int n_tasks);

/* Cores this process may run on, at least 1. */
int am_cpu_count(void);

#endif
