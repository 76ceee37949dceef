/* Every gemm variant this machine can run: against f64, against itself in other batches, between instruction sets.
 * x, weights and y end at guard pages, so reading or writing past them crashes.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "base/half.h"
#include "kernels/kernels.h"
#include "support/guard.h"
#include "support/isas.h"

typedef struct problem {
    int m, n, k;
    bool is_f16, gelu, bias, residual;
    float *x, *w, *b, *r; /* dense */
} problem;

static double gelu_f64(double x) {
    return 0.5 * x * (1 + erf(x / sqrt(2.0)));
}

/* y[m, n] by one variant, on memory with guard pages; rows of x and y lie a few floats apart. */
static void run(const am_gemm_desc *gemm, const problem *p, int row0, int rows, float *y) {
    int nr = gemm->nr, n_panels = (p->n + nr - 1) / nr, gap = 3;
    size_t w_len = (size_t)n_panels * nr * p->k, element = p->is_f16 ? 2 : 4;
    am_guard w = am_guard_open(AM_ROUND_UP(w_len * element, AM_ALIGN));
    if (p->is_f16) am_gemm_pack_f16(w.data, p->w, p->k, p->n, p->k, nr);
    else am_gemm_pack_f32(w.data, p->w, p->k, p->n, p->k, nr);
    int ldx = p->k + gap, ldy = p->n + gap;
    am_guard x = am_guard_open(((size_t)(rows - 1) * ldx + p->k) * sizeof(float));
    am_guard out = am_guard_open(((size_t)(rows - 1) * ldy + p->n) * sizeof(float));
    am_guard scratch = am_guard_open((size_t)p->k * nr * sizeof(float));
    for (int i = 0; i < rows; i++)
        memcpy((float *)x.data + (size_t)i * ldx, p->x + (size_t)(row0 + i) * p->k, (size_t)p->k * sizeof(float));
    am_gemm_args args = { .y = out.data,
                          .ldy = ldy,
                          .x = x.data,
                          .ldx = ldx,
                          .w = w.data,
                          .panel_stride = (ptrdiff_t)nr * p->k,
                          .m = rows,
                          .n = p->n,
                          .k = p->k,
                          .gelu = p->gelu,
                          .bias = p->bias ? p->b : NULL,
                          .scratch = p->is_f16 ? scratch.data : NULL,
                          .residual = p->residual ? p->r + (size_t)row0 * p->n : NULL,
                          .ldr = p->n };
    (p->is_f16 ? gemm->f16 : gemm->f32)(&args);
    for (int i = 0; i < rows; i++)
        memcpy(y + (size_t)i * p->n, (float *)out.data + (size_t)i * ldy, (size_t)p->n * sizeof(float));
    /* what lies between two rows of y belongs to the caller */
    for (int i = 0; i + 1 < rows; i++)
        for (int j = 0; j < gap; j++) {
            unsigned char bytes[4];
            memcpy(bytes, (float *)out.data + (size_t)i * ldy + p->n + j, 4);
            assert_int_equal(bytes[0], 0xA5);
        }
    am_guard_close(&w);
    am_guard_close(&x);
    am_guard_close(&out);
    am_guard_close(&scratch);
}

static float *random_floats(am_random *random, size_t n, float size, bool is_f16) {
    float *p = malloc((n ? n : 1) * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        p[i] = am_random_float(random, -size, size);
        if (am_random_next(random) % 64 == 0) p[i] *= 1e-6f;
        if (is_f16) p[i] = am_half_to_float(am_half_from_float(p[i]));
    }
    return p;
}

static void check_against_f64(const problem *p, const float *y, const char *isa) {
    for (int i = 0; i < p->m; i++)
        for (int j = 0; j < p->n; j++) {
            double sum = p->bias ? p->b[j] : 0, size = fabs(sum);
            for (int k = 0; k < p->k; k++) {
                double term = (double)p->x[(size_t)i * p->k + k] * p->w[(size_t)j * p->k + k];
                sum += term;
                size += fabs(term);
            }
            if (p->gelu) sum = gelu_f64(sum);
            if (p->residual) {
                sum += p->r[(size_t)i * p->n + j];
                size += fabs(p->r[(size_t)i * p->n + j]);
            }
            double off = fabs(sum - y[(size_t)i * p->n + j]), most = AM_TOL_GEMM_F32 * size + AM_TOL_GELU_F32;
            if (!(off <= most))
                fail_msg("%s m %d n %d k %d at %d,%d: off by %g of %g", isa, p->m, p->n, p->k, i, j, off, most);
        }
}

static void check_problem(problem *p) {
    float *widest = NULL;
    int n_isas;
    const char *const *isas = am_test_isas(&n_isas);
    for (int v = 0; v < n_isas; v++) {
        unsigned flags;
        assert_int_equal(am_cpu_mask(isas[v], &flags, NULL), AM_OK);
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        float *y = malloc((size_t)p->m * p->n * sizeof *y), *alone = malloc((size_t)p->n * sizeof *alone);
        run(&kernels.gemm, p, 0, p->m, y);
        check_against_f64(p, y, isas[v]);
        for (int i = 0; i < p->m; i += 5) { /* the same bits alone as in the batch */
            run(&kernels.gemm, p, i, 1, alone);
            assert_memory_equal(alone, y + (size_t)i * p->n, (size_t)p->n * sizeof *alone);
        }
        if (v > 0 && widest) assert_memory_equal(widest, y, (size_t)p->m * p->n * sizeof *y); /* all but C agree */
        free(alone);
        if (v == 0) free(y);
        else {
            free(widest);
            widest = y;
        }
    }
    free(widest);
}

static void products(void **state) {
    static const int sizes[][3] = { { 1, 1, 1 },     { 1, 33, 7 },   { 2, 64, 64 },  { 3, 31, 65 },
                                    { 5, 100, 17 },  { 6, 97, 64 },  { 7, 17, 130 }, { 12, 32, 3 },
                                    { 13, 129, 64 }, { 25, 48, 80 }, { 96, 70, 33 }, { 31, 65, 200 } };
    am_random random = { 7 };
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
        for (int mode = 0; mode < 8; mode++) {
            problem p = { sizes[s][0], sizes[s][1], sizes[s][2], mode & 1, mode & 2, mode & 4, mode & 4, 0, 0, 0, 0 };
            p.x = random_floats(&random, (size_t)p.m * p.k, 2, false);
            p.w = random_floats(&random, (size_t)p.n * p.k, 2, p.is_f16);
            p.b = random_floats(&random, (size_t)p.n, 1, false);
            p.r = random_floats(&random, (size_t)p.m * p.n, 1, false);
            check_problem(&p);
            free(p.x);
            free(p.w);
            free(p.b);
            free(p.r);
        }
}

/* A convolution reads rows that overlap: ldx is smaller than k. */
static void overlapping_rows(void **state) {
    enum { ROWS = 20, STEP = 4, K = 12, N = 9 };
    am_random random = { 3 };
    float x[STEP * (ROWS - 1) + K], w[N * K];
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) x[i] = am_random_float(&random, -1, 1);
    for (size_t i = 0; i < sizeof w / sizeof *w; i++) w[i] = am_random_float(&random, -1, 1);
    int n_isas;
    const char *const *isas = am_test_isas(&n_isas);
    for (int v = 0; v < n_isas; v++) {
        unsigned flags;
        assert_int_equal(am_cpu_mask(isas[v], &flags, NULL), AM_OK);
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        float *packed = am_aligned_alloc(K * 64 * sizeof *packed), y[ROWS * N];
        am_gemm_pack_f32(packed, w, K, N, K, kernels.gemm.nr);
        kernels.gemm.f32(&(am_gemm_args){ .y = y,
                                          .ldy = N,
                                          .x = x,
                                          .ldx = STEP,
                                          .w = packed,
                                          .panel_stride = K * kernels.gemm.nr,
                                          .m = ROWS,
                                          .n = N,
                                          .k = K });
        for (int i = 0; i < ROWS; i++)
            for (int j = 0; j < N; j++) {
                double sum = 0;
                for (int k = 0; k < K; k++) sum += (double)x[i * STEP + k] * w[j * K + k];
                assert_true(fabs(sum - y[i * N + j]) < 1e-5);
            }
        am_aligned_free(packed);
    }
}

static void half_precision_is_exact(void **state) {
    for (unsigned h = 0; h < 65536; h++) {
        float f = am_half_to_float((uint16_t)h);
        if (isnan(f)) continue;
        assert_int_equal(am_half_from_float(f), h);
    }
    assert_int_equal(am_half_from_float(1.0f + 0x1p-11f), 0x3c00);     /* tie to even: down */
    assert_int_equal(am_half_from_float(1.0f + 3 * 0x1p-11f), 0x3c02); /* tie to even: up */
    assert_int_equal(am_half_from_float(65519.0f), 0x7bff);
    assert_int_equal(am_half_from_float(65520.0f), 0x7c00);
    assert_int_equal(am_half_from_float(0x1p-25f), 0); /* half the smallest: to even */
    assert_int_equal(am_half_from_float(0x1.8p-25f), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(products), cmocka_unit_test(overlapping_rows),
                                        cmocka_unit_test(half_precision_is_exact) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
