/* Reading models: number formats against independent goldens, every container against the model it was written from,
 * and the sentence each kind of wrong file gets.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/weights.h"
#include "support/check.h"
#include "support/model_writer.h"
#include "support/temp_folder.h"
#include "unit/data/ggml_blocks.inc"

static const am_dims small = { .n_mels = 80,
                               .n_vocab = 300,
                               .n_audio_ctx = 12,
                               .n_audio_state = 32,
                               .n_audio_head = 4,
                               .n_audio_layer = 2,
                               .n_text_ctx = 10,
                               .n_text_state = 32,
                               .n_text_head = 2,
                               .n_text_layer = 3 };

/* Turbo's shape at a small scale: 128 mels, the largest vocabulary, one layer of text. */
static const am_dims turbo = { .n_mels = 128,
                               .n_vocab = 51866,
                               .n_audio_ctx = 20,
                               .n_audio_state = 64,
                               .n_audio_head = 4,
                               .n_audio_layer = 4,
                               .n_text_ctx = 9,
                               .n_text_state = 64,
                               .n_text_head = 4,
                               .n_text_layer = 1 };

/* Only CTranslate2 and ggml can say this: audio and text of different width. */
static const am_dims uneven = { .n_mels = 80,
                                .n_vocab = 51864,
                                .n_audio_ctx = 7,
                                .n_audio_state = 64,
                                .n_audio_head = 8,
                                .n_audio_layer = 1,
                                .n_text_ctx = 5,
                                .n_text_state = 32,
                                .n_text_head = 1,
                                .n_text_layer = 2 };

typedef struct fixture {
    char folder[TEMP_PATH_CAP];
} fixture;

static int set_up(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    temp_folder_make(f->folder);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    fixture *f = *state;
    temp_folder_remove(f->folder);
    free(f);
    return 0;
}

static am_weights *open_good(const char *path) {
    am_weights *w;
    am_error err;
    if (am_weights_open(&w, path, NULL, &err) != AM_OK) fail_msg("%s", err.text);
    assert_non_null(w);
    return w;
}

/* ---- number formats ------------------------------------------------------------------------------------------ */

static void read_row(am_dtype dtype, const void *data, int64_t n, float *out) {
    am_weight w = { .n_parts = 1, .n_rows = 1, .n_cols = n };
    w.part[0] = (am_tensor){ .dtype = dtype, .n_rows = 1, .n_cols = n, .data = data };
    am_weight_read(&w, 0, 1, out);
}

/* Every half there is, against the definition. */
static void test_halves(void **state) {
    static unsigned char bytes[1 + 2 * 65536];
    static float got[65536];
    for (int h = 0; h < 65536; h++) {
        bytes[1 + 2 * h] = (unsigned char)(h & 255);
        bytes[2 + 2 * h] = (unsigned char)(h >> 8);
    }
    read_row(AM_DTYPE_F16, bytes + 1, 65536, got); /* + 1: nothing is aligned in a file */
    for (int h = 0; h < 65536; h++) {
        int sign = h >> 15, e = h >> 10 & 31, m = h & 1023;
        double want = e == 0 ? ldexp(m, -24) : ldexp(1024 + m, e - 25);
        if (e == 31) want = m ? NAN : INFINITY;
        if (sign) want = -want;
        if (isnan(want)) assert_true(isnan(got[h]));
        else assert_true(got[h] == (float)want && !signbit(got[h]) == !sign);
    }
}

static void test_bfloat(void **state) {
    static const unsigned char bytes[] = { 0x80, 0x3f, 0x20, 0xc1, 0x01, 0x00, 0x80, 0xff };
    float got[4];
    read_row(AM_DTYPE_BF16, bytes, 4, got);
    assert_true(got[0] == 1.0f && got[1] == -10.0f && got[2] == 0x1p-133f && isinf(got[3]) && got[3] < 0);
}

static void test_blocks(void **state) {
    for (size_t i = 0; i < sizeof ggml_blocks / sizeof ggml_blocks[0]; i++) {
        float got[32];
        read_row(ggml_blocks[i].dtype, ggml_blocks[i].bytes, 32, got);
        for (int k = 0; k < 32; k++) {
            float want;
            memcpy(&want, &ggml_blocks[i].bits[k], sizeof want);
            if (got[k] != want)
                fail_msg("block %zu (type %d), number %d: %.9g, not %.9g", i, (int)ggml_blocks[i].dtype, k,
                         (double)got[k], (double)want);
        }
    }
}

/* Rows of a stack of parts, in pieces that cross from one part into the next; one part is all zeros. */
static void test_stacked_parts(void **state) {
    float a[2 * 3] = { 1, 2, 3, 4, 5, 6 }, got[5 * 3];
    int8_t b[2 * 3] = { 10, 20, 30, 40, 50, 60 };
    float scale[2] = { 10, 20 };
    am_weight w = { .n_parts = 3, .n_rows = 5, .n_cols = 3 };
    w.part[0] = (am_tensor){ .dtype = AM_DTYPE_F32, .n_rows = 2, .n_cols = 3, .data = a };
    w.part[1] = (am_tensor){ .n_rows = 1, .n_cols = 3 };
    w.part[2] = (am_tensor){ .dtype = AM_DTYPE_S8_ROW, .n_rows = 2, .n_cols = 3, .data = b, .row_scale = scale };
    const float want[5 * 3] = { 1, 2, 3, 4, 5, 6, 0, 0, 0, 1, 2, 3, 2, 2.5f, 3 };
    for (int from = 0; from < 5; from++)
        for (int n = 0; from + n <= 5; n++) {
            am_weight_read(&w, from, n, got);
            assert_memory_equal(got, want + from * 3, (size_t)n * 3 * sizeof *got);
        }
}

static bool is_f16(float x) {
    am_weight w = { .n_parts = 1, .n_rows = 1, .n_cols = 1 };
    w.part[0] = (am_tensor){ .dtype = AM_DTYPE_F32, .n_rows = 1, .n_cols = 1, .data = &x };
    return am_weight_is_f16(&w);
}

static void test_is_f16(void **state) {
    const float yes[] = { 0, -0.0f, 1, -65504, 0x1p-14f, 0x1p-24f, 0x1.ff8p-15f, 3 * 0x1p-24f, 0.333251953125f };
    const float no[] = { 65536, 1.0f + 0x1p-11f, 0x1p-25f, 0x1.8p-24f, 1e-30f, 0x1p-149f, INFINITY, NAN, 0.1f };
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) assert_true(is_f16(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) assert_false(is_f16(no[i]));
    am_weight w = { .n_parts = 1, .n_rows = 1, .n_cols = 32 };
    w.part[0] = (am_tensor){ .dtype = AM_DTYPE_Q8_0, .n_rows = 1, .n_cols = 32, .data = ggml_blocks[0].bytes };
    assert_false(am_weight_is_f16(&w));
}

/* ---- containers ---------------------------------------------------------------------------------------------- */

static void test_ctranslate2(void **state) {
    const fixture *f = *state;
    static const am_dims *const all[] = { &small, &turbo, &uneven };
    static const mw_dtype dtypes[] = { MW_F32, MW_F16, MW_BF16, MW_S8 };
    for (size_t i = 0; i < 3; i++) {
        am_weights *made = mw_model_make(all[i], 1 + (uint32_t)i);
        for (size_t k = 0; k < 4; k++) {
            mw_write_ctranslate2(made, f->folder, dtypes[k]);
            am_weights *w = open_good(f->folder);
            assert_string_equal(w->format, "ctranslate2");
            mw_assert_equal(made, w, dtypes[k] == MW_S8 ? 0.5f / 127 + 1e-6f : 0);
            mw_assert_same_lists(made, w);
            mw_assert_same_tokens(&made->vocab, &w->vocab, made->vocab.n_tokens);
            assert_int_equal(am_weight_is_f16(&w->encoder[0].fc1.w), dtypes[k] != MW_S8);
            am_weight_release_pages(w, &w->token_embedding);
            am_weights_close(&w);
            assert_null(w);
        }
        mw_model_free(made);
    }
}

static void test_ggml(void **state) {
    const fixture *f = *state;
    static const am_dims *const all[] = { &small, &turbo, &uneven };
    /* Half a step of each format, and what rounding scale and minimum to half floats adds. */
    static const struct {
        mw_dtype dtype;
        float tolerance;
    } kinds[] = {
        { MW_F32, 0 },
        { MW_F16, 0 },
        { MW_Q8_0, 0.5f / 127 + 1e-3f },
        { MW_Q5_0, 1.0f / 16 + 2e-3f },
        { MW_Q5_1, 1.0f / 31 + 2e-3f },
        { MW_Q4_0, 1.0f / 8 + 2e-3f },
        { MW_Q4_1, 1.0f / 15 + 2e-3f },
    };
    char path[TEMP_PATH_CAP];
    temp_path(path, f->folder, "ggml-made.bin");
    for (size_t i = 0; i < 3; i++) {
        am_weights *made = mw_model_make(all[i], 11 + (uint32_t)i);
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            mw_write_ggml(made, path, kinds[k].dtype);
            am_weights *w = open_good(path);
            assert_string_equal(w->format, "ggml");
            mw_assert_equal(made, w, kinds[k].tolerance);
            mw_assert_same_tokens(&made->vocab, &w->vocab, i == 0 ? 300 : i == 1 ? 50257 : 50256);
            am_weights_close(&w);
        }
        mw_model_free(made);
    }
}

/* A ggml file leaves the special tokens out: the first gets the name by which a vocabulary is told from another, the
 * rest have no text. */
static void test_implied_specials(void **state) {
    const fixture *f = *state;
    char path[TEMP_PATH_CAP];
    am_weights *made = mw_model_make(&turbo, 5);
    mw_write_ggml(made, temp_path(path, f->folder, "x"), MW_F16);
    am_weights *w = open_good(path);
    uint32_t end = w->vocab.offset[50258];
    assert_int_equal(end - w->vocab.offset[50257], 13);
    assert_memory_equal(w->vocab.bytes + end - 13, "<|endoftext|>", 13);
    for (int i = 50258; i <= 51866; i++) assert_int_equal(w->vocab.offset[i], end);
    am_weights_close(&w);
    mw_model_free(made);
}

static void test_safetensors(void **state) {
    const fixture *f = *state;
    static const am_dims *const all[] = { &small, &turbo };
    static const mw_dtype dtypes[] = { MW_F32, MW_F16, MW_BF16 };
    char path[TEMP_PATH_CAP];
    for (size_t i = 0; i < 2; i++) {
        am_weights *made = mw_model_make(all[i], 21 + (uint32_t)i);
        for (int k = 0; k < 6; k++) {
            int n_shards = k < 3 ? 1 : k;
            temp_path(path, f->folder, "m");
            temp_folder_remove(path);
            assert_int_equal(mkdir(path, 0700), 0);
            mw_write_safetensors(made, path, dtypes[k % 3], n_shards);
            am_weights *w = open_good(path);
            assert_string_equal(w->format, "safetensors");
            mw_assert_equal(made, w, 0);
            mw_assert_same_lists(made, w);
            mw_assert_same_tokens(&made->vocab, &w->vocab, made->vocab.n_tokens);
            am_weights_close(&w);
        }
        mw_model_free(made);
    }
}

/* The same files by their own path, not their folder's; vocab.json with added_tokens.json for tokenizer.json. */
static void test_paths_and_vocab_json(void **state) {
    const fixture *f = *state;
    char path[TEMP_PATH_CAP], other[TEMP_PATH_CAP];
    am_weights *made = mw_model_make(&small, 31);
    mw_write_safetensors(made, f->folder, MW_F16, 1);
    am_weights *w = open_good(temp_path(path, f->folder, "model.safetensors"));
    am_weights_close(&w);
    unlink(temp_path(path, f->folder, "tokenizer.json"));
    char vocab[1 << 13];
    size_t len = 0;
    for (int i = 0; i < 290; i++) len += (size_t)sprintf(vocab + len, "%s\"\\u0120t%d\": %d", i ? ", " : "{", i, i);
    sprintf(vocab + len, "}");
    temp_file_write(temp_path(path, f->folder, "vocab.json"), vocab, strlen(vocab));
    len = 0;
    for (int i = 290; i < 300; i++) len += (size_t)sprintf(vocab + len, "%s\"a b%d\": %d", i > 290 ? ", " : "{", i, i);
    sprintf(vocab + len, "}");
    temp_file_write(temp_path(other, f->folder, "added_tokens.json"), vocab, strlen(vocab));
    w = open_good(f->folder);
    assert_memory_equal(w->vocab.bytes, " t0 t1", 6);
    assert_memory_equal(w->vocab.bytes + w->vocab.offset[290], "a b290", 6);
    am_weights_close(&w);
    mw_model_free(made);
}

/* ---- refusals ------------------------------------------------------------------------------------------------ */

/* Opening fails with this status, and the sentence has all of these words. */
static void refused(const char *path, am_status status, const char *const *words) {
    am_weights *w = (am_weights *)(uintptr_t)1;
    am_error err;
    am_status got = am_weights_open(&w, path, NULL, &err);
    assert_null(w);
    if (got != status || err.status != status) fail_msg("%s: %s", am_status_name(got), err.text);
    for (; *words; words++)
        if (!strstr(err.text, *words)) fail_msg("\"%s\" is not in: %s", *words, err.text);
}

#define WORDS(...)                                                                                                     \
    (const char *const[]) {                                                                                            \
        __VA_ARGS__, NULL                                                                                              \
    }

static void test_foreign_files(void **state) {
    const fixture *f = *state;
    char path[TEMP_PATH_CAP];
    temp_path(path, f->folder, "model.bin");
    refused(path, AM_E_OPEN, WORDS("model.bin", "No such file"));
    refused("", AM_E_OPEN, WORDS("empty"));
    refused(f->folder, AM_E_MODEL, WORDS(f->folder, "no model.bin"));
    static const struct {
        const char *bytes, *word;
    } files[] = {
        { "GGUF\003\001\001\001\001\001\001\001", "GGUF" },
        { "PK\003\004............", "PyTorch" },
        { "\200\002}q.........", "pickle" },
        { "version https://git-lfs", "Git LFS" },
        { "<!DOCTYPE html>", "web page" },
        { "RIFF....WAVEfmt ", "no format known" },
        { "tjgg............", "ggjt" },
        { "\037\213..........", "gzip" },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        temp_file_write(path, files[i].bytes, strlen(files[i].bytes));
        refused(path, AM_E_MODEL, WORDS(path, files[i].word));
        refused(f->folder, AM_E_MODEL, WORDS(path, files[i].word));
    }
    /* A length of 2^63 before the header, by any name; and small numbers alone make no CTranslate2 file. */
    static const char absurd[] = "\0\0\0\0\0\0\0\200{\"a\": {}}";
    temp_file_write(path, absurd, sizeof absurd - 1);
    refused(path, AM_E_MODEL, WORDS(path, "safetensors", "header would have 9223372036854775808 bytes"));
    temp_file_write(path, "\6\0\0\0\0\0\0\0\0\0\0\0", 12);
    refused(path, AM_E_MODEL, WORDS(path, "no format known"));
    temp_file_write(path, "", 0);
    refused(path, AM_E_MODEL, WORDS(path, "empty"));
    unlink(path);
    temp_path(path, f->folder, "model.safetensors");
    temp_file_write(path, "\0\0\0\0\0\0\0\200\0\0\0\0", 12);
    refused(path, AM_E_MODEL, WORDS(path, "safetensors", "header would have 9223372036854775808 bytes"));
    unlink(path);
    temp_file_write(temp_path(path, f->folder, "pytorch_model.bin"), "x", 1);
    refused(f->folder, AM_E_MODEL, WORDS("pytorch_model.bin", "convert"));
}

/* Overwrite the first `from` behind byte `at` of a file with `to`, which is as long. */
static void patch(const char *path, const char *from, const char *to, size_t len) {
    size_t n;
    char *bytes = temp_file_read(path, &n);
    size_t at = 0;
    while (at + len <= n && memcmp(bytes + at, from, len) != 0) at++;
    assert_true(at + len <= n);
    memcpy(bytes + at, to, len);
    temp_file_write(path, bytes, n);
    free(bytes);
}

static void test_ctranslate2_refusals(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *from, *to;
        size_t len;
        const char *word, *word2;
    } cases[] = {
        { "\006\0\0\0", "\005\0\0\0", 4, "version 5", "only version 6" },
        { "WhisperSpec", "WhimperSpec", 11, "WhimperSpec", "kind" },
        { "WhisperSpec\0\003", "WhisperSpec\0\004", 13, "revision 4", "revision 3" },
        { "layer_1/ffn/linear_0/weight", "layer_1/ffn/linear_9/weight", 27, "encoder/layer_1/ffn/linear_0/weight",
          "[128, 32] is missing" },
        { "encoder/conv1/bias", "encoder/conv2/bias", 18, "encoder/conv2/bias", "twice" },
        { "encoder/conv1/weight\0\003\040", "encoder/conv1/weight\0\003\041", 23, "encoder/conv1/weight", "deny" },
        { "decoder/layer_norm/beta\0\001\040", "decoder/layer_norm/beta\0\007\040", 26, "decoder/layer_norm/beta",
          "7 dimensions" },
        { "encoder/num_heads\0\0\002\002\0\0\0\004", "encoder/num_heads\0\0\002\002\0\0\0\003", 25, "32 in 3 heads",
          "multiple of 8" },
        { "decoder/activation\0\0\001\001\0\0\0\003", "decoder/activation\0\0\001\001\0\0\0\000", 26,
          "decoder/activation is 0", "no Whisper" },
        { "decoder/embeddings/weight\0\002", "decoder/embeddings/height\0\002", 27, "decoder/embeddings/weight",
          "not there" },
    };
    char path[TEMP_PATH_CAP];
    am_weights *made = mw_model_make(&small, 41);
    temp_path(path, f->folder, "model.bin");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mw_write_ctranslate2(made, f->folder, MW_F32);
        patch(path, cases[i].from, cases[i].to, cases[i].len);
        refused(f->folder, AM_E_MODEL, WORDS(path, cases[i].word, cases[i].word2));
    }
    /* int8 without its scales, and with a scale of zero */
    mw_write_ctranslate2(made, f->folder, MW_S8);
    patch(path, "encoder/conv2/weight_scale", "encoder/conv2/weight_scald", 26);
    refused(f->folder, AM_E_MODEL, WORDS(path, "encoder/conv2/weight", "no scales"));
    mw_model_free(made);
}

static void test_ggml_refusals(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *from, *to;
        size_t len;
        const char *word, *word2;
    } cases[] = {
        { "encoder.conv1.bias", "encoder.conv9.bias", 18, "encoder.conv1.bias", "[32] is missing" },
        { "decoder.ln.weight", "encoder.ln.weight", 17, "decoder.ln.weight", "missing" },
        { "\002\0\0\0\036\0\0\0\001\0\0\0\040\0\0\0\054\001\0\0",
          "\002\0\0\0\036\0\0\0\001\0\0\0\054\001\0\0\040\0\0\0", 20, "decoder.token_embedding.weight",
          "is [32, 300], not [300, 32]" },
        { "\002\0\0\0\036\0\0\0\001\0\0\0", "\002\0\0\0\036\0\0\0\004\0\0\0", 12, "decoder.token_embedding.weight",
          "Q4_2" },
        { "\002\0\0\0\036\0\0\0\001\0\0\0", "\002\0\0\0\036\0\0\0\002\0\0\0", 12, "decoder.token_embedding.weight",
          "block layout 0" },
        { "\002\0\0\0\036\0\0\0\001\0\0\0", "\377\0\0\0\036\0\0\0\001\0\0\0", 12, "255 dimensions", "offset" },
    };
    char path[TEMP_PATH_CAP];
    am_weights *made = mw_model_make(&small, 42);
    temp_path(path, f->folder, "ggml.bin");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mw_write_ggml(made, path, MW_F16);
        patch(path, cases[i].from, cases[i].to, cases[i].len);
        refused(path, AM_E_MODEL, WORDS(path, cases[i].word, cases[i].word2));
    }
    mw_model_free(made);
}

static void test_safetensors_refusals(void **state) {
    const fixture *f = *state;
    static const struct {
        const char *file, *from, *to, *word, *word2;
    } cases[] = {
        { "model.safetensors", "\"model.encoder.conv1.bias\"", "\"model.encoder.conv9.bias\"",
          "model.encoder.conv1.bias", "[32] is missing" },
        { "model.safetensors", "[32, 80, 3]", "[32, 81, 3]", "model.encoder.conv1.weight", "deny" },
        { "model.safetensors", "\"data_offsets\": [0,", "\"data_offsets\": [9,", "conv1.weight", "deny" },
        { "model.safetensors", "\"data_offsets\"", "\"data_offsetz\"", "header", "lacks" },
        { "model.safetensors", "\"F16\"", "\"I64\"", "model.encoder.conv1.weight", "I64" },
        { "model.safetensors", "\"shape\": [32, 80, 3]", "\"shape\": [32, 80,-3]", "header", "negative" },
        { "config.json", "\"d_model\": 32", "\"d_model\": 64", "config.json", "encoder_ffn_dim is 128, not 4 * 64" },
        { "config.json", "\"num_mel_bins\": 80", "\"num_mel_bins\": 81", "81 mel bands", "80 or 128" },
        { "config.json", "\"vocab_size\": 300", "\"vocab_size\": 301", "embed_tokens.weight", "not [301, 32]" },
        { "config.json", "\"vocab_size\"", "\"focab_size\"", "config.json", "vocab_size" },
        { "config.json", "\"whisper\"", "\"wav2vec\"", "wav2vec", "not whisper" },
        { "config.json", "\"scale_embedding\": false", "\"scale_embedding\":  true", "scale_embedding", "Whisper" },
        { "config.json", "{\"model_type\"", "[\"model_type\"", "config.json", "object" },
        { "generation_config.json", "[1, 6, 11]", "[1, 6, 999]", "999", "300 tokens" },
        { "generation_config.json", "[[0, 0]", "[[9, 0]", "[9, 0]", "3 layers of 2 heads" },
        { "tokenizer.json", "\": 299", "\": 298", "tokenizer.json", "token 298 has two" },
        { "tokenizer.json", "\"vocab\"", "\"vocal\"", "tokenizer.json", "no model.vocab" },
        { "tokenizer.json", "\": 299", "\": 2.5", "tokenizer.json", "number" },
    };
    char path[TEMP_PATH_CAP];
    am_weights *made = mw_model_make(&small, 43);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        mw_write_safetensors(made, f->folder, MW_F16, 1);
        size_t len = strlen(cases[i].from);
        if (strlen(cases[i].to) > len) { /* a longer number in a file whose length is free */
            size_t n;
            char *text = temp_file_read(temp_path(path, f->folder, cases[i].file), &n);
            char *at = strstr(text, cases[i].from);
            assert_non_null(at);
            char *longer = malloc(n + 16);
            assert_non_null(longer);
            int m = sprintf(longer, "%.*s%s%s", (int)(at - text), text, cases[i].to, at + len);
            temp_file_write(path, longer, (size_t)m);
            free(longer);
            free(text);
        } else {
            patch(temp_path(path, f->folder, cases[i].file), cases[i].from, cases[i].to, len);
        }
        refused(f->folder, AM_E_MODEL, WORDS(f->folder, cases[i].word, cases[i].word2));
    }
    mw_model_free(made);
}

static void test_side_files(void **state) {
    const fixture *f = *state;
    char path[TEMP_PATH_CAP];
    am_weights *made = mw_model_make(&small, 44);
    mw_write_safetensors(made, f->folder, MW_F16, 3);
    unlink(temp_path(path, f->folder, "model-00002-of-00003.safetensors"));
    refused(f->folder, AM_E_OPEN, WORDS("model-00002-of-00003.safetensors", "No such file"));
    temp_path(path, f->folder, "model.safetensors.index.json");
    static const char escape[] = "{\"weight_map\": {\"x\": \"../../etc/passwd\"}}";
    temp_file_write(path, escape, strlen(escape));
    refused(f->folder, AM_E_MODEL, WORDS(path, "../../etc/passwd", "not the name of a file"));
    mw_write_ctranslate2(made, f->folder, MW_F16);
    unlink(temp_path(path, f->folder, "tokenizer.json"));
    unlink(temp_path(path, f->folder, "vocabulary.txt"));
    refused(f->folder, AM_E_MODEL, WORDS(f->folder, "no vocabulary.txt"));
    temp_file_write(path, "a\nb\n", 4);
    refused(f->folder, AM_E_MODEL, WORDS("vocabulary.txt", "token 2 of the model's 300 is missing"));
    mw_model_free(made);
}

/* A vocabulary of another size of Whisper. */
static void test_foreign_vocabulary(void **state) {
    const fixture *f = *state;
    char path[TEMP_PATH_CAP];
    am_weights *english = mw_model_make(&uneven, 45), *turbo_made = mw_model_make(&turbo, 46);
    mw_write_ctranslate2(english, f->folder, MW_F16);
    size_t n;
    char *vocabulary = temp_file_read(temp_path(path, f->folder, "vocabulary.txt"), &n);
    mw_write_ctranslate2(turbo_made, f->folder, MW_F16);
    temp_file_write(path, vocabulary, n);
    refused(f->folder, AM_E_MODEL, WORDS("vocabulary.txt", "token 50257 is not <|endoftext|>", "51866"));
    free(vocabulary);
    mw_model_free(english);
    mw_model_free(turbo_made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_bfloat),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_stacked_parts),
        cmocka_unit_test(test_is_f16),
        cmocka_unit_test_setup_teardown(test_ctranslate2, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ggml, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_implied_specials, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_safetensors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths_and_vocab_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ctranslate2_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_ggml_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_safetensors_refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_side_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_vocabulary, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
