/* The resampler against mathematics: a sampled sine must come out as the same sine sampled at 16 kHz, what lies above
 * 8 kHz must not come out at all; and against libswresample's default, measured the same way: it must be at
 * least as good in SNR, ripple and aliasing, up to 0.9 of the Nyquist frequency.  Between 0.92 and 1 ours gives up more of
 * the signal, which is the price of letting nothing fold back.  That is the condition under which the tree has its own.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef AM_WITH_FFMPEG
#include <libswresample/swresample.h>
#endif

#include "audio/resample.h"

static const int rates[] = { 44100, 48000, 8000, 11025, 22050, 96000, 192000, 44101, 12345 };
enum { N_RATES = sizeof rates / sizeof rates[0] };

static const double pi = 3.14159265358979323846;

typedef size_t resample_fn(int rate, const float *in, size_t n_in, float *out, size_t cap);

static size_t ours_in_pieces(int rate, const float *in, size_t n_in, float *out, size_t cap, size_t piece_in,
                             size_t piece_out) {
    am_resampler *r;
    assert_int_equal(am_resampler_open(&r, rate, NULL), AM_OK);
    size_t pos = 0, n_out = 0, n;
    for (;;) {
        while ((n = am_resampler_pull(r, out + n_out, cap - n_out < piece_out ? cap - n_out : piece_out)) > 0)
            n_out += n;
        if (pos == n_in) break;
        n = n_in - pos < piece_in ? n_in - pos : piece_in;
        n = am_resampler_push(r, in + pos, n);
        assert_true(n > 0);
        pos += n;
    }
    am_resampler_finish(r);
    while ((n = am_resampler_pull(r, out + n_out, cap - n_out < piece_out ? cap - n_out : piece_out)) > 0) n_out += n;
    am_resampler_close(&r);
    assert_null(r);
    return n_out;
}

static size_t ours(int rate, const float *in, size_t n_in, float *out, size_t cap) {
    return ours_in_pieces(rate, in, n_in, out, cap, 1000, 1000);
}

#ifdef AM_WITH_FFMPEG
static size_t swr(int rate, const float *in, size_t n_in, float *out, size_t cap) {
    AVChannelLayout mono = AV_CHANNEL_LAYOUT_MONO;
    SwrContext *s = NULL;
    assert_int_equal(swr_alloc_set_opts2(&s, &mono, AV_SAMPLE_FMT_FLT, 16000, &mono, AV_SAMPLE_FMT_FLT, rate, 0, NULL),
                     0);
    assert_int_equal(swr_init(s), 0);
    uint8_t *to = (uint8_t *)out;
    const uint8_t *from = (const uint8_t *)in;
    int n = swr_convert(s, &to, (int)cap, &from, (int)n_in);
    assert_true(n >= 0);
    to = (uint8_t *)(out + n);
    int more = swr_convert(s, &to, (int)cap - n, NULL, 0);
    assert_true(more >= 0);
    swr_free(&s);
    return (size_t)(n + more);
}
#endif

/* Least squares fit of a sine of known frequency to y; its complex amplitude, and the power of what is left. */
static void fit_sine(const float *y, size_t n0, size_t n1, double freq, double *re, double *im, double *rest) {
    double cc = 0, cs = 0, ss = 0, yc = 0, ys = 0, power = 0;
    for (size_t n = n0; n < n1; n++) {
        double a = 2 * pi * freq * (double)n / 16000, c = cos(a), s = sin(a);
        cc += c * c, cs += c * s, ss += s * s, yc += y[n] * c, ys += y[n] * s;
    }
    double det = cc * ss - cs * cs;
    *re = (yc * ss - ys * cs) / det;
    *im = (ys * cc - yc * cs) / det;
    for (size_t n = n0; n < n1; n++) {
        double a = 2 * pi * freq * (double)n / 16000, e = y[n] - *re * cos(a) - *im * sin(a);
        power += e * e;
    }
    *rest = power / (double)(n1 - n0);
}

typedef struct quality {
    double snr;      /* worst over the sines: the exact expected sine against everything else, dB */
    double noise;    /* worst: best-fitting sine against everything else (images, aliases), dB */
    double ripple;   /* worst deviation of the gain in the passband, dB */
    double aliasing; /* strongest remainder of a sine at or above 8 kHz, dB below it; 1000 when the rate has none */
} quality;

static size_t run_sine(resample_fn *fn, int rate, double freq, float **out) {
    size_t n_in = (size_t)rate, cap = 17000; /* one second */
    float *in = malloc(n_in * sizeof *in);
    *out = calloc(cap, sizeof **out);
    for (size_t i = 0; i < n_in; i++) in[i] = (float)(0.9 * sin(2 * pi * freq * (double)i / rate));
    size_t n = fn(rate, in, n_in, *out, cap);
    free(in);
    return n;
}

static quality measure(resample_fn *fn, int rate) {
    quality q = { 1000, 1000, 0, 1000 };
    double nyquist = (rate < 16000 ? rate : 16000) / 2.0;
    const size_t n0 = 3000, n1 = 13000; /* away from the ends */
    static const double inside[] = { 0.01, 0.0377, 0.125, 0.3, 0.5, 0.6333, 0.75, 0.85, 0.9 };
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        double freq = inside[i] * nyquist, re, im, rest, error = 0;
        float *y;
        run_sine(fn, rate, freq, &y);
        fit_sine(y, n0, n1, freq, &re, &im, &rest);
        for (size_t n = n0; n < n1; n++) {
            double e = y[n] - 0.9 * sin(2 * pi * freq * (double)n / 16000);
            error += e * e;
        }
        free(y);
        double signal = 0.9 * 0.9 / 2;
        q.snr = fmin(q.snr, 10 * log10(signal / (error / (double)(n1 - n0))));
        q.noise = fmin(q.noise, 10 * log10(signal / rest));
        q.ripple = fmax(q.ripple, fabs(20 * log10(hypot(re, im) / 0.9)));
    }
    static const double outside[] = { 1.0, 1.01, 1.05, 1.1, 1.2, 1.33, 1.7, 2.0, 2.3, 2.9, 5.1, 11.7 };
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        double freq = outside[i] * 8000, power = 0;
        if (freq > rate * 0.499) continue;
        float *y;
        run_sine(fn, rate, freq, &y);
        for (size_t n = n0; n < n1; n++) power += (double)y[n] * y[n];
        free(y);
        q.aliasing = fmin(q.aliasing, -10 * log10(power / (double)(n1 - n0) / (0.9 * 0.9 / 2) + 1e-20));
    }
    return q;
}

static void print(const char *who, int rate, quality q) {
    printf("  %6d Hz, %s: SNR %.1f dB, noise %.1f dB, ripple %.6f dB, aliasing %.1f dB\n", rate, who, q.snr, q.noise,
           q.ripple, q.aliasing);
}

/* 120 dB is the design; float arithmetic and the interpolated table of odd rates take a little of it. */
static void is_clean_and_no_worse_than_libswresample(void **state) {
    for (int i = 0; i < N_RATES; i++) {
        quality q = measure(ours, rates[i]);
        print("ours", rates[i], q);
        assert_true(q.snr > 110);
        assert_true(q.noise > 110);
        assert_true(q.ripple < 1e-4);
        assert_true(q.aliasing > 110);
#ifdef AM_WITH_FFMPEG
        quality b = measure(swr, rates[i]);
        print("swr", rates[i], b);
        assert_true(q.snr >= b.snr);
        /* Only up to 130 dB, below what float samples can carry: beyond it we are behind where the ratio of the rates is
         * whole (48 kHz: 142 dB, libswresample 145). */
        assert_true(q.noise >= fmin(b.noise, 130));
        assert_true(q.ripple <= b.ripple);
        assert_true(q.aliasing >= b.aliasing);
#endif
    }
}

static void pieces_make_no_difference(void **state) {
    static const size_t piece[][2] = { { 1, 1 }, { 7, 100000 }, { 10000, 3 }, { 100000, 100000 } };
    for (int i = 0; i < N_RATES; i++) {
        size_t n_in = 20000, cap = 200000;
        float *in = malloc(n_in * sizeof *in), *a = calloc(cap, sizeof *a), *b = calloc(cap, sizeof *b);
        uint32_t x = 1;
        for (size_t k = 0; k < n_in; k++) in[k] = (float)(int32_t)(x = x * 1664525u + 1013904223u) / 2147483648.0f;
        size_t n = ours(rates[i], in, n_in, a, cap);
        for (size_t p = 0; p < sizeof piece / sizeof piece[0]; p++) {
            size_t m = ours_in_pieces(rates[i], in, n_in, b, cap, piece[p][0], piece[p][1]);
            assert_int_equal(m, n);
            assert_memory_equal(a, b, n * sizeof *a);
        }
        free(in), free(a), free(b);
    }
}

static void length_is_right(void **state) {
    static const size_t lengths[] = { 0, 1, 2, 3, 100, 4095, 4096, 4097, 12289, 100000 };
    static const int more_rates[] = { 1000, 1001, 7999, 15999, 16000, 16001, 767999, 768000, 44100, 8000 };
    float *in = calloc(100000, sizeof *in), *out = malloc(1700000 * sizeof *out);
    for (size_t r = 0; r < sizeof more_rates / sizeof more_rates[0]; r++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            size_t n = ours(more_rates[r], in, lengths[i], out, 1700000);
            double exact = (double)lengths[i] * 16000 / more_rates[r];
            assert_true(fabs((double)n - exact) <= 1);
            assert_true((n == 0) == (lengths[i] == 0));
        }
    }
    free(in), free(out);
}

/* A pulse at a time both rates have lands on exactly that sample, at the first sample of the file too. */
static void impulse_stays_in_place(void **state) {
    for (int i = 0; i < N_RATES; i++) {
        size_t n_in = (size_t)rates[i] * 2, cap = 40000;
        float *in = calloc(n_in, sizeof *in), *out = calloc(cap, sizeof *out);
        for (int sec = 0; sec < 2; sec++) {
            memset(in, 0, n_in * sizeof *in);
            in[(size_t)sec * (size_t)rates[i]] = 1;
            size_t n = ours(rates[i], in, n_in, out, cap), top = 0;
            assert_int_equal(n, 32000);
            for (size_t k = 0; k < n; k++)
                if (fabsf(out[k]) > fabsf(out[top])) top = k;
            assert_int_equal(top, sec * 16000);
            for (size_t k = 1; sec && k < 1000; k++) assert_true(fabsf(out[top + k] - out[top - k]) < 1e-6f);
        }
        free(in), free(out);
    }
}

static void constant_and_copy(void **state) {
    float in[5000], out[20000];
    for (int i = 0; i < 5000; i++) in[i] = (float)i / 5000;
    assert_int_equal(ours(16000, in, 5000, out, 20000), 5000);
    assert_memory_equal(in, out, sizeof in);
    for (int i = 0; i < 5000; i++) in[i] = 0.5f;
    for (int r = 0; r < N_RATES; r++) {
        size_t n = ours(rates[r], in, 5000, out, 20000);
        assert_true(fabsf(out[n / 2] - 0.5f) < 1e-6f);
    }
}

static void refuses_silly_rates(void **state) {
    static const int silly[] = { 0, -1, 999, 768001, INT32_MAX, INT32_MIN };
    for (size_t i = 0; i < sizeof silly / sizeof silly[0]; i++) {
        am_resampler *r;
        am_error err;
        assert_int_equal(am_resampler_open(&r, silly[i], &err), AM_E_ARG);
        assert_null(r);
        assert_true(strlen(err.text) > 0);
    }
}

/* Not a bound that depends on a quiet machine: 500 times real time is the aim, printed; below 50 something is broken. */
static void is_fast(void **state) {
    enum { SEC = 20 };
    size_t n_in = 44100 * SEC, cap = 16000 * SEC + 1;
    float *in = calloc(n_in, sizeof *in), *out = calloc(cap, sizeof *out);
    struct timespec t0, t1;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t0);
    ours(44100, in, n_in, out, cap);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t1);
    double sec = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) * 1e-9;
    printf("  44100 Hz: %.0f times real time\n", SEC / sec);
    free(in), free(out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_clean_and_no_worse_than_libswresample),
        cmocka_unit_test(pieces_make_no_difference),
        cmocka_unit_test(length_is_right),
        cmocka_unit_test(impulse_stays_in_place),
        cmocka_unit_test(constant_and_copy),
        cmocka_unit_test(refuses_silly_rates),
        cmocka_unit_test(is_fast),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
