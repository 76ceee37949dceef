/* Where windows end, on signals whose pauses are known: bursts of a tone in more or less noise.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "engine/cutter.h"
#include "support/guard.h"

enum { SECOND = 16000 };
static float pcm[AM_WINDOW_SAMPLES];
static am_cutter cutter;

static void noise_everywhere(float level) {
    am_random random = { 3 };
    for (int i = 0; i < AM_WINDOW_SAMPLES; i++) pcm[i] = level > 0 ? am_random_float(&random, -level, level) : 0;
}

static void burst(double from, double to) {
    for (int i = (int)(from * SECOND); i < (int)(to * SECOND); i++) pcm[i] += 0.3f * sinf(0.1f * (float)i);
}

static double end_of_window(void) {
    memset(&cutter, 0, sizeof cutter);
    return am_cutter_end(&cutter, pcm) * 0.01;
}

static void expect_between(double x, double low, double high) {
    if (x < low || x > high) fail_msg("%.2f s is not in %.2f..%.2f", x, low, high);
}

/* The same pauses in digital silence, in a quiet room, and 20 dB below the voice. */
static const float levels[] = { 0, 1e-4f, 0.03f };

static void cuts_in_the_only_pause(void **state) {
    for (size_t i = 0; i < 3; i++) {
        noise_everywhere(levels[i]);
        burst(0, 24.0);
        burst(24.3, 30);
        expect_between(end_of_window(), 24.05, 24.25);
    }
}

static void prefers_the_later_of_equal_pauses(void **state) {
    for (size_t i = 0; i < 3; i++) {
        noise_everywhere(levels[i]);
        burst(0, 21.0);
        burst(21.4, 25.0);
        burst(25.4, 28.0);
        burst(28.4, 30);
        expect_between(end_of_window(), 28.05, 28.35);
    }
}

static void prefers_a_long_pause(void **state) {
    for (size_t i = 0; i < 3; i++) {
        noise_everywhere(levels[i]);
        burst(0, 23.0);
        burst(24.5, 28.0);
        burst(28.4, 30);
        expect_between(end_of_window(), 23.5, 24.0); /* about its middle */
    }
}

/* What lies behind the window is not looked at: the frames next to it in memory made the end of the pause look loud. */
static void pause_at_the_very_end(void **state) {
    for (double from = 29.60; from < 29.99; from += 0.01) {
        noise_everywhere(0);
        burst(0, from);
        expect_between(end_of_window(), 20.0, 29.98);
    }
}

/* One sample of a damaged file must not make all that follows look like silence. */
static void absurd_sample_is_only_loud(void **state) {
    noise_everywhere(0);
    burst(0, 30);
    pcm[SECOND] = 1e20f;
    memset(&cutter, 0, sizeof cutter);
    assert_int_equal(am_cutter_skip(&cutter, pcm, AM_WINDOW_SAMPLES), 0);
    pcm[SECOND] = 0;
    assert_int_equal(am_cutter_skip(&cutter, pcm, AM_WINDOW_SAMPLES), 0);
}

static void early_pauses_do_not_count(void **state) {
    noise_everywhere(1e-4f);
    burst(0, 10);
    burst(13, 27.0);
    burst(27.3, 30);
    expect_between(end_of_window(), 27.05, 27.25);
}

static void silence_to_the_end(void **state) {
    noise_everywhere(0);
    burst(0, 26);
    expect_between(end_of_window(), 27, 29); /* the pause reaches to the end as far as is known */
}

static void no_pause_at_all(void **state) {
    noise_everywhere(0);
    burst(0, 30);
    expect_between(end_of_window(), 20, 30);
    noise_everywhere(0.2f);
    expect_between(end_of_window(), 20, 30);
    noise_everywhere(0);
    expect_between(end_of_window(), 20, 30);
}

/* A weak syllable is no pause where there is one. */
static void a_weak_word_is_not_cut(void **state) {
    noise_everywhere(1e-4f);
    burst(0, 22.0);
    burst(22.3, 30);
    for (int i = (int)(26.0 * SECOND); i < (int)(26.4 * SECOND); i++) pcm[i] *= 0.05f;
    expect_between(end_of_window(), 22.05, 22.25);
}

static int skipped(int n_samples) {
    int n = 0, frames;
    while ((frames = am_cutter_skip(&cutter, pcm + n * AM_HOP, n_samples - n * AM_HOP)) > 0) n += frames;
    return n;
}

static void skips_silence_but_not_what_may_be_a_word(void **state) {
    memset(&cutter, 0, sizeof cutter);
    noise_everywhere(0);
    burst(10, 30);
    expect_between(am_cutter_skip(&cutter, pcm, AM_WINDOW_SAMPLES) * 0.01, 9.0, 9.9);

    /* 50 dB below the loudest: kept. */
    memset(&cutter, 0, sizeof cutter);
    noise_everywhere(0);
    burst(10, 30);
    for (int i = 2 * SECOND; i < 3 * SECOND; i++) pcm[i] = 1e-3f * sinf(0.1f * (float)i);
    expect_between(am_cutter_skip(&cutter, pcm, AM_WINDOW_SAMPLES) * 0.01, 1.0, 1.9);

    /* Where nothing louder was heard, a whisper counts. */
    memset(&cutter, 0, sizeof cutter);
    noise_everywhere(1e-4f);
    assert_int_equal(am_cutter_skip(&cutter, pcm, AM_WINDOW_SAMPLES), 0);

    /* A pause of half a second is none to skip. */
    memset(&cutter, 0, sizeof cutter);
    noise_everywhere(0);
    burst(0.5, 30);
    assert_int_equal(am_cutter_skip(&cutter, pcm, AM_WINDOW_SAMPLES), 0);
}

static void a_silent_rest_is_skipped_whole(void **state) {
    memset(&cutter, 0, sizeof cutter);
    noise_everywhere(0);
    assert_int_equal(skipped(7 * SECOND), 700);
    assert_int_equal(am_cutter_skip(&cutter, pcm, 50), 0); /* less than a frame */
    /* Of 30 s that are followed by more, the last half second is kept: a word may begin right behind. */
    assert_int_equal(am_cutter_skip(&cutter, pcm, AM_WINDOW_SAMPLES), 2950);
}

static void last_sound(void **state) {
    memset(&cutter, 0, sizeof cutter);
    noise_everywhere(1e-4f);
    burst(2, 20);
    expect_between(am_cutter_last_sound(&cutter, pcm, AM_WINDOW_SAMPLES) * 0.01, 18.8, 19.2);
    burst(25, 25.5); /* a cough */
    expect_between(am_cutter_last_sound(&cutter, pcm, AM_WINDOW_SAMPLES) * 0.01, 18.8, 19.9);
    noise_everywhere(0.1f); /* nothing stands out */
    assert_int_equal(am_cutter_last_sound(&cutter, pcm, AM_WINDOW_SAMPLES), 0);
    assert_int_equal(am_cutter_last_sound(&cutter, pcm, 0), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_in_the_only_pause),
        cmocka_unit_test(prefers_the_later_of_equal_pauses),
        cmocka_unit_test(prefers_a_long_pause),
        cmocka_unit_test(early_pauses_do_not_count),
        cmocka_unit_test(pause_at_the_very_end),
        cmocka_unit_test(absurd_sample_is_only_loud),
        cmocka_unit_test(silence_to_the_end),
        cmocka_unit_test(no_pause_at_all),
        cmocka_unit_test(a_weak_word_is_not_cut),
        cmocka_unit_test(skips_silence_but_not_what_may_be_a_word),
        cmocka_unit_test(a_silent_rest_is_skipped_whole),
        cmocka_unit_test(last_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
