/* Where a recording may be cut into windows that are decoded apart: in silence, late in the 30 s a window has, and
 * without what is too quiet to hold a word in front.
 *
 * A decision looks at the 30 s in front of it and at how loud the recording has been so far, nothing else: it does not
 * depend on how much has been fed.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_ENGINE_CUTTER_H
#define AM_ENGINE_CUTTER_H

#include <stdbool.h>

#include "backend/backend.h"

typedef struct am_cutter {
    float loudest;                    /* of what was looked at so far */
    float loudness[AM_WINDOW_FRAMES]; /* of each frame of 10 ms */
    float smooth[AM_WINDOW_FRAMES];   /* of the stretch around the boundary before each frame */
} am_cutter;

/* All zero is a cutter that has heard nothing. */

/* Frames at the beginning of pcm[n_samples] that hold no word; n_samples is 30 s, or the whole rest when that is less.
 * To be called, and what it says skipped, until it says 0. */
int am_cutter_skip(am_cutter *c, const float *pcm, int n_samples);

/* Frames of the window that begins with the 30 s at pcm, when audio goes on behind them. */
int am_cutter_end(am_cutter *c, const float *pcm);

/* The last frame of pcm[n_samples] with at least a second of loud sound behind it; 0 when there is none. */
int am_cutter_last_sound(am_cutter *c, const float *pcm, int n_samples);

#endif
