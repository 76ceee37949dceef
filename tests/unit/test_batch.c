/* Windows decoded together: the text depends neither on how many there are, nor on threads, nor on how samples arrive;
 * it comes in order of time, and what came before a failure is delivered.
 * On a model of random weights, behind a backend that can be told to fail.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amanuensis.h"
#include "engine/loaded_model.h"
#include "support/guard.h"
#include "support/small_model.h"
#include "support/transcript.h"

enum { SECOND = AM_SAMPLE_RATE, N_PCM = 120 * SECOND };
static am_model *model;
static float pcm[N_PCM];

/* ---- A backend with moods ----------------------------------------------------------------------------------- */

static am_backend_ops ops;
static int n_encodes, n_decodes, failing_encode, failing_decode, cancelling_encode, cancelling_decode, damaging_decode;
static am_session *to_cancel;

static am_status moody_encode(am_backend *b, const float *mel, float *out, am_error *err) {
    n_encodes++;
    if (n_encodes == failing_encode) return am_fail(err, AM_E_DEVICE, "window %d did not encode", n_encodes);
    if (n_encodes == cancelling_encode) am_session_cancel(to_cancel);
    return am_backend_cpu.encode(b, mel, out, err);
}

static am_status moody_decode(am_backend *b, am_decode_row *rows, int n_rows, am_error *err) {
    n_decodes++;
    if (n_decodes == failing_decode) return am_fail(err, AM_E_DEVICE, "step %d did not decode", n_decodes);
    if (n_decodes == cancelling_decode) am_session_cancel(to_cancel);
    am_status status = am_backend_cpu.decode(b, rows, n_rows, err);
    for (int i = 0; i < n_rows && n_decodes == damaging_decode; i++)
        for (int j = 0; rows[i].wants_logits && j < model->dims.n_vocab; j++) rows[i].logits[j] = NAN;
    return status;
}

static int calm(void **state) {
    n_encodes = n_decodes = failing_encode = failing_decode = cancelling_encode = cancelling_decode = 0;
    damaging_decode = 0;
    to_cancel = NULL;
    return 0;
}

/* Noise with a pause of half a second every few seconds, so that windows have different lengths. */
static int set_up(void **state) {
    am_random random = { 77 };
    for (int i = 0; i < N_PCM; i++) pcm[i] = am_random_float(&random, -0.2f, 0.2f);
    for (double at = 2; at < 119; at += 3 + am_random_next(&random) % 1000 * 0.006)
        memset(pcm + (int)(at * SECOND), 0, SECOND / 2 * sizeof *pcm);
    memset(pcm + 61 * SECOND, 0, 20 * SECOND * sizeof *pcm); /* and a long silence */
    model = am_open_model(am_small_model_path(), NULL);
    ops = am_backend_cpu;
    ops.encode = moody_encode;
    ops.decode = moody_decode;
    model->ops = &ops;
    return 0;
}

static int tear_down(void **state) {
    am_model_close(&model);
    return 0;
}

static am_session_config config(int n_batch, int n_threads) {
    am_session_config cfg;
    am_session_config_init(&cfg);
    cfg.n_batch = n_batch;
    cfg.n_threads = n_threads;
    return cfg;
}

static void expect_same(const am_transcript *a, const am_transcript *b) {
    assert_int_equal(a->status, AM_OK);
    assert_int_equal(b->status, AM_OK);
    assert_int_equal(a->n_segments, b->n_segments);
    assert_int_equal(a->n_tokens, b->n_tokens);
    assert_memory_equal(a->tokens, b->tokens, (size_t)a->n_tokens * sizeof *a->tokens);
    assert_string_equal(a->text, b->text);
    assert_true(a->last_end == b->last_end);
}

/* ---- The same text ------------------------------------------------------------------------------------------ */

static void neither_number_nor_threads_nor_pieces_matter(void **state) {
    static am_transcript first, other;
    static const struct {
        int n_batch, n_threads;
        size_t piece;
    } ways[] = { { 2, 1, AM_FEED_MAX }, { 3, 3, 777 }, { 8, 2, 54321 } };
    am_session_config cfg = config(2, 2);
    am_transcribe_pcm(&first, model, &cfg, pcm, N_PCM, 16000);
    assert_int_equal(first.status, AM_OK);
    assert_true(first.n_tokens > 100);
    assert_true(n_encodes >= 4);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        cfg = config(ways[i].n_batch, ways[i].n_threads);
        am_transcribe_pcm(&other, model, &cfg, pcm, N_PCM, ways[i].piece);
        expect_same(&first, &other);
    }
}

/* Every window begins with the prompt of its own length, which goes to the backend in pieces. */
static void a_long_prompt_goes_to_every_window(void **state) {
    static am_transcript first, other, plain;
    static char prompt[1000];
    for (int i = 0; i < 900; i++) prompt[i] = i % 7 ? (char)('a' + i % 23) : ' ';
    am_session_config cfg = config(2, 2);
    am_transcribe_pcm(&plain, model, &cfg, pcm, 70 * SECOND, 16000);
    cfg.initial_prompt = prompt;
    am_transcribe_pcm(&first, model, &cfg, pcm, 70 * SECOND, 16000);
    cfg = config(5, 3);
    cfg.initial_prompt = prompt;
    am_transcribe_pcm(&other, model, &cfg, pcm, 70 * SECOND, 16000);
    expect_same(&first, &other);
    assert_true(first.n_tokens != plain.n_tokens ||
                memcmp(first.tokens, plain.tokens, (size_t)plain.n_tokens * sizeof *plain.tokens) != 0);
}

/* Exactly 30 s, and one sample less or more, said to be the end sooner or later. */
static void the_end_does_not_depend_on_when_it_is_declared(void **state) {
    static am_transcript first, other;
    for (int more = -1; more <= 1; more++) {
        size_t n = (size_t)(30 * SECOND + more);
        am_session_config cfg = config(2, 2);
        am_transcribe_pcm(&first, model, &cfg, pcm, n, 16000);
        am_transcribe_pcm(&other, model, &cfg, pcm, n, AM_FEED_MAX);
        expect_same(&first, &other);
    }
}

static void short_and_silent_recordings(void **state) {
    static am_transcript t;
    am_session_config cfg = config(4, 2);
    float *zeros = calloc(100 * SECOND, sizeof *zeros);
    am_transcribe_pcm(&t, model, &cfg, zeros, 100 * SECOND, 16000);
    assert_int_equal(t.status, AM_OK);
    assert_int_equal(t.n_segments, 0);
    assert_int_equal(n_encodes, 0);
    am_transcribe_pcm(&t, model, &cfg, pcm, 160, 160); /* 10 ms */
    assert_int_equal(t.status, AM_OK);
    am_transcribe_pcm(&t, model, &cfg, pcm, 0, 1);
    assert_int_equal(t.status, AM_OK);
    assert_int_equal(n_encodes, 0);
    am_transcribe_pcm(&t, model, &cfg, pcm, SECOND, 100);
    assert_int_equal(t.status, AM_OK);
    assert_int_equal(n_encodes, 1);
    free(zeros);
}

/* ---- Failures ----------------------------------------------------------------------------------------------- */

typedef struct told {
    int n;
    int64_t seek[400];
    double end[400], position;
    am_status status;
    char sentence[1024];
} told;

/* Feed what is taken, note the segments. */
static void run(told *t, am_session *s, int n_pcm) {
    memset(t, 0, sizeof *t);
    const am_segment *segment;
    bool finished = false;
    for (int at = 0;;) {
        while (at < n_pcm && am_session_feed(s, pcm + at, 16000) == AM_OK) at += 16000;
        if (at >= n_pcm && !finished) finished = am_session_finish(s) == AM_OK;
        while ((t->status = am_session_next(s, &segment)) == AM_OK) {
            assert_true(t->n < 400);
            t->seek[t->n] = segment->seek;
            t->end[t->n++] = segment->end;
        }
        if (t->status != AM_E_AGAIN) break;
    }
    t->position = am_session_position(s);
    snprintf(t->sentence, sizeof t->sentence, "%s", am_session_error(s)->text);
    assert_int_equal(am_session_next(s, &segment), t->status);
}

static void open_and_run(told *t, int n_batch, int n_threads) {
    am_session_config cfg = config(n_batch, n_threads);
    cfg.language = "en"; /* no step goes into finding out */
    am_session *s;
    n_encodes = n_decodes = 0;
    assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
    to_cancel = s;
    run(t, s, N_PCM);
    am_session_close(&s);
}

/* All segments of the windows before the one that begins at `seek`, and no others. */
static void expect_all_before(const told *whole, const told *got, int64_t seek) {
    int n = 0;
    while (n < whole->n && whole->seek[n] < seek) n++;
    assert_int_equal(got->n, n);
    assert_memory_equal(got->end, whole->end, (size_t)n * sizeof *whole->end);
}

static void a_window_that_fails_takes_nothing_before_it(void **state) {
    static told whole, got;
    int64_t starts[400];
    int n_windows = 0;
    open_and_run(&whole, 3, 2);
    assert_int_equal(whole.status, AM_E_END);
    assert_true(whole.position > 119.9 && whole.position < 120.1);
    for (int i = 0; i < whole.n; i++)
        if (i == 0 || whole.seek[i] != whole.seek[i - 1]) starts[n_windows++] = whole.seek[i];
    assert_int_equal(n_windows, n_encodes); /* every window had words, so the nth encoded begins at starts[n - 1] */
    for (failing_encode = 1; failing_encode <= n_windows; failing_encode++) {
        open_and_run(&got, 2 + failing_encode % 3 * 3, 1 + failing_encode % 3);
        assert_int_equal(got.status, AM_E_DEVICE);
        assert_non_null(strstr(got.sentence, "did not encode"));
        expect_all_before(&whole, &got, starts[failing_encode - 1]);
    }
}

static void a_step_that_fails_ends_the_session(void **state) {
    static told whole, got;
    open_and_run(&whole, 2, 1);
    int n_steps = n_decodes;
    static const int parts[] = { 0, 30, 60, 95 };
    for (int i = 0; i < 4; i++) {
        failing_decode = 1 + n_steps * parts[i] / 100;
        open_and_run(&got, 2, 1);
        assert_int_equal(got.status, AM_E_DEVICE);
        assert_non_null(strstr(got.sentence, "did not decode"));
        expect_all_before(&whole, &got, got.n < whole.n ? whole.seek[got.n] : 1 << 30);
        assert_true(i == 0 ? got.n == 0 : got.n < whole.n);
    }
}

static void cancelled_on_the_way(void **state) {
    static told got;
    cancelling_encode = 4;
    open_and_run(&got, 3, 2);
    assert_int_equal(got.status, AM_E_CANCELLED);
    assert_true(n_encodes <= 5);
    cancelling_encode = 0;
    cancelling_decode = 20;
    open_and_run(&got, 3, 2);
    assert_int_equal(got.status, AM_E_CANCELLED);
    assert_int_equal(n_decodes, 20); /* within one step */
}

static void closed_on_the_way(void **state) {
    for (int n_fed = 10; n_fed <= 60; n_fed += 10) {
        am_session_config cfg = config(3, 1 + n_fed % 3);
        am_session *s;
        const am_segment *segment;
        assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
        for (int at = 0; at < n_fed; at += 10) {
            am_session_feed(s, pcm + at * SECOND, AM_FEED_MAX);
            am_session_next(s, &segment);
        }
        am_session_close(&s);
    }
}

static void a_damaged_model_is_told_of(void **state) {
    static told got;
    damaging_decode = 1;
    open_and_run(&got, 2, 2);
    assert_int_equal(got.status, AM_E_MODEL);
    assert_non_null(strstr(got.sentence, "not finite"));
    assert_int_equal(got.n, 0);
}

static void sizes_are_checked(void **state) {
    am_session *s;
    am_error err;
    am_session_config cfg = config(-1, 1);
    assert_int_equal(am_session_open(&s, model, &cfg, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "-1"));
    cfg = config(AM_BATCH_MAX + 1, 1);
    assert_int_equal(am_session_open(&s, model, &cfg, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "65"));
    assert_null(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(neither_number_nor_threads_nor_pieces_matter, calm),
        cmocka_unit_test_setup(a_long_prompt_goes_to_every_window, calm),
        cmocka_unit_test_setup(the_end_does_not_depend_on_when_it_is_declared, calm),
        cmocka_unit_test_setup(short_and_silent_recordings, calm),
        cmocka_unit_test_setup(a_window_that_fails_takes_nothing_before_it, calm),
        cmocka_unit_test_setup(a_step_that_fails_ends_the_session, calm),
        cmocka_unit_test_setup(cancelled_on_the_way, calm),
        cmocka_unit_test_setup(closed_on_the_way, calm),
        cmocka_unit_test_setup(a_damaged_model_is_told_of, calm),
        cmocka_unit_test_setup(sizes_are_checked, calm),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
