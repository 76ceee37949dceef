/* INT8 attention of every instruction set against plain f64 attention over the same dequantized numbers.
 *
 * What may differ: each weighted probability is rounded to 1/16383 of the row's greatest, so an output is off by at most
 * (1 + small) * c * sum |v bytes| and, as roundings do not conspire, by about c * sqrt(sum v^2 / 12) in the root mean
 * square; beyond that only what floats round: relative to sum of probability * |v|.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "support/guard.h"
#include "support/isas.h"

static const char *const *isas;
static int n_isas;

static int find_isas(void **state) {
    isas = am_test_isas(&n_isas);
    return 0;
}

typedef struct problem {
    int m, n, head_dim, v_capacity;
    float *q, *k, *v; /* dense: [m, head_dim], [n, head_dim], [n, head_dim] */
    float scale;
} problem;

typedef struct packed {
    am_attention_s8_args args;
    am_guard q, q_scale, k, k_scale, k_sum, v, v_scale, scratch, out;
} packed;

/* In pieces of uneven lengths, some of them whole panels: how they are put must not matter. */
static void put_positions(const am_kernels *kernels, const problem *p, packed *a) {
    static const int pieces[] = { 1, 3, 12, 32, 5, 16, 64, 7 };
    int d4 = AM_ROUND_UP(p->head_dim, 4), hd = p->head_dim;
    size_t n_bytes = (size_t)p->n * d4;
    int8_t *keys = malloc(n_bytes), *values = malloc(n_bytes);
    kernels->quantize_s8(keys, d4, a->k_scale.data, p->k, hd, p->n, hd, 0);
    kernels->quantize_s8(values, d4, a->v_scale.data, p->v, hd, p->n, hd, 0);
    for (int t = 0, i = 0; t < p->n; i++) {
        int m = pieces[i % 8] < p->n - t ? pieces[i % 8] : p->n - t;
        am_keys_put_s8(a->k.data, a->k_sum.data, &(am_s8_rows){ keys + (ptrdiff_t)t * d4, d4, t, m, hd });
        am_values_put_s8(a->v.data, p->v_capacity, &(am_s8_rows){ values + (ptrdiff_t)t * d4, d4, t, m, hd });
        t += m;
    }
    free(keys);
    free(values);
}

/* Positions >= n hold what they may hold: anything (0xA5 of the guards). */
static packed pack(const am_kernels *kernels, const problem *p) {
    size_t d4 = AM_ROUND_UP((size_t)p->head_dim, 4), d16 = AM_ROUND_UP((size_t)p->head_dim, 16);
    size_t n16 = AM_ROUND_UP((size_t)p->n, 16);
    packed a = { .q = am_guard_open((size_t)p->m * d4),
                 .q_scale = am_guard_open((size_t)p->m * 4),
                 .k = am_guard_open(n16 * d4),
                 .k_scale = am_guard_open(n16 * 4),
                 .k_sum = am_guard_open(n16 * 4),
                 .v = am_guard_open(d16 * (size_t)p->v_capacity),
                 .v_scale = am_guard_open((size_t)p->n * 4),
                 .scratch = am_guard_open(am_attention_s8_scratch(p->m, p->n, p->head_dim)),
                 .out = am_guard_open((size_t)p->m * p->head_dim * sizeof(float)) };
    kernels->quantize_s8(a.q.data, (ptrdiff_t)d4, a.q_scale.data, p->q, p->head_dim, p->m, p->head_dim,
                         kernels->gemm_s8.flip);
    put_positions(kernels, p, &a);
    a.args = (am_attention_s8_args){ .out = a.out.data,
                                     .q = a.q.data,
                                     .q_scale = a.q_scale.data,
                                     .k = a.k.data,
                                     .k_scale = a.k_scale.data,
                                     .k_sum = a.k_sum.data,
                                     .v = a.v.data,
                                     .v_scale = a.v_scale.data,
                                     .scratch = a.scratch.data,
                                     .ldo = p->head_dim,
                                     .ldq = (ptrdiff_t)d4,
                                     .m = p->m,
                                     .n = p->n,
                                     .head_dim = p->head_dim,
                                     .v_capacity = p->v_capacity,
                                     .scale = p->scale };
    return a;
}

static void unpack(packed *a) {
    am_guard *all[] = { &a->q, &a->q_scale, &a->k, &a->k_scale, &a->k_sum, &a->v, &a->v_scale, &a->scratch, &a->out };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) am_guard_close(all[i]);
}

/* What quantize_s8 leaves of row x, as bytes (plain) and as its scale: its own test says that these are right. */
static float bytes_of(const am_kernels *kernels, int8_t *q, const float *x, int n) {
    float scale;
    kernels->quantize_s8(q, AM_ROUND_UP(n, 4), &scale, x, n, 1, n, 0);
    return scale;
}

/* Rows of bytes and scales in the plain order. */
typedef struct plain {
    int8_t *bytes;
    float *scale;
} plain;

static plain plain_of(const am_kernels *kernels, const float *x, int rows, int n) {
    plain p = { malloc((size_t)rows * (n + 4)), malloc((size_t)rows * sizeof(float)) };
    for (int i = 0; i < rows; i++) p.scale[i] = bytes_of(kernels, p.bytes + (size_t)i * n, x + (size_t)i * n, n);
    return p;
}

/* Probabilities of query `row`, in f64; *spread how much one rounding of the scores can move any of them, relatively. */
static void probabilities(const problem *p, const plain *q, const plain *k, int row, double *prob, double *spread) {
    double top = -INFINITY, sum = 0, largest = 0;
    for (int t = 0; t < p->n; t++) {
        int dot = 0;
        for (int i = 0; i < p->head_dim; i++)
            dot += q->bytes[(size_t)row * p->head_dim + i] * k->bytes[(size_t)t * p->head_dim + i];
        prob[t] = p->scale * dot * (double)q->scale[row] * k->scale[t];
        top = fmax(top, prob[t]);
        largest = fmax(largest, fabs(prob[t]));
    }
    for (int t = 0; t < p->n; t++) sum += prob[t] = exp(prob[t] - top);
    for (int t = 0; t < p->n; t++) prob[t] /= sum;
    *spread = largest * 8 * 0x1p-24;
}

/* Checks all outputs of one variant; the result is the root mean square of error / expected error of the roundings. */
static double check_outputs(const char *isa, const am_kernels *kernels, const problem *p, const float *out) {
    plain q = plain_of(kernels, p->q, p->m, p->head_dim), k = plain_of(kernels, p->k, p->n, p->head_dim);
    plain v = plain_of(kernels, p->v, p->n, p->head_dim);
    double *prob = malloc((size_t)p->n * sizeof *prob), squares = 0;
    for (int row = 0; row < p->m; row++) {
        double spread, c = 0;
        probabilities(p, &q, &k, row, prob, &spread);
        for (int t = 0; t < p->n; t++) c = fmax(c, prob[t] * v.scale[t] / 16383);
        for (int i = 0; i < p->head_dim; i++) {
            double want = 0, size = 0, bytes = 0, noise = 0;
            for (int t = 0; t < p->n; t++) {
                int byte = v.bytes[(size_t)t * p->head_dim + i];
                want += prob[t] * v.scale[t] * byte;
                size += prob[t] * v.scale[t] * abs(byte);
                bytes += abs(byte);
                noise += (double)byte * byte / 12;
            }
            double off = fabs(out[row * p->head_dim + i] - want), of_floats = size * (4 * AM_TOL_SOFTMAX_F32 + spread);
            double most = c * bytes * (1 + 16383 * AM_TOL_SOFTMAX_F32) + of_floats;
            if (!(off <= most))
                fail_msg("%s m %d n %d at %d,%d: %g, expected %g, off by %g of %g", isa, p->m, p->n, row, i,
                         (double)out[row * p->head_dim + i], want, off, most);
            double share = fmax(off - of_floats, 0) / (c * sqrt(noise) + 1e-30);
            squares += share * share;
        }
    }
    void *all[] = { q.bytes, q.scale, k.bytes, k.scale, v.bytes, v.scale, prob };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) free(all[i]);
    return sqrt(squares / p->m / p->head_dim);
}

static float *random_floats(am_random *random, size_t n, float size) {
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = am_random_float(random, -size, size);
    return x;
}

static void check_problem(problem *p, am_random *random) {
    p->q = random_floats(random, (size_t)p->m * p->head_dim, 3);
    p->k = random_floats(random, (size_t)p->n * p->head_dim, 3);
    p->v = random_floats(random, (size_t)p->n * p->head_dim, 2);
    size_t n_bytes = (size_t)p->m * p->head_dim * sizeof(float);
    for (int v = 0; v < n_isas; v++) {
        unsigned flags;
        assert_int_equal(am_cpu_mask(isas[v], &flags, NULL), AM_OK);
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        packed a = pack(&kernels, p);
        am_attention_s8(&kernels, &a.args);
        double rms = check_outputs(isas[v], &kernels, p, a.out.data);
        if (p->m * p->head_dim >= 256 && !(rms <= 1.25))
            fail_msg("%s n %d: noise %g times what is due", isas[v], p->n, rms);
        float *batch = malloc(n_bytes);
        memcpy(batch, a.out.data, n_bytes);
        for (int row = 0; row < p->m; row += 5) { /* the same bits alone as in the batch */
            am_attention_s8_args one = a.args;
            one.m = 1;
            one.q += row * one.ldq;
            one.q_scale += row;
            am_attention_s8(&kernels, &one);
            assert_memory_equal(one.out, batch + (size_t)row * p->head_dim, (size_t)p->head_dim * sizeof(float));
        }
        free(batch);
        unpack(&a);
    }
    free(p->q);
    free(p->k);
    free(p->v);
}

static void against_f64(void **state) {
    static const int sizes[][4] = { { 1, 1, 64, 4 },  { 1, 5, 64, 448 },    { 2, 448, 64, 448 },   { 5, 17, 80, 20 },
                                    { 3, 33, 7, 36 }, { 50, 100, 64, 100 }, { 13, 1500, 64, 1500 } };
    static const float scales[] = { 0.125f, 0.01f, 1 };
    am_random random = { 41 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int i = 0; i < 3; i++) {
            problem p = { .m = sizes[s][0], .n = sizes[s][1], .head_dim = sizes[s][2], .v_capacity = sizes[s][3] };
            p.scale = scales[i];
            check_problem(&p, &random);
        }
}

/* A query whose scale is no number has no answer; its neighbours have theirs. */
static void faults_stay_in_their_row(void **state) {
    am_random random = { 42 };
    problem p = { 3, 40, 64, 40, 0, 0, 0, 0.125f };
    p.q = random_floats(&random, 3 * 64, 1);
    p.k = random_floats(&random, 40 * 64, 1);
    p.v = random_floats(&random, 40 * 64, 1);
    p.q[64 + 9] = NAN;
    for (int v = 0; v < n_isas; v++) {
        unsigned flags;
        assert_int_equal(am_cpu_mask(isas[v], &flags, NULL), AM_OK);
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        packed a = pack(&kernels, &p);
        am_attention_s8(&kernels, &a.args);
        const float *out = a.out.data;
        for (int i = 0; i < 64; i++) assert_true(isfinite(out[i]) && isnan(out[64 + i]) && isfinite(out[128 + i]));
        unpack(&a);
    }
    free(p.q);
    free(p.k);
    free(p.v);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(against_f64), cmocka_unit_test(faults_stay_in_their_row) };
    return cmocka_run_group_tests(tests, find_isas, NULL);
}
