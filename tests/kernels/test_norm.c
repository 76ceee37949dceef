/* softmax, LayerNorm and GELU of every instruction set against f64, at odd lengths, ending at guard pages.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "kernels/kernels.h"
#include "support/guard.h"
#include "support/isas.h"

enum { MAX_N = 1500 };
static const int lengths[] = { 1, 2, 7, 8, 15, 16, 17, 31, 33, 64, 100, 384, 512, 1279, 1500 };
enum { N_LENGTHS = sizeof lengths / sizeof lengths[0] };

/* Calls check once for every instruction set of this machine. */
static void each_isa(void (*check)(const am_kernels *k, const char *isa, int n, am_random *random)) {
    int n_isas;
    const char *const *isas = am_test_isas(&n_isas);
    for (int v = 0; v < n_isas; v++) {
        unsigned flags;
        assert_int_equal(am_cpu_mask(isas[v], &flags, NULL), AM_OK);
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        am_random random = { 11 };
        for (int i = 0; i < N_LENGTHS; i++) check(&kernels, isas[v], lengths[i], &random);
    }
}

static void check_softmax(const am_kernels *k, const char *isa, int n, am_random *random) {
    static const float sizes[] = { 0.1f, 10, 300, 1e30f };
    for (int s = 0; s < 4; s++) {
        am_guard g = am_guard_open((size_t)n * 2 * sizeof(float));
        float *x = g.data, before[2 * MAX_N];
        for (int i = 0; i < 2 * n; i++) before[i] = x[i] = am_random_float(random, -sizes[s], sizes[s]);
        k->softmax_f32(x, n, 2, n, 0.125f);
        for (int row = 0; row < 2; row++) {
            double top = -INFINITY, sum = 0;
            for (int i = 0; i < n; i++) top = fmax(top, before[row * n + i]);
            /* the kernel rounds the difference to float before it scales; so must the expected value */
            for (int i = 0; i < n; i++) sum += exp(0.125f * (before[row * n + i] - (float)top));
            for (int i = 0; i < n; i++) {
                double want = exp(0.125f * (before[row * n + i] - (float)top)) / sum, off = fabs(want - x[row * n + i]);
                if (!(off <= AM_TOL_SOFTMAX_F32 * want + AM_TOL_SOFTMAX_F32))
                    fail_msg("%s n %d: off by %g of %g", isa, n, off, want);
            }
        }
        am_guard_close(&g);
    }
}

static void check_layernorm(const am_kernels *k, const char *isa, int n, am_random *random) {
    static const float offsets[] = { 0, 100 };
    for (int s = 0; s < 2; s++) {
        am_guard gx = am_guard_open((size_t)n * sizeof(float)), gy = am_guard_open((size_t)n * sizeof(float));
        float *x = gx.data, *y = gy.data, gamma[MAX_N], beta[MAX_N];
        double mean = 0, var = 0;
        for (int i = 0; i < n; i++) {
            x[i] = offsets[s] + am_random_float(random, -3, 3);
            gamma[i] = am_random_float(random, -2, 2);
            beta[i] = am_random_float(random, -2, 2);
            mean += x[i];
        }
        mean /= n;
        for (int i = 0; i < n; i++) var += (x[i] - mean) * (x[i] - mean);
        k->layernorm_f32(y, x, gamma, beta, 1, n);
        for (int i = 0; i < n; i++) {
            double unit = (x[i] - mean) / sqrt(var / n + 1e-5), want = unit * gamma[i] + beta[i];
            /* an offset costs digits of x - mean in any float implementation: half an ulp of the mean, scaled */
            double most = AM_TOL_LAYERNORM_F32 * (fabs(gamma[i] * unit) + fabs(beta[i]) + 1) +
                          fabs(offsets[s]) * 1.2e-7 / sqrt(var / n + 1e-5) * fabs(gamma[i]);
            if (!(fabs(want - y[i]) <= most)) fail_msg("%s n %d: %g, expected %g", isa, n, y[i], want);
        }
        k->layernorm_f32(x, x, gamma, beta, 1, n); /* in place */
        assert_memory_equal(x, y, (size_t)n * sizeof *x);
        am_guard_close(&gx);
        am_guard_close(&gy);
    }
}

static void check_gelu(const am_kernels *k, const char *isa, int n, am_random *random) {
    am_guard g = am_guard_open((size_t)n * sizeof(float));
    float *y = g.data, x[MAX_N];
    static const float special[] = { 0, -0.0f, 1e-30f, -1e-30f, 20, -20, 1e30f, -1e30f };
    for (int i = 0; i < n; i++) x[i] = i < 8 && n > 16 ? special[i] : am_random_float(random, -6, 6);
    k->gelu_f32(y, x, n);
    for (int i = 0; i < n; i++) {
        double want = 0.5 * x[i] * erfc(-x[i] / sqrt(2.0));
        if (!(fabs(want - y[i]) <= AM_TOL_GELU_F32 + 4 * 1.2e-7 * fabs(want)))
            fail_msg("%s gelu(%g) = %g, expected %g", isa, x[i], y[i], want);
    }
    am_guard_close(&g);
}

static void softmax(void **state) {
    each_isa(check_softmax);
}
static void layernorm(void **state) {
    each_isa(check_layernorm);
}
static void gelu(void **state) {
    each_isa(check_gelu);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(softmax), cmocka_unit_test(layernorm),
                                        cmocka_unit_test(gelu) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
