/* Writes the seeds of the model harnesses: tiny whole models that get past every check, for a fuzzer to spoil.
 *
 *     cmake --build --preset release --target make_weights_seeds
 *     build/release/tests/fuzz/make_weights_seeds tests/fuzz/corpus
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/quantized.h"
#include "support/check.h"
#include "support/model_writer.h"
#include "support/temp_folder.h"

static const am_dims tiny = { .n_mels = 80,
                              .n_vocab = 12,
                              .n_audio_ctx = 2,
                              .n_audio_state = 8,
                              .n_audio_head = 1,
                              .n_audio_layer = 1,
                              .n_text_ctx = 2,
                              .n_text_state = 8,
                              .n_text_head = 1,
                              .n_text_layer = 1 };

static char corpus[TEMP_PATH_CAP], folder[TEMP_PATH_CAP];

/* corpus/<harness without "fuzz_">/<name> */
static void put(const char *harness, const char *name, const void *bytes, size_t len) {
    char dir[TEMP_PATH_CAP], path[TEMP_PATH_CAP];
    mkdir(temp_path(dir, corpus, harness), 0777);
    temp_file_write(temp_path(path, dir, name), bytes, len);
}

static void seed_ct2(const am_weights *w, mw_dtype dtype, const char *name) {
    char path[TEMP_PATH_CAP];
    size_t len;
    mw_write_ctranslate2(w, folder, dtype);
    char *bytes = temp_file_read(temp_path(path, folder, "model.bin"), &len);
    put("weights_ct2", name, bytes, len);
    free(bytes);
}

/* The mel filters, which nobody reads, are cut out. */
static void seed_ggml(const am_weights *w) {
    char path[TEMP_PATH_CAP];
    size_t len;
    mw_write_ggml(w, temp_path(path, folder, "ggml.bin"), MW_F16);
    char *bytes = temp_file_read(path, &len);
    const size_t head = 56, filters = 80 * 201 * 4;
    memset(bytes + head - 4, 0, 4);
    memmove(bytes + head, bytes + head + filters, len - head - filters);
    put("weights_ggml", "f16", bytes, len - filters);
    free(bytes);
}

static void seed_safetensors(const am_weights *w) {
    char path[TEMP_PATH_CAP];
    size_t config_len, len;
    mw_write_safetensors(w, folder, MW_F16, 1);
    char *config = temp_file_read(temp_path(path, folder, "config.json"), &config_len);
    char *bytes = temp_file_read(temp_path(path, folder, "model.safetensors"), &len);
    unsigned char *seed = malloc(2 + config_len + len);
    assert_non_null(seed);
    seed[0] = (unsigned char)(config_len & 255);
    seed[1] = (unsigned char)(config_len >> 8);
    memcpy(seed + 2, config, config_len);
    memcpy(seed + 2 + config_len, bytes, len);
    put("weights_safetensors", "f16", seed, 2 + config_len + len);
    free(seed);
    free(bytes);
    free(config);
}

/* What is in `folder` from another seed, converted. */
static void seed_container(void) {
    static const am_source_identity source = { "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff" };
    char path[TEMP_PATH_CAP];
    am_weights *w;
    am_quantized *q;
    am_pool *pool;
    size_t len;
    temp_path(path, folder, "model.am");
    assert_int_equal(am_pool_open(&pool, 1, NULL), AM_OK);
    assert_int_equal(am_weights_open(&w, folder, NULL, NULL), AM_OK);
    assert_int_equal(am_quantized_make(&q, w, pool, NULL), AM_OK);
    assert_int_equal(am_container_write(q, &source, path, NULL), AM_OK);
    am_quantized_close(&q);
    am_weights_close(&w);
    am_pool_close(&pool);
    char *bytes = temp_file_read(path, &len);
    put("container", "int8", bytes, len);
    free(bytes);
}

int main(int argc, char **argv) {
    if (argc != 2 || strlen(argv[1]) >= TEMP_PATH_CAP - 128) return 1;
    strcpy(corpus, argv[1]);
    mkdir(corpus, 0777);
    temp_folder_make(folder);
    am_weights *w = mw_model_make(&tiny, 1);
    seed_ct2(w, MW_F16, "f16");
    seed_ct2(w, MW_S8, "int8");
    seed_container();
    seed_ggml(w);
    seed_safetensors(w);
    mw_model_free(w);
    temp_folder_remove(folder);
    return 0;
}
