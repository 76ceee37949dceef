/* See window.h.  SPDX-License-Identifier: MIT */
#include "engine/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A rest shorter than this holds no word, but Whisper would write one: 0.1 s, as whisper.cpp has it. */
#define MIN_SAMPLES 1600

#define CAPACITY (AM_WINDOW_SAMPLES + AM_FEED_MAX)

am_status am_window_open(am_window *w, am_error *err) {
    *w = (am_window){ .pcm = malloc(CAPACITY * sizeof *w->pcm) };
    return w->pcm ? AM_OK : am_fail_nomem(err, "a window of samples", CAPACITY * sizeof *w->pcm);
}

void am_window_close(am_window *w) {
    free(w->pcm);
    *w = (am_window){ 0 };
}

am_status am_window_feed(am_window *w, const float *pcm, size_t n_samples) {
    if (n_samples > CAPACITY - w->len) return AM_E_AGAIN;
    if (n_samples) memcpy(w->pcm + w->len, pcm, n_samples * sizeof *pcm);
    w->len += n_samples;
    return AM_OK;
}

bool am_window_ready(const am_window *w) {
    return w->len >= (w->finished ? MIN_SAMPLES : AM_WINDOW_SAMPLES);
}

bool am_window_can_be_cut(const am_window *w) {
    return w->len >= (w->finished ? MIN_SAMPLES : AM_WINDOW_SAMPLES + 1);
}

int am_window_samples(const am_window *w) {
    return w->len < AM_WINDOW_SAMPLES ? (int)w->len : AM_WINDOW_SAMPLES;
}

int am_window_frames(const am_window *w) {
    return am_window_samples(w) / AM_HOP;
}

bool am_window_is_silent(const float *pcm, int n_samples) {
    for (int i = 0; i < n_samples; i++)
        if (fabsf(pcm[i]) > 1.0f / 32768) return false;
    return true;
}

void am_window_advance(am_window *w, int n_frames) {
    size_t n = (size_t)n_frames * AM_HOP;
    w->seek += n_frames;
    if (n > w->len) n = w->len;
    w->len -= n;
    memmove(w->pcm, w->pcm + n, w->len * sizeof *w->pcm);
}
