/* The rules of a session: who may feed what and when, what comes back, and that nothing depends on how samples arrive.
 * On a model of random weights, so the words mean nothing but their bits must be the same.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amanuensis.h"
#include "support/guard.h"
#include "support/model_writer.h"
#include "support/small_model.h"
#include "support/transcript.h"

static am_model *model;
enum { N_NOISE = 75 * AM_SAMPLE_RATE };
static float noise[N_NOISE];

static int set_up(void **state) {
    am_random random = { 9 };
    for (int i = 0; i < N_NOISE; i++) noise[i] = am_random_float(&random, -0.2f, 0.2f);
    model = am_open_model(am_small_model_path(), NULL);
    return 0;
}

static int tear_down(void **state) {
    am_model_close(&model);
    return 0;
}

static am_session_config config(void) {
    am_session_config cfg;
    am_session_config_init(&cfg);
    cfg.n_threads = 2;
    return cfg;
}

static void chunks_and_threads_do_not_matter(void **state) {
    static am_transcript whole, other;
    am_session_config cfg = config();
    am_transcribe_pcm(&whole, model, &cfg, noise, N_NOISE, AM_FEED_MAX);
    assert_int_equal(whole.status, AM_OK);
    assert_true(whole.n_tokens > 50);
    static const struct {
        size_t chunk;
        int threads;
    } ways[] = { { 160000, 1 }, { 16000, 3 }, { 777, 7 } };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        cfg.n_threads = ways[i].threads;
        am_transcribe_pcm(&other, model, &cfg, noise, N_NOISE, ways[i].chunk);
        assert_int_equal(other.n_tokens, whole.n_tokens);
        assert_memory_equal(other.tokens, whole.tokens, (size_t)whole.n_tokens * sizeof *whole.tokens);
    }
}

static void instruction_sets_do_not_matter(void **state) {
    static am_transcript avx2, avx512;
    am_session_config cfg = config();
    char have[64];
    assert_int_equal(am_cpu_describe(have, sizeof have), AM_OK);
    if (!strstr(have, "avx512")) skip();
    am_model *narrow = am_open_model(am_small_model_path(), "avx2"),
             *wide = am_open_model(am_small_model_path(), "avx512");
    am_transcribe_pcm(&avx2, narrow, &cfg, noise, N_NOISE, 16000);
    am_transcribe_pcm(&avx512, wide, &cfg, noise, N_NOISE, 16000);
    assert_int_equal(avx2.n_tokens, avx512.n_tokens);
    assert_memory_equal(avx2.tokens, avx512.tokens, (size_t)avx2.n_tokens * sizeof *avx2.tokens);
    am_model_close(&narrow);
    am_model_close(&wide);
}

static void refuses_what_it_must(void **state) {
    am_session_config cfg = config();
    am_session *s;
    const am_segment *segment;
    assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
    assert_int_equal(am_session_feed(s, noise, AM_FEED_MAX + 1), AM_E_ARG);
    float bad[3] = { 0, NAN, 0 };
    assert_int_equal(am_session_feed(s, bad, 3), AM_E_ARG);
    assert_non_null(strstr(am_session_error(s)->text, "sample 1"));
    bad[1] = INFINITY;
    assert_int_equal(am_session_feed(s, bad, 3), AM_E_ARG);
    assert_int_equal(am_session_next(s, &segment), AM_E_AGAIN);
    assert_null(segment);
    int n = 0; /* 30 s and what was fed beyond fit; then the session wants to be drained */
    while (am_session_feed(s, noise, AM_FEED_MAX) == AM_OK) n++;
    assert_int_equal(n, 4);
    assert_int_equal(am_session_feed(s, noise, AM_FEED_MAX), AM_E_AGAIN);
    assert_int_equal(am_session_finish(s), AM_OK);
    assert_int_equal(am_session_finish(s), AM_OK);
    assert_int_equal(am_session_feed(s, noise, 1), AM_E_STATE);
    am_session_close(&s);
    assert_null(s);
    am_session_close(&s);
}

static void bad_configurations_get_a_sentence(void **state) {
    am_session *s;
    am_error err;
    am_session_config cfg = config();
    cfg.language = "klingon";
    assert_int_equal(am_session_open(&s, model, &cfg, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "klingon"));
    cfg = config();
    cfg.device = "abacus";
    assert_int_equal(am_session_open(&s, model, &cfg, &err), AM_E_ARG);
    assert_non_null(strstr(err.text, "abacus"));
    cfg = config();
    cfg.n_threads = 10000;
    assert_int_equal(am_session_open(&s, model, &cfg, &err), AM_E_ARG);
    cfg = config();
    cfg.task = (am_task)7;
    assert_int_equal(am_session_open(&s, model, &cfg, &err), AM_E_ARG);
    cfg = config();
    cfg.language = "yue"; /* only the larger vocabulary has Cantonese */
    assert_int_equal(am_session_open(&s, model, &cfg, &err), AM_E_ARG);
    assert_null(s);
    am_model *none;
    am_model_config m;
    am_model_config_init(&m);
    m.path = "/nowhere/at/all";
    assert_int_equal(am_model_open(&none, &m, &err), AM_E_OPEN);
    m.path = am_small_model_path();
    m.compute = "f7";
    assert_int_equal(am_model_open(&none, &m, &err), AM_E_ARG);
    m.compute = NULL;
    m.cpu = "6502";
    assert_int_equal(am_model_open(&none, &m, &err), AM_E_ARG);
    assert_null(none);
}

/* Dimensions that a reader takes but no window fits. */
static void odd_contexts_are_refused(void **state) {
    am_dims odd[2] = { am_small_dims(), am_small_dims() };
    odd[0].n_audio_ctx = 1600;
    odd[1].n_text_ctx = 3;
    static const char *const said[] = { "1600", " 3 " };
    for (int i = 0; i < 2; i++) {
        char folder[] = "/tmp/amanuensis-odd-model-XXXXXX", command[100];
        assert_non_null(mkdtemp(folder));
        am_weights *w = mw_model_make(&odd[i], 1);
        mw_write_ctranslate2(w, folder, MW_F16);
        mw_model_free(w);
        am_model_config cfg;
        am_model_config_init(&cfg);
        cfg.path = folder;
        am_model *none;
        am_error err;
        assert_int_equal(am_model_open(&none, &cfg, &err), AM_E_MODEL);
        assert_non_null(strstr(err.text, said[i]));
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        assert_int_equal(system(command), 0);
    }
}

static void silence_has_no_words(void **state) {
    static am_transcript t;
    float *zeros = calloc(95 * AM_SAMPLE_RATE, sizeof *zeros);
    am_session_config cfg = config();
    am_transcribe_pcm(&t, model, &cfg, zeros, 95 * AM_SAMPLE_RATE, AM_FEED_MAX);
    assert_int_equal(t.status, AM_OK);
    assert_int_equal(t.n_segments, 0);
    am_transcribe_pcm(&t, model, &cfg, noise, 160, 160); /* 10 ms */
    assert_int_equal(t.status, AM_OK);
    assert_int_equal(t.n_segments, 0);
    am_transcribe_pcm(&t, model, &cfg, noise, 0, 1);
    assert_int_equal(t.status, AM_OK);
    free(zeros);
}

static void times_begin_where_asked(void **state) {
    static am_transcript t, later;
    am_session_config cfg = config();
    am_transcribe_pcm(&t, model, &cfg, noise, 10 * AM_SAMPLE_RATE, 16000);
    cfg.start_sec = 100;
    am_transcribe_pcm(&later, model, &cfg, noise, 10 * AM_SAMPLE_RATE, 16000);
    assert_true(t.n_segments > 0);
    assert_true(fabs(later.last_end - t.last_end - 100) < 1e-6);
}

static void *cancel_soon(void *session) {
    am_session_cancel(session);
    return NULL;
}

static void cancelled_from_another_thread(void **state) {
    am_session_config cfg = config();
    am_session *s;
    const am_segment *segment;
    assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
    for (int i = 0; i < 3; i++) am_session_feed(s, noise, AM_FEED_MAX);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, s), 0);
    am_status status;
    while ((status = am_session_next(s, &segment)) == AM_OK) {}
    pthread_join(thread, NULL);
    if (status == AM_E_AGAIN) status = am_session_next(s, &segment); /* the window was faster than the thread */
    assert_int_equal(status, AM_E_CANCELLED);
    assert_int_equal(am_session_next(s, &segment), AM_E_CANCELLED);
    am_session_close(&s);
}

static void languages_are_probabilities(void **state) {
    am_session_config cfg = config();
    am_session *s;
    const am_segment *segment;
    am_language_prob probs[200];
    size_t n;
    assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
    assert_int_equal(am_session_languages(s, probs, 200, &n), AM_OK);
    assert_int_equal(n, 0);
    am_session_feed(s, noise, 16000);
    am_session_finish(s);
    while (am_session_next(s, &segment) == AM_OK) {}
    am_session_languages(s, probs, 200, &n);
    assert_int_equal(n, 99);
    float sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += probs[i].probability;
        assert_true(i == 0 || probs[i].probability <= probs[i - 1].probability);
    }
    assert_true(fabsf(sum - 1) < 1e-3f);
    am_session_close(&s);
    cfg.language = "de";
    assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
    am_session_languages(s, probs, 200, &n);
    assert_int_equal(n, 1);
    assert_string_equal(probs[0].code, "de");
    am_session_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_and_threads_do_not_matter),
        cmocka_unit_test(instruction_sets_do_not_matter),
        cmocka_unit_test(refuses_what_it_must),
        cmocka_unit_test(bad_configurations_get_a_sentence),
        cmocka_unit_test(odd_contexts_are_refused),
        cmocka_unit_test(silence_has_no_words),
        cmocka_unit_test(times_begin_where_asked),
        cmocka_unit_test(cancelled_from_another_thread),
        cmocka_unit_test(languages_are_probabilities),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
