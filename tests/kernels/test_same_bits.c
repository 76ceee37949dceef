/* Kernels of all instruction sets but C give the same bits, on x86 and on ARM: one number for everything they
 * write is kept here, and each must arrive at it.  That the values are right is for the other tests to say; whoever
 * changes a template's arithmetic on purpose finds the new number in the message.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "support/guard.h"
#include "support/isas.h"

/* FNV-1a, 64 bits */
static uint64_t add(uint64_t sum, const void *p, size_t n_bytes) {
    const unsigned char *bytes = p;
    for (size_t i = 0; i < n_bytes; i++) sum = (sum ^ bytes[i]) * 0x100000001b3u;
    return sum;
}

enum { M = 13, N = 77, K = 90, MOST = 1300 };

static void fill(float *x, int n, am_random *random, float size) {
    static const float special[] = { 0, -0.0f, 1e-30f, -1e-30f, 1e-42f };
    for (int i = 0; i < n; i++) x[i] = i % 19 == 18 ? special[i / 19 % 5] : am_random_float(random, -size, size);
}

static uint64_t products(const am_kernels *k, uint64_t sum) {
    am_random random = { 3 };
    static float x[M * K], w[N * K], bias[N], residual[M * N], y[M * N];
    fill(x, M * K, &random, 2);
    fill(w, N * K, &random, 1);
    fill(bias, N, &random, 1);
    fill(residual, M * N, &random, 1);
    int nr = k->gemm.nr;
    size_t packed_len = (size_t)AM_ROUND_UP(N, nr) * K * sizeof(float);
    void *packed = am_aligned_alloc(packed_len), *scratch = am_aligned_alloc((size_t)K * nr * sizeof(float));
    am_gemm_args args = { .y = y,
                          .ldy = N,
                          .x = x,
                          .ldx = K,
                          .w = packed,
                          .panel_stride = (ptrdiff_t)nr * K,
                          .bias = bias,
                          .residual = residual,
                          .ldr = N,
                          .scratch = scratch,
                          .n = N,
                          .k = K };
    for (int half = 0; half < 2; half++)
        for (int mode = 0; mode < 4; mode++) {
            args.gelu = mode & 1;
            args.m = mode & 2 ? M : 1;
            if (half) am_gemm_pack_f16(packed, w, K, N, K, nr);
            else am_gemm_pack_f32(packed, w, K, N, K, nr);
            (half ? k->gemm.f16 : k->gemm.f32)(&args);
            sum = add(sum, y, (size_t)args.m * N * sizeof *y);
        }
    am_aligned_free(packed);
    am_aligned_free(scratch);
    return sum;
}

static uint64_t rows(const am_kernels *k, uint64_t sum) {
    am_random random = { 5 };
    static float x[MOST], y[MOST], gamma[MOST], beta[MOST];
    static const int lengths[] = { 1, 7, 16, 31, 64, 100, 384, 1279 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int n = lengths[i];
        fill(x, n, &random, 9);
        fill(gamma, n, &random, 2);
        fill(beta, n, &random, 2);
        k->gelu_f32(y, x, n);
        sum = add(sum, y, (size_t)n * sizeof *y);
        k->layernorm_f32(y, x, gamma, beta, 1, n);
        sum = add(sum, y, (size_t)n * sizeof *y);
        k->softmax_f32(x, n, 1, n, 0.7f);
        sum = add(sum, x, (size_t)n * sizeof *x);
    }
    return sum;
}

static uint64_t bytes_and_reductions(const am_kernels *k, uint64_t sum) {
    am_random random = { 8 };
    static float x[MOST], v_scale[MOST];
    static int8_t q[2 * MOST];
    static const int lengths[] = { 1, 7, 16, 31, 64, 100, 384, 1279 };
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int n = lengths[i], n4 = AM_ROUND_UP(n, 4);
        float scale[2];
        fill(x, n, &random, 9);
        for (int j = 0; j < n; j++) v_scale[j] = am_random_float(&random, 0, 1);
        k->quantize_s8(q, n4, scale, x, n, 1, n, 0x80);
        sum = add(add(sum, q, (size_t)n4), scale, sizeof *scale);
        int greatest = k->max_f32(x, n);
        float exps = k->sum_exp_f32(x, n, x[greatest]);
        sum = add(add(sum, &greatest, sizeof greatest), &exps, sizeof exps);
        k->softmax_s8(q, n4, scale, x, n, v_scale, 1, n, 0.7f);
        sum = add(add(sum, q, 2 * (size_t)n4), scale, sizeof scale);
    }
    return sum;
}

static void check(uint64_t (*compute)(const am_kernels *k, uint64_t sum), uint64_t expected) {
    int n_isas;
    const char *const *isas = am_test_isas(&n_isas);
    if (n_isas == 1) skip();
    for (int v = 1; v < n_isas; v++) {
        unsigned flags;
        assert_int_equal(am_cpu_mask(isas[v], &flags, NULL), AM_OK);
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        uint64_t sum = compute(&kernels, 0xcbf29ce484222325u);
        if (sum != expected)
            fail_msg("%s: %#llx, expected %#llx", isas[v], (unsigned long long)sum, (unsigned long long)expected);
    }
}

static void products_agree(void **state) {
    check(products, 0x999fe23e755040u);
}

static void rows_agree(void **state) {
    check(rows, 0x7f41e1944eb3badbu);
}

static void bytes_and_reductions_agree(void **state) {
    check(bytes_and_reductions, 0xb66ae8f0e1d3aa95u);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(products_agree), cmocka_unit_test(rows_agree),
                                        cmocka_unit_test(bytes_and_reductions_agree) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
