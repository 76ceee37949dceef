/* See pool.h.
 *
 * Two runs may be open at once, the owner's and the background function's, each with its own record.  A task is claimed
 * by compare-exchange on the record's ticket, which holds the number of the run beside the number of the next task: a
 * thread that was delayed between looking and claiming finds a newer run number there and fails, so it can neither take
 * a task of a later run nor call anything with an earlier run's arguments.  A run therefore ends with its last task; it
 * does not wait for threads that took no part, such as sleeping ones.
 *
 * Everything a worker may wait for (a run, a background function, the end of the pool) raises one counter, n_news.  It
 * reads the counter, looks for work, and sleeps only if the counter has not moved since.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"

/* Longer than the serial code between two runs of a decoding step. */
#define SPIN_NS 50000
/* Looks between two readings of the clock. */
#define SPIN_LOOKS 32

/* Low half of a ticket while the fields beside it change: above any n_tasks, so there is nothing to claim. */
#define TICKET_CLOSED UINT32_MAX

typedef struct pool_run {
    /* Run number << 32 | next task. */
    alignas(AM_ALIGN) _Atomic uint64_t ticket;
    am_pool_fn *_Atomic fn;
    void *_Atomic arg;
    _Atomic uint32_t n_tasks;
    /* Tasks not finished yet. */
    alignas(AM_ALIGN) _Atomic int n_left;
} pool_run;

enum { OWNER_RUN, BACKGROUND_RUN };
enum { BACKGROUND_IDLE, BACKGROUND_WANTED, BACKGROUND_TAKEN };

struct am_pool {
    pool_run runs[2];
    alignas(AM_ALIGN) _Atomic uint32_t n_news;
    _Atomic int n_sleeping;

    /* The background function.  `background_worker` is 0 unless a worker is in it, and then `background_thread` is that
     * worker's; the two tell am_pool_run() who calls. */
    alignas(AM_ALIGN) _Atomic int background;
    am_pool_background_fn *background_fn;
    void *background_arg;
    _Atomic int background_worker;
    _Atomic(pthread_t) background_thread;

    _Atomic bool stop;
    int n_threads;
    int n_started; /* threads really running, for a half-built pool */
    pthread_t *threads;
    pthread_mutex_t mutex;
    pthread_cond_t news;
};

typedef struct worker_start {
    am_pool *pool;
    int worker;
} worker_start;

static inline void cpu_relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

int am_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        int n = CPU_COUNT(&set);
        if (n > 0) return n;
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

/* ---- Waiting ----------------------------------------------------------------------------------------------- */

/* A spin is bounded by the clock: a pause takes 1 to 150 cycles, depending on the processor. */
static bool may_spin_on(int64_t *end, int *n_looks) {
    cpu_relax();
    if (++*n_looks % SPIN_LOOKS != 0) return true;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
    if (*end == 0) *end = now + SPIN_NS;
    return now < *end;
}

static void wait_for_news(am_pool *p, uint32_t seen) {
    int64_t spin_end = 0;
    int n_looks = 0;
    do {
        if (atomic_load_explicit(&p->n_news, memory_order_acquire) != seen) return;
    } while (may_spin_on(&spin_end, &n_looks));
    pthread_mutex_lock(&p->mutex);
    /* Sequentially consistent, as in tell_news(): either this thread sees the news or the teller sees it sleep. */
    atomic_fetch_add(&p->n_sleeping, 1);
    while (atomic_load(&p->n_news) == seen) pthread_cond_wait(&p->news, &p->mutex);
    atomic_fetch_sub(&p->n_sleeping, 1);
    pthread_mutex_unlock(&p->mutex);
}

static void tell_news(am_pool *p) {
    atomic_fetch_add(&p->n_news, 1);
    if (atomic_load(&p->n_sleeping) == 0) return;
    /* Whoever counted itself before this lock is inside the wait after it. */
    pthread_mutex_lock(&p->mutex);
    pthread_mutex_unlock(&p->mutex);
    pthread_cond_broadcast(&p->news);
}

/* ---- One run ----------------------------------------------------------------------------------------------- */

/* The caller's previous run is over, so no claim can succeed from the first store to the last.  The fields are stored
 * with release and read with acquire: a claimer that has seen a new field must also see that the ticket has moved. */
static void open_run(pool_run *r, am_pool_fn *fn, void *arg, int n_tasks) {
    uint64_t number = (atomic_load_explicit(&r->ticket, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&r->ticket, number << 32 | TICKET_CLOSED, memory_order_relaxed);
    atomic_store_explicit(&r->fn, fn, memory_order_release);
    atomic_store_explicit(&r->arg, arg, memory_order_release);
    atomic_store_explicit(&r->n_tasks, (uint32_t)n_tasks, memory_order_release);
    atomic_store_explicit(&r->n_left, n_tasks, memory_order_relaxed);
    atomic_store_explicit(&r->ticket, number << 32, memory_order_release);
}

/* Claim and execute one task; false when there is none to claim. */
static bool run_task(pool_run *r, int worker) {
    uint64_t ticket = atomic_load_explicit(&r->ticket, memory_order_acquire);
    for (;;) {
        uint32_t task = (uint32_t)ticket;
        if (task >= atomic_load_explicit(&r->n_tasks, memory_order_acquire)) return false;
        am_pool_fn *fn = atomic_load_explicit(&r->fn, memory_order_acquire);
        void *arg = atomic_load_explicit(&r->arg, memory_order_acquire);
        if (!atomic_compare_exchange_weak_explicit(&r->ticket, &ticket, ticket + 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        fn(arg, (int)task, worker);
        return true;
    }
}

/* One task for another thread's run. */
static bool help(pool_run *r, int worker) {
    if (!run_task(r, worker)) return false;
    atomic_fetch_sub_explicit(&r->n_left, 1, memory_order_release);
    return true;
}

/* ---- The background function ------------------------------------------------------------------------------- */

static bool run_background(am_pool *p, int worker) {
    int wanted = BACKGROUND_WANTED;
    if (atomic_load_explicit(&p->background, memory_order_relaxed) != wanted) return false;
    if (!atomic_compare_exchange_strong_explicit(&p->background, &wanted, BACKGROUND_TAKEN, memory_order_acquire,
                                                 memory_order_relaxed))
        return false;
    atomic_store_explicit(&p->background_thread, pthread_self(), memory_order_relaxed);
    atomic_store_explicit(&p->background_worker, worker, memory_order_release);
    p->background_fn(p->background_arg);
    atomic_store_explicit(&p->background_worker, 0, memory_order_relaxed);
    atomic_store_explicit(&p->background, BACKGROUND_IDLE, memory_order_release);
    tell_news(p);
    return true;
}

/* The calling thread's worker number if it is in the background function, else 0: the owner. */
static int caller_worker(am_pool *p) {
    int worker = atomic_load_explicit(&p->background_worker, memory_order_acquire);
    if (worker == 0) return 0;
    pthread_t thread = atomic_load_explicit(&p->background_thread, memory_order_relaxed);
    return pthread_equal(thread, pthread_self()) ? worker : 0;
}

static void *worker_main(void *start_arg) {
    worker_start *start = start_arg;
    am_pool *p = start->pool;
    int worker = start->worker;
    free(start);
    for (;;) {
        uint32_t seen = atomic_load_explicit(&p->n_news, memory_order_acquire);
        if (atomic_load_explicit(&p->stop, memory_order_relaxed)) return NULL;
        if (help(&p->runs[OWNER_RUN], worker)) continue;
        if (run_background(p, worker)) continue;
        if (help(&p->runs[BACKGROUND_RUN], worker)) continue;
        wait_for_news(p, seen);
    }
}

/* ---- The pool ---------------------------------------------------------------------------------------------- */

static am_status start_workers(am_pool *p) {
    p->threads = calloc((size_t)p->n_threads, sizeof *p->threads);
    if (!p->threads) return AM_E_NOMEM;
    for (int i = 1; i < p->n_threads; i++) {
        worker_start *start = malloc(sizeof *start);
        if (!start) return AM_E_NOMEM;
        *start = (worker_start){ p, i };
        if (pthread_create(&p->threads[i], NULL, worker_main, start) != 0) {
            free(start);
            return AM_E_NOMEM;
        }
        p->n_started++;
    }
    return AM_OK;
}

am_status am_pool_open(am_pool **pool, int n_threads, am_error *err) {
    *pool = NULL;
    if (n_threads < 0 || n_threads > AM_POOL_MAX_THREADS)
        return am_fail(err, AM_E_ARG, "%d threads asked for; 0 (one per core) to %d are possible", n_threads,
                       AM_POOL_MAX_THREADS);
    if (n_threads == 0) n_threads = am_cpu_count();
    if (n_threads > AM_POOL_MAX_THREADS) n_threads = AM_POOL_MAX_THREADS;
    am_pool *p = am_aligned_alloc(sizeof *p);
    if (!p) return am_fail_nomem(err, "the thread pool", sizeof *p);
    memset(p, 0, sizeof *p);
    p->n_threads = n_threads;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->news, NULL);
    if (start_workers(p) != AM_OK) {
        am_pool_close(&p);
        return am_fail(err, AM_E_NOMEM, "%d threads could not be started: out of memory or over the system's limit",
                       n_threads);
    }
    *pool = p;
    return AM_OK;
}

void am_pool_close(am_pool **pool) {
    am_pool *p = *pool;
    if (!p) return;
    atomic_store(&p->stop, true);
    tell_news(p);
    for (int i = 0; i < p->n_started; i++) pthread_join(p->threads[i + 1], NULL);
    pthread_cond_destroy(&p->news);
    pthread_mutex_destroy(&p->mutex);
    free(p->threads);
    am_aligned_free(p);
    *pool = NULL;
}

int am_pool_n_threads(const am_pool *pool) {
    return pool->n_threads;
}

void am_pool_run(am_pool *p, am_pool_fn *fn, void *arg, int n_tasks) {
    if (n_tasks <= 0) return;
    int worker = caller_worker(p), n_done = 0;
    if (n_tasks == 1 || p->n_started == 0) {
        for (int i = 0; i < n_tasks; i++) fn(arg, i, worker);
        return;
    }
    pool_run *r = &p->runs[worker == 0 ? OWNER_RUN : BACKGROUND_RUN];
    open_run(r, fn, arg, n_tasks);
    tell_news(p);
    while (run_task(r, worker)) n_done++;
    if (atomic_fetch_sub_explicit(&r->n_left, n_done, memory_order_acquire) == n_done) return;
    int64_t spin_end = 0;
    int n_looks = 0;
    while (atomic_load_explicit(&r->n_left, memory_order_acquire) > 0)
        if (!may_spin_on(&spin_end, &n_looks)) sched_yield();
}

void am_pool_start(am_pool *p, am_pool_background_fn *fn, void *arg) {
    assert(am_pool_is_idle(p));
    if (p->n_started == 0) {
        fn(arg);
        return;
    }
    p->background_fn = fn;
    p->background_arg = arg;
    atomic_store_explicit(&p->background, BACKGROUND_WANTED, memory_order_release);
    tell_news(p);
}

bool am_pool_is_idle(am_pool *p) {
    return atomic_load_explicit(&p->background, memory_order_acquire) == BACKGROUND_IDLE;
}

void am_pool_wait(am_pool *p) {
    for (;;) {
        uint32_t seen = atomic_load_explicit(&p->n_news, memory_order_acquire);
        if (am_pool_is_idle(p)) return;
        /* No worker has got round to it: the caller, worker 0, has nothing better to do. */
        if (run_background(p, 0)) continue;
        if (!help(&p->runs[BACKGROUND_RUN], 0)) wait_for_news(p, seen);
    }
}
