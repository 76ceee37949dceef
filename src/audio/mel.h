/* Whisper's log-mel spectrogram.  400-point periodic Hann window, hop 160, the signal reflected by 200 samples at both
 * ends, power spectrum of 201 bins, Slaney mel filters (0..8 kHz, area-normalised) computed from their formula,
 * log10 of at least 1e-10, clamped to the window's maximum - 8, then (x + 4) / 4.
 * Source: Radford et al. 2022, section 2.2; filters as librosa.filters.mel(sr=16000, n_fft=400, htk=False, norm="slaney").
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_AUDIO_MEL_H
#define AM_AUDIO_MEL_H

#include "base/pool.h"

typedef struct am_mel am_mel; /* tables, immutable once open; any thread */

/* n_mels 1..256.  Returns AM_OK, AM_E_ARG, AM_E_NOMEM. */
am_status am_mel_open(am_mel **m, int n_mels, am_error *err);
void am_mel_close(am_mel **m);

/* out[n_mels, n_frames] of pcm[n_samples] followed by silence up to n_frames * 160 samples (n_frames * 160 must be at least
 * n_samples, and at least 400).  The frames whose support is all silence are filled, not computed.
 * Split over the pool by frames.  Never fails. */
void am_mel_compute(const am_mel *m, am_pool *pool, const float *pcm, int n_samples, int n_frames, float *out);

/* The filter bank, [n_mels, 201], for tests and for other backends. */
const float *am_mel_filters(const am_mel *m);

#endif
