/* The engine's decoder against CTranslate2 float32 on real speech, from samples to log-probabilities: the 20 likeliest
 * tokens of ten steps, no rule applied, within 2e-2, with the same token on top; and the language.
 * The steps are forced along CTranslate2's own tokens, so that one near tie cannot spoil the rest.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/base_backend.h"
#include "support/golden.h"

enum { N_STEPS = 10, N_TOP = 20, N_PROMPT = 4, N_VOCAB = 51865, FIRST_LANGUAGE = 50259, N_LANGUAGES = 99 };

static float pcm[AM_WINDOW_SAMPLES], mel[80 * AM_WINDOW_FRAMES], encoded[1500 * 512];
static float logits[N_STEPS][N_VOCAB], together[N_STEPS][N_VOCAB];

/* Logits of the rows that want them go to out, in order. */
static void decode(am_test_backend *t, am_decode_row *rows, int n_rows, float out[][N_VOCAB]) {
    am_error err = { 0 };
    if (am_backend_cpu.decode(t->backend, rows, n_rows, &err)) fail_msg("%s", err.text);
    for (int i = 0; i < n_rows; i++)
        if (rows[i].wants_logits) memcpy(*out++, rows[i].logits, N_VOCAB * sizeof **out);
}

static void hear(am_test_backend *t) {
    am_error err = { 0 };
    int n_samples = am_golden_speech(pcm);
    assert_int_equal(am_backend_cpu.mel(t->backend, pcm, n_samples, mel, &err), AM_OK);
    assert_int_equal(am_backend_cpu.encode(t->backend, mel, encoded, &err), AM_OK);
}

static void set_audio(am_test_backend *t, int slot) {
    am_error err = { 0 };
    assert_int_equal(am_backend_cpu.cross_kv(t->backend, encoded, slot, &err), AM_OK);
}

/* Tokens of the forced run: the prompt, then the likeliest token of each step. */
static void forced_tokens(int32_t tokens[N_PROMPT + N_STEPS]) {
    am_golden prompt = am_golden_load(AM_GOLDEN_BASE, "prompt", 1, N_PROMPT);
    am_golden steps = am_golden_load(AM_GOLDEN_BASE, "step_tokens", N_STEPS, N_TOP);
    for (int i = 0; i < N_PROMPT; i++) tokens[i] = (int32_t)prompt.x[i];
    for (int i = 0; i < N_STEPS; i++) tokens[N_PROMPT + i] = (int32_t)steps.x[i * N_TOP];
    free(prompt.x);
    free(steps.x);
}

/* log of the softmax's denominator over n logits */
static double log_sum(const float *x, int n) {
    double largest = x[0], sum = 0.0;
    for (int i = 1; i < n; i++) largest = fmax(largest, x[i]);
    for (int i = 0; i < n; i++) sum += exp(x[i] - largest);
    return largest + log(sum);
}

static int argmax(const float *x, int n) {
    int best = 0;
    for (int i = 1; i < n; i++)
        if (x[i] > x[best]) best = i;
    return best;
}

/* The prompt in one call, then token after token. */
static void run_steps(am_test_backend *t, int slot, const int32_t *tokens) {
    am_decode_row prompt[N_PROMPT];
    for (int i = 0; i < N_PROMPT; i++) prompt[i] = (am_decode_row){ slot, tokens[i], i, i == N_PROMPT - 1, NULL };
    decode(t, prompt, N_PROMPT, logits);
    for (int step = 1; step < N_STEPS; step++) {
        int position = N_PROMPT + step - 1;
        am_decode_row row = { slot, tokens[position], position, true, NULL };
        decode(t, &row, 1, &logits[step]);
    }
}

/* Log-probabilities of the reference's top tokens; `allowed` is the worst difference. */
static void compare_steps(const char *cpu, const char *compute, double allowed) {
    am_golden tokens = am_golden_load(AM_GOLDEN_BASE, "step_tokens", N_STEPS, N_TOP);
    am_golden expected = am_golden_load(AM_GOLDEN_BASE, "step_logprobs", N_STEPS, N_TOP);
    float got[N_STEPS * N_TOP];
    for (int step = 0; step < N_STEPS; step++) {
        double denominator = log_sum(logits[step], N_VOCAB);
        for (int i = step * N_TOP; i < (step + 1) * N_TOP; i++)
            got[i] = (float)(logits[step][(int)tokens.x[i]] - denominator);
        assert_int_equal(argmax(logits[step], N_VOCAB), (int)tokens.x[step * N_TOP]);
    }
    am_difference d = am_golden_compare(got, expected.x, N_STEPS * N_TOP);
    print_message("measured: log-probabilities %s %-10s max abs difference %.2e, mean %.2e\n", compute, cpu, d.max_abs,
                  d.mean_abs);
    assert_true(d.max_abs <= allowed);
    free(tokens.x);
    free(expected.x);
}

static void check_compute(am_test_compute compute, const char *name, double allowed) {
    int32_t tokens[N_PROMPT + N_STEPS];
    forced_tokens(tokens);
    int n_cpus;
    const char *const *cpu = am_test_cpu_names(&n_cpus);
    bool ran = false;
    for (int i = 0; i < n_cpus; i++) {
        am_test_backend t;
        if (!am_test_backend_open(&t, cpu[i], compute, 1)) break;
        if (i == 0) hear(&t); /* the encoder has its own test */
        set_audio(&t, 0);
        run_steps(&t, 0, tokens);
        compare_steps(cpu[i], name, allowed);
        am_test_backend_close(&t);
        ran = true;
    }
    if (!ran) skip();
}

static void matches_ctranslate2(void **state) {
    check_compute(AM_TEST_F32, "f32", 2e-2);
}

/* The reference computes in float32: the likeliest token must be the same in every step.  Of the unlikely ones, some with
 * probabilities below 1e-6, the logarithm may be off more; 0.55 was measured. */
static void int8_is_near(void **state) {
    check_compute(AM_TEST_INT8, "int8", 1.0);
}

/* rescore() makes the logits of named tokens what the exact embedding gives, and no others. */
static void rescoring_is_exact(void **state) {
    am_test_backend t;
    int n_cpus;
    if (!am_test_backend_open(&t, am_test_cpu_names(&n_cpus)[0], AM_TEST_INT8, 1)) skip();
    int32_t tokens[N_PROMPT + N_STEPS], some[] = { 0, 11, 400, 50257, N_VOCAB - 1 };
    forced_tokens(tokens);
    hear(&t);
    set_audio(&t, 0);
    am_decode_row rows[N_PROMPT];
    for (int i = 0; i < N_PROMPT; i++) rows[i] = (am_decode_row){ 0, tokens[i], i, i >= N_PROMPT - 2, NULL };
    decode(&t, rows, N_PROMPT, logits);
    am_backend_cpu.rescore(t.backend, &rows[N_PROMPT - 1], some, 5);
    assert_memory_equal(rows[N_PROMPT - 2].logits, logits[0], sizeof logits[0]);
    int n_changed = 0;
    for (int i = 0; i < N_VOCAB; i++) {
        float was = logits[1][i], is = rows[N_PROMPT - 1].logits[i];
        n_changed += was != is;
        assert_true(fabsf(was - is) < 0.5f);
    }
    assert_in_range(n_changed, 3, 5);
    /* The choice of a token rests on this: no logit at all is off by half a unit before. */
    static int32_t all[N_VOCAB];
    for (int i = 0; i < N_VOCAB; i++) all[i] = i;
    am_backend_cpu.rescore(t.backend, &rows[N_PROMPT - 1], all, N_VOCAB);
    float worst = 0;
    for (int i = 0; i < N_VOCAB; i++) worst = fmaxf(worst, fabsf(logits[1][i] - rows[N_PROMPT - 1].logits[i]));
    print_message("measured: int8 logits off by at most %.3f before they are made exact\n", (double)worst);
    assert_true(worst > 0 && worst < 0.5f);
    am_test_backend_close(&t);
}

static void hears_the_language(void **state) {
    am_test_backend t;
    int n_cpus;
    if (!am_test_backend_open(&t, am_test_cpu_names(&n_cpus)[0], AM_TEST_F32, 1)) skip();
    am_golden expected = am_golden_load(AM_GOLDEN_BASE, "languages", 5, 2);
    am_golden prompt = am_golden_load(AM_GOLDEN_BASE, "prompt", 1, N_PROMPT);
    hear(&t);
    set_audio(&t, 0);
    am_decode_row row = { 0, (int32_t)prompt.x[0], 0, true, NULL };
    decode(&t, &row, 1, logits);
    const float *languages = logits[0] + FIRST_LANGUAGE;
    double denominator = log_sum(languages, N_LANGUAGES);
    assert_int_equal(FIRST_LANGUAGE + argmax(languages, N_LANGUAGES), (int)expected.x[0]);
    for (int i = 0; i < 5; i++) {
        double logprob = languages[(int)expected.x[2 * i] - FIRST_LANGUAGE] - denominator;
        assert_true(fabs(logprob - log(expected.x[2 * i + 1])) <= 2e-2);
    }
    free(expected.x);
    free(prompt.x);
    am_test_backend_close(&t);
}

/* A row's result is the same alone and in a batch, in whichever slot; and new audio makes a slot forget its text. */
static void check_same_bits(am_test_compute compute) {
    am_test_backend t;
    int n_cpus;
    if (!am_test_backend_open(&t, am_test_cpu_names(&n_cpus)[0], compute, N_STEPS)) skip();
    int32_t tokens[N_PROMPT + N_STEPS];
    forced_tokens(tokens);
    hear(&t);
    set_audio(&t, 0);
    run_steps(&t, 0, tokens);

    am_decode_row rows[N_PROMPT + N_STEPS - 1];
    int n_rows = 0;
    for (; n_rows < N_PROMPT + N_STEPS - 1; n_rows++) {
        int step = n_rows - (N_PROMPT - 1);
        rows[n_rows] = (am_decode_row){ 1, tokens[n_rows], n_rows, step >= 0, NULL };
    }
    set_audio(&t, 1);
    decode(&t, rows, n_rows, together);
    assert_memory_equal(together, logits, sizeof logits);

    memset(together, 0, sizeof together);
    set_audio(&t, 1);
    decode(&t, rows, n_rows, together);
    assert_memory_equal(together, logits, sizeof logits);
    am_test_backend_close(&t);
}

static void same_bits_alone_and_together(void **state) {
    check_same_bits(AM_TEST_F32);
    check_same_bits(AM_TEST_INT8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_ctranslate2),          cmocka_unit_test(int8_is_near),
        cmocka_unit_test(rescoring_is_exact),           cmocka_unit_test(hears_the_language),
        cmocka_unit_test(same_bits_alone_and_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
