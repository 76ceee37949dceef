/* The log-mel spectrogram against faster-whisper's FeatureExtractor (numpy), and against itself on other threads.
 *
 * What is comparable: the goldens were made by giving the extractor exactly 480,000 samples (speech padded with zeros)
 * and padding=0.  It then reflects 200 samples at both ends and drops the frame past the end, as openai/whisper does
 * with a window padded to 30 s, so that all 3,000 frames can be compared.  In its daily use faster-whisper is called
 * with padding=160 on the whole recording: its maximum is then the recording's, and the window's last frame sees zeros
 * where we reflect; that frame alone would differ on sound that goes up to the very end.
 * Stored are every n-th frame and the first and last three, where the reflection is.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "audio/mel.h"
#include "support/golden.h"

enum { N_SAMPLES = 480000, N_FRAMES = 3000, MAX_MELS = 128 };

static float pcm[N_SAMPLES], mel[MAX_MELS * N_FRAMES], again[MAX_MELS * N_FRAMES];

static void compute(float *out, int n_mels, int n_threads, const float *samples, int n_samples, int n_frames) {
    am_mel *m;
    am_pool *pool;
    assert_int_equal(am_mel_open(&m, n_mels, NULL), AM_OK);
    assert_int_equal(am_pool_open(&pool, n_threads, NULL), AM_OK);
    for (int i = 0; i < n_mels * n_frames; i++) out[i] = NAN; /* every number must be written */
    am_mel_compute(m, pool, samples, n_samples, n_frames, out);
    am_pool_close(&pool);
    am_mel_close(&m);
    assert_null(m);
}

/* Compare mel with the golden `name`, which keeps every `step`-th frame and three at both ends. */
static void compare(const char *name, int n_mels, int n_frames, int step) {
    am_golden g = am_golden_load(AM_GOLDEN_MEL, name, n_mels, 0);
    float *kept = malloc((size_t)(g.n_rows * g.n_cols) * sizeof *kept);
    assert_non_null(kept);
    int n = 0;
    for (int band = 0; band < n_mels; band++)
        for (int f = 0; f < n_frames; f++)
            if (f % step == 0 || f < 3 || f >= n_frames - 3) {
                assert_true(n < g.n_rows * g.n_cols);
                kept[n++] = mel[band * n_frames + f];
            }
    assert_int_equal(n, g.n_rows * g.n_cols);
    am_difference d = am_golden_compare(kept, g.x, n);
    print_message("measured: mel %-10s max abs difference %.2e, mean %.2e\n", name, d.max_abs, d.mean_abs);
    assert_true(d.max_abs <= 1e-4);
    free(kept);
    free(g.x);
}

static void speech(void **state) {
    int n = am_golden_speech(pcm);
    compute(mel, 80, 1, pcm, n, N_FRAMES);
    compare("speech_80", 80, N_FRAMES, 7);
    compute(mel, 128, 1, pcm, n, N_FRAMES);
    compare("speech_128", 128, N_FRAMES, 7);
    compute(mel, 80, 1, pcm + 20000, 16160, 101); /* another length of window, sound up to both ends */
    compare("short_80", 80, 101, 1);
}

static void noise(void **state) {
    uint32_t seed = 1;
    for (int i = 0; i < N_SAMPLES; i++) {
        seed = seed * 1664525u + 1013904223u;
        pcm[i] = (float)(int32_t)(seed & 0xffffff00u) / 2147483648.0f; /* 24 bits: exact */
    }
    compute(mel, 80, 1, pcm, N_SAMPLES, N_FRAMES);
    compare("noise_80", 80, N_FRAMES, 61);
    compute(mel, 128, 1, pcm, N_SAMPLES, N_FRAMES);
    compare("noise_128", 128, N_FRAMES, 61);
}

static void full_scale_square_wave(void **state) {
    for (int i = 0; i < N_SAMPLES; i++) pcm[i] = i / 40 % 2 ? 1.0f : -1.0f;
    compute(mel, 80, 1, pcm, N_SAMPLES, N_FRAMES);
    compare("square_80", 80, N_FRAMES, 61);
    compute(mel, 128, 1, pcm, N_SAMPLES, N_FRAMES);
    compare("square_128", 128, N_FRAMES, 61);
}

/* log10(1e-10) = -10 everywhere, and (-10 + 4) / 4. */
static void silence(void **state) {
    memset(pcm, 0, sizeof pcm);
    static const int lengths[] = { 0, 1, 1600, N_SAMPLES };
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        compute(mel, 80, 1, pcm, lengths[l], N_FRAMES);
        for (int i = 0; i < 80 * N_FRAMES; i++) assert_true(mel[i] == -1.5f);
    }
}

static void same_bits_on_any_number_of_threads(void **state) {
    int n = am_golden_speech(pcm);
    compute(mel, 80, 1, pcm, n, N_FRAMES);
    static const int n_threads[] = { 2, 3, 7 };
    for (size_t t = 0; t < sizeof n_threads / sizeof n_threads[0]; t++) {
        compute(again, 80, n_threads[t], pcm, n, N_FRAMES);
        assert_memory_equal(again, mel, 80 * N_FRAMES * sizeof *mel);
    }
}

/* Silence that is left out gives the same bits as silence that is given, wherever the sound ends within a hop. */
static void skipped_silence_is_silence(void **state) {
    am_golden_speech(pcm);
    for (int n = 32000; n < 32000 + 400; n += 57) {
        float *samples = malloc((size_t)n * sizeof *samples); /* exact size: a sanitizer sees a read too far */
        assert_non_null(samples);
        memcpy(samples, pcm, (size_t)n * sizeof *samples);
        compute(mel, 80, 2, samples, n, N_FRAMES);
        float *whole = calloc(N_SAMPLES, sizeof *whole);
        assert_non_null(whole);
        memcpy(whole, samples, (size_t)n * sizeof *samples);
        compute(again, 80, 2, whole, N_SAMPLES, N_FRAMES);
        assert_memory_equal(again, mel, 80 * N_FRAMES * sizeof *mel);
        free(whole);
        free(samples);
    }
}

static void few_frames_and_few_samples(void **state) {
    float loud[480];
    for (int i = 0; i < 480; i++) loud[i] = i % 7 * 1e30f; /* any finite sample is fine */
    for (int n = 0; n <= 480; n += 120) {
        compute(mel, 80, 2, loud, n, 3);
        for (int i = 0; i < 80 * 3; i++) assert_true(isfinite(mel[i]));
    }
}

static void refuses_silly_band_counts(void **state) {
    am_mel *m;
    am_error err;
    assert_int_equal(am_mel_open(&m, 0, &err), AM_E_ARG);
    assert_null(m);
    assert_int_equal(am_mel_open(&m, 257, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "257"));
    assert_int_equal(am_mel_open(&m, 256, &err), AM_OK); /* its narrowest filters fall between two bins */
    am_mel_close(&m);
    am_mel_close(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speech),
        cmocka_unit_test(noise),
        cmocka_unit_test(full_scale_square_wave),
        cmocka_unit_test(silence),
        cmocka_unit_test(same_bits_on_any_number_of_threads),
        cmocka_unit_test(skipped_silence_is_silence),
        cmocka_unit_test(few_frames_and_few_samples),
        cmocka_unit_test(refuses_silly_band_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
