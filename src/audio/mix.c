/* Many channels to one: the mean.  Here, and only here, samples that are not numbers are met and replaced.
 *
 * SPDX-License-Identifier: MIT */
#include "audio/mix.h"

#include <math.h>

uint64_t am_mix_mono(const float *frames, size_t n_frames, int n_channels, float *mono) {
    uint64_t n_nonfinite = 0;
    for (size_t i = 0; i < n_frames; i++) {
        /* In double: 64 of the largest floats do not overflow, and a mean of equal channels is exactly the channel. */
        double sum = 0;
        for (int c = 0; c < n_channels; c++) {
            float x = frames[i * (size_t)n_channels + (size_t)c];
            if (isfinite(x)) sum += x;
            else n_nonfinite++;
        }
        float mean = (float)(sum / n_channels);
        mono[i] = mean > AM_MIX_LIMIT ? AM_MIX_LIMIT : mean < -AM_MIX_LIMIT ? -AM_MIX_LIMIT : mean;
    }
    return n_nonfinite;
}
