/* 400 real points as 200 complex ones (even samples real, odd samples imaginary), transformed by Stockham passes of
 * radix 4, 2, 5 and 5, then untangled.
 *
 * A Stockham pass reads rows that lie far apart and writes them in order, so nothing is ever bit-reversed, and every
 * inner loop runs over adjacent numbers of one row: that is what lets a compiler use whatever vectors it has without
 * being told.  The four lanes (signals) make even the first pass's rows four numbers long.
 *
 * Pass of radix r on n points of rows of s: with m = n / r, for p < m and k < r
 *     y[r p + k] = w_n^(p k) * sum_j w_r^(j k) x[p + j m]          (each x, y a row of s numbers)
 * after which n becomes m and s becomes r s.
 *
 * SPDX-License-Identifier: MIT */
#include "audio/fft.h"

#include <math.h>

enum { LANES = AM_FFT_LANES, HALF = AM_FFT_SIZE / 2 };

typedef struct planes {
    double re[HALF * LANES], im[HALF * LANES];
} planes;

/* Twiddle factor w_n^k; n divides 400. */
typedef struct turn {
    double re, im;
} turn;

static inline turn turn_of(const am_fft *t, int n, int k) {
    int i = AM_FFT_SIZE / n * k % AM_FFT_SIZE;
    return (turn){ t->cos[i], t->sin[i] };
}

void am_fft_init(am_fft *t) {
    const double two_pi = 6.28318530717958647692;
    for (int k = 0; k < AM_FFT_SIZE; k++) {
        t->cos[k] = cos(two_pi * k / AM_FFT_SIZE);
        t->sin[k] = -sin(two_pi * k / AM_FFT_SIZE);
    }
}

/* The first pass, n = 200: reads even and odd samples straight from x[400][LANES]. */
static void pass_4_first(const am_fft *t, const double *restrict x, planes *restrict y) {
    enum { M = HALF / 4, STEP = 2 * LANES };
    for (int p = 0; p < M; p++) {
        const double *a = x + p * STEP, *b = a + M * STEP, *c = b + M * STEP, *d = c + M * STEP;
        turn w1 = turn_of(t, HALF, p), w2 = turn_of(t, HALF, 2 * p), w3 = turn_of(t, HALF, 3 * p);
        double *yr = y->re + 4 * p * LANES, *yi = y->im + 4 * p * LANES;
        for (int i = 0; i < LANES; i++) {
            double s0r = a[i] + c[i], s0i = a[i + LANES] + c[i + LANES];
            double d0r = a[i] - c[i], d0i = a[i + LANES] - c[i + LANES];
            double s1r = b[i] + d[i], s1i = b[i + LANES] + d[i + LANES];
            double d1r = b[i] - d[i], d1i = b[i + LANES] - d[i + LANES];
            double t1r = d0r + d1i, t1i = d0i - d1r; /* k = 1: -i turns (d1r, d1i) into (d1i, -d1r) */
            double t2r = s0r - s1r, t2i = s0i - s1i;
            double t3r = d0r - d1i, t3i = d0i + d1r;
            yr[i] = s0r + s1r;
            yi[i] = s0i + s1i;
            yr[i + LANES] = t1r * w1.re - t1i * w1.im;
            yi[i + LANES] = t1r * w1.im + t1i * w1.re;
            yr[i + 2 * LANES] = t2r * w2.re - t2i * w2.im;
            yi[i + 2 * LANES] = t2r * w2.im + t2i * w2.re;
            yr[i + 3 * LANES] = t3r * w3.re - t3i * w3.im;
            yi[i + 3 * LANES] = t3r * w3.im + t3i * w3.re;
        }
    }
}

/* The second pass, n = 50. */
static void pass_2(const am_fft *t, const planes *restrict x, planes *restrict y) {
    enum { N = HALF / 4, M = N / 2, ROW = 4 * LANES };
    for (int p = 0; p < M; p++) {
        const double *ar = x->re + p * ROW, *ai = x->im + p * ROW, *br = ar + M * ROW, *bi = ai + M * ROW;
        double *yr = y->re + 2 * p * ROW, *yi = y->im + 2 * p * ROW;
        turn w = turn_of(t, N, p);
        for (int i = 0; i < ROW; i++) {
            double dr = ar[i] - br[i], di = ai[i] - bi[i];
            yr[i] = ar[i] + br[i];
            yi[i] = ai[i] + bi[i];
            yr[i + ROW] = dr * w.re - di * w.im;
            yi[i + ROW] = dr * w.im + di * w.re;
        }
    }
}

/* Passes of radix 5: with c1 = cos 72, c2 = cos 144, s1 = sin 72, s2 = sin 144 (degrees) and the pairs
 * u = x1 + x4, v = x2 + x3, f = x1 - x4, g = x2 - x3, the outputs 1 and 4 are
 * (x0 + c1 u + c2 v) -+ i (s1 f + s2 g), and 2 and 3 are (x0 + c2 u + c1 v) -+ i (s2 f - s1 g). */
static inline void pass_5(const am_fft *t, const planes *restrict x, planes *restrict y, int n, int row) {
    const double c1 = 0.30901699437494742410, c2 = -0.80901699437494742410;
    const double s1 = 0.95105651629515357212, s2 = 0.58778525229247312917;
    const int m = n / 5;
    for (int p = 0; p < m; p++) {
        const double *xr = x->re + p * row, *xi = x->im + p * row;
        double *yr = y->re + 5 * p * row, *yi = y->im + 5 * p * row;
        turn w1 = turn_of(t, n, p), w2 = turn_of(t, n, 2 * p), w3 = turn_of(t, n, 3 * p), w4 = turn_of(t, n, 4 * p);
        const int m1 = m * row, m2 = 2 * m1, m3 = 3 * m1, m4 = 4 * m1;
        for (int i = 0; i < row; i++) {
            double ur = xr[i + m1] + xr[i + m4], ui = xi[i + m1] + xi[i + m4];
            double fr = xr[i + m1] - xr[i + m4], fi = xi[i + m1] - xi[i + m4];
            double vr = xr[i + m2] + xr[i + m3], vi = xi[i + m2] + xi[i + m3];
            double gr = xr[i + m2] - xr[i + m3], gi = xi[i + m2] - xi[i + m3];
            double er = xr[i] + c1 * ur + c2 * vr, ei = xi[i] + c1 * ui + c2 * vi;
            double hr = xr[i] + c2 * ur + c1 * vr, hi = xi[i] + c2 * ui + c1 * vi;
            double qr = s1 * fr + s2 * gr, qi = s1 * fi + s2 * gi;
            double or = s2 * fr - s1 * gr, oi = s2 * fi - s1 * gi;
            yr[i] = xr[i] + ur + vr;
            yi[i] = xi[i] + ui + vi;
            yr[i + row] = (er + qi) * w1.re - (ei - qr) * w1.im;
            yi[i + row] = (er + qi) * w1.im + (ei - qr) * w1.re;
            yr[i + 2 * row] = (hr + oi) * w2.re - (hi - or) * w2.im;
            yi[i + 2 * row] = (hr + oi) * w2.im + (hi - or) * w2.re;
            yr[i + 3 * row] = (hr - oi) * w3.re - (hi + or) * w3.im;
            yi[i + 3 * row] = (hr - oi) * w3.im + (hi + or) * w3.re;
            yr[i + 4 * row] = (er - qi) * w4.re - (ei + qr) * w4.im;
            yi[i + 4 * row] = (er - qi) * w4.im + (ei + qr) * w4.re;
        }
    }
}

/* X[k] = (Z[k] + Z*[200-k]) / 2 - i/2 w_400^k (Z[k] - Z*[200-k]), indices of Z modulo 200. */
static void untangle(const am_fft *t, const planes *restrict z, am_fft_spectrum *restrict out) {
    for (int k = 0; k < AM_FFT_BINS; k++) {
        int j = k % HALF * LANES, mirror = (HALF - k) % HALF * LANES;
        const double *ar = z->re + j, *ai = z->im + j, *br = z->re + mirror, *bi = z->im + mirror;
        double *re = out->re + k * LANES, *im = out->im + k * LANES;
        double wr = t->cos[k], wi = t->sin[k];
        for (int i = 0; i < LANES; i++) {
            double dr = ar[i] - br[i], di = ai[i] + bi[i];
            re[i] = 0.5 * (ar[i] + br[i] + (dr * wi + di * wr));
            im[i] = 0.5 * (ai[i] - bi[i] - (dr * wr - di * wi));
        }
    }
}

void am_fft_real(const am_fft *t, const double *x, am_fft_spectrum *out) {
    planes a, b;
    pass_4_first(t, x, &a);
    pass_2(t, &a, &b);
    pass_5(t, &b, &a, 25, 8 * LANES);
    pass_5(t, &a, &b, 5, 40 * LANES);
    untangle(t, &b, out);
}
