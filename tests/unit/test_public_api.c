/* The interface in hands that mean no harm and do it all the same: NULL everywhere, structs of other versions.
 *
 * SPDX-License-Identifier: MIT */
#include "support/check.h"

#include <math.h>
#include <string.h>

#include "amanuensis.h"
#include "base/versioned.h"
#include "support/small_model.h"
#include "support/transcript.h"

static void null_is_an_error_not_a_crash(void **state) {
    size_t n;
    float pcm[1];
    const am_segment *segment;
    am_session *session;
    am_audio *audio;
    am_writer *writer;
    am_model *model;
    am_config_init(NULL, 100);
    assert_int_equal(am_cpu_describe(NULL, 10), AM_E_ARG);
    assert_int_equal(am_model_open(NULL, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_model_open(&model, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_model_info_get(NULL, NULL), AM_E_ARG);
    assert_int_equal(am_model_pull(NULL, NULL), AM_E_ARG);
    assert_int_equal(am_model_locate(NULL, NULL, NULL, 0, NULL), AM_E_ARG);
    assert_int_equal(am_catalog_get(0, NULL), AM_E_ARG);
    assert_int_equal(am_audio_open(NULL, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_audio_open(&audio, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_audio_read(NULL, pcm, 1, &n), AM_E_ARG);
    assert_int_equal(am_audio_info_get(NULL, NULL), AM_E_ARG);
    assert_int_equal(am_session_open(NULL, NULL, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_session_open(&session, NULL, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_session_feed(NULL, pcm, 1), AM_E_ARG);
    assert_int_equal(am_session_finish(NULL), AM_E_ARG);
    assert_int_equal(am_session_next(NULL, &segment), AM_E_ARG);
    assert_int_equal(am_session_languages(NULL, NULL, 0, &n), AM_E_ARG);
    assert_true(am_session_position(NULL) == 0);
    assert_int_equal(am_session_error(NULL)->status, AM_E_ARG);
    am_session_cancel(NULL);
    assert_int_equal(am_writer_open(NULL, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_writer_open(&writer, NULL, NULL), AM_E_ARG);
    assert_int_equal(am_writer_segment(NULL, NULL), AM_E_ARG);
    assert_int_equal(am_writer_finish(NULL, NULL), AM_E_ARG);
    am_model_close(NULL);
    am_session_close(NULL);
    am_audio_close(NULL);
    am_writer_close(NULL);
}

static void null_to_a_session(void **state) {
    am_model *model = am_open_model(am_small_model_path(), NULL);
    am_session_config cfg;
    am_session_config_init(&cfg);
    am_session *s;
    size_t n;
    assert_int_equal(am_session_open(&s, model, &cfg, NULL), AM_OK);
    assert_int_equal(am_session_feed(s, NULL, 5), AM_E_ARG);
    assert_int_equal(am_session_feed(s, NULL, 0), AM_OK);
    assert_int_equal(am_session_next(s, NULL), AM_E_ARG);
    assert_int_equal(am_session_languages(s, NULL, 3, &n), AM_E_ARG);
    am_session_close(&s);
    am_model_close(&model);
}

/* A program built against a header whose session configuration ended after `language`. */
static void an_older_program(void **state) {
    am_model *model = am_open_model(am_small_model_path(), NULL);
    struct {
        size_t struct_size;
        const char *language;
        unsigned char not_ours[200];
    } old;
    memset(&old, 0xAB, sizeof old);
    am_config_init(&old, offsetof(am_session_config, language) + sizeof(char *));
    assert_int_equal(old.not_ours[0], 0xAB);
    old.language = "fr";
    am_session *s;
    am_error err = { 0 };
    if (am_session_open(&s, model, (const am_session_config *)&old, &err) != AM_OK) fail_msg("%s", err.text);
    am_language_prob prob;
    size_t n;
    assert_int_equal(am_session_languages(s, &prob, 1, &n), AM_OK);
    assert_string_equal(prob.code, "fr");
    am_session_close(&s);

    am_model_info info = { .struct_size = offsetof(am_model_info, compute) };
    info.cpu = "untouched";
    assert_int_equal(am_model_info_get(model, &info), AM_OK);
    assert_string_equal(info.format, "ctranslate2");
    assert_string_equal(info.cpu, "untouched");
    assert_int_equal(info.struct_size, offsetof(am_model_info, compute));
    am_model_close(&model);
}

/* A program built against a header with more fields than this library knows. */
static void a_newer_program(void **state) {
    struct {
        am_model_config cfg;
        char more[64];
    } new;
    am_config_init(&new, sizeof new);
    new.cfg.path = am_small_model_path();
    am_model *model;
    assert_int_equal(am_model_open(&model, &new.cfg, NULL), AM_OK);
    struct {
        am_model_info info;
        char more[64];
    } info;
    memset(&info, 0x5A, sizeof info);
    info.info.struct_size = sizeof info;
    assert_int_equal(am_model_info_get(model, &info.info), AM_OK);
    assert_int_equal(info.info.n_mels, 80);
    assert_int_equal(info.more[0], 0x5A);
    am_model_close(&model);
}

static void a_struct_without_size(void **state) {
    am_model_config cfg = { .path = am_small_model_path() };
    am_model *model;
    am_error err;
    assert_int_equal(am_model_open(&model, &cfg, &err), AM_E_ARG);
    cfg.struct_size = 3;
    assert_int_equal(am_model_open(&model, &cfg, &err), AM_E_ARG);
    size_t own[3], theirs[2] = { sizeof theirs, 7 };
    assert_true(am_versioned_read(own, sizeof own, theirs));
    assert_int_equal(own[0], sizeof own);
    assert_int_equal(own[1], 7);
    assert_int_equal(own[2], 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_is_an_error_not_a_crash),
        cmocka_unit_test(null_to_a_session),
        cmocka_unit_test(an_older_program),
        cmocka_unit_test(a_newer_program),
        cmocka_unit_test(a_struct_without_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
