/* See cutter.h.
 *
 * A pause is where the sound, averaged over a quarter of a second (longer than the closure of a stop, shorter than most
 * pauses), is 40 dB below the loudest of these 30 s, or nearly as low as it gets where noise never lets it fall that far.
 *
 * SPDX-License-Identifier: MIT */
#include "engine/cutter.h"

#include <math.h>

enum {
    FIRST_CUT = AM_WINDOW_FRAMES * 2 / 3, /* a window costs the same whatever it holds: none shorter than 20 s */
    STRETCH = 24,                         /* frames averaged */
    LONG_PAUSE = 100 - STRETCH,           /* boundaries in a pause of a second: likely the end of a sentence */
    FINE = 4,                             /* frames averaged when a cut is put in its place */
    SHORTEST_SKIP = 100,
    SECOND = 100,
    KEPT = 50, /* of the silence in front of a word: breath, soft consonants */
};

#define PAUSE 1e-4f       /* -40 dB, in power */
#define NEARLY_EQUAL 2.0f /* 3 dB */
#define LOUDEST 4.0f      /* 12 dB over full scale */
#define LOUD 3e-3f        /* -25 dB */
#define OVER_NOISE 10.0f
#define INAUDIBLE 1e-6f     /* -60 dB */
#define ONE_STEP 9.313e-10f /* a sine of one step of 16 bits, squared: (1 / 32768)^2 */

/* How loud each frame is: the one thing asked of a detector of speech.  A damaged sample far beyond full scale counts as
 * loud, not as so loud that everything after it would be silence. */
static int measure(float *loudness, const float *pcm, int n_samples) {
    int n_frames = n_samples / AM_HOP;
    for (int f = 0; f < n_frames; f++, pcm += AM_HOP) {
        float sum = 0;
        for (int i = 0; i < AM_HOP; i++) {
            float x = fminf(fmaxf(pcm[i], -LOUDEST), LOUDEST);
            sum += x * x;
        }
        loudness[f] = sum / AM_HOP;
    }
    return n_frames;
}

/* smooth[f]: mean of the STRETCH frames around the boundary before frame f, as far as they are there. */
static void average(float *smooth, const float *loudness, int n_frames) {
    double sum = 0; /* of frames of wildly different size: f32 would leave rests of what was taken off again */
    int from = 0, to = 0;
    for (int f = 0; f < n_frames; f++) {
        for (; to < n_frames && to < f + STRETCH / 2; to++) sum += loudness[to];
        for (; from < f - STRETCH / 2; from++) sum -= loudness[from];
        smooth[f] = sum > 0 ? (float)(sum / (to - from)) : 0;
    }
}

static float greatest(const float *x, int n) {
    float top = 0;
    for (int i = 0; i < n; i++) top = x[i] > top ? x[i] : top;
    return top;
}

static float least(const float *x, int n) {
    float low = x[0];
    for (int i = 1; i < n; i++) low = x[i] < low ? x[i] : low;
    return low;
}

static int look(am_cutter *c, const float *pcm, int n_samples) {
    int n_frames = measure(c->loudness, pcm, n_samples);
    average(c->smooth, c->loudness, n_frames);
    return n_frames;
}

int am_cutter_skip(am_cutter *c, const float *pcm, int n_samples) {
    int n_frames = look(c, pcm, n_samples), n = 0;
    float loud = greatest(c->smooth, n_frames);
    if (loud > c->loudest) c->loudest = loud;
    float limit = c->loudest * INAUDIBLE > ONE_STEP ? c->loudest * INAUDIBLE : ONE_STEP;
    while (n < n_frames && c->loudness[n] <= limit) n++;
    if (n == n_frames && n_samples < AM_WINDOW_SAMPLES) return n; /* the end: nothing comes any more */
    return n >= SHORTEST_SKIP ? n - KEPT : 0;
}

/* The quietest boundary within half a stretch, the nearest of equals. */
static int settle(const float *loudness, int cut) {
    int best = cut;
    float lowest = 0;
    for (int i = 0; i <= STRETCH; i++) {
        int at = cut + (i & 1 ? -(i + 1) / 2 : i / 2);
        if (at + FINE / 2 > AM_WINDOW_FRAMES) continue;
        float sum = 0;
        for (int f = at - FINE / 2; f < at + FINE / 2; f++) sum += loudness[f];
        if (i > 0 && sum >= lowest) continue;
        lowest = sum;
        best = at;
    }
    return best;
}

int am_cutter_end(am_cutter *c, const float *pcm) {
    enum { END = AM_WINDOW_FRAMES - STRETCH / 2 };
    look(c, pcm, AM_WINDOW_SAMPLES);
    float pause = greatest(c->smooth, AM_WINDOW_FRAMES) * PAUSE;
    float quiet = least(c->smooth + FIRST_CUT, END - FIRST_CUT) * NEARLY_EQUAL;
    float limit = pause > quiet ? pause : quiet;
    int cut = END, longest = 0;
    for (int f = FIRST_CUT, n = 0; f <= END; f++) {
        bool is_quiet = f < END && c->smooth[f] <= limit;
        if (is_quiet) n++;
        if (is_quiet || n == 0) continue;
        /* A pause ended: the latest long one, or else the latest. */
        int rank = n >= LONG_PAUSE ? LONG_PAUSE : 1;
        if (rank >= longest) {
            longest = rank;
            cut = f - (n + 1) / 2;
        }
        n = 0;
    }
    return settle(c->loudness, cut);
}

int am_cutter_last_sound(am_cutter *c, const float *pcm, int n_samples) {
    int n_frames = look(c, pcm, n_samples), n_loud = 0;
    if (n_frames == 0) return 0;
    float loud = greatest(c->smooth, n_frames) * LOUD, noise = least(c->smooth, n_frames) * OVER_NOISE;
    float limit = loud > noise ? loud : noise;
    for (int f = n_frames - 1; f >= 0; f--) {
        n_loud += c->smooth[f] > limit;
        if (n_loud == SECOND) return f;
    }
    return 0;
}
