/* See mel.h.  Works through the frames in groups of AM_FFT_LANES and in double precision until the logarithm: the
 * clamp 80 dB below the loudest spot keeps bins that a float transform would fill with its own rounding noise.
 *
 * Bits do not depend on the threads: lanes are independent, sums run inside one frame, the maximum has no order.
 *
 * SPDX-License-Identifier: MIT */
#include "audio/mel.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "audio/fft.h"

enum { HOP = 160, LANES = AM_FFT_LANES, MAX_MELS = 256, MAX_TASKS = 64 };

struct am_mel {
    int n_mels;
    am_fft fft;
    double window[AM_FFT_SIZE];
    float *filters;                      /* [n_mels, AM_FFT_BINS] */
    int first[MAX_MELS], last[MAX_MELS]; /* bins where a filter is not zero; last < first when nowhere */
};

/* Slaney's mel scale: linear below 1 kHz (200/3 Hz per mel), logarithmic above (a factor of 6.4 in 27 mels). */
static double hz_of_mel(double mel) {
    const double linear_end = 15.0; /* 1000 Hz */
    if (mel < linear_end) return mel * 200.0 / 3.0;
    return 1000.0 * exp(log(6.4) / 27.0 * (mel - linear_end));
}

static double mel_of_hz(double hz) {
    if (hz < 1000.0) return hz * 3.0 / 200.0;
    return 15.0 + 27.0 / log(6.4) * log(hz / 1000.0);
}

/* Triangle `f` of n_mels between 0 and 8 kHz, its area made the same for all by 2 / width. */
static void make_filter(am_mel *m, int f) {
    double top = mel_of_hz(AM_SAMPLE_RATE / 2.0), step = top / (m->n_mels + 1);
    double left = hz_of_mel(f * step), centre = hz_of_mel((f + 1) * step), right = hz_of_mel((f + 2) * step);
    float *row = m->filters + (size_t)f * AM_FFT_BINS;
    m->first[f] = AM_FFT_BINS;
    m->last[f] = -1;
    for (int k = 0; k < AM_FFT_BINS; k++) {
        double hz = (double)k * AM_SAMPLE_RATE / AM_FFT_SIZE;
        double up = (hz - left) / (centre - left), down = (right - hz) / (right - centre);
        double height = fmax(0.0, fmin(up, down));
        row[k] = (float)(height * 2.0 / (right - left));
        if (row[k] > 0.0f) {
            if (m->last[f] < 0) m->first[f] = k;
            m->last[f] = k;
        }
    }
}

am_status am_mel_open(am_mel **m, int n_mels, am_error *err) {
    *m = NULL;
    if (n_mels < 1 || n_mels > MAX_MELS)
        return am_fail(err, AM_E_ARG, "a mel spectrogram has 1 to %d bands, not %d", MAX_MELS, n_mels);
    am_mel *self = calloc(1, sizeof *self);
    if (!self) return am_fail_nomem(err, "the mel tables", sizeof *self);
    size_t n_bytes = (size_t)n_mels * AM_FFT_BINS * sizeof(float);
    self->filters = malloc(n_bytes);
    if (!self->filters) {
        free(self);
        return am_fail_nomem(err, "the mel filters", n_bytes);
    }
    self->n_mels = n_mels;
    am_fft_init(&self->fft);
    for (int i = 0; i < AM_FFT_SIZE; i++) self->window[i] = 0.5 - 0.5 * self->fft.cos[i]; /* periodic Hann */
    for (int f = 0; f < n_mels; f++) make_filter(self, f);
    *m = self;
    return AM_OK;
}

void am_mel_close(am_mel **m) {
    if (!*m) return;
    free((*m)->filters);
    free(*m);
    *m = NULL;
}

const float *am_mel_filters(const am_mel *m) {
    return m->filters;
}

typedef struct mel_run {
    const am_mel *m;
    const float *pcm;
    int n_samples, n_frames;
    int n_heard; /* frames that touch a sample; the ones behind them are silence */
    int n_tasks;
    float *out;
    float task_max[MAX_TASKS];
    float floor;
} mel_run;

/* x[400][LANES] = the window's weight times the samples around frame first_frame + lane.  Lanes past the last frame
 * repeat it. */
static void gather(const mel_run *r, int first_frame, double *x) {
    const long total = (long)r->n_frames * HOP;
    for (int lane = 0; lane < LANES; lane++) {
        int frame = first_frame + lane < r->n_frames ? first_frame + lane : r->n_frames - 1;
        long start = (long)frame * HOP - AM_FFT_SIZE / 2;
        bool inside = start >= 0 && start + AM_FFT_SIZE <= r->n_samples;
        for (int i = 0; i < AM_FFT_SIZE; i++) {
            long at = start + i;
            if (!inside) {
                if (at < 0) at = -at;
                if (at >= total) at = 2 * (total - 1) - at;
            }
            x[i * LANES + lane] = at < r->n_samples ? (double)r->pcm[at] * r->m->window[i] : 0.0;
        }
    }
}

/* Up to LANES columns of out, as log10 of mel energies; returns the largest. */
static float compute_group(const mel_run *r, int first_frame) {
    const double log10_e = 0.43429448190325182765;
    const am_mel *m = r->m;
    double x[AM_FFT_SIZE * LANES], power[AM_FFT_BINS * LANES];
    am_fft_spectrum spectrum;
    gather(r, first_frame, x);
    am_fft_real(&m->fft, x, &spectrum);
    for (int i = 0; i < AM_FFT_BINS * LANES; i++)
        power[i] = spectrum.re[i] * spectrum.re[i] + spectrum.im[i] * spectrum.im[i];

    int n = r->n_frames - first_frame < LANES ? r->n_frames - first_frame : LANES;
    float largest = -10.0f;
    for (int f = 0; f < m->n_mels; f++) {
        const float *filter = m->filters + (size_t)f * AM_FFT_BINS;
        double energy[LANES] = { 0 };
        for (int k = m->first[f]; k <= m->last[f]; k++)
            for (int lane = 0; lane < LANES; lane++) energy[lane] += filter[k] * power[k * LANES + lane];
        for (int lane = 0; lane < n; lane++) {
            float v = (float)(log10_e * log(fmax(energy[lane], 1e-10)));
            r->out[(size_t)f * (size_t)r->n_frames + (size_t)(first_frame + lane)] = v;
            largest = v > largest ? v : largest;
        }
    }
    return largest;
}

/* First group of frames of a task; group g begins at frame g * LANES. */
static int group_begin(const mel_run *r, int task) {
    long n_groups = (r->n_heard + LANES - 1) / LANES;
    return (int)(n_groups * task / r->n_tasks);
}

static void compute_task(void *arg, int task, int worker) {
    mel_run *r = arg;
    float largest = -10.0f;
    for (int g = group_begin(r, task); g < group_begin(r, task + 1); g++)
        largest = fmaxf(largest, compute_group(r, g * LANES));
    r->task_max[task] = largest;
}

/* Row `task`: silence, clamp and scale. */
static void finish_task(void *arg, int task, int worker) {
    mel_run *r = arg;
    float *row = r->out + (size_t)task * (size_t)r->n_frames;
    const float floor = r->floor, silence = fmaxf(-10.0f, floor);
    for (int i = 0; i < r->n_heard; i++) row[i] = ((row[i] > floor ? row[i] : floor) + 4.0f) / 4.0f;
    for (int i = r->n_heard; i < r->n_frames; i++) row[i] = (silence + 4.0f) / 4.0f;
}

void am_mel_compute(const am_mel *m, am_pool *pool, const float *pcm, int n_samples, int n_frames, float *out) {
    assert(n_samples >= 0 && n_frames >= 3 && (long)n_frames * HOP >= n_samples);
    mel_run r = { .m = m, .pcm = pcm, .n_samples = n_samples, .n_frames = n_frames, .out = out };
    /* Frame f begins at sample 160 f - 200.  The reflection at the far end stays inside the last frame's own support,
     * so it brings no sound into a silent frame. */
    long heard = ((long)n_samples + AM_FFT_SIZE / 2 + HOP - 1) / HOP;
    r.n_heard = n_samples == 0 ? 0 : heard < n_frames ? (int)heard : n_frames;
    int n_groups = (r.n_heard + LANES - 1) / LANES;
    r.n_tasks = n_groups < MAX_TASKS ? n_groups : MAX_TASKS;
    am_pool_run(pool, compute_task, &r, r.n_tasks);
    float largest = -10.0f;
    for (int i = 0; i < r.n_tasks; i++) largest = fmaxf(largest, r.task_max[i]);
    r.floor = largest - 8.0f;
    am_pool_run(pool, finish_task, &r, m->n_mels);
}
