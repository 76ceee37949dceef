/* The samples a session still needs: at most one window of 30 s and what was fed beyond it.
 * Positions are in 10 ms frames of the session's own time; the buffer begins where the next window begins.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_WINDOW_H
#define AM_ENGINE_WINDOW_H

#include <stdbool.h>

#include "backend/backend.h"

typedef struct am_window {
    float *pcm; /* [AM_WINDOW_SAMPLES + AM_FEED_MAX] */
    size_t len;
    int64_t seek;  /* frame of pcm[0] */
    bool finished; /* nothing more will be fed */
} am_window;

am_status am_window_open(am_window *w, am_error *err);
void am_window_close(am_window *w);

/* AM_OK, or AM_E_AGAIN when there is no room (a whole window is there then). */
am_status am_window_feed(am_window *w, const float *pcm, size_t n_samples);

/* A window can be decoded: 30 s are there, or the rest after the end was declared. */
bool am_window_ready(const am_window *w);

/* The same where windows are cut in silence: more than 30 s, so that it is known whether audio goes on behind them. */
bool am_window_can_be_cut(const am_window *w);

/* Samples of the window to decode, at most 30 s. */
int am_window_samples(const am_window *w);

/* Frames of it, rounded down. */
int am_window_frames(const am_window *w);

/* Nothing but digital silence: no sample above one step of 16 bits.  Whisper writes words even on this. */
bool am_window_is_silent(const float *pcm, int n_samples);

/* Forget the first n_frames; frames past the end are simply the end. */
void am_window_advance(am_window *w, int n_frames);

#endif
