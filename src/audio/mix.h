/* Many channels to one.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_AUDIO_MIX_H
#define AM_AUDIO_MIX_H

#include <stddef.h>
#include <stdint.h>

/* mono[i] = the mean of the channels of frame i.  NaN and infinite samples count as 0; a mean beyond +-AM_MIX_LIMIT
 * is clamped, so that nothing behind this point can overflow.  Returns how many samples were not finite. */
uint64_t am_mix_mono(const float *frames, size_t n_frames, int n_channels, float *mono);

/* Far above any scale sound is stored in (32-bit integers as floats reach 2^31), and 2^31 squared and summed over a
 * window is still far inside a float. */
#define AM_MIX_LIMIT 2147483648.0f

#endif
