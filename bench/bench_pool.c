/* What a run of the thread pool costs beside the work in it: runs of tasks of known length, alone and while a worker is
 * busy with the background function.  The overhead is the time of a run less that of the tasks, evenly split over those
 * who could work on it.
 *
 *   bench_pool [threads]
 *
 * SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/pool.h"
#include "measure.h"

enum { N_RUNS = 1000 };

static _Atomic bool background_may_end;
static volatile uint32_t sink;

static void spin(int n_loops) {
    uint32_t x = 1;
    for (int i = 0; i < n_loops; i++) {
        x = x * 1664525 + 1013904223;
        __asm__ volatile("" : "+r"(x));
    }
    sink = x;
}

static void task_fn(void *arg, int task, int worker) {
    spin(*(int *)arg);
}

static void busy(void *arg) {
    while (!atomic_load(&background_may_end)) spin(1000);
}

static double median_run(am_pool *pool, int n_tasks, int n_loops) {
    static double times[N_RUNS];
    for (int i = -20; i < N_RUNS; i++) {
        double start = measure_now();
        am_pool_run(pool, task_fn, &n_loops, n_tasks);
        if (i >= 0) times[i] = measure_now() - start;
    }
    return measure_median(times, N_RUNS);
}

static void bench(am_pool *pool, int n_workers, const char *what) {
    static const int loops[] = { 0, 20000, 50000 }, tasks[] = { 2, 8, 50 };
    for (size_t l = 0; l < sizeof loops / sizeof loops[0]; l++) {
        double task_sec = 0, times[201];
        for (int i = 0; i < 201; i++) {
            double start = measure_now();
            spin(loops[l]);
            times[i] = measure_now() - start;
        }
        if (loops[l] > 0) task_sec = measure_median(times, 201);
        for (size_t t = 0; t < sizeof tasks / sizeof tasks[0]; t++) {
            double run_sec = median_run(pool, tasks[t], loops[l]);
            int n_each = (tasks[t] + n_workers - 1) / n_workers;
            printf("%-26s %3d tasks of %5.1f us: %8.2f us a run, overhead %6.0f ns\n", what, tasks[t], task_sec * 1e6,
                   run_sec * 1e6, (run_sec - n_each * task_sec) * 1e9);
        }
    }
}

int main(int argc, char **argv) {
    am_pool *pool;
    am_error err;
    if (am_pool_open(&pool, argc > 1 ? atoi(argv[1]) : 2, &err) != AM_OK) {
        fprintf(stderr, "bench_pool: %s\n", err.text);
        return 1;
    }
    int n_threads = am_pool_n_threads(pool);
    bench(pool, n_threads, "alone");
    if (n_threads > 1) {
        am_pool_start(pool, busy, NULL);
        bench(pool, n_threads - 1, "with a background function");
        atomic_store(&background_may_end, true);
        am_pool_wait(pool);
    }
    am_pool_close(&pool);
    return 0;
}
