/* The 400-point transform against the definition, summed naively in double precision.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "audio/fft.h"

enum { N = AM_FFT_SIZE, LANES = AM_FFT_LANES };

static am_fft fft;

static unsigned seed = 1;

static double noise(void) {
    seed = seed * 1664525u + 1013904223u;
    return (double)(int)seed / 2147483648.0;
}

/* Largest distance between am_fft_real() and the definition over all bins and lanes, relative to the lane's norm. */
static double worst_error(const double *x) {
    am_fft_spectrum got;
    am_fft_real(&fft, x, &got);
    double worst = 0.0;
    for (int lane = 0; lane < LANES; lane++) {
        double norm = 0.0;
        for (int i = 0; i < N; i++) norm += x[i * LANES + lane] * x[i * LANES + lane];
        for (int k = 0; k < AM_FFT_BINS; k++) {
            double re = 0.0, im = 0.0;
            for (int i = 0; i < N; i++) {
                double angle = 2.0 * acos(-1.0) * (double)(i * k % N) / N;
                re += x[i * LANES + lane] * cos(angle);
                im -= x[i * LANES + lane] * sin(angle);
            }
            double d = hypot(re - got.re[k * LANES + lane], im - got.im[k * LANES + lane]);
            worst = fmax(worst, norm > 0.0 ? d / sqrt(norm) : d);
        }
    }
    return worst;
}

static void matches_the_definition(void **state) {
    double x[N * LANES];
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < N * LANES; i++) x[i] = noise() * (round == 4 ? 32768.0 : 1.0);
        assert_true(worst_error(x) < 2e-14);
    }
}

/* Single impulses and single tones reach every path of every butterfly by itself. */
static void impulses_and_tones(void **state) {
    double x[N * LANES];
    for (int at = 0; at < N; at += LANES) {
        memset(x, 0, sizeof x);
        for (int lane = 0; lane < LANES; lane++) x[(at + lane) * LANES + lane] = 1.0;
        assert_true(worst_error(x) < 1e-14);
    }
    for (int k = 0; k < AM_FFT_BINS; k += 20) {
        for (int i = 0; i < N; i++)
            for (int lane = 0; lane < LANES; lane++)
                x[i * LANES + lane] = cos(2.0 * acos(-1.0) * i * (k + lane) / N + 0.3 * lane);
        assert_true(worst_error(x) < 2e-14);
    }
}

/* A signal's bits do not depend on the lane it lies in nor on the signals beside it. */
static void lanes_are_independent(void **state) {
    double x[N * LANES], alone[N * LANES];
    for (int i = 0; i < N * LANES; i++) x[i] = noise();
    am_fft_spectrum together, single;
    am_fft_real(&fft, x, &together);
    for (int lane = 0; lane < LANES; lane++) {
        int other = (lane + 1) % LANES;
        memset(alone, 0, sizeof alone);
        for (int i = 0; i < N; i++) alone[i * LANES + other] = x[i * LANES + lane];
        am_fft_real(&fft, alone, &single);
        for (int k = 0; k < AM_FFT_BINS; k++) {
            assert_true(single.re[k * LANES + other] == together.re[k * LANES + lane]);
            assert_true(single.im[k * LANES + other] == together.im[k * LANES + lane]);
        }
    }
}

int main(void) {
    am_fft_init(&fft);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_definition),
        cmocka_unit_test(impulses_and_tones),
        cmocka_unit_test(lanes_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
