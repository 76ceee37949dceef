/* The Fourier transform of the audio front end: 400 real points, a few signals at a time, double precision.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_AUDIO_FFT_H
#define AM_AUDIO_FFT_H

enum {
    AM_FFT_SIZE = 400, /* points of the real signal */
    AM_FFT_BINS = AM_FFT_SIZE / 2 + 1,
    AM_FFT_LANES = 4, /* signals transformed together, interleaved: the compiler's vectors run across them */
};

typedef struct am_fft { /* tables: e^(-2 pi i k / 400) */
    double cos[AM_FFT_SIZE], sin[AM_FFT_SIZE];
} am_fft;

typedef struct am_fft_spectrum {
    double re[AM_FFT_BINS * AM_FFT_LANES]; /* [bin][lane] */
    double im[AM_FFT_BINS * AM_FFT_LANES];
} am_fft_spectrum;

void am_fft_init(am_fft *t);

/* out[k] = sum_n x[n] e^(-2 pi i n k / 400) of every lane of x[400][AM_FFT_LANES].  Lanes do not touch each other: a
 * signal's bits do not depend on its neighbours.  Error about 1e-15 of the signal's norm.  Any thread. */
void am_fft_real(const am_fft *t, const double *x, am_fft_spectrum *out);

#endif
