/* See timestamps.h.
 *
 * A finished segment ends with a pair of timestamps: its own end and the start of the next.  What follows the last pair
 * was cut by the window's end and is decoded again: the next window begins at that pair.  A window that ends with one
 * single timestamp has nothing after it, so the whole window is done.
 *
 * SPDX-License-Identifier: MIT */
#include "engine/timestamps.h"

#include <stdbool.h>

/* 0.02 s in frames of 10 ms */
#define STEP_FRAMES 2

am_cut am_timestamps_cut(const int32_t *tokens, int n, int32_t first_timestamp, int n_frames, am_span *spans) {
    am_cut cut = { 0, n, n_frames };
    bool ends_with_single = n >= 2 && tokens[n - 2] < first_timestamp && tokens[n - 1] >= first_timestamp;
    int begin = 0, last_pair_end = 0;
    for (int i = 1; i <= n; i++) {
        bool is_pair = i < n && tokens[i] >= first_timestamp && tokens[i - 1] >= first_timestamp;
        bool is_end = i == n && ends_with_single && last_pair_end > 0;
        if (!is_pair && !is_end) continue;
        spans[cut.n_spans++] =
            (am_span){ begin, i - begin, tokens[begin] - first_timestamp, tokens[i - 1] - first_timestamp };
        begin = i;
        if (is_pair) last_pair_end = i;
    }
    if (last_pair_end > 0) {
        if (ends_with_single) return cut;
        cut.advance = (tokens[last_pair_end - 1] - first_timestamp) * STEP_FRAMES;
        cut.n_done = last_pair_end + 1;
        return cut;
    }
    /* No pair: one segment, from the window's start to its last timestamp or its end. */
    int end_step = n_frames / STEP_FRAMES;
    for (int i = n - 1; i >= 0; i--)
        if (tokens[i] >= first_timestamp) {
            if (tokens[i] > first_timestamp) end_step = tokens[i] - first_timestamp;
            break;
        }
    if (n > 0) spans[cut.n_spans++] = (am_span){ 0, n, 0, end_step };
    return cut;
}

int am_timestamps_cut_whole(const int32_t *tokens, int n, int32_t first_timestamp, int n_frames, am_span *spans) {
    am_cut cut = am_timestamps_cut(tokens, n, first_timestamp, n_frames, spans);
    int last_step = n_frames / STEP_FRAMES;
    if (cut.n_done < n) {
        int begin = cut.n_done - 1; /* the timestamp the rest begins at */
        spans[cut.n_spans++] = (am_span){ begin, n - begin, tokens[begin] - first_timestamp, last_step };
    }
    for (int i = 0; i < cut.n_spans; i++) {
        if (spans[i].start_step > last_step) spans[i].start_step = last_step;
        if (spans[i].end_step > last_step) spans[i].end_step = last_step;
    }
    return cut.n_spans;
}
