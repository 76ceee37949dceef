/* The oracle itself, against CTranslate2: whisper_reference must hear the same language, tokens and text, and its
 * spectrogram, encoder output and log-probabilities must be those of the goldens.  Its bounds are tighter than the
 * engine's: what the engine is judged by must not use up the engine's tolerance.
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/golden.h"

#define DUMP AM_BUILD_DIR "/test_reference.dump"

static char *language, *tokens, *text; /* the lines printed, behind "language: " and so on */

static char *line_behind(FILE *f, const char *key) {
    static char line[8192];
    assert_non_null(fgets(line, sizeof line, f));
    line[strcspn(line, "\n")] = 0;
    assert_int_equal(strncmp(line, key, strlen(key)), 0);
    char *copy = strdup(line + strlen(key));
    assert_non_null(copy);
    return copy;
}

static int run_reference(void **state) {
    const char *model = am_test_model_path();
    if (!model) return 0;
    char command[8192];
    int n = snprintf(command, sizeof command, "'%s/reference/whisper_reference' '%s' '%s' '%s'", AM_BUILD_DIR, model,
                     AM_GOLDEN_SPEECH, DUMP);
    assert_true(n > 0 && n < (int)sizeof command);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    language = line_behind(f, "language: ");
    tokens = line_behind(f, "tokens:");
    text = line_behind(f, "text:");
    assert_int_equal(pclose(f), 0);
    return 0;
}

static int clean_up(void **state) {
    free(language);
    free(tokens);
    free(text);
    remove(DUMP);
    return 0;
}

static void same_language_tokens_and_text(void **state) {
    if (!language) skip();
    am_golden languages = am_golden_load(AM_GOLDEN_BASE, "languages", 5, 2);
    char name[32];
    float probability;
    assert_int_equal(sscanf(language, "%31s %f", name, &probability), 2);
    assert_string_equal(name, "<|en|>");
    assert_int_equal((int)languages.x[0], 50259);
    assert_float_equal(probability, languages.x[1], 1e-3);
    free(languages.x);

    am_golden expected = am_golden_load(AM_GOLDEN_BASE, "tokens", 1, 0);
    char *at = tokens;
    for (int i = 0; i < expected.n_cols; i++) assert_int_equal(strtol(at, &at, 10), (long)expected.x[i]);
    assert_int_equal(*at, 0);
    free(expected.x);

    FILE *f = fopen(AM_TEST_DATA "/golden/data/speech_base.txt", "r");
    assert_non_null(f);
    char *expected_text = line_behind(f, "");
    fclose(f);
    assert_string_equal(text, expected_text);
    free(expected_text);
}

static void same_spectrogram(void **state) {
    if (!language) skip();
    am_golden mel = am_golden_load(DUMP, "mel", 80, 3000), expected = am_golden_load(AM_GOLDEN_MEL, "speech_80", 80, 0);
    for (int band = 0; band < 80; band++)
        for (int f = 0, k = 0; f < 3000; f++)
            if (f % 7 == 0 || f < 3 || f >= 2997)
                assert_float_equal(mel.x[band * 3000 + f], expected.x[band * expected.n_cols + k++], 2e-5);
    free(mel.x);
    free(expected.x);
}

static void same_encoder_output(void **state) {
    if (!language) skip();
    am_golden encoded = am_golden_load(DUMP, "encoded", 1500, 512);
    am_golden expected = am_golden_load(AM_GOLDEN_BASE, "encoded", 60, 512);
    for (int i = 0; i < 60; i++) memmove(encoded.x + i * 512, encoded.x + i * 25 * 512, 512 * sizeof(float));
    am_difference d = am_golden_compare(encoded.x, expected.x, 60 * 512);
    print_message("measured: reference encoder max abs difference %.2e, mean %.2e, 1 - correlation %.1e\n", d.max_abs,
                  d.mean_abs, 1.0 - d.correlation);
    assert_true(d.max_abs <= 5e-3);
    assert_true(d.correlation > 0.9999999);
    free(encoded.x);
    free(expected.x);
}

static void same_log_probabilities(void **state) {
    if (!language) skip();
    am_golden got_tokens = am_golden_load(DUMP, "step_tokens", 10, 20);
    am_golden got = am_golden_load(DUMP, "step_logprobs", 10, 20);
    am_golden expected_tokens = am_golden_load(AM_GOLDEN_BASE, "step_tokens", 10, 20);
    am_golden expected = am_golden_load(AM_GOLDEN_BASE, "step_logprobs", 10, 20);
    am_difference d = am_golden_compare(got.x, expected.x, 200); /* equal ranks, even where near ties change places */
    print_message("measured: reference log-probabilities max abs difference %.2e\n", d.max_abs);
    assert_true(d.max_abs <= 1e-3);
    for (int step = 0; step < 10; step++)
        assert_int_equal((int)got_tokens.x[step * 20], (int)expected_tokens.x[step * 20]);
    free(got_tokens.x);
    free(got.x);
    free(expected_tokens.x);
    free(expected.x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_language_tokens_and_text),
        cmocka_unit_test(same_spectrogram),
        cmocka_unit_test(same_encoder_output),
        cmocka_unit_test(same_log_probabilities),
    };
    return cmocka_run_group_tests(tests, run_reference, clean_up);
}
