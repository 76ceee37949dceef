/* Clock and median for the benchmarks written in C.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_BENCH_MEASURE_H
#define AM_BENCH_MEASURE_H

#include <stdlib.h>
#include <time.h>

enum { MEASURE_MAX = 1001 };

static inline double measure_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline double measure_now(void) {
    return measure_clock(CLOCK_MONOTONIC);
}

static inline int measure_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of n >= 1 times; sorts them. */
static inline double measure_median(double *times, int n) {
    qsort(times, (size_t)n, sizeof *times, measure_compare);
    return n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;
}

typedef void measure_fn(void *arg);

/* Median seconds of one fn(arg): one call to warm up, then calls for about `seconds`, at least three.  Counts the time
 * this thread has the processor, so that a busy machine does not make a kernel look slow.  Asking that clock takes half
 * a microsecond, so calls that are short go several to a measurement. */
static inline double measure_calls(measure_fn *fn, void *arg, double seconds) {
    double times[MEASURE_MAX], start = measure_clock(CLOCK_THREAD_CPUTIME_ID);
    fn(arg);
    double now = measure_clock(CLOCK_THREAD_CPUTIME_ID), end = now + seconds;
    int n = 0, at_once = now - start < 50e-6 ? (int)(50e-6 / (now - start + 1e-7)) + 1 : 1;
    for (; n < 3 || (now < end && n < MEASURE_MAX); n++) {
        start = now;
        for (int i = 0; i < at_once; i++) fn(arg);
        now = measure_clock(CLOCK_THREAD_CPUTIME_ID);
        times[n] = (now - start) / at_once;
    }
    return measure_median(times, n);
}

#endif
