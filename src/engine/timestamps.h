/* Tokens of a window cut into segments by their timestamp tokens, and how far the next window begins.
 * Source: openai/whisper transcribe.py.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_TIMESTAMPS_H
#define AM_ENGINE_TIMESTAMPS_H

#include <stdint.h>

typedef struct am_span {
    int first, n;             /* tokens first .. first+n-1 of the window, timestamps included */
    int start_step, end_step; /* steps of 0.02 s from the window's start */
} am_span;

typedef struct am_cut {
    int n_spans;
    int n_done;  /* tokens that need not be decoded again, with the timestamp the next window begins at */
    int advance; /* frames of 10 ms to the next window */
} am_cut;

/* tokens[n] of a window of n_frames; spans has room for n.  first_timestamp: the token <|0.00|>. */
am_cut am_timestamps_cut(const int32_t *tokens, int n, int32_t first_timestamp, int n_frames, am_span *spans);

/* The same for a window no other continues: text after the last pair is a segment up to the window's end, and no time lies
 * behind it.  Returns the number of spans; there is room for n + 1. */
int am_timestamps_cut_whole(const int32_t *tokens, int n, int32_t first_timestamp, int n_frames, am_span *spans);

#endif
