/* From any rate to 16 kHz: a polyphase windowed-sinc filter, streaming, in memory fixed at opening.
 *
 *     am_resampler_push() samples until it takes no more, am_resampler_pull() until nothing comes, and again;
 *     am_resampler_finish() after the last sample, then pull until 0.
 *
 * Output sample n lies exactly at the time of input sample n * rate / 16000: no delay to correct, whatever the rate.
 * There are ceil(n_in * 16000 / rate) of them.  The same input gives the same bits however it is cut into pieces.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_AUDIO_RESAMPLE_H
#define AM_AUDIO_RESAMPLE_H

#include "base/error.h"

typedef struct am_resampler am_resampler;

/* rate_in 1000..768000.  Returns AM_OK, AM_E_ARG, AM_E_NOMEM. */
am_status am_resampler_open(am_resampler **r, int rate_in, am_error *err);
void am_resampler_close(am_resampler **r);

/* Samples must be finite.  Returns how many of the n were taken: fewer when there is something to pull first. */
size_t am_resampler_push(am_resampler *r, const float *in, size_t n);

/* Up to cap samples; 0 when more input is needed, or after the finish when all is out. */
size_t am_resampler_pull(am_resampler *r, float *out, size_t cap);

void am_resampler_finish(am_resampler *r);

/* The grid on which input and output samples coincide: every `in`-th input sample is every `out`-th output sample; and
 * how many input samples around its time an output sample is made of, to either side. */
typedef struct am_resampler_grid {
    int in, out, reach;
} am_resampler_grid;
am_resampler_grid am_resampler_grid_get(const am_resampler *r);

#endif
