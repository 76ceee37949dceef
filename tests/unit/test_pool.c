/* The pool runs every task exactly once, on any number of threads, run after run, while another caller's runs go on
 * beside; no worker number is ever used by two threads at a time.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/pool.h"

enum { N_TASKS = 300, N_WORKERS = 8 };
static const int thread_counts[] = { 1, 2, 3, 8 };
enum { N_THREAD_COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

static int n_threads;
static pthread_t owner;
static _Atomic bool owner_waits;
static _Atomic int in_use[N_WORKERS];
/* Assertions of the framework belong to the main thread: tasks count what went wrong. */
static _Atomic int n_wrong;

/* One run.  `n_tasks` goes back to 0 after it, so a task called with an old run's argument is noticed. */
typedef struct counted_run {
    bool in_background;
    _Atomic int n_tasks;
    _Atomic int hits[N_TASKS];
    int squares[N_TASKS]; /* plain on purpose: the end of a run must publish it */
} counted_run;

static void expect(bool ok) {
    if (!ok) atomic_fetch_add(&n_wrong, 1);
}

static void count(void *arg, int task, int worker) {
    counted_run *run = arg;
    bool on_owner = pthread_equal(pthread_self(), owner);
    expect(worker >= 0 && worker < n_threads && task >= 0 && task < atomic_load(&run->n_tasks));
    if (worker < 0 || worker >= N_WORKERS || task < 0 || task >= N_TASKS) return;
    expect(atomic_exchange(&in_use[worker], 1) == 0);
    expect(on_owner == (worker == 0));
    if (run->in_background && on_owner && n_threads > 1) expect(atomic_load(&owner_waits));
    atomic_fetch_add(&run->hits[task], 1);
    run->squares[task] = task * task;
    atomic_store(&in_use[worker], 0);
}

static void check_run(am_pool *pool, counted_run *run, int n_tasks) {
    for (int i = 0; i < N_TASKS; i++) atomic_store_explicit(&run->hits[i], 0, memory_order_relaxed);
    memset(run->squares, 0xff, sizeof run->squares);
    atomic_store(&run->n_tasks, n_tasks);
    am_pool_run(pool, count, run, n_tasks);
    atomic_store(&run->n_tasks, 0);
    for (int i = 0; i < N_TASKS; i++) {
        expect(atomic_load_explicit(&run->hits[i], memory_order_relaxed) == (i < n_tasks));
        expect(run->squares[i] == (i < n_tasks ? i * i : -1));
    }
}

/* 0, 1, few, many. */
static int tasks_of_round(int round) {
    return round % 16 == 15 ? N_TASKS : round % 7;
}

static am_pool *open_pool(int n) {
    am_pool *pool;
    n_threads = n;
    owner = pthread_self();
    atomic_store(&owner_waits, false);
    atomic_store(&n_wrong, 0);
    assert_int_equal(am_pool_open(&pool, n, NULL), AM_OK);
    assert_int_equal(am_pool_n_threads(pool), n);
    assert_true(am_pool_is_idle(pool));
    return pool;
}

static void close_pool(am_pool *pool) {
    am_pool_close(&pool);
    assert_null(pool);
    assert_int_equal(atomic_load(&n_wrong), 0);
}

static void every_task_once(void **state) {
    static counted_run run;
    for (int t = 0; t < N_THREAD_COUNTS; t++) {
        am_pool *pool = open_pool(thread_counts[t]);
        for (int round = 0; round < 2000; round++) check_run(pool, &run, tasks_of_round(round));
        close_pool(pool);
    }
}

typedef struct background_job {
    am_pool *pool;
    counted_run run;
    int n_rounds;
    int n_done; /* plain: published by the function's return */
    _Atomic bool *gate;
    _Atomic bool has_begun;
} background_job;

static void many_runs(void *arg) {
    background_job *job = arg;
    for (int round = 0; round < job->n_rounds; round++) {
        check_run(job->pool, &job->run, tasks_of_round(round));
        job->n_done++;
    }
}

static void both_callers_at_once(void **state) {
    static counted_run run;
    for (int t = 0; t < N_THREAD_COUNTS; t++) {
        am_pool *pool = open_pool(thread_counts[t]);
        static background_job job;
        job = (background_job){ .pool = pool, .run = { .in_background = true }, .n_rounds = 2000 };
        for (int start = 0; start < 3; start++) {
            job.n_done = 0;
            am_pool_start(pool, many_runs, &job);
            for (int round = 0; !am_pool_is_idle(pool); round++) check_run(pool, &run, tasks_of_round(round));
            assert_int_equal(job.n_done, 2000);
            am_pool_wait(pool);
        }
        close_pool(pool);
    }
}

/* Short functions, so that start, the first run in it, the owner's help and the end meet in every order. */
static void start_and_wait_again_and_again(void **state) {
    static counted_run run;
    for (int t = 0; t < N_THREAD_COUNTS; t++) {
        am_pool *pool = open_pool(thread_counts[t]);
        am_pool_wait(pool); /* there never was one */
        static background_job job;
        for (int start = 0; start < 3000; start++) {
            job = (background_job){ .pool = pool, .run = { .in_background = true }, .n_rounds = start % 9 };
            am_pool_start(pool, many_runs, &job);
            for (int i = 0; i < start % 4; i++) check_run(pool, &run, tasks_of_round(start));
            atomic_store(&owner_waits, true);
            am_pool_wait(pool);
            atomic_store(&owner_waits, false);
            assert_true(am_pool_is_idle(pool));
            assert_int_equal(job.n_done, start % 9);
        }
        close_pool(pool);
    }
}

/* ---- Who works on what, and who wakes ---------------------------------------------------------------------- */

static void sleep_ms(int ms) {
    nanosleep(&(struct timespec){ 0, ms * 1000000L }, NULL);
}

/* Wait at most some seconds: a broken pool fails, it does not hang. */
static bool comes_true(_Atomic bool *flag) {
    for (int ms = 0; ms < 20000 && !atomic_load(flag); ms++) sleep_ms(1);
    return atomic_load(flag);
}

/* Two tasks that end only when both have begun, which takes two threads. */
static void meet(void *arg, int task, int worker) {
    _Atomic bool *here = arg;
    atomic_store(&here[task], true);
    expect(comes_true(&here[1 - task]));
}

static void meeting_in_background(void *arg) {
    background_job *job = arg;
    _Atomic bool here[2] = { 0 };
    atomic_store(&job->has_begun, true);
    if (job->gate) expect(comes_true(job->gate));
    am_pool_run(job->pool, meet, here, 2);
    job->n_done++;
}

static void a_sleeping_worker_wakes_for_a_run(void **state) {
    am_pool *pool = open_pool(2);
    for (int i = 0; i < 20; i++) {
        _Atomic bool here[2] = { 0 };
        sleep_ms(2);
        am_pool_run(pool, meet, here, 2);
    }
    sleep_ms(2);
    close_pool(pool);
}

static void raise_flag(void *arg) {
    atomic_store((_Atomic bool *)arg, true);
}

static void a_sleeping_worker_wakes_for_the_background(void **state) {
    am_pool *pool = open_pool(2);
    for (int i = 0; i < 20; i++) {
        _Atomic bool called = false;
        sleep_ms(2);
        am_pool_start(pool, raise_flag, &called);
        assert_true(comes_true(&called));
        am_pool_wait(pool);
    }
    close_pool(pool);
}

/* The only worker sits in the background function until the owner's runs are over. */
static void the_owner_does_not_need_the_worker(void **state) {
    static counted_run run;
    am_pool *pool = open_pool(2);
    _Atomic bool runs_are_over = false;
    background_job job = { .pool = pool, .gate = &runs_are_over };
    am_pool_start(pool, meeting_in_background, &job);
    assert_true(comes_true(&job.has_begun)); /* else am_pool_wait() would call it */
    for (int round = 0; round < 200; round++) check_run(pool, &run, tasks_of_round(round));
    assert_false(am_pool_is_idle(pool));
    atomic_store(&runs_are_over, true);
    am_pool_wait(pool); /* the meeting needs the owner */
    assert_int_equal(job.n_done, 1);
    close_pool(pool);
}

/* Asleep in am_pool_wait() too, the owner wakes for the background's run and for its end. */
static void slow_meeting(void *arg) {
    background_job *job = arg;
    atomic_store(&job->has_begun, true);
    sleep_ms(3);
    meeting_in_background(arg);
    sleep_ms(3);
}

static void a_sleeping_owner_wakes(void **state) {
    am_pool *pool = open_pool(2);
    background_job job = { .pool = pool };
    for (int i = 0; i < 10; i++) {
        atomic_store(&job.has_begun, false);
        am_pool_start(pool, slow_meeting, &job);
        assert_true(comes_true(&job.has_begun));
        am_pool_wait(pool);
        assert_int_equal(job.n_done, i + 1);
    }
    close_pool(pool);
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
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_task_once),
                                        cmocka_unit_test(both_callers_at_once),
                                        cmocka_unit_test(start_and_wait_again_and_again),
                                        cmocka_unit_test(a_sleeping_worker_wakes_for_a_run),
                                        cmocka_unit_test(a_sleeping_worker_wakes_for_the_background),
                                        cmocka_unit_test(the_owner_does_not_need_the_worker),
                                        cmocka_unit_test(a_sleeping_owner_wakes),
                                        cmocka_unit_test(refuses_silly_counts) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
