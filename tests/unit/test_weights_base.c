/* The real base model, converted into the other formats and read back: the same numbers, bit for bit where the format
 * can hold them.  Needs the model that `./run` brings; without it the tests are skipped.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/weights.h"
#include "support/check.h"
#include "support/model_writer.h"
#include "support/temp_folder.h"

static am_weights *base;

static int open_base(void **state) {
    const char *path = am_test_model_path();
    am_error err;
    if (path && am_weights_open(&base, path, NULL, &err) != AM_OK) fail_msg("%s", err.text);
    return 0;
}

static int close_base(void **state) {
    am_weights_close(&base);
    return 0;
}

/* Facts of the base model that openai/whisper prints for it. */
static void test_dims(void **state) {
    if (!base) skip();
    const am_dims want = { .n_mels = 80,
                           .n_vocab = 51865,
                           .n_audio_ctx = 1500,
                           .n_audio_state = 512,
                           .n_audio_head = 8,
                           .n_audio_layer = 6,
                           .n_text_ctx = 448,
                           .n_text_state = 512,
                           .n_text_head = 8,
                           .n_text_layer = 6 };
    assert_memory_equal(&base->dims, &want, sizeof want);
    assert_int_equal(base->n_alignment_heads, 8);
    assert_int_equal(base->alignment_heads[0][0], 3);
    assert_int_equal(base->alignment_heads[0][1], 1);
    assert_int_equal(base->n_suppress_begin, 2);
    assert_int_equal(base->suppress_begin[0], 220);
    const am_vocab_bytes *v = &base->vocab;
    assert_memory_equal(v->bytes + v->offset[220], " ", 1);
    assert_memory_equal(v->bytes + v->offset[50257], "<|endoftext|><|startoftranscript|><|en|>", 39);
}

/* The positions of the encoder are sines and cosines by the paper's formula; they were stored as f16. */
static void test_positions(void **state) {
    if (!base) skip();
    float row[512];
    for (int64_t t = 0; t < 1500; t += 37) {
        am_weight_read(&base->audio_positions, t, 1, row);
        for (int i = 0; i < 256; i++) {
            double angle = (double)t * exp(-log(10000.0) / 255 * i);
            assert_true(fabs((double)row[i] - sin(angle)) < 6e-4);
            assert_true(fabs((double)row[256 + i] - cos(angle)) < 6e-4);
        }
    }
}

static void test_f16_formats(void **state) {
    if (!base) skip();
    char folder[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
    temp_folder_make(folder);
    am_weights *w;
    am_error err;
    mw_write_ggml(base, temp_path(path, folder, "ggml-base.bin"), MW_F16);
    if (am_weights_open(&w, path, NULL, &err) != AM_OK) fail_msg("%s", err.text);
    mw_assert_equal(base, w, 0);
    mw_assert_same_tokens(&base->vocab, &w->vocab, 50258); /* up to <|endoftext|>; the others are not in ggml */
    am_weights_close(&w);
    unlink(path);
    mw_write_safetensors(base, folder, MW_F16, 2);
    if (am_weights_open(&w, folder, NULL, &err) != AM_OK) fail_msg("%s", err.text);
    mw_assert_equal(base, w, 0);
    mw_assert_same_tokens(&base->vocab, &w->vocab, base->vocab.n_tokens);
    mw_assert_same_lists(base, w);
    am_weights_close(&w);
    temp_folder_remove(folder);
}

static void test_int8(void **state) {
    if (!base) skip();
    char folder[TEMP_PATH_CAP];
    temp_folder_make(folder);
    am_weights *w;
    am_error err;
    mw_write_ctranslate2(base, folder, MW_S8);
    if (am_weights_open(&w, folder, NULL, &err) != AM_OK) fail_msg("%s", err.text);
    mw_assert_equal(base, w, 0.5f / 127 + 1e-5f);
    am_weights_close(&w);
    temp_folder_remove(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dims),
        cmocka_unit_test(test_positions),
        cmocka_unit_test(test_f16_formats),
        cmocka_unit_test(test_int8),
    };
    return cmocka_run_group_tests(tests, open_base, close_base);
}
