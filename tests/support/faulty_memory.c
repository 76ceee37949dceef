/* See faulty_memory.h.  SPDX-License-Identifier: MIT */
#include "support/faulty_memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t align, size_t n);
int __real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t align, size_t n);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);

static _Atomic bool armed;
static _Atomic long count, fail_at;
static _Atomic bool fired;

void am_faulty_memory_arm(long at) {
    atomic_store(&count, 0);
    atomic_store(&fail_at, at);
    atomic_store(&fired, false);
    atomic_store(&armed, true);
}

void am_faulty_memory_disarm(void) {
    atomic_store(&armed, false);
}

long am_faulty_memory_count(void) {
    return atomic_load(&count);
}

bool am_faulty_memory_fired(void) {
    return atomic_load(&fired);
}

/* True when this allocation is the one to fail. */
static bool fails(void) {
    if (!atomic_load(&armed)) return false;
    long number = atomic_fetch_add(&count, 1) + 1;
    if (number != atomic_load(&fail_at)) return false;
    atomic_store(&fired, true);
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t n) {
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n) {
    return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t align, size_t n) {
    return fails() ? NULL : __real_aligned_alloc(align, n);
}

/* A thread that cannot be started counts like memory that cannot be had. */
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg) {
    return fails() ? EAGAIN : __real_pthread_create(t, attr, fn, arg);
}
