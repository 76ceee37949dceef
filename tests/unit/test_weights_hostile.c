/* Damaged models: cut short anywhere, and with bits flipped in their headers.  Opening either succeeds (the flip hit a
 * number or an unused name), and then every number can be read, or fails with AM_E_MODEL and a sentence that names the
 * file.  What it must never do is crash, read outside or leak: run under the address sanitizer.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/weights.h"
#include "support/check.h"
#include "support/model_writer.h"
#include "support/temp_folder.h"

static const am_dims small = { .n_mels = 80,
                               .n_vocab = 40,
                               .n_audio_ctx = 4,
                               .n_audio_state = 32,
                               .n_audio_head = 2,
                               .n_audio_layer = 1,
                               .n_text_ctx = 3,
                               .n_text_state = 32,
                               .n_text_head = 2,
                               .n_text_layer = 1 };

enum { N_FLIPS = 2500 };

typedef struct victim {
    char folder[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
    char *bytes;
    size_t len;
} victim;

static void read_weight(const am_weight *w) {
    float *x = malloc((size_t)w->n_cols * sizeof *x);
    assert_non_null(x);
    for (int64_t row = 0; row < w->n_rows; row++) am_weight_read(w, row, 1, x);
    free(x);
    am_weight_is_f16(w);
}

static void read_linear(const am_linear_weights *l) {
    read_weight(&l->w);
    read_weight(&l->b);
}

/* Some of every kind of role, and all of the vocabulary. */
static void read_all(const am_weights *w) {
    read_linear(&w->conv1);
    read_linear(&w->conv2);
    read_weight(&w->audio_positions);
    read_weight(&w->token_embedding);
    read_weight(&w->text_positions);
    for (int i = 0; i < w->dims.n_audio_layer; i++) {
        read_linear(&w->encoder[i].qkv);
        read_linear(&w->encoder[i].fc2);
    }
    for (int i = 0; i < w->dims.n_text_layer; i++) {
        read_linear(&w->decoder[i].qkv);
        read_linear(&w->decoder[i].cross_kv);
        read_weight(&w->decoder[i].mlp_norm.beta);
    }
    unsigned sum = 0;
    for (uint32_t i = 0; i < w->vocab.offset[w->vocab.n_tokens]; i++) sum += (unsigned char)w->vocab.bytes[i];
    assert_true(sum > 0);
}

/* Write the bytes and open them; true when that went well. */
static bool try_open(const victim *v, const char *bytes, size_t len, const char *what, size_t at) {
    temp_file_write(v->path, bytes, len);
    am_weights *w;
    am_error err;
    am_status status = am_weights_open(&w, v->folder, NULL, &err);
    if (status == AM_OK) {
        read_all(w);
        am_weights_close(&w);
        return true;
    }
    assert_null(w);
    if (status != AM_E_MODEL || !strstr(err.text, v->folder))
        fail_msg("%s %zu: %s: %s", what, at, am_status_name(status), err.text);
    return false;
}

static void cut_everywhere(const victim *v) {
    for (size_t i = 0; i < 64; i++)
        if (try_open(v, v->bytes, v->len * i / 64, "cut at", v->len * i / 64)) fail_msg("cut at %zu/64 was opened", i);
    for (size_t len = 0; len < 600; len++) assert_false(try_open(v, v->bytes, len, "cut at", len));
    for (size_t less = 1; less < 64; less++) assert_false(try_open(v, v->bytes, v->len - less, "cut by", less));
}

/* Bits in the first `header` bytes; every position once, then more at random, 1 to 4 at a time. */
static void flip_bits(const victim *v, size_t header, bool text) {
    char *bytes = malloc(v->len);
    assert_non_null(bytes);
    uint32_t state = 12345;
    int n_refused = 0;
    for (size_t i = 0; i < N_FLIPS; i++) {
        memcpy(bytes, v->bytes, v->len);
        int n = 1 + (int)(i % 4);
        size_t at = 0;
        for (int k = 0; k < n; k++) {
            state = state * 1664525u + 1013904223u;
            at = i < header && k == 0 ? i : state % header;
            bytes[at] = text ? (char)(state >> 24) : (char)(bytes[at] ^ 1 << (state >> 8 & 7));
        }
        n_refused += !try_open(v, bytes, v->len, "flip at", at);
    }
    assert_true(n_refused > N_FLIPS / 8);
    free(bytes);
}

static void victim_open(victim *v, const char *name) {
    temp_path(v->path, v->folder, name);
    v->bytes = temp_file_read(v->path, &v->len);
}

static void victim_restore(victim *v) {
    temp_file_write(v->path, v->bytes, v->len);
    free(v->bytes);
}

static void test_ctranslate2(void **state) {
    victim v;
    temp_folder_make(v.folder);
    am_weights *made = mw_model_make(&small, 1);
    mw_write_ctranslate2(made, v.folder, MW_S8);
    victim_open(&v, "model.bin");
    cut_everywhere(&v);
    flip_bits(&v, 400, false);
    flip_bits(&v, v.len, false);
    victim_restore(&v);
    victim_open(&v, "config.json");
    flip_bits(&v, v.len, true);
    victim_restore(&v);
    mw_model_free(made);
    temp_folder_remove(v.folder);
}

static void test_ggml(void **state) {
    static const mw_dtype dtypes[] = { MW_F16, MW_Q5_1 };
    for (size_t i = 0; i < 2; i++) {
        victim v;
        temp_folder_make(v.folder);
        am_weights *made = mw_model_make(&small, 2);
        mw_write_ggml(made, temp_path(v.path, v.folder, "model.bin"), dtypes[i]);
        victim_open(&v, "model.bin");
        cut_everywhere(&v);
        flip_bits(&v, 64, false);
        /* Behind the mel filters: the vocabulary and the first tensors. */
        size_t skip = 60 + 80 * 201 * 4;
        char *bytes = malloc(v.len);
        assert_non_null(bytes);
        uint32_t random = 99;
        for (int k = 0; k < N_FLIPS; k++) {
            memcpy(bytes, v.bytes, v.len);
            random = random * 1664525u + 1013904223u;
            size_t at = skip + (random >> 4) % 600;
            bytes[at] = (char)(bytes[at] ^ 1 << (random >> 1 & 7));
            try_open(&v, bytes, v.len, "flip at", at);
        }
        free(bytes);
        free(v.bytes);
        mw_model_free(made);
        temp_folder_remove(v.folder);
    }
}

static void test_safetensors(void **state) {
    victim v;
    temp_folder_make(v.folder);
    am_weights *made = mw_model_make(&small, 3);
    mw_write_safetensors(made, v.folder, MW_F16, 1);
    victim_open(&v, "model.safetensors");
    cut_everywhere(&v);
    flip_bits(&v, 600, false);
    flip_bits(&v, 600, true);
    victim_restore(&v);
    static const char *const side[] = { "config.json", "generation_config.json", "tokenizer.json" };
    for (size_t i = 0; i < 3; i++) {
        victim_open(&v, side[i]);
        flip_bits(&v, v.len, false);
        flip_bits(&v, v.len, true);
        victim_restore(&v);
    }
    mw_model_free(made);
    temp_folder_remove(v.folder);
}

static void test_shard_index(void **state) {
    victim v;
    temp_folder_make(v.folder);
    am_weights *made = mw_model_make(&small, 4);
    mw_write_safetensors(made, v.folder, MW_F16, 2);
    victim_open(&v, "model.safetensors.index.json");
    /* A file name may come out that is not there: AM_E_OPEN is right then. */
    char *bytes = malloc(v.len);
    assert_non_null(bytes);
    uint32_t random = 7;
    for (int i = 0; i < N_FLIPS; i++) {
        memcpy(bytes, v.bytes, v.len);
        random = random * 1664525u + 1013904223u;
        bytes[(random >> 4) % v.len] ^= (char)(1 << (random >> 1 & 7));
        temp_file_write(v.path, bytes, v.len);
        am_weights *w;
        am_error err;
        am_status status = am_weights_open(&w, v.folder, NULL, &err);
        if (status == AM_OK) am_weights_close(&w);
        else if ((status != AM_E_MODEL && status != AM_E_OPEN) || !strstr(err.text, v.folder))
            fail_msg("%s: %s", am_status_name(status), err.text);
    }
    free(bytes);
    free(v.bytes);
    mw_model_free(made);
    temp_folder_remove(v.folder);
}

/* Scales that would make infinities. */
static void test_zero_scales(void **state) {
    static const unsigned char bad[][4] = {
        { 0, 0, 0, 0 }, { 0, 0, 0x80, 0x7f }, { 0, 0, 0xc0, 0x7f }, { 0, 0, 0x80, 0xbf }
    };
    victim v;
    temp_folder_make(v.folder);
    am_weights *made = mw_model_make(&small, 5);
    mw_write_ctranslate2(made, v.folder, MW_S8);
    victim_open(&v, "model.bin");
    static const char name[] = "encoder/conv2/weight_scale";
    size_t at = 0;
    while (memcmp(v.bytes + at, name, sizeof name) != 0) at++;
    at += sizeof name + 1 + 4 + 1 + 4 + 3 * 4; /* rank, one dimension, type, bytes; row 3 */
    for (size_t i = 0; i < 4; i++) {
        memcpy(v.bytes + at, bad[i], 4);
        temp_file_write(v.path, v.bytes, v.len);
        am_weights *w;
        am_error err;
        assert_int_equal(am_weights_open(&w, v.folder, NULL, &err), AM_E_MODEL);
        assert_non_null(strstr(err.text, "encoder/conv2/weight: the scale of row 3 is"));
    }
    free(v.bytes);
    mw_model_free(made);
    temp_folder_remove(v.folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ctranslate2), cmocka_unit_test(test_ggml),        cmocka_unit_test(test_safetensors),
        cmocka_unit_test(test_shard_index), cmocka_unit_test(test_zero_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
