/* Polyphase windowed-sinc resampler.  Owns its filter table and a short history of the input.
 *
 * The filter is a sinc under a Kaiser window: flat up to 0.92 of the lower of the two Nyquist frequencies, 120 dB down
 * from that frequency on, so nothing folds back audibly or measurably.  Designed in double, applied in float.
 *
 * With rate_in / 16000 = M / L in lowest terms, output n lies between input samples at one of L positions, and the table
 * has one row of taps per position.  Where L is large (44101 Hz has 16000 positions) the table holds fewer rows and an
 * output is interpolated between the two nearest; N_ROWS_PER_CYCLE is chosen so that this errs less than the filter.
 *
 * SPDX-License-Identifier: MIT */
#include "audio/resample.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

#define PASSBAND 0.92
#define STOPBAND_DB 120.0

enum {
    LANES = 16,              /* partial sums of a dot product; fixes the order of summation whatever the vector width */
    CHUNK = 4096,            /* input samples held besides the filter's support */
    MAX_TABLE = 1 << 19,     /* floats of an exact table: 2 MB */
    N_ROWS_PER_CYCLE = 4000, /* interpolation: rows per period of the highest frequency */
};

struct am_resampler {
    int step, n_phases; /* M, L */
    int half, n_taps;   /* taps reach from half-1 samples before to half samples after; 0 for a mere copy */
    int n_rows;         /* n_phases when exact, else rows to interpolate between, and one row more in the table */
    bool exact;         /* a row for every phase */
    float *table;       /* [n_rows (+ 1), n_taps] */
    float *buf;         /* [cap] input samples; output position `pos` needs buf[pos - half + 1 .. pos + half] */
    size_t cap;         /* of which the last `half` are kept for the silence am_resampler_finish() adds */
    size_t len, pos;    /* pos: the input sample at or before the next output sample; may lie behind len */
    int phase;          /* of the next output sample, in 1 / n_phases of an input sample after pos */
    bool finished;
    size_t end; /* once finished: index in buf where the input ended; zeros follow */
};

static int gcd(int a, int b) {
    while (b) {
        int t = a % b;
        a = b;
        b = t;
    }
    return a;
}

/* Modified Bessel function of the first kind, order 0, by its power series; all terms are positive, so it is exact. */
static double bessel_i0(double x) {
    double sum = 1, term = 1;
    for (int k = 1; term > sum * 1e-17; k++) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

/* One row: the taps for an output that lies `frac` (0..1) of an input sample after buf[pos].
 * Each row is scaled to sum to 1, which takes the last ripple out of a constant input. */
static void design_row(float *row, double *h, int half, double cutoff, double beta, double frac) {
    const double pi = acos(-1.0), i0_beta = bessel_i0(beta);
    double sum = 0;
    for (int k = 0; k < 2 * half; k++) {
        double t = k - half + 1 - frac; /* the tap's sample, seen from the output */
        double u = t / half;
        double window = fabs(u) >= 1 ? 1 / i0_beta : bessel_i0(beta * sqrt(1 - u * u)) / i0_beta;
        double x = pi * cutoff * t;
        h[k] = window * (fabs(x) < 1e-9 ? 1 : sin(x) / x);
        sum += h[k];
    }
    for (int k = 0; k < 2 * half; k++) row[k] = (float)(h[k] / sum);
}

/* Kaiser's formulas (Kaiser 1974): the window's beta and the length for a stopband and a transition width. */
static am_status design(am_resampler *r, int rate_in, am_error *err) {
    const double pi = acos(-1.0);
    double edge = (rate_in < AM_SAMPLE_RATE ? rate_in : AM_SAMPLE_RATE) / (double)rate_in; /* of the input's Nyquist */
    double beta = 0.1102 * (STOPBAND_DB - 8.7);
    double n_taps = (STOPBAND_DB - 7.95) / (2.285 * pi * edge * (1 - PASSBAND));
    r->half = (int)AM_ROUND_UP((size_t)ceil(n_taps / 2), LANES / 2);
    r->n_taps = 2 * r->half;
    /* Linear interpolation between rows errs by at most (2 pi / N_ROWS_PER_CYCLE)^2 / 8 at the highest frequency, which
     * is -130 dB, and less below it. */
    int n_rows = (int)ceil(N_ROWS_PER_CYCLE * edge / 2);
    r->exact = (int64_t)r->n_phases * r->n_taps <= MAX_TABLE || r->n_phases <= n_rows;
    r->n_rows = r->exact ? r->n_phases : n_rows;

    size_t n_table = ((size_t)r->n_rows + !r->exact) * (size_t)r->n_taps;
    double *h = malloc((size_t)r->n_taps * sizeof *h);
    r->table = am_aligned_alloc(n_table * sizeof *r->table);
    if (!h || !r->table) {
        free(h);
        return am_fail_nomem(err, "a resampling filter", n_table * sizeof *r->table);
    }
    for (int p = 0; p < r->n_rows + !r->exact; p++)
        design_row(r->table + (size_t)p * r->n_taps, h, r->half, edge * (1 + PASSBAND) / 2, beta,
                   p / (double)r->n_rows);
    free(h);
    return AM_OK;
}

am_status am_resampler_open(am_resampler **out, int rate_in, am_error *err) {
    *out = NULL;
    if (rate_in < 1000 || rate_in > 768000)
        return am_fail(err, AM_E_ARG, "cannot resample from %d Hz: the rate must lie in 1000..768000", rate_in);
    am_resampler *r = calloc(1, sizeof *r);
    if (!r) return am_fail_nomem(err, "a resampler", sizeof *r);
    am_status status = AM_OK;
    int g = gcd(rate_in, AM_SAMPLE_RATE);
    r->step = rate_in / g;
    r->n_phases = AM_SAMPLE_RATE / g;
    if (rate_in != AM_SAMPLE_RATE) status = design(r, rate_in, err);
    r->cap = (size_t)r->n_taps + (size_t)r->half + CHUNK;
    if (status == AM_OK) {
        r->buf = am_aligned_alloc(r->cap * sizeof *r->buf);
        if (!r->buf) status = am_fail_nomem(err, "a resampler", r->cap * sizeof *r->buf);
    }
    if (status == AM_OK && r->half) {
        r->pos = r->len = (size_t)r->half - 1; /* silence before the first sample */
        memset(r->buf, 0, r->len * sizeof *r->buf);
    }
    if (status != AM_OK) am_resampler_close(&r);
    *out = r;
    return status;
}

void am_resampler_close(am_resampler **r) {
    if (!*r) return;
    am_aligned_free((*r)->table);
    am_aligned_free((*r)->buf);
    free(*r);
    *r = NULL;
}

am_resampler_grid am_resampler_grid_get(const am_resampler *r) {
    return (am_resampler_grid){ .in = r->step, .out = r->n_phases, .reach = r->half };
}

/* Drop what no output needs any more.  Once pull has returned 0, less than n_taps samples stay. */
static void compact(am_resampler *r) {
    size_t first = r->half ? r->pos + 1 - (size_t)r->half : r->pos;
    if (first > r->len) first = r->len;
    memmove(r->buf, r->buf + first, (r->len - first) * sizeof *r->buf);
    r->len -= first;
    r->pos -= first;
}

size_t am_resampler_push(am_resampler *r, const float *in, size_t n) {
    assert(!r->finished);
    size_t limit = r->cap - (size_t)r->half;
    if (limit - r->len < n) compact(r);
    if (n > limit - r->len) n = limit - r->len;
    if (n) memcpy(r->buf + r->len, in, n * sizeof *in);
    r->len += n;
    return n;
}

void am_resampler_finish(am_resampler *r) {
    if (r->finished) return;
    r->finished = true;
    r->end = r->len;
    if (r->half) memset(r->buf + r->len, 0, (size_t)r->half * sizeof *r->buf);
    r->len += (size_t)r->half;
}

static float dot(const float *restrict a, const float *restrict b, int n) {
    float sum[LANES] = { 0 };
    for (int i = 0; i < n; i += LANES)
        for (int j = 0; j < LANES; j++) sum[j] += a[i + j] * b[i + j];
    for (int width = LANES / 2; width > 0; width /= 2)
        for (int j = 0; j < width; j++) sum[j] += sum[j + width];
    return sum[0];
}

static float filter(const am_resampler *r) {
    const float *x = r->buf + (r->pos + 1 - (size_t)r->half);
    if (r->exact) return dot(x, r->table + (size_t)r->phase * r->n_taps, r->n_taps);
    int64_t at = (int64_t)r->phase * r->n_rows;
    const float *row = r->table + (size_t)(at / r->n_phases) * r->n_taps;
    float w = (float)(at % r->n_phases) / (float)r->n_phases;
    float a = dot(x, row, r->n_taps), b = dot(x, row + r->n_taps, r->n_taps);
    return a + w * (b - a);
}

static bool is_ready(const am_resampler *r) {
    return r->pos + (size_t)r->half < r->len && !(r->finished && r->pos >= r->end);
}

size_t am_resampler_pull(am_resampler *r, float *out, size_t cap) {
    size_t n = 0;
    if (r->half == 0) { /* 16 kHz already */
        n = r->len - r->pos < cap ? r->len - r->pos : cap;
        if (n) memcpy(out, r->buf + r->pos, n * sizeof *out);
        r->pos += n;
        return n;
    }
    for (; n < cap && is_ready(r); n++) {
        out[n] = filter(r);
        int64_t phase = (int64_t)r->phase + r->step;
        r->pos += (size_t)(phase / r->n_phases);
        r->phase = (int)(phase % r->n_phases);
    }
    return n;
}
