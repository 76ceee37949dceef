/* max_f32, sum_exp_f32 and the dot products of every instruction set against plain loops and f64, ending at guard pages.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/half.h"
#include "kernels/kernels.h"
#include "support/guard.h"
#include "support/isas.h"

static const int lengths[] = { 1, 2, 7, 15, 16, 17, 63, 64, 65, 100, 255, 256, 257, 1500, 51865 };

/* Calls check for every instruction set of this machine and length. */
static void each(void (*check)(const am_kernels *k, const char *isa, float *x, int n, am_random *random)) {
    int n_isas;
    const char *const *isas = am_test_isas(&n_isas);
    for (int v = 0; v < n_isas; v++) {
        unsigned flags;
        if (am_cpu_mask(isas[v], &flags, NULL) != AM_OK) continue;
        am_kernels kernels;
        am_kernels_init(&kernels, flags);
        am_random random = { 31 };
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            am_guard g = am_guard_open((size_t)lengths[i] * sizeof(float));
            check(&kernels, isas[v], g.data, lengths[i], &random);
            am_guard_close(&g);
        }
    }
}

static void check_max(const am_kernels *k, const char *isa, float *x, int n, am_random *random) {
    for (int i = 0; i < n; i++) x[i] = am_random_float(random, -9, -1);
    int places[] = { 0, n / 3, n / 2, n - 1 };
    for (int p = 0; p < 4; p++) {
        float before = x[places[p]];
        x[places[p]] = -0.5f;
        assert_int_equal(k->max_f32(x, n), places[p]);
        x[places[p]] = before;
    }
    x[n - 1] = x[n / 2] = 0.0f; /* of equals the first, and a zero is a zero */
    x[n / 3] = -0.0f;
    assert_int_equal(k->max_f32(x, n), n / 3);
    for (int i = 0; i < n; i++) x[i] = -INFINITY;
    assert_int_equal(k->max_f32(x, n), 0);
    x[n - 1] = INFINITY;
    assert_int_equal(k->max_f32(x, n), n - 1);
    for (int i = 0; i < n; i++) x[i] = NAN;
    assert_in_range(k->max_f32(x, n), 0, n - 1);
}

static void check_sum_exp(const am_kernels *k, const char *isa, float *x, int n, am_random *random) {
    static const float sizes[] = { 0.1f, 20, 200 };
    for (int s = 0; s < 4; s++) { /* the last: terms of one size, where rounding errors go one way */
        for (int i = 0; i < n; i++) x[i] = s < 3 ? am_random_float(random, -sizes[s], 0) : -0.7f;
        if (s == 1) x[n / 2] = -INFINITY;
        double want = 0;
        for (int i = 0; i < n; i++) want += exp((double)(x[i] - 0.25f)); /* the difference is rounded by all */
        double off = fabs(want - k->sum_exp_f32(x, n, 0.25f));
        if (!(off <= AM_TOL_SUM_EXP_F32 * want + n * 1e-37)) fail_msg("%s n %d: off by %g of %g", isa, n, off, want);
    }
}

/* x and the weights end at guard pages, in f32 and in f16. */
static void check_dot(const am_kernels *k, const char *isa, float *x, int n, am_random *random) {
    am_guard half = am_guard_open((size_t)n * 2), full = am_guard_open((size_t)n * 4);
    uint16_t *h = half.data;
    float *w = full.data;
    double want = 0, size = 0;
    for (int i = 0; i < n; i++) {
        x[i] = am_random_float(random, -2, 2);
        h[i] = am_half_from_float(am_random_float(random, -1, 1));
        w[i] = am_half_to_float(h[i]);
        want += (double)x[i] * w[i];
        size += fabs((double)x[i] * w[i]);
    }
    double off_half = fabs(want - k->dot_f32f16(x, h, n)), off_full = fabs(want - k->dot_f32f32(x, w, n));
    if (!(off_half <= AM_TOL_GEMM_F32 * size && off_full <= AM_TOL_GEMM_F32 * size))
        fail_msg("%s n %d: off by %g and %g of %g", isa, n, off_half, off_full, size);
    am_guard_close(&half);
    am_guard_close(&full);
}

static void greatest(void **state) {
    each(check_max);
}
static void sums_of_exponentials(void **state) {
    each(check_sum_exp);
}

static void dot_products(void **state) {
    each(check_dot);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(greatest), cmocka_unit_test(sums_of_exponentials),
                                        cmocka_unit_test(dot_products) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
