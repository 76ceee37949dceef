/* quantize_s8 and softmax_s8 of every instruction set: bytes of rows bit for bit against the C reference and against what
 * the contract says of them; probabilities as digits against f64.  Everything ends at guard pages.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cpu.h"
#include "kernels/kernels.h"
#include "support/guard.h"
#include "support/isas.h"

enum { MAX_N = 2048 };
static const int lengths[] = { 1, 2, 3, 4, 5, 15, 16, 17, 31, 33, 63, 64, 65, 80, 127, 129, 512, 1279, 1500, 2048 };
enum { N_LENGTHS = sizeof lengths / sizeof lengths[0] };

static const char *const *isas;
static int n_isas;

static int find_isas(void **state) {
    isas = am_test_isas(&n_isas);
    return 0;
}

static void find(int v, am_kernels *k) {
    unsigned flags;
    assert_int_equal(am_cpu_mask(isas[v], &flags, NULL), AM_OK);
    am_kernels_init(k, flags);
}

/* ---- quantize_s8 -------------------------------------------------------------------------------------------- */

enum { ROWS = 3, GAP = 4 };

/* x is dense [ROWS, n]; q [ROWS, n rounded up to 4]. */
static void quantize(const am_kernels *k, int8_t *q, float *scale, const float *x, int n, int flip) {
    size_t n4 = AM_ROUND_UP((size_t)n, 4), ldq = n4 + GAP, ldx = (size_t)n + GAP;
    am_guard gx = am_guard_open(((ROWS - 1) * ldx + (size_t)n) * sizeof(float));
    am_guard gq = am_guard_open((ROWS - 1) * ldq + n4), gs = am_guard_open(ROWS * sizeof(float));
    for (int row = 0; row < ROWS; row++)
        memcpy((float *)gx.data + row * ldx, x + (size_t)row * n, (size_t)n * sizeof(float));
    k->quantize_s8(gq.data, (ptrdiff_t)ldq, gs.data, gx.data, (ptrdiff_t)ldx, ROWS, n, flip);
    for (int row = 0; row < ROWS; row++) {
        memcpy(q + row * n4, (int8_t *)gq.data + row * ldq, n4);
        for (size_t i = 0; row + 1 < ROWS && i < GAP; i++)
            assert_int_equal(((unsigned char *)gq.data)[row * ldq + n4 + i], 0xA5);
    }
    memcpy(scale, gs.data, ROWS * sizeof(float));
    am_guard_close(&gx);
    am_guard_close(&gq);
    am_guard_close(&gs);
}

static void check_row(const int8_t *q, float scale, const float *x, int n, int flip) {
    float top = 0;
    for (int i = 0; i < n; i++) top = fmaxf(top, fabsf(x[i]));
    assert_true(scale == top / 127.0f);
    for (int i = 0; i < n; i++) {
        int value = (int8_t)(q[i] ^ flip);
        assert_in_range(value + 127, 0, 254);
        if (fabsf(x[i]) == top && top > 0) assert_int_equal(value, x[i] > 0 ? 127 : -127);
        assert_true(fabs(x[i] - (double)scale * value) <= 0.50001 * scale);
    }
    for (int i = n; i < AM_ROUND_UP(n, 4); i++) assert_int_equal((int8_t)(q[i] ^ flip), 0);
}

static void bytes_of_rows(void **state) {
    static float x[ROWS * MAX_N];
    static int8_t want[ROWS * MAX_N], got[ROWS * MAX_N];
    float want_scale[ROWS], got_scale[ROWS];
    am_random random = { 21 };
    for (int l = 0; l < N_LENGTHS; l++)
        for (int flip = 0; flip <= 0x80; flip += 0x80) {
            int n = lengths[l];
            size_t n4 = AM_ROUND_UP((size_t)n, 4);
            for (int i = 0; i < ROWS * n; i++) x[i] = am_random_float(&random, -3, 3) * (i < n ? 1 : 1e-20f);
            for (int v = 0; v < n_isas; v++) {
                am_kernels k;
                find(v, &k);
                quantize(&k, v ? got : want, v ? got_scale : want_scale, x, n, flip);
                if (v) assert_memory_equal(want, got, ROWS * n4);
                if (v) assert_memory_equal(want_scale, got_scale, sizeof want_scale);
            }
            for (int row = 0; row < ROWS; row++) check_row(want + row * n4, want_scale[row], x + row * n, n, flip);
        }
}

static void ties_go_to_even(void **state) {
    static const float x[] = { 127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f };
    static const int8_t want[] = { 127, 0, 2, 2, 0, -2, -2, 126 };
    for (int v = 0; v < n_isas; v++) {
        am_kernels k;
        int8_t q[8];
        float scale;
        find(v, &k);
        k.quantize_s8(q, 8, &scale, x, 8, 1, 8, 0);
        assert_memory_equal(q, want, sizeof want);
        assert_true(scale == 1);
    }
}

static void rows_without_numbers(void **state) {
    enum { N = 70 };
    static const float specials[] = { 0, 1e-40f, 3e-37f, NAN, INFINITY, -INFINITY };
    for (int v = 0; v < n_isas; v++)
        for (int s = 0; s < 6; s++)
            for (int at = 0; at < N; at += 23) {
                am_kernels k;
                float x[N], scale = 1;
                int8_t q[AM_ROUND_UP(N, 4)];
                find(v, &k);
                for (int i = 0; i < N; i++) x[i] = s < 3 ? 0 : (float)i;
                x[at] = specials[s];
                memset(q, 1, sizeof q);
                k.quantize_s8(q, (ptrdiff_t)sizeof q, &scale, x, N, 1, N, 0x80);
                if (s < 3) assert_true(scale == specials[s] / 127.0f);
                else assert_false(isfinite(scale));
                for (size_t i = 0; i < sizeof q; i++) assert_int_equal(q[i], -128); /* 0 ^ 0x80 */
            }
}

/* ---- softmax_s8 --------------------------------------------------------------------------------------------- */

enum { QUERIES = 2 };

typedef struct digits {
    int8_t q[2 * QUERIES][MAX_N];
    float factor[2 * QUERIES];
} digits;

static void softmax(const am_kernels *k, digits *d, const float *x, const float *v_scale, int n, float scale) {
    memset(d, 0, sizeof *d);
    size_t n4 = AM_ROUND_UP((size_t)n, 4), ldq = n4 + GAP, ldx = (size_t)n + GAP;
    am_guard gx = am_guard_open(((QUERIES - 1) * ldx + (size_t)n) * sizeof(float));
    am_guard gv = am_guard_open((size_t)n * sizeof(float)), gf = am_guard_open(2 * QUERIES * sizeof(float));
    am_guard gq = am_guard_open((2 * QUERIES - 1) * ldq + n4);
    for (int row = 0; row < QUERIES; row++)
        memcpy((float *)gx.data + row * ldx, x + (size_t)row * n, (size_t)n * sizeof(float));
    memcpy(gv.data, v_scale, (size_t)n * sizeof(float));
    k->softmax_s8(gq.data, (ptrdiff_t)ldq, gf.data, gx.data, (ptrdiff_t)ldx, gv.data, QUERIES, n, scale);
    for (int row = 0; row < 2 * QUERIES; row++) {
        memcpy(d->q[row], (int8_t *)gq.data + row * ldq, n4);
        for (size_t i = 0; row + 1 < 2 * QUERIES && i < GAP; i++)
            assert_int_equal(((unsigned char *)gq.data)[row * ldq + n4 + i], 0xA5);
    }
    memcpy(d->factor, gf.data, sizeof d->factor);
    am_guard *all[] = { &gx, &gv, &gf, &gq };
    for (int i = 0; i < 4; i++) am_guard_close(all[i]);
}

static void check_digits(const char *isa, const digits *d, int row, const float *x, const float *v_scale, int n,
                         float scale) {
    double r[MAX_N], sum = 0, top_r = 0;
    float top = x[0];
    for (int i = 1; i < n; i++) top = fmaxf(top, x[i]);
    for (int i = 0; i < n; i++) {
        double p = exp(scale * (double)(x[i] - top)); /* the difference is rounded to float by all */
        sum += p;
        r[i] = p * v_scale[i];
        top_r = fmax(top_r, r[i]);
    }
    double c = top_r / 16383, factor = c / sum;
    for (int i = 0; i < n; i++) {
        int high = d->q[2 * row][i], low = d->q[2 * row + 1][i];
        assert_true(high >= 0 && low >= 0);
        double off = fabs(128 * high + low - r[i] / c);
        if (!(off <= 1 + 16383 * AM_TOL_SOFTMAX_F32)) fail_msg("%s n %d at %d: off by %g", isa, n, i, off);
    }
    for (int i = n; i < AM_ROUND_UP(n, 4); i++) assert_true(d->q[2 * row][i] == 0 && d->q[2 * row + 1][i] == 0);
    assert_true(fabs(d->factor[2 * row + 1] - factor) <= 2 * AM_TOL_SOFTMAX_F32 * factor);
    assert_true(d->factor[2 * row] == 128 * d->factor[2 * row + 1]);
}

static void probabilities_as_digits(void **state) {
    static const float sizes[] = { 0, 0.1f, 30, 1000 };
    static float x[QUERIES * MAX_N], v_scale[MAX_N];
    static digits d, widest;
    am_random random = { 22 };
    for (int l = 0; l < N_LENGTHS; l++)
        for (int s = 0; s < 4; s++) {
            int n = lengths[l];
            for (int i = 0; i < QUERIES * n; i++) x[i] = am_random_float(&random, -sizes[s], sizes[s]);
            for (int i = 0; i < n; i++) v_scale[i] = i % 11 == 5 ? 0 : am_random_float(&random, 1e-4f, 3e-2f);
            if (s == 3) x[n / 2] = -INFINITY;
            bool has_widest = false;
            for (int v = 0; v < n_isas; v++) {
                am_kernels k;
                if (s == 3 && n == 1) continue;
                find(v, &k);
                softmax(&k, &d, x, v_scale, n, 0.125f);
                for (int row = 0; row < QUERIES; row++) check_digits(isas[v], &d, row, x + row * n, v_scale, n, 0.125f);
                if (has_widest) assert_memory_equal(&d, &widest, sizeof d); /* avx2 == avx512 */
                if (v > 0) widest = d;
                has_widest |= v > 0;
            }
        }
}

static void faults_are_seen(void **state) {
    enum { N = 100 };
    float x[QUERIES * N], v_scale[N];
    digits d;
    for (int v = 0; v < n_isas; v++)
        for (int fault = 0; fault < 5; fault++)
            for (int at = 0; at < N; at += 33) {
                am_kernels k;
                find(v, &k);
                for (int i = 0; i < QUERIES * N; i++) x[i] = (float)(i % 7);
                for (int i = 0; i < N; i++) v_scale[i] = fault == 4 ? 0 : 0.01f;
                if (fault < 2) x[N + at] = fault ? NAN : INFINITY;
                if (fault == 2 || fault == 3) v_scale[at] = fault == 2 ? NAN : INFINITY;
                softmax(&k, &d, x, v_scale, N, 1);
                for (int row = 0; row < QUERIES; row++) {
                    bool is_hit = fault < 2 ? row == 1 : true;
                    if (!is_hit) assert_true(d.factor[2 * row + 1] > 0);
                    else if (fault == 4) assert_true(d.factor[2 * row] == 0 && d.factor[2 * row + 1] == 0);
                    else assert_true(isnan(d.factor[2 * row]) && isnan(d.factor[2 * row + 1]));
                    for (int i = 0; is_hit && i < N; i++) assert_true(!d.q[2 * row][i] && !d.q[2 * row + 1][i]);
                }
            }
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(bytes_of_rows), cmocka_unit_test(ties_go_to_even),
                                        cmocka_unit_test(rows_without_numbers),
                                        cmocka_unit_test(probabilities_as_digits), cmocka_unit_test(faults_are_seen) };
    return cmocka_run_group_tests(tests, find_isas, NULL);
}
