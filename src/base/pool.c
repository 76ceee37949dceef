/* See pool.h.
 *
 * A run is announced by raising the generation number, which publishes the plain fields before it.  am_pool_run()
 * returns only when every worker has left the run, so no worker can ever meet a newer run with old arguments.
 *
 * SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* About 50 us on a 3 GHz machine: longer than the serial code between two runs of a decoding step. */
#define SPIN_ROUNDS 2000

struct am_pool {
    int n_threads;
    int n_started; /* threads really running, for a half-built pool */
    pthread_t *threads;

    am_pool_fn *fn;
    void *arg;
    int n_tasks;
    _Atomic int next_task;
    _Atomic int n_busy; /* workers that have not yet finished the current generation */
    _Atomic unsigned generation;
    _Atomic int n_sleeping;
    _Atomic bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
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

static void drain(am_pool *p, int worker) {
    int task;
    while ((task = atomic_fetch_add_explicit(&p->next_task, 1, memory_order_relaxed)) < p->n_tasks)
        p->fn(p->arg, task, worker);
}

/* Wait until the generation differs from `seen` or the pool stops; returns the new generation. */
static unsigned wait_for_run(am_pool *p, unsigned seen) {
    for (int i = 0; i < SPIN_ROUNDS; i++) {
        unsigned now = atomic_load_explicit(&p->generation, memory_order_acquire);
        if (now != seen) return now;
        cpu_relax();
    }
    pthread_mutex_lock(&p->mutex);
    atomic_fetch_add(&p->n_sleeping, 1);
    unsigned now;
    while ((now = atomic_load(&p->generation)) == seen) pthread_cond_wait(&p->wake, &p->mutex);
    atomic_fetch_sub(&p->n_sleeping, 1);
    pthread_mutex_unlock(&p->mutex);
    return now;
}

static void *worker_main(void *start_arg) {
    worker_start *start = start_arg;
    am_pool *p = start->pool;
    int worker = start->worker;
    free(start);
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_run(p, seen);
        if (atomic_load(&p->stop)) return NULL;
        drain(p, worker);
        atomic_fetch_sub_explicit(&p->n_busy, 1, memory_order_release);
    }
}

static void announce(am_pool *p) {
    atomic_fetch_add(&p->generation, 1);
    if (atomic_load(&p->n_sleeping) == 0) return;
    pthread_mutex_lock(&p->mutex);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->mutex);
}

am_status am_pool_open(am_pool **pool, int n_threads, am_error *err) {
    *pool = NULL;
    if (n_threads < 0 || n_threads > AM_POOL_MAX_THREADS)
        return am_fail(err, AM_E_ARG, "%d threads asked for; 0 (one per core) to %d are possible", n_threads,
                       AM_POOL_MAX_THREADS);
    am_pool *p = calloc(1, sizeof *p);
    if (!p) return am_fail_nomem(err, "the thread pool", sizeof *p);
    p->n_threads = n_threads ? n_threads : am_cpu_count();
    if (p->n_threads > AM_POOL_MAX_THREADS) p->n_threads = AM_POOL_MAX_THREADS;
    pthread_mutex_init(&p->mutex, NULL);
    pthread_cond_init(&p->wake, NULL);
    p->threads = calloc((size_t)p->n_threads, sizeof *p->threads);
    if (!p->threads) goto fail;
    for (int i = 1; i < p->n_threads; i++) {
        worker_start *start = malloc(sizeof *start);
        if (!start) goto fail;
        *start = (worker_start){ p, i };
        if (pthread_create(&p->threads[i], NULL, worker_main, start) != 0) {
            free(start);
            goto fail;
        }
        p->n_started++;
    }
    *pool = p;
    return AM_OK;
fail:;
    int n_wanted = p->n_threads;
    am_pool_close(&p);
    return am_fail(err, AM_E_NOMEM, "%d threads could not be started: out of memory or over the system's limit",
                   n_wanted);
}

void am_pool_close(am_pool **pool) {
    am_pool *p = *pool;
    if (!p) return;
    atomic_store(&p->stop, true);
    announce(p);
    for (int i = 0; i < p->n_started; i++) pthread_join(p->threads[i + 1], NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->mutex);
    free(p->threads);
    free(p);
    *pool = NULL;
}

int am_pool_n_threads(const am_pool *pool) {
    return pool->n_threads;
}

void am_pool_run(am_pool *p, am_pool_fn *fn, void *arg, int n_tasks) {
    if (n_tasks <= 0) return;
    if (n_tasks == 1 || p->n_started == 0) {
        for (int i = 0; i < n_tasks; i++) fn(arg, i, 0);
        return;
    }
    p->fn = fn;
    p->arg = arg;
    p->n_tasks = n_tasks;
    atomic_store_explicit(&p->next_task, 0, memory_order_relaxed);
    atomic_store_explicit(&p->n_busy, p->n_started, memory_order_relaxed);
    announce(p);
    drain(p, 0);
    for (int i = 0; atomic_load_explicit(&p->n_busy, memory_order_acquire) > 0; i++) {
        if (i < SPIN_ROUNDS) cpu_relax();
        else sched_yield();
    }
}
