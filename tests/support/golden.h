/* Golden files: expected numbers from other people's implementations, made by tests/golden/make_golden.py.
 *
 * A file is a run of arrays; an array is a name (16 bytes, zero-padded), u32 rows, u32 columns, then rows * columns
 * f32, all little-endian.  Token numbers are stored as floats too (exact below 2^24).  reference/whisper_reference
 * dumps its numbers in the same form.
 *
 * SPDX-License-Identifier: MIT */
#ifndef AM_TEST_GOLDEN_H
#define AM_TEST_GOLDEN_H

typedef struct am_golden {
    int n_rows, n_cols;
    float *x; /* free() it */
} am_golden;

/* The array `name` of a file; the test fails when it is not there or not [n_rows, n_cols] (0: any). */
am_golden am_golden_load(const char *path, const char *name, int n_rows, int n_cols);

/* The recording all goldens of speech were made from: 16 kHz mono, about 25 s.  Returns the number of samples, at most
 * 480,000, and leaves the rest of pcm zero. */
int am_golden_speech(float pcm[480000]);

/* How two arrays of n numbers differ. */
typedef struct am_difference {
    double max_abs, mean_abs, correlation;
} am_difference;

am_difference am_golden_compare(const float *got, const float *expected, int n);

#define AM_GOLDEN_MEL AM_TEST_DATA "/golden/data/mel.golden"
#define AM_GOLDEN_BASE AM_TEST_DATA "/golden/data/speech_base.golden"
#define AM_GOLDEN_SPEECH AM_TEST_DATA "/golden/data/speech.wav"

#endif
