/* The pool runs every task exactly once, on any number of threads, run after run.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdatomic.h>
#include <string.h>

#include "base/pool.h"

enum { N_TASKS = 1000 };
static int n_threads;
static _Atomic int n_bad_workers;

static void count(void *arg, int task, int worker) {
    _Atomic int *hits = arg;
    if (worker < 0 || worker >= n_threads) atomic_fetch_add(&n_bad_workers, 1);
    atomic_fetch_add(&hits[task], 1);
}

static void every_task_once(void **state) {
    static const int thread_counts[] = { 1, 2, 3, 7 };
    for (size_t t = 0; t < sizeof thread_counts / sizeof thread_counts[0]; t++) {
        am_pool *pool;
        n_threads = thread_counts[t];
        assert_int_equal(am_pool_open(&pool, n_threads, NULL), AM_OK);
        static _Atomic int hits[N_TASKS];
        for (int run = 0; run < 200; run++) {
            int n = run % 2 ? N_TASKS : run % 5;
            for (int i = 0; i < N_TASKS; i++) atomic_store(&hits[i], 0);
            am_pool_run(pool, count, hits, n);
            for (int i = 0; i < N_TASKS; i++) assert_int_equal(atomic_load(&hits[i]), i < n);
        }
        am_pool_close(&pool);
        assert_null(pool);
        assert_int_equal(atomic_load(&n_bad_workers), 0);
    }
}

static void refuses_silly_counts(void **state) {
    am_pool *pool;
    am_error err;
    assert_int_equal(am_pool_open(&pool, -1, &err), AM_E_ARG);
    assert_null(pool);
    assert_int_equal(am_pool_open(&pool, 10000, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "10000"));
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_task_once), cmocka_unit_test(refuses_silly_counts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
