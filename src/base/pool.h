/* Threads for model code.  am_pool_run() is the whole vocabulary of it: it calls fn(arg, task, worker) for every task in
 * 0..n_tasks-1, each exactly once, and returns when all are done.  The caller works too.
 *
 * Besides, one piece of work may run in the background (am_pool_start): it is a caller of its own, so its runs and those
 * of the owner share the workers.  A worker takes tasks of the owner's run first.
 *
 * Work is split over outputs, never over a sum, so results do not depend on the number of threads.
 * Workers spin for a short while between runs and then sleep: decoding issues thousands of runs a second, an idle
 * process must not burn a core.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BASE_POOL_H
#define AM_BASE_POOL_H

#include <stdbool.h>

#include "base/error.h"

typedef struct am_pool am_pool;

/* `worker` is 0..n_threads-1 and belongs to one thread for the duration of the call: it selects scratch memory. */
typedef void am_pool_fn(void *arg, int task, int worker);
typedef void am_pool_background_fn(void *arg);

#define AM_POOL_MAX_THREADS 256

/* n_threads 0: one per core this process may use.  At most AM_POOL_MAX_THREADS.
 * Returns AM_OK, AM_E_ARG, AM_E_NOMEM (also when a thread cannot be started). */
am_status am_pool_open(am_pool **pool, int n_threads, am_error *err);
/* Nothing may run, in the background either. */
void am_pool_close(am_pool **pool);
int am_pool_n_threads(const am_pool *pool);

/* By the thread that owns the pool, and by the function that runs in the background. */
void am_pool_run(am_pool *pool, am_pool_fn *fn, void *arg, int n_tasks);

/* Let one of the workers call fn(arg), which may call am_pool_run().  One at a time: the pool must be idle
 * before the next am_pool_start().  Owner only.  A pool of one thread calls fn before am_pool_start() returns. */
void am_pool_start(am_pool *pool, am_pool_background_fn *fn, void *arg);
/* The background function has returned (also when there never was one); what it wrote may be read. */
bool am_pool_is_idle(am_pool *pool);
/* Work on the background function's runs until it has returned; if no worker has begun with it yet, call it here. */
void am_pool_wait(am_pool *pool);

/* Cores this process may run on, at least 1. */
int am_cpu_count(void);

#endif
